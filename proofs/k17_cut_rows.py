"""K17: the last row of a causal stream alone is read: below an attention every row is known.

y_r = z_r + sum_s p_rs n_s N_h of the last row r, n = N(z) G + b, N(z) = z / rho, rho^2 = q / d +
eps, q = |z|^2; F_h(s) = d(n_s N_h) - n_s N_h A, D_s what the score of row s varies by beside that
of r itself, where dy_r = y_r A + c.
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

p1, p2, D1, D2, X = sympy.symbols("p_1 p_2 D_1 D_2 X")
E0, E1, E2, F0, F1, F2 = sympy.symbols("E_0 E_1 E_2 F_0 F_1 F_2")


def row() -> list[Step]:
    """The last row's weights, p_r = 1 - p_1 - p_2, are independent (K1)."""
    mean = p1 * D1 + p2 * D2
    return [
        PolynomialIdentity(
            "the last row, itself and two others", (1 - p1 - p2) * (F0 - mean * E0)
            + p1 * (F1 + (D1 - mean) * E1) + p2 * (F2 + (D2 - mean) * E2) + X,
            (X + F0) + p1 * (F1 - F0 + D1 * (E1 - E0)) + p2 * (F2 - F0 + D2 * (E2 - E0))
            - p1**2 * D1 * (E1 - E0) - p2**2 * D2 * (E2 - E0)
            - p1 * p2 * (D2 * (E1 - E0) + D1 * (E2 - E0)),
            note=r"$E_s = n_s N_h$, $X = \delta z_r - z_r A - c$ and what else has no $p$, one "
            r"head written out. $p_s^2$: $D_s = 0$. $p_s$: $F_h(s) = F_h(r)$. 1: $X + \sum_h "
            r"F_h(r) = 0$.",
        ),
    ]


def norms() -> list[Step]:
    """N tells z where epsilon > 0, and its variation that of z."""
    q, d, eps, rho, zw = sympy.symbols("q d epsilon rho q_zw")
    w, z = sympy.symbols("w_c z_c")
    return [
        PolynomialIdentity(
            "n tells z", rho**2 - rho**2 * (q / rho**2) / d, eps,
            relations=(rho**2 - q / d - eps,),
            note=r"$|N(z)|^2 = q / \rho^2$, so $\rho^2 = \epsilon / (1 - |n|^2 / d)$ and $z = \rho "
            r"n$: no two $z$ have one $n$.",
        ),
        PolynomialIdentity(
            "dz = z A + w: dN - N A, one entry, times rho^3", (w / rho - z * zw / (d * rho**3))
            * rho**3, w * rho**2 - z * zw / d,
            note=r"$q_{zw} = z w^{\top}$, $z A z^{\top} = 0$. Where it is 0, times $z$: $q_{zw}\, "
            r"(\rho^2 - q / d) = \epsilon\, q_{zw} = 0$, and so $w = 0$.",
        ),
    ]


def values() -> list[Step]:
    """What values see is all of the norm."""
    d, k, h = sizes("d k h")
    e, W, out = matrix("e", 1, d), matrix("W_V", d, k), matrix("W_O", k, h)
    R, S = matrix("R", k, d), matrix("S", h, k)
    return [
        MatrixIdentity(
            "e N_h = 0 is e W_V = 0", ((e @ W) @ out) @ S, e @ W, rules=((out @ S, identity(k)),),
            note=r"$W_O$ of one head (of all heads that share its values) has rank $d_v$ where "
            r"$d_v \le d$ ($d - 1$ behind a mean), so such $S$ exist.",
        ),
        MatrixIdentity(
            "e W_V = 0 is e = 0", (e @ W) @ R, e, rules=((W @ R, identity(d)),),
            note=r"$e = \delta n_s - n_s A$, $W_V$ of all groups side by side: $d \le g d_v$.",
        ),
    ]


def must_fail() -> list[Step]:
    """Values that do not see all, and no epsilon."""
    d, k = sizes("d k")
    e, W = matrix("e", 1, d), matrix("W_V", d, k)
    z, w, rho, zw, deep = sympy.symbols("z_c w_c rho q_zw d")
    return [
        MatrixCounterexample(
            "fewer values than entries tell e", e @ W @ W.T, e, {e: [[0, 1]], W: [[1], [0]]},
            scope="d = 2, g d_v = 1",
            note=r"$e W_V = 0$ and $e \ne 0$: how other rows vary is not known. No network was "
            r"seen that has a direction more for it.",
        ),
        Counterexample(
            "without epsilon the norm tells w", w, w * rho**2 - z * zw / deep,
            {w: 1, z: 1, rho: 1, zw: 2, deep: 2}, scope="d = 2, z = w = (1, 1)",
            note=r"$\delta z_s = z_s A + \varphi_s z_s$, $\varphi_s$ of each row by itself.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K17",
        title="Rows that are cut",
        statement=(
            r"Let a stack of K7 (RMSNorm or LayerNorm, $\epsilon > 0$) be causal, $T \ge 2$, and "
            r"let its output be the last row's alone, through a norm and a head (RMSNorm: a head, "
            r"too). (a) Above the last attention what does not vary of the row settles what it "
            r"settles of all rows. (b) At an attention that sees all rows, with $g d_v \ge d$ and "
            r"$d_v \le d$ ($d - 1$ for LayerNorm): if $\delta y_r = y_r A + c$ (LayerNorm: $+ "
            r"\varphi \mathbf{1}$), then $\delta z_s = z_s A$ ($+ \varphi_s \mathbf{1}$) for every "
            r"row $s$, with one $A$, and the attention leaves what it leaves where all rows are "
            r"read. So the redundancy is that of the stack whose rows are all read. (c) The same "
            r"of tokens, with K8's bound on the vocabulary."
        ),
        hypotheses=(
            r"No row but the last sees the last, in any attention; the last sees all rows in the "
            r"last attention, and (rotary) two pairs of other offsets.",
            r"Almost all weights.",
        ),
        premises=(
            Premise("K1", "The last row's weights are independent, head by head, over all below."),
            Premise("K5, K6, K7, K9", "Attention, norms, stacks."),
            Premise("K8", "Tokens."),
        ),
        scope=(
            r"All $L$, numbers of heads and units, widths in the range. Not covered: another row "
            r"than the last, as a class token, whose start is a parameter; rows that see one "
            r"another; $\epsilon = 0$; scores without a softmax; norms behind skips."
        ),
        steps=(*row(), *norms(), *values(), *must_fail()),
        conclusion=(
            r"(a) The facts on units behind a skip are of one row, whose $z_r$ spans as $x_r$ is "
            r"free. (b) The $p_s$ give $D_s = 0$ and $F_h(s) = F_h(r)$. $z_s$ and $\delta z_s$ do "
            r"not depend on $x_r$, so $F_h(r)$ does not vary with $x_r$, of which $z_r$ is a "
            r"submersion: $F_h = \kappa_h$, a constant, and $\delta z_r = z_r A + c'$. K6 and K7 "
            r"(a norm is read) apply to $\delta N B_h + N (\delta B_h - B_h A) = const$: $c' = 0$, "
            r"$A \in so(d)$, $\kappa_h = 0$, $\delta B_h = B_h A - A B_h$. What is left of row $s$ "
            r"is $(\delta N_s - N_s A) B_h = 0$, so $\delta N_s = N_s A$, $\delta z_s = z_s A$ "
            r"(LayerNorm: of $z_s$ less its mean; $F_h$ modulo $\mathbf{1}$, and $W_O$ less its "
            r"mean has rank $d_v$). $D_s = 0$ reads $(n_r, 1) M (n_s - n_r)^{\top} = 0$ with the "
            r"same unknown $M$ as in K5 and K9, $n_r$ and $n_s$ independent: $x_r$ moves $n_r$ "
            r"alone. From there on all rows are known, as K7 has them. (c) A context of $T$ times "
            r"one token has a last row that sees that token alone, as K8 asks: $\delta E_v = "
            r"\xi(E_v)$; then the equation of fresh tokens is that of free inputs."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
