"""A generated check is one Python file in which every name is data; no torch is needed for it."""

import ast
import copy
import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from statements import STATEMENTS, Spec

from symgauge.checks import check_names, emit_check, propose_planted, wrong_family
from symgauge.checks.emitter import HERE, literal, read_part
from symgauge.checks.runtime import ORDER
from symgauge.errors import BadInputError

HOSTILE = [
    "'''\nimport os; os.abort()\n'''",
    '"""\nimport os; os.abort()\n"""',
    "\\",
    "a\\'b\\\"c",
    "\\N{BULLET} \\x00 \\u0027",
    "\x00\r\n\t\u2028",
    "Gewichte_\u00e4\u4e2d\U0001f600\ud800",
    "{x} %s # type: ignore",
    '""',
    "",
]


def data(text: str) -> list[object]:
    """The JSON literals at the top of a generated file, in order."""
    literals = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.loads" and node.args:
            if isinstance(node.args[0], ast.Constant):
                literals.append(json.loads(node.args[0].value))
    return literals


def renamed(name: str) -> Spec:
    """The ReLU MLP with every name replaced by the given one."""
    spec = copy.deepcopy(STATEMENTS["mlp"])
    spec["name"] = name
    spec["target"]["source"] += f"\nNAME = {name!r}\n"
    for family in spec["families"]:
        family["label"] = family["group"] = name
        family["formula"] = [name]
        for entry in (family, family["full"]):
            for move in entry["action"]:
                move["parameter"] = name + move["parameter"]
    return spec


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_text_compiles_and_imports_only_torch(name: str) -> None:
    text = emit_check(STATEMENTS[name])
    compile(text, "test_generated.py", "exec")
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").partition(".")[0])
    assert modules - sys.stdlib_module_names == {"torch"}


def test_the_text_is_the_same_each_time() -> None:
    assert emit_check(STATEMENTS["attention"]) == emit_check(STATEMENTS["attention"])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_data(name: str) -> None:
    plain, hostile = emit_check(renamed("plain")), emit_check(renamed(name))
    assert hostile.isascii()
    # the same program: only the docstring and the literals differ
    assert skeleton(hostile) == skeleton(plain)
    record, source = data(hostile)
    assert isinstance(record, dict) and isinstance(source, list)
    assert record["name"] == name
    assert record["families"][0]["small"]["action"][0]["parameter"] == name + "0.weight"
    assert "\n".join(source) == renamed(name)["target"]["source"]


def skeleton(text: str) -> str:
    """The syntax tree with its docstring and its JSON literals blanked."""
    tree = ast.parse(text)
    tree.body = tree.body[1:]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.loads":
            node.args = []
    return ast.dump(tree)


def test_the_docstring_says_what_is_checked() -> None:
    text = ast.get_docstring(ast.parse(emit_check(STATEMENTS["attention"])))
    assert text is not None
    assert text.startswith('Numeric check of the gauge symmetries of "two-head attention".')
    assert '"query/key of each head": "GL(2)^2"' in text and "q.weight -> g" in text
    assert '"larger group, query/key of each head"' in text and "Fewer than three" not in text


def test_the_first_line_names_an_imported_target() -> None:
    spec = STATEMENTS["mlp"] | {
        "target": {"kind": "import", "module": "package.module", "factory": "factory"}
    }
    text = emit_check(spec)
    assert 'imported from "package.module:factory"' in text.split("\n", 1)[0]
    assert "symgauge_target" not in text.split("def load_factory")[0]


def test_the_header_says_when_few_failures_are_planted() -> None:
    spec = STATEMENTS["mlp"] | {"planted": [{"family": "hidden units", "kind": "sign"}]}
    text = emit_check(spec)
    assert '"wrong sign, hidden units"' in text and "Fewer than three" in text
    assert "larger group" not in text.split('"""')[1]


def gain(**changes: str) -> Spec:
    """The units of the network scaled as gains with an offset."""
    spec = copy.deepcopy(STATEMENTS["mlp"])
    (family,) = (f for f in spec["families"] if f["element"]["kind"] == "diagonal")
    family["action"][0].update(changes)
    return spec


def test_the_false_action_on_a_gain_is_planted_as_an_action_alone() -> None:
    spec = gain(offset="1")
    record: Any = data(emit_check(spec))[0]
    found = [p for p in record["planted"] if "scaled and then shifted" in p["label"]]
    assert len(found) == 1 and found[0]["small"]["same_generator"] is True
    first, second = found[0]["small"]["action"][:2]
    assert "offset" not in first and second["form"] == "+c"
    assert second["weight"] == first["weight"]
    assert not any(p["small"].get("same_generator") for p in record["planted"] if p not in found)
    plain: Any = data(emit_check(STATEMENTS["mlp"]))[0]
    assert all("scaled and then" not in p["label"] for p in plain["planted"])


def test_an_offset_is_of_scalings_alone() -> None:
    with pytest.raises(BadInputError, match="has no offset"):
        emit_check(gain(offset="1", form="+Tc"))


def test_importing_the_room_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, symgauge.checks as c; print(c.check_names(), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "numpy"}


def test_the_checks_are_the_files_of_the_folder() -> None:
    assert check_names() == ["invariance", "planted", "tangent"]


def test_no_two_parts_define_one_name() -> None:
    parts = [read_part("symgauge", "plain")]
    parts += [read_part(f"{HERE}.runtime", name) for name in ORDER]
    parts += [read_part(HERE, name) for name in check_names()]
    names: Counter[str] = Counter()
    for part in parts:
        for node in ast.parse(part.body).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names[node.name] += 1
            elif isinstance(node, ast.Assign):
                names.update(ast.unparse(target) for target in node.targets)
            else:
                assert isinstance(node, (ast.AnnAssign, ast.Expr)), ast.unparse(node)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("value", [{"a": [1, None, True, 0.5]}, HOSTILE, ["x" * 200, {"'": "'"}]])
def test_a_literal_is_its_value(value: object) -> None:
    assert eval(literal(value), {"json": json}) == value


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(BadInputError, match="plain JSON data"):
        literal(value)


def test_planted_kinds() -> None:
    def kinds(name: str, index: int) -> list[str]:
        proposals = propose_planted(STATEMENTS[name]["families"])
        return [p["kind"] for p in proposals if p["family"] == index]

    assert kinds("attention", 0) == ["sign", "transpose", "larger", "omitted"]
    assert kinds("attention", 2) == []  # a single move: any part of it is a symmetry too
    assert kinds("attention", 3) == ["sign", "omitted"]
    assert kinds("mlp", 0) == ["sign", "larger", "omitted"]
    assert kinds("grouped", 1) == ["sign", "transpose", "omitted"]  # one copy: nothing to mix


def test_a_larger_group_joins_the_copies() -> None:
    larger = wrong_family(STATEMENTS["attention"]["families"][0], "larger")
    assert larger is not None
    assert larger["element"] == {"kind": "gl", "copies": [], "size": 4}
    joined = {"axis": 0, "start": 0, "sizes": [4], "along": 0, "per": []}
    assert {json.dumps(m["at"]) for m in larger["action"]} == {json.dumps(joined)}
    apart = wrong_family(STATEMENTS["grouped"]["families"][0], "larger")
    assert apart is not None
    assert [m["at"]["along"] for m in apart["action"]] == [[0, 2], 0]


def test_flipping_every_sign_is_not_proposed() -> None:
    """All weights negative is the inverse element: a symmetry. Only the last one is flipped."""
    family = copy.deepcopy(STATEMENTS["mlp"]["families"][0])
    for move in family["action"]:
        move["weight"] = "-1/2"
    wrong = wrong_family(family, "sign")
    assert wrong is not None
    assert [move["weight"] for move in wrong["action"]] == ["-1/2", "-1/2", "1/2"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"element": {"kind": "spin", "copies": [], "size": 5}}, "unknown kind 'spin'"),
        ({"element": {"kind": "gl", "copies": [], "size": 5}}, "cannot act by 's\\^k'"),
        ({"element": {"kind": "diagonal", "copies": [2], "size": 5}}, "factor for each copy"),
    ],
)
def test_an_impossible_statement_is_refused(change: dict[str, object], message: str) -> None:
    spec = copy.deepcopy(STATEMENTS["mlp"])
    spec["families"][0].update(change)
    with pytest.raises(BadInputError, match=message):
        emit_check(spec)


def test_an_impossible_planted_failure_is_refused() -> None:
    spec = STATEMENTS["mlp"] | {"planted": [{"family": 0, "kind": "transpose"}]}
    with pytest.raises(BadInputError, match="no wrong symmetry of kind 'transpose'"):
        emit_check(spec)


def slice_changes() -> list[tuple[str, dict[str, object], str]]:
    """What makes the first slice (norm.bias), or the second (norm.weight), none."""
    return [
        ("norm.bias", {"parameter": "inner.bias"}, "does not fix 'inner.bias'"),
        ("norm.bias", {"element": {"kind": "so", "copies": [], "size": 4}}, "cannot act by"),
        ("norm.bias", {"element": {"kind": "other"}}, "a scaling or a shift"),
        ("norm.bias", {"element": {"kind": "translation", "copies": [2], "size": 4}}, "for each"),
        ("norm.weight", {"parameter": "out.bias"}, "does not fix 'out.bias'"),
    ]


@pytest.mark.parametrize("name, change, message", slice_changes())
def test_an_impossible_slice_is_refused(
    name: str, change: dict[str, object], message: str
) -> None:
    spec = copy.deepcopy(STATEMENTS["layer_norm"])
    through = next(t for t in spec["families"][0]["via"] if t["parameter"] == name)
    through.update(change)
    with pytest.raises(BadInputError, match=message):
        emit_check(spec)


@pytest.mark.parametrize("weight, message", [
    ("2", "by the weight 2"), ("0", "by the weight 0"), ("1/2", "root of 'norm.weight'"),
])
def test_a_slice_without_a_unique_element_is_refused(weight: str, message: str) -> None:
    spec = copy.deepcopy(STATEMENTS["rms"])
    spec["families"][0]["via"][0]["action"][0]["weight"] = weight
    with pytest.raises(BadInputError, match=message):
        emit_check(spec)


def test_what_a_slice_holds_does_not_move_on_it() -> None:
    spec = copy.deepcopy(STATEMENTS["rms"])
    action = spec["families"][0]["action"]
    action.append({**action[0], "parameter": "norm.weight"})
    with pytest.raises(BadInputError, match="'norm.weight' moves or is read on its slice"):
        emit_check(spec)
