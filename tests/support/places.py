"""Where things are in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
TARGETS = ROOT / "tests" / "targets"
DOCS = ROOT / "docs"
KERNEL = ROOT / "symgauge" / "kernel"
