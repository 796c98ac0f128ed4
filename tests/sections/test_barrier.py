"""The example of docs/weights.rst runs and shows what it says, at its seeds."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

EXAMPLE = ROOT / "docs/examples/barrier.py"


def test_the_barrier_is_lower_after_alignment(tmp_path: Path, capsys: Any) -> None:
    main = runpy.run_path(str(EXAMPLE))["main"]
    picture = tmp_path / "barrier.png"
    found = main(["--width", "16", "--steps", "200", "--plot", str(picture)])
    assert picture.stat().st_size > 1000
    said = capsys.readouterr().out
    for name, value in found.items():
        assert f"barrier {name} align: {value:.2e}" in said
    assert 0 < 2 * found["after"] < found["before"]


def test_a_line_without_a_barrier_has_none() -> None:
    barrier = runpy.run_path(str(EXAMPLE))["barrier"]
    points = runpy.run_path(str(EXAMPLE))["POINTS"]
    line = [3.0 - k / (points - 1) for k in range(points)]
    assert barrier(line) == pytest.approx(0)
    line[points // 2] += 0.5
    assert barrier(line) == pytest.approx(0.5)
