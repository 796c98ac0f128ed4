"""C6: the linear neural ODE dx/dt = A(t) x, whose gauge field is A and whose Wilson line is W.

y = U(t) x moves A to U A U^-1 + (dU/dt) U^-1, so A is a connection on the line of time and the
flow W is its parallel transport. A dot is a time derivative throughout.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    Matrix,
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

n = sizes("n")[0]
A, U = matrix("A", n, n), matrix("U", n, n)
U_dot = matrix("U_dot", n, n, latex=r"\dot U")
x = matrix("x", n, 1)
one = identity(n)
A_moved = U @ A @ U.inv + U_dot @ U.inv
w, v = matrix("w", n, n), matrix("v", n, n)  # infinitesimal U
w_dot, v_dot = matrix("w_dot", n, n, latex=r"\dot w"), matrix("v_dot", n, n, latex=r"\dot v")


def delta(c: Matrix, c_dot: Matrix) -> Matrix:
    """The variation of A by c."""
    return c_dot + c @ A - A @ c


def commutator() -> Matrix:
    """delta_v delta_w A - delta_w delta_v A, as vector fields on the space of A."""
    by_v = derivative(delta(w, w_dot), {A: delta(v, v_dot)}, latex=r"\delta_v (\delta_w A)")
    by_w = derivative(delta(v, v_dot), {A: delta(w, w_dot)}, latex=r"\delta_w (\delta_v A)")
    return by_v - by_w


def connection() -> list[Step]:
    """How A moves, that it moves by a group action, and how the flow moves with it."""
    W = matrix("W", n, n)  # flow from t0 to t: dW/dt = A W
    U_0 = matrix("U_0", n, n, latex="U_0")  # U at t0, a constant
    V = matrix("V", n, n)
    V_dot = matrix("V_dot", n, n, latex=r"\dot V")
    VU = V @ U
    return [
        MatrixIdentity(
            "y = U x obeys the moved equation",
            derivative(U @ x, {x: A @ x, U: U_dot}), A_moved @ (U @ x),
            note=r"$A' = U A U^{-1} + \dot U U^{-1}$.",
        ),
        MatrixIdentity(
            "two transformations compose",
            V @ A_moved @ V.inv + V_dot @ V.inv,
            VU @ A @ VU.inv + (V_dot @ U + V @ U_dot) @ VU.inv,
            note=r"First $U$, then $V$, is $V U$: a left action.",
        ),
        MatrixIdentity(
            "the flow moves at its ends",
            derivative(U @ W @ U_0.inv, {U: U_dot, W: A @ W}), A_moved @ (U @ W @ U_0.inv),
            note=r"$U(t) W(t, t_0) U(t_0)^{-1}$ obeys the equation of $W'$, and is 1 at $t_0$.",
        ),
    ]


def invariant() -> list[Step]:
    """W is the complete invariant: two connections with equal flows are related by one U."""
    A2 = matrix("A2", n, n, latex="A'")
    W, W2 = matrix("W", n, n), matrix("W2", n, n, latex="W'")
    U_found = W2 @ W.inv
    rate = derivative(U_found, {W: A @ W, W2: A2 @ W2})
    return [
        MatrixIdentity(
            "U = W' W^-1 carries A to A'", U_found @ A @ U_found.inv + rate @ U_found.inv, A2,
            note=r"$U(t_0) = 1$, and $U(t_1) = 1$ exactly when $W'$ and $W$ agree at $t_1$.",
        ),
    ]


def between_linear_maps() -> list[Step]:
    """x = W_in u at t0 and W_out x(t1) read out: then the ends need not stand still."""
    inner, outer = sizes("m p")
    W, W2 = matrix("W", n, n), matrix("W2", n, n, latex="W'")
    W_in = matrix("W_in", n, inner, latex=r"W_{\mathrm{in}}")
    W_out = matrix("W_out", outer, n, latex=r"W_{\mathrm{out}}")
    U_0, U_1 = matrix("U_0", n, n, latex="U_0"), matrix("U_1", n, n, latex="U_1")
    return [
        MatrixIdentity(
            "between trainable linear maps the ends of U are free",
            (W_out @ U_1.inv) @ (U_1 @ W @ U_0.inv) @ (U_0 @ W_in), W_out @ W @ W_in,
            note=r"$W_{\mathrm{in}} \to U(t_0) W_{\mathrm{in}}$, $W_{\mathrm{out}} \to "
            r"W_{\mathrm{out}} U(t_1)^{-1}$: all of $GL(n)$ at each time.",
        ),
        MatrixIdentity(
            "there all of A is gauge, a constant A too",
            (W_out @ W @ W2.inv) @ W2 @ W_in, W_out @ W @ W_in,
            note=r"Any $A'$ in the place of $A$, with $U = W' W^{-1}$ and $U(t_0) = 1$. With the "
            r"constant $U$ these are $2 n^2$ directions where $A$ is constant: only the one matrix "
            r"$W_{\mathrm{out}} W W_{\mathrm{in}}$ is seen.",
        ),
    ]


def infinitesimal() -> list[Step]:
    """delta A = dw/dt + [w, A], and these close with the matrix commutator."""
    eps = sympy.Symbol("epsilon")
    bracket = w @ v - v @ w
    bracket_dot = derivative(bracket, {w: w_dot, v: v_dot})
    first = A + eps * delta(w, w_dot)
    step = one + eps * w
    return [
        MatrixIdentity(
            "the first order of the finite action",
            first @ step, step @ A + eps * w_dot + eps**2 * (delta(w, w_dot) @ w),
            note=r"$U = 1 + \epsilon w$: $A' U = U A + \dot U$ holds up to $\epsilon^2$.",
        ),
        MatrixIdentity(
            "the variations close", commutator(), delta(bracket, bracket_dot),
            note=r"The commutator of two variations $\delta_w A = \dot w + w A - A w$ is the "
            r"variation by $[w, v]$.",
        ),
    ]


def constant() -> list[Step]:
    """Constant A: not unique, and not every W is reached."""
    J = matrix("J", n, n)
    s = sympy.Symbol("s")
    turn = sympy.cos(s) * one + sympy.sin(s) * J
    turn_dot = sympy.diff(sympy.cos(s), s) * one + sympy.diff(sympy.sin(s), s) * J
    a, b, c, d = sympy.symbols("a b c d")
    B, W = sympy.ImmutableMatrix([[a, b], [c, d]]), sympy.ImmutableMatrix([[-1, 0], [0, -2]])
    return [
        MatrixIdentity(
            "exp(s J) = 1 + J sin s + J^2 (1 - cos s) where J^3 = -J",
            sympy.cos(s) * J + sympy.sin(s) * (J @ J),
            J @ (one + sympy.sin(s) * J + (1 - sympy.cos(s)) * (J @ J)),
            rules=((J @ J @ J, -J),),
            note="$J^2 = -1$ on a part of space, and $J = 0$ on the rest: again the left side "
            r"is the derivative by $s$, and $e^{2 \pi k J} = 1$.",
        ),
        MatrixIdentity(
            "exp(s J) = cos s + J sin s where J^2 = -1", turn_dot, J @ turn,
            rules=((J @ J, -one),),
            note="The left side is the derivative by $s$ of the sum, which is 1 at $s = 0$. So "
            r"$e^{2 \pi k J} = 1$, and with $[A, J] = 0$, $e^{A + 2 \pi k J} = e^A$ for every "
            "integer $k$.",
        ),
        PolynomialIdentity(
            "W = diag(-1, -2): what commutes with it is diagonal",
            sympy.MatAdd(sympy.MatMul(B, W), sympy.MatMul(-1, W, B)),
            sympy.Matrix([[0, -b], [c, 0]]),
            note="A real logarithm $B$ commutes with $W$, so $b = c = 0$ and $W$ would be "
            "the diagonal of $e^a$ and $e^d$, which are positive: it has no real logarithm.",
        ),
    ]


def must_fail() -> list[Step]:
    """Near misses."""
    nilpotent, transposed, nothing = [[0, 1], [0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 0]]
    t = sympy.Symbol("t")
    y = sympy.exp(t)
    return [
        MatrixCounterexample(
            "the term with dU/dt left out",
            derivative(U @ x, {x: A @ x, U: U_dot}), U @ A @ U.inv @ (U @ x),
            {A: [[1]], U: [[1]], U_dot: [[1]], x: [[1]]},
        ),
        MatrixCounterexample(
            "the bracket's sign flipped in the closure",
            commutator(), delta(v @ w - w @ v, zero(n, n)),
            {w: nilpotent, v: transposed, A: nilpotent, w_dot: nothing, v_dot: nothing},
            note="Constant $w$ and $v$.",
        ),
        Counterexample(
            "a U that is not 1 at the end", y, 1, {t: sympy.log(2)},
            note=r"$n = 1$, $A = 0$, $U = e^t$: $A' = 1$, and its flow over $\ln 2$ is not 1.",
        ),
        MatrixCounterexample(
            "a constant U that does not commute with A leaves A as it is",
            A_moved, A, {A: nilpotent, U: [[2, 0], [0, 1]], U_dot: nothing},
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C6",
        title="Linear neural ODE: the connection and its Wilson line",
        statement=(
            r"Let $\dot x = A(t) x$ with flow $W(t, t_0)$. Then $y = U(t) x$ has $A' = U A U^{-1} "
            r"+ \dot U U^{-1}$ and $W' = U(t) W U(t_0)^{-1}$, infinitesimally $\delta A = \dot w + "
            r"[w, A]$. So the end map is unchanged for $U = 1$ at both ends, and any two $A$, $A'$ "
            r"with one end map are related by exactly one such $U = W' W^{-1}$. A constant "
            r"$A$ is not determined by its end map, and not every end map has one. The affine case "
            r"is C6'."
        ),
        hypotheses=(
            r"$A$ continuous in $t$; $U(t) \in GL(n)$ continuously differentiable.",
        ),
        premises=(
            Premise("Linear ODEs", r"$\dot W = A W$, $W(t_0) = 1$ has exactly one solution on the "
                    r"whole interval, and it is invertible."),
            Premise("Exponential of a matrix", r"$e^B$ commutes with $B$, $e^{A + B} = e^A e^B$ "
                    r"where $[A, B] = 0$, and $e^a > 0$ for real $a$; $\cos 2 \pi k = 1$, "
                    r"$\sin 2 \pi k = 0$."),
        ),
        scope=r"All $n$; the end map without a real logarithm at $n = 2$.",
        steps=(
            *connection(), *invariant(), *between_linear_maps(), *infinitesimal(), *constant(),
            *must_fail(),
        ),
        conclusion=(
            r"By uniqueness the moved flow is $U W U(t_0)^{-1}$. If two flows agree at $t_1$, "
            r"$U = W' W^{-1}$ carries $A$ to $A'$ and is 1 at both ends; any $U$ that does so with "
            r"$U(t_0) = 1$ has $U W = W'$, so it is this one: the loops based at 1 act freely and "
            r"transitively on each fibre. The rest is one step each."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
