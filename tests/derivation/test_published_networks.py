"""Networks of the kinds that papers count dimensions of: no redundancy above that of floats."""

import sys

import pytest
from judged_networks import Judged, judged
from places import ROOT
from published_networks import NETWORKS

sys.path.insert(0, str(ROOT / "docs" / "benchmarks"))

import published  # noqa: E402

#: Cheap ones, of most files one.
QUICK = (
    "x^2 2-2-2 bias 12", "softmax 2 heads 1 group bias", "conv strides 2 1", "norm layer narrow",
    "rnn linear feedthrough", "torch prelu units", "gated linear 4-2-2", "graph relu",
)
#: What is left where the verdict is UNKNOWN.
LEFT = {"leaky 1-3-2": 2, "torch residual": 6}


@pytest.mark.parametrize("name", QUICK)
def test_a_few_are_proved(name: str) -> None:
    line = judged(name, NETWORKS[name])
    assert (line.redundancy, line.left, line.verdict) == (line.floats, 0, "PROVED"), line


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_none_is_worse_than_recorded(name: str) -> None:
    line = judged(name, NETWORKS[name])
    assert not line.error and not line.above, line
    assert line.left <= LEFT.get(name, 0), line
    assert line.verdict == "PROVED" or line.left and name in LEFT, line


@pytest.mark.parametrize(("found", "status"), [(2, 0), (3, 0), (4, 1)])
def test_a_redundancy_above_the_floats_fails(
    found: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    line = Judged("relu", 9, 3, found, 0, 0, "PROVED", 70.0)
    monkeypatch.setattr(published, "printed", lambda networks, words: [line])
    assert published.main() == status
    assert capsys.readouterr().out == (
        f"1 networks, 1 captured: redundancy that of the floats {int(found == 3)}, "
        f"above it {status}, nothing left 1, PROVED 1, over 60 s 1\n")
