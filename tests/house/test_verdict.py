"""A verdict is compared, never coerced; an error says its kind by its class."""

import pickle
from collections.abc import Callable

import pytest

from symgauge import errors
from symgauge.verdict import Verdict


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("coerce", [bool, lambda v: not v, lambda v: v or 1, lambda v: any([v])])
def test_a_verdict_has_no_truth_value(
    verdict: Verdict, coerce: Callable[[Verdict], object]
) -> None:
    with pytest.raises(TypeError, match="compare with `is Verdict.PROVED`"):
        coerce(verdict)


def test_a_verdict_is_written_and_read_by_its_name() -> None:
    for verdict in Verdict:
        assert Verdict(str(verdict)) is verdict
        assert verdict.value == verdict.name == f"{verdict}"
        assert pickle.loads(pickle.dumps(verdict)) is verdict


def test_verdicts_are_three_and_differ() -> None:
    assert {verdict.name for verdict in Verdict} == {"PROVED", "REFUTED", "UNKNOWN"}
    assert Verdict.UNKNOWN != Verdict.REFUTED


def test_bad_input_and_inconsistency_are_told_apart() -> None:
    for name in ("TargetError", "CaptureError", "UnsupportedOpError", "SizeError"):
        assert issubclass(getattr(errors, name), errors.BadInputError)
    assert not issubclass(errors.InconsistentError, errors.BadInputError)
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.SymgaugeError)
