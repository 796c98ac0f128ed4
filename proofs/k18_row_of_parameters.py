"""K18: a stream of which one row begins with parameters, the others with free inputs.

Row 0 of z is a vector c of parameters, z_t = x_t W + b + P_t of every other row t (a class token).
y = z + block(z), n = N(z) G + b, N with epsilon > 0. F_h(s) = d(n_s N_h) - n_s N_h A, D_s what the
score of row s varies by beside that of t itself, where dy_t = y_t A + c.
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
    identity,
    main,
    matrix,
    sizes,
)

p0, p1, D0, D1, X = sympy.symbols("p_0 p_1 D_0 D_1 X")
E0, E1, Et, F0, F1, Ft = sympy.symbols("E_0 E_1 E_t F_0 F_1 F_t")


def free_rows() -> list[Step]:
    """A free row sees itself, another free row and the row of parameters."""
    mean = p0 * D0 + p1 * D1
    return [
        PolynomialIdentity(
            "a free row", (1 - p0 - p1) * (Ft - mean * Et) + p1 * (F1 + (D1 - mean) * E1)
            + p0 * (F0 + (D0 - mean) * E0) + X,
            (X + Ft) + p1 * (F1 - Ft + D1 * (E1 - Et)) + p0 * (F0 - Ft + D0 * (E0 - Et))
            - p1**2 * D1 * (E1 - Et) - p0**2 * D0 * (E0 - Et)
            - p0 * p1 * (D0 * (E1 - Et) + D1 * (E0 - Et)),
            note=r"$E_s = n_s N_h$, $X = \delta z_t - z_t A - c$, one head written out. $p_1^2$, "
            r"$p_1$ and 1 give of the free rows what they give without row 0: $D_1 = 0$, $F_h(1) = "
            r"F_h(t)$, $X + \sum_h F_h(t) = 0$.",
        ),
    ]


def the_row() -> list[Step]:
    """What is known of the block, and how row 0 varies."""
    (d,) = sizes("d")
    z, f, w = matrix("z_0", 1, d), matrix("f", 1, d), matrix("w", 1, d)
    A, D = matrix("A", d, d), matrix("D", d, d)
    B, inverse = matrix("B", d, d), matrix("R", d, d)
    n = sympy.symbols("n")
    width = sympy.symbols("d")
    return [
        MatrixIdentity(
            "row 0 of y = z + f", (z @ A + w) + (f @ A + w @ D) - (z + f) @ A,
            w @ (identity(d) + D),
            note=r"$\delta z_0 = z_0 A + c' + w$: the block varies as the symmetry moves it, by "
            r"$f A + c - c'$, and by $w D$, $D$ its derivative by $z_0$; the rows beside it have "
            r"no $w$.",
        ),
        MatrixIdentity(
            "w is 0", (w @ B) @ inverse, w, rules=((B @ inverse, identity(d)),),
            note=r"$B = 1 + D$ is invertible for almost all parameters: it is 1 where the block's "
            r"outputs are 0. Behind LayerNorm all is modulo $\mathbf{1}$.",
        ),
        PolynomialIdentity(
            "vectors that undo each other", n * width - (width - 1), (width - 1) * (n - 1) + n,
            note=r"$n$ vectors whose sum is determined but for $\mathbf{1}$.",
        ),
    ]


def must_fail() -> list[Step]:
    """A block that undoes the row, and no epsilon."""
    (d,) = sizes("d")
    w, D = matrix("w", 1, d), matrix("D", d, d)
    rho, z, dot, deep = sympy.symbols("rho z_c q_zw d")
    return [
        MatrixCounterexample(
            "1 + D is 0", w @ (identity(d) + D), w, {w: [[1]], D: [[-1]]},
            scope="d = 1", note="Not generic: a block that takes the row away.",
        ),
        Counterexample(
            "without epsilon the row's norm is seen", z * rho**2 - z * dot / deep, z,
            {z: 1, rho: 1, dot: 2, deep: 2}, scope="d = 2, z = w = (1, 1)",
            note=r"$\delta z_0 = \varphi_0 z_0$ by itself.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K18",
        title="A row of parameters",
        statement=(
            r"Let a stack of K7 (RMSNorm or LayerNorm before every block, $\epsilon > 0$, smooth "
            r"units, attention with a softmax, no rotary tables) begin with the rows $x_t W + b + "
            r"P_t$ and one row of parameters, the sum of $n$ vectors, and let all rows be read. "
            r"Then all but these vectors is determined as without that row, and they leave $d (n - "
            r"1)$ (LayerNorm: $n d - d + 1$). A further value that reads one row of a last norm "
            r"that is an output is determined as K7 has it, if $g d_v \ge d$ ($d - 1$ for "
            r"LayerNorm) and the row of parameters sees a free one."
        ),
        hypotheses=(
            r"In every attention one free row sees itself or a third, and another free row; the "
            r"free inputs are at least as many as the stream is wide.",
            r"Almost all weights.",
        ),
        premises=(
            Premise("K1", "A row's weights are independent, head by head, over all below."),
            Premise("K5, K6, K7, K10", "Attention, norms, stacks, last norms."),
        ),
        scope=(
            r"All numbers of blocks, heads, units and rows. Not covered: the row of parameters "
            r"read alone (of one block more is free there than where all are read), rotary tables, "
            r"norms of queries, $\epsilon = 0$, walls, experts, tokens, norms behind skips."
        ),
        steps=(*free_rows(), *the_row(), *must_fail()),
        conclusion=(
            r"The weights $p_{ts}$ of a free row are independent over all below, $p_{t0}$ among "
            r"them: in a relation $\sum_s m_s S_{ts}$ derive by an entry of $W_Q$; what is left is "
            r"$\sum_s m_s (k_s - k_t)$ times an entry of $n_t$, in which each $k_s$ of a free row "
            r"has inputs of its own, so that $m_s = 0$, and $k_0 - k_t$ is no constant. So the "
            r"facts on free rows are those of K5 and K7, in which $F_h(0)$ and $D_0$ stand by "
            r"themselves: $\delta z_t = z_t A + c'$, and the block varies as a symmetry moves it. "
            r"From above $\delta y_0 = y_0 A + c$ (LayerNorm: $+ \varphi_0 \mathbf{1}$), at the "
            r"outputs because all rows are read. By the steps $\delta z_0 = z_0 A + c'$ ($+ "
            r"\varphi_0 \mathbf{1}$), down to the parameters themselves. What reads row 0 of the "
            r"last norm: where all other blocks add 0 and $W_Q = 0$ an attention's row 0 is a "
            r"constant and the mean of $n_s W_V W_O$, whose derivative by $x_s$ has the rank $d$ "
            r"($d - 1$) if $g d_v$ is as large; so the row spans, as readers ask."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
