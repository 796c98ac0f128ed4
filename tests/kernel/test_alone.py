"""The kernel is what a sceptic reads: it runs alone, and it is small."""

import ast
import sys
from pathlib import Path

KERNEL = Path(__file__).parents[2] / "symgauge" / "kernel"
#: The lines it has. A sceptic reads them all: take some away before any are added.
LINES = 1504


def test_it_imports_the_standard_library_and_numpy() -> None:
    files = sorted(KERNEL.rglob("*.py"))
    names = {file.stem for file in files}
    assert "check" in names
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            found = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level:
                modules = {node.module} if node.module else {a.name for a in node.names}
                assert node.level == 1 and modules <= names, (file, modules)
            elif isinstance(node, ast.ImportFrom):
                found = [node.module or ""]
            for name in found:
                root = name.split(".")[0]
                # `kernel` is the folder itself, loaded by its path
                assert root in {"numpy", "kernel", *sys.stdlib_module_names}, (file, name)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("__import__", "exec", "eval"), file


def test_its_lines_are_counted() -> None:
    lines = sum(len(f.read_text(encoding="utf-8").splitlines()) for f in KERNEL.rglob("*.py"))
    assert lines <= LINES, f"{lines} lines"
