"""K1: the atoms of a level are independent as soon as each exponent has a symbol of its own.

The first of the converse lemmas: they say that where an output does not vary, its inputs vary in
known ways only. K is a field of functions of the inputs x; the lines below a level lie in it, and
the atoms of the level are exp v_j, log w_j, erf z_j with v_j, w_j, z_j made of those lines. If the
atoms are algebraically independent over K, an equation between polynomials in them holds
coefficient by coefficient, and that is how every later file goes on.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    MatrixCounterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    main,
    matrix,
    sizes,
)

u, b, c, pi, v1, v2, E, P = sympy.symbols("u b c pi v1 v2 E P")
m = sympy.Symbol("m", integer=True)


def private_symbols() -> list[Step]:
    """How exponents move with a symbol that nothing else has."""
    d, k = sizes("d k")
    x, w = matrix("x", 1, d), matrix("w", 1, d)
    W_Q, W_K = matrix("W_Q", d, k), matrix("W_K", d, k)
    e, f = matrix("e", d, 1), matrix("f", 1, k)
    return [
        PolynomialIdentity(
            "an affine exponent", (u + (pi + c) * b) - (u + pi * b), c * b,
            note=r"$\pi$ is the private symbol, an entry $W_{ij}$ of a dense layer, and $b$ the "
            r"line $i$ that it multiplies; $u$ holds the rest. tanh, sigmoid, SiLU, softplus and "
            r"gates have such exponents, $2 u$ or $u$.",
        ),
        PolynomialIdentity(
            "the exponent of GELU", -(u + (pi + c) * b)**2 / 2 + (u + pi * b)**2 / 2,
            -c * b * (u + pi * b) - c**2 * b**2 / 2,
            note=r"A polynomial in $c$; its coefficient at $c$, $-b\,(u + \pi b)$, is no constant.",
        ),
        MatrixIdentity(
            "a difference of scores", x @ (W_Q + c * (e @ f)) @ W_K.T @ w.T,
            x @ W_Q @ W_K.T @ w.T + c * (x @ e @ (f @ W_K.T @ w.T)),
            note=r"$S_{ts} - S_{tt} = x W_Q W_K^{\top} w^{\top}$ with $x = x_t$, $w = x_s - x_t$; "
            r"the symbol is one entry of $W_Q$, which belongs to one head ($e$ and $f$ are unit "
            r"vectors). All keys $s$ of the row share it: $\sum_s m_s$ of what moves is $x_{t,i} "
            r"\sum_s m_s (w_s W_K)_c$, which is no constant as the $w_s$ are independent.",
        ),
        PolynomialIdentity(
            "a quotient of exponentials forgets what is not private",
            sympy.exp(m * v1) / sympy.exp(m * v2), sympy.exp(m * (v1 - v2)),
            note=r"$v_1$, $v_2$ are the exponent at two values of the symbol.",
        ),
    ]


def logarithms() -> list[Step]:
    """log(1 + E_i), the E_i independent exponentials, are independent over K(E_1, ...)."""
    x = sympy.Symbol("x")
    v, g = sympy.Function("v")(x), sympy.Function("g")(x)
    n = sympy.Symbol("n", integer=True, positive=True)
    W = 1 + sympy.exp(v)
    pole = W**-n
    return [
        PolynomialIdentity(
            "a pole of order n along 1 + E becomes one of order n + 1",
            (g * pole).diff(x) * W / pole, -n * g * sympy.exp(v) * v.diff(x) + W * g.diff(x),
            note=r"At $1 + E = 0$ the right side is $n g\, dv$, which is not 0. $1 + E$ is prime in"
            r" $E$ over $K$ and the other exponentials.",
        ),
        PolynomialIdentity(
            "the logarithm has a pole of order 1", sympy.log(W).diff(x) * W,
            sympy.exp(v) * v.diff(x),
            note=r"So $\sum c_i \log(1 + E_i) = g$ with $c_i \ne 0$ asks for a $g$ whose "
            r"differential has a pole of order 1 along $1 + E_i$: no $g$ has.",
        ),
    ]


def functions_of_exponentials() -> list[Step]:
    """tanh, sigmoid and softmax generate the same fields as their exponentials."""
    sigmoid, R = E / (1 + E), sympy.Symbol("R")
    tanh = (E - 1) / (E + 1)
    return [
        PolynomialIdentity("sigmoid", sigmoid / (1 - sigmoid), E, note=r"$E = e^u$."),
        PolynomialIdentity("tanh", (1 + tanh) / (1 - tanh), E, note=r"$E = e^{2 u}$."),
        PolynomialIdentity(
            "softmax along any number of keys", (E / (1 + R)) / (1 - R / (1 + R)), E,
            note=r"$E_s = e^{S_{ts} - S_{tt}}$, $R = \sum_s E_s$, $p_s = E_s / (1 + R)$ and "
            r"$p_t = 1 / (1 + R)$: $E_s = p_s / (1 - \sum p)$, so the $p_s$, $s \ne t$, are as "
            r"independent as the $E_s$.",
        ),
    ]


def must_fail() -> list[Step]:
    """Where a symbol is not private, or moves its exponent by a constant."""
    d, k = sizes("d k")
    x, y, w = matrix("x", 1, d), matrix("y", 1, d), matrix("w", 1, d)
    W_Q, W_K = matrix("W_Q", d, k), matrix("W_K", d, k)
    b_K = matrix("b_K", 1, k)
    point = {x: [[1]], y: [[2]], w: [[3]], W_Q: [[1]], W_K: [[1]], b_K: [[1]]}
    return [
        PolynomialIdentity(
            "a bias is no such symbol: exp(u + b) and exp(u) are dependent",
            sympy.exp(u + b), sympy.exp(b) * sympy.exp(u),
            note=r"$\partial v / \partial b = 1$ is constant in $x$.",
        ),
        PolynomialIdentity(
            "u and -u share their symbols: one relation", sympy.exp(u) * sympy.exp(-u), 1,
        ),
        MatrixIdentity(
            "the key bias does not move a difference of scores",
            x @ W_Q @ (y @ W_K + b_K).T - x @ W_Q @ (x @ W_K + b_K).T,
            x @ W_Q @ W_K.T @ (y - x).T,
        ),
        MatrixCounterexample(
            "nor a score: false, so with a sink or a sigmoid it is a symbol",
            x @ W_Q @ (y @ W_K + b_K).T, x @ W_Q @ (y @ W_K).T, point,
        ),
        Counterexample(
            "a pole that the derivative keeps at its order", (1 / (1 + E)**2), 1 / (1 + E), {E: 1},
            note=r"$D (1 + E)^{-1} = -E\, Dv\, (1 + E)^{-2}$, of order 2 and not 1.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K1",
        title="Independent atoms: an equation splits into its coefficients",
        statement=(
            r"Let $K$ be a field of meromorphic functions of $x$, of finite transcendence degree "
            r"over $\mathbb{C} \subset K$, and $v_1, \dots, v_n$ polynomials over $K$ in symbols "
            r"$\pi$, divided into groups. (a) Let each group $g$ have a symbol $\pi_g$ that occurs "
            r"in no other group, nor in $K$, such that no combination $\sum_{j \in g} m_j\, "
            r"\partial v_j / \partial \pi_g$ with integers not all 0 is constant in $x$. Then for "
            r"all $\pi$ off a countable union of proper analytic subsets $e^{v_1}, \dots, e^{v_n}$ "
            r"are algebraically independent over $K$. (b) So are $\log(1 + e^{v_j})$ over $K$ and "
            r"these exponentials, and $\operatorname{erf} z_j$ where the $v_j$ are $-z_j^2$. (c) "
            r"The field generated by $K$ and finitely many atoms is such a field, so levels may be "
            r"put on levels. (d) If $P$ is a polynomial in independent atoms with coefficients in "
            r"$K$ that vanishes for all $x$, its coefficients vanish. (e) Lines $z$ whose "
            r"derivative by $x$ has full rank somewhere satisfy no analytic relation; full rank at "
            r"one $\theta$ is full rank at almost every one. (f) The dimension of $\{\delta\theta :"
            r" \sum_i \delta\theta_i\, \partial f / \partial\theta_i = 0 \text{ for all } x\}$, "
            r"found at one such $\theta$, is at least the redundancy $P - \operatorname{rank} J$; "
            r"where a family of symmetries has this dimension at almost every $\theta$, it is "
            r"equal."
        ),
        hypotheses=(
            r"No width, depth or token count is restricted. Weights are very generic: off countably"
            r" many proper analytic subsets, so almost all.",
        ),
        premises=(
            Premise(
                "Ax",
                r"Functions $y_1, \dots, y_n$ that are $\mathbb{Q}$-linearly independent modulo "
                r"$\mathbb{C}$ have $\operatorname{trdeg}_{\mathbb{C}} \mathbb{C}(y, e^y) \ge n + "
                r"1$ (J. Ax, On Schanuel's conjectures, 1971, Theorem 3, in the differential form "
                r"for meromorphic functions).",
            ),
            Premise(
                "Kolchin-Ostrowski",
                r"Exponentials $e^{v_j}$, $v_j \in K$, are algebraically dependent over $K$ only "
                r"if some $e^{\sum m_j v_j}$ with integers $m \ne 0$ is algebraic over $K$; "
                r"primitives over $F$ only if some $\sum c_i y_i$ with constants not all 0 is in "
                r"$F$ (E. Kolchin, Algebraic groups and algebraic dependence, 1968).",
            ),
            Premise("Independence of erf", r"L1 of this folder."),
        ),
        scope=(
            "All sizes. Meromorphic activations and softmax: for branches (relu) see K3. What has "
            "no private symbol (u beside -u, tied units) is not covered, and is not claimed to be "
            "dependent either."
        ),
        steps=(*private_symbols(), *logarithms(), *functions_of_exponentials(), *must_fail()),
        conclusion=(
            r"(a) By Kolchin-Ostrowski dependence means that $e^w$, $w = \sum m_j v_j$, is "
            r"algebraic over $K$ for integers $m \ne 0$. For given $m$ and degree $D$ this says "
            r"that finitely many monomials, in $e^w$ and a transcendence basis of $K$, are "
            r"linearly dependent as functions of $x$: the determinants of their values vanish, an "
            r"analytic condition on $\pi$. Either it holds on a proper subset, one of countably "
            r"many, or for all $\pi$. In the latter case let $m$ be not 0 on the group $g$ and "
            r"move $\pi_g$ alone, by $c$: $G(c) = w(\pi_g + c) - w(\pi_g)$ is a polynomial in $c$ "
            r"over $K$, and $e^{G(c)}$ is algebraic over $K$ for every $c$, as the quotient of two "
            r"such. By hypothesis $G$ modulo $\mathbb{C}$ is not constant; a linear functional of "
            r"it takes uncountably many values, so there are $c_0, \dots, c_N$ for which the "
            r"$G(c_i)$ are $\mathbb{Q}$-independent modulo $\mathbb{C}$, with $N$ the "
            r"transcendence degree of $K$. By Ax the $G(c_i)$ and $e^{G(c_i)}$ have degree at least"
            r" $N + 2$; but all are algebraic over $K$. (b) is the steps on poles, Kolchin-"
            r"Ostrowski for primitives, and L1. (c), (d) are definitions. (e) A map of full rank is"
            r" open, and rank is lower semicontinuous and analytic: the witness used below sets "
            r"block outputs to 0. (f) The rank of $J$ at the given $\theta$ is at most the generic "
            r"one, so the kernel there is at least as large as the redundancy, which is at least "
            r"the dimension of the family."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
