"""A rank from a block triangular minor: never above the rank, and all of it on residual streams."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from networks import mlp

from symgauge.capture import capture
from symgauge.domains.evaluate import pulled, values
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points import parts
from symgauge.points.draw import Draw
from symgauge.points.parts import Batch, Mask, Triangle, rank_by_parts
from symgauge.points.rank import draw_theta, rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.points.stream import Window, stream_of, writers
from symgauge.points.stream_rows import StreamRows, annulling
from symgauge.points.tokens import draw_tokens
from symgauge.points.windows import smallest, special_point, writing_alone
from symgauge.ops import all_ops
from symgauge.program.array import Array
from symgauge.program.build import Builder
from symgauge.program.leaf import Input, Parameter
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.zoo import gpt2_like, llama_like

FIELD = PrimeField(next(primes()))


@cache
def llama() -> Network:
    module, args = llama_like.factory(
        hidden_size=8, num_heads=1, num_kv_heads=1, head_dim=4, intermediate_size=4,
        vocab_size=9, tokens=3, num_layers=2)
    return capture(module, args).network


def drawn() -> Draw:
    rng = np.random.default_rng(0)
    return Draw(llama(), FIELD, rng, tokens=draw_tokens(llama(), rng))


def made(*batches: Array) -> Batch:
    """These batches, the last one again and again."""
    left = list(batches)

    def batch(wanted: int, needed: Mask) -> Array:
        return left.pop(0) if len(left) > 1 else left[0]
    return batch


def test_it_is_the_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, read = drawn(), read_coordinates(llama())
    whole = rank_at_point(draw, read)
    assert rank_by_parts(draw, read, whole) is None  # too few coordinates to be worth it
    monkeypatch.setattr(parts, "MANY", 1)
    assert rank_by_parts(draw, read, whole) == whole
    assert rank_by_parts(draw, read, whole + 1) is None


def test_rows_of_a_coordinate_are_zero_at_the_others() -> None:
    draw, network = drawn(), lower(llama())
    stream = stream_of(network)
    assert stream is not None
    theta, salt = draw_theta(llama(), FIELD, draw.rng)
    for blocks in (3, 1):  # with each token's outputs by themselves, as is seen, and together
        rows = StreamRows(network, stream.last, replace(draw, theta=theta, salt=salt))
        assert (rows.each, rows._blocks) == (3, 3)
        rows._blocks = blocks
        rows.begin(2)
        lines, good = rows._drawn(4)
        seeds = rows._seeds(lines, good)
        assert good and seeds[0].shape == (good, 3, *network.nodes[network.outputs[0]].shape)
        flat = [seeds[0].reshape(-1, *seeds[0].shape[2:])]
        at_last = rows._pulled(lines, 3, flat).reshape(good * 3, 3, 8)
        assert at_last[..., 2].any(axis=1).all() and not np.delete(at_last, 2, axis=2).any()


def test_a_mean_that_a_last_norm_takes_off_is_no_summand(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no parameters, and nothing was asked of its rank but an error."""
    module, args = gpt2_like.factory()
    network = capture(module, args).network
    stream = stream_of(lower(network))
    assert stream is not None and all(s.network.parameters for s in stream.summands)
    rng, read = np.random.default_rng(0), read_coordinates(network)
    draw = Draw(network, FIELD, rng, tokens=draw_tokens(network, rng))
    monkeypatch.setattr(parts, "MANY", 1)
    found = rank_by_parts(draw, read, 1)
    assert found is not None and found <= rank_at_point(draw, read)


def test_rows_of_a_coordinate_see_no_summand_that_starts_later() -> None:
    draw, network = drawn(), lower(llama())
    theta, salt = draw_theta(llama(), FIELD, draw.rng)
    stream, draw = stream_of(network), replace(draw, theta=theta, salt=salt)
    assert stream is not None
    special = special_point(stream, draw)
    assert special is not None
    rows = StreamRows(network, stream.last, replace(draw, theta=special))
    starts, every = llama().offsets, np.ones(llama().num_coordinates, dtype=bool)
    for k, seen in ((0, 3), (1, 3), (2, 4)):  # two write all, then windows from 0 and from 2
        rows.begin(k)
        at = np.flatnonzero(rows.batch(512, every).any(axis=0))
        read = [  # what the norm before each summand is scaled by
            starts[name] in at for name in starts if "norm" in name][:4]
        assert read == [True] * seen + [False] * (4 - seen)


def test_columns_that_are_not_needed_cost_no_pass() -> None:
    """Rows are the same in the needed columns; above the summands that have none they end."""
    draw, network = drawn(), lower(llama())
    theta, salt = draw_theta(llama(), FIELD, draw.rng)
    stream = stream_of(network)
    assert stream is not None
    needed = np.zeros(llama().num_coordinates, dtype=bool)
    name = next(n for n in llama().offsets if "1.mlp.up" in n)
    needed[llama().offsets[name]:][:2] = True
    found = []
    for mask in (needed, np.ones_like(needed)):
        rng = np.random.default_rng(3)
        rows = StreamRows(
            network, stream.last, replace(draw, rng=rng, theta=theta, salt=salt))
        rows.begin(0)
        found.append(rows.batch(20, mask))
    some, every = found
    assert some[:, needed].any() and (some[:, needed] == every[:, needed]).all()
    assert every.all(axis=0).sum() > 2 * some.any(axis=0).sum()


def test_all_coordinates_take_the_same_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, network = drawn(), lower(llama())
    theta, salt = draw_theta(llama(), FIELD, draw.rng)
    stream = stream_of(network)
    assert stream is not None
    rows = StreamRows(network, stream.last, replace(draw, theta=theta, salt=salt))
    monkeypatch.setattr("symgauge.points.stream_rows.chunk_of", lambda network: 8)
    every, drew = np.ones(llama().num_coordinates, dtype=bool), rows._turn
    for k in (0, 1, 2):
        rows.begin(k)
        assert sum(len(rows.batch(8, every)) for _ in range(5)) == 40
    assert rows._turn - drew == 24  # 2 rows of an input


def test_sources_are_shared_out_among_as_many_coordinates_as_a_head_has_values() -> None:
    stream = stream_of(lower(llama()))
    assert stream is not None and len(stream.summands) == 4
    attention, units = stream.summands[:2]
    assert any("o_proj" in name for name in attention.own)
    assert not any("embed" in name for s in stream.summands for name in s.own)
    assert {n.split(".")[-2] for n in stream.behind} == {"norm", "lm_head"}
    # products of a value and an output matrix have a smaller rank on fewer coordinates
    assert smallest(attention, writers(attention, drawn()), drawn()) == Window(0, 4, True)
    assert smallest(units, writers(units, drawn()), drawn()) == Window(0, 1, True)


def test_a_source_writes_one_coordinate() -> None:
    draw = drawn()
    theta, salt = draw_theta(llama(), FIELD, draw.rng)
    stream = stream_of(lower(llama()))
    assert stream is not None
    attention = stream.summands[0]
    places = writers(attention, replace(draw, salt=salt, theta=theta))
    found = writing_alone(places, Window(2, 4, True), theta)
    (name,) = (name for name, value in found.items() if (value == 0.0).any())
    kept = found[name][0] != 0.0
    assert kept.shape == (8, 4) and (kept[2:6] == np.eye(4)).all() and kept.sum() == 4
    assert (found[name][0][kept] == theta[name][0][kept]).all()


def test_sources_in_turn_and_together() -> None:
    places = np.repeat(np.arange(4)[:, None], 4, axis=1)
    turn, together = (Window(1, 2, turns).writes(places)[1:3] for turns in (True, False))
    assert (turn == [[1, 0, 1, 0], [0, 1, 0, 1]]).all()
    assert (together == [[1, 1, 0, 0], [0, 0, 1, 1]]).all()
    # fewer sources than coordinates: gains are kept
    assert Window(1, 2, True).writes(np.arange(4)).tolist() == [False, True, True, False]


def test_what_a_zero_cotangent_would_reach_is_not_made() -> None:
    """Of two outputs the first one's cotangent is 0: what it alone reads has no entry."""
    b = Builder(all_ops())
    w, v = (b.leaf(Parameter(name, (2,))) for name in "wv")
    x = b.leaf(Input("x", (2,)))
    network = b.network([b.apply("mul", w, x), b.apply("mul", v, x)])
    rng = np.random.default_rng(0)
    domain = ResidueDomain(FIELD, 0, 3)
    point = {name: FIELD.random(rng, (3, 2)) for name in "xwv"}
    lines = values(network, domain, point, point)
    seeds = [np.zeros((3, 2)), FIELD.random(rng, (3, 2))]
    held = pulled(network, domain, lines, seeds)
    w_at, v_at = network.parameter_nodes
    assert w_at not in held and (held[v_at] == FIELD.mul(seeds[1], point["x"])).all()


def test_no_stream_no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MANY", 1)
    network, rng = mlp("square", 2, 3, 2), np.random.default_rng(0)
    assert rank_by_parts(Draw(network, FIELD, rng), read_coordinates(network), 1) is None


@pytest.mark.parametrize("shared", [False, True])
def test_what_the_first_block_annuls_a_later_one_may_see(shared: bool) -> None:
    """Two blocks of rank 3 in 5 columns; rows of the second see the first one's kernel too."""
    p, rng = 10007, np.random.default_rng(1)
    field = PrimeField(p)
    one = field.matmul(field.random(rng, (600, 3)), field.random(rng, (3, 5)))
    two = field.matmul(field.random(rng, (600, 3)), field.random(rng, (3, 5)))
    low = field.matmul(field.random(rng, (600, 4)), field.random(rng, (4, 5)))
    first = np.concatenate([one, np.zeros((600, 5))], axis=1)
    second = np.concatenate([low, two], axis=1)
    mask = np.arange(10) < 5 * shared
    triangle = Triangle(np.ones(10, dtype=bool), mask, field, rng)
    triangle.add(made(first), 8)
    assert (triangle.rank, triangle.left) == (3, 7 if shared else 5)
    triangle.add(made(second), 8)
    whole = rank(np.concatenate([first, second]), p)
    assert triangle.rank == (whole if shared else 6) and whole == 8


def test_what_no_block_has_seen_is_always_asked_for() -> None:
    """Else a row that sees more would not be noticed; what all blocks share is asked for too."""
    field, rng = PrimeField(10007), np.random.default_rng(1)
    shared = np.array([True, False, False, False])
    triangle = Triangle(np.ones(4, dtype=bool), shared, field, rng)
    asked: list[list[bool]] = []

    def batch(wanted: int, needed: Mask) -> Array:
        asked.append(needed.tolist())
        return np.tile(np.array([[1.0, 1.0, 0.0, 0.0]]), (600, 1))

    for _ in range(2):
        triangle.add(batch, 8)
    assert asked == [[True] * 4, [True, False, True, True]]


def test_rows_that_see_more_than_their_block_are_left_out() -> None:
    """The second block's column is seen by a late row of the first: counted once."""
    field, rng = PrimeField(10007), np.random.default_rng(1)
    rows = np.zeros((600, 2))
    rows[:, 0] = 1.0
    late = np.ones((1, 2))
    triangle = Triangle(np.ones(2, dtype=bool), np.zeros(2, dtype=bool), field, rng)
    triangle.add(made(rows, late), 1000)
    assert (triangle.rank, triangle.left) == (1, 1)


def test_a_block_all_of_whose_later_rows_are_left_out_ends() -> None:
    """Batches without end of rows that see more: no rank is taken from them, and none is waited
    for."""
    field, rng = PrimeField(10007), np.random.default_rng(1)
    first, more = np.zeros((600, 4)), np.ones((600, 4))
    first[:, 0] = first[:, 1] = 1.0
    triangle = Triangle(np.ones(4, dtype=bool), np.zeros(4, dtype=bool), field, rng)
    triangle.add(made(first), 8)
    assert triangle.rank == 1
    second = np.zeros((600, 4))
    second[:, 2] = 1.0
    triangle.add(made(second, more), 10**9)
    assert triangle.rank == 2


def test_combinations_annul() -> None:
    rng = np.random.default_rng(0)
    a = FIELD.random(rng, (3, 6, 4))
    a[1, :, 2] = a[1, :, 0]  # a column that depends on one before
    a[2, 0] = 0.0  # a pivot that is not on the diagonal
    w = annulling(a, FIELD)
    assert w.shape == (3, 2, 6) and not FIELD.matmul(w, a).any()
    assert all(rank(x, FIELD.p) == 2 for x in w)
