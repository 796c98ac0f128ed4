"""K4: networks of any depth without skips: nothing is free but the shifts of exponentials.

y = a W + b with a = act(u), and u = a' W' + b' of the layer below, and so on down to x.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    derivative,
    main,
    matrix,
    sizes,
    zero,
)

tau = sympy.Symbol("tau")
u, w = (sympy.Function(name)(tau) for name in "uw")
du, dw = u.diff(tau), w.diff(tau)


def redundancy(acts: tuple[str, ...], widths: tuple[int, ...], biases: tuple[bool, ...]) -> int:
    """P - rank J: `acts` of the hidden layers, widths from x to y, one bias for each matrix.

    The sum of the widths of the layers of exp that have a bias. ValueError: not covered.
    """
    if not set(acts) <= {"tanh", "sigmoid", "silu", "softplus", "gelu", "exp"}:
        raise ValueError(f"{acts} are not covered")
    if len(acts) != len(widths) - 2 or len(biases) != len(widths) - 1:
        raise ValueError("one activation for each hidden layer, one bias for each matrix")
    return sum(n for act, n, bias in zip(acts, widths[1:], biases) if bias and act == "exp")


def levels() -> list[Step]:
    """One entry of a W, the variation of u any function of the level below."""
    E = sympy.exp(u)
    s, t = E / (1 + E), (E**2 - 1) / (E**2 + 1)
    Phi = (1 + sympy.erf(u / sympy.sqrt(2))) / 2
    density = sympy.exp(-u**2 / 2) / (sympy.sqrt(2) * sympy.sqrt(sympy.pi))
    log = sympy.log(1 + E)
    splits = [
        ("tanh", t, -t**2 * (du * w) + t * dw + du * w),
        ("sigmoid", s, -s**2 * (du * w) + s * (dw + du * w)),
        ("SiLU", u * s, -s**2 * (u * du * w) + s * (u * dw + (1 + u) * du * w)),
        ("softplus", log, log * dw + s * (du * w)),
        ("GELU", u * Phi, density * (u * du * w) + Phi * (u * dw + du * w)),
        ("exp", E, E * (dw + du * w)),
    ]
    return [
        PolynomialIdentity(f"a level of {name}", (act * w).diff(tau), split)
        for name, act, split in splits
    ]


def shifts() -> list[Step]:
    """What exp lets through: u + c with the rows of the next matrix divided by e^c."""
    T, m, n = sizes("T m n")
    a, W, b, one = (matrix("a", T, m), matrix("W", m, n), matrix("b", 1, n),
                    matrix("one", T, 1, kind="ones", latex=r"\mathbf{1}"))
    C, factor = matrix("C", m, m, kind="diagonal"), matrix("F", m, m, kind="diagonal")
    c = matrix("c", 1, n)
    x, z = sympy.symbols("x z")
    return [
        MatrixIdentity(
            "the next matrix undoes the factors", (a @ factor) @ (factor.inv @ W), a @ W,
            note=r"$F = e^C$: $\exp(u + c) = \exp(u)\, e^{c}$.",
        ),
        MatrixIdentity(
            "infinitesimally", derivative(a @ W, {a: a @ C, W: -(C @ W)}), zero(T, n),
        ),
        MatrixIdentity(
            "a constant variation asked of a layer is its bias's alone",
            derivative(a @ W + one @ b, {b: -c}), -(one @ c),
            note=r"The part of the equation $\delta (a W + b) = -c$ without atoms: $\delta b = "
            r"-c$; without a bias $c = 0$.",
        ),
        PolynomialIdentity(
            "a shift of the argument of exp", sympy.exp(x + z), sympy.exp(z) * sympy.exp(x),
        ),
    ]


def must_fail() -> list[Step]:
    x, w1, c, s, z = sympy.symbols("x w c s z")
    half = sympy.log(2)

    def sigmoid(e: sympy.Expr) -> sympy.Expr:
        return sympy.exp(e) / (1 + sympy.exp(e))

    return [
        Counterexample(
            "without a bias a weight absorbs the shift of exp", sympy.exp(x * w1 + c),
            sympy.exp(x * (w1 + c)), {x: 2, w1: 0, c: half},
            note=r"So a hidden layer of exp without a bias counts nothing.",
        ),
        Counterexample(
            "a shift goes through a sigmoid", sigmoid(z + c),
            sympy.exp(c) * sigmoid(z), {z: 0, c: half},
        ),
        Counterexample(
            "a scaling goes through SiLU, as through relu", sigmoid(s * z), sigmoid(z),
            {s: 2, z: half}, note=r"Both sides times $s z$.",
        ),
        PolynomialIdentity(
            "weights that are not generic: tanh(-u) = -tanh(u)",
            (sympy.exp(-2 * z) - 1) / (sympy.exp(-2 * z) + 1),
            -(sympy.exp(2 * z) - 1) / (sympy.exp(2 * z) + 1),
            note=r"Two units with opposite weights leave the difference of their rows free.",
        ),
        PolynomialIdentity(
            "squares: scalings go through", (s * z)**2 / s**2, z**2,
            note=r"Powers have no atoms: nothing is said of them.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K4",
        title="Deep networks without skips",
        statement=(
            r"Let $y = a_L W_{L+1} + b_{L+1}$, $a_l = \mathrm{act}_l(u_l)$, $u_l = a_{l-1} W_l + "
            r"b_l$, $a_0 = x$, with each $\mathrm{act}_l$ one of tanh, sigmoid, SiLU, softplus, "
            r"GELU, exp, and biases where one likes. For almost all weights the redundancy $P - "
            r"\operatorname{rank} J$ is the sum of the widths of the layers of exp that have a "
            r"bias; in particular 0 without exp."
        ),
        hypotheses=(r"$x$ takes all values of an open set. All widths are at least 1.",),
        premises=(
            Premise("K1", r"The atoms of each level are independent over the field of all below; "
                    r"the symbols are the entries of $W_l$, $\beta = a_{l-1, i}$."),
        ),
        scope=(
            "Every depth and all widths. Not covered: relu, where a wall may fail to bend at the "
            "walls below it (there are open sets of weights with more), and powers."
        ),
        steps=(*levels(), *shifts(), *must_fail()),
        conclusion=(
            r"From the output down, with the claim that $\delta u_l$ is a constant $-c_l$, 0 at "
            r"the output. The equation $\delta (a_l W_{l+1} + b_{l+1}) = -c_{l+1}$ splits by the "
            r"steps: the coefficients of the square, of the density or of $s$ say $\delta u_{l,i} "
            r"w_i = 0$, so $\delta u_l = 0$, as the row $w_i$ of $W_{l+1}$ is not 0, and then "
            r"$\delta w_i = 0$; for exp $\delta w_i = -\delta u_{l,i} w_i$ makes $\delta u_{l, i}$"
            r" constant; the rest is $\delta b_{l+1} = -c_{l+1}$. At $u_1 = x W_1 + b_1$: $\delta "
            r"W_1 = 0$, $\delta b_1 = -c_1$. So the kernel has the $c_l$ of the layers of exp with "
            r"a bias as parameters, and each is a symmetry. $\beta$ is not constant in $x$, as no "
            r"$u_{l,i}$ is, for almost all weights."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
