"""K14: post-norm with LayerNorm: what passes a norm lies in a plane; two gains leave no rotation.

n = N(y) = y C / rho, C = 1 - J / d takes the mean off, rho^2 = |y C|^2 / d + eps, e = d eps > 0,
and z = n G + b passes beside the next block. As in K12, with rows times C.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    ExactRank,
    MatrixCounterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    linear_map,
    main,
    matrix,
    sizes,
    zero,
)

d, v = sizes("d v")
A, A1 = matrix("A", d, d, kind="skew"), matrix("A_1", d, d, kind="skew")
G, dG = (matrix("G", d, d, kind="diagonal"),
         matrix("dG", d, d, kind="diagonal", latex=r"\delta G"))
C = matrix("C", d, d, kind="symmetric")
n = matrix("n", 1, d)
#: What passes a norm sums to 0, and A, A1 act on that alone.
PLANE = ((n @ C, n), (A @ C, A), (C @ A, A), (A1 @ C, A1), (C @ A1, A1), (C @ C, C))


def layer_norm_redundancy(
    layers: int, a: int, writes: tuple[int, int, int], d: int, o: int
) -> int:
    """P - rank J, all biases but that of W_in; for one block or d = 3 seen; writes as in K7."""
    read, mixed, units = writes
    blocks = layers * (a + mixed + units + 2 + units) + (layers - 1) * read
    head = o * d + d - o * (d - 1) + d
    turn = 1 if layers == 1 or d == 3 else 0
    return blocks + (2 * layers - 1) * d + head + d + turn


def gains() -> list[Step]:
    """z = n G + b, dz = z A + c + phi 1, dn = n A1 + c1, K = C G C."""
    b, db, c, c1 = (matrix("b", 1, d), matrix("db", 1, d, latex=r"\delta b"), matrix("c", 1, d),
                    matrix("c_1", 1, d))
    K = matrix("K", d, d, kind="symmetric")
    X = A1 @ K - K @ A
    gi, gj, gk, s, size = sympy.symbols("g_i g_j g_k s d")
    x, ki, kj = sympy.symbols("B_ij kappa_i kappa_j")
    return [
        MatrixIdentity(
            "a gain between two projections",
            ((n @ A1 + c1) @ G + n @ dG + db - (n @ G + b) @ A - c) @ C,
            n @ (A1 @ C @ G @ C - C @ G @ C @ A + C @ dG @ C) + (c1 @ G + db - b @ A - c) @ C,
            rules=PLANE,
            note=r"$\delta z$ times $C$, the multiple of 1 falls away: $A_1 K - K A = -C\, \delta "
            r"G\, C$ with $K = C G C$, as $n$ spans the plane.",
        ),
        MatrixIdentity(
            "A and A1 skew: the part that is not symmetric", X - X.T,
            (A1 - A) @ K + K @ (A1 - A),
            note=r"The right side above is symmetric. In a basis of eigenvectors of $K$, $B = A_1 "
            r"- A$:",
        ),
        PolynomialIdentity(
            "so A1 = A", x * ki + kj * x, x * (ki + kj),
            note=r"$B_{ij} (\kappa_i + \kappa_j) = 0$; of almost all gains no two eigenvalues have "
            r"the sum 0 (for equal ones $K = C$): $B = 0$, and $K A - A K = C\, \delta G\, C$.",
        ),
        PolynomialIdentity(
            "A = 0: two entries of C dG C in one row",
            (-(gi + gj) / size + s / size**2) - (-(gi + gk) / size + s / size**2),
            (gk - gj) / size,
            note=r"Off the diagonal $(C\, \delta G\, C)_{ij} = -(\delta g_i + \delta g_j) / d + s "
            r"/ d^2$, $s = \sum \delta g_i$. Where $A = 0$ they vanish: for $d \ge 3$ all $\delta "
            r"g_i$ are equal, $\delta G = \lambda$ and $\lambda C = 0$.",
        ),
        *(ExactRank(
            f"d = {k}: the gains that C dG C tells", _projected(k), k if k > 2 else 1,
            scope=f"d = {k}", note="" if k > 2 else r"$\delta G = (1, -1)$ is not told.",
        ) for k in (2, 3, 4)),
    ]


def _projected(size: int) -> sympy.Matrix:
    """dG to C dG C."""
    P = sympy.eye(size) - sympy.ones(size, size) / size
    return linear_map(lambda g: list(P * sympy.diag(*g) * P), (size, 1))


def centred_gains() -> list[Step]:
    """LayerNorm: G is read through C on both sides, C G C A - A C G C = C dG C, A 1 = 0."""
    x, t = sympy.symbols("x t")
    P = sympy.Function("P")(x)
    return [
        PolynomialIdentity(
            "the spectrum of C G C: critical points of the polynomial with the gains as roots",
            (P + t).diff(x), P.diff(x),
            note=r"$\det(C G C - \mu)$ on what sums to 0 is, up to a factor, $P'(\mu)$, $P = "
            r"\prod_i (x - g_i)$. $P + t$ has the same $P'$: one direction of the gains, $\delta "
            r"g_i = 1 / P'(g_i)$, is a rotation.",
        ),
        *(ExactRank(
            f"d = {size}, {norms} norms with one rotation: {left} solutions",
            _turned_gains(size, norms), size * (size - 1) // 2 + norms * size - left,
            scope=f"d = {size}, {norms} norms",
        ) for size, norms, left in ((3, 1, 1), (4, 1, 1), (5, 1, 1), (3, 2, 1), (4, 2, 0),
                                    (5, 2, 0))),
    ]


def _turned_gains(size: int, norms: int) -> sympy.Matrix:
    """(A, dG of each norm), A skew, to C G C A - A C G C - C dG C and A 1."""
    cells = [(i, j) for i in range(size) for j in range(i)]
    P = sympy.eye(size) - sympy.ones(size, size) / size
    Ks = [P * sympy.diag(*(x**2 + (k + 1) * x + 1 for x in range(1, size + 1))) * P
          for k in range(norms)]

    def image(a: sympy.Matrix, *changes: sympy.Matrix) -> sympy.Matrix:
        A = sympy.zeros(size, size)
        for value, (i, j) in zip(a, cells):
            A[i, j], A[j, i] = value, -value
        rows = [K * A - A * K - P * sympy.diag(*dg) * P for K, dg in zip(Ks, changes)]
        return sympy.Matrix([e for r in rows for e in r] + list(A * sympy.ones(size, 1)))

    return linear_map(image, (len(cells), 1), *[(size, 1)] * norms)


def two_gains() -> list[Step]:
    """Rotations that two gains undo, and why none is left for d >= 4."""
    a, s = sympy.symbols("a s")
    return [
        *centred_gains(),
        PolynomialIdentity(
            "a line of rotations that all permutations keep", 2 * a, 0,
            relations=(a - s * a, -a - s * a),
            note=r"By the step above the rotations that one generic gain undoes are a line, $A(G)$ "
            r"($A = 0$ would give $\delta G = 0$). If two generic gains had it in common it would "
            r"be one line for almost all $G$, and $A(\sigma G) = \sigma A(G) \sigma^{-1}$ would "
            r"keep it: $\sigma A \sigma^{-1} = s(\sigma) A$, $s$ the same for all "
            r"transpositions. Of $a = A_{ij}$ the transposition of $i$, $j$ says $-a = s a$, that "
            r"of two others ($d \ge 4$) $a = s a$: $A = 0$.",
        ),
    ]


def attention() -> list[Step]:
    """K12's steps with rows times C; the last one here without powers of one token."""
    s1, s2, t1, t2, q1, q2 = sympy.symbols("s_1 s_2 t_1 t_2 q_1 q_2")
    return [
        PolynomialIdentity(
            "a product of two tokens, no sum of functions of one",
            ((s2 - t2) * q2 - (s1 - t2) * q2) - ((s2 - t1) * q1 - (s1 - t1) * q1),
            (s2 - s1) * (q2 - q1),
            note=r"K12's first three steps, with $r C$ and $N_h C$: $d_v < d - 1$, so there is a "
            r"$P \ne 0$ with $W_O C P = 0$, and $S (N_h C)^{\top} = 0$, $D_s = 0$ ($r C$ is a "
            r"generic map of the plane and spans it). What is left of $p_s$: $\delta w_s N_h C + "
            r"w_s\, \delta N_h C = w_s N_h A_1 + w_s N_h C\, q(r_t) / e$. All but the last term "
            r"are sums of functions of one token: $q(r_t)$ is constant, $r$ spans, $S = 0$.",
        ),
    ]


def ones() -> list[Step]:
    """dz C = c C: dz = c + phi 1, and phi is affine."""
    W, dW = matrix("W", d, v), matrix("dW", d, v, latex=r"\delta W")
    c, b, h, w = matrix("c", 1, d), matrix("b", 1, d), matrix("h", d, 1), matrix("w", 1, v)
    row, column = matrix("j", 1, d), matrix("k", d, 1)
    k = sympy.Symbol("k")
    z = n @ G + b
    del dW
    return [
        MatrixIdentity(
            "a reader, dW = - h 1 W + G^-1 1 w",
            (c + z @ h @ row + k * row) @ W + z @ (G.inv @ column @ w - h @ row @ W),
            c @ W + k * (row @ W) + b @ G.inv @ column @ w,
            rules=((n @ column, zero(1, 1)),),
            note=r"$j = 1$, $k = 1^{\top}$, $n 1^{\top} = 0$. What is left is constant, and a bias "
            r"of the reader undoes it: $w$ is free, one for each column, where the reader reads "
            r"what passes a norm. $\varphi$ is affine: the part of $p_s$ says $(\varphi_s - "
            r"\varphi_t)\, 1 N_h C + w_s\, \delta N_h C = 0$, units say $\delta u = 0$. Below a "
            r"norm $n 1^{\top} = 0$ tells $h$ and the constant; of free inputs $h$ is free, $d$ "
            r"directions, with $\delta W_{in} = W_{in} h 1$.",
        ),
    ]


def embedded() -> list[Step]:
    """n = N(E_v + P_t) with dn = n A1 + c1: the stream begins with a norm of tokens and places."""
    yc, dc, q, b, r, t = sympy.symbols("y_c delta_c q_yy q_yd q_dd t")
    field = (yc + t * dc) * (q + 2 * t * b + t**2 * r)
    return [
        PolynomialIdentity(
            "the cubic part along the difference of two positions", field.diff(t).subs(t, 0),
            dc * q + 2 * yc * b,
            note=r"$\delta E_v C + \delta P_t C = F(E_v + P_t)$ with $F(y) = y A_1 + \rho c_1 + y "
            r"(q(y) + \rho\, y \cdot c_1) / e$, and $\delta E_v C$ is one function of $E_v$ (K8): "
            r"$F(y + \delta) - F(y)$ is constant, $\delta$ the difference of two positions. The "
            r"two roots are of two irreducible quadratics: $c_1 + (y \cdot c_1)\, y / e = 0$, so "
            r"$c_1 = 0$. The quadratic terms: $\delta\, q(y) + 2 y\, q(y, \delta) = 0$, so $q = 0$ "
            r"for $y$ not along $\delta$: $S = 0$. Then $A_1$ is skew, as below a block.",
        ),
    ]


def must_fail() -> list[Step]:
    """Equal gains pass rotations; without positions a constant is one of the tokens'."""
    skew = matrix("Omega", d, d, kind="skew")
    y, c, eps, t = sympy.symbols("y c epsilon t")
    root = sympy.sqrt(y**2 + eps)
    return [
        MatrixCounterexample(
            "a rotation passes a gain", G @ skew - skew @ G, zero(d, d),
            {G: [[1, 0], [0, 2]], skew: [[0, 1], [-1, 0]]}, scope="d = 2",
            note=r"Where all gains are equal it does.",
        ),
        Counterexample(
            "rho c (1 + y^2 / e) has constant differences",
            (root * c * (1 + y**2 / eps)).subs(y, y + t) - root * c * (1 + y**2 / eps), 0,
            {y: 0, t: 1, c: 1, eps: sympy.Rational(9, 16)},
            note=r"Without positions nothing excludes it: $\delta n = c_1$ for tokens, undone by "
            r"$\delta b = -c_1 G$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K14",
        title="Post-norm stacks with LayerNorm",
        statement=(
            r"Let $L \ge 1$ blocks $z \mapsto N(z + \mathrm{attention}(z)) G_1 + b_1$, $z \mapsto "
            r"N(z + \mathrm{MLP}(z)) G_2 + b_2$ ($N$ LayerNorm, $\epsilon > 0$, all biases) read "
            r"free tokens $x_t W_{in}$ ($m \ge d$) or $N(E_v + P_t) G_0 + b_0$ ($T \ge 2$, "
            r"vocabulary of K8), $d \ge 3$, $d_v < d - 1$. If the last $z$ is the output, no gain, "
            r"no rotation of the stream and no bias of a last norm varies. The same, but for the "
            r"last gain and bias against the head, below a linear head with $o \ge d$ outputs if "
            r"$d \ge 4$ and two gains lie below the last. Free are: for each block K5's $a$ with "
            r"$d - 1$ in place of $d$ and K7's $\varphi$; a multiple of 1 in each row that writes "
            r"to the stream and each bias, and of $1 / g$ in each column that reads a norm; each "
            r"norm's bias against those of its readers and of the next block."
        ),
        hypotheses=(
            r"Almost all weights and gains, none 0.",
            r"The tokens take all values of an open set, independently, or are a vocabulary of K8.",
        ),
        premises=(
            Premise("K1", "The atoms of each level are independent, over a field that contains the "
                    "roots of the norms below."),
            Premise("K10, K12, K5, K8", "Below a norm with a head; the first steps of attention "
                    "below a norm; one layer of attention; tokens."),
        ),
        scope=(
            r"All sizes in the range. Not covered: $d_v \ge d - 1$; $\epsilon = 0$; walls. Below a "
            r"head one gain and a rotation have one direction in common, and all of them if $d = "
            r"3$: seen, with the count of this file."
        ),
        steps=(*gains(), *two_gains(), *attention(), *ones(), *embedded(), *must_fail()),
        conclusion=(
            r"From the last norm down, $\delta n = n A_1 + c_1$. By K10 (a) $\delta y\, C$ is a "
            r"projective field of $A_1$ with a part that is odd in $\rho$; $y C$ is linear in the "
            r"atoms of its block, whose rows are no multiples of 1, so $\rho$ is of degree 2 over "
            r"their field (K13) and $c_1 = 0$. Units (K10 (b)) or attention give $S = 0$ on the "
            r"plane: $A_1$ is skew, $\delta z = z A_1 + c + \varphi 1$. That is $A$ for the gain "
            r"below, and its $\delta n$ has $A$ again: $A = 0$ stays $0$ with $\delta G = 0$, and "
            r"any other is undone by one gain in one direction and by two in none. Constants: "
            r"$\delta b$ of a norm and of the next block have a multiple of 1 as their sum."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
