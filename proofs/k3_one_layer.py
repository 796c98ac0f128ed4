"""K3: the redundancy of one hidden layer, of gated units and of linear chains, at every size.

f(x) = act(x W1 + b1) W2 + b2 with x in R^d, h units, o outputs; u_i is the i-th entry of
x W1 + b1 and v_i the i-th row of W2. A direction that leaves f unchanged has
sum_i act(u_i) dv_i + act'(u_i) du_i v_i + db2 = 0 for all x, with du_i = x dw_i + db_i.
"""

from collections.abc import Callable
from math import comb

import sympy

from symgauge.theorem import (
    Counterexample,
    ExactRank,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    coefficients,
    identity,
    integers,
    main,
    matrix,
    sizes,
)

tau = sympy.Symbol("tau")
u, v, g = (sympy.Function(name)(tau) for name in "uvg")
du, dv, dg = u.diff(tau), v.diff(tau), g.diff(tau)
SMOOTH = ("tanh", "sigmoid", "silu", "softplus", "gelu")


def redundancy(act: str, d: int, h: int, o: int, bias: bool) -> int:
    """P - rank J of act(x W1 + b1) W2 + b2, both biases or none. ValueError: not covered."""
    if act in SMOOTH:
        return 0
    if act == "exp":
        return h if bias else 0
    if act == "relu":
        return h if bias or d > 1 else h + h * o - min(h, 2) * o
    if act == "cube" and h <= d:
        return h
    if act == "square" and h <= d:
        return h if o > 1 else h + comb(h, 2)
    raise ValueError(f"{act}, {d}, {h}, {o} is not covered")


def gated_redundancy(act: str, d: int, h: int, o: int, bias: bool) -> int:
    """P - rank J of (act(x Wg + bg) * (x Wu + bu)) W2 + b2. ValueError: not covered."""
    if act in SMOOTH and act != "softplus":
        return h
    if act == "relu" and (bias or d > 1):
        return 2 * h
    if act == "linear" and 2 * h <= d and not bias:
        return 2 * h if o > 1 else 2 * h**2
    raise ValueError(f"{act}, {d}, {h}, {o} is not covered")


def chain_redundancy(widths: tuple[int, ...], bias: bool) -> int:
    """P - rank J of x W_1 ... W_L, with all biases or none."""
    r, first, last = min(widths), widths[0], widths[-1]
    parameters = sum((m + bias) * n for m, n in zip(widths, widths[1:]))
    return parameters - r * (first + last - r) - bias * last


def sigmoid(z: sympy.Expr) -> sympy.Expr:
    return sympy.exp(z) / (1 + sympy.exp(z))


def tanh(z: sympy.Expr) -> sympy.Expr:
    return (sympy.exp(2 * z) - 1) / (sympy.exp(2 * z) + 1)


def Phi(z: sympy.Expr) -> sympy.Expr:
    return (1 + sympy.erf(z / sympy.sqrt(2))) / 2


def density(z: sympy.Expr) -> sympy.Expr:
    return sympy.exp(-z**2 / 2) / (sympy.sqrt(2) * sympy.sqrt(sympy.pi))


def units() -> list[Step]:
    """What one unit adds, as a polynomial in its atoms."""
    t, s = tanh(u), sigmoid(u)
    E, log = sympy.exp(u), sympy.log(1 + sympy.exp(u))

    def unit(name: str, act: sympy.Expr, split: sympy.Expr, note: str) -> Step:
        return PolynomialIdentity(f"a unit of {name}", (act * v).diff(tau), split, note=note)

    return [
        unit("tanh", t, -t**2 * (du * v) + t * dv + du * v,
             r"$t_i^2$: $\delta u_i v_i = 0$. $t_i$: $\delta v_i = 0$. Then $\delta b_2 = 0$."),
        unit("sigmoid", s, -s**2 * (du * v) + s * (dv + du * v),
             r"$s_i^2$: $\delta u_i v_i = 0$. $s_i$: $\delta v_i = 0$."),
        unit("SiLU", u * s, -s**2 * (u * du * v) + s * (u * dv + (1 + u) * du * v),
             r"$s_i^2$: $u_i\, \delta u_i v_i = 0$. $s_i$: $u_i\, \delta v_i = 0$."),
        unit("softplus", log, log * dv + s * (du * v),
             r"The logarithm: $\delta v_i = 0$. $s_i$: $\delta u_i v_i = 0$."),
        unit("GELU", u * Phi(u), density(u) * (u * du * v) + Phi(u) * (u * dv + du * v),
             r"The density: $u_i\, \delta u_i v_i = 0$. $\Phi_i$: then $u_i\, \delta v_i = 0$."),
        unit("exp", E, E * (dv + du * v),
             r"$E_i$: $\delta v_i = -\delta u_i v_i$. As $\delta v_i$ does not depend on $x$, "
             r"$\delta u_i = c_i$: $\delta w_i = 0$, $\delta b_i = c_i$; without $b_1$, $c_i = 0$."
             ),
    ]


def branches() -> list[Step]:
    """relu(u) = H u with H constant on each side of the wall u = 0."""
    H, U, V1, V2, dU, dV1, dV2 = sympy.symbols("H u v_1 v_2 delta_u delta_1 delta_2")
    G, dG = sympy.symbols("g delta_g")
    return [
        PolynomialIdentity(
            "a unit of relu, off its wall", (H * u * v).diff(tau), H * (u * dv + du * v),
            note=r"$f$ is unchanged on both sides of the wall of unit $i$, near a point of no "
            r"other wall; the two polynomials differ by $u_i \delta v_i + \delta u_i v_i$, which "
            r"is 0.",
        ),
        PolynomialIdentity(
            "so dv is parallel to v", U * (dV1 * V2 - dV2 * V1), 0,
            relations=(U * dV1 + dU * V1, U * dV2 + dU * V2),
            note=r"For any two outputs. $\delta v_i = c_i v_i$, $\delta u_i = -c_i u_i$.",
        ),
        PolynomialIdentity(
            "a gated relu: dv is parallel to v", G * U * (dV1 * V2 - dV2 * V1), 0,
            relations=(
                dG * U * V1 + G * (U * dV1 + dU * V1), dG * U * V2 + G * (U * dV2 + dU * V2)),
            note=r"Then $\delta g_i u_i = -g_i (c_i u_i + \delta u_i)$; $g_i$ and $u_i$ have no "
            r"common factor, so $\delta g_i = a_i g_i$ and $\delta u_i = -(a_i + c_i) u_i$.",
        ),
    ]


def gates() -> list[Step]:
    """act(g) u v, the gate smooth."""
    s, t = sigmoid(g), tanh(g)
    pair = u * dv + du * v
    return [
        PolynomialIdentity(
            "a unit of SwiGLU", (g * s * u * v).diff(tau),
            -s**2 * (g * u * dg * v) + s * ((1 + g) * dg * u * v + g * pair),
            note=r"$s_i^2$: $\delta g_i = 0$. $s_i$: $u_i \delta v_i + \delta u_i v_i = 0$, as "
            r"with relu: $h$.",
        ),
        PolynomialIdentity(
            "a unit of GEGLU", (g * Phi(g) * u * v).diff(tau),
            density(g) * (g * u * dg * v) + Phi(g) * (dg * u * v + g * pair),
            note=r"The density: $\delta g_i = 0$. $\Phi_i$: as before.",
        ),
        PolynomialIdentity(
            "a unit with a sigmoid gate", (s * u * v).diff(tau),
            -s**2 * (u * dg * v) + s * (dg * u * v + pair),
        ),
        PolynomialIdentity(
            "a unit with a tanh gate", (t * u * v).diff(tau),
            -t**2 * (u * dg * v) + t * pair + u * dg * v,
        ),
    ]


def powers() -> list[Step]:
    """h <= d: the u_i are coordinates, so monomials in them are independent."""
    p = sympy.Symbol("p", integer=True, positive=True)
    return [
        PolynomialIdentity(
            "a unit of a power", (u**p * v).diff(tau) * u, u**p * (u * dv + p * du * v),
            note=r"$\delta u_i = \sum_j A_{ij} u_j + a_i + r_i$ with $r_i$ a form in the other "
            r"coordinates. $u_i^{p-1} r_i$ and $u_i^{p-1}$ occur once: $r_i = a_i = 0$. $u_i^p$: "
            r"$\delta v_i = -p A_{ii} v_i$. $u_i^{p-1} u_j$, $j \ne i$, occurs once for $p \ge 3$: "
            r"$A_{ij} = 0$. For $p = 2$ it is $u_i u_j$, which occurs twice: $A_{ij} v_i + A_{ji} "
            r"v_j = 0$, so 0 if $v_i$, $v_j$ are independent ($o \ge 2$), and one solution for "
            r"each pair if $o = 1$.",
        ),
        PolynomialIdentity(
            "a bilinear unit", (g * u * v).diff(tau), g * u * dv + dg * u * v + g * du * v,
            note=r"For $2 h \le d$ all $g_i$, $u_i$ are coordinates. $g_i u_i$: one equation for "
            r"the three scalings. $g_i g_j$, $u_i u_j$ ($i < j$) and $g_i u_j$ ($i \ne j$) occur "
            r"twice, as for $p = 2$: 0 if $o \ge 2$; for $o = 1$ one solution each, $2 h + 2 h (h "
            r"- 1) = 2 h^2$.",
        ),
        *(_power_rank(*size, redundancy("square" if size[0] == 2 else "cube", *size[1:], False))
          for size in ((2, 2, 2, 1), (2, 3, 3, 1), (2, 3, 2, 2), (3, 2, 2, 1), (3, 3, 2, 2))),
        *(_bilinear_rank(*size, gated_redundancy("linear", *size, False))
          for size in ((4, 2, 1), (4, 2, 2), (2, 1, 1))),
    ]


def _power_rank(p: int, d: int, h: int, o: int, kernel: int, **options: bool) -> Step:
    """rank J of sum_i (x w_i)^p v_i at exact weights."""
    x = sympy.symbols(f"x1:{d + 1}")
    W, V = integers(d, h, 1), integers(h, o, 2)
    us = list(sympy.Matrix([x]) * W)
    columns = [[p * us[i]**(p - 1) * x[j] * V[i, c] for c in range(o)]
               for i in range(h) for j in range(d)]
    columns += [[us[i]**p if c == k else 0 for c in range(o)]
                for i in range(h) for k in range(o)]
    return _rank(f"x^{p}, d, h, o = {d}, {h}, {o}", columns, x, kernel)


def _bilinear_rank(d: int, h: int, o: int, kernel: int) -> Step:
    x = sympy.symbols(f"x1:{d + 1}")
    G, U, V = integers(d, h, 1), integers(d, h, 3), integers(h, o, 2)
    gs, us = list(sympy.Matrix([x]) * G), list(sympy.Matrix([x]) * U)
    columns = [[x[j] * other[i] * V[i, c] for c in range(o)]
               for other in (gs, us) for i in range(h) for j in range(d)]
    columns += [[gs[i] * us[i] if c == k else 0 for c in range(o)]
                for i in range(h) for k in range(o)]
    return _rank(f"bilinear, d, h, o = {d}, {h}, {o}", columns, x, kernel)


def _rank(name: str, columns: list[list[sympy.Expr]], x: tuple[sympy.Symbol, ...],
          kernel: int) -> Step:
    return ExactRank(f"{name}: redundancy {kernel}", coefficients(columns, x),
                     len(columns) - kernel, scope=name.partition(", ")[2])


def chains() -> list[Step]:
    """x W_1 ... W_L, r the least width, at layer i: W_1 ... W_i = W_1 R, with R of rank r."""
    n0, n1, r, nL = sizes("n_0 n_1 r n_L")
    X, R, R_left = matrix("X", n0, r), matrix("R", n1, r), matrix("R_l", r, n1, latex="{R^l}")
    Y, S, S_right = matrix("Y", r, nL), matrix("S", r, n1), matrix("S_r", n1, r, latex="{S^r}")
    return [
        MatrixIdentity(
            "the first matrix alone moves W_1 ... W_i to any matrix", (X @ R_left) @ R, X,
            rules=((R_left @ R, identity(r)),),
            note=r"$\delta W_1 = X R^l$ with $R = W_2 \cdots W_i$, which has a left inverse.",
        ),
        MatrixIdentity(
            "and the last one moves the rest", S @ (S_right @ Y), Y,
            rules=((S @ S_right, identity(r)),),
            note=r"So the variations are those of a product $n_0 \times r$ by $r \times n_L$, of "
            r"dimension $r (n_0 + n_L - r)$ by K2; biases add the constants $\mathbb{R}^{n_L}$, "
            r"once.",
        ),
    ]


def must_fail() -> list[Step]:
    """Just outside of each range the number is another one."""
    z, c = sympy.symbols("z c")

    def wrong(step: Callable[..., Step], *size: int, formula: int) -> Step:
        true = step(*size)
        return Counterexample(
            f"{true.name.partition(':')[0]}: redundancy {formula}", sympy.Integer(size[-1]),
            sympy.Integer(formula), {}, note="Beyond the range; the rank is decided above.",
        )

    beyond = [
        (_power_rank, (2, 2, 3, 2, 6), 3), (_power_rank, (3, 2, 3, 1, 5), 3),
        (_power_rank, (2, 4, 5, 3, 6), 5), (_bilinear_rank, (2, 2, 1, 7), 8),
        (_bilinear_rank, (2, 2, 2, 6), 4),
    ]
    return [
        *(step(*size) for step, size, _ in beyond),
        *(wrong(step, *size, formula=formula) for step, size, formula in beyond),
        PolynomialIdentity(
            "d = 1 without bias: all walls of relu are the one point 0", (c * z) / c, z,
            note=r"$f(x) = x_+ a + x_- b$ for all $h$: the rank is $\min(h, 2)\, o$ where both "
            r"signs of $w_i$ occur.",
        ),
        Counterexample(
            "a bias of tanh is shifted away, as one of exp is", tanh(z + sympy.log(2)),
            c * tanh(z), {z: 0, c: 3},
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K3",
        title="One hidden layer: all that leaves it unchanged",
        statement=(
            r"For almost all weights the redundancy $P - \operatorname{rank} J$ of "
            r"$\mathrm{act}(x W_1 + b_1) W_2 + b_2$ is: 0 for tanh, sigmoid, SiLU, softplus and "
            r"GELU, all $d, h, o \ge 1$, biases or none; $h$ for exp with $b_1$, 0 without; $h$ "
            r"for relu with $b_1$ or $d \ge 2$; for powers $x^p$ with $h \le d$, $h$ for $p \ge 3$,"
            r" and for $p = 2$ $h$ if $o \ge 2$, $h (h + 1) / 2$ if $o = 1$. Of $(\mathrm{act}(x "
            r"W_g) * (x W_u)) W_2$: $h$ for SwiGLU, GEGLU, sigmoid and tanh gates, all sizes, "
            r"biases or none; $2 h$ for relu with biases or $d \ge 2$; with the identity in the "
            r"place of act, no biases and $2 h \le d$, $2 h$ if $o \ge 2$ and $2 h^2$ if $o = 1$. "
            r"Of a chain $x W_1 \cdots W_L$ of widths $n_0, \dots, n_L$ the rank is $r (n_0 + n_L "
            r"- r)$ with $r = \min n_i$, and $n_L$ more with all biases."
        ),
        hypotheses=(
            r"$x$ takes all values of an open set, for relu of $\mathbb{R}^d$ itself, so that "
            r"every wall is reached; $v_i \ne 0$, $w_i \ne 0$; biases are all there or none.",
        ),
        premises=(Premise("K1", "Smooth activations: the atoms of the units are independent."),),
        scope=(
            "All sizes in the ranges given. relu, powers and chains use no premise. The ranks at "
            "stated sizes check the counts inside, and refute them outside of the ranges."
        ),
        steps=(*units(), *branches(), *gates(), *powers(), *chains(), *must_fail()),
        conclusion=(
            r"By K1, with the entries of $W_1$ (of $W_g$) as symbols, $\beta = x_k$, the equation "
            r"splits into the coefficients that the steps show; $v_i \ne 0$ and $u_i \ne 0$ may be "
            r"cancelled, and what is left over of $\delta u_i = 0$ is $\delta w_i = 0$, $\delta "
            r"b_i = 0$, as $x$ and 1 are independent. relu: two walls that differ have points that"
            r" the other does not have. What is counted are the $c_i$, $a_i$ and $A_{ij}$ that are "
            r"free, and each is a symmetry. Chains: a layer of least width cuts the product in "
            r"two, and its two factors move freely."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
