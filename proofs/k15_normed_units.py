"""K15: a norm of units below a head: N(a) G U + b with a_i = act(u_i), d units in one row.

N(a) = a C / rho, rho^2 = |a C|^2 / d + eps, e = d eps > 0; C = 1 - J / d (LayerNorm)
or 1 (RMSNorm).
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    main,
    matrix,
    sizes,
)

d, V = sizes("d V")


def units() -> list[Step]:
    """da C = a A + (a C) (a S a) / e + rho c1 + ..., da_i = act'(u_i) du_i."""
    ai, aj, q_ii, q_ij, q_jj, c, t, u, x = sympy.symbols("a_i a_j q_ii q_ij q_jj c t u x")
    return [
        PolynomialIdentity(
            "the radicand in one atom", sympy.discriminant(q_jj * t**2 + 2 * q_ij * t + q_ii, t),
            4 * (q_ij**2 - q_jj * q_ii),
            note=r"$|r + t\, e_j C|^2 + e$ is no square, by Cauchy and Schwarz, so $\rho$ is of "
            r"degree 2 over the field of the atoms, and what is odd in $\rho$ vanishes: $c_1 = 0$.",
        ),
        PolynomialIdentity(
            "the cubic part in two atoms",
            c * ai * (q_ii * ai**2 + 2 * q_ij * ai * aj + q_jj * aj**2),
            c * q_ii * ai**3 + 2 * c * q_ij * ai**2 * aj + c * q_jj * ai * aj**2,
            note=r"An atom's derivative is at most a square. The $a_i$ are independent, so $a S "
            r"a^{\top} = 0$ for all $a$, and $S = 0$.",
        ),
        PolynomialIdentity(
            "tanh: the derivative's part that is not linear", (1 - t**2) * x - x, -x * t**2,
            note=r"What is left is $\delta a\, C = a A$, linear in the $a_j$. For tanh $1 - t^2$, "
            r"sigmoid $s - s^2$, SiLU $s + u s (1 - s)$, softplus $s$ beside a logarithm, GELU "
            r"$\Phi + u \varphi$: each $act'(u_j)\, \delta u_j$ has a part that is no multiple of "
            r"$a_j$, and it stands in entry $i$ times $C_{ji}$. $C_{jj} \ne 0$ for $d \ge 2$: "
            r"$\delta u_j = 0$. So $a A = 0$, $A = 0$.",
        ),
        PolynomialIdentity(
            "SiLU, of the derivative's square", (u * t * (1 - t) + t) * x + x * u * t**2,
            x * (u * t + t),
            note=r"$u\, \delta u = 0$ stands with $s^2$.",
        ),
    ]


def tied() -> list[Step]:
    """U = E^T, and dE_v = c + psi_v 1 where E_v enters a norm with positions (K14)."""
    E, G, dG = matrix("E", V, d), matrix("G", d, d, kind="diagonal"), matrix(
        "dG", d, d, kind="diagonal", latex=r"\delta G")
    one, phi = matrix("j", 1, d), matrix("phi", V, 1, latex=r"\varphi")
    p, s, gi, gj, ci, cj = sympy.symbols("phi psi g_i g_j c_i c_j")
    return [
        MatrixIdentity(
            "what does not vary is n (G E^T), n in the plane",
            G @ (phi @ one @ G.inv - E @ dG @ G.inv).T + dG @ E.T, one.T @ phi.T,
            note=r"So $\delta E_v = \varphi_v\, 1 G^{-1} - E_v\, \delta G\, G^{-1}$ (RMSNorm: "
            r"$\varphi = 0$). It is $c + \psi_v 1$ too. The columns of $E$ and 1 are independent: "
            r"three columns, $d \ge 4$, or two with $\delta G = 0$ leave $\delta G = 0$.",
        ),
        PolynomialIdentity(
            "two columns", (p / gi - s - ci) - (p / gj - s - cj),
            p * (1 / gi - 1 / gj) - (ci - cj),
            note=r"$\varphi_v (1 / g_i - 1 / g_j) = c_i - c_j$: $\varphi$ is one constant, and so "
            r"is $\psi$. One direction, $\delta E_v = \varphi\, 1 G^{-1}$, undone by positions; "
            r"$\beta\, \delta E_v^{\top}$ by a bias of the head, if there is one.",
        ),
    ]


def must_fail() -> list[Step]:
    """exp: a scale of the units passes."""
    t, x = sympy.symbols("t x")
    return [
        Counterexample(
            "exp: a derivative that is no multiple of the atom", t * x, 0, {t: 1, x: 1},
            note=r"$E_j\, \delta u_j$ is linear in $E_j$: $\delta u_j = A_{jj}$ is left.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K15",
        title="A norm of units below a head",
        statement=(
            r"Let $f = (N(a) G + \beta) U + b$ with $N$ LayerNorm ($d \ge 3$) or RMSNorm ($d "
            r"\ge 2$), $\epsilon > 0$, $a_i = \mathrm{act}(u_i)$, $i \le d$, act tanh, sigmoid, "
            r"SiLU, softplus or GELU, and $o \ge d$ outputs. If $f$ does not vary, $\delta u = 0$ "
            r"and $N G U$ does not vary: $G$ and, of LayerNorm, a multiple of $1 / g$ in each "
            r"column against $U$, $\beta$ against $b$. If $U = E^{\top}$ is the table of a stream "
            r"of K14 that begins with a norm of tokens and positions, $d \ge 4$: $\delta G = 0$, "
            r"and of LayerNorm $\delta E_v = \varphi\, 1 G^{-1}$ is left."
        ),
        hypotheses=(
            r"Almost all weights and gains, none 0; each $u_i$ has a parameter of its own.",
        ),
        premises=(
            Premise("K1", "The atoms are independent over the field of all below."),
            Premise("K10, K14", "Which variation of a turns its norm; how a table varies that "
                    "enters a norm with positions."),
        ),
        scope=r"All sizes in the range. Not covered: exp and walls, $\epsilon = 0$, $o < d$.",
        steps=(*units(), *tied(), *must_fail()),
        conclusion=(
            r"The head gives $\delta N = N A + c_1$; by K10 (a) $\delta a\, C$ is a projective "
            r"field of $A$ and the part of $c_1$, which is odd in $\rho$. The steps leave $\delta "
            r"u = 0$, $\delta N = 0$. $N$ spans the plane, as the $a_i$ are independent."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
