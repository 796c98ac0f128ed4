"""K5: one layer of attention: all that leaves it unchanged, at every size.

Row t of the output, tokens as rows, head by head: y_t = sum_h sum_s p_ts (x_s W_V + b_V) W_O + b_O
with p the softmax of S_ts = (x_t W_Q + b_Q) (x_s W_K + b_K)^T (a fixed factor changes nothing).
With w_s = x_s - x_t, N = W_V W_O, and p_t = 1 - sum of the others,
y_t = x_t sum_h N_h + sum_h sum_s p_s w_s N_h + b. There are g groups of m heads, which share
W_K and W_V.
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
    derivative,
    identity,
    integers,
    linear_map,
    main,
    matrix,
    pair,
    sizes,
    zero,
)

n, d, k, v, m = sizes("n d k v m")


def values(d: int, d_v: int, groups: int, m: int, biases: str) -> int:
    """What W_V, W_O, b_V, b_O leave free; `biases` are letters of "qkvo"."""
    shift = groups * d_v if "v" in biases else 0
    return groups * pair(d, m * d, d_v) + (shift if "o" in biases else max(0, shift - d))


def redundancy(
    T: int, d: int, d_k: int, d_v: int, groups: int, m: int, biases: str = ""
) -> int:
    """P - rank J of softmax attention, m heads to each group, T tokens, causal or not."""
    if T == 1:
        if set(biases) & set("vo"):
            raise ValueError("one token with b_V or b_O is not covered")
        seen = min(d, groups * d_v)
        weights = groups * (m + 1) * d * (d_k + d_v)
        shifts = groups * d_k * (m * ("q" in biases) + ("k" in biases))
        return weights + shifts - seen * (2 * d - seen)
    scores = groups * pair(m * (d + ("q" in biases)), d, d_k)
    return scores + ("k" in biases) * groups * d_k + values(d, d_v, groups, m, biases)


def sigmoid_redundancy(
    T: int, d: int, d_k: int, d_v: int, groups: int, m: int, biases: str = ""
) -> int:
    """The same with the sigmoid of each score in the place of softmax, T >= 2."""
    if T == 1:
        raise ValueError("one token sees the symmetric part of its scores alone")
    q, k, v = (d + (c in biases) for c in "qkv")
    return groups * (pair(m * q, k, d_k) + pair(v, m * d, d_v))


def softmax() -> list[Step]:
    """The variation of a row, as a polynomial in the p_s."""
    tau = sympy.Symbol("tau")
    S, Z = sympy.Function("S")(tau), sympy.Function("Z")(tau)
    p = matrix("p", 1, n)
    D, one = matrix("D", n, n, kind="diagonal"), matrix("one", n, 1, kind="ones",
                                                        latex=r"\mathbf{1}")
    w, N, dN = matrix("w", n, d), matrix("N", d, d), matrix("dN", d, d, latex=r"\delta N")
    e, delta, s = matrix("e", 1, n), sympy.Symbol("D_s"), sympy.Symbol("p_s")
    x, db = matrix("x", 1, d), matrix("db", 1, d, latex=r"\delta b")
    unit = ((e @ D, delta * e), (e @ one, identity(1)))
    at = s * e
    moved = at @ D - at @ D @ one @ at
    return [
        PolynomialIdentity(
            "the derivative of one weight", (sympy.exp(S) / Z).diff(tau),
            sympy.exp(S) / Z * (S.diff(tau) - Z.diff(tau) / Z),
            note=r"$S = S_{ts} - S_{tt}$ and $Z = 1 + \sum_r e^{S_r}$, any number of keys: $\delta "
            r"p_s = p_s (D_s - \sum_r p_r D_r)$ with $D_s = \delta (S_{ts} - S_{tt})$.",
        ),
        MatrixIdentity(
            "a row of p in which one key alone is not 0", moved @ w @ N + at @ w @ dN,
            s * (e @ w @ dN) + (delta * s) * (e @ w @ N) - (delta * s**2) * (e @ w @ N),
            rules=unit,
            note=r"$\delta p = p D - (p D \mathbf{1})\, p$; $e$ is the unit row of the key $s$, so "
            r"$e w = w_s$. A polynomial in the $p$ of all heads that vanishes does so on this line."
            r" $p_s^2$: $D_s\, w_s N_h = 0$, so $D_s = 0$. $p_s$: then $w_s\, \delta N_h = 0$, so "
            r"$\delta N_h = 0$, $w_s$ being arbitrary.",
        ),
        MatrixIdentity(
            "at p = 0", derivative(x @ N + (0 * p) @ w @ N + matrix("b", 1, d), {
                N: dN, matrix("b", 1, d): db}), x @ dN + db,
            note=r"Summed over heads: $\delta b = 0$, where $b = \sum_h b_V W_O + b_O$.",
        ),
    ]


def scores() -> list[Step]:
    """D_s = 0, without and with biases."""
    q, w = matrix("q", 1, k), matrix("w", 1, d)
    W_Q, W_K, b_K = matrix("W_Q", m, k), matrix("W_K", d, k), matrix("b_K", 1, k)
    x = matrix("x", 1, m)
    dW_Q = matrix("dW_Q", m, k, latex=r"\delta W_Q")
    dW_K = matrix("dW_K", d, k, latex=r"\delta W_K")
    y = matrix("y", 1, d)
    return [
        MatrixIdentity(
            "the key bias drops out", q @ ((y + w) @ W_K + b_K).T - q @ (y @ W_K + b_K).T,
            q @ W_K.T @ w.T,
            note=r"$y = x_t$. So $D_s = (x_t, 1)\, \delta\big([W_Q; b_Q] W_K^{\top}\big)\, "
            r"w_s^{\top}$, and $b_K$ is free.",
        ),
        MatrixIdentity(
            "the variation of a difference of scores",
            derivative(x @ W_Q @ W_K.T @ w.T, {W_Q: dW_Q, W_K: dW_K}),
            x @ (dW_Q @ W_K.T + W_Q @ dW_K.T) @ w.T,
            note=r"$x$ stands for $(x_t, 1)$, the heads of a group one above the other. As $x$ and "
            r"$w$ are arbitrary, the bracket is 0: K2 with $A = W_Q$ ($m d' \times d_k$), $B = "
            r"W_K^{\top}$; for the values $A = W_V$ ($d \times d_v$), $B = W_O$ ($d_v \times m "
            r"d$).",
        ),
        *(ExactRank(
            f"d, d_k, m = {s}: the scores leave {pair(s[2] * s[0], s[0], s[1])}", _score_map(*s),
            (s[2] + 1) * s[0] * s[1] - pair(s[2] * s[0], s[0], s[1]), scope=f"d, d_k, m = {s}",
        ) for s in ((3, 2, 1), (3, 3, 1), (3, 4, 1), (2, 3, 1), (2, 3, 2), (2, 2, 2))),
        PolynomialIdentity(
            "d_k > d, one head to a group", k * 2 * d - d * (2 * d - d), 2 * d * k - d**2,
        ),
    ]


def _score_map(d: int, d_k: int, m: int) -> Any:
    Q, K = integers(m * d, d_k, 1), integers(d, d_k, 2)
    return linear_map(lambda q, k: q * K.T + Q * k.T, (m * d, d_k), (d, d_k))


def biases() -> list[Step]:
    """delta (sum b_V W_O + b_O) = 0 beside delta (W_V W_O) = 0."""
    p, one, b = matrix("p", 1, n), matrix("one", n, 1, kind="ones", latex=r"\mathbf{1}"), matrix(
        "b_V", 1, v)
    W_O, c, a = matrix("W_O", v, d), matrix("c", 1, v), matrix("a", v, v)
    X = matrix("X", n, v)
    return [
        MatrixIdentity(
            "rows of softmax sum to 1", p @ (X + one @ b) @ W_O, p @ X @ W_O + b @ W_O,
            rules=((p @ one, identity(1)),),
        ),
        MatrixIdentity(
            "with b_O every shift of b_V is free",
            derivative(b @ W_O + matrix("b_O", 1, d), {b: c, matrix("b_O", 1, d): -(c @ W_O)}),
            zero(1, d), note=r"$g d_v$ more.",
        ),
        MatrixIdentity(
            "without b_O: the variation lies in the rows of W_O",
            derivative(b @ W_O, {b: c, W_O: -(a @ W_O)}), (c - b @ a) @ W_O,
            note=r"$d_v \le d$. The rows of the $g$ matrices $\sum_{h \in g} W_O$ span a space of "
            r"dimension $\min(d, g d_v)$, all of which $c$ reaches: that many equations on $g d_v$ "
            r"unknowns, $\max(0, g d_v - d)$ more.",
        ),
    ]


def must_fail() -> list[Step]:
    """The false neighbours."""
    q, y, w = matrix("q", 1, k), matrix("y", 1, d), matrix("w", 1, d)
    W_K, b_K = matrix("W_K", d, k), matrix("b_K", 1, k)
    M, N, s = matrix("M", d, d), matrix("N", d, d), sympy.Symbol("s")
    x = matrix("x", 1, d)

    def claims(name: str, true: int, false: int, note: str) -> Step:
        return Counterexample(name, sympy.Integer(true), sympy.Integer(false), {}, note=note)

    return [
        MatrixCounterexample(
            "a score does not see b_K: so sigmoid and sinks have no term g d_k",
            q @ ((y + w) @ W_K + b_K).T, q @ ((y + w) @ W_K).T,
            {q: [[1]], y: [[1]], w: [[1]], W_K: [[1]], b_K: [[1]]},
        ),
        MatrixIdentity(
            "linear attention has one scaling more, between scores and values",
            x @ (s * M) @ y.T @ y @ (1 / s * N), x @ M @ y.T @ y @ N,
            note=r"It has no atoms and is not covered.",
        ),
        claims("d_k = 4 > d = 3: the scores leave d_k^2", pair(3, 3, 4), 16,
               r"$2 d d_k - d^2 = 15$, by the rank above."),
        claims("d = 2, d_k = 3, two heads to a group: 2 d d_k - d^2 each", pair(4, 2, 3), 8,
               r"By the rank above: a group counts once, $k (m d + d) - r (m d + d - r)$."),
        claims("one token: the formula of two", redundancy(1, 3, 2, 2, 1, 1),
               redundancy(2, 3, 2, 2, 1, 1), r"$W_Q$ and $W_K$ are not seen at all."),
        claims("without b_O a shift of b_V is free", values(3, 2, 1, 1, "v"),
               values(3, 2, 1, 1, "vo"), r"$d = 3$, $d_v = 2$, one head."),
        claims("W_V W_O of d = 2, d_v = 3 is gl(d_v)", pair(2, 2, 3), 9, r"K2."),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K5",
        title="Attention: all that leaves a layer unchanged",
        statement=(
            r"Let $T \ge 2$ tokens of $x \in \mathbb{R}^d$ enter softmax attention, causal or not, "
            r"with $g$ groups of $m$ heads. For almost all weights its redundancy $P - "
            r"\operatorname{rank} J$ is $g\, \mathrm{pair}(m d', d, d_k) + g\, \mathrm{pair}(d, m "
            r"d, d_v) + [b_K]\, g d_k + V$ with pair of K2, $d' = d + 1$ with $b_Q$, else $d$; $V ="
            r" 0$ without $b_V$, $g d_v$ with $b_V$ and $b_O$, $\max(0, g d_v - d)$ with $b_V$ "
            r"alone. So $g (d_k^2 + d_v^2)$ without biases for $d_k, d_v \le d$. With one token it "
            r"is $P - r (2 d - r)$, $r = \min(d, g d_v)$ (without $b_V$, $b_O$). With the sigmoid "
            r"of each score: $g\, \mathrm{pair}(m d', d + [b_K], d_k) + g\, \mathrm{pair}(d + "
            r"[b_V], m d, d_v)$."
        ),
        hypotheses=(
            r"The tokens take all values of an open set, independently; some row sees two tokens.",
        ),
        premises=(
            Premise("K1", r"The $p_s$ of a row, over all heads and keys $s \ne t$, are independent "
                    r"over the field of rational functions of the tokens; the symbols are entries "
                    r"of $W_Q$."),
            Premise("K2", "Matrix equations (proved there)."),
        ),
        scope=(
            "All sizes; the ranks at stated sizes check the counts on both sides of each bound. Not"
            " covered: linear attention, and one token with a value or output bias or a sigmoid."
        ),
        steps=(*softmax(), *scores(), *biases(), *must_fail()),
        conclusion=(
            r"The first steps give, head by head, $\delta N_h = 0$, $D_s = 0$ and $\delta b = 0$, "
            r"once one row sees a second token. $x_t$ and $w_s$ are independent, so $D_s = 0$ is "
            r"an equation between matrices, one for each group, and K2 counts both; what is left "
            r"are the biases. With one token $y = x \sum_h N_h$, a product of rank $r$. Sigmoid: "
            r"$\sigma(S_{ts})$ is an atom for every key $s$, with $(x_s, 1)$ in the place of "
            r"$w_s$; the coefficients say $\delta S_{ts} = 0$ and $\delta ((x_s, 1) [W_V; b_V] W_O)"
            r" = 0$. "
            r"All that is left each time is a symmetry (C9)."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
