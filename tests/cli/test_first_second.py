"""What is said before torch is imported, and how progress counts."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from symgauge.cli.console import Stage
from symgauge.cli.derive import STAGES
from symgauge.cli.main import main

#: Run with a torch that cannot be imported: what ends before never asks for it.
WITHOUT = (
    "import sys; sys.modules['torch'] = None\n"
    "from symgauge.cli.main import main\n"
    "sys.exit(main(sys.argv[1:]))"
)


def without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("target, said", [
    ("nothing", "no architecture 'nothing' in the zoo"),
    ("no_such_file.py:factory", "there is no file no_such_file.py"),
    ("no_such_package.module:factory", "there is no module 'no_such_package'"),
])
def test_a_name_that_leads_nowhere_needs_no_torch(target: str, said: str) -> None:
    done = without_torch("derive", target)
    assert done.returncode == 3 and said in done.stderr and "torch" not in done.stderr


def test_a_folder_that_is_none_needs_no_torch(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for out in (file, file / "below"):
        done = without_torch("derive", "mlp", "--out", str(out))
        assert done.returncode == 3 and "is a file; name a folder" in done.stderr
    assert file.read_text() == ""


def test_a_name_that_is_right_asks_for_torch() -> None:
    """The planted failure: the others do not pass because torch is never asked for."""
    done = without_torch("derive", "mlp")
    assert done.returncode == 3 and "torch" in done.stderr
    assert done.stderr.startswith(f"symgauge: {', '.join(STAGES)}")


def test_counts_tell_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    stage = Stage()
    assert stage.is_new("capture") and not stage.is_new("capture")
    assert stage.is_new("proofs, 2 of 12 directions: gl on a") and stage.left("capture") == ""
    assert stage.left("proofs, 2 of 12 directions: gl on a") == ""
    now[0] = 6.0
    assert stage.left("proofs, 5 of 12 directions: so on b") == ", about 14 s left"
    assert not stage.is_new("proofs, 12 of 12 directions: so on b")
    assert stage.left("proofs, 13 of 12 directions") == ""


def test_a_stage_has_one_line(capsys: Any, tmp_path: Path) -> None:
    assert main(["derive", "mlp", "--out", str(tmp_path)]) == 0
    lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("symgauge: ")]
    assert lines[0] == f"symgauge: {', '.join(STAGES)}"
    assert sum("proofs, " in x for x in lines[1:]) == 1
