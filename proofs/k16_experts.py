"""K16: mixtures of experts: y = sum_e p_e E_e, the weights p of a router, some experts chosen.

E_e is expert e, F_e = delta E_e - E_e A what it varies by beside a stream with dy = y A + c, r_e
the router's logit, D_e = delta r_e. Where the k largest logits are chosen, f is one function of
each set S of chosen experts, on the inputs at which S is chosen.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    main,
    matrix,
    sizes,
    zero,
)

p1, p2, s1, s2, s3, e = sympy.symbols("p_1 p_2 s_1 s_2 s_3 e")
D1, D2, D3, X = sympy.symbols("D_1 D_2 D_3 X")
E0, E1, E2, E3 = sympy.symbols("E_0 E_1 E_2 E_3")
F0, F1, F2, F3 = sympy.symbols("F_0 F_1 F_2 F_3")
#: The weights of the chosen: over the sum of all or of the chosen; logits by themselves.
ALL, CHOSEN, SIGMOID, SIGMOID_CHOSEN = (
    "softmax", "softmax of the chosen", "sigmoid", "sigmoid over the sum of the chosen")


def redundancy(gates: str, experts: int, chosen: int, units: int, d: int, bias: bool) -> int:
    """P - rank J of sum_e p_e (act(x G_e) * (x U_e)) V_e, or of relu(x W_e + b_e) V_e: a scaling of
    each of `units` units of each expert, and what the router leaves. `bias`: that of the router.
    """
    if experts - 1 > d or not 1 <= chosen <= experts or experts < 2:
        raise ValueError(f"{experts} experts, {chosen} chosen, width {d} are not covered")
    router = d + bias
    over_sum = gates in (CHOSEN, SIGMOID_CHOSEN)
    if over_sum and chosen == 1:
        return experts * (units + router)
    return experts * units + (0 if gates in (SIGMOID, SIGMOID_CHOSEN) else router)


def softmax() -> list[Step]:
    """dp_e = p_e (D_e - sum_f p_f D_f); D_0 = 0, as p sees differences alone."""
    p0 = 1 - p1 - p2
    mean = p1 * D1 + p2 * D2
    return [
        PolynomialIdentity(
            "p_e, e not 0, and t_e = exp(r_e - r_0) are functions of each other",
            s1 * (1 - p1 - p2), p1,
            relations=(p1 * (1 + s1 + s2) - s1, p2 * (1 + s1 + s2) - s2),
            note=r"$t_e = p_e / (1 - \sum_f p_f)$: the $p_e$, $e \ne 0$, are independent over all "
            r"below and the experts' atoms, as the $t_e$ are (K1).",
        ),
        PolynomialIdentity(
            "the chosen sum to 1", p0 * (F0 - mean * E0) + p1 * (F1 + (D1 - mean) * E1)
            + p2 * (F2 + (D2 - mean) * E2) + X,
            (X + F0) + p1 * (F1 - F0 + D1 * (E1 - E0)) + p2 * (F2 - F0 + D2 * (E2 - E0))
            - p1**2 * D1 * (E1 - E0) - p2**2 * D2 * (E2 - E0)
            - p1 * p2 * (D2 * (E1 - E0) + D1 * (E2 - E0)),
            note=r"$X = \delta z - z A - c$ and what else has no $p$. $p_e^2$: $D_e = 0$, as $E_e "
            r"\ne E_0$. $p_e$: $F_e = F_0$; 1: $F_0 = -X$. Terms of further experts are alike.",
        ),
        PolynomialIdentity(
            "expert 0 is not chosen, nor is 2", p1 * (F1 + (D1 - mean) * E1) + X,
            X + p1 * (F1 + D1 * E1) - p1**2 * D1 * E1 - p1 * p2 * D2 * E1,
            note=r"The softmax is over all, $E_1 \ne 0$: $D_1 = D_2 = 0$, $F_1 = 0$, $X = 0$.",
        ),
    ]


def sigmoids() -> list[Step]:
    """ds_e = s_e (1 - s_e) D_e, as they are or over their sum (and epsilon)."""
    total = s1 + s2 + s3 + e
    moved = [s * F + s * (1 - s) * D * E for s, F, D, E in (
        (s1, F1, D1, E1), (s2, F2, D2, E2), (s3, F3, D3, E3))]
    varied = s1 * (1 - s1) * D1 + s2 * (1 - s2) * D2 + s3 * (1 - s3) * D3
    whole = sympy.expand(
        sum(moved) * total - (s1 * E1 + s2 * E2 + s3 * E3) * varied + X * total**2)
    found = sympy.Poly(whole, s1, s2, s3)
    return [
        PolynomialIdentity(
            "each by itself", s1 * F1 + s1 * (1 - s1) * D1 * E1 + X,
            X + s1 * (F1 + D1 * E1) - s1**2 * D1 * E1,
            note=r"The $s_e$ are independent (K1): $D_e = 0$, $F_e = 0$, $X = 0$.",
        ),
        PolynomialIdentity(
            "over their sum: s_1^2 s_2", found.coeff_monomial(s1**2 * s2), D1 * (E2 - E1),
            note=r"$D_e = 0$ where another expert is chosen with it: the whole logit is seen.",
        ),
        PolynomialIdentity(
            "and s_1^2", found.coeff_monomial(s1**2), F1 + X - e * D1 * E1,
            note=r"With $D_1 = 0$: $F_e = -X$ for all that are chosen.",
        ),
        PolynomialIdentity(
            "over their sum and e", found.coeff_monomial(1), e**2 * X,
            note=r"$e \ne 0$ leaves $X = 0$, $F_e = 0$.",
        ),
    ]


def cells() -> list[Step]:
    """Every order of the logits is met where E - 1 <= d."""
    d, E = sizes("d E")
    W, R, t = matrix("W_r", d, E), matrix("R", E, d), matrix("t", 1, E)
    C = matrix("C", E, E, kind="symmetric")
    one = matrix("one", E, 1, kind="ones", latex=r"\mathbf{1}")
    a = matrix("a", d, 1)
    x = matrix("x", 1, d)
    return [
        MatrixIdentity(
            "any differences of logits", (t @ R) @ W @ C, t @ C, rules=((R @ W @ C, C),),
            note=r"$C$ takes the mean off. $W_r C$ has rank $E - 1$ for almost all $W_r$ if $E - 1 "
            r"\le d$, so such $R$ exist: $x = t R$ has logits in the order of $t$; where the "
            r"entries of $t$ differ, so they have on a neighbourhood of $x$.",
        ),
        MatrixIdentity(
            "a common vector of the router's columns is not seen", x @ (W + a @ one.T) @ C,
            x @ W @ C, rules=((C @ one, zero(E, 1)),),
        ),
    ]


def must_fail() -> list[Step]:
    """One chosen expert, and two that are the same."""
    return [
        PolynomialIdentity(
            "one alone is chosen, over its sum: its weight is 1", s1 * E1, E1 * s1,
            note=r"No logit is seen: $E (d + 1)$ directions of the router.",
        ),
        Counterexample(
            "one is chosen: its logit is seen", sympy.Integer(redundancy(
                CHOSEN, 3, 1, 1, 3, False)), sympy.Integer(3 + 3), {},
            note=r"It is $3 + 9$.",
        ),
        Counterexample(
            "experts that are the same tell the router", sympy.Integer(0),
            D1 * (E1 - E0), {D1: 1, E1: 1, E0: 0},
            note=r"Where $E_1 = E_0$ the coefficient of $p_1^2$ is 0 whatever $D_1$ is.",
        ),
        Counterexample(
            "sigmoids over their sum see differences alone", s1 / (s1 + s2),
            2 * s1 / (2 * s1 + s2), {s1: 1, s2: 1},
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K16",
        title="Mixtures of experts",
        statement=(
            r"Let $f = \sum_e p_e E_e$ with $E \ge 2$ experts $E_e = (\mathrm{act}(n G_e) * (n "
            r"U_e)) V_e$ or $\mathrm{act}(n G_e) V_e$, act as in K3, logits $r = n W_r$, and $p$ "
            r"the softmax of $r$ on the $k$ experts of the largest logits, 0 elsewhere, over the "
            r"sum of the chosen ($k \ge 2$) or of all; or sigmoids of $r$, as they are or over the "
            r"sum of the chosen ($k \ge 2$). (a) If $f$ does not vary, for almost all weights, no "
            r"$E_e$ does, and the logits do not (sigmoids), or by what is common to all (softmax): "
            r"$\delta W_r = a \mathbf{1}^{\top}$, and a common bias. (b) If a stream $y = z + "
            r"f(n)$, $n$ a function of $z$, has $\delta y = y A + c$, then $\delta z = z A + c$, "
            r"the logits are as in (a), and each expert is a block behind a skip by itself: "
            r"$\delta g_i = 0$, $\delta u_i = -c_i u_i$, $\delta v_i = v_i A + c_i v_i$ (K7), "
            r"$\delta g = 0$, $\delta v = v A$ where it has no factor $u$. (c) A block of experts "
            r"in a stack of K7, $\epsilon > 0$, has $\varphi = E h + d$ for the softmax, $E h$ for "
            r"sigmoids, $h$ the scalings of one expert."
        ),
        hypotheses=(
            r"$E - 1 \le d$, $d$ the dimension of the $n$, and $n$, continuous, takes all "
            r"directions: so each order of the logits is met, and on an open set of inputs. Or: "
            r"each expert is chosen on an open set, and those that are chosen together on one "
            r"connect all (sigmoids as they are, softmax of all: the first alone). Of tokens, "
            r"which are points, no order is shown to be met: that enough contexts make each choice "
            r"that is used is a hypothesis.",
            r"Of relu: each wall is met where its expert is chosen.",
        ),
        premises=(
            Premise("K1", "The atoms of all experts and the exponentials of the logits are "
                    "independent: each has a column of its own as symbols."),
            Premise("K3, K7, K10", "Units, stacks, what a head behind a norm lets vary."),
        ),
        scope=(
            r"All sizes in the range, any order of the $k$ largest. Not covered: one expert chosen "
            r"over its own sum (its logit is not seen), biases of the experts' outputs, choices by "
            r"other numbers than the logits, experts that share matrices."
        ),
        steps=(*softmax(), *sigmoids(), *cells(), *must_fail()),
        conclusion=(
            r"Where a set $S$ is chosen on an open set of inputs, $f$ is analytic there, its "
            r"formula splits (K1). The steps give $D = 0$ on $S$ (of the softmax: differences), "
            r"and $F_e = F_0 = -X$ for all $e \in S$. $F_e$ has the atoms of expert $e$ alone, "
            r"each of its terms has one, and $X$ has none: so $F_e = 0$ and $X = 0$, the equation "
            r"of K4 and of K7 for each expert. Sets that share an expert share its logit; $n "
            r"(\delta W_r - \ldots)$ is $\varphi \mathbf{1}^{\top}$, $\varphi$ linear in $n$. In a "
            r"stack $z = x W_{in}$ and bounded terms, as blocks read norms: for large $x$ it is "
            r"near the direction of $x W_{in}$, whose logits differ, so the choice is that of $x "
            r"W_{in}$ on an open set, and if the tokens are near each other all of them make one "
            r"choice. Of tokens as points (K8) the equations of a choice are those of the contexts "
            r"that make it: as many fresh ones are needed for each choice that is used. Of relu "
            r"the wall of a unit of expert $e$ is none of another's, nor of $X$: there $F_e = F_0$ "
            r"has no jump, which is K3's equation of that unit. (c) K10 holds with the rows $p_e "
            r"v_i$ in the place of $v_i$."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
