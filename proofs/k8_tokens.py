"""K8: heads, tied embeddings, tokens, and sizes that only add rows.

E is V x d, a row for each token; U is V x d, a row for each logit. A network of tokens is the
network of real inputs z_t at the points z_t = E_v (+ P_t).
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    ExactRank,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    gram,
    identity,
    integers,
    linear_map,
    main,
    matrix,
    pair,
    sizes,
    zero,
)

V, d = sizes("V d")
MIN_TIED_LAYER_NORM = 4


def lookup_redundancy(V: int, d: int, tied: bool, probabilities: bool) -> int:
    """P - rank J of the logits E U^T, or E E^T, or of the probabilities."""
    if tied:
        return gram(V, d) + (probabilities and V <= d)
    return pair(V, V - probabilities, d) + probabilities * d


def token_redundancy(
    blocks: int, d: int, *, tied: bool, positions: bool, probabilities: bool, eps: bool, gain: bool
) -> int:
    """Pre-RMSNorm stacks of tokens, V large; `blocks` is L (a + phi + 2 d) of K7, `gain` that of
    the last norm.
    """
    shift = d * positions
    if not tied:
        stream = d * gain + d * (d - 1) // 2 + (not eps) + d * probabilities
        return blocks + stream + shift
    turns = (not eps) if gain else d * (d - 1) // 2
    return blocks + turns + shift * probabilities


def layer_norm_token_redundancy(
    blocks: int, V: int, T: int, d: int, *, tied: bool, positions: bool, probabilities: bool,
    eps: bool, beta: bool = True,
) -> int:
    """Pre-LayerNorm stacks of tokens, V large; `blocks` holds both readers and writers of K7.

    `beta`: whether the last norm has a bias; it is asked for untied.
    """
    if not (tied or beta):
        raise ValueError("a last norm without a bias is counted for tied heads alone")
    if tied:
        if d < MIN_TIED_LAYER_NORM:
            raise ValueError("d >= 4 is asked for")
        shift = (d if positions else 1) if probabilities else int(positions and not beta)
        return blocks + T * positions + (not eps) + shift
    stream = 2 * d + (d - 1) * (d - 2) // 2 + (not eps) + d * probabilities
    return blocks + stream + V + (T + d - 1) * positions


def lookups() -> list[Step]:
    """E U^T with and without a softmax behind it."""
    E, U = matrix("E", V, d), matrix("U", V, d)
    one = matrix("one", V, 1, kind="ones", latex=r"\mathbf{1}")
    C, row = matrix("C", V, V, kind="symmetric"), matrix("r", 1, d)
    return [
        MatrixIdentity(
            "probabilities: a common row of U is not seen", E @ (U + one @ row).T @ C, E @ U.T @ C,
            rules=((C @ one, zero(V, 1)),),
            note=r"$C$ takes the mean over the logits away, which softmax does not see: $d$ "
            r"directions, and $V - 1$ rows of $U$ are left; the count is $d + \mathrm{pair}(V, V - "
            r"1, d)$.",
        ),
        PolynomialIdentity(
            "V <= d", d * (2 * V - 1) - (V - 1) * (2 * V - 1 - (V - 1)) + d,
            2 * V * d - V * (V - 1), note=r"For $V > d$ it is $d^2 + d$.",
        ),
        *(ExactRank(
            f"V, d = {v}, {k}, {'tied' if tied else 'untied'}, "
            f"{'probabilities' if soft else 'logits'}: "
            f"{lookup_redundancy(v, k, tied, soft)} directions", _lookup(v, k, tied, soft),
            (1 if tied else 2) * v * k - lookup_redundancy(v, k, tied, soft),
            scope=f"V, d = {v}, {k}",
        ) for v, k in ((4, 2), (2, 2), (2, 3)) for tied in (False, True)
            for soft in (False, True)),
    ]


def _lookup(v: int, width: int, tied: bool, soft: bool) -> sympy.Matrix:
    E, U = integers(v, width, 1), integers(v, width, 2)
    mean = sympy.eye(v) - (sympy.ones(v, v) / v if soft else sympy.zeros(v, v))
    if tied:
        return linear_map(lambda e: (e * E.T + E * e.T) * mean, (v, width))
    return linear_map(lambda e, u: (e * U.T + E * u.T) * mean, (v, width), (v, width))


def tied_heads() -> list[Step]:
    """The rows of E are read as they are written: dE_v = E_v A, and G E^T must follow."""
    E = matrix("E", V, d)
    G, dG = matrix("G", d, d, kind="diagonal"), matrix(
        "dG", d, d, kind="diagonal", latex=r"\delta G")
    A, n = matrix("A", d, d, kind="skew"), matrix("n", 1, d)
    s, a, c, gi, gj, gk = sympy.symbols("sigma alpha gamma g_i g_j g_k")
    wi, wj, wk, si, sj = sympy.symbols("w_i w_j w_k s_i s_j")
    C, rows = matrix("C", d, d, kind="symmetric"), matrix("r", V, 1)
    one = matrix("one", d, 1, kind="ones", latex=r"\mathbf{1}")

    def affine(g: sympy.Expr) -> sympy.Expr:
        return a + c * g

    return [
        MatrixIdentity(
            "RMSNorm: what the tied head asks for",
            n @ A @ G @ E.T + n @ dG @ E.T + n @ G @ (E @ A).T, n @ (A @ G - G @ A + dG) @ E.T,
            note=r"$\delta n = n A$, $\delta E = E A$. By K2 $A = 0$ for distinct gains; without "
            r"gains every $A$ is allowed.",
        ),
        PolynomialIdentity(
            "LayerNorm: the entries i, j and j, i", si + gi * wj - sj - gj * wi, 0,
            relations=(sympy.Symbol("A_ij") * (gj - gi) - sj + gi * wj,
                       -sympy.Symbol("A_ij") * (gi - gj) - si + gj * wi),
            note=r"$\delta E_v$ may have a multiple of $\mathbf{1}$, $E_v w$: $A G + \delta G - G "
            r"A + G \mathbf{1} w^{\top} = \mathbf{1} s^{\top}$, $A$ skew with $A \mathbf{1} = 0$.",
        ),
        PolynomialIdentity(
            "round a triangle: w is affine in g",
            (gj * wi - gi * wj) + (gk * wj - gj * wk) + (gi * wk - gk * wi),
            -sympy.Matrix([[1, gi, wi], [1, gj, wj], [1, gk, wk]]).det(),
            note=r"The left side is $(s_i - s_j) + (s_j - s_k) + (s_k - s_i) = 0$, for any three: "
            r"$w = \alpha + \gamma g$.",
        ),
        PolynomialIdentity(
            "then s is affine too", gj * affine(gi) - gi * affine(gj), a * (gj - gi),
            note=r"$s = \sigma - \alpha g$, and $A_{ij} = (\sigma - \alpha (g_i + g_j) - \gamma g_i"
            r" g_j) / (g_j - g_i)$: three numbers, for $A \mathbf{1} = 0$.",
        ),
        _row_sums(),
        MatrixIdentity(
            "LayerNorm: a last norm without a bias does not see rows along 1 / gain",
            n @ C @ G @ (E + rows @ one.T @ G.inv).T, n @ C @ G @ E.T,
            rules=((C @ one, zero(d, 1)),),
            note=r"Every $E_v$ may have a multiple of $\mathbf{1}^{\top} G^{-1}$ added as far as "
            r"the head goes; the stream allows one and the same, which positions take away: one "
            r"direction. With a bias the logits change by $\beta G^{-1} \mathbf{1}$.",
        ),
        ExactRank(
            "the same in full, d = 5: no solution", _tied_layer_norm(5), 10 + 15, scope="d = 5",
        ),
        ExactRank(
            "d = 4: no solution", _tied_layer_norm(4), 6 + 12, scope="d = 4",
        ),
    ]


def _tied_layer_norm(width: int) -> sympy.Matrix:
    """(A, dG, w, s) to the equation and to A 1."""
    G = sympy.diag(*(x**2 + x + 1 for x in range(1, width + 1)))
    cells = [(i, j) for i in range(width) for j in range(i)]
    one = sympy.ones(width, 1)

    def image(a: sympy.Matrix, g: sympy.Matrix, w: sympy.Matrix, s: sympy.Matrix) -> sympy.Matrix:
        A = sympy.zeros(width, width)
        for value, (i, j) in zip(a, cells):
            A[i, j], A[j, i] = value, -value
        total = A * G + sympy.diag(*g) - G * A + G * one * w.T - one * s.T
        return sympy.Matrix(list(total) + list(A * one))

    return linear_map(image, (len(cells), 1), *[(width, 1)] * 3)


def _row_sums() -> Step:
    """The minor of three rows of A 1 = 0 in (sigma, alpha, gamma), n gains at infinity."""
    g, n = (1, 2, 4, 9), sympy.Symbol("n")
    rows = []
    for i in range(3):
        others = [x for j, x in enumerate(g) if j != i]
        rows.append([
            sum(sympy.Rational(1, x - g[i]) for x in others),
            -sum(sympy.Rational(x + g[i], x - g[i]) for x in others) - n,
            -sum(sympy.Rational(x * g[i], x - g[i]) for x in others) - n * g[i],
        ])
    return PolynomialIdentity(
        "A 1 = 0: the minor of three rows, at four gains, the others at infinity",
        840 * sympy.Matrix(rows).det(), 2818 * n**2 + 10873 * n + 10582, scope="all d = n + 4",
        note=r"$g = 1, 2, 4, 9$ and $n$ further ones, each of which adds $-(\alpha + \gamma g_i)$ "
        r"in the limit. No coefficient is negative, so the minor is not 0, and $\sigma = \alpha = "
        r"\gamma = 0$ for almost all gains and every $d \ge 4$.",
    )


def tokens() -> list[Step]:
    """Positions, contexts, and the number of tokens that are enough."""
    Ev, Pt, c = matrix("E_v", 1, d), matrix("P_t", 1, d), matrix("c", 1, d)
    A = matrix("A", d, d)
    dE, dP = Ev @ A + c, Pt @ A - c
    contexts = sympy.Symbol("c", integer=True, positive=True)
    gpt2 = 12 * (12 * (2 * 64**2 + 2 * 64) + 4 * 768 + 4 * 768 + 2 * 3072 + 2)
    llama = 32 * (8 * (128 + 128**2) + 14336 + 2 * 4096)
    return [
        MatrixIdentity(
            "positions: a shift goes from E to P", dE + dP, (Ev + Pt) @ A,
            note=r"$\delta z_t = z_t A$ everywhere: $\delta E_v - E_v A = -(\delta"
            r" P_t - P_t A)$ depends neither on $v$ nor on $t$. $d$ directions.",
        ),
        PolynomialIdentity(
            "a factor of width d between contexts and logits",
            contexts * V - (contexts - d) * (V - d), d * (contexts + V - d),
            note=r"The logits of $c$ contexts are a matrix of rank $d$, so $\operatorname{rank} J "
            r"\le d (c + V - d)$. Two tokens without positions make $c = V^2$ contexts, since "
            r"$(v, v)$ looks like $v$ alone.",
        ),
        PolynomialIdentity(
            "GPT-2 small: all families", sympy.Integer(layer_norm_token_redundancy(
                gpt2, 50257, 1024, 768, tied=True, positions=True, probabilities=False, eps=True)),
            sympy.Integer(1346584), scope="the shape of GPT-2 small",
        ),
        PolynomialIdentity(
            "Llama-3-8B: all families", sympy.Integer(token_redundancy(
                llama, 4096, tied=False, positions=False, probabilities=False, eps=True,
                gain=True)), sympy.Integer(13338624), scope="the shape of Llama-3-8B",
        ),
    ]


def rows() -> list[Step]:
    """Gluing: two sets of rows that share enough of them have one element."""
    g, P, k = sizes("g P k")
    X = matrix("X", P, g)
    left, a, b = matrix("X_l", g, P, latex="{X^l}"), matrix("a", g, 1), matrix("b", g, 1)
    return [
        MatrixIdentity(
            "an element that is read off the rows shared", left @ X @ a - left @ X @ b, a - b,
            rules=((left @ X, identity(g)),),
            note=r"$X$ maps elements to what they do to $\theta'$ and the $n_0 - 1$ shared rows; it"
            r" has full rank, so a left inverse: equal actions are equal elements.",
        ),
    ]


def must_fail() -> list[Step]:
    """Where V, T or the gains are not enough."""
    few = 30 - 2 * (9 + 3 - 2)  # P = 30: d = 2, d_k = d_v = d_ff = 1, L = 1, untied
    return [
        Counterexample(
            "V = 3 > d = 2 with two tokens is enough", sympy.Integer(few),
            sympy.Integer(token_redundancy(
                6, 2, tied=False, positions=False, probabilities=False, eps=True, gain=True)), {},
            note=r"$P - d (c + V - d)$ with $c = V^2 = 9$ contexts is larger than the count.",
        ),
        Counterexample(
            "tied LayerNorm, d = 3: no solution", sympy.Integer(_tied_layer_norm(3).rank()),
            sympy.Integer(3 + 9), {}, note=r"One direction is left.",
        ),
        Counterexample(
            "E U^T is d^2 at V = 2, d = 3", sympy.Integer(lookup_redundancy(2, 3, False, False)),
            sympy.Integer(9), {},
        ),
        Counterexample(
            "tied, V = d: probabilities see all that logits see",
            sympy.Integer(lookup_redundancy(2, 2, True, True)),
            sympy.Integer(lookup_redundancy(2, 2, True, False)), {},
            note=r"$\delta (E E^{\top}) = \mathbf{1} \mathbf{1}^{\top}$ is reached for $V \le d$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K8",
        title="Heads, tied embeddings, tokens, and more rows",
        statement=(
            r"For almost all weights: (a) $E U^{\top}$ has redundancy $\mathrm{pair}(V, V, d)$, $E "
            r"E^{\top}$ $\mathrm{gram}(V, d)$ (K2); their probabilities $d + \mathrm{pair}(V, V - "
            r"1, d)$, which is $d^2 + d$ for $V > d$, and $\mathrm{gram}(V, d) + [V \le d]$. (b) "
            r"Tokens: let a stack of K7, $\epsilon > 0$, causal or not, have $z_t = E_v$ or $E_v + "
            r"P_t$ in the place of $x_t W_{in}$, and logits $n G U^{\top}$ or $n G E^{\top}$. "
            r"There is a $V_0$, at most $d + 1 + T (P' + 1)$ with $P'$ the number of parameters "
            r"without the rows of $E$ and $U$ beyond the first $d + 1$, so that for all $V \ge "
            r"V_0$ the redundancy is, with $B = L (a + \varphi + 2 d)$: untied $B + d + d (d - 1) "
            r"/ 2$, with positions $d$ more, for probabilities $d$ more; tied $B$, or without the "
            r"last gain $B + d (d - 1) / 2$, and for probabilities with positions $d$ more. With "
            r"LayerNorm, $B$ the part of K7 that is multiplied by $L$: untied $B + 2 d + (d - 1) (d"
            r" - 2) / 2 + V$, with positions $T + d - 1$ more, for probabilities $d$ more; tied, $d"
            r" \ge 4$, $B$, with positions $T$ more, for probabilities $d$ more, or 1 without "
            r"positions, and for logits with positions 1 more if the last norm has no bias. For "
            r"$\epsilon = 0$ one more, except tied RMSNorm without the last gain. "
            r"(c) Rows: let a network keep its function when rows of one leg are left out (a "
            r"vocabulary, outputs, inputs), and let its families move each row by an element and "
            r"what all rows share. If for $n_0$ rows the families are all, and $n_0 - 1$ rows "
            r"determine the element, then the families are all for every $n \ge n_0$."
        ),
        hypotheses=(
            r"Each sequence of $T$ tokens occurs; $V \ge d + 1$. Gains have distinct squares.",
            r"(b) for $\epsilon = 0$: $T \ge 2$.",
        ),
        premises=(
            Premise("K7", "The stack with real inputs."),
            Premise("K2", "Matrix equations (proved there)."),
        ),
        scope=(
            r"All $d$, $L$, heads and units in the ranges of K7. $V_0$ is no sharp bound, and for "
            r"large models far above their vocabulary: at the vocabulary of a given model (b) "
            r"says that the counts are lower bounds, and the number for real inputs. Ranks at "
            r"stated sizes reach them much earlier."
        ),
        steps=(*lookups(), *tied_heads(), *tokens(), *rows(), *must_fail()),
        conclusion=(
            r"(a) is K2, a softmax taking away one logit; tied, $\delta (E E^{\top}) = k "
            r"\mathbf{1}^{\top}$ is symmetric, so a multiple of $\mathbf{1} \mathbf{1}^{\top}$, "
            r"which K2 reaches for $V \le d$ and, for almost all $E$, not for $V > d$. (b) Look "
            r"at the logits of a fixed set of $d + 1$ tokens. A context of $T$ times one token "
            r"(causal: its first position) sees that token alone, and its logits have an injective "
            r"derivative by $E_v$, as they have where blocks write nothing (RMSNorm, $\epsilon > "
            r"0$; LayerNorm modulo $\mathbf{1}$; for $\epsilon = 0$ together with the same token "
            r"beside a fixed one, as the two kill different directions): so $\delta "
            r"E_v = \xi(E_v)$, with one function $\xi$ that is linear in the $\delta \theta'$ of "
            r"all other parameters. A context then asks that a function "
            r"$\Phi_{\delta\theta'}(E_{v_1}, \dots, E_{v_T})$ vanishes. If it does so for all "
            r"tokens but is not identically 0, $T$ fresh tokens, being generic points, lower the "
            r"dimension of the $\delta\theta'$; after at most $P'$ times none is left. Then K7 "
            r"holds with $\delta z_t = \xi(E_v) + \delta P_t$: $\delta z_t = z_t A$, modulo "
            r"$\mathbf{1}$ for LayerNorm. What $\delta E_v$, $\delta P_t$ and the head may be is "
            r"in the steps: tied, for every token $n (A G + \delta G - G A) E_v^{\top} + n G "
            r"c^{\top}$ is 0, or for probabilities the same for all $v$, when $c$ is free. "
            r"LayerNorm: $\delta E_v = E_v A + c + \varphi_v \mathbf{1}$, $\varphi_v = E_v w + "
            r"\varphi_0$ as the head is linear in $E_v$; the constants give $G c^{\top} + "
            r"\varphi_0 G \mathbf{1} = \mu \mathbf{1}$ and $\beta c^{\top} + \varphi_0 \beta "
            r"\mathbf{1} = 0$, so $\mu\, \beta G^{-1} \mathbf{1} = 0$, $\mu = 0$, $c = 0$, "
            r"$\varphi_0 = 0$; without $\beta$, $c = \mu \mathbf{1}^{\top} G^{-1}$ modulo "
            r"$\mathbf{1}$, which positions undo. For $\epsilon = 0$ a scale $\lambda$ of the "
            r"stream is undone by "
            r"$G$ and $\beta$. (c) An element of the kernel for $n$ rows, restricted to $n_0$ of "
            r"them, is that of an element $a$; sets that share $n_0 - 1$ rows have the same $a$, "
            r"and any two sets are joined by such; so all rows, and what they share, are moved "
            r"by one $a$."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
