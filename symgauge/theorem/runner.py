"""Running the files of proofs/: verdicts on the terminal, as JSON, as one LaTeX document."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symgauge.errors import BadInputError, SymgaugeError
from symgauge.theorem.latex import document, section
from symgauge.theorem.theorem import Result, Theorem, combine, prove
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console

#: Exit status of a verdict.
STATUS = {Verdict.PROVED: 0, Verdict.REFUTED: 1, Verdict.UNKNOWN: 2}
_STYLE = {"PROVED": "bold green", "REFUTED": "bold red", "UNKNOWN": "bold yellow"}


def proof_files() -> list[Path]:
    """Every file of the folder proofs/ here, else of the one beside the package's source.

    Raises BadInputError where there is none: an installed package carries no proofs.
    """
    for folder in (Path("proofs"), Path(__file__).resolve().parents[2] / "proofs"):
        files = sorted(folder.glob("*.py"), key=_order)
        if files:
            return files
    raise BadInputError(
        "there is no folder proofs/ here: run `symgauge prove` in a checkout, or name the files"
    )


def _order(path: Path) -> tuple[str, int, str]:
    """c2_x before c10_y before l1_z."""
    head = path.stem.partition("_")[0]
    digits = "".join(c for c in head if c.isdigit())
    return (head[:1], int(digits) if digits else 10**6, path.stem)


def load(path: Path) -> Theorem:
    """The theorem that the file defines; BadInputError where it cannot be had."""
    if not path.is_file():
        raise BadInputError(f"there is no file {path}")
    try:
        names = runpy.run_path(str(path), run_name=f"symgauge_proof_{path.stem}")
    except (Exception, SystemExit) as error:
        raise _crash(path, error) from error
    make = names.get("theorem")
    if not callable(make):
        raise BadInputError(f"{path} defines no theorem(); it must return a Theorem")
    try:
        made = make()
    except (Exception, SystemExit) as error:
        raise _crash(path, error) from error
    if not isinstance(made, Theorem):
        raise BadInputError(f"theorem() of {path} returns {type(made).__name__}, no Theorem")
    return made


def _crash(path: Path, error: BaseException) -> BadInputError:
    text = (str(error).splitlines() or [""])[0]
    return BadInputError(f"{path} failed: {type(error).__name__}: {text}")


def prove_files(
    files: Sequence[str], latex_dir: str | None, as_json: bool, console: Console
) -> int:
    """Prove every file (default: all of proofs/), print the verdicts, return the exit status.

    0 all proved, 1 a step refuted, 2 a step undecided. `latex_dir` receives proofs.tex, and
    proofs.pdf where a LaTeX engine is found. Raises BadInputError for a file that is missing,
    defines no theorem or fails.
    """
    paths = [Path(name) for name in files] or proof_files()
    theorems = [(path, load(path)) for path in paths]
    results: list[tuple[Path, Result]] = []
    for path, theorem in theorems:
        try:
            results.append((path, prove(theorem)))
        except Exception as error:
            raise _crash(path, error) from error
        if not as_json:
            print_result(results[-1][1], path.name, console)
    verdict = combine([result.verdict for _, result in results])
    written = _write(latex_dir, [r for _, r in results]) if latex_dir else []
    if as_json:
        print(json.dumps(_record(results, verdict), indent=1))
    else:
        steps = sum(len(r.decisions) for _, r in results)
        seconds = sum(sum(r.seconds) for _, r in results)
        console.print(
            f"{len(results)} theorems, {steps} steps, {seconds:.1f} s: {verdict}",
            highlight=False, markup=False,
        )
        for path in written:
            console.print(f"written: {path}", highlight=False, markup=False, soft_wrap=True)
    return STATUS[verdict]


def _record(results: Sequence[tuple[Path, Result]], verdict: Verdict) -> dict[str, Any]:
    return {
        "schema": "symgauge-proofs/1",
        "verdict": str(verdict),
        "theorems": [{"file": path.as_posix(), **result.record()} for path, result in results],
    }


def _write(folder: str, results: Sequence[Result]) -> list[Path]:
    from symgauge.files import write_atomically
    from symgauge.typesetting.compile import compile_pdf, find_engine

    path = Path(folder) / "proofs.tex"
    write_atomically(path, document(results))
    if find_engine() is None:
        print("symgauge: no LaTeX engine found (pdflatex, lualatex, tectonic): .tex only",
              file=sys.stderr)
        return [path]
    try:
        pdf = compile_pdf(path)
    except (SymgaugeError, OSError) as error:
        # the proofs are proved, and their .tex is written
        print(f"symgauge: no PDF: {error}; correct the LaTeX of the proof file", file=sys.stderr)
        return [path]
    return [path, pdf] if pdf else [path]


def print_result(result: Result, source: str, console: Console) -> None:
    """A theorem's verdict, and its steps with method and verdict, in at most 80 columns."""
    from rich.table import Table
    from rich.text import Text

    theorem = result.theorem
    title = Text(f"{theorem.claim}. {theorem.title} ({source})")
    table = Table(title=title, title_justify="left", width=min(console.width, 80), highlight=False)
    table.add_column("step", overflow="fold", ratio=5)
    table.add_column("method", overflow="fold", ratio=3)
    table.add_column("verdict", no_wrap=True)
    for step, decision in zip(theorem.steps, result.decisions, strict=True):
        name = f"must fail: {step.name}" if step.must_fail else step.name
        if decision.verdict is not Verdict.PROVED or step.must_fail:
            name += f" [{decision.evidence}]" if decision.evidence else ""
        shown = str(decision.verdict)
        table.add_row(Text(name), Text(step.method), Text(shown, style=_STYLE[shown]))
    table.add_section()
    premises = ", ".join(p.name for p in theorem.premises)
    rest = Text(f"on the premises: {premises}" if premises else "on no premise")
    shown = str(result.verdict)
    table.add_row(rest, "", Text(shown, style=_STYLE[shown]))
    console.print(table)


def main(theorem: Theorem, arguments: Sequence[str] | None = None) -> int:
    """What a proof file does when it is run: its verdicts, or with --latex its LaTeX section."""
    from rich.console import Console

    words = sys.argv[1:] if arguments is None else list(arguments)
    if words not in ([], ["--latex"]):
        print("usage: python FILE [--latex]", file=sys.stderr)
        return 3
    result = prove(theorem)
    if words:
        print(section(result), end="")
    else:
        console = Console(width=None if sys.stdout.isatty() else 80)
        print_result(result, Path(sys.argv[0]).name, console)
    return STATUS[result.verdict]
