"""C1: gauge is parameter redundancy, and how two ranks at one point certify all of it.

J(theta) is the Jacobian of the outputs by the P parameters, r its generic rank, and the rows of G
are generators, vector fields X with J X = 0 everywhere. The sandwich:
rank J(theta_0) <= r <= P - rank G(theta_0). Two linear networks are worked in full.
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
    derivative,
    main,
    matrix,
    sizes,
    zero,
)


def noether() -> list[Step]:
    """The gradient of every loss is orthogonal to the generators, and gl(n) acts at every width."""
    outputs, P, k = sizes("N P k")
    J, G, u = matrix("J", outputs, P), matrix("G", k, P), matrix("u", outputs, 1)
    n0, n1, n2 = sizes("n0 n1 n2")
    W1, W2, w = matrix("W_1", n1, n0), matrix("W_2", n2, n1), matrix("w", n1, n1)
    return [
        MatrixIdentity(
            "the gradient of a loss is orthogonal to every generator",
            G @ (J.T @ u), zero(k, 1), rules=((J @ G.T, zero(outputs, k)),),
            note=r"$\nabla_\theta L = J^{\top} u$, $u$ the gradient by the outputs (chain rule).",
        ),
        MatrixIdentity(
            "gl(n) acts on each hidden layer of a linear network",
            derivative(W2 @ W1, {W1: w @ W1, W2: -(W2 @ w)}), zero(n2, n0),
            note=r"$\delta W_1 = w W_1$, $\delta W_2 = -W_2 w$.",
        ),
    ]


def linear_network(*widths: int) -> tuple[list[sympy.Matrix], sympy.Matrix]:
    """Weights of symbols, W_l of shape (n_l, n_{l-1}), and the Jacobian of their product."""
    weights = [
        sympy.Matrix(outer, inner, lambda i, j: sympy.Symbol(f"w{layer}_{i + 1}{j + 1}"))
        for layer, (inner, outer) in enumerate(zip(widths, widths[1:], strict=False), start=1)
    ]
    product = sympy.eye(widths[0])
    for w in weights:
        product = w * product
    theta = sympy.Matrix([s for w in weights for s in w])
    return weights, sympy.Matrix(list(product.expand())).jacobian(theta)


def gl_generators(weights: list[sympy.Matrix]) -> list[sympy.Matrix]:
    """delta W_l = E_ij W_l, delta W_{l+1} = -W_{l+1} E_ij, for each hidden layer and each i, j."""
    fields = []
    for hidden, w in enumerate(weights[:-1]):
        n = w.rows
        for i in range(n):
            for j in range(n):
                unit = sympy.zeros(n, n)
                unit[i, j] = 1
                moved = [sympy.zeros(*v.shape) for v in weights]
                moved[hidden] = unit * weights[hidden]
                moved[hidden + 1] = -weights[hidden + 1] * unit
                fields.append(sympy.Matrix([s for v in moved for s in v]))
    return fields


def at_integers(weights: list[sympy.Matrix], expression: sympy.Matrix) -> sympy.Matrix:
    """The value at one integer point theta_0."""
    theta = [s for w in weights for s in w]
    point = {s: (7 * i * i + 3 * i + 1) % 11 - 5 for i, s in enumerate(theta)}
    return expression.xreplace(point)


def vanish(fields: list[sympy.Matrix], jacobian: sympy.Matrix) -> sympy.Matrix:
    """J X for all the fields, as columns."""
    return jacobian * sympy.Matrix.hstack(*fields)


def bottleneck() -> list[Step]:
    """3-4-2: sixteen generators, rank 14; with rank J = 6 the sandwich closes at P = 20."""
    weights, jacobian = linear_network(3, 4, 2)
    fields = gl_generators(weights)
    G = sympy.Matrix.hstack(*fields).T
    scope = "linear network 3-4-2, P = 20"
    return [
        PolynomialIdentity(
            "3-4-2: the 16 generators of gl(4) leave the product unchanged",
            vanish(fields, jacobian), 0, symbol=r"J G^{\top}", scope=scope,
        ),
        ExactRank("3-4-2: rank J = 6", at_integers(weights, jacobian), 6, "J", scope=scope),
        ExactRank(
            "3-4-2: rank G = 14, below the dimension 16", at_integers(weights, G), 14, "G",
            scope=scope, note="$6 + 14 = 20 = P$: closed. With 16 it would overshoot.",
        ),
    ]


def tapered() -> list[Step]:
    """4-3-2-4: gl(3) + gl(2) gives 13, and a kernel vector of W_2 gives the fourteenth."""
    weights, jacobian = linear_network(4, 3, 2, 4)
    W1, W2, W3 = weights
    fields = gl_generators(weights)
    G = sympy.Matrix.hstack(*fields).T
    kernel = W2.row(0).T.cross(W2.row(1).T)  # n(W_2), a polynomial vector with W_2 n = 0
    extra = []
    for j in range(4):
        moved = sympy.zeros(3, 4)
        moved[:, j] = kernel
        zeros = [0] * (len(W2) + len(W3))
        extra.append(sympy.Matrix([*moved, *zeros]))
    full = sympy.Matrix.hstack(*fields, *extra).T
    scope = "linear network 4-3-2-4, P = 26"
    return [
        PolynomialIdentity(
            "4-3-2-4: the 13 generators of gl(3) + gl(2) leave the product unchanged",
            vanish(fields, jacobian), 0, symbol=r"J G^{\top}", scope=scope,
        ),
        ExactRank("4-3-2-4: rank J = 12", at_integers(weights, jacobian), 12, "J", scope=scope),
        ExactRank(
            "4-3-2-4: the rank of gl(3) + gl(2) is 13", at_integers(weights, G), 13, "G",
            scope=scope, note="$12 + 13 = 25 < 26$: not closed, one direction is unexplained.",
        ),
        PolynomialIdentity("4-3-2-4: n(W_2) is a kernel vector of W_2", W2 * kernel,
                           sympy.zeros(2, 1), scope=scope),
        PolynomialIdentity(
            "4-3-2-4: so moving W_1 by n(W_2) y^T leaves the product unchanged",
            vanish(extra, jacobian), 0, symbol="J X", scope=scope,
        ),
        ExactRank(
            "4-3-2-4: with these fields the rank is 14", at_integers(weights, full), 14, "G",
            scope=scope, note="$12 + 14 = 26 = P$: closed. The redundancy is 14, not 13.",
        ),
    ]


def undersampled() -> list[Step]:
    """f(x) = a x + b seen at one input: rank + nullity = P, and the null vector is no symmetry."""
    x = sympy.Symbol("x")
    row = sympy.Matrix([[x, 1]])  # the Jacobian by (a, b) at the input x
    null = sympy.Matrix([1, -1])
    scope = "f(x) = a x + b, P = 2"
    return [
        ExactRank("one input: rank J = 1", row.subs(x, 1), 1, "J", scope=scope),
        PolynomialIdentity(
            "one input: (1, -1) is a null vector", row.subs(x, 1) * null, sympy.zeros(1, 1),
            scope=scope, note="$1 + 1 = 2 = P$ holds, as it must for any matrix.",
        ),
        Counterexample(
            "rank plus nullity of an undersampled J certifies", (row * null)[0], 0, {x: 2},
            scope=scope, note=r"$\delta f = x - 1$ along $(1, -1)$ is not 0 at another input.",
        ),
        ExactRank(
            "two inputs: rank J = 2", row.subs(x, 1).col_join(row.subs(x, 2)), 2, "J",
            scope=scope, note="So there is no redundancy at all.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C1",
        title="Gauge is parameter redundancy: the sandwich",
        statement=(
            r"Let $J$ be the Jacobian of an analytic $f(\theta)$ with generic rank $r$, and let "
            r"the rows of $G$ be generators, $J(\theta) G(\theta)^{\top} = 0$ for all $\theta$. "
            r"Then $\operatorname{rank} J(\theta_0) \le r \le P - \operatorname{rank} G(\theta_0)$ "
            r"at every $\theta_0$, so equality of the ends proves that the generators span "
            r"$\ker J$ at a generic point; and $\langle \nabla L, X \rangle = 0$ for every loss of "
            r"$f$. The rank of $G$, not the dimension of the algebra, enters, and the null space "
            r"of an undersampled $J$ may not be put in the place of $G$."
        ),
        hypotheses=(
            r"$f$ and $G$ are analytic in $\theta$ on a connected domain.",
            "The rows of $G$ are proved generators, at all inputs and all parameters.",
        ),
        premises=(
            Premise(
                "Semicontinuity of the rank",
                "The rank of an analytic matrix is at most its generic rank at every point, and "
                "equal to it off a proper analytic subset.",
            ),
            Premise(
                "Rank-nullity",
                r"$J G^{\top} = 0$ at a point gives $\operatorname{rank} J + \operatorname{rank} G "
                r"\le P$ there.",
            ),
        ),
        scope=(
            "The inequality at all sizes; the two linear networks at the widths given, where "
            "generic means off a proper algebraic subset."
        ),
        steps=(*noether(), *bottleneck(), *tapered(), *undersampled()),
        conclusion=(
            r"Off a proper analytic subset both ranks are generic, and rank-nullity there gives "
            r"$r + \operatorname{rank} G(\theta) \le P$ with $\operatorname{rank} G(\theta) \ge "
            r"\operatorname{rank} G(\theta_0)$; and $\operatorname{rank} J(\theta_0) \le r$. At "
            r"equality the rows of $G$ span $\ker J$ wherever both ranks are generic. The networks "
            r"3-4-2 and 4-3-2-4 have redundancy 14 each, the second with gl(3) + gl(2) giving 13 "
            r"only; a bare $\operatorname{rank} + \dim \ker = P$ is no certificate."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
