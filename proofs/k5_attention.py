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
    gram,
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


def rotary_redundancy(
    T: int, d: int, d_k: int, d_v: int, groups: int, m: int, biases: str = ""
) -> int:
    """Causal, rotary tables of d_k / 2 distinct angles in (0, pi)."""
    if d_k <= d and T >= 3 or T > d_k and not set(biases) & set("qk"):
        scores = d_k
    elif d_k <= d and T == 2 and m == 1 and not biases:
        e = max(0, 2 * d_k - d)
        scores = max(d_k, e * (e - 1) // 2)  # seen, not proved, where it is not d_k
    else:
        raise ValueError("not covered")
    return groups * scores + values(d, d_v, groups, m, biases)


def normed_redundancy(
    d: int, d_k: int, d_v: int, groups: int, m: int, gains: bool, eps: bool
) -> int:
    """Queries and keys through RMSNorm, gains (shared by all heads) or none; T >= 2."""
    if not 2 <= d_k <= d:
        raise ValueError("2 <= d_k <= d is asked for")
    turns = d_k if gains else groups * d_k * (d_k - 1) // 2
    return turns + (0 if eps else groups * (m + 1)) + values(d, d_v, groups, m, "")


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


def rotary() -> list[Step]:
    """M^tau = W_Q R^tau W_K^T for each offset tau that is seen."""
    R, a = matrix("R", k, k), matrix("a", k, k)
    W_Q, W_K = matrix("W_Q", d, k), matrix("W_K", d, k)
    dW_K = matrix("dW_K", d, k, latex=r"\delta W_K")
    left, right = matrix("L", k, d), matrix("K_r", d, k, latex="{K^r}")
    full = ((left @ W_Q, identity(k)), (W_K.T @ right, identity(k)))
    b, db = matrix("b_K", 1, k), matrix("db_K", 1, k, latex=r"\delta b_K")
    x, y = matrix("x", 1, d), matrix("y", 1, d)
    M0, dM0 = matrix("M_0", d, d, latex="{M^0}"), matrix("dM_0", d, d, latex=r"\delta M^0")
    M, dM = (matrix("M", d, d, latex=r"M^{\tau}"),
             matrix("dM", d, d, latex=r"\delta M^{\tau}"))
    b_Q = matrix("b_Q", 1, k)
    given = W_Q @ a @ R @ W_K.T + W_Q @ R @ dW_K.T
    return [
        MatrixIdentity(
            "the variation of S_ts - S_tt", derivative(
                x @ M @ y.T - x @ M0 @ x.T, {M: dM, M0: dM0}), x @ dM @ y.T - x @ dM0 @ x.T,
            note=r"$y = x_s$. So $\delta M^{\tau} = 0$ for each offset $\tau \ne 0$ that is seen, "
            r"and of $\delta M^0$ the symmetric part is 0.",
        ),
        MatrixIdentity(
            "d_k at most d: the first offset", R.inv @ left @ given, R.inv @ a @ R @ W_K.T
            + dW_K.T, rules=full,
            note=r"As in K2 $\delta W_Q = W_Q a$; so $\delta W_K^{\top} = -R^{-1} a R\, "
            r"W_K^{\top}$.",
        ),
        MatrixIdentity(
            "the second offset: a commutes with R", R.inv @ (left @ (
                W_Q @ a @ R @ R @ W_K.T - W_Q @ R @ R @ R.inv @ a @ R @ W_K.T) @ right) @ R.inv,
            R.inv @ a @ R - a, rules=full,
            note=r"$\delta M^2 = 0$; $T \ge 3$ sees offsets 1 and 2. Then $\delta M^0 = 0$ as well."
            r" Distinct angles in $(0, \pi)$: the commutant has dimension $d_k$, one complex "
            r"number for each pair.",
        ),
        MatrixIdentity(
            "T = 2, one offset: what is left of M^0", derivative(
                W_Q @ W_K.T, {W_Q: W_Q @ a, W_K: -(W_K @ (R.inv @ a @ R).T)}),
            W_Q @ (a - R.inv @ a @ R) @ W_K.T,
            note=r"It may be antisymmetric. Both its columns and its rows then lie in the "
            r"intersection of the column spaces of $W_Q$ and $W_K$, of dimension $e = \max(0, 2 "
            r"d_k - d)$.",
        ),
        MatrixIdentity(
            "a key bias: only what R leaves alone is free",
            derivative(W_Q @ (R - identity(k)) @ b.T, {W_Q: W_Q @ a, b: db - b @ a.T}),
            W_Q @ (R - identity(k)) @ db.T + W_Q @ (a @ R - R @ a) @ b.T,
            note=r"The part of $D_s$ that is linear in $x_t$. With $a R = R a$: $(R - 1)\, \delta "
            r"b_K^{\top} = 0$.",
        ),
        MatrixIdentity(
            "a query bias turns with the queries", derivative(
                b_Q @ R @ W_K.T, {b_Q: b_Q @ a, W_K: -(W_K @ a.T)}),
            b_Q @ (a @ R - R @ a) @ W_K.T,
            note=r"So with $a R = R a$, $\delta b_Q = b_Q a$ is what $x_s$ asks for, and it is "
            r"unique, as $R W_K^{\top}$ has a right inverse.",
        ),
        *_rotary_ranks(),
    ]


def _turn(*triples: tuple[int, int, int]) -> Any:
    """A rotation with the cosines a / c and sines b / c of Pythagorean triples."""
    return sympy.diag(*(sympy.Matrix([[a, -b], [b, a]]) / c for a, b, c in triples))


THREE, FIVE, EIGHT = (3, 4, 5), (5, 12, 13), (15, 8, 17)


def _rotary_map(d: int, R: Any, T: int) -> Any:
    """delta M^tau for tau = 1 .. T - 1 and the symmetric part of delta M^0."""
    r = R.shape[0]
    Q, K = integers(d, r, 1), integers(d, r, 2)

    def image(q: Any, k: Any) -> Any:
        moved = [q * R**t * K.T + Q * R**t * k.T for t in range(T)]
        return sympy.Matrix.vstack(moved[0] + moved[0].T, *moved[1:])

    return linear_map(image, (d, r), (d, r))


def _rotary_ranks() -> list[Step]:
    two, equal, three = _turn(THREE, FIVE), _turn(THREE, THREE), _turn(THREE, FIVE, EIGHT)
    cases = (
        ("d_k = d = 4, T = 3", 4, two, 3, 4), ("d_k = 4, d = 5, T = 3", 5, two, 3, 4),
        ("d_k = d = 4, T = 3, equal angles", 4, equal, 3, 8),
        ("d_k = d = 4, T = 2", 4, two, 2, 6), ("d_k = 4, d = 5, T = 2", 5, two, 2, 4),
        ("d_k = d = 6, T = 2", 6, three, 2, 15),
        ("d_k = 4, d = 2, T = 5", 2, two, 5, 4), ("d_k = 4, d = 2, T = 3", 2, two, 3, 5),
    )
    return [
        ExactRank(
            f"{name}: the scores leave {left}", _rotary_map(d, R, T), 2 * d * R.shape[0] - left,
            scope=name,
        ) for name, d, R, T, left in cases
    ]


def normed_queries() -> list[Step]:
    """Scores n_q Gamma n_k^T of normalised queries and keys."""
    q, c = matrix("n_q", 1, k), matrix("n_k", 1, k)
    G, dG = matrix("Gamma", k, k, kind="diagonal"), matrix(
        "dGamma", k, k, kind="diagonal", latex=r"\delta\Gamma")
    O_q, O_k = matrix("O_q", k, k, kind="skew"), matrix("O_k", k, k, kind="skew")
    return [
        MatrixIdentity(
            "a score is odd in its key, the score with itself is not", q @ G @ (-c).T,
            -(q @ G @ c.T),
            note=r"$x_s \mapsto -x_s$: $\delta S_{ts}$ changes its sign and $\delta S_{tt}$ stays, "
            r"so both are 0.",
        ),
        MatrixIdentity(
            "turned queries and keys", derivative(q @ G @ c.T, {q: q @ O_q, c: c @ O_k, G: dG}),
            q @ (O_q @ G - G @ O_k + dG) @ c.T,
            note=r"By K6, for $x_t$ with $\Gamma n_k^{\top}$ at $d_k$ keys as the matrix behind the"
            r" norm, $\delta W_Q = W_Q O_q$ (and a multiple of $W_Q$ if $\epsilon = 0$), and so for"
            r" keys. The bracket is 0, so by K2 $O_q = O_k = 0$ for gains with distinct squares; "
            r"without gains $O_q = O_k$.",
        ),
        *(ExactRank(
            f"rotary, d_k = {R.shape[0]}, T = 3: gains and rotations leave {left}",
            _normed_map(R, (1, 2)), R.shape[0] * (R.shape[0] - 1) + 2 * R.shape[0] - left,
            scope=f"d_k = {R.shape[0]}",
            note=r"$O_q X - X O_k + \delta X = 0$, $X = \Gamma_q R^{\tau} \Gamma_k$, $\tau = 1, "
            r"2$: a scaling for each pair.",
        ) for R, left in ((_turn(THREE), 1), (_turn(THREE, FIVE), 2),
                          (_turn(THREE, FIVE, EIGHT), 3))),
    ]


def _normed_map(R: Any, offsets: tuple[int, ...]) -> Any:
    r = R.shape[0]
    q, k = sympy.diag(*range(2, r + 2)), sympy.diag(*(x**2 + 1 for x in range(1, r + 1)))
    cells = [(i, j) for i in range(r) for j in range(i)]

    def skew(entries: Any) -> Any:
        out = sympy.zeros(r, r)
        for value, (i, j) in zip(entries, cells):
            out[i, j], out[j, i] = value, -value
        return out

    def image(oq: Any, ok: Any, dq: Any, dk: Any) -> Any:
        parts = []
        for t in offsets:
            X = q * R**t * k
            change = sympy.diag(*dq) * R**t * k + q * R**t * sympy.diag(*dk)
            parts.append(skew(oq) * X - X * skew(ok) + change)
        return sympy.Matrix.vstack(*parts)

    return linear_map(image, (len(cells), 1), (len(cells), 1), (r, 1), (r, 1))


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
        claims("equal angles leave d_k", 8, 4, r"$2 (d_k / 2)^2$, by the rank above."),
        claims("rotary, d_k = d = 4: two tokens are enough", 6, 4, r"By the rank above; $e = 4$."),
        claims("rotary, d_k = 4 > d = 2: three tokens are enough", 5, 4,
               r"By the rank above; five are."),
        claims("rotary and norms: one offset is enough", _normed_map(
            _turn(THREE, FIVE), (1,)).rank(), 18, r"$d_k = 4$: offsets 1 and 2 have the rank 18."),
        claims("without b_O a shift of b_V is free", values(3, 2, 1, 1, "v"),
               values(3, 2, 1, 1, "vo"), r"$d = 3$, $d_v = 2$, one head."),
        claims("W_V W_O of d = 2, d_v = 3 is gl(d_v)", pair(2, 2, 3), 9, r"K2."),
        claims("symmetric and skew parts of d = 4", gram(4, 4), 4 * 5 // 2, r"$\delta M^0$ is "
               r"asked for its symmetric part alone."),
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
            r"[b_V], m d, d_v)$. With rotary tables of $d_k / 2$ distinct angles in $(0, \pi)$ the "
            r"scores leave $g d_k$ if $d_k \le d$ and $T \ge 3$, with $b_Q$, $b_K$ too, or "
            r"without them if $T > d_k$. With RMSNorm of "
            r"queries and keys, $2 \le d_k \le d$, no $b_Q$, $b_K$: $d_k$ with gains of distinct "
            r"squares of $\gamma = g_Q g_K$ shared by all heads, $g d_k (d_k - 1) / 2$ without "
            r"gains, and one more for each $W_Q$ and $W_K$ of a head or group if $\epsilon = 0$."
        ),
        hypotheses=(
            r"The tokens take all values of an open set, independently; some row sees two tokens.",
            r"For rotary tables on tokens $1, \dots, T$: causal, or generic angles.",
        ),
        premises=(
            Premise("K1", r"The $p_s$ of a row, over all heads and keys $s \ne t$, are independent "
                    r"over the field of rational functions of the tokens; the symbols are entries "
                    r"of $W_Q$."),
            Premise("K6", "Norms between linear maps, for queries and keys behind a norm."),
        ),
        scope=(
            r"All sizes. Decided at stated sizes alone: the rotary count beside norms ($d_k = 2, 4,"
            r" 6$), and the counts outside of the ranges. Not covered: linear attention, rotary "
            r"with $d_k > d$ and $T \le d_k$, the exact count for $T = 2$ and $2 d_k > d$."
        ),
        steps=(*softmax(), *scores(), *biases(), *rotary(), *normed_queries(), *must_fail()),
        conclusion=(
            r"The first steps give, head by head, $\delta N_h = 0$, $D_s = 0$ and $\delta b = 0$, "
            r"once one row sees a second token. $x_t$ and $w_s$ are independent, so $D_s = 0$ is "
            r"an equation between matrices, one for each group, and K2 counts both; what is left "
            r"are the biases. With one token $y = x \sum_h N_h$, a product of rank $r$. Sigmoid: "
            r"$\sigma(S_{ts})$ is an atom for every key $s$, with $(x_s, 1)$ in the place of "
            r"$w_s$; the coefficients say $\delta S_{ts} = 0$ and $\delta ((x_s, 1) [W_V; b_V] W_O)"
            r" = 0$. Rotary with $T > d_k$ and any $d$: in a complex basis $M^{\tau} = \sum_j "
            r"\lambda_j^{\tau} q_j k_j^{\top}$ with $d_k$ distinct $\lambda_j$, and a Vandermonde "
            r"matrix gives $\delta (q_j k_j^{\top}) = 0$ for each $j$: $\delta q_j = c_j q_j$, "
            r"$\delta k_j = -c_j k_j$. All that is left each time is a symmetry (C9)."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
