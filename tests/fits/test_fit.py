"""Polynomials through certified redundancies: found where they are, refused where they are not."""

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace

import pytest

from symgauge.capture.target import Target
from symgauge.errors import BadInputError
from symgauge.fits.fit import Fit, fit
from symgauge.fits.polynomial import Polynomial, degree, through
from symgauge.fits.search import Measured

NAMES = ("d", "h", "n")
VALUES = [range(1, 7), range(1, 6), range(2, 8)]
START = (3, 2, 4)


def fitted(redundancy: Callable[[int, int, int], int | None]) -> Fit:
    """The fit of that function; None is a size without a certificate."""
    def derive(point: tuple[int, ...]) -> Measured:
        value = redundancy(*point)
        return Measured(0 if value is None else value, value is not None)

    return fit(NAMES, VALUES, START, derive, sum)


def test_a_polynomial_is_found_and_predicts() -> None:
    found = fitted(lambda d, h, n: 2 * h * d**2 + h * n - n * (n - 1) // 2 + 3)
    assert found.holds and len(found.predictions) == 2
    assert str(found.polynomial) == "2*d**2*h + h*n - n**2/2 + n/2 + 3"
    assert not found.beyond and not found.open
    assert len(found.points) > 5


def test_three_sizes_in_one_monomial() -> None:
    found = fitted(lambda d, h, n: d * h * n)
    assert str(found.polynomial) == "d*h*n" and found.holds


@pytest.mark.parametrize("start", [(2, 2, 4), (6, 2, 4)], ids=["below", "above"])
def test_each_side_of_a_bound_has_its_own(start: tuple[int, int, int]) -> None:
    """max(0, d - 4) turns at d = 4: the fit keeps to the side of the start and names the other."""
    def derive(point: tuple[int, ...]) -> Measured:
        d, h, n = point
        return Measured(h * n + max(0, d - 4) * h, True)

    found = fit(NAMES, [range(1, 9), *VALUES[1:]], start, derive, sum)
    assert found.holds and found.beyond
    assert str(found.polynomial) == ("h*n" if start[0] == 2 else "d*h + h*n - 4*h")
    assert found.ranges[0] == ((1, 2, 3, 4) if start[0] == 2 else (4, 5, 6, 7, 8))


def test_a_bound_between_sizes_ends_the_ranges() -> None:
    """max(0, h - d) n is 0 on lines near the start (3, 2), and n where d = 2 meets h = 3."""
    def redundancy(d: int, h: int, n: int) -> int:
        return max(0, h - d) * n + d

    found = fitted(redundancy)
    assert found.holds and str(found.polynomial) == "d"
    assert all(h <= d for d in found.ranges[0] for h in found.ranges[1])
    assert ("d = 2, h", 3, 6) in found.beyond


def test_a_prediction_that_fails_is_said() -> None:
    """Right wherever the fit looked, another value at one corner that it predicts."""
    def redundancy(d: int, h: int, n: int) -> int:
        return d + h + n + (7 if d != 3 and h != 2 and n != 4 else 0)

    found = fitted(redundancy)
    assert not found.holds and any(not p.holds for p in found.predictions)


def test_sizes_without_a_certificate_are_not_used() -> None:
    found = fitted(lambda d, h, n: None if d == 5 else d * h)
    assert found.holds and str(found.polynomial) == "d*h"
    assert all(p[0] == 5 for p in found.open) and not any(p[0] == 5 for p in found.points)


def test_no_certificate_at_the_start() -> None:
    with pytest.raises(BadInputError, match="does not close"):
        fitted(lambda d, h, n: None)


def test_a_degree_needs_one_value_to_spare() -> None:
    assert degree([(1, 1), (2, 4)], 3) is None
    assert degree([(1, 1), (2, 4), (3, 9)], 3) is None
    assert degree([(1, 1), (2, 4), (3, 9), (4, 16)], 3) == 2
    assert degree([(1, 5), (2, 5)], 3) == 0
    assert degree([(1, 2), (2, 4), (3, 8), (4, 16), (5, 32)], 3) is None


def test_coefficients_are_exact_and_their_freedom_is_said() -> None:
    terms, determined = through([(1,), (2,)], [(2,), (3,)], [1, 3])
    assert determined and terms == {(1,): Fraction(-1, 2), (2,): Fraction(1, 2)}
    assert Polynomial(("n",), terms)((7,)) == 21
    assert through([(0,), (1,), (2,)], [(2,), (3,)], [1, 3])[1] is False
    assert through([(0,)], [(1,), (2,)], [1, 3]) == (None, False)


def test_beyond_a_bound_is_a_fit_of_its_own() -> None:
    """max(0, d - 4) h from d = 2: its other side is a polynomial too, with fresh sizes."""
    def derive(point: tuple[int, ...]) -> Measured:
        d, h, n = point
        return Measured(h * n + max(0, d - 4) * h, True)

    found = fit(NAMES, [range(1, 10), *VALUES[1:]], (2, 2, 4), derive, sum)
    (side,) = found.sides
    assert str(side.polynomial) == "d*h + h*n - 4*h" and side.holds
    assert found.ranges[0] == (1, 2, 3, 4) and side.ranges[0][0] == 5


def test_a_fit_without_time_takes_what_is_certified() -> None:
    """Lines do not grow once their share is spent; before the first fit there is none."""
    sizes: list[tuple[int, ...]] = []

    def derive(point: tuple[int, ...]) -> Measured:
        sizes.append(point)
        return Measured(point[0] + 2 * point[1], True)

    def late(share: float) -> bool:
        return len(sizes) >= 14 * share

    short = fit(NAMES[:2], VALUES[:2], START[:2], derive, sum, late=late)
    assert str(short.polynomial) == "d + 2*h" and short.holds and len(sizes) <= 14
    assert len(short.ranges[0]) + len(short.ranges[1]) < 11
    assert not short.untried


@pytest.mark.parametrize(("most", "polynomial", "untried"), [
    (6, "2*d", ("h",)), (3, "2*d", ("h",)), (12, "d*h", ())],
    ids=["before all coefficients are settled", "before the second line", "enough"])
def test_without_time_for_all_sizes_the_first_are_fitted(
    most: int, polynomial: str, untried: tuple[str, ...]
) -> None:
    """d h from (3, 2): two lines do not settle it, one settles 2 d."""
    sizes: list[tuple[int, ...]] = []

    def derive(point: tuple[int, ...]) -> Measured:
        sizes.append(point)
        return Measured(point[0] * point[1], True)

    found = fit(NAMES[:2], VALUES[:2], START[:2], derive, sum,
                late=lambda share: len(sizes) >= most * (1 if share == 1 else 0.8))
    assert (str(found.polynomial), found.untried) == (polynomial, untried)
    assert all(p[1] == 2 for p in found.points) == bool(untried)
    assert all(p.at[1] == 2 for p in found.predictions) or not untried


def test_of_a_size_that_stays_as_it_is_nothing_is_predicted() -> None:
    """d h where d ends at 6 and there is no time for h: 2 d says nothing of h = 3."""
    sizes: list[tuple[int, ...]] = []

    def derive(point: tuple[int, ...]) -> Measured:
        sizes.append(point)
        return Measured(point[0] * point[1], point[0] < 7)

    found = fit(NAMES[:2], ((1, 2, 3, 4, 5, 6), (1, 2, 3)), (3, 2), derive, sum,
                late=lambda share: share < 1 and len(sizes) >= (6 if share < 0.5 else 3))
    assert found.untried == ("h",) and found.ranges[0] == (1, 2, 3, 4, 5, 6)
    assert not found.predictions and found.tried == 2 and all(p[1] == 2 for p in sizes)


def test_fresh_sizes_cost_no_more_than_what_was_certified() -> None:
    """Certificates up to d + h + n = 9, which single lines reach: no fresh size is beyond."""
    found = fit(NAMES, VALUES, (1, 1, 2), lambda p: Measured(sum(p), sum(p) <= 9), sum)
    assert found.holds and found.tried == 2 and not found.open


def test_without_time_for_any_size_there_is_no_fit() -> None:
    sizes: list[tuple[int, ...]] = []
    with pytest.raises(BadInputError, match="time was over before one size was varied"):
        fit(NAMES, VALUES, START, lambda p: sizes.append(p) or Measured(sum(p), True), sum,
            late=lambda share: share < 1 and len(sizes) > 0)


@pytest.mark.parametrize("each", [9, 11, 13])
def test_time_is_kept_for_fresh_sizes(each: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A size that takes 9, 11 or 13 of 60 seconds: both fresh ones are begun in time."""
    from symgauge.capture import load_target
    from symgauge.derivation import derive
    from symgauge.fits import target
    from symgauge.verdict import Verdict
    from symgauge.zoo import load

    clock = [0]

    def derived(there: Target, **rest: object) -> SimpleNamespace:
        clock[0] += each
        return SimpleNamespace(
            redundancy=there.sizes["hidden_features"], verdict=Verdict.PROVED)

    monkeypatch.setattr(derive, "claim_of_target", derived)
    monkeypatch.setattr(target, "time", SimpleNamespace(process_time=lambda: clock[0]))
    found, _ = target.fit_target(
        load_target("glu", load, {}), ["in_features", "hidden_features"], seconds=60)
    assert found.holds and clock[0] <= 60 + each


def test_the_sizes_of_a_point_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vocabulary that varies is no small one that a derivation may exchange for a larger one."""
    from symgauge.derivation import derive
    from symgauge.errors import UndecidedError
    from symgauge.fits.target import fit_target
    from symgauge.hf.target import load_hf

    seen: list[Target] = []

    def noted(target: Target, **rest: object) -> None:
        seen.append(target)
        raise UndecidedError("not asked")

    monkeypatch.setattr(derive, "claim_of_target", noted)
    with pytest.raises(UndecidedError, match="not asked"):
        fit_target(load_hf("hf:gpt2", {}), ["vocab_size"])
    assert seen and all(t.chose and not t.growing and t.full is None for t in seen)


def test_a_width_of_heads_is_varied_as_their_quotient() -> None:
    """A module that is built at any width and runs at multiples of its heads alone."""
    from symgauge.capture import load_target
    from symgauge.fits.sizes import parameters, varied
    from symgauge.zoo import load

    target = load_target("encoder_block", load, {})
    assert parameters(target, {"embed_dim": 5}) is None is not parameters(target, {"embed_dim": 6})
    sizes, kept = varied(target, ["embed_dim", "num_heads"])
    assert [s.label for s in sizes] == ["(embed_dim/num_heads)", "num_heads"] and not kept


def test_a_head_whose_entries_are_turned_in_pairs_is_varied_in_steps() -> None:
    from symgauge.capture import load_target
    from symgauge.fits.sizes import varied
    from symgauge.zoo import load

    sizes, kept = varied(load_target("rotary_attention", load, {}), ["num_kv_heads", "head_dim"])
    assert [(s.label, s.values) for s in sizes] == [("head_dim", (2, 4, 6, 8, 10, 12))]
    assert kept == ["num_kv_heads stays 2: the factory takes no three values near it"]


@pytest.mark.parametrize(
    ("name", "size"), [("gemma", "vocab_size"), ("mixtral", "intermediate_size")])
def test_sizes_are_tried_in_float64(name: str, size: str) -> None:
    """Tables that are cast to float, products of groups that want aligned floats: no bound."""
    from symgauge.fits.sizes import varied
    from symgauge.hf.target import load_hf

    sizes, kept = varied(load_hf(f"hf:{name}", {}), [size])
    assert [s.name for s in sizes] == [size] and not kept


def test_of_many_sizes_few_points_are_looked_at() -> None:
    """Seven sizes of six values, 279,936 points: those alone that settle monomials, and fresh."""
    names, looked = tuple("abcdefg"), []

    def derive(point: tuple[int, ...]) -> Measured:
        a, b, c, d, *_ = point
        return Measured(a * b**2 * c + c * d + 3, True)

    def cost(point: tuple[int, ...]) -> int:
        looked.append(point)
        return sum(point)

    found = fit(names, [range(1, 7)] * 7, (3,) * 7, derive, cost)
    assert found.holds and str(found.polynomial) == "a*b**2*c + c*d + 3"
    assert len(looked) < 400
    assert all(sum(x != 3 for x in p.at) == 7 for p in found.predictions)


def test_sizes_of_which_one_is_a_multiple_of_the_other() -> None:
    """A width that is built at multiples of h alone: the nearest corner is no network."""
    def derive(point: tuple[int, ...]) -> Measured | None:
        d, h = point
        return Measured(d**2 + 3 * h, True) if d % h == 0 else None

    found = fit(["d", "h"], [range(4, 14), (1, 2, 4)], (8, 1), derive, sum)
    assert str(found.polynomial) == "d**2 + 3*h"
    assert not [p for p in found.points if p[0] % p[1]]


def test_the_sizes_of_variables_there_and_back() -> None:
    from symgauge.errors import SizeError
    from symgauge.fits.sizes import Size, at_sizes, chosen

    sizes = [Size("heads", None, (1, 2, 3)), Size("width", "heads", (1, 2, 3))]
    assert at_sizes(sizes, {"heads": 12, "width": 768}) == (12, 64)
    assert chosen(sizes, (12, 64)) == {"heads": 12, "width": 768}
    for width, said in ((100, "no multiple of heads = 12"), (None, "give it a number"),
                        (0, "give it a number"), (True, "give it a number")):
        with pytest.raises(SizeError, match=said):
            at_sizes(sizes, {"heads": 12, "width": width})


def test_one_size_is_predicted_above_all_that_went_into_the_fit() -> None:
    found = fit(["d"], [range(1, 7)], (3,), lambda p: Measured(2 * p[0], True), sum)
    assert found.ranges == ((1, 2, 3, 4, 5, 6),)
    assert found.holds and [p.at for p in found.predictions] == [(7,), (8,)]


def test_above_a_size_in_steps_the_next_step_is_predicted() -> None:
    found = fit(["d"], [range(2, 14, 2)], (4,), lambda p: Measured(3 * p[0], True), sum)
    assert found.holds and [p.at for p in found.predictions] == [(14,), (16,)]


def test_no_size_is_predicted_across_a_bound() -> None:
    """max(0, d - 3): the side below the bound is all used, and nothing above it is its own."""
    found = fit(["d"], [range(1, 7)], (5,), lambda p: Measured(max(0, p[0] - 3), True), sum)
    (side,) = found.sides
    assert found.ranges == ((3, 4, 5, 6),) and [p.at for p in found.predictions] == [(7,), (8,)]
    assert side.ranges == ((1, 2),) and not side.predictions and not side.tried


@pytest.mark.parametrize("name", ["attention", "deep_set", "mixture_of_experts"])
def test_the_claim_alone_is_that_of_the_derivation(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Families by intertwiners alone, no field line by line: the same ranks, the same verdict."""
    from symgauge.capture import load_target
    from symgauge.derivation.derive import claim_of_target, derive_target
    from symgauge.derivers import exact
    from symgauge.zoo import load

    target = load_target(name, load, {})
    whole = derive_target(target).claim
    monkeypatch.setattr(exact, "_quick", None)
    assert claim_of_target(target) == whole and whole.closed
