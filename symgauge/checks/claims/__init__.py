"""Numeric checks of the claims at full size: neural ODEs, depth, tokens, regularisation.

One check a file: a module NAME whose docstring begins with `CLAIM: title`, with SIZES and
`check(bench)`; it imports only torch, numpy and `runtime/`, whose text `emit_claim(NAME)` joins to
it in one self-contained file. `claim_names` enumerates the folder, there is no list. Importing
this room imports neither torch nor torchdiffeq.
"""

from __future__ import annotations

import ast
import pkgutil
from importlib.resources import files
from typing import Any

from symgauge.checks.claims.runtime import ORDER
from symgauge.checks.emitter import Part, literal, merged_imports, read_part
from symgauge.errors import BadInputError

__all__ = ["claim_head", "claim_names", "emit_claim", "find_claims"]

HERE = "symgauge.checks.claims"

_USAGE = """\
    pytest FILE                 (small sizes, float64, CPU)
    python FILE --device cpu --dtype float64 --size full --json RECORD --plot FILE.png

It needs torch and torchdiffeq. The functions `vector_field`, `diffeomorphism` and their like, below
the imports, may be replaced by your own. Exit status: 0 all rows hold, 1 a row fails, 3 bad input
(no solution, no diffeomorphism), with the time and the point."""

_END = '''

HEAD: dict[str, Any] = %s


@functools.cache
def small_run() -> dict[str, Any]:
    """One run at the small sizes, shared by the tests."""
    return run_claim(HEAD, check)


def failed(wrong: bool) -> list[str]:
    return [r["label"] for r in small_run()["rows"] if r["wrong"] is wrong and r["ok"] is False]


def test_the_claim_holds() -> None:
    assert not failed(wrong=False)


def test_every_planted_failure_is_rejected() -> None:
    assert not failed(wrong=True)


if __name__ == "__main__":
    sys.exit(claim_main(HEAD, check))
'''


def claim_names() -> list[str]:
    """The checks of this folder, by name, c2 before c10.

    >>> claim_names()[0]
    'c1_redundancy'
    """
    names = [m.name for m in pkgutil.iter_modules([str(files(HERE))]) if not m.ispkg]
    return sorted(names, key=_order)


def _order(name: str) -> tuple[int, str]:
    digits = "".join(c for c in name.partition("_")[0] if c.isdigit())
    return (int(digits) if digits else 10**6, name)


def find_claims(text: str) -> list[str]:
    """The checks that a user's word names: a name, or a claim such as C2 or C2'.

    >>> find_claims("C2'"), find_claims("c2p") == find_claims("C2'")
    (['c2p_recovery'], True)

    Raises BadInputError where there is none.
    """
    names = claim_names()
    key = text.lower().replace("'", "p")
    found = [name for name in names if key in (name, name.partition("_")[0])]
    if not found:
        raise BadInputError(
            f"there is no check of a claim {text!r}; the claims are "
            + ", ".join(claim_head(name)["claim"] for name in names)
        )
    return found


def claim_head(name: str) -> dict[str, Any]:
    """What is known of a check without running it: name, claim, title and sizes."""
    part = read_part(HERE, name)
    claim, _, title = part.docstring[0].partition(": ")
    return {"name": name, "claim": claim, "title": title.rstrip("."), "sizes": _sizes(part.body)}


def _sizes(body: str) -> Any:
    for node in ast.parse(body).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SIZES":
            return ast.literal_eval(node.value)
    raise BadInputError("a check of a claim must define SIZES")


def emit_claim(name: str) -> str:
    """The text of one self-contained Python file: the check of the claim, then what it runs on."""
    mine: Part = read_part(HERE, name)
    parts = [read_part("symgauge.checks.runtime", "record")]
    parts += [read_part(f"{HERE}.runtime", other) for other in ORDER]
    lines = ['r"""' + "\n".join([*mine.docstring, "", _USAGE]), '"""', ""]
    lines += merged_imports([mine, *parts], {"functools"})
    lines += ["", mine.body]
    for part in parts:
        lines += ["", "", *(f"# {line}".rstrip() for line in part.docstring), "", "", part.body]
    return "\n".join(lines) + "\n" + _END % literal(claim_head(name))
