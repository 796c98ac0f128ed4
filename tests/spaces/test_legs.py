"""Legs: which axes of which parameters share an index space, and where it sits in each."""

import pytest
from networks import Sketch, attention, mlp, packed_attention, two_branches

from symgauge.program.legs import Legs, Location
from symgauge.program.network import Network
from symgauge.spaces.follow import follow

#: (parameter, axis, start, sizes, along)
Place = tuple[str, int, int, tuple[int, ...], int]


def _plain(place: Location) -> Place:
    return place.parameter, place.axis, place.start, place.sizes, place.along


def shared(network: Network) -> dict[frozenset[Place], dict[str, int]]:
    """Each leg by its places, with the parities relative to the first place."""
    _, places, _ = follow(network)
    out: dict[frozenset[Place], dict[str, int]] = {}
    for found in places.values():
        first = found[0].parity
        out[frozenset(map(_plain, found))] = {p.parameter: p.parity * first for p in found}
    return out


def legs_of(network: Network, *names: str) -> list[frozenset[Place]]:
    """The legs that meet just these parameters."""
    return [leg for leg in shared(network) if {p[0] for p in leg} == set(names)]


def test_a_hidden_layer_is_one_leg() -> None:
    network = mlp(None, 3, 4, 2)
    found = shared(network)
    hidden = frozenset({
        ("fc0.weight", 0, 0, (4,), 0), ("fc0.bias", 0, 0, (4,), 0), ("fc1.weight", 1, 0, (4,), 0),
    })
    assert found == {
        frozenset({("fc0.weight", 1, 0, (3,), 0)}): {"fc0.weight": 1},
        hidden: {"fc0.weight": 1, "fc0.bias": 1, "fc1.weight": -1},
        frozenset({("fc1.weight", 0, 0, (2,), 0), ("fc1.bias", 0, 0, (2,), 0)}):
            {"fc1.weight": 1, "fc1.bias": 1},
    }


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "square"])
def test_a_stack_has_one_leg_for_each_width(activation: str | None) -> None:
    """Widths that happen to be equal are still different legs."""
    network = mlp(activation, 3, 3, 3, 3)
    assert len(shared(network)) == 4
    for k in range(2):
        (hidden,) = legs_of(network, f"fc{k}.weight", f"fc{k}.bias", f"fc{k + 1}.weight")
        assert len(hidden) == 3


def test_a_unit_axis_is_no_leg() -> None:
    assert legs_of(mlp(None, 3, 1, 2), "fc0.weight", "fc0.bias", "fc1.weight") == []


@pytest.mark.parametrize(("heads", "size"), [(2, 3), (3, 2), (1, 2), (4, 1)])
def test_heads_split_the_width(heads: int, size: int) -> None:
    network = attention(5, heads, size)
    sizes = tuple(n for n in (heads, size) if n > 1)
    along_size = len(sizes) - 1

    def place(name: str, axis: int, along: int) -> Place:
        return name, axis, 0, sizes, along

    if size > 1:
        queries, values = legs_of(network, "q.weight", "k.weight"), legs_of(
            network, "v.weight", "out.weight")
        assert queries == [{place(f"{n}.weight", 0, along_size) for n in "qk"}]
        assert values == [
            {place("v.weight", 0, along_size), place("out.weight", 1, along_size)}
        ]
    numbers = legs_of(network, "q.weight", "k.weight", "v.weight", "out.weight")
    assert numbers == ([] if heads == 1 else [
        {*(place(f"{n}.weight", 0, 0) for n in "qkv"), place("out.weight", 1, 0)}
    ])


def test_parities_say_g_or_its_inverse_transpose() -> None:
    found = shared(attention(5, 2, 3))
    parities = [p for p in found.values() if set(p) == {"q.weight", "k.weight"}]
    assert parities == [{"q.weight": 1, "k.weight": -1}]
    parities = [p for p in found.values() if set(p) == {"v.weight", "out.weight"}]
    assert parities == [{"v.weight": 1, "out.weight": -1}]


def test_the_stream_that_three_projections_read_is_one_leg() -> None:
    # the score is a pairing of the stream with itself, so its own parity is not asked here
    (stream,) = legs_of(attention(5, 2, 3), "out.weight")
    assert stream == {("out.weight", 0, 0, (5,), 0)}
    reads = [
        leg for leg in shared(attention(5, 2, 3)) if any(p[1] == 1 and p[3] == (5,) for p in leg)
    ]
    assert {p[0] for leg in reads for p in leg} == {"q.weight", "k.weight", "v.weight"}


def test_two_groups_of_two_heads() -> None:
    """Queries are (group, head of the group, size); keys and values (group, size)."""
    network = attention(5, 4, 3, groups=2)
    (scores,) = legs_of(network, "q.weight", "k.weight")
    assert scores == {("q.weight", 0, 0, (2, 2, 3), 2), ("k.weight", 0, 0, (2, 3), 1)}
    (mixed,) = legs_of(network, "v.weight", "out.weight")
    assert mixed == {("v.weight", 0, 0, (2, 3), 1), ("out.weight", 1, 0, (2, 2, 3), 2)}
    (groups,) = legs_of(network, "q.weight", "k.weight", "v.weight", "out.weight")
    assert groups == {
        ("q.weight", 0, 0, (2, 2, 3), 0), ("k.weight", 0, 0, (2, 3), 0),
        ("v.weight", 0, 0, (2, 3), 0), ("out.weight", 1, 0, (2, 2, 3), 0),
    }
    (shares,) = legs_of(network, "q.weight", "out.weight")
    assert shares == {("q.weight", 0, 0, (2, 2, 3), 1), ("out.weight", 1, 0, (2, 2, 3), 1)}


def test_one_group_shared_by_all_heads() -> None:
    network = attention(5, 3, 2, groups=1)
    (scores,) = legs_of(network, "q.weight", "k.weight")
    assert scores == {("q.weight", 0, 0, (3, 2), 1), ("k.weight", 0, 0, (2,), 0)}


def test_packed_projections_are_summands_of_one_axis() -> None:
    network = packed_attention(4, 2)
    legs = shared(network)
    scores = frozenset(
        ("in_proj.weight", 0, start, (2, 2), 1) for start in (0, 4)
    )
    mixed = frozenset({("in_proj.weight", 0, 8, (2, 2), 1), ("out.weight", 1, 0, (2, 2), 1)})
    heads = frozenset({
        *(("in_proj.weight", 0, start, (2, 2), 0) for start in (0, 4, 8)),
        ("out.weight", 1, 0, (2, 2), 0),
    })
    assert {scores, mixed, heads} <= set(legs)


def test_concatenation_is_a_direct_sum() -> None:
    network = two_branches((2, 3))
    assert legs_of(network, "a.weight", "out.weight") == [
        {("a.weight", 0, 0, (2,), 0), ("out.weight", 1, 0, (2,), 0)}
    ]
    assert legs_of(network, "b.weight", "out.weight") == [
        {("b.weight", 0, 0, (3,), 0), ("out.weight", 1, 2, (3,), 0)}
    ]


def test_a_split_is_a_direct_sum() -> None:
    sketch = Sketch()
    y = sketch.linear(sketch.input("x", 1, 3), "fc", 5, False)
    parts = [sketch.build.slice(y, 1, 0, 2), sketch.build.slice(y, 1, 2, 5)]
    one, two = (
        sketch.linear(part, name, 2, False) for part, name in zip(parts, ("a", "b"), strict=True)
    )
    network = sketch.network(one, two)
    assert legs_of(network, "fc.weight", "a.weight") == [
        {("fc.weight", 0, 0, (2,), 0), ("a.weight", 1, 0, (2,), 0)}
    ]
    assert legs_of(network, "fc.weight", "b.weight") == [
        {("fc.weight", 0, 2, (3,), 0), ("b.weight", 1, 0, (3,), 0)}
    ]


def test_sums_that_are_cut_differently_meet_in_the_finer_cut() -> None:
    sketch = Sketch()
    x = sketch.input("x", 1, 2)
    left = sketch.build.apply(
        "concatenate", *(sketch.linear(x, n, k, False) for n, k in (("a", 2), ("b", 4))), axis=1)
    right = sketch.build.apply(
        "concatenate", *(sketch.linear(x, n, k, False) for n, k in (("c", 4), ("d", 2))), axis=1)
    legs = shared(sketch.network(sketch.build.add(left, right)))
    rows = {leg for leg in legs if all(p[1] == 0 for p in leg)}
    assert rows == {
        frozenset({("a.weight", 0, 0, (2,), 0), ("c.weight", 0, 0, (2,), 0)}),
        frozenset({("b.weight", 0, 0, (2,), 0), ("c.weight", 0, 2, (2,), 0)}),
        frozenset({("b.weight", 0, 2, (2,), 0), ("d.weight", 0, 0, (2,), 0)}),
    }


def test_a_bilinear_form_on_one_leg_is_self_dual() -> None:
    """x W W^T x^T pairs a leg with itself: only g = g^-T is left."""
    sketch = Sketch()
    y = sketch.linear(sketch.input("x", 2, 3), "fc", 4, False)
    product = sketch.build.apply("matmul", y, sketch.build.permute(y, (1, 0)))
    legs, places, _ = follow(sketch.network(product))
    (leg,) = [
        leg for leg, found in places.items() if any(p.axis == 0 for p in found)
    ]
    assert leg in legs.self_dual
    plain, _, _ = follow(mlp(None, 3, 4, 2))
    assert not plain.self_dual


def test_reshapes_that_straddle_factors_give_up_rather_than_guess() -> None:
    legs = Legs()
    axes = [legs.fresh(2), legs.fresh(3)]
    merged = legs.reshape(axes, (6,))
    assert merged == [(*axes[0], *axes[1])]
    assert legs.reshape(merged, (2, 3)) == axes
    # 3 x 2 does not respect 2 x 3: new legs
    turned = legs.reshape(merged, (3, 2))
    assert not {leg for axis in turned for leg, _ in axis} & {
        leg for axis in axes for leg, _ in axis
    }
    assert [legs.size(axis) for axis in turned] == [3, 2]
    # a leg without structure is split where that is possible
    (wide,) = [legs.fresh(12)]
    outer, inner = legs.reshape([wide], (3, 4))
    assert legs.leaves(wide) == [*outer, *inner]
    assert legs.reshape([wide], (12,)) == [(*outer, *inner)]


def test_places_reach_over_the_whole_axis() -> None:
    for network in (attention(5, 4, 3, groups=2), packed_attention(4, 2), two_branches()):
        shapes = {p.name: p.shape for p in network.parameters}
        for leg in shared(network):
            for name, axis, start, sizes, along in leg:
                total = 1
                for n in sizes:
                    total *= n
                assert 0 <= start and start + total <= shapes[name][axis]
                assert sizes[along] > 1


def test_the_parity_of_a_long_chain_stays() -> None:
    legs = Legs()
    axes = [legs.fresh(2) for _ in range(6)]
    signs = [-1, 1, -1, -1, 1]
    for a, b, sign in zip(axes[1:], axes, signs):
        legs.unify(b, a, sign)  # each is found through those before it
    turns = [1]
    for sign in signs:
        turns.append(turns[-1] * sign)
    for _ in range(2):
        found = [legs.find(leg) for ((leg, _),) in axes]
        assert len({root for root, _ in found}) == 1
        assert [p * found[0][1] for _, p in found] == turns
