"""L5: what the starts of a flow leave free.

A variation xi of the state is carried along the flow by the equation of variation; the parameters
take it up. It need vanish where trajectories start, and nowhere else. Rows are states here, as in
C9: z in R^{1 x N}, and the start is z_0 = x J with n rows of J, the others of the space unreached.
"""

import sympy

from symgauge.flows import spacetime, variation
from symgauge.theorem import (
    FieldIdentity, MatrixCounterexample, MatrixIdentity, Premise, Step, Theorem, derivative,
    identity, main, matrix, sizes, zero,
)

n, N, k, h, m = sizes("n N k h m")
x, z = matrix("x", 1, n), matrix("z", 1, N)
J, E, U = matrix("J", n, N), matrix("E", N, k), matrix("U", k, N)
W1, W2 = matrix("W_1", N, h), matrix("W_2", h, N)
D, g = matrix("D", N, m), matrix("g", N, N)
p = matrix("p", 1, k)
unreached = ((J @ E, zero(n, k)),)


def fixed() -> list[Step]:
    """g = 1 + E U with J E = 0: it fixes every start, and the field takes it up."""
    S = matrix("S", 1, h)  # tanh(z W_1), whatever its entries
    return [
        MatrixIdentity(
            "the starts are fixed", x @ J @ (identity(N) + E @ U), x @ J, rules=unreached,
            note=r"$J E = 0$: $E$ reads what every start has as 0.",
        ),
        MatrixIdentity(
            "the field reads the old state", (z @ g) @ (g.inv @ W1), z @ W1,
        ),
        MatrixIdentity(
            "and moves as the state does", derivative(z @ g, {z: S @ W2}), S @ (W2 @ g),
            note=r"$W_1 \mapsto g^{-1} W_1$, $W_2 \mapsto W_2 g$.",
        ),
        MatrixIdentity("the reader takes it away", (z @ g) @ (g.inv @ D), z @ D),
        MatrixCounterexample(
            "a start that E does not read as 0", x @ J @ (identity(N) + E @ U), x @ J,
            {x: [[1]], J: [[1]], E: [[1]], U: [[1]]},
        ),
    ]


def trained() -> list[Step]:
    """A start x J + p F with a parameter p: xi = (z E - p) U, whose coefficients are in theta."""
    F = matrix("F", k, N)
    rules = (*unreached, (F @ E, identity(k)))
    start = x @ J + p @ F
    return [
        MatrixIdentity(
            "a variation that vanishes at a start with a parameter",
            (start @ E - p) @ U, zero(1, N), rules=rules,
            note=r"$\xi = (z E - p)\, U$: affine in $z$, with coefficients in $\theta$.",
        ),
        MatrixCounterexample(
            "without p it does not vanish", start @ E @ U, zero(1, N),
            {x: [[0]], J: [[0]], p: [[1]], F: [[1]], E: [[1]], U: [[1]]},
        ),
    ]


def along() -> list[Step]:
    """The equation of variation: D_f xi(t, x(t)) is d_x f . xi + delta f."""

    def carried(d: int) -> list[sympy.Expr]:
        st = spacetime(d)
        xi, f = st.field("xi"), st.field("f")
        rate = xi.diff(st.time)
        return [a + f.along(b) for a, b in zip(rate.components, xi.components)]

    def equation(d: int) -> list[sympy.Expr]:
        st = spacetime(d)
        xi, f = st.field("xi"), st.field("f")
        delta = variation(xi, f, st.time)
        return [xi.along(b) + a for a, b in zip(delta.components, f.components)]

    return [
        FieldIdentity(
            "xi along a trajectory solves the equation of variation", carried, equation,
            caption=r"\tfrac{d}{dt}\, \xi(t, x(t)) = \xi.\nabla f + \delta_\xi f",
            note=r"With $\xi(t_0, x_0) = 0$ at every start $x_0$ the end varies by "
            r"$\xi(t_1, x(t_1))$ and by nothing else: the values of $\xi$ at other states of the "
            r"first slice never enter.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="L5",
        title="What the starts of a flow leave free",
        statement=(
            r"Let $\dot z = f(t, z; \theta)$ start at $z_0 \in S_\theta$. If $D_\theta f \cdot "
            r"\delta\theta = \partial_t \xi + f.\nabla \xi - \xi.\nabla f$ and $\xi(t_0, \cdot) = "
            r"0$ on $S_\theta$, the end varies by $\xi(t_1, z(t_1))$. For $S = \{x J\}$ and the "
            r"field $\tanh(z W_1) W_2$, read by $D$, every $g = 1 + E U$ with $J E = 0$ acts by "
            r"$W_1 \mapsto g^{-1} W_1$, $W_2 \mapsto W_2 g$, $D \mapsto g^{-1} D$ and leaves the "
            r"output as it is: $k (n + k)$ dimensions where $k$ of $n + k$ entries start at 0."
        ),
        hypotheses=(
            r"$g$ invertible; for the group that is connected, $\det g > 0$.",
        ),
        premises=(
            Premise("Picard-Lindelöf", "The equation of variation, linear, has one solution with "
                    "a start."),
        ),
        scope=(
            "All sizes; general fields at n = 1, 2, 3 for the equation of variation. That nothing "
            "else is free is what a certificate says, at its sizes."
        ),
        steps=(*fixed(), *trained(), *along()),
        conclusion=(
            r"The solution of the equation of variation that is 0 at the start is $\xi$ along the "
            r"trajectory. With $g$ in place of its generator nothing is differentiated: $z g$ "
            r"solves the moved equation from the same start."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
