"""The sweep on composed networks: never below P - rank J, at other sizes of the range neither."""

import sys

import pytest
from composed_networks import build, composed, sizes
from converse_ranks import redundancy_of
from places import ROOT

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, Extent, completeness

sys.path.insert(0, str(ROOT / "docs" / "benchmarks"))


@pytest.mark.parametrize("seed", [7, 28, 95, 240])
def test_nothing_else_at_these_sizes(seed: int) -> None:
    """The families, the bound and P - rank are one number, and the steps are established twice."""
    network = composed(seed)
    program = capture(*build(network, sizes(network, seed))).network
    found = completeness(program)
    assert found.extent is Extent.RANGE and found.second == AGREES
    assert found.families == found.bound == redundancy_of(program, seed)


def test_the_benchmark_judges_at_other_sizes() -> None:
    """What it says of one network: exact, at other sizes too, and both readings agree."""
    from converse_fuzz import judged

    one = judged("composed", 240)
    assert (one.word, one.elsewhere, one.extent, one.second) == ("exact", "exact", "RANGE", AGREES)
    assert one.bound == one.redundancy == one.free == one.moved == 2
