"""L2: the lemmas of the calculus of intertwiners, one for each law of an op.

A line of a network varies with its inputs. Rows are tokens (or any other index), columns the leg
that turns: X -> X g^T, so each row x becomes g x. Every lemma is an identity of all sizes; the
elements are g (any invertible matrix), O (orthogonal), O that fixes the vector of ones, a + b J
(complex numbers on pairs), 1 + u 1^T (it fixes what sums to 0), D (a positive diagonal) and a
shift c.
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
    identity,
    main,
    matrix,
    sizes,
    zero,
)

T, S, n, m = sizes("T S n m")  # rows, other rows, the leg, another leg
X, Z, Y = matrix("X", T, n), matrix("Z", T, n), matrix("Y", n, m)
W, W_square = matrix("W", m, n), matrix("A", n, n)
c = matrix("c", 1, n)
g, turn = matrix("g", n, n), matrix("O", n, n)
Omega = matrix("Omega", n, n, kind="skew", latex=r"\Omega")
D = matrix("D", n, n, kind="diagonal")
G = matrix("G", n, n, kind="diagonal")  # a gain
rows = matrix("one_T", T, 1, kind="ones", latex=r"\mathbf{1}_T")
others = matrix("one_S", S, 1, kind="ones", latex=r"\mathbf{1}_S")
one = matrix("one", n, 1, kind="ones", latex=r"\mathbf{1}")

ORTHOGONAL = ((turn.T @ turn, identity(n)), (turn @ turn.T, identity(n)))
#: O 1 = 1, and with O orthogonal O^T 1 = 1.
FIXES_ONE = (*ORTHOGONAL, (turn @ one, one), (turn.T @ one, one))
UNIT = [[1, 0], [0, 1]]
TURN = [[0, -1], [1, 0]]


def matrices() -> list[Step]:
    """A matrix on a leg, through contractions, products, sums and squares."""
    a = sympy.Symbol("a")
    return [
        MatrixIdentity(
            "contraction: g against g^-T", (X @ g.T) @ (g.inv.T @ Y), X @ Y,
            note=r"The contracted axis of one factor turns by $g$, of the other by $g^{-\top}$.",
        ),
        MatrixIdentity(
            "contraction: O against O", (X @ turn.T) @ (turn @ Y), X @ Y, rules=ORTHOGONAL,
            note="For rotations parity does not matter.",
        ),
        MatrixIdentity(
            "contraction: the other legs turn along", (X @ Y) @ matrix("h", m, m).T,
            X @ (Y @ matrix("h", m, m).T),
        ),
        MatrixIdentity(
            "product with what is constant along the leg", a * (X @ g.T), (a * X) @ g.T,
            note=r"Entry by entry; $a$ may differ from row to row.",
        ),
        MatrixIdentity("sum", X @ g.T + Z @ g.T, (X + Z) @ g.T),
        MatrixIdentity(
            "sum with what is constant along the leg, where g fixes it",
            X @ turn.T + a * (rows @ one.T), (X + a * (rows @ one.T)) @ turn.T, rules=FIXES_ONE,
        ),
        MatrixIdentity(
            "squares of rows, summed", (turn @ c.T).T @ (turn @ c.T), c @ c.T, rules=ORTHOGONAL,
        ),
        MatrixIdentity(
            "infinitesimally", derivative(c @ c.T, {c: c @ Omega}), zero(1, 1),
            note=r"$c$ stands for any row, $\delta c = c\,\Omega$.",
        ),
        MatrixIdentity(
            "a flow: where the velocity turns with the state, so does the end",
            derivative(X @ g.T, {X: X @ W_square}), (X @ g.T) @ (g.inv.T @ W_square @ g.T),
            note=r"$\dot X = X A$: the moved state obeys the moved equation, and a flow is the only"
            r" solution.",
        ),
    ]


def centring() -> list[Step]:
    """x minus its mean and the standardised x turn with O, where O fixes 1."""
    mean = (1 / n) * (X @ one @ one.T)
    moved = X @ turn.T
    mean_moved = (1 / n) * (moved @ one @ one.T)
    a = matrix("a", T, 1)
    count = ((one.T @ one, n * identity(1)),)
    shifted = X + a @ one.T
    row = c - (1 / n) * (c @ one @ one.T)
    row_moved = c @ turn.T - (1 / n) * (c @ turn.T @ one @ one.T)
    return [
        MatrixIdentity(
            "centring turns with O", moved - mean_moved, (X - mean) @ turn.T, rules=FIXES_ONE,
        ),
        MatrixIdentity(
            "the variance does not change", row_moved @ row_moved.T, row @ row.T,
            rules=FIXES_ONE, note="So the standardised vector turns with $O$ too.",
        ),
        MatrixIdentity(
            "the sum over the leg does not change", moved @ one, X @ one, rules=FIXES_ONE,
        ),
        MatrixIdentity(
            "centring forgets what is constant along the leg",
            shifted - (1 / n) * (shifted @ one @ one.T), X - mean, rules=count,
            note="With it everything that starts by centring: standardising, LayerNorm.",
        ),
    ]


def behind_a_norm() -> list[Step]:
    """1 + u 1^T fixes the standardised values: it turns a norm's bias and what reads the sum."""
    u, v, b = matrix("u", n, 1), matrix("v", n, 1), matrix("b", 1, n)
    s = sympy.Symbol("s")
    element = identity(n) + u @ one.T
    inverse = identity(n) - 1 / (1 + s) * (u @ one.T)
    total = ((one.T @ u, s * identity(1)),)
    sum_0 = ((Z @ one, zero(T, 1)),)
    return [
        MatrixIdentity(
            "1 + u 1^T fixes what sums to 0", Z @ element.T, Z, rules=sum_0,
            note=r"$Z$ holds standardised rows: $Z\,\mathbf{1} = 0$.",
        ),
        MatrixIdentity(
            "so a bias turns alone in the sum", Z + rows @ (b @ element.T),
            (Z + rows @ b) @ element.T, rules=sum_0,
        ),
        MatrixIdentity(
            "what reads rows of sum 0 forgets w 1^T", Z @ (W @ element).T, Z @ W.T, rules=sum_0,
        ),
        MatrixIdentity(
            "bias and reader together, infinitesimally",
            derivative((Z + rows @ b) @ W.T, {b: b @ one @ u.T, W: -(W @ u @ one.T)}),
            zero(T, m), rules=sum_0,
        ),
        MatrixIdentity(
            "the inverse", element @ inverse, identity(n), rules=total,
            note=r"$s = \mathbf{1}^{\top} u$, $1 + s > 0$.",
        ),
        MatrixIdentity(
            "the square, so the exponential", u @ one.T @ (u @ one.T), s * (u @ one.T),
            rules=total,
            note=r"$\exp(u\,\mathbf{1}^{\top}) = 1 + \frac{e^s - 1}{s}\, u\,"
            r"\mathbf{1}^{\top}$: each $1 + u\,\mathbf{1}^{\top}$ of the family is one.",
        ),
        MatrixIdentity(
            "the bracket: one generator acts by 1 on those with 1^T u = 0",
            u @ one.T @ v @ one.T - v @ one.T @ u @ one.T, u @ one.T,
            rules=((one.T @ u, zero(1, 1)), (one.T @ v, identity(1))),
            note=r"The algebra is $\mathbb{R} \ltimes \mathbb{R}^{n - 1}$.",
        ),
    ]


def behind_a_norm_that_stays() -> list[Step]:
    """Z G + 1 b, taken by others too: a reader W has copies of G and of b, which are undone."""
    v, b, d = matrix("v", m, 1), matrix("b", 1, n), matrix("d", 1, m)
    sum_0 = ((Z @ one, zero(T, 1)),)
    P, k = sizes("P k")
    df = matrix("F", 1, P, latex=r"\partial_\theta F")
    dg = matrix("K", 1, k, latex=r"\partial_a F")
    field, copy = matrix("V", P, 1), matrix("A", k, P, latex="Da")
    return [
        MatrixIdentity(
            "the reader's own gain and bias, brought to 1 and to 0",
            (Z @ G + rows @ b) @ W.T + rows @ d,
            Z @ (W @ G).T + rows @ (d + b @ W.T),
        ),
        MatrixIdentity(
            "so a vector over the gain is a shift of W", (Z @ G + rows @ b)
            @ (W + v @ one.T @ G.inv).T + rows @ (d - b @ G.inv @ one @ v.T),
            (Z @ G + rows @ b) @ W.T + rows @ d, rules=sum_0,
            note=r"$W \mapsto W + v\,(G^{-1}\mathbf{1})^{\top}$, "
            r"$d \mapsto d - v\,\mathbf{1}^{\top} G^{-1} b$: a translation, for $G$ and $b$ "
            r"do not move.",
        ),
        MatrixIdentity(
            "copies of parameters that do not move", (df + dg @ copy) @ field, zero(1, 1),
            rules=((df @ field, zero(1, 1)), (copy @ field, zero(k, 1))),
            note=r"$f(\theta) = F(\theta, a(\theta))$, where $a$ are the copied parameters: what "
            r"leaves $F$ at fixed $a$ and does not move $a$ leaves $f$.",
        ),
    ]


def rotary() -> list[Step]:
    """A rotary embedding multiplies pairs by complex numbers."""
    J = matrix("J", n, n, kind="skew")
    a, b, p, q = sympy.symbols("a b p q")
    element, table = a * identity(n) + b * J, p * identity(n) + q * J
    return [
        MatrixIdentity(
            "a + b J commutes with p + q J", element @ table, table @ element,
            note=r"$J$ is the quarter turn of all pairs; each pair and each position has a $p$ and"
            r" a $q$ of its own.",
        ),
        MatrixIdentity(
            "and so does its contragredient", -(element.T) @ table, table @ -(element.T),
            note="With $b = 0$ it is one factor for both entries of each pair: a weight along the "
            "pairs.",
        ),
    ]


def scalings() -> list[Step]:
    """Weights: add in products, cancel in contractions; homogeneous functions."""
    s, x, y, v, H = sympy.symbols("s x y v H", positive=True)
    k, j = sympy.symbols("k j", integer=True)
    return [
        MatrixIdentity("contraction: opposite weights cancel", (X @ D) @ (D.inv @ Y), X @ Y),
        PolynomialIdentity(
            "product: weights add", (s**k * x) * (s**j * y), s**k * s**j * (x * y),
        ),
        PolynomialIdentity("sum: equal weights", s**k * x + s**k * y, s**k * (x + y)),
        PolynomialIdentity(
            "powers", x * (x**k).diff(x), k * x**k,
            note=r"The degree, infinitesimally: $\delta x = x$ gives $\delta x^k = k x^k$; roots "
            r"and the reciprocal are such powers.",
        ),
        PolynomialIdentity(
            "relu, leaky relu, abs", H * (s * x), s * (H * x),
            note=r"$f(x) = H x$ with $H$ a function of the sign of $x$, and $s > 0$ keeps signs; "
            r"so orders, maxima and one-hot rows scale or stay.",
        ),
        PolynomialIdentity(
            "a root of s^2 v", (y / s) ** 2 * (s**2 * v), y**2 * v,
            note=r"$y = v^{-1/2}$: the standardised vector with $\epsilon = 0$ forgets $s > 0$.",
        ),
    ]


def shifts() -> list[Step]:
    """A shift c, carried, absorbed and forgotten."""
    P = matrix("P", T, S)
    V, K, Q = matrix("V", S, n), matrix("K", S, n), matrix("Q", T, n)
    b = matrix("b", 1, n)
    E, N = matrix("E", T, S), matrix("N", T, T, kind="diagonal")
    A = matrix("A", T, T, kind="diagonal")
    s, a, y = sympy.symbols("s a y")
    return [
        MatrixIdentity(
            "W (x + c) = W x + W c", (X + rows @ c) @ W.T, X @ W.T + rows @ (c @ W.T),
        ),
        MatrixIdentity(
            "a parameter that is added absorbs it",
            (X + rows @ c) + rows @ (b - c), X + rows @ b,
        ),
        MatrixIdentity(
            "rows that sum to 1 carry a shift", P @ (V + others @ c), P @ V + rows @ c,
            rules=((P @ others, rows),),
        ),
        MatrixIdentity(
            "rows that sum to 0 forget it", P @ (V + others @ c), P @ V,
            rules=((P @ others, zero(T, 1)),),
        ),
        MatrixIdentity(
            "a shift of the keys is constant along the keys",
            Q @ (K + others @ c).T, Q @ K.T + (Q @ c.T) @ others.T,
        ),
        PolynomialIdentity(
            "exp turns a shift into a factor", sympy.exp(s + a), sympy.exp(a) * sympy.exp(s),
        ),
        MatrixIdentity(
            "the row sums take the same factor", A @ E @ others, A @ N @ rows,
            rules=((E @ others, N @ rows),),
            note=r"$E$ holds $\exp$ of the scores (0 where a mask leaves out), $N$ its row sums, "
            r"$A$ the factors $\exp(a_i)$.",
        ),
        MatrixIdentity("so softmax forgets it", (A @ N).inv @ (A @ E), N.inv @ E),
        PolynomialIdentity(
            "so does an order", (s + a) - (y + a), s - y,
            note="Which of two entries is the larger is the sign of their difference.",
        ),
    ]


def slices() -> list[Step]:
    """What holds on a slice, carried back to the whole space."""
    P, k = sizes("P k")
    df = matrix("F", 1, P, latex=r"df_\sigma")
    h, field = matrix("H", P, P, latex="(Dh)"), matrix("V", P, k)
    return [
        MatrixIdentity(
            "carried back, X f = 0 on the whole space", df @ h.inv @ (h @ field), zero(1, k),
            rules=((df @ field, zero(1, k)),),
            note=r"$\theta = h \sigma$ with $\sigma$ on the slice; $f(h \sigma) = f(\sigma)$ for "
            r"each fixed $h$, so $df_\theta = df_\sigma (Dh)^{-1}$; and $X(\theta) = (Dh)\, "
            r"V(\sigma)$ with $V f = 0$ at $\sigma$.",
        ),
        MatrixIdentity(
            "a rotation behind a gain", (X @ Omega) @ G @ W.T
            + X @ G @ (W @ G @ Omega @ G.inv).T, zero(T, m),
            note=r"$\delta W = W G\, \Omega\, G^{-1}$, $\delta G = 0$: the carried-back rotation "
            r"of a normalised stream.",
        ),
    ]


def must_fail() -> list[Step]:
    """The nearest false relatives of each lemma."""
    point = {X: UNIT, Y: UNIT, g: [[2, 0], [0, 1]]}
    R = matrix("R", n, n)
    s, a, z = sympy.symbols("s a z")
    half = sympy.log(2)

    def sigmoid(x: sympy.Expr) -> sympy.Expr:
        return sympy.exp(x) / (1 + sympy.exp(x))

    mean_of_turned = X @ turn.T - sympy.Rational(1, 2) * (X @ turn.T @ one @ one.T)
    turned_mean = (X - sympy.Rational(1, 2) * (X @ one @ one.T)) @ turn.T
    P = matrix("P", T, S)
    u = matrix("u", n, 1)
    sheared = identity(n) + u @ one.T
    ones = matrix("v", m, 1)
    sheared_point = {
        X: UNIT, Z: [[1, -1], [2, -2]], W: UNIT, u: [[1], [0]], one: [[1], [1]],
        rows: [[1], [1]], c: [[1, 0]],
    }
    return [
        MatrixCounterexample(
            "1 + u 1^T on what does not sum to 0: RMSNorm", X @ sheared.T, X, sheared_point,
        ),
        MatrixCounterexample(
            "its transpose on what sums to 0", Z @ sheared, Z, sheared_point,
            note=r"$1 + \mathbf{1} u^{\top}$ moves it by a multiple of $\mathbf{1}$.",
        ),
        MatrixCounterexample(
            "the bias turned, and its reader not", (Z + rows @ (c @ sheared.T)) @ W.T,
            (Z + rows @ c) @ W.T, sheared_point,
            note="A second reader, a skip, a function of the sum: all that see it must turn.",
        ),
        MatrixCounterexample(
            "contraction: g on both factors", (X @ g.T) @ (g @ Y), X @ Y, point,
        ),
        MatrixCounterexample(
            "contraction: the transpose dropped", (X @ g.T) @ (g.inv @ Y), X @ Y,
            {**point, g: [[1, 1], [0, 1]]},
        ),
        MatrixCounterexample(
            "product along the leg", (X @ g.T) @ D, (X @ D) @ g.T,
            {X: UNIT, g: [[1, 1], [0, 1]], D: [[1, 0], [0, 2]]},
            note="A gain, a gate, a table: entry by entry nothing but scalings is left.",
        ),
        MatrixCounterexample(
            "squares under GL: RMSNorm has rotations alone", (c @ g.T) @ (c @ g.T).T, c @ c.T,
            {c: [[1, 0]], g: [[2, 0], [0, 1]]},
        ),
        MatrixCounterexample(
            "centring under a rotation that moves 1: LayerNorm has not all of O(n)",
            mean_of_turned, turned_mean,
            {X: UNIT, turn: TURN, one: [[1], [1]]}, scope="n = 2",
        ),
        MatrixCounterexample(
            "a general matrix and a rotary table", R @ g, g @ R, {R: TURN, g: [[1, 0], [0, 2]]},
        ),
        MatrixCounterexample(
            "a table whose pairs have two cosines", R @ g, g @ R,
            {R: [[2, -1], [1, 3]], g: TURN},
        ),
        MatrixCounterexample(
            "a shift of the keys before a rotary table", c @ R, c, {c: [[1, 0]], R: TURN},
            note="It turns with the position, so it is not constant along the keys.",
        ),
        Counterexample(
            "a nonlinear function and a scaling", sympy.exp(s * z), s * sympy.exp(z),
            {s: 2, z: 0},
        ),
        Counterexample(
            "the gate of a SwiGLU rescaled", sigmoid(s * z), sigmoid(z), {s: 2, z: half},
            note=r"$\mathrm{silu}(s z) = s z\, \sigma(s z)$ would have to be "
            r"$s z\, \sigma(z)$.",
        ),
        Counterexample(
            "the standardised vector with epsilon", 1 / (s**2 * z + a), 1 / (s**2 * (z + a)),
            {s: 2, z: 1, a: 1},
        ),
        Counterexample(
            "softmax and scores that are not shifted alike",
            sympy.exp(s + a) / (sympy.exp(s + a) + 1), sympy.exp(s) / (sympy.exp(s) + 1),
            {s: 0, a: half},
        ),
        MatrixCounterexample(
            "columns that sum to 1", P @ (others @ c), rows @ c,
            {P: [[1, 1], [0, 0]], others: [[1], [1]], rows: [[1], [1]], c: [[1, 0]]},
        ),
        MatrixCounterexample(
            "rotating a tied model with gains", (X @ Omega) @ G @ W.T + X @ G @ (W @ Omega).T,
            zero(T, m), {X: UNIT, Omega: TURN, G: [[1, 0], [0, 2]], W: UNIT},
            note=r"A tied head reads the stream behind the gain and writes it before: $\delta W = "
            r"W \Omega$ for the one, $W G\, \Omega\, G^{-1}$ for the other.",
        ),
        MatrixCounterexample(
            "a shift of a reader that is not over the gain", Z @ G @ (W + ones @ one.T).T,
            Z @ G @ W.T, {**sheared_point, ones: [[1], [1]], G: [[1, 0], [0, 2]]},
            note=r"$Z G$ does not sum to 0.",
        ),
        MatrixCounterexample(
            "the gain moves with its copy", Z @ (G @ D) @ (W_square @ D.inv).T + Z @ (G @ D),
            Z @ G @ W_square.T + Z @ G,
            {**sheared_point, W_square: UNIT, G: [[1, 0], [0, 1]], D: [[2, 0], [0, 1]]},
            note="A skip sees the gain too: a scaling of it is undone for the reader alone.",
        ),
        MatrixCounterexample(
            "folding a norm's gain into a tied head", X @ (W @ G).T, X @ W.T,
            {X: UNIT, W: UNIT, G: [[1, 0], [0, 2]]},
            note="$W$ is the embedding as well, and there no gain is undone.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="L2",
        title="The intertwiners of the ops, at every size",
        statement=(
            r"Let a line of a network vary with its inputs along a matrix on a leg, a positive "
            r"scaling, or a shift. (a) Contractions, products with what is constant along the leg, "
            r"sums, sums of squares, centring, standardising and rotary embeddings turn with $g$ "
            r"(or with $O$, with $O$ that fixes $\mathbf{1}$, with $a + b J$, with "
            r"$1 + u\,\mathbf{1}^{\top}$ where one summand or factor sums to 0) or do not change. "
            r"(b) Weights of scalings add in products, cancel in contractions, agree in sums, and "
            r"are multiplied by the degree of a homogeneous function. (c) Shifts are carried by "
            r"linear maps and by rows that sum to 1, absorbed by added parameters, and forgotten "
            r"by centring and by softmax where they are constant along its axis. (d) A generator "
            r"on a slice, carried back, is one on the whole space. (e) So is one of the program in "
            r"which a reader has copies of parameters that the generator does not move."
        ),
        hypotheses=(
            r"$g \in GL(n)$, $O \in O(n)$, $D > 0$ diagonal, $s > 0$.",
            r"Where an element differs from copy to copy (a matrix for each head) the lemmas hold "
            r"copy by copy; the copies of both factors of a contraction are the same.",
            r"For (d) the family through which the slice is reached is a symmetry, simply "
            r"transitive on the values of the parameter that is held.",
        ),
        premises=(
            Premise("Functional equation of exp", r"$\exp(s + a) = \exp(s) \exp(a)$, $\exp > 0$."),
            Premise("Picard-Lindelof", "A flow is the only solution of its equation from its "
                    "start."),
        ),
        scope=(
            "All sizes. Moves of entries (reshape, permutation, repetition, parts of a direct sum) "
            "act on the names of indices alone and take the variation with them."
        ),
        steps=(
            *matrices(), *centring(), *behind_a_norm(),
            *behind_a_norm_that_stays(), *rotary(), *scalings(), *shifts(),
            *slices(), *must_fail(),
        ),
        conclusion=(
            "Each line of a network is an op of one of these laws, and its variation is the "
            "lemma's, given its inputs'. Where no output varies, the family is a symmetry, "
            "whatever the sizes are; of what has no lemma nothing is claimed. That no symmetry is "
            "left out is not said: that is what a certificate says, at its sizes."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
