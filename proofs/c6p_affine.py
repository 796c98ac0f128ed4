"""C6': the affine neural ODE dx/dt = A(t) x + b(t): the linear case C6, one dimension up.

(x, 1) moves linearly by K = [[A, b], [0, 0]], and y = U x + c is G = [[U, c], [0, 1]]. A dot is a
time derivative; blocks are multiplied like numbers.
"""

from symgauge.theorem import (
    Matrix,
    MatrixCounterexample,
    MatrixIdentity,
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

n = sizes("n")[0]
A, U, w, v = (matrix(k, n, n) for k in ("A", "U", "w", "v"))
b, c, x = (matrix(k, n, 1) for k in "bcx")
beta, gamma = matrix("beta", n, 1), matrix("gamma", n, 1)
U_dot, w_dot, v_dot = (matrix(f"{k}_dot", n, n, latex=rf"\dot {k}") for k in "Uwv")
c_dot = matrix("c_dot", n, 1, latex=r"\dot c")
beta_dot = matrix("beta_dot", n, 1, latex=r"\dot\beta")
gamma_dot = matrix("gamma_dot", n, 1, latex=r"\dot\gamma")
one = identity(n)
A_moved = U @ A @ U.inv + U_dot @ U.inv
b_moved = U @ b + c_dot - A_moved @ c

#: Two rows of two blocks, of n and 1 rows and columns.
Blocks = tuple[tuple[Matrix, Matrix], tuple[Matrix, Matrix]]


def padded(linear: Matrix, shift: Matrix, corner: Matrix) -> Blocks:
    """[[linear, shift], [0, corner]]."""
    return ((linear, shift), (zero(1, n), corner))


def product(p: Blocks, q: Blocks) -> Blocks:
    """The product of two block matrices."""
    (a, b1), (c1, d) = p
    (e, f), (g, h) = q
    return (
        (plus(times(a, e), times(b1, g)), plus(times(a, f), times(b1, h))),
        (plus(times(c1, e), times(d, g)), plus(times(c1, f), times(d, h))),
    )


def times(p: Matrix, q: Matrix) -> Matrix:
    """p q, written without factors 0 and 1."""
    if not p.terms or not q.terms:
        return zero(p.rows, q.columns)
    if p.latex == "1" or q.latex == "1":
        return q if p.latex == "1" else p
    return p @ q


def plus(p: Matrix, q: Matrix, sign: int = 1) -> Matrix:
    """p + sign q, written without a 0."""
    if not q.terms:
        return p
    if not p.terms:
        return q if sign == 1 else -q
    return p + q if sign == 1 else p - q


def combined(p: Blocks, q: Blocks, sign: int = 1) -> Blocks:
    """p + sign q."""
    rows = [[plus(x, y, sign) for x, y in zip(r, s)] for r, s in zip(p, q)]
    return ((rows[0][0], rows[0][1]), (rows[1][0], rows[1][1]))


def blockwise(name: str, left: Blocks, right: Blocks, note: str = "") -> list[Step]:
    """One step for each block of the first row; the last row holds 0 and 1 alone."""
    if any(p.terms != q.terms for p, q in zip(left[1], right[1])):
        raise ValueError(f"{name}: the last rows differ")
    return [
        MatrixIdentity(f"{name}: {place}", p, q, note=note if place == "linear part" else "")
        for place, p, q in zip(("linear part", "shift"), left[0], right[0])
    ]


K = padded(A, b, zero(1, 1))
G = padded(U, c, identity(1))
G_dot = padded(U_dot, c_dot, zero(1, 1))
G_inv = padded(U.inv, -(U.inv @ c), identity(1))


def finite() -> list[Step]:
    """A' and b', from the solutions and from the block form."""
    return [
        MatrixIdentity(
            "y = U x + c obeys the moved equation",
            derivative(U @ x + c, {x: A @ x + b, U: U_dot, c: c_dot}),
            A_moved @ (U @ x + c) + b_moved,
            note=r"$A' = U A U^{-1} + \dot U U^{-1}$ and $b' = U b + \dot c - A' c$.",
        ),
        *blockwise(
            "the inverse of G", product(G, G_inv), padded(one, zero(n, 1), identity(1)),
        ),
        *blockwise(
            "K' = G K G^-1 + (dG/dt) G^-1",
            combined(product(product(G, K), G_inv), product(G_dot, G_inv)),
            padded(A_moved, b_moved, zero(1, 1)),
            note="So C6 holds for $K$, $G$ in place of $A$, $U$: composition, the Wilson line "
            "moved at its ends, and its completeness.",
        ),
    ]


def delta_A(w: Matrix, w_dot: Matrix) -> Matrix:
    """dw/dt + [w, A]."""
    return w_dot + w @ A - A @ w


def delta_b(w: Matrix, beta: Matrix, beta_dot: Matrix) -> Matrix:
    """d beta/dt + w b - A beta."""
    return beta_dot + w @ b - A @ beta


def infinitesimal() -> list[Step]:
    """U = 1 + eps w, c = eps beta, and closure."""
    generator, rate = padded(w, beta, zero(1, 1)), padded(w_dot, beta_dot, zero(1, 1))
    by_first = {A: delta_A(w, w_dot), b: delta_b(w, beta, beta_dot)}
    by_second = {A: delta_A(v, v_dot), b: delta_b(v, gamma, gamma_dot)}
    mixed = w @ gamma - v @ beta
    mixed_dot = derivative(
        mixed, {w: w_dot, v: v_dot, beta: beta_dot, gamma: gamma_dot}, latex=r"\dot\chi"
    )
    twice = derivative(
        delta_b(w, beta, beta_dot), by_second, latex=r"\delta_2 (\delta_1 b)"
    ) - derivative(delta_b(v, gamma, gamma_dot), by_first, latex=r"\delta_1 (\delta_2 b)")
    return [
        *blockwise(
            "delta K = dw/dt + [w, K] in blocks",
            combined(rate, combined(product(generator, K), product(K, generator), -1)),
            padded(delta_A(w, w_dot), delta_b(w, beta, beta_dot), zero(1, 1)),
            note=r"With $w$, $\beta$ in blocks: $\delta A = \dot w + [w, A]$, $\delta b = "
            r"\dot\beta + w b - A \beta$.",
        ),
        MatrixIdentity(
            "the variations of b close", twice, delta_b(w @ v - v @ w, mixed, mixed_dot),
            note=r"By $([w, v], \chi)$ with $\chi = w \gamma - v \beta$, the bracket of the affine "
            r"algebra; for $A$ see C6.",
        ),
    ]


def must_fail() -> list[Step]:
    """Near misses, n = 1."""
    rate = derivative(U @ x + c, {x: A @ x + b, U: U_dot, c: c_dot})
    y = U @ x + c
    point = {A: [[1]], U: [[2]], U_dot: [[3]], x: [[1]], b: [[1]], c: [[1]], c_dot: [[5]]}
    by_first = {A: delta_A(w, w_dot), b: delta_b(w, beta, beta_dot)}
    return [
        MatrixCounterexample(
            "the term dc/dt left out", rate, A_moved @ y + (U @ b - A_moved @ c), point,
        ),
        MatrixCounterexample(
            "the term A' c left out", rate, A_moved @ y + (U @ b + c_dot), point,
        ),
        MatrixCounterexample(
            "A c in place of A' c", rate, A_moved @ y + (U @ b + c_dot - A @ c), point,
        ),
        MatrixCounterexample(
            "shifts commute with the linear part",
            derivative(delta_b(v, gamma, gamma_dot), by_first, latex=r"\delta_1 (\delta_2 b)"),
            derivative(
                delta_b(w, beta, beta_dot),
                {A: delta_A(v, v_dot), b: delta_b(v, gamma, gamma_dot)},
                latex=r"\delta_2 (\delta_1 b)",
            ),
            {A: [[1]], b: [[0]], w: [[1]], v: [[0]], gamma: [[1]], beta: [[0]],
             w_dot: [[0]], v_dot: [[0]], beta_dot: [[0]], gamma_dot: [[0]]},
            note=r"$w = 1$ and $\gamma = 1$: $\chi = w \gamma \ne 0$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C6'",
        title="The affine neural ODE",
        statement=(
            r"Let $\dot x = A(t) x + b(t)$. Then $y = U(t) x + c(t)$ has $A' = U A U^{-1} + \dot U "
            r"U^{-1}$ and $b' = U b + \dot c - A' c$. In $n + 1$ dimensions this is C6 for $K = "
            r"\begin{pmatrix} A & b \\ 0 & 0 \end{pmatrix}$ and $G = \begin{pmatrix} U & c \\ 0 & "
            r"1 \end{pmatrix}$; infinitesimally $\delta b = \dot\beta + w b - A \beta$. The end "
            r"map $x \mapsto W x + q$ is unchanged for $U = 1$, $c = 0$ at both ends, and two "
            r"$(A, b)$ with one end map differ by exactly one such $(U, c)$."
        ),
        hypotheses=(
            r"$A$, $b$ continuous in $t$; $U(t) \in GL(n)$ and $c(t)$ continuously differentiable.",
        ),
        premises=(
            Premise("C6", "The linear case, in $n + 1$ dimensions."),
        ),
        scope=r"All $n$.",
        steps=(*finite(), *infinitesimal(), *must_fail()),
        conclusion=(
            r"The last row of $K'$ is 0, as those of $K$ and $\dot G$ are, and $G$ is closed under "
            r"products and inverses, so C6 stays inside this form: $W'(t) W(t)^{-1}$ of two Wilson "
            r"lines with last row $(0, 1)$ has last row $(0, 1)$. Hence the invariant, its "
            r"completeness and the loops."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
