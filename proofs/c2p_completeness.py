"""C2': nothing is missing. Two fields with one end map differ by exactly one loop of
diffeomorphisms, phi_t = Phi'_t o Phi_t^-1, so based loops act freely and transitively on a fibre.

Phi(t, x) is the flow of f from t0, Phi' that of f'.
"""

import sympy

from symgauge.flows import (
    Diffeomorphism,
    VectorField,
    at,
    flow,
    homogeneous,
    pushforward,
    pushforward_at_image,
    spacetime,
)
from symgauge.theorem import (
    NEUTRAL,
    Counterexample,
    FieldIdentity,
    GroupIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    group_letters,
    main,
)

s = sympy.Symbol("s", real=True)


def existence() -> list[Step]:
    """phi o Phi = Phi' says, differentiated by t, that phi carries f to f'."""

    def image_of_the_flow(n: int) -> dict[sympy.Symbol, sympy.Expr]:
        """x to Phi(t, x)."""
        st = spacetime(n)
        return dict(zip(st.space, st.field("Phi").components))

    def rate(n: int) -> list[sympy.Expr]:
        """d/dt phi(t, Phi(t, x)), then d_t Phi = f(t, Phi)."""
        st, flowing = spacetime(n), image_of_the_flow(n)
        speed = {
            value.diff(st.time): at(v, flowing)
            for value, v in zip(flowing.values(), st.field("f").components)
        }
        return [
            at(p, flowing).diff(st.time).xreplace(speed) for p in st.field("phi").components
        ]

    def carried(n: int) -> list[sympy.Expr]:
        """f'(t, y) at y = phi(t, x), by the finite law of C2, then x = Phi(t, x)."""
        st, flowing = spacetime(n), image_of_the_flow(n)
        phi = Diffeomorphism(st.coordinates, (st.time, *st.field("phi").components))
        moved = pushforward_at_image(phi, st.field("f"))
        return [at(c, flowing) for c in moved.components]

    return [
        FieldIdentity(
            "the rate of phi o Phi is the moved field at phi o Phi", rate, carried,
            caption=r"\partial_t (\phi \circ \Phi) = [\partial_t \phi + (D \phi) f] \circ \Phi",
            note=r"For any $\phi$. If $\phi \circ \Phi = \Phi'$ the left side is $\partial_t \Phi' "
            r"= f'(t, \phi \circ \Phi)$; as $\Phi_t$ is onto, $\phi$ carries $f$ to $f'$. "
            r"Conversely, if $\phi$ carries $f$ to $f'$ and $\phi_{t_0} = 1$, then $\phi \circ "
            r"\Phi$ solves the equation of $f'$ from $x$, and by uniqueness it is $\Phi'$.",
        ),
    ]


def torsor() -> list[Step]:
    """What follows in the group of diffeomorphisms, at each time."""
    P, P1, P2, F, phi = group_letters("Phi Phi' Phi'' F phi")
    found, second = P1 * P.inv, P2 * P1.inv
    return [
        GroupIdentity(
            "existence: phi = Phi' o Phi^-1 has phi o Phi = Phi'", found * P, P1,
        ),
        GroupIdentity(
            "at t1, where both flows are F, phi is the identity", F * F.inv, NEUTRAL,
            note=r"As at $t_0$, where both are 1. Here alone $F_f = F_{f'}$ is used.",
        ),
        GroupIdentity(
            "uniqueness: phi is read off phi o Phi", (phi * P) * P.inv, phi,
            note=r"With $\phi \circ \Phi = \Phi'$ the left side is $\Phi' \circ \Phi^{-1}$. So the "
            r"action is free: $\phi$ that carries $f$ to itself has $\phi = \Phi \circ \Phi^{-1} = "
            r"1$.",
        ),
        GroupIdentity(
            "loops compose as the fields do", second * found, P2 * P.inv,
            note="From $f$ to $f'$ and on to $f''$.",
        ),
        GroupIdentity("the way back is the inverse", found.inv, P * P1.inv),
    ]


st2 = spacetime(2)
t, (x1, x2) = st2.time, st2.space
first = VectorField(st2.space, (x2, 0))
second = VectorField(st2.space, (x2 + (1 - 2 * t) * x2**2, 0))


def from_zero(f: VectorField) -> tuple[sympy.Expr, ...]:
    """Phi(t, x) of f from time 0, by the flow of (1, f)."""
    solution = flow(homogeneous(f, st2), s).components[1:]
    return tuple(at(at(c, {t: 0}), {s: t}) for c in solution)


def worked() -> list[Step]:
    """Two fields with one end map, and the loop between them."""
    old, new = from_zero(first), from_zero(second)
    back = Diffeomorphism(st2.coordinates, (t, *old)).inverted()
    image = tuple(back.at(c) for c in new)
    loop = Diffeomorphism(st2.coordinates, (t, *image))
    return [
        PolynomialIdentity(
            "worked: two fields have one end map",
            [at(c, {t: 1}) for c in new], [at(c, {t: 1}) for c in old], scope="n = 2",
            note=rf"$f = {sympy.latex(first.components)}$ and $f' = "
            rf"{sympy.latex(second.components)}$ on $0 \le t \le 1$.",
        ),
        PolynomialIdentity(
            "worked: the loop between them", image, [x1 + t * (1 - t) * x2**2, x2], scope="n = 2",
            note=r"$\phi = \Phi' \circ \Phi^{-1}$, the identity at 0 and 1 and not between.",
        ),
        PolynomialIdentity(
            "worked: it carries the one to the other", pushforward(loop, first).components,
            second.components, scope="n = 2",
        ),
    ]


def must_fail() -> list[Step]:
    """What fails without each hypothesis."""
    (x,) = spacetime(1).space
    zero, one, linear = (VectorField((x,), (c,)) for c in (0, 1, x))
    shift = Diffeomorphism((t, x), (t, x + t))
    doubling = Diffeomorphism((t, x), (t, 2 * x))
    explosive = flow(VectorField((x,), (x**2,)), t).components[0]
    return [
        PolynomialIdentity(
            "phi = x + t carries 0 to 1, whose end maps differ",
            pushforward(shift, zero).components, one.components,
            scope="n = 1",
        ),
        Counterexample(
            "where the end maps differ, phi still ends at the identity", shift.image[1], x,
            {t: 1, x: 0}, scope="n = 1",
        ),
        PolynomialIdentity(
            "phi = 2 x carries f = x to itself", pushforward(doubling, linear).components,
            linear.components, scope="n = 1",
        ),
        Counterexample(
            "without phi = 1 at t0, phi is still unique", doubling.image[1], x, {x: 1},
            scope="n = 1", note="It and the identity both carry $f = x$ to itself.",
        ),
        Counterexample(
            "phi = Phi^-1 o Phi', the other order", *other_order(), {t: 1, x1: 0, x2: 0},
            scope="n = 2",
            note=r"$f = (x_2, 0)$, $f' = (0, x_1 + 1)$: the two orders differ before the ends.",
        ),
        PolynomialIdentity(
            "the field x^2 is not complete: its flow has a pole",
            sympy.Subs(sympy.denom(sympy.together(explosive)), (t, x), (1, 1)), 0, scope="n = 1",
            note=rf"The denominator. Its flow ${sympy.latex(explosive)}$ leaves space at $t = 1$ "
            "from $x = 1$: there is no end map, and the statement says nothing.",
        ),
    ]


def other_order() -> tuple[list[sympy.Expr], list[sympy.Expr]]:
    """Phi^-1 o Phi' and Phi' o Phi^-1 for two shears."""
    maps = [
        Diffeomorphism(st2.coordinates, (t, *from_zero(VectorField(st2.space, c))))
        for c in ((x2, 0), (0, x1 + 1))
    ]
    old, new = maps
    return (
        list(new.then(old.inverted()).image[1:]), list(old.inverted().then(new).image[1:])
    )


def theorem() -> Theorem:
    return Theorem(
        claim="C2'",
        title="Completeness: the loop between two fields with one end map",
        statement=(
            r"Let $F_f = F_{f'}$. There is exactly one $\phi$ with $\phi_{t_0} = 1$ that carries "
            r"$f$ to $f'$, namely $\phi_t = \Phi'_{t, t_0} \circ \Phi_{t, t_0}^{-1}$, and it has "
            r"$\phi_{t_1} = 1$. So the loops in $\mathrm{Diff}(\mathbb{R}^n)$ based at 1 act "
            r"freely and transitively on each fibre $\{f : F_f = F\}$: the gauge group of the "
            r"neural ODE is the group of these loops, and nothing is missing."
        ),
        hypotheses=(
            r"$f$ and $f'$ are smooth and complete; $\phi$ is smooth in $(t, x)$.",
        ),
        premises=(
            Premise("Picard-Lindelöf", "A smooth field has exactly one solution through each point "
                    r"of spacetime. The flow $\Phi_{t, t_0}$ of a smooth complete field is a "
                    r"diffeomorphism, smooth in $(t, x)$ together with its inverse."),
        ),
        scope=(
            r"General $f$, $\phi$, $\Phi$ (undefined functions) at $n = 1, 2, 3$; the group "
            r"identities at every $n$. All smooth complete fields: a parametrised family meets a "
            r"fibre in a part of it only."
        ),
        steps=(*existence(), *torsor(), *worked(), *must_fail()),
        conclusion=(
            r"The first step gives that $\phi$ with $\phi_{t_0} = 1$ carries $f$ to $f'$ if and "
            r"only if $\phi_t \circ \Phi_t = \Phi'_t$; the group identities give existence, "
            r"uniqueness and both ends. A loop carries complete fields to complete ones, as their "
            r"flow is $\phi \circ \Phi$. A fibre that has one field consists of the images of that "
            r"one, each under exactly one loop."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
