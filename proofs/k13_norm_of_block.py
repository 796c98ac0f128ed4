"""K13: a norm of what a block adds: y = z + N(u) G, u = a V, with the atoms a of the block.

N(u) = u / rho, rho^2 = |u|^2 / d + eps, e = d eps > 0, s = N(u) G; the stream y varies as it does
above: dy = y A + c with A skew, or with the projective field that a last norm lets pass.
"""

import sympy

from symgauge.theorem import (
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

d = sizes("d")[0]


def parts() -> list[Step]:
    """The root is no rational function of the atoms: what is odd in it stands alone."""
    a, rv, vv, length = sympy.symbols("a q_rv q_vv L")
    e = sympy.Symbol("e", positive=True)
    z, s, q_z, q_zs, q_s, sign = sympy.symbols("z_c s_c q_z q_zs q_s sigma")
    return [
        PolynomialIdentity(
            "the radicand in one atom", sympy.discriminant(vv * a**2 + 2 * rv * a + length + e, a),
            4 * (rv**2 - vv * length) - 4 * vv * e,
            note=r"$|r + a v|^2 + e$: by Cauchy and Schwarz less than 0, so it is no square, and "
            r"$\rho$ is of degree 2 over the field of the atoms.",
        ),
        PolynomialIdentity(
            "the projective field of z + s, one entry",
            (z + sign * s) * (q_z + 2 * sign * q_zs + sign**2 * q_s),
            z * (q_z + q_s) + 2 * s * q_zs + sign * (s * (q_z + q_s) + 2 * z * q_zs),
            relations=(sign**2 - 1,),
            note=r"$q_z = z S z^{\top}$, $q_{zs} = z S s^{\top}$; $\sigma$ is the sign of $\rho$. "
            r"Even: $\delta z = z A + c + (z\, (q_z + q_s) + 2\, q_{zs}\, s) / e$; odd, where the "
            r"field is none: $\delta s = s A$.",
        ),
    ]


def field() -> list[Step]:
    """Units: z q_s + 2 q_zs s is to be free of atoms, z and all u independent: S = 0."""
    zc, zk, sc, sk, q, b = sympy.symbols("z_c z_k s_c s_k q_s q_zs")
    return [
        PolynomialIdentity(
            "across z", (zc * q + 2 * sc * b) * zk - (zk * q + 2 * sk * b) * zc,
            2 * b * (sc * zk - sk * zc),
            note=r"Times $\rho^2$ it is $f(z)\, (|u|^2 + e) / d$, quadratic in $u$, whose entries "
            r"are independent as the rows of $V$ span: $u = 0$ gives $f = 0$. Then $q_{zs} = z S G "
            r"u^{\top} / \rho$ vanishes for all $z$ and $u$: $S = 0$.",
        ),
    ]


def gains() -> list[Step]:
    """ds = s A, s = w G, w = u / rho: dw = w A1, so du = u A1 + u (u S1 u^T) / e by K10 (a)."""
    G, dG = (matrix("G", d, d, kind="diagonal"),
             matrix("dG", d, d, kind="diagonal", latex=r"\delta G"))
    A, w, dw = matrix("A", d, d), matrix("w", 1, d), matrix("dw", 1, d, latex=r"\delta w")
    a, b, vc, wc, vv, vw, ww = sympy.symbols("a b v_c w_c q_vv q_vw q_ww")
    x, gi, gj = sympy.symbols("A_ij g_i g_j")
    return [
        MatrixIdentity(
            "a gain carries A over by conjugation",
            (derivative(w @ G, {w: dw, G: dG}) - w @ G @ A) @ G.inv,
            dw - w @ (G @ A @ G.inv - dG @ G.inv),
            note=r"$A_1 = G A G^{-1} - \delta G\, G^{-1}$, $S_1$ its symmetric part.",
        ),
        PolynomialIdentity(
            "cubic in two atoms", (a * vc + b * wc) * (a**2 * vv + 2 * a * b * vw + b**2 * ww),
            a**3 * vc * vv + a**2 * b * (wc * vv + 2 * vc * vw)
            + a * b**2 * (vc * ww + 2 * wc * vw) + b**3 * wc * ww,
            note=r"$\delta u$ has no mixed cubic part, as an atom's derivative is at most a square "
            r"(in one head a product of two); $v$, $w$ independent: $q_{vv} = q_{vw} = 0$. So $V "
            r"S_1 V^{\top} = 0$, and $S_1 = 0$ where the rows span. Of attention $v = (n_s - n_t) "
            r"N_h$ for all tokens; one atom of each head is enough, with no cube either.",
        ),
        PolynomialIdentity(
            "A and A1 skew: off the diagonal", x * (gi**2 - gj**2), 0,
            relations=(x * gi / gj - x * gj / gi,),
            note=r"$A = 0$ for distinct squares, $\delta G = 0$ on the diagonal, $\delta u = 0$. "
            r"Where $A$ has a multiple $\lambda$ of 1, $\delta G = \lambda G$.",
        ),
    ]


def must_fail() -> list[Step]:
    """Equal gains, and rows that do not span."""
    G, skew = matrix("G", d, d, kind="diagonal"), matrix("Omega", d, d, kind="skew")
    k = sizes("k")[0]
    V, S = matrix("V", k, d), matrix("S", d, d, kind="symmetric")
    return [
        MatrixCounterexample(
            "a rotation passes a gain", G @ skew - skew @ G, zero(d, d),
            {G: [[1, 0], [0, 2]], skew: [[0, 1], [-1, 0]]}, scope="d = 2",
            note=r"Where all gains are equal it does.",
        ),
        MatrixCounterexample(
            "orthonormal rows that do not span tell S", S - V.T @ (V @ S @ V.T) @ V, zero(d, d),
            {V: [[1, 0]], S: [[0, 0], [0, 1]]}, scope="k = 1, d = 2",
            note=r"$V S V^{\top} = 0$ there, and $S \ne 0$. Two units in three dimensions "
            r"under two norms have 3 directions more: 9 of 42.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K13",
        title="A norm of what a block adds",
        statement=(
            r"Let $y = z + N(u) G$ with $N$ RMSNorm, $\epsilon > 0$, $u = \sum a_i v_i$ units "
            r"(tanh, sigmoid, softplus, SiLU, GELU, SwiGLU, GEGLU) or attention of two tokens at "
            r"least that read $z$, and rows $v_i$ (of all $N_h$) that span $\mathbb{R}^d$, $d \ge "
            r"2$. (a) If $\delta y = y A + c$ with $A$ skew, or with a multiple $\lambda$ of 1 "
            r"besides, then $\delta u = 0$, $\delta G = \lambda G$, $\delta z = \lambda z + c$: no "
            r"rotation is left. (b) Of units the same holds below a last norm with $\epsilon > "
            r"0$ and a head without constants, where $\delta y$ may have the part $(y S y^{\top}) "
            r"y / e$ besides."
        ),
        hypotheses=(r"The squares of the gains are distinct, none is 0; almost all weights.",),
        premises=(
            Premise("K1", "The atoms of the block are independent over the field of all below."),
            Premise("K10", "Part (a) there: which variation of u turns its norm by A1."),
        ),
        scope=(
            r"All $d \ge 2$ and numbers of rows that span. Not covered: LayerNorm, $\epsilon = 0$, "
            r"constants beside $u$, relu, rows that do not span (where more was seen), an average "
            r"directly below a last norm."
        ),
        steps=(*parts(), *field(), *gains(), *must_fail()),
        conclusion=(
            r"$\delta z$ is made of what lies below the atoms, and $s$ is odd in $\rho$. The even "
            r"part gives $\delta z = z A + c$ (in (b) once $S = 0$), the odd part $\delta s = s "
            r"A$. Then the gains leave $A = \lambda$, and $u$ does not vary: each unit and head is "
            r"settled as where nothing passes beside it, its rows by themselves."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
