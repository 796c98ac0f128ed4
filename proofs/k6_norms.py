"""K6: a norm between two linear maps: what leaves it unchanged, and the scale that epsilon keeps.

f(x) = (N(x W0 + b0) G) W1 with N(z) = z / sqrt(|z|^2 / d + eps) and G diagonal. On X = (x, 1), or
X = x without b0, of m' entries: W = [W0; b0], A = W G W1, S = W W^T, e = d eps, Q = X S X^T + e and
f = X A / sqrt(Q) up to a fixed factor.
"""

from typing import Any

import sympy

from symgauge.theorem import (
    Counterexample,
    ExactRank,
    MatrixCounterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    coefficients,
    derivative,
    gram,
    identity,
    integers,
    main,
    matrix,
    sizes,
    zero,
)

m, d, o = sizes("m d o")
e, nu, c, lam = sympy.symbols("e nu c lambda", positive=True)


def scale(rows: int, width: int, bias: bool, eps: bool) -> int:
    """Directions that multiply A and Q; `rows` is m', `width` what the norm sees of d."""
    if not eps:
        return 1 if width > 1 else rows
    return int(bias and rows <= width)


def redundancy(m: int, d: int, o: int, bias: bool, eps: bool) -> int:
    """P - rank J of (N(x W0 + b0) G) W1, N RMSNorm."""
    rows = m + bias
    return d + gram(rows, d) + o * (d - min(rows, d)) + scale(rows, d, bias, eps)


def layer_norm_redundancy(
    m: int, d: int, o: int, bias: bool, eps: bool, out_bias: bool
) -> int:
    """P - rank J of (N(x W0 + b0) G + beta) W1 + b1, N LayerNorm, d >= 2."""
    if d < 2:
        raise ValueError("LayerNorm of one entry is 0")
    rows, width = m + bias, d - 1
    readers = o * d + d - o * min(rows, width) + (d if out_bias else d - o)
    return gram(rows, width) + rows + readers + scale(rows, width, bias, eps)


def equation() -> list[Step]:
    """2 Q X dA = (X A)(X dS X^T), and what follows by degrees."""
    tau = sympy.Symbol("tau")
    a, Q = sympy.Function("a")(tau), sympy.Function("Q")(tau)
    q, da, s, a0 = sympy.symbols("q delta_a s a")
    return [
        PolynomialIdentity(
            "the variation of one entry of f", 2 * Q * sympy.sqrt(Q) * (a / sympy.sqrt(Q)).diff(
                tau), 2 * Q * a.diff(tau) - a * Q.diff(tau),
            note=r"$a = (X A)_j$: so $\delta f = 0$ is $2 Q\, X \delta A = (X A)(X\, \delta S\, "
            r"X^{\top})$, $\delta S = \delta W\, W^{\top} + W\, \delta W^{\top}$.",
        ),
        PolynomialIdentity(
            "without b0: degrees 1 and 3", 2 * (lam**2 * q + e) * (lam * da)
            - (lam * a0) * (lam**2 * s), lam * (2 * e * da) + lam**3 * (2 * q * da - a0 * s),
            note=r"$x \mapsto \lambda x$, $q = x S x^{\top}$, $s = x\, \delta S\, x^{\top}$. For "
            r"$\epsilon > 0$: $\delta A = 0$, and then $\delta S = 0$, as $A \ne 0$.",
        ),
        PolynomialIdentity(
            "otherwise: s = 2 c Q and da = c a", 2 * q * (c * a0) - a0 * (2 * c * q), 0,
            note=r"With $b_0$, made homogeneous by the last entry of $X$, or with $\epsilon = 0$, "
            r"$Q$ is a quadratic form, prime by K2 if it is definite on two variables. $Q$ "
            r"divides $(X A)_j\, s$, so $s$; the degrees are equal: $s = 2 c Q$, $c$ a number, "
            r"and $\delta A = c A$.",
        ),
        *(_equation_rank(*case) for case in (
            (2, 2, 2, True, True, 1), (3, 3, 1, True, True, 1), (2, 2, 2, False, True, 0),
            (3, 2, 1, False, True, 0), (2, 2, 1, False, False, 1), (3, 2, 2, False, False, 1))),
    ]


def _equation_rank(
    rows: int, d: int, o: int, bias: bool, eps: bool, left: int
) -> Step:
    """Solutions (dA, dS) of the equation, dS any symmetric matrix, at exact A and S."""
    X = sympy.Matrix([sympy.symbols(f"x1:{rows + 1}")])
    W = integers(rows, d, 1)
    A = W * integers(d, o, 2)
    last = X[rows - 1]**2 if bias else 1
    Q = sympy.expand((X * W * W.T * X.T)[0] + (last if eps else 0))
    value = list(X * A)
    columns: list[list[Any]] = [
        [2 * Q * X[i] if k == j else 0 for k in range(o)] for i in range(rows) for j in range(o)]
    columns += [[-value[k] * X[i] * X[j] for k in range(o)]
                for i in range(rows) for j in range(i + 1)]
    shown = f"m', d, o = {rows}, {d}, {o}, b0: {bias}, eps > 0: {eps}"
    return ExactRank(
        f"{shown}: {left} solutions", coefficients(columns, list(X)), len(columns) - left,
        scope=shown,
    )


W, dW = matrix("W", m, d), matrix("dW", m, d, latex=r"\delta W")
G, dG = (matrix("G", d, d, kind="diagonal"),
         matrix("dG", d, d, kind="diagonal", latex=r"\delta G"))
W1, dW1 = matrix("W_1", d, o), matrix("dW_1", d, o, latex=r"\delta W_1")


def preimages() -> list[Step]:
    """Which (dW, dG, dW1) have given dS and dA."""
    Omega, W_right = matrix("Omega", d, d, kind="skew"), matrix("W_r", d, m, latex="{W^r}")
    Y, n = matrix("Y", m, o), matrix("n", 1, m)
    return [
        MatrixIdentity(
            "m' >= d: a rotation and a change of gains are undone behind",
            derivative(W @ G @ W1, {W: W @ Omega, G: dG,
                                    W1: -(G.inv @ (Omega @ G + dG) @ W1)}), zero(m, o),
            note=r"$d$ gains and $so(d)$; $W$ has a left inverse, so $\delta W_1$ is determined.",
        ),
        MatrixIdentity(
            "m' <= d: whatever W and G do, W1 reaches every dA",
            W @ G @ (G.inv @ W_right @ Y), Y, rules=((W @ W_right, identity(m)),),
            note=r"In a space of dimension $o (d - m')$; by K2 $\delta S = 0$ has "
            r"$\mathrm{gram}(m', d)$ solutions and every $\delta S$ is reached.",
        ),
        MatrixIdentity(
            "eps = 0: the scale", derivative(W @ W.T, {W: c * W}), (2 * c) * (W @ W.T),
        ),
        MatrixIdentity(
            "m' > d: the left kernel of W forbids dS = 2 c (S + e E)",
            n @ derivative(W @ W.T, {W: dW}) @ n.T, zero(1, 1), rules=((n @ W, zero(1, d)),),
            note=r"$E$ is 1 in its last entry, 0 elsewhere, and $n (S + e E) n^{\top} = e\, "
            r"n_{m'}^2 \ne 0$ for almost all weights: with $b_0$ and $m' > d$, $c = 0$.",
        ),
    ]


def scale_with_epsilon() -> list[Step]:
    """m + 1 <= d: q, the part of b0 that is orthogonal to the rows of W0, pays for epsilon."""
    W0, b0, q = matrix("W_0", m, d), matrix("b_0", 1, d), matrix("q", 1, d)
    db0 = b0 + (e / nu) * q
    dW1 = (-e / nu**2) * (G.inv @ q.T @ (q @ G @ W1))
    one = identity(1)
    rules = ((W0 @ q.T, zero(m, 1)), (b0 @ q.T, nu * one))
    flow = {W0: W0, b0: db0, W1: dW1}
    return [
        MatrixIdentity("the scale, on W0 W0^T", derivative(W0 @ W0.T, flow), 2 * (W0 @ W0.T)),
        MatrixIdentity(
            "on W0 b0^T", derivative(W0 @ b0.T, flow), 2 * (W0 @ b0.T), rules=rules,
        ),
        MatrixIdentity(
            "on |b0|^2", derivative(b0 @ b0.T, flow), 2 * (b0 @ b0.T + e * one), rules=rules,
            note=r"$\nu = |q|^2 = b_0 q^{\top}$: $\delta b_0 = b_0 + e q / \nu$. So $\delta Q = 2 "
            r"Q$.",
        ),
        MatrixIdentity(
            "on the rows of W0 in A", derivative(W0 @ G @ W1, flow), W0 @ G @ W1, rules=rules,
        ),
        MatrixIdentity(
            "on the row of b0 in A", derivative(b0 @ G @ W1, flow), b0 @ G @ W1, rules=rules,
            note=r"$\delta W_1 = -\frac{e}{\nu^2} G^{-1} q^{\top} (q G W_1)$. So $\delta A = A$, "
            r"and $f = X A / \sqrt{Q}$ does not change.",
        ),
    ]


def layer_norm() -> list[Step]:
    """N sees z modulo 1: z C with C the centring, and has gain and bias G, beta."""
    C, one = matrix("C", d, d, kind="symmetric"), matrix("one", d, 1, kind="ones",
                                                         latex=r"\mathbf{1}")
    r, row, beta = matrix("r", m, 1), matrix("r_1", 1, o), matrix("beta", 1, d)
    t, b1 = matrix("t", 1, d), matrix("b_1", 1, o)
    centred = ((C @ one, zero(d, 1)),)
    return [
        MatrixIdentity(
            "a multiple of 1 on every row of W is not seen", (W + r @ one.T) @ C, W @ C,
            rules=centred, note=r"$m'$ more. $W C$ has the width $D = d - 1$.",
        ),
        MatrixIdentity(
            "a row over the gain is not seen by z", W @ C @ G @ (W1 + G.inv @ one @ row), W
            @ C @ G @ W1, rules=centred,
            note=r"So $(G, W_1)$ have $o d + d - o k$ directions for each $\delta A$, $k = \min(m',"
            r" D)$, and among them these, which move $\beta W_1$ by $(\beta G^{-1} \mathbf{1})\, "
            r"r_1$: by everything.",
        ),
        MatrixIdentity(
            "with b1 every beta is free", derivative(
                beta @ W1 + b1, {beta: t, W1: dW1, b1: -(t @ W1 + beta @ dW1)}), zero(1, o),
            note=r"$d$ more; without $b_1$ the $o$ equations $\delta (\beta W_1) = 0$ are "
            r"independent: $d - o$.",
        ),
    ]


def must_fail() -> list[Step]:
    """Outside of each bound."""
    W0, b0, q = matrix("W_0", m, d), matrix("b_0", 1, d), matrix("q", 1, d)
    t, s = sympy.symbols("t s")
    return [
        MatrixCounterexample(
            "m + 1 > d: q is part of the rows of W0", derivative(
                W0 @ b0.T, {W0: W0, b0: b0 + q}), 2 * (W0 @ b0.T),
            {W0: [[1]], b0: [[1]], q: [[1]]}, scope="m = d = 1",
        ),
        Counterexample(
            "epsilon > 0 breaks the scale: (m, d, o) = (3, 4, 3)",
            sympy.Integer(redundancy(3, 4, 3, True, True)),
            sympy.Integer(4 + gram(4, 4)), {}, note="11, not 10: the field above.",
        ),
        Counterexample(
            "a bias keeps the scale: (m, d) = (4, 4)", sympy.Integer(scale(5, 4, True, True)),
            sympy.Integer(1), {},
        ),
        _equation_rank(2, 1, 2, False, False, 2),
        Counterexample(
            "eps = 0, d = 1: one scale", sympy.Integer(scale(2, 1, False, False)),
            sympy.Integer(1), {},
            note=r"$Q$ is a square and not prime: $f$ sees the sign of $x W_0$ alone, and all of "
            r"$W_0$ is free; by the rank above, for $m' = 2$.",
        ),
        Counterexample(
            "the scale with epsilon and W0 alone", 1 / (s**2 * t + 1), 1 / (s**2 * (t + 1)),
            {s: 2, t: 1}, note=r"$1 / Q$ without $b_0$.",
        ),
        Counterexample(
            "m' < d: dS = 0 is so(d)", sympy.Integer(gram(2, 4)), sympy.Integer(6), {},
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K6",
        title="A norm between two linear maps",
        statement=(
            r"Let $m' = m + [b_0]$, $k = \min(m', d)$. For almost all weights the redundancy $P - "
            r"\operatorname{rank} J$ of $(N(x W_0 + b_0) G) W_1$, $N$ RMSNorm, $x \in "
            r"\mathbb{R}^m$, $o$ outputs, is $d + \mathrm{gram}(m', d) + o (d - k) + s$, gram of "
            r"K2, where $s = 1$ if $\epsilon = 0$ ($m'$ if $d = 1$) or if there is $b_0$ and $m + "
            r"1 \le d$, else 0. Of $(N(x W_0 + b_0) G + \beta) W_1 + b_1$, $N$ LayerNorm, $D = d - "
            r"1 \ge 1$, it is $\mathrm{gram}(m', D) + m' + (o d + d - o k) + (d \text{ with } b_1,"
            r" d - o \text{ without}) + s$ with $D$ in the place of $d$ in $k$ and $s$."
        ),
        hypotheses=(r"$x$ takes all values of $\mathbb{R}^m$; $m, o \ge 1$.",),
        premises=(Premise("K2", "Primes and Gram matrices (proved there)."),),
        scope=(
            r"All sizes, by identities and primes, on no premise of transcendence. The equation is "
            r"also solved at stated sizes, on both sides."
        ),
        steps=(*equation(), *preimages(), *scale_with_epsilon(), *layer_norm(), *must_fail()),
        conclusion=(
            r"The solutions $(\delta A, \delta S)$ are 0 or, where $\epsilon = 0$ or $b_0$ is "
            r"there, the multiples of $(A, 2 (S + e E))$, if that $\delta S$ is one of a $\delta "
            r"W$: always for $\epsilon = 0$, for $\epsilon > 0$ iff $m' \le d$. ($Q$ is definite "
            r"on two variables: for $\epsilon > 0$ with $b_0$ always; for $\epsilon = 0$ if $d, "
            r"m' \ge 2$; for $m' = 1$ all is a number, and the same holds. For $\epsilon = 0$ and "
            r"$d = 1$, $Q = l^2$ and $s = l\, t$ with any linear form $t$: $m'$.) Each has the same"
            r" number of preimages, $d + \mathrm{gram}(m', d) + o (d - k)$. LayerNorm: $W C$ is $W$"
            r" in $D$ dimensions, and the constant part $\beta W_1 + b_1$ is separate, as $x \to "
            r"-x$ at infinity turns the sign of the rest (without $b_0$, everywhere)."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
