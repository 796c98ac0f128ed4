"""K12: post-norm: the norm stands behind the skip, and its gain leaves no rotation of the stream.

Blocks z -> N(z + attention(z)) G1, z -> N(z + MLP(z)) G2 with N RMSNorm, linear input, linear head.
n = N(y) = y / rho, rho^2 = |y|^2 / d + eps, e = d eps.
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
    derivative,
    main,
    matrix,
    sizes,
    zero,
)

d, v = sizes("d v")
A, n = matrix("A", d, d), matrix("n", 1, d)
G, dG = (matrix("G", d, d, kind="diagonal"),
         matrix("dG", d, d, kind="diagonal", latex=r"\delta G"))


def redundancy(layers: int, a: int, phi: int, d: int, eps: bool) -> int:
    """P - rank J; `a` and `phi` as in K7. For eps = 0 the count is seen, not proved."""
    return layers * (a + phi + 2 * (not eps)) + d


def gains() -> list[Step]:
    """z = n G with dz = z A + c, A skew: dn = n A1 + c G^-1, and A1 is skew as well."""
    dn, c = matrix("dn", 1, d, latex=r"\delta n"), matrix("c", 1, d)
    a, gi, gj = sympy.symbols("A_ij g_i g_j")
    return [
        MatrixIdentity(
            "a gain carries A over by conjugation",
            (derivative(n @ G, {n: dn, G: dG}) - (n @ G @ A + c)) @ G.inv,
            dn - (n @ (G @ A @ G.inv - dG @ G.inv) + c @ G.inv),
            note=r"$A_1 = G A G^{-1} - \delta G\, G^{-1}$.",
        ),
        PolynomialIdentity(
            "A and A1 skew: off the diagonal", a * (gi**2 - gj**2), 0,
            relations=(a * gi / gj - a * gj / gi,),
            note=r"$(A_1)_{ij} = A_{ij} g_i / g_j$ is the negative of $(A_1)_{ji} = -A_{ij} g_j / "
            r"g_i$: $A_{ij} (g_i^2 - g_j^2) = 0$, so $A = 0$ for distinct squares, and on the "
            r"diagonal $\delta G = 0$.",
        ),
    ]


def attention() -> list[Step]:
    """y_t = r + sum p_s w_s N_h, r = z_t (1 + N+) + b, w_s = z_s - z_t, with dn = n A1 + c1."""
    r, wN = matrix("r", 1, d), matrix("w", 1, d)
    N, dN, dw = matrix("N", d, d), matrix("dN", d, d, latex=r"\delta N"), matrix(
        "dw", 1, d, latex=r"\delta w")
    A1 = matrix("A_1", d, d)
    P, V, W_O = matrix("P", d, v), matrix("W_V", d, v), matrix("W_O", v, d)
    p, D, e, q, f = sympy.symbols("p D e q f")
    rc, wc, ws = sympy.symbols("r_c w_c q_w")
    z, X = matrix("z", 1, d), matrix("X", d, d)
    y = r + p * (wN @ N)
    return [
        MatrixIdentity(
            "one key of one head", derivative(y, {wN: dw, N: dN}) + (D * p - D * p**2) * (wN @ N)
            - y @ A1, -(r @ A1) + p * (dw @ N + wN @ (dN - N @ A1) + D * (wN @ N))
            - (D * p**2) * (wN @ N), note=r"$\delta r$ left out.",
        ),
        PolynomialIdentity(
            "the quadratic part of the projective field, one entry",
            (rc + p * wc) * (q + 2 * p * ws + p**2 * f),
            rc * q + p * (wc * q + 2 * rc * ws) + p**2 * (2 * wc * ws + rc * f) + p**3 * wc * f,
            note=r"$w_c$ is the entry of $w_s N_h$, $q = r S r^{\top}$, $q_w = r S (w_s "
            r"N_h)^{\top}$, $f = (w_s N_h) S (w_s N_h)^{\top}$, by K10 (a) with $S$ the symmetric "
            r"part of $A_1$, and all over $e$. $p^3$: $f = 0$. $p^2$: $D_s = -2 q_w / e$.",
        ),
        MatrixIdentity(
            "across the rows of W_O", (dw @ V @ W_O + wN @ V @ matrix("B", v, d)) @ P,
            wN @ V @ matrix("B", v, d) @ P, rules=((W_O @ P, zero(v, v)),),
            note=r"$P$ of full rank with $W_O P = 0$ ($d_v < d$), $B = \delta W_O - W_O A_1$, and "
            r"$\delta W_V\, W_O P = 0$. The coefficient of $p$, times $P$: a linear function of "
            r"$w_s$ equals $2 q_w\, r P / e$, which is quadratic in $r$: $q_w = 0$ for all $r$, so "
            r"$S N_h^{\top} = 0$ and $D_s = 0$.",
        ),
        MatrixIdentity(
            "what is left of p and of 1, at degree 3", (q * (z @ X) - f * (n @ X))
            - f * (z @ X - n @ X), (q - f) * (z @ X),
            note=r"$\delta r = r A_1 + r\, q(r) / e$ gives $\delta z$, cubic in one token; then "
            r"$\delta w_s N_h = w_s N_h\, q(r_t) / e + \dots$ says, with $z = r_s$, $n = r_t$, $X ="
            r" (1 + N_+)^{-1} N_h$, $q = q(r_s)$, $f = q(r_t)$: $q(r_s) = q(r_t)$, a constant. So "
            r"$S = 0$, $A_1$ is skew.",
        ),
    ]


def must_fail() -> list[Step]:
    """Without gains, or with equal ones, the stream turns."""
    skew = matrix("Omega", d, d, kind="skew")
    s, t, eps = sympy.symbols("s t epsilon")
    turn = [[0, 1], [-1, 0]]
    return [
        MatrixCounterexample(
            "a rotation passes a gain", G @ skew - skew @ G, zero(d, d),
            {G: [[1, 0], [0, 2]], skew: turn}, scope="d = 2",
            note=r"Where all gains are equal, or none is there, it does: $d (d - 1) / 2$ more.",
        ),
        Counterexample(
            "epsilon > 0: a scale passes the norm", s**2 / (s**2 + eps), 1 / (1 + eps),
            {s: 2, eps: 1},
            note=r"With $\epsilon = 0$ it does: one for each norm, two for a block, "
            r"each undone by the weights and the gain below.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K12",
        title="Post-norm stacks",
        statement=(
            r"Let $T \ge 2$ tokens $x_t W_{in}$, $m \ge d \ge 2$, pass $L \ge 1$ blocks $z \mapsto "
            r"N(z + \mathrm{attention}(z)) G_1$, $z \mapsto N(z + \mathrm{MLP}(z)) G_2$, $N$ "
            r"RMSNorm, $\epsilon > 0$, and a linear head with $o \ge d$ outputs; $d_v < d$. For "
            r"almost all weights the redundancy is $L (a + \varphi) + d$, with $a$ the count of K5 "
            r"or K9 and $\varphi$ as in K7: the stream has no rotation, and of the gains the last "
            r"alone is undone."
        ),
        hypotheses=(
            r"The gains of each norm have distinct squares, not 0.",
            r"The tokens take all values of an open set, independently.",
        ),
        premises=(
            Premise("K1", "The atoms of each level are independent, over a field that contains the "
                    "roots of the norms below."),
            Premise("K10, K5, K4", "Below a norm with a head; one layer of attention; a level."),
        ),
        scope=(
            r"All sizes in the range. Not covered: $d_v = d$; $\epsilon = 0$, where $2 L$ more was "
            r"seen. LayerNorm is K14."
        ),
        steps=(*gains(), *attention(), *must_fail()),
        conclusion=(
            r"$z = n G_1$ spans at every level: $N$ maps $\mathbb{R}^d$ onto a ball if $\epsilon > "
            r"0$. The head and the last MLP are K10: $\delta z = z A$, $A$ skew, for the sum under "
            r"the last norm; the skip gives $\delta v_i = v_i A$, $\delta u = 0$ and $\delta z = z "
            r"A + c'$, the reader $\delta W = -A W$. This $z$ is $n G$, and $\delta n = n A_1 + c' "
            r"G^{-1}$. By K10 (a) $\delta y$ is a projective field of $A_1$, with a part that "
            r"is odd in $\rho$ unless $c' = 0$. Under it lies attention, and the steps give $S "
            r"= 0$; so $A = 0$, $\delta G = 0$, $\delta y = 0$. Then $\delta z (1 + N_+) + z\, "
            r"\delta N_+ + \delta b = 0$ and each $\delta z\, N_h + z\, \delta N_h$ is one "
            r"function of all tokens, so a constant: $\delta z$ is a constant $c$, $\delta N_h "
            r"= 0$, and the scores are K5's. The next norm below has $\delta n = c\, G^{-1} - "
            r"n\, \delta G\, G^{-1}$, and by the same steps with an MLP under it (K10 (b)) $c = "
            r"0$, and $\delta G\, G^{-1}$ is skew and diagonal, so 0. At the input $\delta "
            r"W_{in} = 0$. What is left are $a$ and $\varphi$ in each block and, at the head, "
            r"$G_2$ against $U$: $d$."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
