"""What selections make of a polynomial: products of entries, each with the value at its 1."""

import pytest
from symgauge.exact.polynomial import Polynomial, Ring, SizeLimit, add


def chosen(ring: Ring, row: list[Polynomial], values: list[Polynomial]) -> Polynomial:
    return ring.sum(ring.mul(h, x) for h, x in zip(row, values, strict=True))


def test_the_cases_of_two_tokens() -> None:
    """(sum h_v x_v)^2 + sum k_v x_v + 1 at each pair of tokens, the last ones too."""
    ring = Ring()
    x: list[Polynomial] = [{(ring.symbol(name),): 1} for name in "abc"]
    rows = [ring.selection("token", [{(ring.symbol(name),): 1}], 1, 3)[0] for name in "ij"]
    h, k = (chosen(ring, row, x) for row in rows)
    a = add(add(ring.mul(h, h), k), {(): 1})
    found = ring.cases(a)
    expected = [add(add(ring.mul(y, y), z), {(): 1}) for y in x for z in x]
    assert sorted(map(str, (dict(sorted(v.items())) for _, v in found))) == sorted(
        map(str, (dict(sorted(v.items())) for v in expected)))
    assert ring.sum(entry for entry, _ in found) == {(): 1}
    assert ring.sum(ring.mul(entry, value) for entry, value in found) == a


def test_symbols_with_relations_are_not_taken_apart() -> None:
    """A step may be 0 with its case: nothing is said then; nor of what no selection is in."""
    ring = Ring()
    x: list[Polynomial] = [{(ring.symbol(name),): 1} for name in "ab"]
    row = ring.selection("token", [{(ring.symbol("i"),): 1}], 1, 2)[0]
    step: Polynomial = {(ring.function("step", x[0]),): 1}
    for a in (add(chosen(ring, row, x), step), x[0]):
        assert ring.cases(a) == [({(): 1}, a)]


def test_the_work_is_bounded() -> None:
    ring = Ring()
    row = ring.selection("token", [{(ring.symbol("i"),): 1}], 1, 30)[0]
    a = chosen(ring, row, [{(ring.symbol(str(v)),): 1} for v in range(30)])
    ring.budget = 100
    with pytest.raises(SizeLimit):
        ring.cases(a)
