"""Writes a generated check: the statement as data, and the text that checks it, in one file.

The text is that of the plain modules of `runtime/` and of every check in this folder (a module
NAME that defines `check_NAME`), read from the package and joined: their imports merged at the top,
those among themselves dropped. Names enter only as JSON, inside raw literals of pure ASCII
without a single quote, so no name can end a literal, whatever it contains.
"""

from __future__ import annotations

import ast
import json
import pkgutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.resources import files
from typing import Literal, NotRequired, TypedDict, cast

from symgauge.checks.proposal import KINDS, propose_planted, wrong_family
from symgauge.checks.runtime import ORDER
from symgauge.checks.runtime.moves import read_by
from symgauge.checks.runtime.subject import CheckRecord, FamilyAtSizes, SizesOfTarget, Target
from symgauge.errors import BadInputError
from symgauge.families.kinds import kind_named, kind_of, with_parts
from symgauge.plain import PlainFamily, PlainMove, PlainPlanted, PlainSlice

HERE = "symgauge.checks"
FOREIGN = ("numpy", "torch", "torchdiffeq")  # what is no part of Python
NEEDED: tuple[
    Literal["label", "class", "element", "action", "via", "same_generator"], ...
] = ("label", "class", "element", "action", "via", "same_generator")

_TAIL = '''

CHECKS: tuple[Check, ...] = (%s)


@functools.cache
def small_run() -> dict[str, Any]:
    """One run at the small sizes, shared by the tests."""
    result = run(RECORD, CHECKS)
    if result["ok"] is None:
        raise unittest.SkipTest("nothing to test: no finite action, or none that could fail")
    return result


def failed(wrong: bool) -> list[str]:
    return [r["label"] for r in small_run()["rows"] if r["wrong"] is wrong and r["ok"] is False]


def test_every_symmetry_holds() -> None:
    assert not failed(wrong=False)


def test_every_planted_failure_is_rejected() -> None:
    assert not failed(wrong=True)


def test_the_budget_of_passes_is_kept() -> None:
    assert small_run()["passes"] <= small_run()["passes_allowed"]


if __name__ == "__main__":
    sys.exit(main(RECORD, CHECKS))
'''


class PlantedByLabel(TypedDict):
    """A wrong symmetry to plant, its family by the label."""

    family: str
    kind: str


class CheckSpec(TypedDict):
    """What a check is made from: see `emit_check`."""

    name: str
    target: Target
    sizes: SizesOfTarget
    observable: str
    output: str | int | None
    outputs: NotRequired[list[tuple[int, str]] | None]
    families: Sequence[PlainFamily]
    planted: NotRequired[Sequence[PlainPlanted | PlantedByLabel] | None]


def emit_check(spec: CheckSpec) -> str:
    """The text of one self-contained Python file that checks the families of `spec`.

    `spec`: "name"; "target", {"kind": "source", "source", "factory"} or {"kind": "import",
    "module", "factory"}; "sizes", {"small": {...}, "full": {...} or None}; "observable";
    "output"; "families" (the statement, each with its "full" entry); and optionally "outputs",
    [number, name] of each that the statement is about, and "planted", a list of {"family": index
    or label, "kind": ...}, by default every `propose_planted`. The target's "training", {"small",
    "full"}, says in which mode each module is (`set_mode` of the runtime).
    Raises BadInputError where the statement is none.
    """
    families = spec["families"]
    for family in families:
        for entry in filter(None, (family, family.get("full"))):
            _check_statement(str(family["label"]), entry)
    planted = spec.get("planted")
    wrong = list(_planted(families, propose_planted(families) if planted is None else planted))
    target = spec["target"].copy()
    source = target.pop("source", None)
    record: CheckRecord = {
        "name": spec["name"],
        "target": target,
        "sizes": spec["sizes"],
        "observable": spec["observable"],
        "output": spec["output"],
        "outputs": spec.get("outputs"),
        "families": [_family(family) for family in families],
        "planted": wrong,
    }
    lines = ['r"""' + _docstring(spec, target, wrong) + '"""', ""]
    checks = check_names()
    parts = [read_part("symgauge", "plain")]
    parts += [read_part(f"{HERE}.runtime", name) for name in ORDER]
    parts[-1:-1] = [read_part(HERE, name) for name in checks]  # `command` runs them
    lines += merged_imports(parts, {"functools", "unittest"})
    lines += ["", f"RECORD: CheckRecord = {literal(record)}"]
    if source is not None:
        text = literal(source.split("\n"))
        lines.append(f'RECORD["target"]["source"] = "\\n".join({text})')
    for part in parts:
        lines += ["", "", *(f"# {line}".rstrip() for line in part.docstring), "", "", part.body]
    entries = "".join(f"check_{name}, " for name in checks).rstrip()
    return "\n".join(lines) + "\n" + _TAIL % entries


def check_names() -> list[str]:
    """The checks of this folder, by name: every module NAME that defines `check_NAME`."""
    folder = str(files(HERE))
    names = [module.name for module in pkgutil.iter_modules([folder]) if not module.ispkg]
    return [name for name in sorted(names) if f"\ndef check_{name}(" in _source(HERE, name)]


class Part:
    """A module's text, taken apart: docstring, imports from outside symgauge, and the rest."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        self.docstring = (ast.get_docstring(tree) or "").split("\n")
        self.plain: set[str] = set()
        self.names: dict[str, set[str]] = {}
        end = 0
        for node in tree.body:
            if isinstance(node, ast.Import):
                self.plain |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
            elif not _is_header(node):
                break
            end = node.end_lineno or end
        self.body = "\n".join(text.split("\n")[end:]).strip("\n")

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if not module.startswith("symgauge."):
            names = {alias.name for alias in node.names} - {"TYPE_CHECKING"}
            self.names.setdefault(module, set()).update(names)


def read_part(package: str, name: str) -> Part:
    """The module of that name, taken apart."""
    return Part(_source(package, name))


def literal(value: object) -> str:
    """A Python expression for plain data: json.loads of a raw literal.

    >>> print(literal({"a'b": None}))
    json.loads(
        r\'\'\'
    {"a\\u0027b": null}
    \'\'\'
    )
    """
    try:
        text = _layout(value, "").replace("'", "\\u0027")
    except (TypeError, ValueError) as error:
        raise BadInputError(f"sizes and statement must be plain JSON data: {error}") from error
    return f"json.loads(\n    r'''\n{text}\n'''\n)"


def _source(package: str, name: str) -> str:
    return files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")


def _is_header(node: ast.stmt) -> bool:
    """The docstring, or the imports that only a type checker needs."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def merged_imports(parts: Sequence[Part], plain: set[str]) -> Iterator[str]:
    """All imports of all parts and `plain`, merged: the standard library, then torch and others."""
    plain = plain.union(*(part.plain for part in parts))
    names: dict[str, set[str]] = {}
    for part in parts:
        for module, some in part.names.items():
            names.setdefault(module, set()).update(some)
    yield f"from __future__ import {', '.join(sorted(names.pop('__future__')))}"
    for foreign in (False, True):
        yield ""
        mine = [m for m in sorted(plain) if (m.partition(".")[0] in FOREIGN) is foreign]
        yield from (f"import {module}" for module in mine)
        for module in sorted(names):
            if (module.partition(".")[0] in FOREIGN) is foreign and names[module]:
                yield f"from {module} import {', '.join(sorted(names[module]))}"


def _layout(value: object, indent: str) -> str:
    """JSON in pure ASCII, on one line where it fits."""
    flat = json.dumps(value, allow_nan=False)
    if len(indent) + len(flat) <= 88 or not isinstance(value, (dict, list, tuple)):
        return flat
    inner = indent + " "
    if isinstance(value, dict):
        items = [f"{json.dumps(str(k))}: {_layout(v, inner)}" for k, v in value.items()]
        opening, closing = "{", "}"
    else:
        items = [_layout(item, inner) for item in value]
        opening, closing = "[", "]"
    lines = f",\n{inner}".join(items)
    return f"{opening}\n{inner}{lines}\n{indent}{closing}"


def _quoted(text: str) -> str:
    """A name in the docstring: a JSON string in which no inner quote is left."""
    inner = json.dumps(text)[1:-1].replace('\\"', "\\u0022").replace("'", "\\u0027")
    return f'"{inner}"'


def _docstring(spec: CheckSpec, target: Target, wrong: Sequence[FamilyAtSizes]) -> str:
    title = f"Numeric check of the gauge symmetries of {_quoted(spec['name'])}"
    if target["kind"] == "import":
        title += f", imported from {_quoted(target['module'] + ':' + target['factory'])}"
    lines = [
        title + ".",
        "",
        "Each family below moves parameters and must leave the outputs unchanged: seen with random",
        "finite group elements and by Jacobian-vector products, against a measured noise floor.",
        "Each planted failure is a wrong symmetry, and must be seen to change the outputs.",
        "What could not fail at the parameters and inputs at hand is drawn again, or not tested.",
        "",
        "    pytest FILE                 (small sizes, float64, CPU)",
        "    python FILE --device cuda --dtype float32 --size full --json record.json",
        "    python FILE --help          (seed, checkpoint)",
        "",
        "Families:" if spec["families"] else "No family of symmetries was found.",
    ]
    for family in spec["families"]:
        lines.append(f"  {_quoted(family['label'])}: {_quoted(family['group'])}")
        if not kind_of(family["element"]).is_finite:
            lines.append("      no finite action given: not checked")
        lines += [f"      {_quoted(formula)}" for formula in family.get("formula", ())]
    if spec["families"]:
        lines += ["", "Planted failures:" if wrong else "No failure is planted."]
        lines += [f"  {_quoted(family['label'])}" for family in wrong]
    if spec["families"] and len(wrong) < 3:
        lines.append("Fewer than three: the families admit no more that are known to be wrong.")
    return "\n".join(lines) + "\n"


def _at_sizes(label: str, small: PlainFamily | None, full: PlainFamily | None) -> FamilyAtSizes:
    return {"label": label, "small": _needed(small), "full": _needed(full)}


def _needed(entry: PlainFamily | None) -> PlainFamily | None:
    """What the runtime needs of a family at a size: element and moves; None where it has none.

    The full size has a label and a class of its own where they name other locations.
    """
    if entry is None or not kind_of(entry["element"]).is_finite:
        return None
    kept = {key: entry[key] for key in NEEDED if key in entry}
    return cast(PlainFamily, {**kept, "element": with_parts(entry["element"])})


def _family(family: PlainFamily) -> FamilyAtSizes:
    """The family at the sizes where it is one: "at": "full" is of a layer that small sizes lack."""
    if family.get("at") == "full":
        entry = _at_sizes(family["label"], None, family)
    else:
        entry = _at_sizes(family["label"], family, family.get("full"))
    # families of one class differ in the number of their layer: they are applied together
    return entry


def _planted(
    families: Sequence[PlainFamily], chosen: Sequence[PlainPlanted | PlantedByLabel]
) -> Iterator[FamilyAtSizes]:
    labels = [family["label"] for family in families]
    for choice in chosen:
        where, kind = choice["family"], choice["kind"]
        if where in labels:
            where = labels.index(where)
        if not isinstance(where, int) or not 0 <= where < len(families) or kind not in KINDS:
            raise BadInputError(f"no wrong symmetry of kind {kind!r} for family {where!r}")
        family = families[where]
        small = wrong_family(family, kind)
        if small is None:
            raise BadInputError(f"family {labels[where]!r} has no wrong symmetry of kind {kind!r}")
        right = family.get("full")
        full = wrong_family(right, kind) if right else None
        if right and full and "label" in right:
            full["label"] = f"{KINDS[kind]}, {right['label']}"
        yield {"family": where, **_at_sizes(f"{KINDS[kind]}, {labels[where]}", small, full)}


def _check_statement(label: str, entry: PlainFamily) -> None:
    """Raises BadInputError unless every move fits its element."""
    name = entry["element"]["kind"]
    try:
        kind = kind_named(name)
    except ValueError as error:
        raise BadInputError(
            f"family {label!r} has an element of unknown kind {name!r}") from error
    if not kind.is_finite:
        return
    fixed: list[str] = []
    for through in entry.get("via", ()):
        _check_slice(label, through)
        _check_fixed(label, through["action"], fixed)
        fixed.append(through["parameter"])
    _check_fixed(label, entry["action"], fixed)
    for move in entry["action"]:
        form, at = move["form"], move.get("at")
        if form not in kind.forms:
            raise BadInputError(f"family {label!r}: a {kind} element cannot act by {form!r}")
        if form not in ("s^k", "+c", "+c/T") and "offset" in move:
            raise BadInputError(f"family {label!r}: {form!r} has no offset")
        if at is None:
            if form not in ("s^k", "+c", "+c/T") or entry["element"]["size"] != 1:
                raise BadInputError(f"family {label!r}: {form!r} needs a location")
        elif len(at["per"]) != len(entry["element"]["copies"]):
            raise BadInputError(f"family {label!r}: a location must name a factor for each copy")


def _check_slice(label: str, through: PlainSlice) -> None:
    """Raises BadInputError unless the family brings its parameter to 1 or to 0, uniquely."""
    _check_statement(label, {"element": through["element"], "action": through["action"]})
    kind, name = kind_of(through["element"]), through["parameter"]
    forms: tuple[str, ...] = ("s^k",) if kind.is_scaling else (
        ("+c", "+Tc") if kind.is_shift else ())
    own = [move for move in through["action"] if move["parameter"] == name]
    if any(move["form"] not in forms for move in through["action"]):
        raise BadInputError(f"family {label!r}: a slice is reached by a scaling or a shift")
    weights = [Fraction(move["weight"]) for move in through["action"]]
    if kind.is_scaling and any(weight.denominator != 1 for weight in weights):
        raise BadInputError(f"family {label!r}: a root of {name!r} may not exist")
    if len(own) != 1 or own[0]["form"] != forms[0]:
        raise BadInputError(f"family {label!r}: its slice does not fix {name!r}")
    weight = Fraction(own[0]["weight"])
    if not weight or (kind.is_scaling and abs(weight) != 1):
        raise BadInputError(f"family {label!r}: its slice fixes {name!r} by the weight {weight}")


def _check_fixed(label: str, moves: Sequence[PlainMove], fixed: Sequence[str]) -> None:
    """Raises BadInputError where a move on a slice touches or reads a parameter held there."""
    for move in moves:
        for name in (move["parameter"], *read_by(move)):
            if name in fixed:
                raise BadInputError(f"family {label!r}: {name!r} moves or is read on its slice")
