"""A rank from a block triangular minor: never above the rank, and all of it on residual streams."""

from dataclasses import replace
from collections.abc import Generator
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
from symgauge.points.parts import (
    Triangle, _annulling, _hidden, _Rows, _size, _special, _windows, rank_by_parts)
from symgauge.points.rank import draw_theta, rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.points.stream import stream_of, writing_alone
from symgauge.points.tokens import draw_tokens
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


def made(*batches: Array) -> Generator[Array, int, None]:
    """These batches, the last one again and again."""
    yield from batches
    while True:
        yield batches[-1]


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
        rows = _Rows(network, stream.last, replace(draw, theta=theta, salt=salt))
        assert (rows.each, rows._blocks) == (3, 3)
        rows._blocks = blocks
        lines, good = rows._lines(4)
        seeds = rows._seeds(2, lines, good)
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
    windows = _windows(stream, draw)
    assert windows is not None and (list(windows.starts), windows.size) == ([0, 1, 2, 3], 4)
    rows = _Rows(network, stream.last, replace(draw, theta=_special(stream, windows, draw)))
    starts = llama().offsets
    for k, seen in ((0, 1), (1, 2), (3, 4)):
        at = np.flatnonzero(next(rows.of(k)).any(axis=0))
        read = [  # what the norm before each summand is scaled by
            starts[name] in at for name in starts if "norm" in name][:4]
        assert read == [True] * seen + [False] * (4 - seen)


def test_summands_write_as_many_coordinates_as_a_head_has_values() -> None:
    stream = stream_of(lower(llama()))
    assert stream is not None and len(stream.summands) == 4
    attention, units = stream.summands[:2]
    assert any("o_proj" in name for name in attention.own)
    assert not any("embed" in name for s in stream.summands for name in s.own)
    # products of a value and an output matrix have a smaller rank on fewer coordinates
    assert _size(attention, drawn()) == 4 and _size(units, drawn()) == 1
    # of 4 (8 - 4) directions of values a row of one coordinate sees 8 - 4
    assert _hidden(attention, 4, drawn()) == 12 and _hidden(units, 4, drawn()) == 0


def test_a_summand_that_writes_few_coordinates_moves_no_others() -> None:
    draw = drawn()
    theta, salt = draw_theta(llama(), FIELD, draw.rng)
    stream = stream_of(lower(llama()))
    assert stream is not None
    found = writing_alone(
        stream.summands[0], np.arange(8) < 4, theta, replace(draw, salt=salt, theta=theta))
    zero = {name for name, value in found.items() if (value == 0.0).any()}
    assert len(zero) == 1
    (name,) = zero
    assert (found[name][0, 4:] == 0.0).all() and (found[name][0, :4] == theta[name][0, :4]).all()


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


@pytest.mark.parametrize("kept", [0, 64])
def test_what_the_first_block_annuls_a_later_one_may_see(kept: int) -> None:
    """Two blocks of rank 3 in 5 columns; rows of the second see the first one's kernel too."""
    p, rng = 10007, np.random.default_rng(1)
    field = PrimeField(p)
    one = field.matmul(field.random(rng, (600, 3)), field.random(rng, (3, 5)))
    two = field.matmul(field.random(rng, (600, 3)), field.random(rng, (3, 5)))
    low = field.matmul(field.random(rng, (600, 4)), field.random(rng, (4, 5)))
    first = np.concatenate([one, np.zeros((600, 5))], axis=1)
    second = np.concatenate([low, two], axis=1)
    triangle = Triangle(np.ones(10, dtype=bool), field, rng)
    triangle.add(made(first), 8, kept)
    assert triangle.rank == 3
    triangle.add(made(second), 8, kept)
    whole = rank(np.concatenate([first, second]), p)
    assert triangle.rank == (whole if kept else 6) and whole == 8


def test_rows_that_see_more_than_their_block_are_left_out() -> None:
    """The second block's column is seen by a late row of the first: counted once."""
    field, rng = PrimeField(10007), np.random.default_rng(1)
    rows = np.zeros((600, 2))
    rows[:, 0] = 1.0
    late = np.ones((1, 2))
    triangle = Triangle(np.ones(2, dtype=bool), field, rng)
    triangle.add(made(rows, late), 1000, 4)
    assert (triangle.rank, triangle.left) == (1, 1)


def test_a_block_all_of_whose_later_rows_are_left_out_ends() -> None:
    """Batches without end of rows that see more: no rank is taken from them, and none is waited
    for."""
    field, rng = PrimeField(10007), np.random.default_rng(1)
    first, more = np.zeros((600, 4)), np.ones((600, 4))
    first[:, 0] = first[:, 1] = 1.0
    triangle = Triangle(np.ones(4, dtype=bool), field, rng)
    triangle.add(made(first), 8, 4)
    assert triangle.rank == 1
    second = np.zeros((600, 4))
    second[:, 2] = 1.0
    triangle.add(made(second, more), 10**9, 4)
    assert triangle.rank == 2


def test_combinations_annul() -> None:
    rng = np.random.default_rng(0)
    a = FIELD.random(rng, (3, 6, 4))
    a[1, :, 2] = a[1, :, 0]  # a column that depends on one before
    a[2, 0] = 0.0  # a pivot that is not on the diagonal
    w = _annulling(a, FIELD)
    assert w.shape == (3, 2, 6) and not FIELD.matmul(w, a).any()
    assert all(rank(x, FIELD.p) == 2 for x in w)
