"""C3: the variations X_xi of C2 close under the bracket of vector fields, on the space of all f.

X_xi[f] = d_t xi + f.grad xi - xi.grad f is a vector field on the space of f: a field moves f to
f + eps X_xi[f]. Its bracket with another is X(Y[f]) - Y(X[f]), a variational derivative.
"""

import sympy

from symgauge.flows import VectorField, bracket, field_bracket, prolong, spacetime, variation
from symgauge.theorem import (
    Counterexample,
    FieldIdentity,
    MatrixCounterexample,
    MatrixIdentity,
    Premise,
    Step,
    Theorem,
    derivative,
    main,
    matrix,
    sizes,
)


def closure() -> list[Step]:
    """[X_xi, X_eta] = X_[xi, eta], for xi and eta that do not depend on f."""

    def left(n: int) -> VectorField:
        """[X_xi, X_eta][f]."""
        st = spacetime(n)
        f, xi, eta = (st.field(k) for k in ("f", "xi", "eta"))
        return field_bracket(
            lambda g: variation(xi, g, st.time), lambda g: variation(eta, g, st.time), f
        )

    def right(n: int) -> VectorField:
        """X_[xi, eta][f]."""
        st = spacetime(n)
        f, xi, eta = (st.field(k) for k in ("f", "xi", "eta"))
        return variation(bracket(xi, eta), f, st.time)

    def jacobi(n: int) -> VectorField:
        """[a, [b, c]] + [b, [c, a]] + [c, [a, b]]."""
        a, b, c = (spacetime(n).field(k) for k in ("xi", "eta", "chi"))
        return (
            bracket(a, bracket(b, c)) + bracket(b, bracket(c, a)) + bracket(c, bracket(a, b))
        )

    def near_an_end(n: int) -> VectorField:
        """[tau p, tau q] for tau = t - t0."""
        st, tau = spacetime(n), spacetime(n).time - sympy.Symbol("t0", real=True)
        return bracket(tau * st.field("p"), tau * st.field("q"))

    def twice_zero(n: int) -> VectorField:
        """tau^2 [p, q]."""
        st, tau = spacetime(n), spacetime(n).time - sympy.Symbol("t0", real=True)
        return tau**2 * bracket(st.field("p"), st.field("q"))

    return [
        FieldIdentity(
            "the variations close", left, right,
            caption=r"[X_\xi, X_\eta][f] = X_{[\xi, \eta]}[f]",
            note=r"$\xi$ and $\eta$ are fixed fields; $[\xi, \eta] = \xi \cdot \nabla \eta - \eta "
            r"\cdot \nabla \xi$.",
        ),
        FieldIdentity(
            "the bracket obeys the Jacobi identity", jacobi, lambda n: [0] * n,
            caption=r"[\xi, [\eta, \chi]] + [\eta, [\chi, \xi]] + [\chi, [\xi, \eta]] = 0",
        ),
        FieldIdentity(
            "the end conditions are kept", near_an_end, twice_zero,
            caption=r"[(t - t_0)\, p, (t - t_0)\, q] = (t - t_0)^2\, [p, q]",
            note=r"A smooth field that vanishes at $t_0$ is $(t - t_0)\, p$ with $p$ smooth; the "
            r"same at $t_1$.",
        ),
    ]


def depending_on_f() -> list[Step]:
    """A xi[f] that depends on f brings the two variational derivatives X_xi(eta), X_eta(xi)."""

    def left(n: int) -> VectorField:
        """X_xi(X_eta[f]) - X_eta(X_xi[f]), xi and eta varying with f: by b and by a."""
        st = spacetime(n)
        f, xi, eta, a, b = (st.field(k) for k in ("f", "xi", "eta", "a", "b"))
        along_xi = variation(xi, f, st.time).components
        along_eta = variation(eta, f, st.time).components
        by_xi = dict(zip((*f.components, *eta.components), (*along_xi, *b.components)))
        by_eta = dict(zip((*f.components, *xi.components), (*along_eta, *a.components)))
        first = variation(eta, f, st.time).map(lambda c: prolong(c, by_xi))
        return first - variation(xi, f, st.time).map(lambda c: prolong(c, by_eta))

    def right(n: int) -> VectorField:
        """X of [xi, eta] + b - a."""
        st = spacetime(n)
        f, xi, eta, a, b = (st.field(k) for k in ("f", "xi", "eta", "a", "b"))
        return variation(bracket(xi, eta) + b - a, f, st.time)

    def scaled_and_delayed(n: int) -> VectorField:
        """The field bracket for xi[f] = zeta f and eta[f] = chi d_t f."""
        st = spacetime(n)
        return field_bracket(
            lambda g: variation(scaled(n, g), g, st.time),
            lambda g: variation(delayed(n, g), g, st.time), st.field("f"),
        )

    def by_the_formula(n: int) -> VectorField:
        """X of [xi, eta] + X_xi(eta) - X_eta(xi) for these."""
        st, f = spacetime(n), spacetime(n).field("f")
        xi, eta = scaled(n, f), delayed(n, f)

        def varied(e: VectorField, along: VectorField) -> VectorField:
            moved = variation(along, f, st.time).components
            return e.map(lambda c: prolong(c, dict(zip(f.components, moved))))

        return variation(bracket(xi, eta) + varied(eta, xi) - varied(xi, eta), f, st.time)

    return [
        FieldIdentity(
            "the bracket of fields that depend on f", left, right,
            caption=r"[X_\xi, X_\eta] = X_{[\xi, \eta] + X_\xi(\eta) - X_\eta(\xi)}",
            note=r"$\xi[f]$ and $\eta[f]$ are any functionals: at one $f$ they are fields, and $a "
            r"= X_\eta(\xi)$, $b = X_\xi(\eta)$ are their variational derivatives there.",
        ),
        FieldIdentity(
            "the same for two functionals that are written out",
            scaled_and_delayed, by_the_formula, dimensions=(1, 2),
            caption=r"\xi[f] = \zeta f,\qquad \eta[f] = \chi\, \partial_t f",
            note=r"Here the variational derivatives are computed, not named.",
        ),
    ]


def scaled(n: int, f: VectorField) -> VectorField:
    """zeta(t, x) f."""
    return spacetime(n).scalar("zeta") * f


def delayed(n: int, f: VectorField) -> VectorField:
    """chi(t, x) d_t f."""
    return spacetime(n).scalar("chi") * f.diff(spacetime(n).time)


def linear() -> list[Step]:
    """For xi = w x the bracket of fields is minus the commutator of matrices."""
    n = sizes("n")[0]
    w, v, A, x = matrix("w", n, n), matrix("v", n, n), matrix("A", n, n), matrix("x", n, 1)
    w_dot = matrix("w_dot", n, n, latex=r"\dot w")
    fields = derivative(v @ x, {x: w @ x}, latex=r"(w x) \cdot \nabla (v x)") - derivative(
        w @ x, {x: v @ x}, latex=r"(v x) \cdot \nabla (w x)"
    )
    flowing = derivative(w @ x, {x: A @ x}, latex=r"(A x) \cdot \nabla (w x)")
    dragged = derivative(A @ x, {x: w @ x}, latex=r"(w x) \cdot \nabla (A x)")
    up, down = [[0, 1], [0, 0]], [[0, 0], [1, 0]]
    return [
        MatrixIdentity(
            "linear fields: minus the commutator", fields, -((w @ v - v @ w) @ x),
            note=r"$[w x, v x] = -[w, v]\, x$.",
        ),
        MatrixIdentity(
            "their variation of A is that of a connection",
            w_dot @ x + flowing - dragged, (w_dot + w @ A - A @ w) @ x,
            note=r"$X_{w x}[A x] = (\dot w + [w, A])\, x$, as in C6.",
        ),
        MatrixCounterexample(
            "linear fields: plus the commutator", fields, (w @ v - v @ w) @ x,
            {w: up, v: down, x: [[1], [0]]},
        ),
    ]


def must_fail() -> list[Step]:
    """n = 1, at one f."""
    st = spacetime(1)
    t, (x,), f = st.time, st.space, st.field("f")
    name = f.components[0]

    def field(e: sympy.Expr) -> VectorField:
        return VectorField((x,), (e,))

    def at_one(value: VectorField, chosen: sympy.Expr) -> sympy.Expr:
        """The component with f chosen, an expression in x alone."""
        return value.components[0].subs(name, chosen).doit()

    xi, eta = field(x), field(x**2)
    commutator = field_bracket(
        lambda g: variation(xi, g, t), lambda g: variation(eta, g, t), f
    )
    dependent = field_bracket(
        lambda g: variation(g, g, t), lambda g: variation(xi, g, t), f
    )
    return [
        Counterexample(
            "the bracket's sign flipped", at_one(commutator, sympy.Integer(1)),
            at_one(variation(bracket(eta, xi), f, t), sympy.Integer(1)), {x: 1}, scope="n = 1",
            note=r"$\xi = x$, $\eta = x^2$, at $f = 1$.",
        ),
        Counterexample(
            "the plain bracket for a xi that depends on f", at_one(dependent, 1 + x),
            at_one(variation(bracket(f, xi), f, t), 1 + x), {x: 1}, scope="n = 1",
            note=r"$\xi[f] = f$, $\eta = x$, at $f = 1 + x$.",
        ),
        Counterexample(
            "the variation without d_t xi is the same",
            at_one(variation(field(t * x), f, t), sympy.Integer(1)),
            at_one(-bracket(field(t * x), f), sympy.Integer(1)), {x: 1, t: 0}, scope="n = 1",
            note=r"$-L_\xi f$ alone closes too, and is another variation: $\xi = t x$ at $f = 1$.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="C3",
        title="Closure of the variations",
        statement=(
            r"As vector fields on the space of all $f$, $[X_\xi, X_\eta] = X_{[\xi, \eta]}$ with "
            r"$X_\xi[f] = \partial_t \xi - L_\xi f$, and fields that vanish at an end close. For "
            r"$\xi[f]$, $\eta[f]$ that depend on $f$, $[X_\xi, X_\eta] = X_\chi$ with $\chi = "
            r"[\xi, \eta] + X_\xi(\eta) - X_\eta(\xi)$. For $\xi = w x$, $\eta = v x$ the bracket "
            r"is $-[w, v]\, x$."
        ),
        hypotheses=(
            r"$f$, $\xi$, $\eta$ smooth; functionals $\xi[f]$ have a variational derivative that "
            r"is linear in the variation and commutes with $\partial_t$ and $\partial_i$.",
        ),
        premises=(
            Premise("Hadamard's lemma", r"A smooth field that vanishes at $t_0$ is $(t - t_0)\, p$ "
                    r"with $p$ smooth."),
        ),
        scope=(
            r"General $f$, $\xi$, $\eta$ (undefined functions) at $n = 1, 2, 3$; linear fields at "
            r"every $n$. The functionals written out at $n = 1, 2$."
        ),
        steps=(*closure(), *depending_on_f(), *linear(), *must_fail()),
        conclusion=(
            r"One step each. The map $\xi \mapsto X_\xi$ is a homomorphism of Lie algebras, with "
            r"the bracket of fields on both sides and no sign."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
