"""K11: powers and bilinear units beyond h <= d.

f(x) = sum_i (x w_i)^p v_i, x in R^d, h units, o outputs, no biases; or sum_i (x g_i) (x u_i) v_i.
There are no atoms; what decides is which forms of degree p are independent.
"""

from collections.abc import Callable
from itertools import product
from math import comb
from typing import TypeAlias

import sympy

from symgauge.theorem import (
    Counterexample,
    ExactRank,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    identity,
    integers,
    main,
    matrix,
    sizes,
)

#: At a point x, the derivative by each parameter: a row of o entries.
Columns: TypeAlias = Callable[[sympy.Matrix], list[list[int]]]
#: (p, d, h) of Alexander and Hirschowitz's list, of rank one less than h d or all forms.
EXCEPTIONS = ((4, 3, 5), (4, 4, 9), (3, 5, 7), (4, 5, 14))


def redundancy(p: int, d: int, h: int, o: int) -> int:
    """P - rank J of sum (x w_i)^p v_i. ValueError: not covered."""
    forms = comb(d + p - 1, p)
    if o == 1 and p >= 2:
        rank = min(h * d, forms)
        if p == 2:
            rank = h * d - comb(h, 2) if h <= d else forms
        return h * (d + 1) - rank + ((p, d, h) in EXCEPTIONS)
    if p >= 2 and h <= o and d + h - 1 <= forms:
        return h
    raise ValueError(f"p, d, h, o = {p}, {d}, {h}, {o} is not covered")


def bilinear_redundancy(d: int, h: int, o: int) -> int:
    """P - rank J of sum (x g_i) (x u_i) v_i. ValueError: not covered."""
    if h <= o and 2 * d - 2 + h <= comb(d + 1, 2):
        return 2 * h
    raise ValueError(f"d, h, o = {d}, {h}, {o} is not covered")


def many_outputs() -> list[Step]:
    """h <= o: V has a right inverse, and each unit can be looked at by itself."""
    T, h, o = sizes("T h o")
    forms, dV, V = matrix("F", T, h), matrix("dV", h, o, latex=r"\delta V"), matrix("V", h, o)
    moved, right = matrix("D", T, h, latex="{D}"), matrix("V_r", o, h, latex="{V^r}")
    x, y, p = sympy.symbols("x y p")
    u = sympy.Function("u")(x)
    return [
        MatrixIdentity(
            "the equation times a right inverse of V", (forms @ dV + moved @ V) @ right,
            forms @ (dV @ right) + moved, rules=((V @ right, identity(h)),),
            note=r"$F$ holds the forms $u_i^p$, $D$ the $p\, u_i^{p - 1} \delta u_i$ (a row for "
            r"each coefficient). Column $j$: $\sum_i c_{ij} u_i^p + p\, u_j^{p - 1} \delta u_j = 0$"
            r" with $c = \delta V\, V^r$.",
        ),
        PolynomialIdentity(
            "the forms of one unit", (u**p).diff(x) * u, p * u**p * u.diff(x),
            note=r"The $u_j^{p - 1} l$, $l$ linear, make a space of dimension $d$ that contains "
            r"$u_j^p$. Powers of linear forms span all forms, so a power of a generic one lies in "
            r"no given proper subspace: the $h - 1$ others add a dimension each as long as there "
            r"is room, $d + h - 1 \le \binom{d + p - 1}{p}$.",
        ),
        PolynomialIdentity(
            "two factors", (x + y) * (x - y), x**2 - y**2,
            note=r"Bilinear units: $g_j l + u_j l'$ make $2 d - 1$ dimensions, as $g_j u_j$ is "
            r"counted once; products of two linear forms span all quadratic ones.",
        ),
    ]


def _lattice(d: int, p: int) -> list[sympy.Matrix]:
    """The rows x of natural numbers of sum p: a form of degree p that is 0 at all of them is 0."""
    rows = [x for x in product(range(p + 1), repeat=d) if sum(x) == p]
    return [sympy.Matrix([x]) for x in rows]


def _jacobian(points: list[sympy.Matrix], columns: Columns) -> sympy.Matrix:
    """A row for each point and output; `columns` maps a point to a list of rows of o entries."""
    blocks = [sympy.Matrix(columns(x)).T for x in points]
    return sympy.Matrix.vstack(*blocks)


def _powers(p: int, d: int, h: int, o: int) -> sympy.Matrix:
    """The Jacobian at exact weights, at as many points as there are forms."""
    W, V = integers(d, h, 1), integers(h, o, 2)

    def columns(x: sympy.Matrix) -> list[list[int]]:
        us = list(x * W)
        by_w = [[p * us[i]**(p - 1) * x[j] * V[i, c] for c in range(o)]
                for i in range(h) for j in range(d)]
        return by_w + [[us[i]**p * (c == k) for c in range(o)] for i in range(h) for k in range(o)]

    return _jacobian(_lattice(d, p), columns)


def _bilinear(d: int, h: int, o: int) -> sympy.Matrix:
    G, U, V = integers(d, h, 1), integers(d, h, 3), integers(h, o, 2)

    def columns(x: sympy.Matrix) -> list[list[int]]:
        gs, us = list(x * G), list(x * U)
        inner = [[x[j] * other[i] * V[i, c] for c in range(o)]
                 for i in range(h) for other in (gs, us) for j in range(d)]
        return inner + [
            [gs[i] * us[i] * (c == k) for c in range(o)] for i in range(h) for k in range(o)]

    return _jacobian(_lattice(d, 2), columns)


def ranks() -> list[Step]:
    """On both sides of each bound."""
    inside = (
        (3, 2, 3, 3), (2, 3, 4, 4), (2, 2, 2, 3), (2, 3, 5, 1), (2, 3, 2, 1), (3, 2, 4, 1),
        (3, 3, 3, 1), (3, 3, 4, 1), *((*size, 1) for size in EXCEPTIONS), (4, 3, 4, 1),
        (4, 3, 6, 1))
    return [
        *(_rank("powers, p, d, h, o", size, _powers(*size), redundancy(*size)) for size in inside),
        *(_rank("bilinear, d, h, o", size, _bilinear(*size), bilinear_redundancy(*size))
          for size in ((2, 1, 1), (3, 2, 3), (2, 1, 2), (4, 4, 4))),
    ]


def _rank(name: str, size: tuple[int, ...], J: sympy.Matrix, left: int) -> Step:
    return ExactRank(
        f"{name} = {size}: redundancy {left}", J, J.shape[1] - left, scope=f"{name} = {size}")


def must_fail() -> list[Step]:
    """Where the forms of other units have no room, or fewer outputs see them."""
    def claims(name: str, true: int, false: int, note: str = "") -> Step:
        return Counterexample(name, sympy.Integer(true), sympy.Integer(false), {}, note=note)

    return [
        _rank("powers, p, d, h, o", (2, 2, 3, 3), _powers(2, 2, 3, 3), 6),
        claims("d + h - 1 = 4 forms of 3: redundancy h", 6, 3),
        _rank("powers, p, d, h, o", (2, 4, 5, 3), _powers(2, 4, 5, 3), 6),
        claims("h = 5 > o = 3, d = 4, squares: redundancy h", 6, 5),
        _rank("powers, p, d, h, o", (3, 3, 5, 2), _powers(3, 3, 5, 2), 6),
        claims("h = 5 > o = 2, d = 3, cubes: redundancy h", 6, 5),
        _rank("bilinear, d, h, o", (2, 2, 2), _bilinear(2, 2, 2), 6),
        claims("bilinear, h = o = d = 2: redundancy 2 h", 6, 4),
        claims("quartics in three variables, h = 5: the rank is h d", 20 - redundancy(4, 3, 5, 1),
               15, r"14: there is a conic through five points, and its square is singular at them."
               ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K11",
        title="Powers and bilinear units beyond h at most d",
        statement=(
            r"For almost all weights the redundancy of $\sum_{i \le h} (x w_i)^p v_i$, $x \in "
            r"\mathbb{R}^d$, $p \ge 2$, $o$ outputs, is $h$ if $h \le o$ and $d + h - 1 \le "
            r"\binom{d + p - 1}{p}$; and of $\sum_{i \le h} (x g_i)(x u_i) v_i$ it is $2 h$ if $h "
            r"\le o$ and $2 d - 2 + h \le \binom{d + 1}{2}$. For $o = 1$ the first is $h (d + 1) - "
            r"R$ with $R = \min(h d, \binom{d + p - 1}{p})$ for $p \ge 3$, one less for $(p, d, h) "
            r"= (4, 3, 5), (4, 4, 9), (3, 5, 7), (4, 5, 14)$, and for $p = 2$ $R = h d - h (h - 1) "
            r"/ 2$ if $h \le d$, $d (d + 1) / 2$ if $h \ge d$."
        ),
        hypotheses=(r"No biases; $x$ takes all values of an open set.",),
        premises=(
            Premise(
                "Alexander-Hirschowitz",
                r"For $o = 1$: sums of $h$ powers of degree $p$ of linear forms in $d$ variables "
                r"fill a set of dimension $R$ as stated (J. Alexander, A. Hirschowitz, Polynomial "
                r"interpolation in several variables, 1995).",
            ),
        ),
        scope=(
            r"All sizes in the ranges given; for $h \le o$ on no premise. Not covered: $1 < o < h$ "
            r"beyond $h \le d$ (K3), where the secants of Segre-Veronese varieties decide, whose "
            r"list of defective cases is in part conjectural."
        ),
        steps=(*many_outputs(), *ranks(), *must_fail()),
        conclusion=(
            r"$h \le o$: in column $j$ the space of the $u_j^{p - 1} l$ and the other powers are "
            r"independent, so $c_{ij} = 0$ for $i \ne j$ and $p\, \delta u_j = -c_{jj} u_j$; then "
            r"$\sum_i u_i^p (\delta v_i - c_{ii} v_i) = 0$, and the $u_i^p$ are independent: "
            r"$\delta v_i = c_{ii} v_i$. Bilinear units alike: $u_j\, \delta g_j + g_j\, \delta u_j"
            r" = -c_{jj} g_j u_j$, so $\delta g_j = a_j g_j$, $\delta u_j = -(a_j + c_{jj}) u_j$. "
            r"For $o = 1$ the rank of $J$ is the dimension of what the sums fill, the factors "
            r"$v_i$ being absorbed."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
