"""K19: one head whose weights are the scores themselves, y_t = sum_s (q_t . k_s) v_s W_O.

M = W_Q W_K^T, N = W_V W_O, rows x_t free. The terms with another token u = x_s: x_t M u^T u N.
"""

import sympy

from symgauge.theorem import (
    ExactRank,
    MatrixCounterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    derivative,
    integers,
    linear_map,
    main,
    matrix,
    sizes,
    zero,
)


def split() -> list[Step]:
    """dM u^T is a multiple of M u^T."""
    d, o = sizes("d o")
    x, u, M, N = matrix("x_t", 1, d), matrix("u", 1, d), matrix("M", d, d), matrix("N", d, o)
    dM, dN = matrix("dM", d, d, latex=r"\delta M"), matrix("dN", d, o, latex=r"\delta N")
    p = [[sympy.Symbol(f"p_{i}{j}") for j in range(3)] for i in range(2)]
    y = sympy.symbols("u_1 u_2 u_3")
    first, second = (sum((a * b for a, b in zip(row, y)), sympy.Integer(0)) for row in p)
    q1, q2, c1, c2, r1, r2 = sympy.symbols("q_1 q_2 q'_1 q'_2 r_1 r_2")
    return [
        MatrixIdentity(
            "the terms with another token", derivative(x @ M @ u.T @ u @ N, {M: dM, N: dN}),
            x @ (dM @ u.T @ u @ N + M @ u.T @ u @ dN),
            note=r"$x_t$ is free: $(\delta M u^{\top})(u N) + (M u^{\top})(u\, \delta N) = 0$, a "
            r"column times a row each, so $\delta M u^{\top} = \lambda(u) M u^{\top}$ and $u\, "
            r"\delta N = -\lambda(u)\, u N$.",
        ),
        PolynomialIdentity(
            "two entries of P u and u, where P u is a multiple of u", first * y[1] - second * y[0],
            p[0][1] * y[1]**2 - p[1][0] * y[0]**2 + (p[0][0] - p[1][1]) * y[0] * y[1]
            + p[0][2] * y[2] * y[1] - p[1][2] * y[2] * y[0],
            note=r"$M$ of rank 2 or more, in bases where $M u^{\top} = (u_1, u_2, \dots)$: $P = "
            r"\lambda M$, $\lambda$ a number. The same of $N$.",
        ),
        PolynomialIdentity(
            "both of rank 1: (q' u)(r u) where q u = 0",
            (c2 * q1 - c1 * q2) * (r2 * q1 - r1 * q2),
            (q1 * c2 - q2 * c1) * (q1 * r2 - q2 * r1),
            note=r"$M = p \otimes q$, $\delta M = p \otimes q'$, $N = r \otimes n$: $(q u)\, u\, "
            r"\delta N = -(q' u)(r u)\, n$, two entries of $u$ written out. $r$ is generic, no "
            r"multiple of $q$: $q' = \lambda q$. (One entry: $\lambda = \delta M / M$.)",
        ),
        *(ExactRank(
            f"d, d_k, d_v, o = {case}: {left} are left", _map(*case),
            case[0] * (2 * case[1] + case[2]) + case[2] * case[3] - left, scope=str(case))
          for case, left in (((4, 2, 2, 4), 9), ((3, 2, 1, 2), 6), ((2, 1, 1, 2), 3),
                             ((3, 1, 2, 3), 6), ((2, 3, 1, 1), 10))),
    ]


def _map(d: int, k: int, v: int, o: int) -> sympy.Matrix:
    """dM S N + M S dN for S = u^T u of many u."""
    Q, K, V, W = integers(d, k, 1), integers(d, k, 2), integers(d, v, 3), integers(v, o, 4)
    units = [sympy.eye(d)[:, i] for i in range(d)]
    S = [a * b.T + b * a.T for i, a in enumerate(units) for b in units[:i + 1]]

    def image(q: sympy.Matrix, k: sympy.Matrix, v: sympy.Matrix, w: sympy.Matrix) -> sympy.Matrix:
        dM, dN = q * K.T + Q * k.T, v * W + V * w
        return sympy.Matrix.vstack(*(dM * s * V * W + Q * K.T * s * dN for s in S))

    return linear_map(image, (d, k), (d, k), (d, v), (v, o))


def must_fail() -> list[Step]:
    """One token alone."""
    (d,) = sizes("d")
    x, A = matrix("x_t", 1, d), matrix("A", d, d, kind="skew")
    y = matrix("x_s", 1, d)
    return [
        MatrixIdentity(
            "of one token an antisymmetric part is unseen", x @ A @ x.T + (x @ A @ x.T).T,
            zero(1, 1), note=r"$x_t M x_t^{\top}$ does not tell $M$: a row sees another token.",
        ),
        MatrixCounterexample(
            "of another token too", x @ A @ y.T, zero(1, 1),
            {x: [[1, 0]], y: [[0, 1]], A: [[0, 1], [-1, 0]]}, scope="d = 2",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K19",
        title="Linear attention",
        statement=(
            r"Let $y_t = \sum_s (x_t W_Q)(x_s W_K)^{\top} x_s W_V W_O$, one head, no biases, all "
            r"$s$, at least two tokens. For almost all weights what leaves $y$ as it is makes "
            r"$\delta M = \lambda M$, $\delta N = -\lambda N$, and has the dimension $1$ and what "
            r"K2 counts for $M$ and for $N$: $d_k^2 + d_v^2 + 1$ where $d_k \le d$, $d_v \le d, o$."
        ),
        hypotheses=(r"The rows are free.", r"Almost all weights."),
        premises=(Premise("K2", "Products of two matrices."),),
        scope=(
            r"All sizes. Not covered: several heads, whose sums mix; biases, masks, constants "
            r"beside the scores, rotary tables."
        ),
        steps=(*split(), *must_fail()),
        conclusion=(
            r"$y_t$ is a polynomial in the entries of the rows, and the terms of second degree in "
            r"$x_s$, $s \ne t$, are those of the first step. Where $M u^{\top}$ and $u N$ are not "
            r"0 both columns are parallel, for almost all $u$. If $M$ or $N$ has rank 2 or more, "
            r"$\lambda$ is a number by the second step, if both have rank 1 by the third. Then "
            r"$\delta M = \lambda M$, $\delta N = -\lambda N$, and every such variation leaves $y$ "
            r"as it is: $\delta W_Q = \lambda W_Q$, $\delta W_V = -\lambda W_V$ is one, and the "
            r"others leave $M$ and $N$ as they are."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
