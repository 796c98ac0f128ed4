"""L3: the finite action of a family: one move after the other, and through slices.

A family moves several tensors by one element. Each move alone is an action whose derivative at the
identity is its field; moves that commute, each at an element of its own, compose to an action with
the sum of the fields; and a slice conjugates it. W and V are any tensors, seen along the axis that
moves; g and h are invertible, s and t positive, c and d shifts, u the offset of a gain w + u.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    GroupIdentity,
    MatrixCounterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Step,
    Theorem,
    derivative,
    group_letters,
    main,
    matrix,
    sizes,
)

n, m = sizes("n m")
W, T = matrix("W", n, m), matrix("T", m, n)
g, h, a = matrix("g", n, n), matrix("h", n, n), matrix("a", n, n)
c, d = matrix("c", n, 1), matrix("d", n, 1)
b = matrix("b", m, 1)


def single_moves() -> list[Step]:
    """Every form alone: composition, and the derivative along g = exp(tau a)."""
    w, u, v, k, sigma, tau = sympy.symbols("w u v k sigma tau", real=True)

    def scaled(x: sympy.Expr, log: sympy.Expr) -> sympy.Expr:
        return sympy.exp(k * log) * (x + u) - u

    def flow(x: sympy.Expr, log: sympy.Expr) -> sympy.Expr:
        return sympy.exp(k * log) * (x + u / k) - u / k

    gain, gamma = scaled(w, tau), sympy.Symbol("gamma", positive=True)
    return [
        MatrixIdentity("g: composition", g @ (h @ W), (g @ h) @ W),
        MatrixIdentity("g: derivative", derivative(g @ W, {g: a @ g}), a @ (g @ W)),
        MatrixIdentity(
            "g^-T: composition", g.inv.T @ (h.inv.T @ W), (h.inv @ g.inv).T @ W,
            note=r"$(g h)^{-\top} = g^{-\top} h^{-\top}$: on columns, $W h^{-1} g^{-1} = W (g h)"
            r"^{-1}$.",
        ),
        MatrixIdentity(
            "g^-T: derivative", derivative(g.inv.T @ W, {g: a @ g}), -1 * (a.T @ (g.inv.T @ W)),
        ),
        PolynomialIdentity(
            "s^k (w + u) - u: composition", scaled(gain, sigma),
            scaled(w, sigma + tau), note=r"$s = e^\sigma$, $t = e^\tau$.",
        ),
        PolynomialIdentity(
            "s^k (w + u) - u: derivative", gain.diff(tau), k * (gain + u),
            note=r"The field is $k (w + u)$. With $u = 0$ it is a plain scaling.",
        ),
        PolynomialIdentity(
            "w + k log s: composition and derivative",
            [(w + k * v) + k * tau, (w + k * tau).diff(tau)], [w + k * (v + tau), k],
            note=r"$\log s = \tau$, $\log t = v$; a translation has $c$ in the place of $\log s$.",
        ),
        MatrixIdentity(
            "b + T c: composition", (b + T @ c) + T @ d, b + T @ (c + d),
            note=r"$T$ does not move.",
        ),
        MatrixIdentity("b + T c: derivative", derivative(b + T @ c, {c: d}), T @ d),
        PolynomialIdentity(
            "w + c / T: composition and derivative",
            [(w + k * v / gamma) + k * tau / gamma, (w + k * tau / gamma).diff(tau)],
            [w + k * (v + tau) / gamma, k / gamma],
            note=r"One number $c = \tau$, or $v$, over an entry $\gamma$ of $T$, a gain that does "
            r"not move, where it is not 0.",
        ),
        PolynomialIdentity(
            "a generator w theta + h: composition and derivative",
            [flow(flow(w, tau), sigma), flow(w, tau).diff(tau)],
            [flow(w, sigma + tau), k * flow(w, tau) + u],
            note=r"An entry $\theta$ with $X = k \theta + u$, $k \ne 0$ a number and $u$ a "
            r"function of what $X$ does not move: the flow of a generator without a form.",
        ),
    ]


def together() -> list[Step]:
    """Moves that commute, and which do."""
    P, Q = matrix("P", n, n), matrix("Q", n, n)
    P1, Q1 = matrix("P'", n, n), matrix("Q'", n, n)
    A, B = matrix("A", n, n), matrix("B", n, n)
    f, p, q = group_letters("h p q")
    s, t, w, u = sympy.symbols("s t w u", positive=True)
    return [
        MatrixIdentity(
            "composition", (P @ Q) @ (P1 @ Q1), (P @ P1) @ (Q @ Q1), rules=((Q @ P1, P1 @ Q),),
            note=r"$P$, $Q$ are two moves at one element, $P'$, $Q'$ at another, as maps of "
            r"functions of $\theta$ (linear maps); $Q P' = P' Q$ is the hypothesis.",
        ),
        MatrixIdentity(
            "derivative", derivative(P @ Q, {P: A @ P, Q: B @ Q}), (A + B) @ (P @ Q),
            rules=((P @ B, B @ P),),
            note=r"Along one-parameter groups: the fields add.",
        ),
        MatrixIdentity(
            "rows and columns of one tensor", g @ (W @ matrix("k", m, m)),
            (g @ W) @ matrix("k", m, m),
            note="So for any two axes, or two factors of one; tensors and blocks that no other "
            "move changes or reads are apart anyway.",
        ),
        PolynomialIdentity(
            "scalings with one offset", s * ((t * (w + u) - u) + u) - u,
            t * ((s * (w + u) - u) + u) - u,
        ),
        GroupIdentity(
            "through a slice", (f * p * f.inv) * (f * q * f.inv), f * (p * q) * f.inv,
            note=r"$h$ is decided by the slice's parameter, which neither $p$ nor $q$ moves: the "
            r"same $h$ on both sides. Its derivative is the field on the slice, pushed forward.",
        ),
    ]


def near_misses() -> list[Step]:
    """What is no action."""
    s, w, u, v, log = sympy.symbols("s w u v log_s")
    twice = s * (s * w + u * log) + u * log
    return [
        Counterexample(
            "a scaling and then a shift by log s, of one tensor", twice, s**2 * w + 2 * u * log,
            {s: 2, log: 1, w: 1, u: 1},
            note=r"Twice the element $s$ against once the element $s^2$: the difference is "
            r"$u\,(s - 1) \log s$, 0 for $s = 1$ alone. The field is $w + u$ all the same.",
        ),
        Counterexample(
            "two offsets on one tensor", s * ((2 * (w + u) - u) + v) - v,
            2 * ((s * (w + v) - v) + u) - u, {s: 3, w: 1, u: 1, v: 2},
        ),
        MatrixCounterexample(
            "b + T c where T moves too", (b + T @ c) + (T + b @ c.T) @ d,
            b + (T + b @ c.T) @ (c + d),
            {b: [[1]], c: [[1]], d: [[1]], T: [[1]]},
        ),
        MatrixCounterexample(
            "two matrices on one axis", (g @ h) @ (g @ h) @ W, (g @ g) @ (h @ h) @ W,
            {g: [[1, 1], [0, 1]], h: [[1, 0], [1, 1]], W: [[1], [0]]},
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="L3",
        title="Finite actions of families of moves",
        statement=(
            r"Let a family be given by moves of the forms $g$, $g^{-\top}$, $s^k (w + u) - u$, "
            r"$w + k c$, $b + T c$ and $w + c / T$ ($T$ not moved), of tensors or of parts of them "
            r"(a range of one axis, a tensor of its own), any two of which commute, each at an "
            r"element of its own. Then one after the other they are an action of the group of the "
            r"elements, and its field at $a$ is the sum of the fields of the moves; so is the "
            r"action through slices whose parameters the family neither moves nor reads."
        ),
        hypotheses=(
            r"Two moves commute where neither changes what the other changes or reads; where they "
            r"turn different axes of a tensor, or different factors of one axis that number no "
            r"copies of each other; where both scale with one offset; and where both add.",
        ),
        premises=(),
        scope="All sizes, any number of tensors, copies and slices.",
        steps=(*single_moves(), *together(), *near_misses()),
        conclusion=(
            r"So $g(0) = 1$, $g(\sigma)\,g(\tau) = g(\sigma + \tau)$ and $d/d\tau\ g(\tau)\,\theta "
            r"= X(g(\tau)\,\theta)$ along every one-parameter group, with $X$ the field that is "
            r"proved to have $X f = 0$: $f(g(\tau)\,\theta)$ is constant as long as $f$ is "
            r"continuous along the path."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
