"""`import symgauge` imports no torch, flint, sympy or numpy, and takes less than 0.1 s."""

import subprocess
import sys

import pytest

import symgauge

HEAVY = ("torch", "flint", "sympy", "numpy", "mpmath", "rich", "transformers", "matplotlib")


def fresh(code: str) -> str:
    """What a new interpreter prints: this one has imported everything already."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded_after(statement: str) -> set[str]:
    return set(fresh(f"{statement}; import sys; print(*sys.modules)").split())


def test_import_is_light() -> None:
    loaded = loaded_after("import symgauge; symgauge.Verdict, symgauge.SymgaugeError")
    assert "symgauge.verdict" in loaded
    assert not loaded & set(HEAVY)


def test_the_test_can_fail() -> None:
    assert "numpy" in loaded_after("import symgauge, numpy")


def test_verify_needs_no_torch() -> None:
    loaded = loaded_after("import symgauge; symgauge.verify")
    assert "symgauge.certify" in loaded
    assert not loaded & {"torch", "symgauge.derivers", "symgauge.capture", "symgauge.nn"}


def test_import_is_quick() -> None:
    timed = "import time; t = time.perf_counter(); import symgauge; print(time.perf_counter() - t)"
    best = min(float(fresh(timed)) for _ in range(3))  # a busy machine may spoil one or two
    assert best < 0.1


@pytest.mark.parametrize("name", symgauge.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert name in dir(symgauge)
    assert getattr(symgauge, name) is not None


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'prove_everything'"):
        getattr(symgauge, "prove_everything")
