"""The code of README.md and of these pages, run page by page.

    python docs/code_blocks.py [PAGE...]           run them, and say what differs
    python docs/code_blocks.py --write [PAGE...]   put the real output where another is shown

The blocks of a page run in order, in one folder, and share their variables (those of docs/howto in
a copy of the checkout, which they add to):

* ``python`` is executed, and what it prints is what its comments say that begin with "# ->", if it
  has such; with a caption that names a file it is written there, not executed;
* ``pycon`` is compared as doctest does;
* ``console`` has commands after "$ " and what they print on standard output (the complaint, where
  the status is 3);
* ``sh`` has commands that end with status 0. A line with words such as TARGET in capitals is a
  synopsis: its command and its options have to exist.

``...`` in an output stands for anything. A block that is not run says so where readers see it: its
caption is "Not run by the tests: REASON" (in README.md a comment <!-- not run by the tests: REASON
--> stands before it).
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CODE = ("python", "pycon", "console", "sh")
#: What a block may be besides: it is shown, and is no code.
SHOWN = ("text", "json")
NOT_RUN = re.compile(r"not run by the tests: (.+)", re.IGNORECASE)
PLACEHOLDER = re.compile(r"(?<![\w.-])[A-Z]{2,}(?:_[A-Z]+)*(?![\w.-])")
TIMEOUT = 300
#: What a page of docs/howto adds to.
CHECKOUT = ("docs", "proofs", "setup.cfg", "symgauge", "tests")


@dataclass(frozen=True)
class Block:
    """One block of code: where its first line stands, what it is, and why it is not run, if so."""

    line: int
    language: str
    text: str
    caption: str = ""
    not_run: str = ""
    indent: int = 0


class Wrong(Exception):
    """A block does not do what the page says."""


def pages() -> list[Path]:
    """README.md and every page."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that have a language."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return list(_markdown(lines) if page.suffix == ".md" else _directives(lines))


def _markdown(lines: list[str]) -> Iterator[Block]:
    start, language, reason = None, "", ""
    for number, line in enumerate(lines):
        if start is None and line.startswith("```"):
            start, language = number + 1, line[3:].strip()
        elif start is not None and line.startswith("```"):
            yield Block(start, language, "\n".join(lines[start:number]), not_run=reason)
            start, reason = None, ""
        elif start is None and line.strip():
            comment = re.fullmatch(r"<!-- (.*) -->", line)
            found = NOT_RUN.fullmatch(comment[1]) if comment else None
            reason = found[1] if found else ""


def _directives(lines: list[str]) -> Iterator[Block]:
    for number, line in enumerate(lines):
        head = re.fullmatch(r"( *)\.\. code-block:: (\S+)", line)
        if not head:
            continue
        first, caption = number + 1, ""
        while first < len(lines) and (option := re.fullmatch(r" +:(\w+):(.*)", lines[first])):
            caption = option[2].strip() if option[1] == "caption" else caption
            first += 1
        while first < len(lines) and not lines[first].strip():
            first += 1
        indent = len(lines[first]) - len(lines[first].lstrip())
        last = first
        while last < len(lines) and (not lines[last].strip() or lines[last].startswith(
                " " * (len(head[1]) + 1))):
            last += 1
        text = "\n".join(row[indent:] for row in lines[first:last]).rstrip()
        found = NOT_RUN.fullmatch(caption)
        yield Block(first, head[2], text, caption, found[1] if found else "", indent)


def run(page: Path) -> dict[int, str]:
    """Run the blocks of a page in the current folder; the real text of each, by its line.

    Raises Wrong where a block fails.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    real: dict[int, str] = {}
    for block in blocks(page):
        if block.language not in CODE or block.not_run:
            continue
        try:
            real[block.line] = _run(block, names)
        except Exception as error:
            where = f"{page.relative_to(ROOT)}:{block.line + 1}"
            raise Wrong(f"{where}: {type(error).__name__}: {error}") from error
    return real


def _run(block: Block, names: dict[str, Any]) -> str:
    if block.language == "python" and block.caption:
        Path(block.caption).parent.mkdir(parents=True, exist_ok=True)
        Path(block.caption).write_text(block.text + "\n", encoding="utf-8")
        importlib.invalidate_caches()
    elif block.language == "python":
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block.text, f"line {block.line + 1}", "exec"), names)
        said = "\n".join(re.findall(r"# -> (.*)$", block.text, re.MULTILINE))
        if said and not matches(said, out.getvalue().rstrip("\n")):
            raise Wrong(f"it prints\n{out.getvalue()}")
    elif block.language == "pycon":
        return _session(block, names)
    elif block.language == "console":
        return _console(block.text)
    else:
        for command in block.text.replace("\\\n", " ").splitlines():
            if PLACEHOLDER.search(command):
                synopsis(command)
            elif command.strip():
                status, text = execute(command)
                if status:
                    raise Wrong(f"{command!r} ended with status {status}: {text[-500:]}")
    return block.text


class _Session(doctest.DocTestRunner):
    """A session that keeps what was printed in place of what was expected."""

    def report_failure(self, out: Any, test: Any, example: Any, got: str) -> None:
        example.want = got

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        raise Wrong(f"{example.source.strip()}: {exc_info[0].__name__}: {exc_info[1]}")


def _session(block: Block, names: dict[str, Any]) -> str:
    """A doctest in the names of the page, with what it really prints."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(block.text, {}, "page", None, block.line)
    test.globs = names
    result = _Session(optionflags=flags, verbose=False).run(test, clear_globs=False)
    if not result.failed:
        return block.text
    real = []
    for example in test.examples:
        first, *rest = example.source.rstrip("\n").split("\n")
        real += [f">>> {first}", *(f"... {row}".rstrip() for row in rest)]
        real += example.want.rstrip("\n").splitlines()
    return "\n".join(real)


def _console(text: str) -> str:
    """The commands of the text with what they really print; where ``...`` covers it, as it was."""
    parts = re.split(r"^\$ ", text.replace("\\\n", "\\\0"), flags=re.MULTILINE)
    if parts[0].strip():
        raise Wrong("a console block begins with a command after '$ '")
    real, status = [], 0
    for part in parts[1:]:
        command, _, shown = part.partition("\n")
        if command == "echo $?":
            printed = str(status)
        else:
            status, printed = execute(command.replace("\\\0", " "))
        shown = shown.rstrip("\n")
        kept = shown if matches(shown, printed) else printed
        real.append(f"$ {command}\n{kept}\n" if kept else f"$ {command}\n")
    return "".join(real).replace("\\\0", "\\\n").rstrip("\n")


def matches(shown: str, printed: str) -> bool:
    """Whether an output is the one that is shown, ``...`` standing for anything."""
    pieces = [re.escape(piece) for piece in shown.split("...")]
    return re.fullmatch(".*".join(pieces), printed, re.DOTALL) is not None


def execute(command: str) -> tuple[int, str]:
    """The status of a command and what it prints; symgauge's own run in this process."""
    words = shlex.split(command)
    # a check is a program of its own, which writes past this process's sys.stdout; and a copy of
    # the checkout is not what runs here
    here = words[0] == "symgauge" and not words[1].startswith("check")
    if here and not Path("symgauge").is_dir() and not set("|><;&") & set(command):
        from symgauge.cli.main import main

        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as said:
            status = main(words[1:])
        printed = out.getvalue() or said.getvalue() if status == 3 else out.getvalue()
    else:
        source = Path.cwd() if Path("symgauge").is_dir() else ROOT
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment |= {"PYTHONPATH": str(source), "PYTHONWARNINGS": "ignore"}
        script = (
            f'python() {{ "{sys.executable}" "$@"; }}\n'
            'symgauge() { python -m symgauge "$@"; }\n'
            f'pytest() {{ python -m pytest -p no:cacheprovider "$@"; }}\n{command}')
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=TIMEOUT,
            env=environment, check=False)
        status, printed = done.returncode, done.stdout or (done.stderr if done.returncode else "")
    return status, "\n".join(line.rstrip() for line in printed.rstrip().splitlines())


def synopsis(line: str) -> None:
    """A line such as ``symgauge audit TARGET BEFORE AFTER`` has to name what there is."""
    words = line.strip().removeprefix("$ ").split()
    if words[0] != "symgauge":
        raise Wrong(f"{line!r} is no command of symgauge")
    status, said = execute(f"symgauge {words[1]} --help")
    if status:
        raise Wrong(f"there is no command {words[1]!r}")
    for option in re.findall(r"(?<!\S)\[?(--[\w-]+)", line):
        if not re.search(rf"{option}(?![\w-])", said):
            raise Wrong(f"symgauge {words[1]} has no option {option}")


@contextlib.contextmanager
def fresh_folder(page: Path) -> Iterator[None]:
    """A folder of its own for one page, 80 columns wide; what is imported there is forgotten."""
    before, path = os.getcwd(), list(sys.path)
    width = os.environ.get("COLUMNS")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in CHECKOUT if page.parent.name == "howto" else ():
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, name)
        os.environ["COLUMNS"] = "80"
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            os.chdir(before)
            sys.path[:] = path
            for name, module in list(sys.modules.items()):
                if str(getattr(module, "__file__", "") or "").startswith(folder):
                    del sys.modules[name]
            os.environ.pop("COLUMNS") if width is None else os.environ.update(COLUMNS=width)


def differences(page: Path) -> list[tuple[Block, str]]:
    """Run a page: the blocks that show another text than the real one."""
    with fresh_folder(page):
        real = run(page)
    return [(b, real[b.line]) for b in blocks(page) if real.get(b.line, b.text) != b.text]


def main(arguments: list[str]) -> int:
    """Run pages, and write what they print if asked."""
    writing = "--write" in arguments
    chosen = [Path(a).resolve() for a in arguments if a != "--write"] or pages()
    wrong = 0
    for page in chosen:
        found = differences(page)
        lines = page.read_text(encoding="utf-8").splitlines()
        for block, text in reversed(found):
            print(f"{page.relative_to(ROOT)}:{block.line + 1}\n{text}")
            shown = [f"{' ' * block.indent}{row}".rstrip() for row in text.splitlines()]
            lines[block.line:block.line + len(block.text.splitlines())] = shown
        if found and writing:
            page.write_text("\n".join(lines) + "\n", encoding="utf-8")
        wrong += len(found)
    return int(bool(wrong) and not writing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
