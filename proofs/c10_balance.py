"""C10: regularisation fixes the gauge: balanced weights, and what training conserves.

Q = W_Q and K = W_K, both of shape (d, k) and of full column rank. The gauge group moves them to
Q g and K g^-T; phi(g) = |Q g|^2 + |K g^-T|^2 is the weight decay along the orbit.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    TraceIdentity,
    derivative,
    identity,
    main,
    matrix,
    sizes,
    zero,
)

d, k = sizes("d k")
Q, K = matrix("Q", d, k), matrix("K", d, k)
g, w = matrix("g", k, k), matrix("w", k, k)
one = identity(k)


def stationary() -> list[Step]:
    """The first variation vanishes exactly where W_Q^T W_Q = W_K^T W_K."""
    norms = Q.T @ Q + K.T @ K
    rate = derivative(norms, {Q: Q @ w, K: -(K @ w.T)}, latex=r"\delta_w (" + norms.latex + ")")
    return [
        TraceIdentity(
            "the first variation", rate, 2 * (w @ (Q.T @ Q - K.T @ K)),
            note=r"$\delta Q = Q w$, $\delta K = -K w^{\top}$, for any $w \in gl(k)$. It is 0 for "
            r"all $w$ if and only if $Q^{\top} Q = K^{\top} K$: take $w$ the difference itself.",
        ),
    ]


def minimum() -> list[Step]:
    """From a balanced point, phi(g) - phi(1) is a square: the minimum is global."""
    moved = (Q @ g).T @ (Q @ g) + (K @ g.inv.T).T @ (K @ g.inv.T)
    gap, half = Q @ (g - g.inv.T), sympy.Rational(1, 2) * g
    balanced = ((K.T @ K, Q.T @ Q),)
    # a balanced point exists: p = a^-1 r a^-1 solves p A p = B for A = a^2, r^2 = a B a
    a, r, p = (matrix(x, k, k, kind="symmetric") for x in "arp")
    B = matrix("B", k, k, kind="symmetric")
    return [
        TraceIdentity(
            "from a balanced point the excess is a square",
            moved - 2 * (Q.T @ Q), gap.T @ gap, rules=balanced,
            note=r"$\phi(g) = \phi(1) + |Q (g - g^{-\top})|^2 \ge \phi(1)$, and with $Q$ of full "
            r"column rank equality means $g = g^{-\top}$: the group $O(k)$ is left.",
        ),
        MatrixIdentity(
            "a balanced point exists on every orbit",
            (a.inv @ r @ a.inv) @ (a @ a) @ (a.inv @ r @ a.inv), B,
            rules=((r @ r, a @ B @ a),),
            note=r"With $A = a^2 = Q^{\top} Q$, $B = K^{\top} K$ and $r^2 = a B a$, the positive "
            r"$p = a^{-1} r a^{-1}$ solves $p A p = B$.",
        ),
        MatrixIdentity(
            "the point p = g g^T is balanced", (Q @ g).T @ (Q @ g), (K @ g.inv.T).T @ (K @ g.inv.T),
            rules=((K.T @ K, p @ (Q.T @ Q) @ p), (p, g @ g.T)),
            note=r"Then $g = p^{1/2}$ reaches it.",
        ),
        MatrixIdentity(
            "there the modulus of M is K K^T", (Q @ K.T).T @ (Q @ K.T), (K @ K.T) @ (K @ K.T),
            rules=((Q.T @ Q, K.T @ K),),
            note=r"$M = Q K^{\top}$; its modulus is the positive root of $M^{\top} M$.",
        ),
        TraceIdentity(
            "so the minimum is twice the nuclear norm", Q.T @ Q + K.T @ K, 2 * (K @ K.T),
            rules=((Q.T @ Q, K.T @ K),),
            note=r"$|M|_* = \operatorname{tr} (M^{\top} M)^{1/2} = \operatorname{tr} K K^{\top}$.",
        ),
        TraceIdentity(
            "without full column rank there may be no minimum",
            (Q @ half).T @ (Q @ half), sympy.Rational(1, 4) * ((Q @ g).T @ (Q @ g)),
            note=r"For $K = 0$ the norm along the orbit is $|Q g|^2$, and $g / 2$ has a quarter of "
            r"it: the infimum 0, twice the nuclear norm of $M = 0$, is not reached if $Q$ has "
            r"full column rank.",
        ),
    ]


def neuron() -> list[Step]:
    """min over c of |c w|^2 + |a / c|^2 is 2 |w| |a|, by a square."""
    u, a, c = sympy.symbols("u a c", positive=True)  # u = |w|, a = |a|
    return [
        PolynomialIdentity(
            "ReLU neuron: the excess is a square",
            (c * u) ** 2 + (a / c) ** 2 - 2 * u * a, (c * u - a / c) ** 2,
            note=r"$u = |w|$ and $a$ are the norms of the weights in and out, $c > 0$; zero at "
            r"$c^2 = a / u$, which is the inequality of the two means.",
        ),
        PolynomialIdentity(
            "and it is reached", (c * u) ** 2 + (a / c) ** 2, 2 * u * a,
            relations=(c**2 * u - a,),
        ),
    ]


def training() -> list[Step]:
    """Gradient flow conserves W_Q^T W_Q - W_K^T W_K, weight decay shrinks it."""
    Gamma = matrix("Gamma", d, d)  # dL/dM at M = Q K^T
    lam = sympy.Symbol("lambda")
    charge = Q.T @ Q - K.T @ K
    q1, k1 = sympy.symbols("q k")

    def sign_rate(q: sympy.Expr, key: sympy.Expr) -> sympy.Expr:
        """d(q^2 - k^2)/dt under sign descent on L = q k."""
        return -2 * q * sympy.sign(key) + 2 * key * sympy.sign(q)

    return [
        MatrixIdentity(
            "gradient flow conserves the balance",
            derivative(charge, {Q: -(Gamma @ K), K: -(Gamma.T @ Q)}), zero(k, k),
            note=r"$\Gamma = \partial L / \partial M$, $M = Q K^{\top}$.",
        ),
        MatrixIdentity(
            "weight decay makes it decay",
            derivative(charge, {Q: -(Gamma @ K) - lam * Q, K: -(Gamma.T @ Q) - lam * K}),
            (-2 * lam) * charge,
        ),
        Counterexample(
            "sign descent, the memoryless Adam, conserves it", sign_rate(q1, k1), 0,
            {q1: 1, k1: 2}, note="$d = k = 1$, $L = q k$.",
        ),
    ]


def linear_flow() -> list[Step]:
    """dx/dt = A x with the end map fixed: the energy is stationary where dA/dt = [A, A^T]."""
    n = sizes("n")[0]
    A, v, S0 = matrix("A", n, n), matrix("w", n, n), matrix("S_0", n, n, kind="symmetric")
    G = matrix("G", n, n)
    quarter = sympy.Matrix([[0, -1], [1, 0]])  # J
    Om = matrix("Om", n, n, kind="skew", latex=r"\Omega")
    S = matrix("S", n, n, kind="symmetric")  # S = e^{2 Om t} S_0 e^{-2 Om t}
    A_dot = 2 * (Om @ S - S @ Om)
    at = Om + S
    E, V = matrix("E", n, n), matrix("V", n, n)  # e^{2 Om t}, e^{(S_0 - Om) t}
    commute = ((E @ Om, Om @ E),)
    return [
        TraceIdentity(
            "the connection part of the variation of the energy",
            A.T @ (v @ A - A @ v), v @ (A @ A.T - A.T @ A),
            note=r"$\delta A = \dot w + [w, A]$ with $w = 0$ at both ends; by parts $\delta \int "
            r"|A|^2 = 2 \int \operatorname{tr} w ([A, A^{\top}] - \dot A^{\top})$, so $\dot A = "
            r"[A, A^{\top}]$, which is symmetric.",
        ),
        TraceIdentity(
            "the Noether identity",
            G.T @ (v @ A - A @ v), v @ (A @ G.T - G.T @ A),
            note=r"$G = \partial L / \partial A$ for any $L$ of the end map: $\int "
            r"\operatorname{tr} G^{\top} (\dot w + [w, A]) = 0$, by parts, is $\partial_t "
            r"G^{\top} = [A, G^{\top}]$.",
        ),
        MatrixIdentity(
            "the solution of the stationarity equation", A_dot, at @ at.T - at.T @ at,
            note=r"$A = \Omega + S$, $S = e^{2 \Omega t} S_0 e^{-2 \Omega t}$, so $\dot S = 2 "
            r"[\Omega, S]$.",
        ),
        Counterexample(
            "a stationary A is minimal", 4 * (quarter.T * quarter).trace(), 0, {}, scope="n = 2",
            note=r"The energies over $\pi^2$ of $A = 2 \pi J$, a full turn of the plane, and of $A "
            r"= 0$: both are constant and normal, so stationary, and both have $W(1) = 1$ (C6).",
        ),
        MatrixIdentity(
            "its flow", derivative(E @ V, {E: 2 * (Om @ E), V: (S0 - Om) @ V}),
            (Om + E @ S0 @ E.inv) @ (E @ V), rules=commute,
            note=r"$W(t) = e^{2 \Omega t} e^{(S_0 - \Omega) t}$, with $E = e^{2 \Omega t}$ "
            r"commuting with $\Omega$. So $W(1) = e^{2 \Omega} e^{S_0 - \Omega}$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C10",
        title="Regularisation fixes the gauge",
        statement=(
            r"(a) $\min_g |Q g|^2 + |K g^{-\top}|^2 = 2 |Q K^{\top}|_*$, reached exactly where "
            r"$Q^{\top} Q = K^{\top} K$, and the stabiliser of a minimum is $O(k)$. (b) For a ReLU "
            r"neuron $\min_c |c w|^2 + |a / c|^2 = 2 |w| |a|$. (c) Gradient flow conserves "
            r"$Q^{\top} Q - K^{\top} K$, and weight decay $\lambda$ makes it decay as $e^{-2 "
            r"\lambda t}$. (d) For $\dot x = A(t) x$ with fixed end map, $\int |A|^2$ is "
            r"stationary where $\dot A = [A, A^{\top}]$, with $A = \Omega + e^{2 \Omega t} S_0 "
            r"e^{-2 \Omega t}$; stationary is not minimal. $G = \partial L / \partial A$ obeys "
            r"$\partial_t G^{\top} = [A, G^{\top}]$."
        ),
        hypotheses=(
            r"(a) $Q$ and $K$ have full column rank, else the minimum may be an infimum only.",
            r"(b) $w, a \ne 0$. (c) The loss depends on $Q$ and $K$ through $Q K^{\top}$ alone.",
            r"(d) $\Omega$ skew, $S_0$ symmetric; variations that vanish at both ends.",
        ),
        premises=(
            Premise(
                "Spectral theorem",
                "A positive definite matrix has exactly one positive definite square root; a "
                "positive semidefinite one exactly one positive semidefinite root.",
            ),
            Premise("Fundamental lemma of the calculus of variations",
                    r"$\int \operatorname{tr}(w F) = 0$ for all $w$ that vanish at the ends gives "
                    r"$F = 0$."),
            Premise("Exponential of a matrix", r"$\frac{d}{dt} e^{t B} = B e^{t B} = e^{t B} B$."),
        ),
        scope=(
            r"All widths $d \ge k$. (d) says stationary, which need not be minimal."
        ),
        steps=(*stationary(), *minimum(), *neuron(), *training(), *linear_flow()),
        conclusion=(
            r"(a) Every orbit meets a balanced point, at $g = p^{1/2}$; from there $\phi$ exceeds "
            r"its value by a square, which is 0 for $g \in O(k)$ alone; and the value is "
            r"$2 \operatorname{tr} K K^{\top} = 2 |M|_*$. (b) to (d) are the steps of those names."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
