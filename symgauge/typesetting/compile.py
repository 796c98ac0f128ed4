"""A PDF from a LaTeX file, with whichever engine this machine has."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from symgauge.errors import SymgaugeError

ENGINES = ("pdflatex", "lualatex", "tectonic")
_SECONDS = 180


def find_engine() -> str | None:
    """Path of the first engine of `ENGINES` found; None where there is none.

    Raises SymgaugeError instead of returning None where SYMGAUGE_REQUIRE_LATEX=1.
    """
    for name in ENGINES:
        path = shutil.which(name)
        if path:
            return path
    if os.environ.get("SYMGAUGE_REQUIRE_LATEX") == "1":
        raise SymgaugeError(
            f"SYMGAUGE_REQUIRE_LATEX=1, and none of {', '.join(ENGINES)} was found: "
            "install one, or unset the variable to write the .tex file only"
        )
    return None


def _commands(engine: str) -> list[list[str]]:
    if Path(engine).stem == "tectonic":
        # it repeats its own passes
        return [[engine, "--untrusted", "document.tex"]]
    flags = ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    # the second pass knows the widths of the long tables
    return [[engine, *flags, "document.tex"]] * 2


def _first_error(output: str) -> str:
    """The first `!` line of a log, or tectonic's first `error` line."""
    rows = output.splitlines()
    for start in ("!", "error"):
        for row in rows:
            if row.startswith(start):
                return row.strip()
    return rows[-1].strip() if rows else "no message"


def compile_pdf(tex_path: str | os.PathLike[str]) -> Path | None:
    """Compile `tex_path`; the PDF appears beside it, whole or not at all. None without an engine.

    Raises SymgaugeError with the log's first `!` line where the engine fails, and where
    SYMGAUGE_REQUIRE_LATEX=1 and there is no engine.
    """
    source = Path(tex_path)
    engine = find_engine()
    if engine is None:
        return None
    with tempfile.TemporaryDirectory(prefix="symgauge-latex-") as folder:
        # a plain job name: the file's own may hold anything
        shutil.copyfile(source, Path(folder, "document.tex"))
        # read and write in this folder only, whatever the text says
        environment = {**os.environ, "openin_any": "p", "openout_any": "p", "max_print_line": "500"}
        for command in _commands(engine):
            try:
                done = subprocess.run(
                    command,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise SymgaugeError(
                    f"{command[0]} did not finish {source} in {_SECONDS} s: compile it by hand"
                ) from error
            if done.returncode:
                output = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
                raise SymgaugeError(f"{command[0]} failed on {source}: {_first_error(output)}")
        made = Path(folder, "document.pdf")
        if not made.is_file():
            raise SymgaugeError(f"{engine} wrote no PDF for {source}: compile it by hand")
        target = source.with_suffix(".pdf")
        # the copy may cross file systems, the replacement does not
        handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".pdf")
        os.close(handle)
        try:
            shutil.copyfile(made, partial)
            os.chmod(partial, source.stat().st_mode & 0o777)
            os.replace(partial, target)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    return target
