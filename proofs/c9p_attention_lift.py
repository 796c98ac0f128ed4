"""C9': the internal redundancy of attention, lifted to a gauge transformation in depth.

The projection to queries, keys and values is a linear stage, a Wilson line from the site 0 to the
site 1; attention is read at the site 1; the output projection is a line from there to the site 2.
Tokens are rows, Y in R^{T x n}, dY/dt = Y A(t), of a stream wide enough for both ends of a stage.
"""

import sympy

from symgauge.theorem import (
    Counterexample, MatrixCounterexample, MatrixIdentity, PolynomialIdentity, Premise, Step,
    Theorem, derivative, main, matrix, sizes,
)

T, n, d, k, v = sizes("T n d k v")
Y, A = matrix("Y", T, n), matrix("A", n, n)
U, U_dot = matrix("U", n, n), matrix("U_dot", n, n, latex=r"\dot U")
X, P = matrix("X", T, d), matrix("P", T, T)
W_Q, W_K = matrix("W_Q", d, k), matrix("W_K", d, k)
W_V, W_O = matrix("W_V", d, v), matrix("W_O", v, d)
g, m = matrix("g", k, k), matrix("m", v, v)


def lines() -> list[Step]:
    """A' = U^-1 A U + U^-1 dU/dt, and what it does to the line and to the sites."""
    rate = derivative(Y @ U, {Y: Y @ A, U: U_dot})
    W_1, W_2 = matrix("W_1", n, n), matrix("W_2", n, n)
    G_0, G_1, G_2 = (matrix(f"G_{i}", n, n) for i in range(3))
    return [
        MatrixIdentity(
            "the moved stage", rate, (Y @ U) @ (U.inv @ A @ U + U.inv @ U_dot),
            note=r"Along $\dot Y = Y A$: $Y U$ obeys the equation of $A' = U^{-1} A U + U^{-1} "
            r"\dot U$, so its line is $W' = U(t_0)^{-1} W\, U(t_1)$ (C6, with rows).",
        ),
        MatrixIdentity(
            "lines compose at the sites",
            (G_0.inv @ W_1 @ G_1) @ (G_1.inv @ W_2 @ G_2), G_0.inv @ (W_1 @ W_2) @ G_2,
        ),
        MatrixCounterexample(
            "the connection left out", rate, (Y @ U) @ (U.inv @ A @ U),
            {Y: [[1]], A: [[1]], U: [[2]], U_dot: [[3]]},
        ),
    ]


def middle() -> list[Step]:
    """At the site 1, U = diag(g, g^-T, m): attention takes its Q, K, V part to m behind it."""
    query, key, value = X @ W_Q, X @ W_K, X @ W_V
    return [
        MatrixIdentity(
            "the scores at the middle site", (query @ g) @ (key @ g.inv.T).T, query @ key.T,
            note=r"$(Q, K, V) \mapsto (Q g, K g^{-\top}, V m)$ is $Y \mapsto Y\, U(t_1)$, "
            r"and $U(t_0) = 1$: the line $(W_Q, W_K, W_V)$ goes to $(W_Q g, W_K g^{-\top}, W_V "
            r"m)$.",
        ),
        MatrixIdentity("what attention returns", P @ (value @ m), (P @ value) @ m),
        MatrixIdentity(
            "the second line begins at m and ends at 1",
            ((P @ value) @ m) @ (m.inv @ W_O), P @ value @ W_O,
        ),
        MatrixCounterexample(
            "the second line kept", ((P @ value) @ m) @ W_O, P @ value @ W_O,
            {P: [[1]], X: [[1]], W_V: [[1]], m: [[2]], W_O: [[1]]},
        ),
        MatrixCounterexample(
            "g at the keys for its inverse transpose", (query @ g) @ (key @ g).T, query @ key.T,
            {X: [[1]], W_Q: [[1]], W_K: [[1]], g: [[2]]},
        ),
    ]


def orientation() -> list[Step]:
    """U(t) is invertible and starts at 1, so det U(t_1) > 0: g may be any, m needs det m > 0."""
    G = sympy.Matrix(2, 2, sympy.symbols("g_11 g_12 g_21 g_22", real=True))
    M = sympy.Matrix(2, 2, sympy.symbols("m_11 m_12 m_21 m_22", real=True))
    whole = sympy.diag(G, G.inv().T, M)
    angle = sympy.Symbol("phi", real=True)
    turn = sympy.Matrix([[sympy.cos(angle), -sympy.sin(angle)],
                         [sympy.sin(angle), sympy.cos(angle)]])
    s = sympy.Symbol("s", real=True)
    return [
        PolynomialIdentity(
            "det diag(g, g^-T, m) = det m", sympy.together(whole.det()), M.det(),
            scope="k = 2, v = 2",
            note=r"$\det g \cdot \det g^{-\top} = 1$ at every size. So a $g$ with $\det g < 0$ is "
            r"reached too, by a path that is not of this form on its way.",
        ),
        PolynomialIdentity(
            "such a path: a turn by pi takes 1 to diag(-1, -1)",
            turn.xreplace({angle: sympy.pi}), -sympy.eye(2), scope="k = 1, g = -1",
            note=r"In the plane of one query and one key, $g = g^{-\top} = -1$.",
        ),
        PolynomialIdentity(
            "a path that is invertible on its way",
            sympy.Matrix([[1 - s**2, -2 * s], [2 * s, 1 - s**2]]).det(), (1 + s**2) ** 2,
            scope="k = 1, g = -1",
            note=r"The turn by $\phi$ times $1 + s^2$, $s = \tan(\phi / 2)$: its determinant is 1.",
        ),
        PolynomialIdentity(
            "with one padded dimension det m < 0 is reached",
            sympy.diag(M, -1).det(), -M.det(), scope="v = 2",
            note=r"$\det \mathrm{diag}(m, -1) = -\det m > 0$; the padded entry is 0 at all sites.",
        ),
        Counterexample(
            "without it: the straight path to m = -1 is invertible at 1/2",
            1 - 2 * s, sympy.Integer(1), {s: sympy.Rational(1, 2)}, scope="v = 1",
            note=r"Every continuous path from $1$ to $-1$ in $\mathbb{R}$ meets 0.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C9'",
        title="The internal redundancy of attention, lifted",
        statement=(
            r"Let $(W_Q, W_K, W_V)$ be the line $W_1$ of a linear stage on $[t_0, t_1]$ and $W_O$ "
            r"that of one on $[t_1, t_2]$, with attention between them. A gauge function $U(t)$ "
            r"with $U(t_0) = 1$, $U(t_1) = \mathrm{diag}(g, g^{-\top}, m)$ on the first stage and "
            r"from $m$ to $1$ on the second, $A' = U^{-1} A U + U^{-1} \dot U$, moves the lines by "
            r"$W_Q g$, $W_K g^{-\top}$, $W_V m$, $m^{-1} W_O$: the internal redundancy of C9 "
            r"is the "
            r"linear case of C2 on the two stages, the identity at both ends. It exists where "
            r"$\det m > 0$, and with one padded dimension of the values for every $m$; $g$ is any."
        ),
        hypotheses=(
            r"$g \in GL(k)$, $m \in GL(v)$; $U$ differentiable and invertible. For $\det g < 0$ "
            r"the first stage holds queries and keys in one stream.",
        ),
        premises=(
            Premise("GL+ is connected", r"$\{U \in GL(n, \mathbb{R}) : \det U > 0\}$ is "
                    "connected by smooth paths (polar decomposition)."),
            Premise("Picard-Lindelöf", "A linear equation has one solution through each point."),
        ),
        scope=(
            "All token counts, widths and head sizes, and head by head; determinants at the sizes "
            "stated. Any function of the scores in place of the softmax."
        ),
        steps=(*lines(), *middle(), *orientation()),
        conclusion=(
            r"The first stage ends at $Y U(t_1)$, the second starts at $P V m$ and ends where it "
            r"ended. A path $U$ exists exactly where the determinants at its ends have one sign: "
            r"$\det m$ on both stages, of the padded stream $-\det m$."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
