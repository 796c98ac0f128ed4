"""symgauge derive: derive and certify the gauge algebra of TARGET."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from symgauge.cli.console import complain, plain, showing_progress, terminal
from symgauge.cli.inputs import target_of
from symgauge.cli.options import TARGET, Commands, add_evidence, add_sizes, seed
from symgauge.cli.status import HOLDS, STATUS
from symgauge.errors import BadInputError, SymgaugeError
from symgauge.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

    from symgauge.derivation.derivation import Derivation
    from symgauge.derivation.full import FullDerivation


#: What a derivation goes through, told before it begins.
STAGES = (
    "target", "capture", "rank of the Jacobian", "legs", "families", "proofs", "hypotheses",
    "algebra", "LaTeX and check", "PDF")


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser("derive", help="derive and certify the gauge algebra of TARGET")
    parser.add_argument("target", metavar="TARGET", help=TARGET)
    add_sizes(parser)
    parser.add_argument("--config", metavar="DIR",
                        help="the folder of a config.json, for hf:TYPE (as hf:TYPE@DIR)")
    parser.add_argument("--out", metavar="DIR", help="folder to write (symgauge-<name>)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the search (0)")
    parser.add_argument("--explain", action="store_true",
                        help="say what the quantities of the table are")
    parser.add_argument("--fragment", action="store_true",
                        help="LaTeX without a preamble, to paste into a paper (and no PDF)")
    parser.add_argument("--html", action="store_true",
                        help="the document as one HTML page too (extra html)")
    parser.add_argument("--markdown", action="store_true", help="the document as Markdown too")
    parser.add_argument("--appendix", action="store_true",
                        help="LaTeX with the program and the proofs line by line")
    parser.add_argument("--force", action="store_true",
                        help="go on above an estimated 10 minutes or 8 GiB")
    parser.add_argument(
        "--full", action="store_true",
        help="the group at the full sizes (FULL of TARGET, and --set), proved for all sizes "
             "without weights; no certificate of completeness")
    add_evidence(parser)
    parser.set_defaults(run=run)
    return parser


def derived(options: argparse.Namespace, progress: Progress) -> Derivation:
    """The derivation of the TARGET that the options name."""
    # what a factory prints must not mix with our JSON
    with redirect_stdout(sys.stderr):
        progress("target")
        target = target_of(options.target, options.set)
        from symgauge.derivation.derive import derive_target

        return derive_target(
            target, output=options.output, observable=options.observable, seed=options.seed,
            force=getattr(options, "force", False), evidence=getattr(options, "evidence", None),
            progress=progress,
        )


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    _require_folder(options.out)
    if options.config:
        if not options.target.startswith("hf:"):
            raise BadInputError(f"--config belongs to hf:TYPE or hf:CLASS, not to {options.target}")
        options.target += f"@{options.config}"
    if options.full:
        return _derive_full(options)
    with showing_progress(STAGES) as progress:
        derivation = derived(options, progress)
        name = re.sub(r"[^A-Za-z0-9_]+", "_", derivation.name) or "network"
        folder = Path(options.out or f"symgauge-{name}")
        latex = {"fragment": options.fragment, "appendix": options.appendix}
        progress("LaTeX and check")
        texts = {
            folder / "derivation.tex": derivation.to_latex(**latex),
            folder / f"test_{name}.py": derivation.check_text(),
            folder / "derivation.json": derivation.to_json(),
            **_pages(options, derivation, folder / "derivation"),
        }
        files = _written(texts, progress)
    if derivation.hypotheses and not derivation.network().has_flows:
        _say_what_is_untried(derivation, plain(folder / "derivation.json"))
    if options.json:
        sys.stdout.write(derivation.printed())
    else:
        from symgauge.report.table import print_derivation

        console = terminal()
        print_derivation(derivation.data, console, options.explain)
        _say_written(console, folder, files)
    return STATUS[derivation.verdict]


def _require_folder(out: str | None) -> None:
    """Raise BadInputError where --out can be no folder, before anything is computed."""
    path = Path(out or ".")
    if out and path.exists() and not path.is_dir():
        raise BadInputError(f"--out {out} is a file; name a folder")
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not there.is_dir():
        raise BadInputError(f"--out {out}: {there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        raise BadInputError(f"--out {out or path}: {there} may not be written to; name another")


def derived_full(options: argparse.Namespace, progress: Progress) -> FullDerivation:
    """The derivation of the TARGET at its full sizes."""
    from symgauge.derivation.full import derive_full

    small = target_of(options.target, [])
    target = target_of(options.target, options.set, full=True)
    return derive_full(
        target.at(target.full_sizes), small, output=options.output,
        observable=options.observable, progress=progress)


def _say_what_is_untried(derivation: Derivation, place: str) -> None:
    """Name the evidence without hypotheses that takes longer than `derive` gives it unasked."""
    from symgauge.certify.evidence import all_evidence
    from symgauge.derivation.derive import tried_unasked

    tried = tried_unasked(derivation.claim.parameters, derivation.claim.unexplained)
    name = next((n for n in all_evidence() if n not in tried), None)
    if name is not None:
        print(f"symgauge: hypotheses are left: symgauge certify --{name} {place} needs none, "
              "where it reaches the network", file=sys.stderr)


def _derive_full(options: argparse.Namespace) -> int:
    from symgauge.report.full_size import print_full

    with showing_progress() as progress, redirect_stdout(sys.stderr):
        found = derived_full(options, progress)
        name = re.sub(r"[^A-Za-z0-9_]+", "_", found.name) or "network"
        folder = Path(options.out or f"symgauge-{name}-full")
        latex = {"fragment": options.fragment, "appendix": options.appendix}
        progress("LaTeX and check")
        text = found.to_json()
        texts = {
            folder / "full.tex": found.to_latex(**latex),
            folder / f"test_{name}_full.py": found.check_text(),
            folder / "full.json": text,
            **_pages(options, found, folder / "full"),
        }
        files = _written(texts, progress)
    if options.json:
        sys.stdout.write(text)
        return HOLDS
    console = terminal()
    print_full(found.data, console)
    _say_written(console, folder, files)
    return HOLDS


def _pages(
    options: argparse.Namespace, found: Derivation | FullDerivation, path: Path
) -> dict[Path, str]:
    """The documents in other formats that were asked for."""
    pages = {path.with_suffix(".html"): found.to_html} if options.html else {}
    pages |= {path.with_suffix(".md"): found.to_markdown} if options.markdown else {}
    return {name: make() for name, make in pages.items()}


def _written(texts: Mapping[Path, str], progress: Progress) -> list[str]:
    """Write the texts, and the PDF of the LaTeX one: the names of what is there, sorted."""
    from symgauge.files import write_atomically

    for path, text in texts.items():
        write_atomically(path, text)
    progress("PDF")
    pdfs = [_pdf(path) for path, text in texts.items()
            if path.suffix == ".tex" and "\\documentclass" in text]
    return sorted(path.name for path in [*texts, *pdfs] if path is not None)


def _say_written(console: Console, folder: Path, files: Sequence[str]) -> None:
    console.print(f"written to {folder}: {', '.join(files)}", highlight=False, markup=False,
                  soft_wrap=True)


def _pdf(path: Path) -> Path | None:
    """The PDF of a LaTeX file; without one, a sentence on standard error that says why."""
    from symgauge.typesetting.compile import compile_pdf

    # what is written already is worth more than its picture
    try:
        made = compile_pdf(path)
    except (SymgaugeError, OSError) as error:
        complain(f"no PDF, the rest is written: {error}", HOLDS)
        return None
    if made is None:
        complain("no LaTeX engine found (pdflatex, lualatex, tectonic): .tex only", HOLDS)
    return made
