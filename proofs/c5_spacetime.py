"""C5: diffeomorphisms of spacetime, (t, x) -> (T(t, x), X(t, x)), and what acts trivially.

They close with the bracket of one dimension more. They are over-complete: zeta (1, f), a motion
along the solutions, changes nothing, a gauge symmetry of the gauge symmetry.
"""

import sympy

from symgauge.flows import (
    Diffeomorphism,
    VectorField,
    at,
    bracket,
    field_bracket,
    flow,
    homogeneous,
    pushforward_at_image,
    spacetime,
    spacetime_variation,
    variation,
)
from symgauge.theorem import (
    Counterexample,
    FieldIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    main,
)

eps, s = sympy.symbols("epsilon s", real=True)


def general(n: int, time: str = "T", space: str = "X") -> Diffeomorphism:
    """(t, x) -> (T(t, x), X(t, x)), undefined functions."""
    st = spacetime(n)
    return Diffeomorphism(st.coordinates, (st.scalar(time), *st.field(space).components))


def general_vector(n: int, time: str = "zeta", space: str = "xi") -> VectorField:
    """(zeta, xi) on spacetime, undefined functions."""
    st = spacetime(n)
    return st.vector(st.scalar(time), st.field(space))


def finite() -> list[Step]:
    """dX/dT along a solution, and composition."""

    def slope(n: int) -> list[sympy.Expr]:
        """(dX/dt) / (dT/dt) along (t, c(t)), with dc/dt = f(t, c)."""
        st = spacetime(n)
        curve = {x: sympy.Function(f"c{i + 1}")(st.time) for i, x in enumerate(st.space)}
        speed = {c.diff(st.time): at(v, curve)
                 for c, v in zip(curve.values(), st.field("f").components)}
        rates = [at(e, curve).diff(st.time).xreplace(speed) for e in general(n).image]
        return [r / rates[0] for r in rates[1:]]

    def moved(n: int) -> list[sympy.Expr]:
        """f'(T, X) at (t, c(t))."""
        st = spacetime(n)
        curve = {x: sympy.Function(f"c{i + 1}")(st.time) for i, x in enumerate(st.space)}
        value = pushforward_at_image(general(n), st.field("f"))
        return [at(c, curve) for c in value.components]

    def twice(n: int) -> list[sympy.Expr]:
        """First (T, X), then (S, Y): D_{f'} Y / D_{f'} S at (T, X), with f' there."""
        st, phi, psi = spacetime(n), general(n), general(n, "S", "Y")
        once = pushforward_at_image(phi, st.field("f")).components

        def rate(e: sympy.Expr) -> sympy.Expr:
            total = phi.at(e.diff(st.time))
            return total + sum(phi.at(e.diff(x)) * v for x, v in zip(st.space, once))

        return [rate(e) / rate(psi.image[0]) for e in psi.image[1:]]

    def at_once(n: int) -> VectorField:
        """By the composed map."""
        return pushforward_at_image(general(n).then(general(n, "S", "Y")), spacetime(n).field("f"))

    return [
        FieldIdentity(
            "the image of a solution solves the moved equation", slope, moved,
            caption=r"\frac{dX^i}{dT} = \frac{D_f X^i}{D_f T} = f'^i(T, X),\qquad D_f = \partial_t "
            r"+ f^j \partial_j",
            note=r"Along a solution $\dot c = f(t, c)$; $D_f T > 0$ makes its image a graph over "
            r"$T$.",
        ),
        FieldIdentity(
            "two diffeomorphisms compose", twice, at_once,
            caption=r"(\Psi \circ \Phi)_* f = \Psi_* (\Phi_* f)",
        ),
    ]


def first_order() -> list[Step]:
    """T = t + eps zeta, X = x + eps xi."""

    def left(n: int) -> list[sympy.Expr]:
        """The rate in eps of (f + eps delta f)(T, X)."""
        st, f, v = spacetime(n), spacetime(n).field("f"), general_vector(n)
        image = [c + eps * e for c, e in zip(st.coordinates, v.components)]
        near = dict(zip(st.coordinates, image))
        moved = (f + eps * spacetime_variation(v, f)).map(lambda c: at(c, near))
        return [sympy.diff(c, eps).xreplace({eps: 0}).doit() for c in moved.components]

    def right(n: int) -> list[sympy.Expr]:
        """The rate in eps of D_f X / D_f T."""
        st, v = spacetime(n), general_vector(n)
        image = tuple(c + eps * e for c, e in zip(st.coordinates, v.components))
        moved = pushforward_at_image(Diffeomorphism(st.coordinates, image), st.field("f"))
        return [sympy.diff(c, eps).xreplace({eps: 0}) for c in moved.components]

    def as_diffeomorphism(n: int) -> VectorField:
        """X_eta[f] for eta = xi - f zeta."""
        st, f = spacetime(n), spacetime(n).field("f")
        return variation(st.field("xi") - st.scalar("zeta") * f, f, st.time)

    def along_itself(n: int) -> VectorField:
        """delta f by zeta (1, f)."""
        st, f = spacetime(n), spacetime(n).field("f")
        return spacetime_variation(st.scalar("zeta") * homogeneous(f, st), f)

    def dragged(n: int) -> list[sympy.Expr]:
        """d/dt eta(t, Phi(t, x)), with d_t Phi = f(t, Phi)."""
        st = spacetime(n)
        place = dict(zip(st.space, st.field("Phi").components))
        speed = {p.diff(st.time): at(v, place)
                 for p, v in zip(place.values(), st.field("f").components)}
        return [
            at(e, place).diff(st.time).xreplace(speed) for e in st.field("eta").components
        ]

    def by_the_variation(n: int) -> list[sympy.Expr]:
        """(X_eta[f] + eta.grad f) at (t, Phi)."""
        st, f, eta = spacetime(n), spacetime(n).field("f"), spacetime(n).field("eta")
        place = dict(zip(st.space, st.field("Phi").components))
        total = variation(eta, f, st.time) + f.map(eta.along)
        return [at(c, place) for c in total.components]

    return [
        FieldIdentity(
            "the first order of the finite law", left, right,
            caption=r"\tfrac{d}{d\epsilon}\big|_0 (f^i + \epsilon\, \delta f^i)(T, X) = "
            r"\tfrac{d}{d\epsilon}\big|_0 \frac{D_f X^i}{D_f T}",
            note=r"$T = t + \epsilon \zeta$, $X = x + \epsilon \xi$ and $\delta f^i = D_f \xi^i - "
            r"f^i D_f \zeta - \zeta \partial_t f^i - \xi^j \partial_j f^i$.",
        ),
        FieldIdentity(
            "it is the variation of C2 by eta = xi - f zeta",
            lambda n: spacetime_variation(general_vector(n), spacetime(n).field("f")),
            as_diffeomorphism,
            caption=r"\delta_{(\zeta, \xi)} f = X_{\xi - f \zeta}[f]",
        ),
        FieldIdentity(
            "motion along the solutions acts trivially", along_itself, lambda n: [0] * n,
            caption=r"\delta_{\zeta (1, f)} f = 0",
            note=r"For every $\zeta(t, x)$: the spacetime group is over-complete.",
        ),
        FieldIdentity(
            "and nothing else does that starts at 0", dragged, by_the_variation,
            caption=r"\tfrac{d}{dt}\, \eta(t, \Phi) = (X_\eta[f] + \eta \cdot \nabla f)(t, \Phi)",
            note=r"If $X_\eta[f] = 0$, then $\eta$ along a solution obeys a linear equation; with "
            r"$\eta = 0$ at $t_0$ it is 0, so $(\zeta, \xi) = \zeta (1, f)$.",
        ),
    ]


def closure() -> list[Step]:
    """The bracket of n + 1 dimensions."""

    def left(n: int) -> VectorField:
        """[delta_v, delta_w] f on the space of f."""
        v, w = general_vector(n), general_vector(n, "chi", "eta")
        return field_bracket(
            lambda g: spacetime_variation(v, g), lambda g: spacetime_variation(w, g),
            spacetime(n).field("f"),
        )

    def right(n: int) -> VectorField:
        """delta_[v, w] f."""
        v, w = general_vector(n), general_vector(n, "chi", "eta")
        return spacetime_variation(bracket(v, w), spacetime(n).field("f"))

    def end(n: int) -> VectorField:
        """[tau p, tau q], tau = t - t0, p and q on spacetime."""
        tau = spacetime(n).time - sympy.Symbol("t0", real=True)
        return bracket(tau * general_vector(n, "p", "r"), tau * general_vector(n, "q", "u"))

    def vanishing(n: int) -> VectorField:
        """tau (p^0 q - q^0 p + tau [p, q])."""
        tau = spacetime(n).time - sympy.Symbol("t0", real=True)
        p, q = general_vector(n, "p", "r"), general_vector(n, "q", "u")
        return tau * (p.components[0] * q - q.components[0] * p + tau * bracket(p, q))

    return [
        FieldIdentity(
            "the variations close", left, right,
            caption=r"[\delta_v, \delta_w] f = \delta_{[v, w]} f,\qquad v = (\zeta, \xi),\quad w = "
            r"(\chi, \eta)",
            note=r"$[v, w]$ is the bracket on spacetime, which differentiates by $t$ as well.",
        ),
        FieldIdentity(
            "the end conditions are kept", end, vanishing,
            caption=r"[\tau p, \tau q] = \tau \left(p^0 q - q^0 p + \tau\, [p, q]\right),\qquad "
            r"\tau = t - t_0",
        ),
    ]


st1 = spacetime(1)
t, (x,) = st1.time, st1.space


def worked() -> list[Step]:
    """n = 1, f = 0: a diffeomorphism that mixes time and space."""
    T = t + t * (1 - t) * x / (1 + x**2)
    X = x + t * (1 - t)
    still = VectorField((x,), (0,))
    phi = Diffeomorphism((t, x), (T, X))
    steepness = sympy.Matrix(phi.image).jacobian(sympy.Matrix([t, x])).det()
    u = 1 - 2 * t
    gain = t * (1 - t) / (1 + x**2) ** 2
    return [
        PolynomialIdentity(
            "worked: D_f T is at least 1/2", st1.total_derivative(still, T),
            sympy.Rational(1, 2) + ((x + u) ** 2 + 4 * t * (1 - t)) / (2 * (1 + x**2)),
            scope="n = 1",
            note=rf"$T = {sympy.latex(T)}$, $X = {sympy.latex(X)}$, $f = 0$, $0 \le t \le 1$.",
        ),
        PolynomialIdentity(
            "worked: the Jacobian determinant", steepness,
            T.diff(t) - u * gain * (1 - x**2), scope="n = 1",
            note=r"It is at least $\frac12 - \frac14 > 0$, as $|1 - x^2| \le (1 + x^2)^2$.",
        ),
        PolynomialIdentity(
            "worked: the identity on both end slices",
            [e.xreplace({t: sympy.Integer(k)}) for k in (0, 1) for e in phi.image],
            [0, x, 1, x], scope="n = 1",
        ),
        PolynomialIdentity(
            "worked: the moved field", pushforward_at_image(phi, still).components,
            [u * (1 + x**2) / (1 + x**2 + u * x)], scope="n = 1",
            note=r"At $(T, X)$; its end map is that of $f = 0$, the identity.",
        ),
        PolynomialIdentity(
            "worked: but f = -8 it does not carry, there D_f T = -1",
            sympy.Subs(
                st1.total_derivative(VectorField((x,), (-8,)), T), (t, x), (sympy.Rational(1, 2), 0)
            ), -1, scope="n = 1",
            note=r"At $t = \frac12$, $x = 0$. $D_f T > 0$ for all $f$ only where $T$ depends on "
            r"$t$ alone: the other finite maps act on a part of the fields.",
        ),
    ]


def must_fail() -> list[Step]:
    """Near misses, n = 1."""
    clock = (t + t**2) / 2
    f = VectorField((x,), (1 + 2 * t,))
    phi = Diffeomorphism((t, x), (clock, x))
    rate = st1.total_derivative(f, clock)
    moved = pushforward_at_image(phi, f).components[0]

    def end(slope_at_image: sympy.Expr) -> sympy.Expr:
        """X at T = 1 from (0, x): dX/dt = f'(T, X) dT/dt, t from 0 to 1."""
        along = homogeneous(VectorField((x,), (sympy.cancel(slope_at_image * rate),)), st1)
        return at(flow(along, s).components[1], {s: 1, t: 0})

    fold = 9 * t - 24 * t**2 + 16 * t**3
    quarter = sympy.Rational(1, 4)
    name, zeta = st1.field("f"), t * (1 - t)
    shifted = spacetime_variation(st1.vector(zeta, VectorField((x,), (0,))), name).components[0]
    own = flow(homogeneous(f, st1), s).components[1]
    return [
        PolynomialIdentity(
            "divided by D_f T, the end map is kept", end(moved), at(own, {s: 1, t: 0}),
            scope="n = 1", note=r"$T = (t + t^2) / 2$, $X = x$, $f = 1 + 2 t$ on $[0, 1]$.",
        ),
        Counterexample(
            "without the division by D_f T", end(st1.total_derivative(f, x)),
            at(own, {s: 1, t: 0}), {x: 0}, scope="n = 1",
            note=r"The slope $D_f X$ alone, integrated over $T$.",
        ),
        PolynomialIdentity(
            "where D_f T < 0 an image meets one T twice", sympy.Subs(fold, t, quarter),
            sympy.Subs(fold, t, 1), scope="n = 1",
            note=r"$T = 9 t - 24 t^2 + 16 t^3$, the identity at both ends, with $D_f T = -3$ at "
            r"$t = \frac12$.",
        ),
        Counterexample(
            "and is a graph over T all the same", x + quarter, x + 1, {x: 0}, scope="n = 1",
            note=r"$X = x$, $f = 1$: the image of the solution $x + t$ has two values at $T = 1$, "
            "so it solves no equation $dX/dT = f'(T, X)$.",
        ),
        Counterexample(
            "a shift of time alone acts trivially",
            shifted.subs(name.components[0], 1).doit(), 0, {t: 0}, scope="n = 1",
            note=r"$(\zeta, \xi) = (t (1 - t), 0)$ at $f = 1$, where $\zeta (1, f)$ is trivial.",
        ),
        Counterexample(
            "the bracket of space alone for two shifts of time",
            bracket(*(st1.vector(c, VectorField((x,), (0,))) for c in (1, t))).components[0], 0,
            {t: 0}, scope="n = 1",
            note=r"$[(1, 0), (t, 0)] = (1, 0)$, and a bracket without $\partial_t$ gives 0.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C5",
        title="Spacetime diffeomorphisms",
        statement=(
            r"Let $(t, x) \mapsto (T, X)$ be the identity on both end slices, map the slab onto "
            r"itself and have $D_f T > 0$. Then $f'^i(T, X) = D_f X^i / D_f T$ has the end map of "
            r"$f$. Infinitesimally $\delta f^i = D_f \xi^i - f^i D_f \zeta - \zeta \partial_t f^i "
            r"- \xi^j \partial_j f^i$, which closes with the bracket of $n + 1$ dimensions. It is "
            r"$X_\eta[f]$ with $\eta = \xi - f \zeta$, so $\zeta (1, f)$ acts trivially, and among "
            r"variations with $\eta = 0$ at $t_0$ nothing else does."
        ),
        hypotheses=(
            r"$f$ smooth and complete, $(T, X)$ a diffeomorphism of $[t_0, t_1] \times "
            r"\mathbb{R}^n$ onto itself, the identity at $t_0$ and $t_1$.",
            r"$D_f T > 0$ everywhere: this depends on $f$, so the finite maps that act on one $f$ "
            r"need not act on another.",
        ),
        premises=(
            Premise("Picard-Lindelöf", "A smooth field has exactly one solution through each point "
                    "of spacetime; a linear equation has the solution 0 alone from 0."),
            Premise("Inverse function theorem", r"Along a solution $T$ increases from $t_0$ to "
                    r"$t_1$, so it has a smooth inverse and the image is a graph over $T$."),
        ),
        scope=(
            r"General $f$, $T$, $X$, $\zeta$, $\xi$ (undefined functions) at $n = 1, 2, 3$; the "
            r"worked map and the near misses at $n = 1$."
        ),
        steps=(*finite(), *first_order(), *closure(), *worked(), *must_fail()),
        conclusion=(
            r"The image of the solution from $(t_0, x)$ solves the moved equation, starts at "
            r"$(t_0, x)$ and ends at $(t_1, F_f(x))$, so $F_{f'} = F_f$ by uniqueness. The rest is "
            r"one step each."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
