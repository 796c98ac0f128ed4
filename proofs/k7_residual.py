"""K7: residual stacks: the skip isolates the stream, a norm admits rotations alone.

Blocks of pre-norm attention and MLP on T tokens, z_t = x_t W_in below and a norm with a head above.
n = N(z) = z / rho, rho^2 = |z|^2 / d + eps; e = d eps. A is the matrix by which a stream varies,
dz = z A, and from the head down it is shown that nothing else is possible.
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
    coefficients,
    derivative,
    identity,
    integers,
    main,
    matrix,
    sizes,
    zero,
)

d, h, o, k = sizes("d h o k")
e, rho, lam = sympy.symbols("e rho lambda", positive=True)
z, dz, c = matrix("z", 1, d), matrix("dz", 1, d, latex=r"\delta z"), matrix("c", 1, d)
A = matrix("A", d, d)
skew, sym = matrix("Omega", d, d, kind="skew"), matrix("S", d, d, kind="symmetric")
one = identity(1)
#: |z|^2 = d rho^2 - e, and no quadratic form of a skew matrix.
dimension = sympy.Symbol("d", integer=True, positive=True)
LENGTH = ((z @ z.T, (dimension * rho**2 - e) * one), (z @ skew @ z.T, zero(1, 1)))


def redundancy(layers: int, a: int, phi: int, d: int, eps: bool, head: bool) -> int:
    """Pre-RMSNorm stacks, gains in all norms; `a` is K5's count of a layer of attention, `phi` the
    MLP's (0, or d_ff where it is gated). Raw stream out without `head`.
    """
    blocks = layers * (a + phi + 2 * d)
    return blocks + (d + d * (d - 1) // 2 + (not eps) if head else 0)


def parallel_redundancy(
    layers: int, a: int, phi: int, d: int, eps: bool, head: bool, both_biases: bool
) -> int:
    """z + attention(n) + MLP(n) behind one norm; `both_biases`: b_O and the MLP's output bias."""
    blocks = layers * (a + phi + d + d * both_biases)
    return blocks + (d + d * (d - 1) // 2 + (not eps) if head else 0)


def layer_norm_redundancy(
    layers: int, a: int, writes: tuple[int, int, int], m: int, d: int, eps: bool, head: bool
) -> int:
    """Pre-LayerNorm stacks, gains and biases everywhere but in W_in and the head.

    a: K5's count at width d - 1 with all biases; writes: columns of W_Q, W_K and W_V together,
    rows of W_O, units of the MLP.
    """
    read, mixed, units = writes
    blocks = layers * (a + 4 * d + read + units)
    if not head:
        return blocks + 2 * layers - 1
    width = d - 1
    stream = layers * (mixed + units + 2) + m + width * (width - 1) // 2 + (not eps)
    return blocks + stream + 2 * d


def plain_redundancy(
    layers: int, phi: int, d: int, biases: bool, in_bias: bool, head_bias: bool
) -> int:
    """Blocks z + act(z A + a) B + b without norms; the outer biases only with the inner ones."""
    if (in_bias or head_bias) and not biases:
        raise ValueError("outer biases without inner ones are not covered")
    shifts = (layers - 1) * biases + in_bias + head_bias
    return d * d + d * shifts + layers * phi


def narrow_ends(
    layers: int, h: int, readers: int, m: int, d: int, o: int, biases: bool, head_bias: bool
) -> int:
    """What `plain_redundancy` has more where m < d or o < d; `readers` of a block: h, gated 2 h."""
    if o < d <= min(m, readers + o):
        return (d - o) * (h + (biases and not head_bias))
    if d <= o and d <= m + layers * h:
        return sum(readers * max(0, d - m - k * h) for k in range(layers))
    raise ValueError(f"m, d, o = {m}, {d}, {o} is not covered")


def skips() -> list[Step]:
    """y = z + a V + b with a = act(u): dy = y A + c, split by the atoms a."""
    V, dV = matrix("V", h, d), matrix("dV", h, d, latex=r"\delta V")
    a, da = matrix("a", 1, h), matrix("da", 1, h, latex=r"\delta a")
    b, db = matrix("b", 1, d), matrix("db", 1, d, latex=r"\delta b")
    W, dW, w = (matrix("W", d, h), matrix("dW", d, h, latex=r"\delta W"), matrix("w", 1, h))
    dw = matrix("dw", 1, h, latex=r"\delta w")
    y = z + a @ V + b
    x, span, free, r = matrix("x", 1, k), matrix("Y", k, d), matrix("F", d, d), matrix("R", d, h)
    U, left, zero_a = matrix("U", d, o), matrix("K", h, d), zero(1, h)
    return [
        MatrixIdentity(
            "behind a skip: what has atoms, and what has none",
            derivative(y, {z: dz, a: da, V: dV, b: db}) - (y @ A + c),
            (dz - z @ A + db - b @ A - c) + (da @ V + a @ (dV - V @ A)),
            note=r"The second bracket is K4's equation with $\delta V - V A$ in the place of "
            r"$\delta W$: $\delta u = 0$ and $\delta v_i = v_i A$ (with a gate $\delta g = 0$, "
            r"$\delta u_i = -c_i u_i$, $\delta v_i = v_i A + c_i v_i$). The first: $\delta z = z A "
            r"+ c'$, $c' = c + b A - \delta b$. The skip lets $A$ through.",
        ),
        MatrixIdentity(
            "a reader without a norm", derivative(z @ W + w, {z: z @ A + c, W: dW, w: dw}),
            z @ (A @ W + dW) + (c @ W + dw),
            note=r"$z$ spans: $\delta W = -A W$, $\delta w = -c W$.",
        ),
        MatrixIdentity(
            "a reader of a stream that stays in a subspace", x @ span @ (free @ r), zero(1, h),
            rules=((span @ free, zero(k, d)),),
            note=r"$z = x Y$ up to a constant, $Y$ of rank $s < d$: $\delta W$ may have in each "
            r"column what $Y$ does not see, $h (d - s)$ more.",
        ),
        MatrixIdentity(
            "a head that does not see all of the stream", derivative(y @ U, {
                z: dz, a: zero_a, V: V @ A + left, b: db, U: -(A @ U)}),
            (dz + db - (z + b) @ A) @ U, rules=((left @ U, zero(h, o)),),
            note=r"$o < d$: each row of $V$ may have what $U$ does not see, $h (d - o)$ more; "
            r"$\delta z\, U$ is given, and so is $\delta z\, W$ by $\delta u = 0$, so $\delta z$ "
            r"where $U$ and $W$ together span. Of $\delta b$, $d - o$ are free too; with a bias "
            r"of the head they are among those counted.",
        ),
    ]


def norms() -> list[Step]:
    """u = n B + b with du = 0 and dz = z A + c."""
    B, dB = matrix("B", d, h), matrix("dB", d, h, latex=r"\delta B")
    AB = matrix("C", d, h)
    r2 = rho**2
    moved = (1 / rho) * dz - (1 / (dimension * rho**3)) * (z @ dz.T @ z)
    return [
        MatrixIdentity(
            "the variation of n B, times d rho^3",
            (dimension * rho**3) * (moved @ B + (1 / rho) * (z @ dB)),
            (dimension * r2) * (dz @ B + z @ dB) - z @ dz.T @ z @ B,
            note=r"$\delta n = \delta z / \rho - (z \cdot \delta z)\, z / (d \rho^3)$. The root "
            r"$\rho$ is not rational in $z$, so $\rho^3\, \delta b = 0$ by itself: $\delta b = 0$.",
        ),
        MatrixIdentity(
            "dz = z A + c, by degrees in z",
            (lam**2 * (z @ z.T) + e * one) @ (lam * (z @ AB) + c @ B)
            - (lam**2 * (z @ A.T @ z.T) + lam * (z @ c.T)) @ (lam * (z @ B)),
            e * (c @ B) + (lam * e) * (z @ AB)
            + lam**2 * (z @ z.T @ c @ B - z @ c.T @ z @ B)
            + lam**3 * (z @ z.T @ z @ AB - z @ A.T @ z.T @ z @ B),
            note=r"$C = A B + \delta B$, $z \mapsto \lambda z$. $\epsilon > 0$: $c B = 0$, $C = 0$;"
            r" then $(z \cdot c)\, z B = 0$ and $(z A z^{\top})\, z B = 0$, so $c = 0$ and $A$ is "
            r"skew, as $B \ne 0$. $\epsilon = 0$: $|z|^2$ is prime for $d \ge 2$ and divides "
            r"neither $z \cdot c$ nor $z B$, so $c = 0$; it divides $z A z^{\top}$, so $A = "
            r"\lambda + $ skew (K2) and $C = \lambda B$.",
        ),
        MatrixIdentity(
            "and a rotation passes", (1 / rho) * (z @ skew) @ B
            - (1 / (dimension * rho**3)) * (z @ skew.T @ z.T @ z @ B)
            + (1 / rho) * (z @ -(skew @ B)), zero(1, h), rules=LENGTH,
        ),
        *(_read_rank(*case) for case in (
            (2, 1, True, 1), (3, 1, True, 3), (3, 2, True, 3), (2, 1, False, 2),
            (3, 1, False, 4), (3, 2, False, 4))),
    ]


def _read_rank(width: int, units: int, eps: bool, left: int) -> Step:
    """Solutions (A, c, dB) of the equation by degrees, at an exact B."""
    x = sympy.Matrix([sympy.symbols(f"z1:{width + 1}")])
    B = integers(width, units, 4)
    Q = (x * x.T)[0] + (1 if eps else 0)
    columns = []
    for i in range(width):
        for j in range(width):
            row = x[i] * B[j, :]
            columns.append([sympy.expand(Q * row[u] - x[i] * x[j] * (x * B)[u])
                            for u in range(units)])
        columns.append([sympy.expand(Q * B[i, u] - x[i] * (x * B)[u]) for u in range(units)])
        columns += [[sympy.expand(Q * x[i]) if u == v else 0 for u in range(units)]
                    for v in range(units)]
    shown = f"d, units = {width}, {units}, eps > 0: {eps}"
    return ExactRank(
        f"{shown}: {left} solutions", coefficients(columns, list(x)), len(columns) - left,
        scope=shown,
    )


def attention() -> list[Step]:
    """y_t = z_t + n_t Ns + sum p_s w_s N_h + b, w_s = n_s - n_t, with dy_t = y_t A + c."""
    n, w, dw = matrix("n", 1, d), matrix("w", 1, d), matrix("dw", 1, d, latex=r"\delta w")
    dn = matrix("dn", 1, d, latex=r"\delta n")
    N, dN = matrix("N", d, d), matrix("dN", d, d, latex=r"\delta N")
    Ns, dNs = matrix("N_s", d, d, latex="N_+"), matrix("dN_s", d, d, latex=r"\delta N_+")
    b, db = matrix("b", 1, d), matrix("db", 1, d, latex=r"\delta b")
    p, D = sympy.symbols("p D")
    M, dM = matrix("M", d, d), matrix("dM", d, d, latex=r"\delta M")
    y = z + n @ Ns + p * (w @ N) + b
    moved = derivative(y, {z: dz, n: dn, Ns: dNs, w: dw, N: dN, b: db}) + (
        D * p - D * p**2) * (w @ N)
    free = dz + dn @ Ns + n @ (dNs - Ns @ A) - z @ A + db - b @ A - c
    return [
        MatrixIdentity(
            "one key of one head", moved - (y @ A + c),
            free + p * (dw @ N + w @ (dN - N @ A) + D * (w @ N)) - (D * p**2) * (w @ N),
            note=r"$N_+ = \sum_h N_h$; as in K5. $p^2$: $D_s = 0$. $p$: $F_h(z_s) = F_h(z_t)$ with "
            r"$F_h(z) = \delta n\, N_h + n (\delta N_h - N_h A)$. Without $p$: $\delta z_t (1 + J "
            r"N_+)$, $J$ the derivative of $N$ at $z_t$, is a function of $z_t$ alone, so $\delta "
            r"z_t$ is ($1 + J N_+$ is 1 at $N_+ = 0$, so invertible almost everywhere). So $F_h$ "
            r"is a function of one token, and as two tokens are independent it is a constant.",
        ),
        MatrixIdentity(
            "sum F_h = constant in the part without p", free - (
                dn @ Ns + n @ (dNs - Ns @ A)), dz - z @ A - (c + b @ A - db),
            note=r"So $\delta z = z A + c''$ with a constant $c''$. $F_h = $ constant is then the "
            r"equation of a reader behind a norm, $B = N_h$, with $\delta N_h - N_h A$ in the place"
            r" of $\delta B$: $c'' = 0$, $A$ is skew (plus $\lambda$ for $\epsilon = 0$).",
        ),
        MatrixIdentity(
            "what the values do", n @ skew @ N + n @ ((N @ skew - skew @ N) - N @ skew),
            zero(1, d), note=r"$\delta N_h = N_h A - A N_h$.",
        ),
        MatrixIdentity(
            "what the scores do", derivative(n @ M @ w.T, {n: n @ skew, M: dM, w: w @ skew}),
            n @ (skew @ M + dM - M @ skew) @ w.T,
            note=r"$\delta M = -A M - M A^{\top}$. These are solved by $\delta W_Q = -A W_Q$, "
            r"$\delta W_K = -A W_K$, $\delta W_V = -A W_V$, $\delta W_O = W_O A$; two solutions "
            r"differ by what K5 counts. Rotary tables stand between $W_Q$ and $W_K^{\top}$.",
        ),
    ]


def centred() -> list[Step]:
    """LayerNorm is RMSNorm, up to a factor in eps, of z C, in d - 1 dimensions."""
    C = matrix("C", d, d, kind="symmetric")
    ones = matrix("one", d, 1, kind="ones", latex=r"\mathbf{1}")
    W_O, r = matrix("W_O", k, d), matrix("r", k, 1)
    G, W, row = matrix("G", d, d, kind="diagonal"), matrix("W", d, k), matrix("r_1", 1, k)
    beta, b, t = matrix("beta", 1, d), matrix("b", 1, k), matrix("t", 1, d)
    rules = ((C @ ones, zero(d, 1)),)
    return [
        MatrixIdentity(
            "writers: a multiple of 1 on each row is not read", (W_O + r @ ones.T) @ C, W_O @ C,
            rules=rules,
        ),
        MatrixIdentity(
            "readers: a row over the gain, undone in the bias",
            z @ C @ G @ (W + G.inv @ ones @ row) + beta @ (W + G.inv @ ones @ row)
            + (b - beta @ G.inv @ ones @ row), z @ C @ G @ W + beta @ W + b, rules=rules,
        ),
        MatrixIdentity(
            "gain and bias of the norm are undone in the reader", derivative(
                z @ C @ G @ W + beta @ W + b, {
                    G: G, W: -W, beta: t, b: beta @ W - t @ W}), zero(1, k),
            note=r"So $f$ is a function of the effective readers $C G W$, biases $\beta W + b$ and "
            r"writers $W_O C$, and these are independent: a submersion. The redundancy is that of "
            r"the stack of width $d - 1$ without gains, and the dimension of the fibre.",
        ),
    ]


def must_fail() -> list[Step]:
    """The false neighbours."""
    x, s, t = sympy.symbols("x s t")
    n, w, M = matrix("n", 1, d), matrix("w", 1, d), matrix("M", d, d)
    turn = matrix("U", d, d)
    return [
        _read_rank(1, 1, False, 2),
        Counterexample(
            "eps = 0, d = 1: c = 0 and one scale", sympy.Integer(2), sympy.Integer(1), {},
            note=r"By the rank above: $N(z)$ is a sign, and $z$ may be shifted and scaled.",
        ),
        MatrixCounterexample(
            "a norm lets every A through, as the skip does",
            z @ z.T @ z @ (A @ turn) - z @ A.T @ z.T @ z @ turn, zero(1, d),
            {z: [[1, 1]], A: [[1, 0], [0, 0]], turn: [[1, 0], [0, 1]]}, scope="d = 2",
            note=r"$A$ not skew, in the part of degree 3 with $\delta B = 0$.",
        ),
        MatrixCounterexample(
            "the scores are turned on one side", derivative(
                n @ M @ w.T, {n: n @ skew, M: -(skew @ M), w: w @ skew}), zero(1, 1),
            {n: [[1, 0]], w: [[1, 0]], M: [[0, 1], [0, 0]], skew: [[0, 1], [-1, 0]]},
            scope="d = 2",
        ),
        Counterexample(
            "o < d with a bias of the head: d - o more for the inner bias",
            sympy.Integer(narrow_ends(1, 1, 1, 2, 2, 1, True, True)),
            sympy.Integer((2 - 1) * (1 + 1)), {},
            note=r"The output bias of the last block and that of the head were counted as $d$.",
        ),
        Counterexample(
            "without norms A must be skew", sympy.Integer(plain_redundancy(
                1, 0, 3, True, False, False)), sympy.Integer(3), {}, note=r"$d^2 = 9$.",
        ),
        PolynomialIdentity(
            "parallel blocks: two output biases are one", (x + s) + (t - s), x + t,
            note=r"Attention and MLP of one block share the part without atoms: $d$ more, where "
            r"blocks in turn have nothing.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K7",
        title="Residual stacks",
        statement=(
            r"Let $T \ge 2$ tokens $z_t = x_t W_{in}$, $x_t \in \mathbb{R}^m$, $m \ge d \ge 2$, "
            r"pass $L \ge 1$ blocks $z \mapsto z + \mathrm{attention}(N(z) G)$, $z \mapsto z + "
            r"\mathrm{MLP}(N(z) G')$, $N$ RMSNorm, and a head $N(z) G U$ with $o \ge d$ "
            r"outputs, or $o < d \le o + d_{ff}$ and $d_{ff} \ge 2$. Let $a$ be the count of K5 "
            r"or K9 for the attention, and $\varphi = 0$ for an MLP of tanh, sigmoid, SiLU, "
            r"GELU, softplus, biases or none, $\varphi = d_{ff}$ for SwiGLU and GEGLU. For "
            r"almost all weights the redundancy is $L (a + \varphi + 2 d) + d + d (d - 1) / 2$, "
            r"one more if $\epsilon = 0$ (then $d_{ff} \ge 2$ or $d \ge 3$); and $L (a + "
            r"\varphi + 2 d)$ if the stream itself is the output. Parallel blocks $z + "
            r"\mathrm{attention}(N(z) G) + \mathrm{MLP}(N(z) G)$ have $a + \varphi + d$ in the "
            r"place of $a + \varphi + 2 d$, and $d$ more with two output biases. With "
            r"LayerNorm, all biases but those of $W_{in}$ and $U$, it is $L (a' + 4 d + w + "
            r"d_{ff}) + L (r + d_{ff} + 2) + m + 2 d + (d - 1) (d - 2) / 2$, one more if "
            r"$\epsilon = 0$, with $a'$ the count at width $d - 1$, $w$ the columns of $W_Q$, "
            r"$W_K$, $W_V$ and $r$ the rows of $W_O$, for $m \ge d - 1 \ge 2$, $o \ge d - 1$; "
            r"and $L (a' + 4 d + w + d_{ff}) + 2 L - 1$ with the stream as output. Without "
            r"norms and attention, blocks $z + \mathrm{act}(z A_l + a_l) B_l + b_l$ with linear "
            r"input and head have $d^2 + L \varphi$, and with inner biases $d (L - 1)$ more, "
            r"with further biases of input and head $d$ more for each; for $m < d$, where $s_l "
            r"= \min(d, m + (l - 1) h)$ is $d$ for $l = L + 1$ and $o \ge d$, $\sum_l h' (d - "
            r"s_l)$ more, $h'$ the readers of a block ($h$, or $2 h$ with a gate); for $o < d "
            r"\le o + h'$, $m \ge d$, $(d - o) h$ more, and with inner biases but none of the "
            r"head $d - o$ more."
        ),
        hypotheses=(
            r"$x$ takes all values of an open set, the tokens independently. Some row sees two "
            r"tokens, three with rotary tables.",
            r"Gains are not 0; each norm has its own gain (without gains, $d$ less for each).",
        ),
        premises=(
            Premise("K1", "The atoms of each level are independent; $z$ spans: at block outputs 0 "
                    r"it is $x W_{in}$, of rank $d$."),
            Premise("K4, K5, K9", "The split of a level, and one layer of attention."),
            Premise("K10", "What may vary below a norm with a head."),
        ),
        scope=(
            r"All $L$, $T$, $d$, heads, $d_k$, $d_v$, $d_{ff} \ge 1$ in the ranges given. Not "
            r"covered: with norms $m < d$ or $o + d_{ff} < d$; relu, post-norm (K12), $d_{ff} = 1$ "
            r"with $d = 2$ and $\epsilon = 0$."
        ),
        steps=(*skips(), *norms(), *attention(), *centred(), *must_fail()),
        conclusion=(
            r"From the head down. By K10 $\delta z = z A$ below the head, $A$ skew (or $\lambda +$ "
            r"skew for $\epsilon = 0$). The stream out: $A = 0$. Then by "
            r"turns: behind a skip $\delta v_i = v_i A$, $\delta b = b A - c'$ and $\delta z = z A "
            r"+ c'$; behind a norm $c' = 0$, $\delta B = -A B$ is determined, and the next part "
            r"of the stream has the same $A$; attention alike (in parallel blocks both at "
            r"once, their atoms being independent). At the input $\delta W_{in} = W_{in}"
            r" A$. So $A$ determines all but, in each block, K5's kernel, $\varphi$, and the gains:"
            r" $\delta (G W)$ is given, $G$ free. Each of these is a symmetry (L2). LayerNorm: the "
            r"fibre has, in each block, $4 d$ gains and biases, $w + d_{ff}$ rows of readers, $r + "
            r"1$ and $d_{ff} + 1$ multiples of 1 in writers and their biases, then $m$ in $W_{in}$,"
            r" and $2 d$ at the head as in K6. With the stream as output multiples of 1 are seen: "
            r"of the $2 L$ output biases only the sum. Without norms: $\delta z = z A + c_l$ below "
            r"block $l$, any $A$; inner biases take any $c_l$, those of input and head the first "
            r"and the last."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
