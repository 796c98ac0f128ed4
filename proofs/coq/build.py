"""Compile proofs/coq, see that nothing is assumed, and see that planted faults fail.

    python proofs/coq/build.py

Coq's kernel decides every theorem anew. `Print Assumptions` must answer "Closed under the global
context" for each of them: no axiom, nothing admitted. Then each certificate is made false in
several places and its check must answer false, and the statements in `CHANGED` must not be proved.
Nothing is written beside the sources. Needs Coq 8.16 and mathcomp-algebra 1.15 (Debian's coq and
libcoq-mathcomp-algebra). Status 0: all of it holds; 1: something does not; 3: no Coq.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLOSED = "Closed under the global context"
STATEMENT = re.compile(r"^(?:Theorem|Lemma|Corollary|Example|Remark|Fact)\s+(\w+)", re.MULTILINE)
MISSING = (
    "proofs/coq needs Coq 8.16 with mathcomp-algebra 1.15, and {what} was not found: install "
    "Debian's packages coq and libcoq-mathcomp-algebra"
)

#: Faults of a certificate: what, and a pattern with its replacement (its first match counts).
FAULTS = (
    ("a weight of a generator", r"Term (\d+) 1%z", r"Term \1 2%z"),
    ("an index of a generator", r"Term 0 1%z \[:: 0\]", "Term 0 1%z [:: 1]"),
    ("an op of the program", r"Add (\d+) (\d+)|Mul (\d+) (\d+)|Matmul 2 3 1 3 4", "Reshape 0"),
    ("the point", r"theta0 := \[:: [^;]+;", "theta0 := [:: 7;"),
    ("an input", r"\(\[:: [^;]+;", "([:: 7;"),
    ("a column of the minor", r"jacobian_columns := \[:: \d+; \d+", "jacobian_columns := [:: 0; 0"),
    ("an inverse", r"(jacobian_inverse := \[::\s+\[:: )\d+", r"\g<1>0"),
    ("a row of generators", r"generator_rows := \[:: 0; 1", "generator_rows := [:: 0; 0"),
    ("a prime that is none", r"prime_modulus := \d+", "prime_modulus := 1007"),
)

#: Words of statements, and others with which the proof must not go through.
CHANGED = (
    ("Sandwich.v", "(r <= \\rank J)%N -> (P - r", "(r - 1 <= \\rank J)%N -> (P - r"),
    ("Intertwiners.v", "((invmx g)^T *m Y)", "(invmx g *m Y)"),
    ("Network.v", "f`_1 = tangent", "f`_2 = tangent"),
)


def coqc(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Compile a file of the folder."""
    return subprocess.run(
        ["coqc", "-q", "-w", "-notation-overridden,-ambiguous-paths", "-Q", ".", "symgauge", name],
        cwd=folder, capture_output=True, text=True, check=False,
    )


def missing() -> str | None:
    """What is not installed, if anything."""
    if shutil.which("coqc") is None:
        return "coqc"
    where = subprocess.run(["coqc", "-where"], capture_output=True, text=True, check=True).stdout
    algebra = Path(where.strip()) / "user-contrib" / "mathcomp" / "algebra" / "matrix.vo"
    return None if algebra.exists() else "mathcomp-algebra"


def in_order(folder: Path) -> list[str]:
    """The files, each after those that it requires."""
    names = sorted(path.name for path in folder.glob("*.v"))
    found = subprocess.run(
        ["coqdep", "-Q", ".", "symgauge", "-sort", *names],
        cwd=folder, capture_output=True, text=True, check=True,
    )
    return [Path(name).name for name in found.stdout.split()]


def assumptions(folder: Path, names: list[str]) -> tuple[list[str], str]:
    """The statements of these files, and what Coq says they rest on: one answer for each."""
    statements = [
        f"{Path(name).stem}.{statement}"
        for name in names for statement in STATEMENT.findall((folder / name).read_text())
    ]
    modules = " ".join(Path(name).stem for name in names)
    lines = [f"From symgauge Require {modules}.", *(f"Print Assumptions {s}." for s in statements)]
    (folder / "assumptions.v").write_text("\n".join(lines))
    result = coqc(folder, "assumptions.v")
    return statements, result.stdout + result.stderr


def faulty(text: str, name: str) -> tuple[str, list[str]]:
    """A Coq file in which the check of every faulty certificate answers false, and the faults."""
    head, definition, rest = re.split(rf"(Definition {name} : certificate := )", text)
    body = rest.split("|}.", 1)[0] + "|}"
    redundancy = re.search(rf"complete {name} (\d+)", text)
    assert redundancy
    n = int(redundancy[1])
    variants = [("the redundancy", body, n + 1), ("the redundancy, too low", body, n - 1)]
    for what, pattern, replacement in FAULTS:
        changed = re.sub(pattern, replacement, body, count=1)
        if changed != body:
            variants.append((what, changed, n))
    lines = [head, f"Example intact : check ({body}) {n} = true. Proof. by vm_compute. Qed.\n"]
    for number, (_, changed, claimed) in enumerate(variants):
        lines.append(
            f"Example fault_{number} : check ({changed}) {claimed} = false."
            " Proof. by vm_compute. Qed.\n"
        )
    return "".join(lines), [what for what, _, _ in variants]


def fail(message: str) -> int:
    """Say what does not hold; the status for it."""
    print(message, file=sys.stderr)
    return 1


def main() -> int:
    """Build, and print what was seen."""
    what = missing()
    if what is not None:
        print(MISSING.format(what=what), file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path in HERE.glob("*.v"):
            shutil.copy(path, folder)
        names = in_order(folder)
        for name in names:
            start = time.monotonic()
            result = coqc(folder, name)
            if result.returncode:
                return fail(f"{name} does not compile\n{result.stdout}{result.stderr}")
            print(f"{name}: compiled in {time.monotonic() - start:.1f} s")
        statements, answers = assumptions(folder, names)
        if answers.splitlines() != [CLOSED] * len(statements):
            assumed = sorted({line for line in answers.splitlines() if line != CLOSED})
            return fail("not every statement is closed\n" + "\n".join(assumed))
        print(f"{len(statements)} statements, each: {CLOSED}")
        for path in sorted(HERE.glob("*.json")):
            text, faults = faulty(path.with_suffix(".v").read_text(), path.stem)
            (folder / "faults.v").write_text(text)
            result = coqc(folder, "faults.v")
            if result.returncode:
                return fail(f"a faulty {path.stem} was accepted\n{result.stdout}{result.stderr}")
            print(f"{path.stem}: {len(faults)} faults refused ({', '.join(faults)})")
        for name, words, others in CHANGED:
            text = (HERE / name).read_text()
            if words not in text:
                return fail(f"{name} no longer says {words!r}")
            (folder / "changed.v").write_text(text.replace(words, others, 1))
            if not coqc(folder, "changed.v").returncode:
                return fail(f"{name} is proved with {others!r}")
        print(f"{len(CHANGED)} changed statements not proved")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
