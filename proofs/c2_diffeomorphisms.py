"""C2: the gauge group of a neural ODE dx/dt = f(t, x) contains the time-dependent diffeomorphisms.

y = phi_t(x) turns solutions of f into solutions of f'; if phi is the identity at both ends, the
end map is unchanged. phi need not be known in closed form: f' is written at y = phi(t, x), as a
function of (t, x), and (d psi)(t, phi) is the derivative of psi taken at that point.
"""

import sympy

from symgauge.flows import (
    Diffeomorphism,
    VectorField,
    at,
    flow,
    homogeneous,
    lie_derivative,
    pushforward,
    pushforward_at_image,
    spacetime,
    variation,
)
from symgauge.theorem import (
    Counterexample,
    FieldIdentity,
    GroupIdentity,
    NEUTRAL,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    group_letters,
    main,
)

eps, s = sympy.symbols("epsilon s", real=True)


def along_a_solution() -> list[Step]:
    """The chain rule: dy/dt = d_t phi + (D phi) f, which is how f' is made."""

    def rate_of_y(n: int) -> list[sympy.Expr]:
        """d/dt phi(t, x(t)) for a curve x(t), then dx/dt = f(t, x(t))."""
        st, phi, f = spacetime(n), spacetime(n).field("phi"), spacetime(n).field("f")
        curve = {x: sympy.Function(f"c{i + 1}")(st.time) for i, x in enumerate(st.space)}
        speed = {
            c.diff(st.time): at(v, curve)
            for c, v in zip(curve.values(), f.components, strict=True)
        }
        return [at(p, curve).diff(st.time).xreplace(speed) for p in phi.components]

    def moved_field(n: int) -> list[sympy.Expr]:
        """f'(t, y) at y = phi(t, x), then x = x(t)."""
        st = spacetime(n)
        curve = {x: sympy.Function(f"c{i + 1}")(st.time) for i, x in enumerate(st.space)}
        phi = Diffeomorphism(st.coordinates, (st.time, *st.field("phi").components))
        moved = pushforward_at_image(phi, st.field("f"))
        return [at(c, curve) for c in moved.components]

    return [
        FieldIdentity(
            "y = phi(t, x(t)) obeys the moved equation", rate_of_y, moved_field,
            caption=r"\tfrac{d}{dt} \phi_t(c(t)) = f'(t, \phi_t(c(t)))",
            note=r"Here $c$ is a solution, $\dot c = f(t, c)$, and $f' \circ \phi = \partial_t "
            r"\phi + (D \phi) f$. A function of $(t, x)$ is printed by its name alone; at another "
            r"point the point is printed.",
        ),
        FieldIdentity(
            "two diffeomorphisms compose", twice, at_once,
            caption=r"(\psi \circ \phi)_* f = \psi_* (\phi_* f)",
            note=r"Both sides at $z = \psi(t, \phi(t, x))$: a left action.",
        ),
    ]


def twice(n: int) -> list[sympy.Expr]:
    """psi_* (phi_* f): d_t psi + (D psi) f' at y = phi(t, x), with f' there."""
    st = spacetime(n)
    phi = Diffeomorphism(st.coordinates, (st.time, *st.field("phi").components))
    moved = pushforward_at_image(phi, st.field("f")).components
    return [
        phi.at(p.diff(st.time)) + sum(phi.at(p.diff(x)) * v for x, v in zip(st.space, moved))
        for p in st.field("psi").components
    ]


def at_once(n: int) -> VectorField:
    """(psi o phi)_* f."""
    st = spacetime(n)
    phi, psi = (
        Diffeomorphism(st.coordinates, (st.time, *st.field(k).components)) for k in ("phi", "psi")
    )
    return pushforward_at_image(phi.then(psi), st.field("f"))


def ends() -> list[Step]:
    """F' = phi_1 o F o phi_0^-1, and which phi keep F for every f."""
    F, phi_0, phi_1 = group_letters("F phi_0 phi_1")
    psi, tau = group_letters("psi tau")
    x, c = sympy.symbols("x c", real=True)
    return [
        GroupIdentity(
            "the end map moves at its ends", (phi_1 * F * phi_0.inv) * phi_0, phi_1 * F,
            note=r"By uniqueness $\phi_t \circ \Phi_{t, t_0}$ and $\Phi'_{t, t_0} \circ "
            r"\phi_{t_0}$ are one; so $F' = \phi_1 \circ F \circ \phi_0^{-1}$.",
        ),
        GroupIdentity(
            "identity at both ends keeps it", NEUTRAL * F * NEUTRAL.inv, F,
        ),
        GroupIdentity(
            "conversely, f = 0 forces equal ends", (phi_1 * NEUTRAL * phi_0.inv) * phi_0, phi_1,
            note=r"$F = 1$ is kept only if $\phi_1 \circ \phi_0^{-1} = 1$: one $\psi$ at both "
            r"ends, which keeps $F$ only if $\psi \circ F \circ \psi^{-1} = F$.",
        ),
        GroupIdentity(
            "so psi commutes with every end map", (psi * tau * psi.inv) * psi, psi * tau,
            note=r"With $\tau = F$ the shift by $a$ (constant $f$): $\psi(x + a) = \psi(x) + a$, "
            r"so $\psi(x) = x + c$ with $c = \psi(0)$, component by component.",
        ),
        PolynomialIdentity(
            "and commuting with the doubling x -> 2 x leaves c = 0",
            sympy.Add(2 * x + c, sympy.Mul(-2, x + c, evaluate=False), evaluate=False), -c,
            note=r"$f = x \ln 2 / (t_1 - t_0)$ has $F(x) = 2 x$; $\psi(2 x) - 2 \psi(x)$ is 0 "
            r"only for $c = 0$.",
        ),
    ]


def first_order() -> list[Step]:
    """phi = 1 + eps xi gives delta f = d_t xi - L_xi f."""

    def left(n: int) -> list[sympy.Expr]:
        """The rate in eps of (f + eps delta f)(t, x + eps xi)."""
        st, f, xi = spacetime(n), spacetime(n).field("f"), spacetime(n).field("xi")
        delta = variation(xi, f, st.time)
        near = dict(zip(st.space, (x + eps * v for x, v in zip(st.space, xi.components))))
        moved = (f + eps * delta).map(lambda c: at(c, near))
        return [sympy.diff(c, eps).xreplace({eps: 0}).doit() for c in moved.components]

    def right(n: int) -> list[sympy.Expr]:
        """The rate in eps of d_t phi + (D phi) f."""
        st, xi = spacetime(n), spacetime(n).field("xi")
        image = tuple(x + eps * v for x, v in zip(st.space, xi.components))
        phi = Diffeomorphism(st.coordinates, (st.time, *image))
        moved = pushforward_at_image(phi, st.field("f"))
        return [sympy.diff(c, eps).xreplace({eps: 0}) for c in moved.components]

    def on_spacetime(n: int) -> VectorField:
        """-L_xi v for v = (1, f) and xi = (0, xi)."""
        st = spacetime(n)
        return -lie_derivative(st.vector(0, st.field("xi")), homogeneous(st.field("f"), st))

    return [
        FieldIdentity(
            "the first order of the finite law", left, right,
            caption=r"\tfrac{d}{d\epsilon}\big|_0 (f + \epsilon\, \delta_\xi f)(t, x + \epsilon "
            r"\xi) = \tfrac{d}{d\epsilon}\big|_0 (\partial_t \phi + (D \phi) f)",
            note=r"$\phi = x + \epsilon \xi$ and $\delta_\xi f^i = \partial_t \xi^i + f^j "
            r"\partial_j \xi^i - \xi^j \partial_j f^i$.",
        ),
        FieldIdentity(
            "on spacetime it is the Lie derivative of v = (1, f)", on_spacetime,
            lambda n: (0, *variation(
                spacetime(n).field("xi"), spacetime(n).field("f"), spacetime(n).time
            ).components),
            caption=r"-L_{(0, \xi)} (1, f) = (0, \delta_\xi f)",
        ),
    ]


# -- one field with its flow in closed form ------------------------------------------------------

st2 = spacetime(2)
t, (x1, x2) = st2.time, st2.space
shear = VectorField(st2.space, (x2, 0))


def end_map(f: VectorField) -> tuple[sympy.Expr, ...]:
    """F_f from t = 0 to t = 1: the flow of (1, f) on spacetime, in closed form."""
    solution = flow(homogeneous(f, st2), s)
    return tuple(at(c, {s: 1, t: 0}) for c in solution.components[1:])


def moved_shear(*image: sympy.Expr) -> VectorField:
    """The shear field pushed forward by (t, x) -> (t, image)."""
    return pushforward(Diffeomorphism(st2.coordinates, (t, *image)), shear)


def worked() -> list[Step]:
    """n = 2, f = (x2, 0): a diffeomorphism that is not linear, and is the identity at 0 and 1."""
    image = (x1, x2 + t * (1 - t) * x1**2)
    phi = Diffeomorphism(st2.coordinates, (t, *image))
    moved = pushforward(phi, shear)
    old = flow(shear, s).at(t)  # from time 0
    new = [at(c, dict(zip(st2.space, old))) for c in image]
    shown = r"\tfrac{d}{dt} \phi_t(\Phi_t(x)) = f'(t, \phi_t(\Phi_t(x)))"
    return [
        PolynomialIdentity(
            "worked: the moved solutions solve the moved equation",
            [c.diff(t) for c in new],
            [at(c, dict(zip(st2.space, new))) for c in moved.components],
            symbol=shown, scope="n = 2",
            note=r"$f = (x_2, 0)$ and $\phi = (x_1, x_2 + t (1 - t) x_1^2)$ on $0 \le t \le 1$, "
            rf"so $f' = {sympy.latex(sympy.Matrix(moved.components).T)}$.",
        ),
        PolynomialIdentity(
            "worked: the end map is that of f", [at(c, {t: 1}) for c in new],
            [at(c, {t: 1}) for c in old], scope="n = 2",
        ),
    ]


def must_fail() -> list[Step]:
    """f = (x2, 0) from (0, 0), where F_f = (0, 0): each near miss ends elsewhere."""
    bump = t * (1 - t)
    right = moved_shear(x1, x2 + bump)
    without = right - VectorField(st2.space, (0, bump.diff(t)))
    xi = VectorField(st2.space, (0, bump))
    delta = variation(xi, shear, t)
    flipped = xi.diff(t) + lie_derivative(xi, shear)
    origin = {x1: 0, x2: 0}
    (x,) = spacetime(1).space
    doubling = Diffeomorphism((t, x), (t, 2 * x))
    kept = pushforward(doubling, VectorField((x,), (x,)))
    return [
        PolynomialIdentity(
            "with all terms the end map is kept", end_map(right), end_map(shear), scope="n = 2",
            note=r"$\phi = (x_1, x_2 + t (1 - t))$.",
        ),
        Counterexample(
            "without d_t phi", end_map(without), end_map(shear), origin, scope="n = 2",
            note=r"The same $\phi$, $f' \circ \phi = (D \phi) f$ alone.",
        ),
        Counterexample(
            "without the end conditions", end_map(moved_shear(x1, x2 + t)), end_map(shear), origin,
            scope="n = 2", note=r"$\phi = (x_1, x_2 + t)$, which is not the identity at $t = 1$.",
        ),
        PolynomialIdentity(
            "to first order the end map is kept",
            [sympy.diff(c, eps).xreplace({eps: 0}) for c in end_map(shear + eps * delta)], 0,
            scope="n = 2", note=r"$\xi = (0, t (1 - t))$, $f + \epsilon\, \delta_\xi f$.",
        ),
        Counterexample(
            "with the bracket's sign flipped",
            [sympy.diff(c, eps).xreplace({eps: 0}) for c in end_map(shear + eps * flipped)],
            [0, 0], origin, scope="n = 2",
            note=r"The same $\xi$, $\delta f = \partial_t \xi + L_\xi f$: the rate of the end "
            "point.",
        ),
        PolynomialIdentity(
            "for f = x alone, phi = 2 x keeps f, so its end map too", kept.components, [x],
            scope="n = 1",
        ),
        Counterexample(
            "the end conditions are necessary for one f alone", doubling.image[1], x, {x: 1},
            scope="n = 1", note=r"It is not the identity at the ends: they are necessary for all "
            "$f$ together.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C2",
        title="Neural ODE: time-dependent diffeomorphisms",
        statement=(
            r"Let $\dot x = f(t, x)$ on $[t_0, t_1]$ have the flow $\Phi_{t, s}$ and the end map "
            r"$F_f = \Phi_{t_1, t_0}$. For $y = \phi_t(x)$, $f'(t, y) = [\partial_t \phi_t + (D "
            r"\phi_t) f] \circ \phi_t^{-1}(y)$, $\Phi'_{t, s} = \phi_t \circ \Phi_{t, s} \circ "
            r"\phi_s^{-1}$ and $F_{f'} = \phi_{t_1} \circ F_f \circ \phi_{t_0}^{-1}$. So $F$ is "
            r"unchanged for every $f$ if and only if $\phi_{t_0} = \phi_{t_1} = 1$. "
            r"Infinitesimally $\delta_\xi f = \partial_t \xi - L_\xi f$ with $\xi = 0$ at both "
            r"ends; on spacetime, with $v = \partial_t + f$, $\delta v = -L_\xi v$."
        ),
        hypotheses=(
            r"$f$ is smooth and complete: its solutions exist on all of $[t_0, t_1]$.",
            r"$\phi_t$ is a diffeomorphism of $\mathbb{R}^n$ for each $t$, smooth in $(t, x)$.",
        ),
        premises=(
            Premise("Picard-Lindelöf", "A smooth field has exactly one solution through each point "
                    "of spacetime, and it depends smoothly on the point."),
        ),
        scope=(
            r"General $f$, $\phi$, $\xi$ (undefined functions) at $n = 1, 2, 3$; the group "
            r"identities at every $n$. The worked field and the near misses are at $n = 2$."
        ),
        steps=(*along_a_solution(), *ends(), *first_order(), *worked(), *must_fail()),
        conclusion=(
            r"By the first step $\phi_t \circ \Phi_{t, s} \circ \phi_s^{-1}$ solves the equation "
            r"of $f'$ and is 1 at $t = s$, so by uniqueness it is $\Phi'_{t, s}$. Identity at both "
            r"ends keeps $F$; if $F$ is kept for the zero field, for constant fields and for $f = "
            r"x \ln 2 / (t_1 - t_0)$, then $\phi$ is the identity at both ends. Time "
            r"derivatives at the ends are free: $\xi = t (1 - t)$ has $\dot \xi = \pm 1$ there."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
