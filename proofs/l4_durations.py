"""L4: parameters that do what the duration of a flow does.

A rank over power series in the durations is that of all but a discrete set of them. Where powers
of a factor, of the state, the clock and the parameters, do what the same factor of all durations
does, every duration has the rank of every other one.
"""

import sympy

from symgauge.flows import at, spacetime
from symgauge.theorem import (
    Counterexample, FieldIdentity, PolynomialIdentity, Premise, Step, Theorem, main,
)

lam = sympy.Symbol("lambda", positive=True)
t, x, y, b, c, w, rate = sympy.symbols("t x y b c w rate", real=True)
W, V = sympy.symbols("W V", real=True)
sigma = sympy.Function("sigma")


def chain_rule() -> list[Step]:
    """Y(s) = l^a c(l s), c' = f(t, c), solves the equation of l^(a+1) f(l t, l^-a x)."""
    a, s = sympy.Symbol("a", real=True), sympy.Symbol("s", real=True)

    def rate_of(n: int) -> list[sympy.Expr]:
        st = spacetime(n)
        curve = [sympy.Function(f"c{i + 1}")(st.time) for i in range(n)]
        speed = [at(v, dict(zip(st.space, curve))) for v in st.field("f").components]
        slow = [lam**a * at(k, {st.time: lam * s}) for k in curve]
        along = {at(k.diff(st.time), {st.time: lam * s}): at(v, {st.time: lam * s})
                 for k, v in zip(curve, speed)}
        return [e.diff(s).doit().xreplace(along) for e in slow]

    def moved(n: int) -> list[sympy.Expr]:
        st = spacetime(n)
        place = {x: at(sympy.Function(f"c{i + 1}")(st.time), {st.time: lam * s})
                 for i, x in enumerate(st.space)}
        return [lam**a * lam * at(v, {st.time: lam * s, **place})
                for v in st.field("f").components]

    return [FieldIdentity(
        "a scaled solution solves the scaled equation", rate_of, moved,
        caption=r"\tfrac{d}{ds} \lambda^a c(\lambda s) = \lambda^{a+1} f(\lambda s, c(\lambda s))",
        note=r"So $f_\lambda(t, x) = \lambda^{a+1} f(\lambda t, \lambda^{-a} x)$ has the flow "
        r"$x \mapsto \lambda^a \Phi^f_{\lambda T}(\lambda^{-a} x)$ for the time $T$ from 0.",
    )]


def families() -> list[Step]:
    """Families of fields that hold f_lambda with f: the parameters take the factor up."""
    root = sympy.sqrt(lam)
    leaky = -rate * x + sigma(W * x + b)
    clock = sigma(W * x + w * t + b)
    two = V * sigma(W * x + w * t + b) + c
    gradient = W * sigma(W * x + b)
    beside = sigma(W * x + b) + c

    def scaled(f: sympy.Expr, a: sympy.Expr) -> sympy.Expr:
        return lam ** (a + 1) * f.xreplace({x: lam**-a * x, t: lam * t})

    half = -sympy.Rational(1, 2)
    return [
        PolynomialIdentity(
            "a leaky field", scaled(leaky, sympy.Integer(-1)),
            -lam * rate * x + sigma(lam * W * x + b),
            note=r"$a = -1$: $\Lambda \mapsto \lambda \Lambda$, $W \mapsto \lambda W$.",
            scope="entry by entry, any sigma"),
        PolynomialIdentity(
            "a field that reads the time", scaled(clock, sympy.Integer(-1)),
            sigma(lam * W * x + lam * w * t + b),
            note=r"$a = -1$, from $t = 0$: $W \mapsto \lambda W$, $w \mapsto \lambda w$.",
            scope="entry by entry, any sigma"),
        PolynomialIdentity(
            "two layers that read the time", scaled(two, sympy.Integer(0)),
            lam * V * sigma(W * x + lam * w * t + b) + lam * c,
            note=r"$a = 0$: the state stays as it is.", scope="entry by entry, any sigma"),
        PolynomialIdentity(
            "a gradient", scaled(gradient, half), root * W * sigma(root * W * x + b),
            note=r"$a = -1/2$: $W \mapsto \lambda^{1/2} W$ on both sides.",
            scope="entry by entry, any sigma"),
        PolynomialIdentity(
            "a bias outside", scaled(beside, sympy.Integer(-1)), sigma(lam * W * x + b) + c,
            note=r"$a = -1$: both biases stay.", scope="entry by entry, any sigma"),
    ]


def must_fail() -> list[Step]:
    """(1 - 2t) u from 0 to T moves by T - T^2: nothing at T = 1, something at every other T."""
    T = sympy.Symbol("T", real=True)
    end = sympy.integrate((1 - 2 * t) * c, (t, 0, T))
    return [
        Counterexample(
            "a clock without a weight: the durations 1 and 1/2 are alike",
            end.xreplace({T: sympy.Integer(1)}), end.xreplace({T: sympy.Rational(1, 2)}), {c: 1},
            note="Of the first the end reads nothing of c, of the second it does.",
        ),
        Counterexample(
            "a flow from another time: the clock scales about 0",
            (w * t + b).xreplace({t: lam * t}), w * t + b, {w: 1, t: 1, b: 0, lam: 2},
            note=r"From $t_0 \ne 0$ the elapsed time scales, and $t_0 + \lambda s$ is no multiple "
            r"of $t_0 + s$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="L4",
        title="Parameters that do what a duration does",
        statement=(
            r"Let $f_T(x; \theta)$ be a network with flows whose durations are multiplied by $T$, "
            r"and let $\lambda > 0$ act on every entry of $x$, $\theta$ and the output by a power "
            r"of $\lambda$ such that $f_1(\lambda^{a} x; \lambda^{w} \theta) = \lambda^{c} "
            r"f_\lambda(x; \theta)$. Then the generic rank of the Jacobian $\partial_\theta f_T$ "
            r"over inputs and parameters is the same for all $T > 0$."
        ),
        hypotheses=(
            "The weights are constants, one for each entry; flows start at 0 where their field "
            "reads the time.",
        ),
        premises=(
            Premise("Picard-Lindelöf", "A locally Lipschitz field has one solution through each "
                    "point."),
        ),
        scope=(
            "Any field, at n = 1, 2, 3 for the first step; the families entry by entry. Whether a "
            "program has weights is decided exactly, by linear equations on degrees."
        ),
        steps=(*chain_rule(), *families(), *must_fail()),
        conclusion=(
            r"Differentiating by $\theta$: $D_c\, \partial_\theta f_\lambda(x; \theta) = "
            r"\partial_\theta f_1(\lambda^a x; \lambda^w \theta)\, D_w$ with invertible diagonal "
            r"$D_c$, $D_w$. The maps $x \mapsto \lambda^a x$ and $\theta \mapsto \lambda^w \theta$ "
            r"are bijective and carry generic points to generic points, so the ranks over all "
            r"inputs agree, at one duration and at another. A minor that is a non-zero power "
            r"series in $T$ is not 0 for some small $T$: so it is not at $T = 1$."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
