"""C8: which permutations and sign flips of units lift to a flow: the even ones, and the odd ones
after one more dimension is added. A flow keeps orientation, and an odd permutation reverses it.
"""

import sympy

from symgauge.flows import at, spacetime
from symgauge.theorem import (
    Counterexample,
    FieldIdentity,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    identity,
    main,
    matrix,
    sizes,
)

s = sympy.Symbol("s", real=True)


def permutation(*images: int) -> sympy.Matrix:
    """The matrix that sends e_i to e_images[i]."""
    size = len(images)
    return sympy.Matrix(size, size, lambda i, j: int(images[j] == i))


def cross(a: int, b: int, c: int) -> sympy.Matrix:
    """The matrix of x -> (a, b, c) x x."""
    return sympy.Matrix([[0, -c, b], [c, 0, -a], [-b, a, 0]])


def rotation(axis: sympy.Matrix, angle: sympy.Expr) -> sympy.Matrix:
    """1 + sin(angle) K + (1 - cos(angle)) K^2, K the axis over its length."""
    length = sympy.sqrt(-(axis * axis).trace() / 2)
    K = axis / length
    return sympy.eye(3) + sympy.sin(angle) * K + (1 - sympy.cos(angle)) * K * K


def plane_turn(angle: sympy.Expr) -> sympy.Matrix:
    """The rotation of the plane by an angle."""
    c, s = sympy.cos(angle), sympy.sin(angle)
    return sympy.Matrix([[c, -s], [s, c]])


def orientation() -> list[Step]:
    """det(D Phi) obeys d/dt det = (div f) det, so it stays positive."""

    def rate(n: int) -> list[sympy.Expr]:
        """d/dt (D Phi)^i_j, with d_t Phi = f(t, Phi) put in before d/dx^j."""
        st = spacetime(n)
        place = dict(zip(st.space, st.field("Phi").components))
        return [at(v, place).diff(x) for v in st.field("f").components for x in st.space]

    def by_the_jacobian(n: int) -> list[sympy.Expr]:
        """(D f)(t, Phi) D Phi."""
        st = spacetime(n)
        Phi = st.field("Phi").components
        place = dict(zip(st.space, Phi))
        return [
            sum(at(v.diff(y), place) * p.diff(x) for y, p in zip(st.space, Phi))
            for v in st.field("f").components for x in st.space
        ]

    def determinant_rate(n: int) -> sympy.Expr:
        """The derivative of det J along dJ = B J."""
        J, B = square("J", n), square("B", n)
        det = J.det(method="berkowitz")
        return sympy.Add(*(det.diff(J[k]) * (B * J)[k] for k in range(n * n)))

    return [
        FieldIdentity(
            "the equation of the Jacobian of a flow", rate, by_the_jacobian,
            caption=r"\partial_t D\Phi = (D f)(t, \Phi)\, D\Phi",
            note=r"$\Phi(t, x)$ is the flow of $f$ from $t_0$, $\partial_t \Phi = f(t, \Phi)$.",
        ),
        FieldIdentity(
            "Liouville's formula", determinant_rate,
            lambda n: square("B", n).trace() * square("J", n).det(method="berkowitz"),
            dimensions=(1, 2, 3, 4),
            caption=r"\dot J = B J \quad\Rightarrow\quad \tfrac{d}{dt} \det J = (\operatorname{tr} "
            r"B) \det J",
            note=r"So $\det D\Phi = \exp \int \operatorname{div} f\, dt > 0$: a flow keeps "
            r"orientation, whatever $f$ is.",
        ),
    ]


def square(name: str, n: int) -> sympy.Matrix:
    """An n x n matrix of symbols."""
    return sympy.Matrix(n, n, lambda i, j: sympy.Symbol(f"{name}{i + 1}{j + 1}"))


def even() -> list[Step]:
    """3-cycles and pairs of sign flips are rotations, and rotations are end maps."""
    n = sizes("n")[0]
    K, one = matrix("K", n, n), identity(n)
    turn = one + sympy.sin(s) * K + (1 - sympy.cos(s)) * (K @ K)
    rate = sympy.cos(s) * K + sympy.sin(s) * (K @ K)
    axis = cross(1, 1, 1)
    swap_two_pairs = permutation(1, 0, 3, 2)
    first, second = permutation(1, 2, 0, 3), permutation(3, 1, 0, 2)
    return [
        MatrixIdentity(
            "a rotation is the flow of a constant field", rate, K @ turn,
            rules=((K @ K @ K, -K),),
            note=r"$E(s) = 1 + K \sin s + K^2 (1 - \cos s)$; the left side is its derivative by "
            r"$s$, and $E(0) = 1$.",
        ),
        PolynomialIdentity(
            "the axis (1, 1, 1) obeys the rule", axis**3 + 3 * axis, 0, symbol="L^3 + 3 L",
            scope="n = 3", note=r"$L x = (1, 1, 1) \times x$ and $K = L / \sqrt 3$.",
        ),
        PolynomialIdentity(
            "a 3-cycle is the rotation by a third of a turn",
            rotation(axis, 2 * sympy.pi / 3), permutation(1, 2, 0), scope="n = 3",
            note=r"$E(2 \pi / 3)$: the end map of $\dot x = \frac{2 \pi}{3} K x$ over unit time.",
        ),
        PolynomialIdentity(
            "two transpositions are two 3-cycles", second * first, swap_two_pairs, scope="n = 4",
            note=r"The cycles $1 \to 4 \to 3 \to 1$ after $1 \to 2 \to 3 \to 1$.",
        ),
        PolynomialIdentity(
            "two sign flips are half a turn of their plane", -sympy.eye(2),
            plane_turn(sympy.pi), scope="n = 2",
        ),
        PolynomialIdentity(
            "a transposition with a flip of one of its units is a quarter turn",
            permutation(1, 0) * sympy.diag(1, -1), plane_turn(sympy.pi / 2), scope="n = 2",
        ),
    ]


def padded() -> list[Step]:
    """One more dimension."""
    x, y = sympy.symbols("x y", real=True)
    axis = cross(1, 1, 0)
    half = rotation(axis, sympy.pi)
    return [
        PolynomialIdentity(
            "the axis (1, 1, 0) obeys the rule", axis**3 + 2 * axis, 0, symbol="L^3 + 2 L",
            scope="n = 2 + 1", note=r"$K = L / \sqrt 2$.",
        ),
        PolynomialIdentity(
            "half a turn about it is the transposition and a flip of the new unit",
            half, sympy.diag(permutation(1, 0), -1), scope="n = 2 + 1",
            note=r"$E(\pi) = 1 + 2 K^2 = 1 + L^2$.",
        ),
        PolynomialIdentity(
            "on states padded with 0 it is the transposition",
            half * sympy.Matrix([x, y, 0]), sympy.Matrix([y, x, 0]), scope="n = 2 + 1",
        ),
        PolynomialIdentity(
            "an odd sign flip, padded, is half a turn",
            plane_turn(sympy.pi) * sympy.Matrix([x, 0]), sympy.Matrix([-x, 0]), scope="n = 1 + 1",
        ),
    ]


def must_fail() -> list[Step]:
    """What reverses orientation, and so is no end map."""
    d = sympy.symbols("d1:4", positive=True)
    swap = permutation(1, 0, 2)
    return [
        PolynomialIdentity(
            "a positive monomial matrix has the orientation of its permutation",
            sympy.Determinant(swap * sympy.diag(*d)), -d[0] * d[1] * d[2], scope="n = 3",
            note="A permutation times a positive diagonal matrix, as the gauge group of C7.",
        ),
        Counterexample(
            "a transposition keeps orientation", sympy.Determinant(permutation(1, 0)), 1, {},
            scope="n = 2", note="A linear end map of determinant $-1$ cannot be: see the first "
            "steps.",
        ),
        Counterexample(
            "one sign flip keeps orientation", sympy.Determinant(sympy.diag(-1, 1)), 1, {},
            scope="n = 2",
        ),
        Counterexample(
            "a cycle of four units keeps orientation",
            sympy.Determinant(permutation(1, 2, 3, 0)), 1, {}, scope="n = 4",
            note="A cycle of even length is odd.",
        ),
        Counterexample(
            "the transposition padded without the flip",
            sympy.Determinant(sympy.diag(permutation(1, 0), 1)),
            sympy.Determinant(rotation(cross(1, 1, 0), sympy.pi)), {}, scope="n = 2 + 1",
            note="The added unit has to turn over: away from the padded states the lift is "
            "another map.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C8",
        title="Permutations and sign flips lift when they keep orientation",
        statement=(
            r"A permutation of $n$ units, with or without sign flips and positive scalings, is the "
            r"end map of a neural ODE on $\mathbb{R}^n$ if and only if its determinant is "
            r"positive: even permutations lift, odd ones and odd numbers of sign flips do not. In "
            r"$\mathbb{R}^{n + 1}$, on states padded with 0, every one lifts."
        ),
        hypotheses=(
            r"$f$ smooth and complete on $\mathbb{R}^n$; $n \ge 1$.",
        ),
        premises=(
            Premise("Even permutations", "They are products of 3-cycles."),
            Premise("Linear ODEs", r"$\dot d = \operatorname{tr}(B)\, d$ has the one solution "
                    r"$d_0 \exp \int \operatorname{tr} B$."),
            Premise("Joining flows", "Flows run one after the other are one flow of a field that "
                    "is piecewise smooth in time, and smooth after each piece is slowed to rest "
                    "at its ends (C4)."),
        ),
        scope=(
            r"The Jacobian of a flow for general $f$ at $n = 1, 2, 3$, Liouville's formula at $n = "
            r"1, \ldots, 4$; rotations at every $n$. Positive scalings lift by $\dot x = x \ln d$."
        ),
        steps=(*orientation(), *even(), *padded(), *must_fail()),
        conclusion=(
            r"By Liouville's formula an end map has a positive Jacobian determinant, so odd ones "
            r"do not lift, however nonlinear $f$ is. An even permutation is a product of 3-cycles, "
            r"each a rotation; an even number of flips is made of half turns. An odd "
            r"permutation with an odd number of flips is an even one, a quarter turn and half "
            r"turns. With the padded unit turned over, an odd element becomes even."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
