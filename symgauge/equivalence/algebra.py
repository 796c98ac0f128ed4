"""class EquivalenceAlgebra: which diffeomorphisms keep a family of vector fields, assembled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from time import perf_counter
from typing import Any

import numpy as np

from symgauge.certify.evidence.residues import assumptions
from symgauge.equivalence.document import document
from symgauge.equivalence.find import Equivalences, find_equivalences
from symgauge.equivalence.named import Equivalence
from symgauge.equivalence.record import (
    EquivalenceRecord, Formulas, StatedEquivalence, StatedTensor, Terms, Vector,
)
from symgauge.equivalence.system import Ansatz
from symgauge.errors import BadInputError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.lie.fields import Monomial, Number, VectorField
from symgauge.points.cells import balanced_shadow, branches_below
from symgauge.points.rows import FUNCTIONS
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network
from symgauge.program.serial import network_to_json
from symgauge.progress import Progress, silent
from symgauge.typesetting.escape import escape
from symgauge.verdict import Verdict

#: A term's sign and size, and the powers of its factors by name.
Name = Callable[[int], str]


@dataclass(frozen=True, kw_only=True)
class EquivalenceAlgebra(EquivalenceRecord):
    r"""The equivalence algebra of a vector field.

    `dimension` bounds it from above at a generic theta; `proved` of its elements are proved, with
    constant coefficients and parameters that move by an affine map. `closed`: they are all.

    >>> from torch import nn, zeros
    >>> found = equivalence_algebra(nn.Linear(2, 2, bias=False), state=zeros(2))
    >>> found.algebra, found.closed, r"A\,W - W\,A" in found.to_latex()
    ('gl(2,R)', True, True)
    """

    def __repr__(self) -> str:
        return (
            f"EquivalenceAlgebra({self.name}: {self.algebra}, {self.proved} of at most "
            f"{self.dimension}, {self.verdict.value})"
        )

    def to_latex(self, *, fragment: bool = False) -> str:
        """A LaTeX article: the elements in matrices where they have such a form.

        `fragment`: its body alone, to paste into a paper; a comment names the packages.
        """
        return document(self, metadata.version("symgauge"), fragment)


def equivalence_algebra(
    v: Any,
    *,
    state: Any = None,
    time: Any = None,
    degree: int = 1,
    time_degree: int = 0,
    time_change: bool = False,
    moving: bool = False,
    name: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> EquivalenceAlgebra:
    """All (tau, xi; d theta) with d_theta v . d theta = D xi - v D tau - tau d_t v - xi.grad v.

    `v` is a torch.nn.Module called as v(t, x) or v(x), with `state` an example x, or a module
    with one OdeFlow in it, with `state` its arguments; or SymPy expressions, one a component,
    with `state` the state's symbols, `time` that of t, and all other symbols parameters; or a
    Network with the inputs t and x.

    xi is polynomial of `degree` in x and `time_degree` in t. `time_change`: t moves as well, and
    motion along the worldlines, (tau, xi) = zeta (1, v), is divided out. `moving`: parameters may
    depend on t, and so may d theta, as a polynomial in t of `time_degree`; what needs another
    function of t is not found, and `dimension` bounds no more than these.

    Raises BadInputError for what is no vector field, SizeError above the limits, CaptureError or
    UnsupportedOpError for a module that cannot be read.

    >>> from torch import nn, zeros
    >>> equivalence_algebra(nn.Linear(2, 2), state=zeros(2))
    EquivalenceAlgebra(Linear: aff(2,R), 6 of at most 6, PROVED)
    """
    start = perf_counter()
    ansatz = Ansatz(degree, time_degree, time_change, moving)
    network, symbols = _network(v, state, time)
    found = find_equivalences(network, ansatz, seed, progress)
    progress("hypotheses")
    title = type(v).__name__ if not isinstance(v, (Sequence, Network)) else "vector field"
    made = assembled(found, name or title, symbols or _state_names(found.size), seed)
    return replace(made, seconds=round(perf_counter() - start, 4))


def assembled(
    found: Equivalences, name: str, names: Sequence[str], seed: int
) -> EquivalenceAlgebra:
    """The record of what was found; `names` are those of the state's entries."""
    network, ansatz = found.network, found.ansatz
    shown, hypotheses = _assumed(network, seed)
    sound = found.closed and not hypotheses
    return EquivalenceAlgebra(
        name=name, state=found.size, parameters=network.num_coordinates,
        degree=ansatz.degree, time_degree=ansatz.time_degree, time_change=ansatz.time_change,
        moving=ansatz.moving,
        dimension=found.dimension, proved=found.proved,
        unexplained=found.dimension - found.proved, closed=found.closed, algebra=found.algebra,
        gauge=found.gauge, trivial=found.trivial, isotropy=found.isotropy,
        generators=tuple(_stated(g, found, names) for g in found.generators),
        shown=shown, hypotheses=hypotheses, notes=tuple(found.notes),
        verdict=Verdict.PROVED if sound else Verdict.UNKNOWN,
        scope=ansatz.scope(network), seed=seed, seconds=0.0,
        states=tuple(names), tensors=tuple(
            StatedTensor(name=_short(p.name), shape=p.shape) for p in found.network.parameters),
        program=network_to_json(network),
    )


def _network(v: Any, state: Any, clock: Any) -> tuple[Network, list[str] | None]:
    if isinstance(v, Network):
        return v, None
    if hasattr(v, "named_parameters"):
        from symgauge.capture import capture_field

        if state is None:
            raise BadInputError("give an example of the state: state=torch.zeros(n)")
        args = tuple(state) if isinstance(state, (tuple, list)) else (state,)
        return capture_field(v, args), None
    if isinstance(v, Sequence) or hasattr(v, "free_symbols"):
        from symgauge.equivalence.expression import field_of_expressions

        parts = list(v) if isinstance(v, Sequence) or hasattr(v, "shape") else [v]
        listed = list(state) if hasattr(state, "__len__") else [state]
        if not listed or not all(hasattr(s, "name") for s in listed):
            raise BadInputError("give the symbols of the state: state=(x1, x2)")
        return field_of_expressions(parts, listed, clock), [str(s.name) for s in listed]
    raise BadInputError(
        f"a vector field is a torch.nn.Module, SymPy expressions or a Network, not a "
        f"{type(v).__name__}"
    )


def _assumed(network: Network, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the residues assume: shown, and left as hypotheses."""
    if any(branches_below(network, (*FUNCTIONS, "rsqrt"))):
        return (), ("function values and roots are independent on the branches they depend on",)
    field, rng = PrimeField(next(primes())), np.random.default_rng(seed)
    cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
    found = assumptions(network, field, rng, None, cell)
    return found.shown, found.hypotheses


# -- words and formulas --------------------------------------------------------------------------


def _state_names(n: int) -> list[str]:
    return [f"x{k + 1}" for k in range(n)]


def _parameter_names(network: Network) -> list[str]:
    out: list[str] = []
    for p in network.parameters:
        for index in np.ndindex(*p.shape):
            out.append(_short(p.name) + (f"[{','.join(map(str, index))}]" if index else ""))
    return out


def _short(name: str) -> str:
    """What stands before the field's own names was added at capture."""
    return name.removeprefix("flow.").removeprefix("vector_field.")


def _stated(g: Equivalence, found: Equivalences, state: Sequence[str]) -> StatedEquivalence:
    space, theta = ["t", *state], _parameter_names(found.network)
    tex_space, tex_theta = (
        [rf"\texttt{{{escape(n)}}}" for n in names] for names in (space, theta)
    )
    moved = g.dtheta
    entries = sorted({k for part in moved for k in part.components})
    return StatedEquivalence(
        xi=_sum([
            (f"({_polynomial(terms, space.__getitem__)}) d/d{space[k]}")
            for k, terms in g.xi.components.items()
        ]),
        parameters="; ".join(
            f"d {theta[k]} = {_in_time(moved, k, theta.__getitem__, space[0])}" for k in entries
        ) or "none",
        latex=Formulas(
            xi=_sum([
                f"({_polynomial(terms, tex_space.__getitem__)})"
                rf"\,\partial_{{{tex_space[k]}}}" for k, terms in g.xi.components.items()
            ]),
            parameters=";\\ ".join(
                rf"\delta {tex_theta[k]} = "
                + _in_time(moved, k, tex_theta.__getitem__, tex_space[0]) for k in entries
            ) or "0",
        ),
        vector=Vector(xi=_terms(g.xi), parameters=tuple(map(_terms, moved))),
    )


def _terms(f: VectorField) -> Terms:
    return tuple((k, m, str(c)) for (k, m), c in f.terms.items())


def _in_time(moved: Sequence[VectorField], k: int, name: Name, clock: str) -> str:
    """How one entry of theta moves: a polynomial in t, its powers together."""
    parts = [
        _polynomial(part.components[k], name, clock, a)
        for a, part in enumerate(moved) if k in part.components
    ]
    return " + ".join(parts).replace("+ -", "- ")


def _sum(parts: Sequence[str]) -> str:
    return " + ".join(parts) if parts else "0"


def _polynomial(
    terms: Sequence[tuple[Monomial, Number]], name: Name, clock: str = "t", power: int = 0
) -> str:
    out = ""
    for m, c in terms:
        factors = [clock + (f"^{power}" if power > 1 else "")] if power else []
        factors += [name(k) + (f"^{e}" if e != 1 else "") for k, e in m]
        size = abs(c)
        text = " ".join(([str(size)] if size != 1 or not factors else []) + factors)
        out += (" - " if c < 0 else " + ") + text if out else ("-" if c < 0 else "") + text
    return out or "0"
