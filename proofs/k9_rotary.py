"""K9: attention with rotary tables, and with normalised queries and keys.

As K5, with M^tau = W_Q R^tau W_K^T in the scores of tokens at the offset tau: R is a rotation of
pairs of entries by fixed angles. Or q = N(x W_Q) G_Q, k = N(x W_K) G_K with N RMSNorm.
"""

from collections.abc import Sequence
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
    sizes,
    zero,
)

d, k = sizes("d k")


def commutant(pairs: Sequence[int], fixed: int) -> int:
    """Matrices that commute with R: `pairs` of each angle, `fixed` entries that do not turn."""
    return sum(2 * c * c for c in pairs) + fixed**2


def rotary_scores(
    T: int, d: int, groups: int, pairs: Sequence[int], fixed: int, biases: str = ""
) -> int:
    """What W_Q, W_K, b_Q, b_K leave free, causal, angles in (0, pi). ValueError: not covered."""
    d_k = 2 * sum(pairs) + fixed
    if d_k <= d + ("q" in biases and set(pairs) == {1}) and T >= 3:
        return groups * (commutant(pairs, fixed) + fixed * ("k" in biases))
    if set(biases) & set("qk"):
        raise ValueError("biases of queries and keys ask for d_k <= d and three tokens")
    if d_k <= d and T == 2 and 2 * d_k <= d + 1:
        return groups * commutant(pairs, fixed)
    if T > d_k and set(pairs) == {1} and not fixed:
        return groups * d_k
    raise ValueError(f"T, d, d_k = {T}, {d}, {d_k} is not covered")


def normed_scores(d: int, d_k: int, groups: int, m: int, gains: bool, eps: bool) -> int:
    """Queries and keys through RMSNorm, gains (shared by all heads) or none; T >= 2."""
    if not 2 <= d_k <= d:
        raise ValueError("2 <= d_k <= d is asked for")
    return (d_k if gains else groups * d_k * (d_k - 1) // 2) + (not eps) * groups * (m + 1)


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
        *_one_key_fewer(),
        *_rotary_ranks(),
    ]


def _one_key_fewer() -> list[Step]:
    """d_k = d + 1 with a query bias: the rows of W_Q and b_Q are a basis, the keys miss one w."""
    b1, b2, b3, b4, x, y, c, s = sympy.symbols("b_1 b_2 b_3 b_4 x y c s")
    turn, beta, z = (sympy.Matrix([[c, -s], [s, c]]), sympy.Matrix([[b1, b2], [b3, b4]]),
                     sympy.Matrix([[x, -y], [y, x]]))
    moved = beta - turn * beta * turn.T
    u1, u2, w1, w2 = sympy.symbols("u_1 u_2 w_1 w_2")
    u, w = sympy.Matrix([u1, u2]), sympy.Matrix([[w1, w2]])
    j = sympy.Matrix([[0, -1], [1, 0]])
    return [
        PolynomialIdentity(
            "beta less its turned copy is orthogonal to what turns alike", sympy.expand(
                (z.T * moved).trace()), sympy.Integer(0), relations=(c**2 + s**2 - 1,),
            note=r"One pair; entries that do not turn have the difference 0. Two offsets give "
            r"$(\beta - \Delta \beta \Delta^{-1}) W_K^{\top} = 0$, $\Delta$ their difference, so "
            r"this is $u w$, $w W_K^{\top} = 0$: orthogonal to all that commutes with $\Delta$.",
        ),
        PolynomialIdentity(
            "a column u with u w orthogonal to 1 and J is 0", (w1**2 + w2**2) * u1,
            w1 * (u.T * w.T)[0] + w2 * ((j * u * w).trace()),
            note=r"$w$ is generic, so $w \ne 0$ on each pair: $u = 0$ there, and $u w_n = 0$ on "
            r"entries that do not turn. So $\beta$, and $a$, commute with $R$. Heads of a group: "
            r"$\beta_h - \beta_{h'} = u w$ commutes with $\Delta$ and has rank 1, so it is 0.",
        ),
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
    W_Q, W_K, a, R = (matrix("W_Q", d, k), matrix("W_K", d, k), matrix("a", k, k),
                      matrix("R", k, k))
    one = [[1, 0], [0, 1]]

    def claims(name: str, true: int, false: int, note: str) -> Step:
        return Counterexample(name, sympy.Integer(true), sympy.Integer(false), {}, note=note)

    return [
        MatrixCounterexample(
            "any a is a symmetry of a rotary table", W_Q @ a @ R @ W_K.T - W_Q @ R @ a @ W_K.T,
            zero(d, d),
            {W_Q: one, W_K: one, a: [[1, 0], [0, 2]], R: [[0, -1], [1, 0]]},
        ),
        claims("equal angles leave d_k", commutant((2,), 0), 4,
               r"$2 (d_k / 2)^2$, by the rank above."),
        claims("d_k = d = 4: two tokens are enough", 6, 4, r"By the rank above; $e = 4$."),
        claims("d_k = 4 > d = 2: three tokens are enough", 5, 4,
               r"By the rank above; five are."),
        claims("norms: one offset is enough", _normed_map(_turn(THREE, FIVE), (1,)).rank(), 18,
               r"$d_k = 4$: offsets 1 and 2 have the rank 18."),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K9",
        title="Attention with rotary tables, and with norms of queries and keys",
        statement=(
            r"Let attention be as in K5, causal, with $g$ groups of heads. (a) Rotary tables with "
            r"$c_j$ pairs of the angle $\omega_j \in (0, \pi)$, the $\omega_j$ distinct, and $n_0$ "
            r"entries that do not turn, $d_k = 2 \sum c_j + n_0 \le d$ (or $d_k = d + 1$ with "
            r"$b_Q$ and all $c_j = 1$), $T \ge 3$: for almost all "
            r"weights the queries and keys leave $g (2 \sum c_j^2 + n_0^2)$, and $g n_0$ more with "
            r"$b_K$, in the place of K5's count; what values and biases of values leave is as "
            r"there. Without $b_Q$, $b_K$ two tokens are enough if $2 d_k \le d + 1$; and for "
            r"any $d$, $T > d_k$ tokens, if all $c_j = 1$ and $n_0 = 0$: $g d_k$. (b) RMSNorm "
            r"of queries and keys, $T \ge 2$, $2 \le d_k \le d$, no $b_Q$, $b_K$: $d_k$ with "
            r"gains shared by all heads, $g d_k (d_k - 1) / 2$ without gains, and one more for "
            r"each $W_Q$ and $W_K$ of a head or group if $\epsilon = 0$."
        ),
        hypotheses=(
            r"The tokens take all values of an open set, independently.",
            r"(b) the products $g_{Q,i} g_{K,i}$ have distinct squares, not 0.",
        ),
        premises=(
            Premise("K1, K5", r"The split of a row: $\delta (S_{ts} - S_{tt}) = 0$."),
            Premise("K2, K6", "Matrix equations, and a norm between linear maps (proved there)."),
        ),
        scope=(
            r"All sizes in the ranges given. At stated sizes alone: both together ($d_k = 2, 4, 6$,"
            r" $T = 3$: a scaling for each pair), equal angles with $T > d_k$, and the numbers "
            r"outside of the ranges. Not covered: $d_k > d$ with $T \le d_k$, where $\max(d_k, 2 d "
            r"d_k - (T - 1) d^2 - d (d + 1) / 2)$ was seen; $T = 2$ with $e = 2 d_k - d \ge 2$, "
            r"where $\max(d_k, e (e - 1) / 2)$ was."
        ),
        steps=(*rotary(), *normed_queries(), *must_fail()),
        conclusion=(
            r"(a) $\delta M^{\tau} = 0$ at offsets 1 and 2, with $W_Q$, $W_K$ of full rank $d_k$, "
            r"makes $\delta W_Q = W_Q a$, $\delta W_K = -W_K a^{\top}$ with $a R = R a$, head by "
            r"head, with one $a$ for the heads of a group, as they share $W_K$. The commutant of a "
            r"rotation is a direct sum: complex $c_j \times c_j$ matrices, and real ones on what "
            r"is fixed. With one offset an antisymmetric matrix of rank at most $e \le 1$ is 0. "
            r"With $T > d_k$ and any $d$: in a complex basis $M^{\tau} = \sum_j \lambda_j^{\tau} "
            r"q_j k_j^{\top}$ with $d_k$ distinct $\lambda_j$, and a Vandermonde matrix gives "
            r"$\delta (q_j k_j^{\top}) = 0$ for each $j$: $\delta q_j = c_j q_j$, $\delta k_j = "
            r"-c_j k_j$, $c$ of conjugates conjugate. (b) By the steps, the gains' product and the "
            r"rotations do not vary; each $g_Q$ may take from $g_K$. All that is left is a "
            r"symmetry."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
