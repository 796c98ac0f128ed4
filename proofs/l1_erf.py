"""L1: values of erf are algebraically independent over exponentials.

K is a field of functions with commuting derivations and the constants C, closed in K; z is one of
its elements, no constant; E = exp(-z^2) and the exponentials beside it are algebraically
independent over K. Then d erf(z) = (2 / sqrt(pi)) E dz, and the question is whether c E dz, c a
constant, is the differential of anything made of K and the exponentials.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    main,
)

z, a, c = sympy.symbols("z a c")


def decompose() -> list[Step]:
    """The part in E^1 of an element of K(E): h E with h in K."""
    u = sympy.Symbol("u")  # the variable of a derivation
    h, w = sympy.Function("h")(u), sympy.Function("w")(u)
    E = sympy.exp(-w**2)
    D1h, D2h, D1z, D2z, H = sympy.symbols("D1h D2h D1z D2z h")
    return [
        PolynomialIdentity(
            "the differential of h E", (h * E).diff(u) / E, h.diff(u) - 2 * w * w.diff(u) * h,
            note=r"$D$ is any derivation, here $d/du$, and $w = z$. So $d(h E) = c E\, dz$ means "
            r"$dh = (2 z h + c)\, dz$.",
        ),
        PolynomialIdentity(
            "so h is algebraic over C(z)", D1h * D2z - D2h * D1z, 0,
            relations=(D1h - (2 * z * H + c) * D1z, D2h - (2 * z * H + c) * D2z),
            note=r"$dh \wedge dz = 0$: $h$ and $z$ are algebraically dependent over the constants.",
        ),
    ]


def no_solution() -> list[Step]:
    """h' - 2 z h = c has no solution in C(z) unless c = 0."""
    k, n = sympy.symbols("k n", integer=True, positive=True)
    g, r = sympy.Function("g")(z), sympy.Function("r")(z)
    lead = sympy.Symbol("lambda")
    P, R = (z - a) ** -k, z**n
    pole = g * P
    polynomial = lead * R + r
    h1, h2 = sympy.Function("h1")(z), sympy.Function("h2")(z)

    def left(h: sympy.Expr) -> sympy.Expr:
        return h.diff(z) - 2 * z * h

    return [
        PolynomialIdentity(
            "conjugates may be summed", left(h1 + h2), left(h1) + left(h2),
            note=r"The trace of $h$ over $C(z)$, divided by the degree, solves the equation in "
            r"$C(z)$.",
        ),
        PolynomialIdentity(
            "a pole of order k becomes one of order k + 1", left(pole) / P * (z - a),
            -k * g + (z - a) * (g.diff(z) - 2 * z * g),
            note=r"$h = g / (z - a)^k$ with $g(a) \ne 0$: at $z = a$ the right side is $-k g(a)$. "
            r"So a solution has no pole, it is a polynomial.",
        ),
        PolynomialIdentity(
            "the degree n becomes n + 1", left(polynomial),
            -2 * lead * z * R + (n * lead * R / z + left(r)),
            note=r"$h = \lambda z^n + r$ with $r$ of lower degree: the bracket has degree at most "
            r"$n$, so $\lambda \ne 0$ leaves no constant $c$; and $h = 0$ gives $c = 0$.",
        ),
    ]


def near_misses() -> list[Step]:
    """What the argument must not prove."""
    E = sympy.exp(-z**2)
    return [
        PolynomialIdentity(
            "z E dz is exact", (-E / 2).diff(z), z * E,
            note=r"With $z$ in the place of $c$ there is a solution, $h = -1/2$.",
        ),
        Counterexample(
            "the same h solves the equation with a constant", -2 * z * sympy.Rational(-1, 2),
            1, {z: 2}, note=r"$h' - 2 z h = z$ for $h = -1/2$, not 1.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="L1",
        title="Values of erf are independent over exponentials",
        statement=(
            r"Let $z_1, \dots, z_m$ be elements of $K$, no constants, distinct up to sign, and let "
            r"the exponentials $e^{-z_i^2}$, together with all others that are adjoined, be "
            r"algebraically independent over $K$. Then $\operatorname{erf} z_1, \dots, "
            r"\operatorname{erf} z_m$ are algebraically independent over the field of $K$ and all "
            r"these exponentials."
        ),
        hypotheses=(
            r"$K$ is a field of meromorphic functions with commuting derivations; its constants "
            r"$C$ are algebraically closed in it.",
            r"The exponentials are independent: this is what the test by differentials shows, the "
            r"exponents $-z_i^2$ being among its columns. Equal $z_i^2$ would be one column.",
        ),
        premises=(
            Premise(
                "Kolchin-Ostrowski",
                r"Primitives $y_i$ over a field $F$ ($d y_i \in F\, dF$) without new constants are "
                r"algebraically dependent over $F$ only if some $\sum c_i y_i$ with constants "
                r"$c_i$, not all 0, lies in $F$.",
            ),
            Premise(
                "Differentials of a field of exponentials",
                r"An element of $F = K(E_1, \dots)$, the $E_i$ independent exponentials, whose "
                r"differential is a combination of monomials in the $E_i$ with coefficients in "
                r"$K\, dK$ is itself such a combination, as a pole along a factor that is no "
                r"monomial would grow; $d$ acts on each monomial by itself.",
            ),
            Premise(
                "Algebraic dependence", r"$dh \wedge dz = 0$ in characteristic 0, $z$ no constant, "
                r"makes $h$ algebraic over $C(z)$.",
            ),
        ),
        scope="Any number of arguments, any nesting, level by level.",
        steps=(*decompose(), *no_solution(), *near_misses()),
        conclusion=(
            r"If the values were dependent, some $\sum c_i \operatorname{erf} z_i = g$ would be in "
            r"$F$. The monomial $e^{-z_i^2}$ occurs in $dg$ with $c_i\, dz_i$ alone, so its "
            r"coefficient $h$ in $g$ has $dh - 2 z_i h\, dz_i = c_i\, dz_i$ up to the factor $2 / "
            r"\sqrt{\pi}$; by the steps $c_i = 0$. Logarithms beside the values of erf have "
            r"differentials in $K\, dK$, the monomial 1, and change nothing. Nor do values of erf "
            r"make new exponentials for the next level: $du / u = dv$ with $u$, $v$ in $F(y)$, $y$ "
            r"such a value, leaves $u$ in $F$ and $v = c y + b$ (compare poles, and degrees in "
            r"$y$); then $c\, dy = du / u - db$, and the part in $e^{-z^2}$ gives $c = 0$ again."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
