"""C11: which gauge elements carry the trajectories of an optimiser to its trajectories.

theta -> g theta leaves the loss unchanged. An optimiser is carried where its step from g theta is g
times its step from theta: SGD by orthogonal g, Adam and AdamW by signed permutations.
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
    main,
    matrix,
    sizes,
)

d, k = sizes("d k")
theta, G, v = matrix("theta", d, k, latex=r"\Theta"), matrix("G", d, k), matrix("v", d, k)
M = matrix("M", d, k)  # the momentum
g = matrix("g", k, k)
R = matrix("R", k, k)
h, mu, lam, eps = sympy.symbols("h mu lambda epsilon", positive=True)


def gradient() -> list[Step]:
    """How the gradient moves along an orbit."""
    return [
        TraceIdentity(
            "the gradient moves by the inverse transpose",
            (G @ g.inv.T).T @ (v @ g), G.T @ v,
            note=r"$L(\Theta g) = L(\Theta)$ in the direction $v$: $\langle \nabla L(\Theta g), v "
            r"g \rangle = \langle \nabla L(\Theta), v \rangle$ for all $v$, so "
            r"$\nabla L(\Theta g) = \nabla L(\Theta)\, g^{-\top}$; $G = \nabla L(\Theta)$.",
        ),
        MatrixIdentity(
            "of an orthogonal element that is the element itself", G @ R.T.inv, G @ R,
            rules=((R.T.inv, R),), note=r"$R^{\top} R = 1$, so $R^{-\top} = R$.",
        ),
    ]


def descent() -> list[Step]:
    """SGD with momentum and weight decay."""
    def momentum(old, slope):  # type: ignore[no-untyped-def]
        return mu * old + slope

    def step(at, old, slope):  # type: ignore[no-untyped-def]
        return at - h * momentum(old, slope) - (h * lam) * at

    s, q, p = sympy.symbols("s q p", positive=True)
    return [
        MatrixIdentity(
            "a step of SGD, with momentum and weight decay", step(theta @ R, M @ R, G @ R),
            step(theta, M, G) @ R,
            note=r"$m' = \mu m + \nabla L$, $\theta' = \theta - h m' - h \lambda \theta$; the "
            r"momentum moves along.",
        ),
        Counterexample(
            "a rescaling carries SGD", s * (q - h * p), s * q - h * p / s, {s: 2, q: 1, p: 1, h: 1},
            note=r"One entry: $\theta = q$, $\nabla L = p$, and $p / s$ at $s q$.",
        ),
    ]


def adam() -> list[Step]:
    """Adam and AdamW, entry by entry: the state m, v of an entry reads its own gradients alone."""
    b1, b2, m, var, p, q = sympy.symbols("beta_1 beta_2 m nu p q")
    root = sympy.Symbol("rho")  # the root of the second moment

    def first(m_old: sympy.Expr, slope: sympy.Expr) -> sympy.Expr:
        return b1 * m_old + (1 - b1) * slope

    def second(v_old: sympy.Expr, slope: sympy.Expr) -> sympy.Expr:
        return b2 * v_old + (1 - b2) * slope**2

    def moved(at: sympy.Expr, m_old: sympy.Expr, slope: sympy.Expr) -> sympy.Expr:
        return at - h * (first(m_old, slope) / (root + eps) + lam * at)

    x, y, c, s = sympy.Rational(3, 5), sympy.Rational(4, 5), sympy.Symbol("c"), sympy.Symbol("a")
    p1, p2, r = sympy.symbols("p_1 p_2 r")

    def unit(slope: sympy.Expr) -> sympy.Expr:
        """The first step of Adam at epsilon = 0."""
        return sympy.sign(slope)

    return [
        PolynomialIdentity(
            "the second moment does not see a sign", second(var, -p), second(var, p),
            note=r"$\nu' = \beta_2 \nu + (1 - \beta_2) p^2$, $p$ the entry's gradient.",
        ),
        PolynomialIdentity(
            "a step of Adam or AdamW turns its sign with the entry", moved(-q, -m, -p),
            -moved(q, m, p),
            note=r"$\theta' = \theta - h (m' / (\rho + \epsilon) + \lambda \theta)$, $\rho^2 = "
            r"\nu'$ up to the corrections of the start, which are numbers. One rule for all "
            "entries, each with its own gradients: a permutation of entries permutes the steps.",
        ),
        Counterexample(
            "a rotation carries Adam", x * unit(p1) - y * unit(p2), unit(x * p1 - y * p2),
            {p1: 1, p2: 2},
            note=r"The rotation with cosine 3/5 and sine 4/5, the first step at $\epsilon = 0$: "
            "its first entry is $-1/5$ and not $-1$.",
        ),
        PolynomialIdentity(
            "turning one sign", (s + r) - (s - r), 2 * r,
            note=r"At $\epsilon = 0$ the first step is $-h\,\mathrm{sign}(\nabla L)$. If $R$ "
            r"carries it, it maps sign vectors to sign vectors: for each row "
            r"$\sum_j r_j s_j = \pm 1$ for all signs $s$, "
            r"so turning $s_j$ changes it by 0 or $\pm 2$, $r_j \in \{0, \pm 1\}$, "
            "and one $r_j$ alone is not 0.",
        ),
        Counterexample(
            "a shift is carried with weight decay", (1 - h * lam) * (q + c), (1 - h * lam) * q + c,
            {h: 1, lam: sympy.Rational(1, 2), q: 0, c: 1},
            note="Without it every rule that reads gradients alone is: they do not move.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C11",
        title="What carries the trajectories of optimisers",
        statement=(
            r"Let $\theta \mapsto g \theta$ leave the loss unchanged. (a) Orthogonal $g$ carry "
            r"trajectories of SGD, with momentum and weight decay, to trajectories. (b) Signed "
            r"permutations carry those of Adam and AdamW too; no other invertible $g$ carries the "
            r"first step of Adam at $\epsilon = 0$ wherever it starts. (c) Shifts $\theta \mapsto "
            r"\theta + c$ carry those of all rules that read gradients alone, without weight decay."
        ),
        hypotheses=(
            r"(a) and (b): the state of the optimiser (momenta) starts at 0, or moves along.",
            r"(b) The converse: gradients have every pattern of signs.",
        ),
        premises=(
            Premise("Chain rule", r"$L(g \theta) = L(\theta)$ for all $\theta$ gives $g^{\top} "
                                  r"\nabla L(g \theta) = \nabla L(\theta)$."),
        ),
        scope="All widths; any loss that the element leaves unchanged.",
        steps=(*gradient(), *descent(), *adam()),
        conclusion=(
            "Each step from the moved point is the moved step, so by induction whole trajectories "
            "are; where it is not, the counterexamples say so."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
