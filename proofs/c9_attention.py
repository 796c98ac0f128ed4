"""C9: the two redundancies of attention, internal and of the stream, and what biases add.

Tokens are rows, X in R^{T x d}; one head with W_Q, W_K in R^{d x k}, W_V in R^{d x v},
W_O in R^{v x d}. A head is P X W_V W_O with P = softmax of S = X W_Q W_K^T X^T along the keys;
the layer is a sum of such heads, and every step below holds head by head.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    Matrix,
    MatrixCounterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    derivative,
    identity,
    main,
    matrix,
    sizes,
    zero,
)

T, d, k, v = sizes("T d k v")  # tokens, width, query/key size, value size
X = matrix("X", T, d)
one = matrix("one", T, 1, kind="ones", latex=r"\mathbf{1}")
W_Q, W_K = matrix("W_Q", d, k), matrix("W_K", d, k)
W_V, W_O = matrix("W_V", d, v), matrix("W_O", v, d)
b_Q, b_K = matrix("b_Q", 1, k), matrix("b_K", 1, k)
b_V, b_O = matrix("b_V", 1, v), matrix("b_O", 1, d)
g, m = matrix("g", k, k), matrix("m", v, v)  # the internal group
P = matrix("P", T, T)  # the attention pattern, whatever its entries


def internal() -> list[Step]:
    """W_Q -> W_Q g, W_K -> W_K g^-T, W_V -> W_V m, W_O -> m^-1 W_O, biases alike."""
    query, key = X @ W_Q + one @ b_Q, X @ W_K + one @ b_K
    query_moved = X @ (W_Q @ g) + one @ (b_Q @ g)
    key_moved = X @ (W_K @ g.inv.T) + one @ (b_K @ g.inv.T)
    value, value_moved = X @ W_V + one @ b_V, X @ (W_V @ m) + one @ (b_V @ m)
    return [
        MatrixIdentity(
            "the scores do not change under g", query_moved @ key_moved.T, query @ key.T,
            note="Equal scores give equal patterns $P$, whatever function of the scores $P$ is.",
        ),
        MatrixIdentity(
            "the output does not change under m",
            P @ value_moved @ (m.inv @ W_O) + one @ b_O, P @ value @ W_O + one @ b_O,
            note="For any pattern $P$, so for softmax, sigmoid and linear attention alike.",
        ),
    ]


def key_bias() -> list[Step]:
    """A key bias shifts each row of scores by a constant, which softmax does not see."""
    c = matrix("c", 1, k)
    query, key = X @ W_Q + one @ b_Q, X @ W_K + one @ b_K
    # E holds exp(scores), Z its row sums on the diagonal: softmax is Z^-1 E
    E, Z = matrix("E", T, T), matrix("Z", T, T, kind="diagonal")
    A = matrix("A", T, T, kind="diagonal")  # A_ii = exp(a_i), a_i the shift of row i
    s, a = sympy.symbols("s1:5"), sympy.Symbol("a")
    total = sum(sympy.exp(x) for x in s)
    total_shifted = sum(sympy.exp(x + a) for x in s)
    return [
        MatrixIdentity(
            "a key bias adds a multiple of one along the keys",
            query @ (key + one @ c).T, query @ key.T + (query @ c.T) @ one.T,
            note=r"Row $i$ of the scores moves by $a_i = (X W_Q + \mathbf{1} b_Q)_i \cdot c$.",
        ),
        PolynomialIdentity(
            "exp turns a shift of the scores into a factor",
            sympy.exp(s[0] + a), sympy.exp(a) * sympy.exp(s[0]),
        ),
        MatrixIdentity(
            "the row sums take the same factor", A @ E @ one, A @ Z @ one,
            rules=((E @ one, Z @ one),),
            note=r"$E$ holds $\exp(s_{ij})$, $Z$ its row sums, $A$ the factors $\exp(a_i)$.",
        ),
        MatrixIdentity(
            "so softmax does not change", (A @ Z).inv @ (A @ E), Z.inv @ E,
            note="Softmax is $Z^{-1} E$; with the shift it is $(A Z)^{-1} (A E)$.",
        ),
        PolynomialIdentity(
            "the same, written out for T = 4",
            sympy.Matrix([sympy.exp(x + a) / total_shifted for x in s]),
            sympy.Matrix([sympy.exp(x) / total for x in s]),
            scope="T = 4",
        ),
    ]


def value_bias() -> list[Step]:
    """Rows of a softmax sum to 1, so a value bias is a shift of the output bias."""
    c = matrix("c", 1, v)
    E, Z = matrix("E", T, T), matrix("Z", T, T, kind="diagonal")
    value = X @ W_V + one @ b_V
    return [
        MatrixIdentity(
            "the rows of softmax sum to 1", Z.inv @ E @ one, one, rules=((E @ one, Z @ one),),
        ),
        MatrixIdentity(
            "the output bias absorbs a shift of the value bias",
            P @ (value + one @ c) @ W_O + one @ (b_O - c @ W_O), P @ value @ W_O + one @ b_O,
            rules=((P @ one, one),),
        ),
    ]


def stream() -> list[Step]:
    """Y = X U(t), the same U for all tokens: M' = U^-1 M U^-T, N' = U^-1 N U."""
    M, N = matrix("M", d, d), matrix("N", d, d)
    U, U_dot = matrix("U", d, d), matrix("U_dot", d, d, latex=r"\dot U")
    U_next = matrix("U_next", d, d, latex="U_{+}")
    Y, M_moved, N_moved = X @ U, U.inv @ M @ U.inv.T, U.inv @ N @ U
    rate = derivative(Y, {X: P @ X @ N, U: U_dot})
    return [
        MatrixIdentity(
            "the scores are those of the old stream", Y @ M_moved @ Y.T, X @ M @ X.T,
        ),
        MatrixIdentity(
            "the moved stream obeys the moved equation",
            rate, P @ Y @ N_moved + Y @ (U.inv @ U_dot),
            note=r"Along $\dot X = P X N$. The last term is the connection $U^{-1} \dot U$.",
        ),
        MatrixCounterexample(
            "the connection left out", rate, P @ Y @ N_moved,
            {X: [[1]], P: [[1]], N: [[1]], U: [[2]], U_dot: [[3]]},
        ),
        MatrixCounterexample(
            "a discrete identity skip with a U that varies",
            (X + P @ X @ N) @ U_next, Y + P @ Y @ (U.inv @ N @ U_next),
            {X: [[1]], P: [[1]], N: [[1]], U: [[1]], U_next: [[2]]},
            note="The skip carries $X U$, the next layer expects $X U_{+}$.",
        ),
        *identity_skip(U, U_next, N),
    ]


def identity_skip(U: Matrix, U_next: Matrix, N: Matrix) -> list[Step]:
    """X + P X N moved to X U -> X_+ U_+: two tokens force U_+ = U, one token does not."""
    Z, N_any = matrix("Z", T, d), matrix("N_any", d, d, latex="N'")
    p = sympy.Symbol("p")  # 1 / T, the pattern of zero scores
    uniform = p * (one @ one.T)
    centred = ((one.T @ Z, zero(1, d)),)
    x = matrix("x", 1, d)
    N_one = U.inv @ ((identity(d) + N) @ U_next - U)
    return [
        MatrixIdentity(
            "an identity skip: the old layer at first order in X",
            (Z + uniform @ Z @ N) @ U_next, Z @ U_next, rules=centred,
            note=r"$X = \epsilon Z$ with rows that sum to 0; at $X = 0$ all scores are 0 and the "
            r"pattern is $p \mathbf{1} \mathbf{1}^{\top}$, $p = 1 / T$, for every $M$.",
        ),
        MatrixIdentity(
            "an identity skip: the new layer at first order in X",
            Z @ U + uniform @ (Z @ U) @ N_any, Z @ U, rules=centred,
            note=r"For any $M'$, $N'$, and any number of heads. So $Z (U_{+} - U) = 0$; for $T \ge "
            r"2$ the first row of $Z$ is arbitrary (the second its negative), and $U_{+} = U$.",
        ),
        MatrixIdentity(
            "with one token U may vary", (x + x @ N) @ U_next, x @ U + (x @ U) @ N_one,
            scope="T = 1, all d",
            note=r"$N' = U^{-1} ((1 + N) U_{+} - U)$: the pattern is 1, so the layer is linear.",
        ),
    ]


def must_fail() -> list[Step]:
    """Near misses: each changes the function of some attention layer."""
    # softmax sees exactly the differences of scores between keys: S u with u = (1, -1)
    u = matrix("u", T, 1)
    scores = X @ W_Q @ (X @ W_K).T @ u
    unit = [[1, 0], [0, 1]]
    point = {X: unit, W_Q: unit, W_K: unit, u: [[1], [-1]]}
    s, a, s2 = sympy.symbols("s a s2")

    def sigmoid(z: sympy.Expr) -> sympy.Expr:
        return sympy.exp(z) / (1 + sympy.exp(z))

    def with_sink(z: sympy.Expr, other: sympy.Expr) -> sympy.Expr:
        return sympy.exp(z) / (1 + sympy.exp(z) + sympy.exp(other))

    half = sympy.log(2)
    return [
        MatrixCounterexample(
            "g on both query and key", X @ (W_Q @ g) @ (X @ (W_K @ g)).T @ u, scores,
            {**point, g: [[2, 0], [0, 1]]},
            note=r"$u = (1, -1)$ takes the difference between two keys, which softmax sees.",
        ),
        MatrixCounterexample(
            "the transpose dropped", X @ (W_Q @ g) @ (X @ (W_K @ g.inv)).T @ u, scores,
            {**point, g: [[1, 1], [0, 1]]},
        ),
        Counterexample(
            "a key bias with sigmoid attention", sigmoid(s + a), sigmoid(s), {s: 0, a: half},
        ),
        Counterexample(
            "a key bias with a softmax that has a sink",
            with_sink(s + a, s2 + a), with_sink(s, s2), {s: 0, s2: 0, a: half},
        ),
        MatrixCounterexample(
            "a value bias where rows do not sum to 1",
            P @ (one @ b_V) @ W_O + one @ (b_O - b_V @ W_O), one @ b_O,
            {P: [[2]], one: [[1]], b_V: [[1]], W_O: [[1]], b_O: [[0]]},
            note="One token of linear attention with the score 2.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C9",
        title="Attention: internal and stream redundancy",
        statement=(
            r"Let $f(X) = \sum_h P_h (X W_V + \mathbf{1} b_V) W_O + \mathbf{1} b_O$ with $P_h$ the "
            r"softmax along keys of $(X W_Q + \mathbf{1} b_Q)(X W_K + \mathbf{1} b_K)^{\top} / "
            r"\sqrt{k}$. (a) For each head, $W_Q \mapsto W_Q g$, $W_K \mapsto W_K g^{-\top}$, "
            r"$W_V \mapsto W_V m$, $W_O \mapsto m^{-1} W_O$, with biases, leaves $f$ unchanged. "
            r"(b) So does every shift of $b_K$, and every shift $b_V \mapsto b_V + c$ with "
            r"$b_O \mapsto b_O - c W_O$. (c) The stream $Y = X U(t)$ of $\dot X = P X N$ obeys the "
            r"equation with $M' = U^{-1} M U^{-\top}$, $N' = U^{-1} N U$ and the further term "
            r"$Y U^{-1} \dot U$. (d) With an identity skip, $X_{+} = X + P X N$, and at least two "
            r"tokens, a layer on $X U$ that returns $X_{+} U_{+}$ has $U_{+} = U$."
        ),
        hypotheses=(
            r"$g \in GL(k)$, $m \in GL(v)$, $U(t) \in GL(d)$ differentiable; each head has its own "
            r"$g$ and $m$.",
            "For (b) the pattern is the softmax of the scores along the keys, with no sink and no "
            "rotary factor between queries and keys.",
        ),
        premises=(
            Premise("Functional equation of exp", r"$\exp(s + a) = \exp(s) \exp(a)$, $\exp > 0$."),
        ),
        scope=(
            "All token counts, widths and head sizes; the sum over heads is a sum of unchanged "
            "terms, so permuting the heads changes nothing either. Invariance only: that nothing "
            "else leaves $f$ unchanged is what a certificate says, at its sizes."
        ),
        steps=(*internal(), *key_bias(), *value_bias(), *stream(), *must_fail()),
        conclusion=(
            r"(a) The pattern is a function of the scores, and the first two steps leave both the "
            r"scores and $P X W_V W_O$ unchanged; the factor $1/\sqrt{k}$ is common. (b) The key "
            r"bias multiplies row $i$ of $E$ and of $Z$ by $\exp(a_i)$, so $Z^{-1} E$ stays; the "
            r"value bias adds $P \mathbf{1} c W_O = \mathbf{1} c W_O$, which $b_O$ takes away. "
            r"(c) The scores, so $P$, are the same at $Y$, and the rate of $Y$ is as stated. (d) "
            r"Both layers agree at first order at $X = 0$ only for $U_{+} = U$; no genericity of "
            r"the weights is needed, and with one token the statement is false."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
