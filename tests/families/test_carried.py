"""Fields carried through many slices at once: as through one after another."""

from dataclasses import replace
from functools import cache

import pytest
from finite_actions import GAIN, KINDS, at, scaled

from symgauge import zoo
from symgauge.capture import capture
from symgauge.derivers.element import Found
from symgauge.derivers.structural import find
from symgauge.families.carry import Slice, acting, carried, near
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.lie.fields import VectorField

SIZES = {
    "llama_like": {
        "hidden_size": 4, "num_heads": 1, "num_kv_heads": 1, "head_dim": 2, "intermediate_size": 2,
        "vocab_size": 5, "tokens": 2, "num_layers": 2},
    "gpt2_like": {},
}


@cache
def found_in(name: str) -> Found:
    module, args = zoo.load(name).factory(**SIZES[name])
    return find(capture(module, args).network)


def one_by_one(
    fields: tuple[VectorField, ...], slices: list[Slice]
) -> tuple[tuple[VectorField, ...] | None, list[Slice]]:
    used: list[Slice] = []
    for there in reversed(slices):
        back = carried(fields, [there])
        if back is None:
            return None, used
        if back != fields:
            used.insert(0, there)
        fields = back
    return fields, used


@pytest.mark.parametrize("name", SIZES)
def test_together_as_one_after_another(name: str) -> None:
    found = found_in(name)
    coordinates = Coordinates(found.network)
    slices = [Slice(t, coordinates) for _, t in found.slices]
    assert len(slices) > 1
    changed = 0
    for s in found.families:
        fields = coordinates.fields_of(s.family)
        back, used = one_by_one(fields, slices)
        assert carried(fields, slices) == back
        if back is not None:
            assert acting(fields, slices) == used
            changed += bool(used)
    assert changed


@pytest.mark.parametrize("name", SIZES)
def test_near_slices_are_all_that_count(name: str) -> None:
    found = found_in(name)
    coordinates = Coordinates(found.network)
    slices = {t: Slice(t, coordinates) for _, t in found.slices}
    fewer = 0
    for s in found.families:
        family = replace(s.family, via=tuple(slices))
        fields, kept = coordinates.fields_of(family), near(family)
        assert carried(fields, [slices[t] for t in kept]) == carried(fields, [*slices.values()])
        fewer += len(kept) < len(slices)
    assert fewer


def test_what_a_slice_brings_in_may_be_changed_further_out() -> None:
    """w is seen over gain, gain over b: the slice of b counts for w where it is outside."""
    six = (6,)
    b = replace(
        GAIN, parameter="b", moves=(scaled("b", at(0, six, 0)), scaled("gain", at(0, six, 0), -1)))
    v = replace(GAIN, parameter="n", moves=(scaled("n", None), scaled("v", None, -1)))
    family = Family(KINDS["diagonal"], (), 4, (scaled("w", at(0, (4,), 0)),), ())
    assert near(replace(family, via=(v, b, GAIN))) == (b, GAIN)
    assert near(replace(family, via=(GAIN, b, v))) == (GAIN,)
