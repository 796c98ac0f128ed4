"""C5': the homogeneous form. Worldlines dx^mu/ds = v^mu(x) in spacetime, and f^i = v^i / v^0.

v and lambda v have the same worldlines. Fixing v^0 = 1 spends that freedom, and leaves C5.
"""

import sympy

from symgauge.flows import (
    Diffeomorphism,
    VectorField,
    at,
    bracket,
    field_bracket,
    homogeneous,
    inhomogeneous,
    prolong,
    pushforward_along,
    pushforward_at_image,
    spacetime,
    spacetime_variation,
    worldline_variation,
)
from symgauge.theorem import (
    Counterexample,
    FieldIdentity,
    Step,
    Theorem,
    main,
)

eps = sympy.Symbol("epsilon", real=True)


def vector(n: int, time: str, space: str) -> VectorField:
    """A general field on spacetime."""
    st = spacetime(n)
    return st.vector(st.scalar(time), st.field(space))


def velocity(n: int) -> VectorField:
    """v, with components v^0 = u and v^i."""
    return vector(n, "u", "v")


def generator(n: int) -> VectorField:
    """(zeta, xi)."""
    return vector(n, "zeta", "xi")


def invariance() -> list[Step]:
    """What leaves f, or carries it."""

    def pushed(n: int) -> VectorField:
        """The ratio of the pushed vector, at the image."""
        return inhomogeneous(pushforward_along(image_of(n), velocity(n)))

    def image_of(n: int) -> Diffeomorphism:
        st = spacetime(n)
        return Diffeomorphism(st.coordinates, (st.scalar("T"), *st.field("X").components))

    return [
        FieldIdentity(
            "a positive factor leaves f",
            lambda n: inhomogeneous(spacetime(n).scalar("lambda") * velocity(n)),
            lambda n: inhomogeneous(velocity(n)),
            caption=r"(\lambda v^i) / (\lambda v^0) = v^i / v^0",
            note=r"$v^0$ is printed as $u$. For $\lambda < 0$ too, but then the worldlines run "
            r"backwards.",
        ),
        FieldIdentity(
            "the pushforward of v carries f as in C5", pushed,
            lambda n: pushforward_at_image(image_of(n), inhomogeneous(velocity(n))),
            caption=r"(\Phi_* v)^i / (\Phi_* v)^0 = D_f X^i / D_f T,\qquad (\Phi_* v)^\mu \circ "
            r"\Phi = v^\nu \partial_\nu \Phi^\mu",
        ),
    ]


def first_order() -> list[Step]:
    """delta v = [v, xi] + sigma v, and the gauge v^0 = 1."""

    def near(n: int) -> Diffeomorphism:
        """x + eps xi on spacetime."""
        st = spacetime(n)
        image = (c + eps * e for c, e in zip(st.coordinates, generator(n).components))
        return Diffeomorphism(st.coordinates, tuple(image))

    def at_the_image(n: int) -> list[sympy.Expr]:
        """The rate in eps of (v + eps [v, xi])(x + eps xi)."""
        moved = velocity(n) + eps * bracket(velocity(n), generator(n))
        return [
            sympy.diff(near(n).at(c), eps).xreplace({eps: 0}).doit() for c in moved.components
        ]

    def pushed(n: int) -> list[sympy.Expr]:
        """The rate in eps of v.grad (x + eps xi)."""
        moved = pushforward_along(near(n), velocity(n))
        return [sympy.diff(c, eps).xreplace({eps: 0}) for c in moved.components]

    def of_f(n: int) -> list[sympy.Expr]:
        """The variation of v^i / v^0."""
        v = velocity(n)
        moved = worldline_variation(v, generator(n), spacetime(n).scalar("sigma"))
        directions = dict(zip(v.components, moved.components))
        return [prolong(c, directions) for c in inhomogeneous(v).components]

    def sigma_fixed(n: int) -> VectorField:
        """delta v at v = (1, f) with sigma = -D_f zeta."""
        st, f = spacetime(n), spacetime(n).field("f")
        sigma = -st.total_derivative(f, st.scalar("zeta"))
        return worldline_variation(homogeneous(f, st), generator(n), sigma)

    def as_in_c5(n: int) -> list[sympy.Expr]:
        """(0, delta f)."""
        return [0, *spacetime_variation(generator(n), spacetime(n).field("f")).components]

    return [
        FieldIdentity(
            "the first order of the pushforward", at_the_image, pushed,
            caption=r"\tfrac{d}{d\epsilon}\big|_0 (v + \epsilon\, \delta v)(x + \epsilon \xi) = "
            r"\tfrac{d}{d\epsilon}\big|_0\, v \cdot \nabla (x + \epsilon \xi),\qquad \delta v = "
            r"[v, \xi]",
            note=r"On spacetime: $x$ and $\xi$ have $n + 1$ components, $\xi^0 = \zeta$.",
        ),
        FieldIdentity(
            "the variation of f does not depend on sigma", of_f,
            lambda n: spacetime_variation(generator(n), inhomogeneous(velocity(n))),
            caption=r"\delta (v^i / v^0) = \delta_{(\zeta, \xi)} f^i \quad\text{of C5, at } f = v "
            r"/ v^0",
            note=r"$\delta v = [v, \xi] + \sigma v$, for every $v$ and $\sigma$.",
        ),
        FieldIdentity(
            "v^0 = 1 is kept by sigma = -D_f zeta, and gives C5", sigma_fixed, as_in_c5,
            caption=r"[(1, f), (\zeta, \xi)] - (D_f \zeta)\, (1, f) = (0, \delta_{(\zeta, \xi)} f)",
        ),
    ]


def closure() -> list[Step]:
    """The semidirect sum of diffeomorphisms and factors."""

    def left(n: int) -> VectorField:
        """The bracket on the space of v, of (xi, sigma) and (eta, rho)."""
        st, xi, eta = spacetime(n), generator(n), vector(n, "chi", "eta")
        return field_bracket(
            lambda w: worldline_variation(w, xi, st.scalar("sigma")),
            lambda w: worldline_variation(w, eta, st.scalar("rho")), velocity(n),
        )

    def right(n: int) -> VectorField:
        """([xi, eta], xi.grad rho - eta.grad sigma)."""
        st, xi, eta = spacetime(n), generator(n), vector(n, "chi", "eta")
        factor = xi.along(st.scalar("rho")) - eta.along(st.scalar("sigma"))
        return worldline_variation(velocity(n), bracket(xi, eta), factor)

    return [
        FieldIdentity(
            "the variations close", left, right,
            caption=r"[(\xi, \sigma), (\eta, \rho)] = ([\xi, \eta],\ \xi \cdot \nabla \rho - \eta "
            r"\cdot \nabla \sigma)",
            note=r"On the space of all $v$: a semidirect sum. On spacetime throughout.",
        ),
    ]


def must_fail() -> list[Step]:
    """Near misses, n = 1."""
    st = spacetime(1)
    t, (x,) = st.time, st.space
    one = VectorField((x,), (1,))
    v, xi = homogeneous(one, st), st.vector(t, VectorField((x,), (0,)))
    rate = st.total_derivative(one, t)
    scaled = VectorField(v.coordinates, (2 * v.components[0], v.components[1]))
    linear = homogeneous(VectorField((x,), (x,)), st)
    drag = st.vector(0, VectorField((x,), (x**2,)))
    near = pushforward_along(
        Diffeomorphism((t, x), (t, x + eps * x**2)), linear
    ).components[1]
    flipped = (linear + eps * bracket(drag, linear)).components[1]
    return [
        Counterexample(
            "sigma = +D_f zeta keeps v^0 = 1",
            worldline_variation(v, xi, rate).components[0], 0, {t: 0}, scope="n = 1",
            note=r"$f = 1$, $(\zeta, \xi) = (t, 0)$: $\delta v^0$.",
        ),
        Counterexample(
            "without sigma v^0 = 1 is kept", worldline_variation(v, xi, 0).components[0], 0,
            {t: 0}, scope="n = 1", note="The same.",
        ),
        Counterexample(
            "a factor on v^0 alone leaves f", inhomogeneous(scaled).components[0],
            inhomogeneous(v).components[0], {t: 0}, scope="n = 1",
        ),
        Counterexample(
            "delta v = [xi, v]", sympy.diff(at(flipped, {x: x + eps * x**2}), eps).subs(eps, 0),
            sympy.diff(near, eps).subs(eps, 0), {x: 1}, scope="n = 1",
            note=r"$f = x$, $\xi = x^2$: the rates in $\epsilon$ of $v'(x + \epsilon \xi)$ and of "
            r"$v \cdot \nabla (x + \epsilon \xi)$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C5'",
        title="Worldlines: the homogeneous form",
        statement=(
            r"Let $dx^\mu / ds = v^\mu(x)$ in spacetime and $f^i = v^i / v^0$. $f$ is invariant "
            r"under $v \mapsto \lambda v$, and a pushforward of $v$ carries it as in C5. "
            r"Infinitesimally $\delta v = [v, \xi] + \sigma v$; fixing $v^0 = 1$ gives $\sigma = "
            r"-D_f \zeta$, and so C5. The variations close as a semidirect sum."
        ),
        hypotheses=(
            r"$v$ smooth with $v^0 > 0$; $\lambda > 0$, which keeps the worldlines' direction.",
        ),
        premises=(),
        scope=(
            r"General $v$, $\xi$, $\sigma$, $\lambda$, $\Phi$ (undefined functions) at $n = 1, 2, "
            r"3$; the near misses at $n = 1$."
        ),
        steps=(*invariance(), *first_order(), *closure(), *must_fail()),
        conclusion=(
            r"One step each. C5 is the gauge $v^0 = 1$ of a symmetry that treats time as one more "
            r"coordinate; its trivial part $\zeta (1, f)$ is a $\xi$ along $v$, which a factor "
            r"$\sigma$ undoes."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
