"""docs/code_blocks.py as a module, and a page of the docs run by it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from places import ROOT


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("code_blocks", ROOT / "docs" / "code_blocks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["code_blocks"] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    return module


code = _load()


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def pages_with_code(folder: Path) -> list[Path]:
    """The pages of a folder with a block that is run."""
    return [p for p in code.pages() if p.parent == folder and any(
        b.language in code.CODE and not b.not_run for b in code.blocks(p))]


def assert_real(page: Path) -> None:
    """Assert that the blocks of a page run, and print what it shows."""
    wrong = code.differences(page)
    text = "\n\n".join(f"line {b.line + 1} prints\n{real}" for b, real in wrong)
    assert not wrong, f"{text}\n\npython docs/code_blocks.py --write {name(page)} puts it there"
