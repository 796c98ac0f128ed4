"""K2: the matrix equations that are left when atoms have been split off, solved at every size.

A is m x k and B is k x n; W is m x d; all are generic, so of full rank. A left inverse of A exists
where k <= m, a right inverse where m <= k.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    ExactRank,
    MatrixIdentity,
    PolynomialIdentity,
    Step,
    Theorem,
    TraceIdentity,
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

m, n, k, d = sizes("m n k d")
A, B = matrix("A", m, k), matrix("B", k, n)
dA, dB = matrix("dA", m, k, latex=r"\delta A"), matrix("dB", k, n, latex=r"\delta B")
A_left, A_right = matrix("A_l", k, m, latex="{A^l}"), matrix("A_r", k, m, latex="{A^r}")
B_left, B_right = matrix("B_l", n, k, latex="{B^l}"), matrix("B_r", n, k, latex="{B^r}")
X = matrix("X", m, n)


def products() -> list[Step]:
    """dA B + A dB = 0."""
    a = matrix("a", k, k)
    unit = identity(k)
    return [
        MatrixIdentity(
            "k at most n: the equation times a right inverse of B", (dA @ B + A @ dB) @ B_right,
            dA - A @ (-(dB @ B_right)), rules=((B @ B_right, unit),),
            note=r"So $\delta A = A a$ with $a = -\delta B\, B^r$.",
        ),
        MatrixIdentity(
            "k at most m: the equation times a left inverse of A", A_left @ (A @ a @ B + A @ dB),
            a @ B + dB, rules=((A_left @ A, unit),),
            note=r"So $\delta B = -a B$.",
        ),
        MatrixIdentity(
            "and every a solves it", A @ a @ B + A @ -(a @ B), zero(m, n),
        ),
        MatrixIdentity(
            "k at least n: dA alone reaches every matrix", (X @ B_left) @ B, X,
            rules=((B_left @ B, identity(n)),),
        ),
        MatrixIdentity(
            "k at least m: so does dB", A @ (A_right @ X), X, rules=((A @ A_right, identity(m)),),
        ),
        PolynomialIdentity(
            "the count for k at most m and n", k * (m + n) - k * (m + n - k), k**2,
            note=r"$\mathrm{pair}(m, n, k) = k (m + n) - r (m + n - r)$ with $r = k$.",
        ),
        PolynomialIdentity(
            "the count for r = m or r = n", sympy.Matrix([m * (m + n - m), n * (m + n - n)]),
            sympy.Matrix([m * n, m * n]),
            note=r"For $k \ge \min(m, n)$ the map is onto $m \times n$ matrices.",
        ),
        *(ExactRank(
            f"m, n, k = {s}: the kernel has dimension {pair(*s)}", product_map(*s),
            s[2] * (s[0] + s[1]) - pair(*s), scope=f"m, n, k = {s}",
        ) for s in ((2, 3, 1), (2, 3, 2), (2, 3, 3), (2, 3, 4), (3, 3, 2), (4, 2, 3))),
    ]


def product_map(rows: int, columns: int, inner: int) -> sympy.Matrix:
    """dA B + A dB as a matrix, at exact A and B."""
    left, right = integers(rows, inner, 1), integers(inner, columns, 2)
    return linear_map(lambda a, b: a * right + left * b, (rows, inner), (inner, columns))


def grams() -> list[Step]:
    """dW W^T + W dW^T = S."""
    W, dW = matrix("W", m, d), matrix("dW", m, d, latex=r"\delta W")
    W_left, W_right = matrix("W_l", d, m, latex="{W^l}"), matrix("W_r", d, m, latex="{W^r}")
    Omega = matrix("Omega", d, d, kind="skew")
    S = matrix("S", m, m, kind="symmetric")
    half = sympy.Rational(1, 2)
    left = ((W_left @ W, identity(d)),)
    return [
        MatrixIdentity(
            "d at most m: times left inverses on both sides",
            W_left @ (dW @ W.T + W @ dW.T) @ W_left.T, W_left @ dW + (W_left @ dW).T, rules=left,
            note=r"So $\Omega = W^l\, \delta W$ is skew.",
        ),
        MatrixIdentity(
            "d at most m: times one", (dW @ W.T + W @ dW.T) @ W_left.T,
            dW - W @ (-(W_left @ dW).T), rules=left,
            note=r"So $\delta W = -W \Omega^{\top} = W \Omega$.",
        ),
        MatrixIdentity(
            "and every rotation solves it", W @ Omega @ W.T + W @ (W @ Omega).T, zero(m, m),
        ),
        MatrixIdentity(
            "d at least m: every symmetric matrix is reached",
            half * (S @ W_right.T) @ W.T + W @ (half * (S @ W_right.T)).T, S,
            rules=((W @ W_right, identity(m)),),
        ),
        PolynomialIdentity(
            "the two counts agree at m = d", d * d - d * (d + 1) / 2, d * (d - 1) / 2,
            note=r"$\mathrm{gram}(m, d) = d (d - 1) / 2$ for $m \ge d$, else $d m - m (m + 1) / 2"
            r"$.",
        ),
        *(ExactRank(
            f"m, d = {s}: the kernel has dimension {gram(*s)}", gram_map(*s),
            s[0] * s[1] - gram(*s), scope=f"m, d = {s}",
        ) for s in ((1, 3), (2, 3), (3, 3), (4, 3), (2, 1), (5, 2))),
    ]


def gram_map(rows: int, columns: int) -> sympy.Matrix:
    W = integers(rows, columns, 3)
    return linear_map(lambda w: w * W.T + W * w.T, (rows, columns))


def quadrics() -> list[Step]:
    """A real quadratic form that is definite in two variables is a prime polynomial."""
    a1, a2, b1, b2, i, x, y, q, s = sympy.symbols("a1 a2 b1 b2 i x y q s")
    z, Omega = matrix("z", 1, d), matrix("Omega", d, d, kind="skew")
    square = a1 * b1 - 1, a2 * b2 - 1, a1 * b2 + a2 * b1
    return [
        PolynomialIdentity(
            "a factorisation would make a square equal to -1", (a1 * b2)**2 + 1, 0,
            relations=square,
            note=r"$|z|^2 + \dots = (a z)(b z)$, looked at in two of the variables: the "
            r"coefficients of $z_1^2$, $z_2^2$, $z_1 z_2$. A quadratic form of real variables that"
            r" is positive on two of them has these coefficients in a suitable basis; $|z|^2 + "
            r"\epsilon$ is one in $z$ and $\sqrt\epsilon$.",
        ),
        TraceIdentity(
            "skew matrices have no quadratic form", z @ Omega @ z.T, zero(1, 1),
            note=r"So $|z|^2$ divides $z A z^{\top}$ iff the symmetric part of $A$ is a number.",
        ),
        PolynomialIdentity(
            "over the complex numbers two squares do factor", (x + i * y) * (x - i * y),
            x**2 + y**2, relations=(i**2 + 1,),
            note=r"In $d = 2$; so the numbers here are real.",
        ),
        PolynomialIdentity(
            "d = 1: z^2 divides a product of two factors that it does not divide",
            (q * x) * (s * x), q * s * x**2,
        ),
    ]


def gains() -> list[Step]:
    """Omega G - G Omega' + dG = 0 with G diagonal: entries i, j and j, i."""
    gi, gj, w, v = sympy.symbols("g_i g_j omega omega'")
    return [
        PolynomialIdentity(
            "off the diagonal", w * (gj**2 - gi**2), 0,
            relations=(w * gj - gi * v, -w * gi + gj * v),
            note=r"$\Omega = \omega$, $\Omega' = \omega'$ at $(i, j)$ and their negatives at "
            r"$(j, i)$: both vanish where $g_i^2 \ne g_j^2$ (and $g \ne 0$). On the diagonal "
            r"$\Omega$ and $\Omega'$ are 0, so $\delta G = 0$.",
        ),
        PolynomialIdentity(
            "one rotation on both sides: g_i = g_j is enough to fail", w * (gj - gi), 0,
            relations=(w * gj - gi * w,),
            note=r"$A G - G A + \delta G = 0$ with $A$ skew: $A_{ij} (g_j - g_i) = 0$.",
        ),
    ]


def must_fail() -> list[Step]:
    gi, gj, w, v = sympy.symbols("g_i g_j omega omega'")
    wrong = (4, 4, 6)
    return [
        Counterexample(
            "two equal gains leave a rotation: omega = 0 follows", w * gj - gi * v, 1,
            {w: 1, v: 1, gi: 2, gj: 2},
            note=r"Both equations hold with $\omega = \omega' = 1$.",
        ),
        Counterexample(
            f"k = {wrong[2]} > m = n = {wrong[0]}: the kernel is k^2",
            sympy.Integer(pair(*wrong)), sympy.Integer(wrong[2]**2), {},
            note=r"It is $2 k m - m^2$.",
        ),
        ExactRank(
            f"m, n, k = {wrong}: the rank is that of 2 k m - m^2", product_map(*wrong),
            wrong[2] * (wrong[0] + wrong[1]) - pair(*wrong), scope=f"m, n, k = {wrong}",
        ),
        Counterexample(
            "m = 2 < d = 4: the kernel is so(d)", sympy.Integer(gram(2, 4)), sympy.Integer(6), {},
        ),
        ExactRank(
            "m, d = (2, 4): the kernel has dimension 5, not 6", gram_map(2, 4), 3,
            scope="m, d = (2, 4)",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K2",
        title="Matrix equations of the converse lemmas",
        statement=(
            r"Let $A$ ($m \times k$), $B$ ($k \times n$), $W$ ($m \times d$) have full rank. (a) "
            r"$\{(\delta A, \delta B) : \delta A\, B + A\, \delta B = 0\}$ has dimension "
            r"$\mathrm{pair}(m, n, k) = k (m + n) - r (m + n - r)$, $r = \min(m, n, k)$; for $k \le"
            r" \min(m, n)$ it is $\delta A = A a$, $\delta B = -a B$, $a \in gl(k)$. (b) $\{\delta "
            r"W : \delta W\, W^{\top} + W\, \delta W^{\top} = 0\}$ has dimension "
            r"$\mathrm{gram}(m, d)$, $d (d - 1) / 2$ for $m \ge d$, where $\delta W = W \Omega$ "
            r"with $\Omega \in so(d)$, and $d m - m (m + 1) / 2$ for $m \le d$, where every "
            r"symmetric $S$ is $\delta W\, W^{\top} + W\, \delta W^{\top}$. (c) A real quadratic "
            r"form that is definite on two variables, also $|z|^2 + \epsilon$ with $\epsilon > 0$, "
            r"is prime in $\mathbb{R}[z]$; $|z|^2$ in $d \ge 2$ variables divides $z A z^{\top}$ "
            r"iff $A \in so(d) + \mathbb{R}$. (d) For $G$ diagonal with distinct squares, not 0, "
            r"and $\Omega$, $\Omega'$ skew, $\Omega G - G \Omega' + \delta G = 0$ has the solution "
            r"0 alone."
        ),
        hypotheses=(r"Full rank: $A$ has rank $\min(m, k)$, and so on.",),
        premises=(),
        scope=(
            "All sizes; the ranks at stated sizes stand on both sides of each bound, as a check of "
            "the counts."
        ),
        steps=(*products(), *grams(), *quadrics(), *gains(), *must_fail()),
        conclusion=(
            r"(a) For $k \le \min(m, n)$ the first three steps give the kernel, of dimension "
            r"$k^2$, as $A a = 0$ only for $a = 0$. For $k \ge n$ or $k \ge m$ the map is onto, "
            r"and its kernel is what is left of $k (m + n)$ after $m n$. (b) alike. (c) A prime is "
            r"what has no factors here, since $\mathbb{R}[z]$ is factorial and a factor of a "
            r"quadratic form that is not constant is linear, with a product of two as in the step. "
            r"If $|z|^2$ divides $z A z^{\top}$ the quotient is a number $\lambda$, and $A - "
            r"\lambda$ is skew. (d) is entry by entry."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
