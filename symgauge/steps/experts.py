"""Mixtures of experts, read entry by entry: sum_e p_e E_e, the largest p chosen for each row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from symgauge.steps.reading import Form, Map, Numbers, Reader
from symgauge.steps.unread import Unread
from symgauge.steps.widths import Axis


@dataclass(frozen=True)
class Experts:
    """sum_e p_e (act(g_e) * u_e) V_e, or act(g_e) V_e; the axes of maps are all experts' units.

    `kind`: what the op of act says. `shared`: the weights of the chosen are over their sum.
    """

    node: int
    axis: Axis
    kind: str
    gate: Form
    up: Form | None
    matrix: Map
    copies: Axis
    hidden: Axis
    router: Form
    #: Whether the weights are of a softmax, so that no constant of all logits is seen.
    normalised: bool
    shared: bool
    chosen: int

    @property
    def arguments(self) -> tuple[Form, ...]:
        """What the experts read."""
        return (self.gate,) if self.up is None else (self.gate, self.up)


@dataclass(frozen=True)
class _Stack:
    """A matrix for each expert: the parameter, and whether it is turned."""

    parameter: int
    turned: bool

    def axis(self, which: int) -> Axis:
        """The axis of experts, of what is read, of what is given."""
        return self.parameter, (0, 2, 1)[which] if self.turned else which


def experts(reader: Reader, i: int) -> Experts:
    """The mixture that a sum over places is. Raises Unread."""
    node = reader.node(i)
    places = reader.node(node.inputs[0]).shape
    product = _line(reader, node.inputs[0], "product")
    if tuple(node.attrs["axes"]) != (len(places) - 2,):
        raise Unread(f"v{i} is a sum along another axis than places")
    a, b = reader.node(product).inputs
    for value, weight in ((a, b), (b, a)):
        below, numbers = reader.source(weight)
        rows = numbers.reshape(-1, places[-1])
        if (rows == np.arange(len(rows))[:, None]).all():
            return _mixture(reader, i, value, below, places[-2])
    raise Unread(f"v{i} is no sum of lines with a weight each")


def _mixture(reader: Reader, i: int, value: int, weight: int, chosen: int) -> Experts:
    gates = weights(reader, weight)
    ranking = gates.ranking
    if reader.node(ranking).shape[-2] != chosen:
        raise Unread(f"some of the chosen experts of v{i} are left out")
    units, stack = reader.node(_line(reader, value, "contraction")).inputs
    last = _stack(reader, stack, ranking)
    kind, gate, up = _units(reader, units, ranking, chosen)
    found = [last, gate[1], *(() if up is None else (up[1],))]
    return _joined(reader, i, kind, found, [gate[0], *(() if up is None else (up[0],))],
                   (reader.read(gates.router), gates.normalised, gates.shared, chosen))


def softmax(reader: Reader, i: int) -> int | None:
    """What a line is a softmax of, along its last axis."""
    node = reader.node(i)
    plain = node.op is not None and node.op.law == "normaliser" and node.op.exponentiates and (
        len(node.inputs) == 1 and node.attrs["axis"] == len(node.shape) - 1)
    return node.inputs[0] if plain else None


def _joined(
    reader: Reader, i: int, kind: str, stacks: list[_Stack], rows: list[Form],
    router: tuple[Form, bool, bool, int],
) -> Experts:
    """All stacks have one axis of experts and one of units; what is read meets what is there."""
    widths = reader.widths
    for s in stacks:
        for k, n in enumerate(reader.node(s.parameter).shape):
            widths.new((s.parameter, k), n)
    last, *given = stacks
    copies, hidden = last.axis(0), last.axis(1)
    for s in given:
        widths.meet(copies, s.axis(0))
        widths.meet(hidden, s.axis(2))
    widths.meet(copies, router[0].axis)
    every = widths.fresh(widths.now(copies) * widths.now(hidden))
    widths.split(every, (copies, hidden))
    forms = []
    for s, form in zip(given, rows, strict=True):
        widths.meet(form.axis, s.axis(1))
        by = Map(s.parameter, False, s.turned, s.axis(1), every)
        forms.append(replace(
            form, axis=every, terms=tuple(replace(t, maps=(*t.maps, by)) for t in form.terms),
            biases=tuple(replace(b, maps=(*b.maps, by)) for b in form.biases)))
    out = last.axis(2)
    reader.begins_with(i, out)
    return Experts(i, out, kind, forms[0], forms[1] if len(forms) > 1 else None,
                   Map(last.parameter, False, last.turned, every, out), copies, hidden, *router)


def _line(reader: Reader, i: int, law: str) -> int:
    """The line of a law whose entries these are, in order."""
    found = reader.same(i)
    if found is None or reader.law(found) != law:
        raise Unread(f"v{i} is no {law} as mixtures have one there")
    return found


@dataclass(frozen=True)
class Weights:
    """The weights of the chosen: the ranking that chooses, and the line of the logits.

    `normalised`: of a softmax; `shared`: over the sum of the chosen.
    """

    ranking: int
    router: int
    normalised: bool
    shared: bool


def weights(reader: Reader, i: int) -> Weights:
    """What a line says of who is chosen and with what weights. Raises Unread."""
    soft = softmax(reader, i)
    if soft is not None:
        return _of_scores(reader, i, *_chosen(reader, soft), True, logits=True)
    if reader.law(i) != "product":
        return _of_scores(reader, i, *_chosen(reader, i), False)
    a, b = reader.node(i).inputs
    for q, inverse in ((a, b), (b, a)):
        below, numbers = reader.source(inverse)
        op, rows = reader.node(below).op, numbers.reshape(-1, reader.node(i).shape[-1])
        if op is None or op.law != "homogeneous" or op.takes_root or op.degree_at(
                **reader.node(below).attrs) != -1 or (
                rows != np.arange(len(rows))[:, None]).any():
            continue
        total = reader.node(_line(reader, reader.node(below).inputs[0], "sum"))
        if tuple(total.attrs["axes"]) == (len(total.shape),) and reader.same(
                total.inputs[0]) == reader.same(q):
            return _of_scores(reader, i, *_chosen(reader, q), True)
    raise Unread(f"v{i} are no weights over their sum")


def _of_scores(
    reader: Reader, i: int, scores: int, ranking: int, shared: bool, logits: bool = False
) -> Weights:
    """The ranking is that of the scores, which are logits, their softmax or sigmoids of them."""
    if reader.same(reader.node(ranking).inputs[0]) != scores:
        raise Unread(f"the experts of v{i} are chosen by other numbers")
    router = scores if logits else softmax(reader, scores)
    if router is not None:
        return Weights(ranking, router, True, shared)
    node = reader.node(scores)
    if node.op is None or not node.op.weighs:
        raise Unread(f"the weights of v{i} are no softmax and no sigmoids")
    return Weights(ranking, node.inputs[0], False, shared)


def _chosen(reader: Reader, i: int) -> tuple[int, int]:
    """(scores, ranking): the scores that a ranking picks, in its order."""
    marks, scores = reader.node(_line(reader, i, "contraction")).inputs
    ranking, below = reader.same(marks), reader.same(scores)
    op = None if ranking is None else reader.node(ranking).op
    if ranking is None or below is None or op is None or not op.picks or (
            reader.node(ranking).shape != reader.node(marks).shape) or (
            reader.node(scores).shape != (*reader.node(below).shape, 1)):
        raise Unread(f"v{i} are no scores that a ranking picks")
    return below, ranking


def _stack(reader: Reader, i: int, ranking: int) -> _Stack:
    """The stack of which each place of a ranking has one matrix."""
    below, numbers = reader.source(i)
    if reader.law(below) != "contraction":
        raise Unread(f"v{i} are no matrices that a ranking picks")
    marks, table = reader.node(below).inputs
    n = reader.node(below).shape[-1]
    count, ins, outs = numbers.shape
    order = numbers.reshape(count, -1)[0]
    found = reader.parameter(table)
    if reader.same(marks) != ranking or found is None or reader.node(marks).shape[0] != count or (
            numbers.reshape(count, -1) != order + n * np.arange(count)[:, None]).any():
        raise Unread(f"v{i} are no matrices that a ranking picks")
    p, entries = found
    own = reader.node(p).shape
    plain = np.arange(prod(own)).reshape(own)
    picked: Numbers = entries[:, order].reshape(-1, ins, outs)
    for turned, wanted in ((False, plain), (True, np.moveaxis(plain, -1, -2))):
        if len(own) == 3 and picked.shape == wanted.shape and (picked == wanted).all():
            return _Stack(p, turned)
    raise Unread(f"the matrices of v{i} are a part of a parameter, or in another order")


def _units(
    reader: Reader, i: int, ranking: int, chosen: int
) -> tuple[str, tuple[Form, _Stack], tuple[Form, _Stack] | None]:
    """(what the op of act says, g, u) of act(g) * u or act(g)."""
    line = reader.same(i)
    node = None if line is None else reader.node(line)
    if node is None or node.op is None:
        raise Unread(f"v{i} are no units of experts")
    if node.op.converse and len(node.inputs) == 1:
        return node.op.converse, _argument(reader, node.inputs[0], ranking, chosen), None
    if node.op.law == "product":
        for k in (0, 1):
            inner = reader.same(node.inputs[k])
            op = None if inner is None else reader.node(inner).op
            if inner is not None and op is not None and op.converse and len(
                    reader.node(inner).inputs) == 1:
                return (op.converse,
                        _argument(reader, reader.node(inner).inputs[0], ranking, chosen),
                        _argument(reader, node.inputs[1 - k], ranking, chosen))
    raise Unread(f"v{i} are no units of experts")


def _argument(reader: Reader, i: int, ranking: int, chosen: int) -> tuple[Form, _Stack]:
    """x W_e, x the rows for which a ranking chooses, each once for each place."""
    line = _line(reader, i, "contraction")
    x, stack = reader.node(line).inputs
    below, numbers = reader.source(x)
    d = reader.node(below).shape[-1]
    rows = numbers.reshape(-1, chosen, d)
    if rows.size != chosen * prod(reader.node(below).shape) or (
            rows != np.arange(len(rows) * d).reshape(-1, 1, d)).any():
        raise Unread(f"the experts of v{line} read other rows than those that they are chosen for")
    return replace(reader.read(below), node=line), _stack(reader, stack, ranking)
