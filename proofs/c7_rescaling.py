"""C7: rescaling of homogeneous feedforward networks, and its lift to neural ODEs.

Activations are columns, z = W a + b. An activation that is positively homogeneous of degree 1 is
sigma(z) = S z, with S the diagonal matrix of its slopes, one for each sign of an entry of z.
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
    derivative,
    identity,
    main,
    matrix,
    sizes,
    zero,
)

n0, n1, n2, n3 = sizes("n0 n1 n2 n3")  # widths
n = sizes("n")[0]  # the one width of the lift


def activation() -> list[Step]:
    """sigma(lambda z) = lambda sigma(z) for lambda > 0, by the slopes."""
    H, z, alpha, mu = sympy.symbols("H z alpha mu")
    lam = mu**2  # any positive number

    def leaky(x: sympy.Expr) -> sympy.Expr:
        return (H + alpha * (1 - H)) * x

    return [
        PolynomialIdentity(
            "a positive factor keeps the sign",
            sympy.Mul(lam * z, z, evaluate=False), sympy.Pow(mu * z, 2, evaluate=False),
            note=r"With $\lambda = \mu^2$: $\lambda z \cdot z \ge 0$, so $H(\lambda z) = H(z)$.",
        ),
        PolynomialIdentity(
            "ReLU and LeakyReLU are homogeneous",
            leaky(lam * z), sympy.Mul(lam, leaky(z), evaluate=False),
            note=r"$\sigma(z) = (H + \alpha (1 - H)) z$, $H = [z > 0]$; ReLU is $\alpha = 0$.",
        ),
        PolynomialIdentity(
            "ReLU is its own slope's value",
            sympy.Mul(H, H * z, evaluate=False), H * z, relations=(H**2 - H,),
            note=r"$\sigma'(z) \sigma(z) = \sigma(z)$: both branches at once, $H$ free.",
        ),
    ]


def network() -> list[Step]:
    """W_l -> M_{l+1} W_l M_l^-1, b_l -> M_{l+1} b_l, with the ends fixed."""
    x, a = matrix("x", n0, 1), matrix("a", n1, 1)
    Pi, D = matrix("Pi", n1, n1), matrix("D", n1, n1, kind="diagonal")
    W1, W2, W3 = matrix("W_1", n1, n0), matrix("W_2", n2, n1), matrix("W_3", n3, n2)
    b1, b2, b3 = matrix("b_1", n1, 1), matrix("b_2", n2, 1), matrix("b_3", n3, 1)
    M1, M2 = matrix("M_1", n1, n1), matrix("M_2", n2, n2)
    S1, S2 = matrix("S_1", n1, n1, kind="diagonal"), matrix("S_2", n2, n2, kind="diagonal")
    # the slopes at M z are those at z, permuted: S' M = M S
    S1m = matrix("S1m", n1, n1, kind="diagonal", latex="S'_1")
    S2m = matrix("S2m", n2, n2, kind="diagonal", latex="S'_2")
    f = W3 @ S2 @ (W2 @ S1 @ (W1 @ x + b1) + b2) + b3
    hidden = M2 @ W2 @ M1.inv @ S1m @ (M1 @ W1 @ x + M1 @ b1) + M2 @ b2
    return [
        MatrixIdentity(
            "positive monomial factors permute the slopes",
            (Pi @ S1 @ Pi.T) @ (Pi @ D), (Pi @ D) @ S1, rules=((Pi.T @ Pi, identity(n1)),),
            note=r"$M = \Pi D$, a permutation times $D > 0$: the slopes at $M z$ are "
            r"$S' = \Pi S \Pi^{\top}$, so $S' M = M S$ and $\sigma(M z) = M \sigma(z)$.",
        ),
        MatrixIdentity(
            "one layer", (M2 @ W2 @ M1.inv) @ (M1 @ a) + M2 @ b2, M2 @ (W2 @ a + b2),
            note="Moved weights on a moved activation give the moved pre-activation.",
        ),
        MatrixIdentity(
            "a network of three layers", W3 @ M2.inv @ S2m @ hidden + b3, f,
            rules=((S1m @ M1, M1 @ S1), (S2m @ M2, M2 @ S2)),
            note="$M_l$ positive monomial; its slopes $S'$ are those of $z$, permuted.",
        ),
        ExactRank(
            "the rescalings move freely: rank 3 + 4 at widths 2-3-4-2",
            rescaling_generators((2, 3, 4, 2)), 7, symbol="G", scope="widths 2-3-4-2",
            note="One generator per hidden unit, as rows, at an integer point.",
        ),
    ]


def rescaling_generators(widths: tuple[int, ...]) -> sympy.Matrix:
    """Rows: for hidden unit u of layer l, delta(W_l, b_l)_u = +(W_l, b_l)_u, delta W_{l+1} = -."""
    layers = list(zip(widths, widths[1:], strict=False))
    rows = []
    for hidden, width in enumerate(widths[1:-1]):
        for unit in range(width):
            row: list[int] = []
            for layer, (inner, outer) in enumerate(layers):
                for i in range(outer):
                    for j in range(inner + 1):  # the bias is the last column
                        weight = 1 + (3 * i + 5 * j + 7 * layer) % 11
                        sign = int(layer == hidden and i == unit)
                        sign -= int(layer == hidden + 1 and j == unit)
                        row.append(sign * weight)
            rows.append(row)
    return sympy.Matrix(rows)


def lattice() -> list[Step]:
    """Layers as Wilson lines, and residual layers as one Euler step of a connection."""
    W1, W2 = matrix("W_1", n, n), matrix("W_2", n, n)
    D1, D2, D3 = (matrix(f"D_{i}", n, n, kind="diagonal") for i in (1, 2, 3))
    A, D = matrix("A", n, n), matrix("D", n, n, kind="diagonal")
    D_dot = matrix("D_dot", n, n, kind="diagonal", latex=r"\dot D")
    D_rest = matrix("R", n, n, kind="diagonal")
    dt = sympy.Symbol("tau")
    one = identity(n)
    D_next = D + dt * D_dot + dt**2 * D_rest  # Taylor, R the remainder
    moved = D @ A @ D.inv + D_dot @ D.inv
    a1, a2, a3 = (matrix(f"a_{i}", n, n) for i in (1, 2, 3))  # layers
    e1, e2, e3 = (matrix(f"e_{i}", n, n) for i in (1, 2, 3))  # their errors
    b1, b2 = a1 + e1, a2 + e2
    return [
        MatrixIdentity(
            "Wilson lines transform at their ends",
            (D3 @ W2 @ D2.inv) @ (D2 @ W1 @ D1.inv), D3 @ (W2 @ W1) @ D1.inv,
            note="A lattice gauge theory: the factors between two layers cancel, at any step.",
        ),
        MatrixIdentity(
            "a residual layer is one step of the moved connection, up to order two",
            D_next @ (one + dt * A) @ D.inv - (one + dt * moved),
            dt**2 * (D_dot @ A @ D.inv + D_rest @ (one + dt * A) @ D.inv),
            note=r"$D_{l+1} = D + \tau \dot D + \tau^2 R$ (Taylor): the error is of order "
            r"$\tau^2$ a layer.",
        ),
        MatrixIdentity(
            "the errors of the layers add up",
            (a3 + e3) @ b2 @ b1 - a3 @ a2 @ a1,
            e3 @ b2 @ b1 + a3 @ e2 @ b1 + a3 @ a2 @ e1,
            note=r"Three layers; $1 / \tau$ layers with errors of order $\tau^2$ and bounded "
            r"products give $\tau$ over a fixed time.",
        ),
        MatrixCounterexample(
            "the error of a layer is of order three",
            D_dot @ A @ D.inv + D_rest, zero(n, n),
            {D: [[1]], D_dot: [[1]], A: [[1]], D_rest: [[0]]},
            note=r"The coefficient of $\tau^2$; $D = 1 + t$ near $t = 0$ has $R = 0$.",
        ),
    ]


def leaky_flow() -> list[Step]:
    """dx/dt = -Lam x + sigma(W x + b) is closed under a diagonal D(t) > 0."""
    x, b, W = matrix("x", n, 1), matrix("b", n, 1), matrix("W", n, n)
    Lam = matrix("Lam", n, n, kind="diagonal", latex=r"\Lambda")
    S = matrix("S", n, n, kind="diagonal")
    D = matrix("D", n, n, kind="diagonal")
    D_dot = matrix("D_dot", n, n, kind="diagonal", latex=r"\dot D")
    y = D @ x
    rate = derivative(y, {x: S @ (W @ x + b) - Lam @ x, D: D_dot})
    Lam_moved = Lam - D_dot @ D.inv
    t, x1, alpha = sympy.symbols("t x alpha", positive=True)
    below = alpha**t * x1
    v, w = sympy.symbols("v y")
    H, lam, z = sympy.symbols("H lambda z")
    half = sympy.Rational(1, 2)

    def leaky(value: sympy.Expr) -> sympy.Expr:
        """LeakyReLU of slope 1/2."""
        return sympy.Max(value, half * value)

    return [
        MatrixIdentity(
            "the leaky field is closed under D(t)",
            rate, S @ ((D @ W @ D.inv) @ y + D @ b) - Lam_moved @ y,
            note=r"$W' = D W D^{-1}$, $b' = D b$, $\Lambda' = \Lambda - \dot D D^{-1}$; the slopes "
            r"$S$ at $D z$ are those at $z$.",
        ),
        Counterexample(
            "the family without the leak is closed", v * w, sympy.Abs(v * w), {v: 1, w: -1},
            note=r"A field $\sigma(W x + b)$ of ReLU equals its absolute value. With $W = b = 0$, "
            r"$n = 1$, the moved field is $v y$ with $v = \dot D / D$, which does not.",
        ),
        Counterexample(
            "the same family of LeakyReLU is closed", leaky(w) + leaky(-w), 0, {w: 1},
            note=r"The moved field $v y$ is odd, and is $\sigma(w y + b)$ with $b = 0$, seen at $y "
            r"= 0$; for slope $\frac12$, $\sigma(w y)$ is not odd unless $w = 0$. Here $y = 1$.",
        ),
        PolynomialIdentity(
            "the flow whose time-1 map is LeakyReLU: x < 0",
            sympy.Derivative(below, t), sympy.log(alpha) * below,
            note=r"For $g(x) = \ln(\alpha) \min(x, 0)$ the solution is $\alpha^t x$ below 0, which "
            r"stays below, and constant above.",
        ),
        PolynomialIdentity(
            "its ends", sympy.Matrix([sympy.Subs(below, t, 0), sympy.Subs(below, t, 1)]),
            sympy.Matrix([x1, alpha * x1]),
        ),
        PolynomialIdentity(
            "a constant D > 0 carries that field to itself",
            sympy.log(alpha) * (1 - H) * (lam * z),
            sympy.Mul(lam, sympy.log(alpha) * (1 - H) * z, evaluate=False),
            note=r"$g(x) = \ln(\alpha) (1 - H) x$ has degree 1. So $D$ varies in the linear "
            r"stages, as in C6, and rests in these.",
        ),
        PolynomialIdentity(
            "ReLU is the end map of no flow", sympy.Subs(sympy.Max(z, 0), z, -1),
            sympy.Subs(sympy.Max(z, 0), z, -2),
            note="It takes $-1$ and $-2$ to one value, and a flow is injective: the exact lift "
            r"needs $\alpha > 0$.",
        ),
    ]


def must_fail() -> list[Step]:
    """Near misses: each changes the function."""
    z, lam = sympy.symbols("z lambda")

    def tanh(x: sympy.Expr) -> sympy.Expr:
        return (sympy.exp(2 * x) - 1) / (sympy.exp(2 * x) + 1)

    def relu(x: sympy.Expr) -> sympy.Expr:
        return sympy.Max(x, 0)

    W, b, x, M = matrix("W", 1, 1), matrix("b", 1, 1), matrix("x", 1, 1), matrix("M", 1, 1)
    return [
        Counterexample(
            "a general activation: the square", (lam * z) ** 2, lam * z**2, {z: 1, lam: 2},
        ),
        Counterexample(
            "a general activation: tanh",
            tanh(lam * z), lam * tanh(z), {z: sympy.log(3) / 2, lam: 2},
        ),
        Counterexample(
            "a negative factor", relu(lam * z), lam * relu(z), {z: 1, lam: -1},
        ),
        MatrixCounterexample(
            "the bias left behind", M @ W @ x + b, M @ (W @ x + b),
            {W: [[1]], b: [[1]], x: [[1]], M: [[2]]},
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C7",
        title="Feedforward rescaling and its lift",
        statement=(
            r"Let $\sigma$ be positively homogeneous of degree 1. Then $W_l \mapsto M_{l+1} W_l "
            r"M_l^{-1}$, $b_l \mapsto M_{l+1} b_l$ with $M_l$ positive monomial, and 1 at both "
            r"ends, leaves the network unchanged. With weights as Wilson lines this is a lattice "
            r"gauge theory; a residual layer is a step of the connection $D A D^{-1} + \dot D "
            r"D^{-1}$ with error $O(\tau^2)$; the field $-\Lambda x + \sigma(W x + b)$ is closed "
            r"under $D(t)$ with $\Lambda' = \Lambda - \dot D D^{-1}$, and without the leak it is "
            r"not. For LeakyReLU, linear stages alternating with the flow of $g(x) = \ln(\alpha) "
            r"\min(x, 0)$ are an exact lift."
        ),
        hypotheses=(
            r"$\sigma(\lambda z) = \lambda \sigma(z)$ for all $\lambda > 0$, applied entry by "
            r"entry; $M_l$ a permutation times a positive diagonal matrix.",
            r"For the lift: equal widths; $\Lambda$ and $D(t) > 0$ diagonal; $D$ twice "
            r"differentiable. Not closed means: for some $D$ that is not constant.",
            r"For Wilson lines and the exact lift: $\det W_l > 0$ (C8), and $\alpha > 0$.",
        ),
        premises=(
            Premise("Taylor", r"$D(t + \tau) = D + \tau \dot D + \tau^2 R$ with $R$ bounded."),
            Premise("Picard-Lindelöf", "A Lipschitz field has one solution through each point."),
        ),
        scope=(
            "All widths; written out for three layers, and a layer at a time for any depth. "
            "Sufficiency only; the count of dimensions is a lower bound on the redundancy."
        ),
        steps=(*activation(), *network(), *lattice(), *leaky_flow(), *must_fail()),
        conclusion=(
            r"The slopes of $\sigma$ depend on signs alone, which positive factors keep, so "
            r"$\sigma(M z) = M \sigma(z)$; layer by layer the factors cancel, as in the network of "
            r"three layers. The rest is one step each."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
