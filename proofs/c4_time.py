"""C4: reparametrising time. t = t(tau) turns dx/dt = f(t, x) into dx/dtau = t'(tau) f(t(tau), x).

A dot is a derivative by tau. The new time is again called t where it is a coordinate.
"""

import sympy

from symgauge.flows import (
    VectorField,
    at,
    field_bracket,
    flow,
    homogeneous,
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


def finite() -> list[Step]:
    """The chain rule, and composition."""
    tau = sympy.Symbol("tau", real=True)
    clock = sympy.Function("theta")(tau)  # t(tau)

    def rate(n: int) -> list[sympy.Expr]:
        """d/dtau c(t(tau)) for a solution c(t) of f."""
        st = spacetime(n)
        curve = [sympy.Function(f"c{i + 1}")(st.time) for i in range(n)]
        speed = {c.diff(st.time): at(v, dict(zip(st.space, curve)))
                 for c, v in zip(curve, st.field("f").components)}
        slow = [at(c, {st.time: clock}).diff(tau) for c in curve]
        along = {at(c.diff(st.time), {st.time: clock}): at(v, {st.time: clock})
                 for c, v in zip(curve, speed.values())}
        return [e.xreplace(along) for e in slow]

    def moved(n: int) -> list[sympy.Expr]:
        """t'(tau) f(t(tau), x) at x = c(t(tau))."""
        st = spacetime(n)
        place = {x: at(sympy.Function(f"c{i + 1}")(st.time), {st.time: clock})
                 for i, x in enumerate(st.space)}
        return [clock.diff(tau) * at(v, {st.time: clock, **place})
                for v in st.field("f").components]

    second = sympy.Function("sigma")(tau)  # tau as a function of a third time

    def twice(n: int) -> list[sympy.Expr]:
        """sigma'(tau) (t'(.) f(t(.), x)) at sigma(tau)."""
        st = spacetime(n)
        once = [clock.diff(tau) * at(v, {st.time: clock}) for v in st.field("f").components]
        return [second.diff(tau) * at(e, {tau: second}) for e in once]

    def at_once(n: int) -> list[sympy.Expr]:
        """The same with t(sigma(tau))."""
        both = at(clock, {tau: second})
        st = spacetime(n)
        return [both.diff(tau) * at(v, {st.time: both}) for v in st.field("f").components]

    return [
        FieldIdentity(
            "the solution at the new time obeys the new equation", rate, moved,
            caption=r"\tfrac{d}{d\tau} c(\theta(\tau)) = \dot\theta(\tau)\, f(\theta(\tau), "
            r"c(\theta(\tau)))",
            note=r"$\dot c = f(t, c)$, and $t = \theta(\tau)$. So the new flow from $\tau_0$ to "
            r"$\tau_1$ is the old one from $\theta(\tau_0)$ to $\theta(\tau_1)$.",
        ),
        FieldIdentity(
            "two reparametrisations compose", twice, at_once,
            caption=r"\dot\sigma\, (\dot\theta \circ \sigma)\, f(\theta \circ \sigma, x) = "
            r"(\theta \circ \sigma)^{\textstyle\cdot}\, f(\theta \circ \sigma, x)",
        ),
    ]


def first_order() -> list[Step]:
    """t = tau - eps zeta + ... gives delta f = -d_t(zeta f)."""

    def left(n: int) -> list[sympy.Expr]:
        """The rate in eps of (f + eps delta f)(t + eps zeta, x)."""
        st = spacetime(n)
        zeta = sympy.Function("zeta")(st.time)
        f = st.field("f")
        delta = -(zeta * f).diff(st.time)
        late = (f + eps * delta).map(lambda c: at(c, {st.time: st.time + eps * zeta}))
        return [sympy.diff(c, eps).xreplace({eps: 0}).doit() for c in late.components]

    def right(n: int) -> list[sympy.Expr]:
        """The rate in eps of f / (d/dt (t + eps zeta))."""
        st = spacetime(n)
        slope = (st.time + eps * sympy.Function("zeta")(st.time)).diff(st.time)
        return [
            sympy.diff(c / slope, eps).xreplace({eps: 0}) for c in st.field("f").components
        ]

    def as_diffeomorphism(n: int) -> VectorField:
        """X_eta[f] for eta = -zeta(t) f."""
        st = spacetime(n)
        f = st.field("f")
        return variation(-sympy.Function("zeta")(st.time) * f, f, st.time)

    def minus_rate(n: int) -> VectorField:
        """-d_t(zeta f)."""
        st = spacetime(n)
        return -(sympy.Function("zeta")(st.time) * st.field("f")).diff(st.time)

    def on_spacetime(n: int) -> VectorField:
        """The variation of C5 by (zeta(t), 0)."""
        st = spacetime(n)
        still = 0 * st.field("f")
        return spacetime_variation(
            st.vector(sympy.Function("zeta")(st.time), still), st.field("f")
        )

    def commutator(n: int) -> VectorField:
        """[delta_zeta, delta_chi] f."""
        st = spacetime(n)
        zeta, chi = (sympy.Function(k)(st.time) for k in ("zeta", "chi"))
        return field_bracket(
            lambda g: -(zeta * g).diff(st.time), lambda g: -(chi * g).diff(st.time), st.field("f")
        )

    def by_the_bracket(n: int) -> VectorField:
        """delta f by zeta chi' - chi zeta'."""
        st = spacetime(n)
        zeta, chi = (sympy.Function(k)(st.time) for k in ("zeta", "chi"))
        found = zeta * chi.diff(st.time) - chi * zeta.diff(st.time)
        return -(found * st.field("f")).diff(st.time)

    return [
        FieldIdentity(
            "the first order of the finite law", left, right,
            caption=r"\tfrac{d}{d\epsilon}\big|_0 (f + \epsilon\, \delta f)(t + \epsilon \zeta, "
            r"x) = \tfrac{d}{d\epsilon}\big|_0 \frac{f}{1 + \epsilon \dot\zeta},\qquad \delta f = "
            r"-\partial_t(\zeta f)",
            note=r"The new time is $t + \epsilon \zeta(t)$, and $f'(\tau, x)\, d\tau = f(t, x)\, "
            r"dt$.",
        ),
        FieldIdentity(
            "it is the variation of C2 by -zeta f", as_diffeomorphism, minus_rate,
            caption=r"X_{-\zeta f}[f] = -\partial_t(\zeta f)",
            note=r"So it is no further symmetry: a diffeomorphism that depends on $f$.",
        ),
        FieldIdentity(
            "it is the variation of C5 by (zeta, 0)", on_spacetime, minus_rate,
            caption=r"\delta_{(\zeta(t), 0)} f = -\partial_t(\zeta f)",
        ),
        FieldIdentity(
            "the variations close", commutator, by_the_bracket,
            caption=r"[\delta_\zeta, \delta_\chi] f = -\partial_t((\zeta \dot\chi - \chi "
            r"\dot\zeta) f)",
        ),
    ]


st1 = spacetime(1)
t, (x,) = st1.time, st1.space


def end_map(f: sympy.Expr) -> sympy.Expr:
    """F_f from 0 to 1 for a field f(t, x) on the line, by the flow of (1, f)."""
    solution = flow(homogeneous(VectorField((x,), (f,)), st1), s)
    return at(solution.components[1], {s: 1, t: 0})


def moved(f: sympy.Expr, clock: sympy.Expr) -> sympy.Expr:
    """t'(tau) f(t(tau), x), tau written t."""
    return clock.diff(t) * at(f, {t: clock})


def must_fail() -> list[Step]:
    """n = 1, f = 2 t, whose end map is x + 1."""
    f = 2 * t
    back_and_forth = 9 * t - 24 * t**2 + 16 * t**3
    bump = t * (1 - t)
    return [
        PolynomialIdentity(
            "with the factor the end map is kept", [end_map(moved(f, t**2)), end_map(f)],
            [x + 1, x + 1], scope="n = 1",
            note=r"$f = 2 t$ and $\theta(\tau) = \tau^2$ on $[0, 1]$.",
        ),
        Counterexample(
            "without the factor dt/dtau", end_map(at(f, {t: t**2})), end_map(f), {x: 0},
            scope="n = 1",
        ),
        Counterexample(
            "with an end that moves", end_map(moved(f, t / 2)), end_map(f), {x: 0}, scope="n = 1",
            note=r"$\theta(\tau) = \tau / 2$.",
        ),
        PolynomialIdentity(
            "this clock runs backwards for a while",
            sympy.Subs(back_and_forth.diff(t), t, sympy.Rational(1, 2)), -3, scope="n = 1",
            note=r"$\theta(\tau) = 9 \tau - 24 \tau^2 + 16 \tau^3$, with $\theta(0) = 0$, "
            r"$\theta(1) = 1$.",
        ),
        PolynomialIdentity(
            "and keeps the end map all the same", end_map(moved(f, back_and_forth)), end_map(f),
            scope="n = 1", note=r"That $\theta$ increases is needed for an inverse, so for a "
            r"group, and not for the end map.",
        ),
        Counterexample(
            "without the rate of zeta in delta f", end_map(f - bump * f.diff(t)), end_map(f),
            {x: 0}, scope="n = 1", note=r"$\zeta = t (1 - t)$, $\delta f = -\zeta\, \partial_t f$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C4",
        title="Time reparametrisation",
        statement=(
            r"Let $t = \theta(\tau)$. Then $f'(\tau, x) = \dot\theta(\tau)\, f(\theta(\tau), x)$ "
            r"has $\Phi'_{\tau_1, \tau_0} = \Phi_{\theta(\tau_1), \theta(\tau_0)}$: the end map is "
            r"unchanged where $\theta$ fixes both ends. Infinitesimally $\delta f = -\partial_t "
            r"(\zeta f)$ with $\zeta = 0$ at both ends. This is $X_{-\zeta f}[f]$, a "
            r"diffeomorphism of C2 that depends on $f$."
        ),
        hypotheses=(
            r"$f$ smooth and complete; $\theta$ smooth with $\theta(t_0) = t_0$, $\theta(t_1) = "
            r"t_1$, and values where $f$ is defined. For a group also $\dot\theta > 0$.",
        ),
        premises=(
            Premise("Picard-Lindelöf", "A smooth field has exactly one solution through each point "
                    "of spacetime."),
        ),
        scope=(
            r"General $f$, $\theta$, $\zeta$ (undefined functions) at $n = 1, 2, 3$; the near "
            r"misses at $n = 1$."
        ),
        steps=(*finite(), *first_order(), *must_fail()),
        conclusion=(
            r"By the first step $\Phi_{\theta(\tau), \theta(\tau_0)}$ solves the new equation and "
            r"is 1 at $\tau_0$, so by uniqueness it is the new flow. The rest is one step each."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
