"""Printing a derivation: what is claimed, how names are escaped, and that the LaTeX compiles."""

import copy
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from symgauge.errors import InconsistentError, SymgaugeError
from symgauge.report import action, conjugation, latex, names, table, wording
from symgauge.typesetting import escape
from symgauge.typesetting import compile

HOSTILE = "\\input{/etc/passwd}%$#&_^~{}[x]*--``''\"<|>\n\x1b[31mθ中é" + "long" * 40
VERDICTS = ("PROVED", "UNKNOWN", "REFUTED")

NODES = [
    ("linear", "addmm", r"Q = X W_Q^{\top} + b_Q", "$a = g_h$ on each head"),
    ("linear_1", "addmm", r"K = X W_K^{\top} + b_K", r"$-a_h^{\top}$ on each head"),
    ("linear_2", "addmm", r"V = X W_V^{\top} + b_V", "0"),
    ("matmul", "bmm", r"S = Q K^{\top}", r"\delta S = 0"),
    ("mul", "mul", r"S' = S / \sqrt{2}", "0"),
    ("softmax", "softmax", r"A = \operatorname{softmax}(S')", "0"),
    ("matmul_1", "bmm", "Z = A V", "0"),
    ("linear_3", "addmm", r"Y = Z W_O^{\top} + b_O", "0"),
]


def at(axis: int = 0) -> dict[str, Any]:
    return {"axis": axis, "start": 0, "sizes": [2, 2], "along": 1, "per": [0]}


def family(
    label: str, kind: str, group: str, algebra: str, dimension: int, moves: list[tuple[Any, ...]]
) -> dict[str, Any]:
    moved = [{"parameter": p, "form": form, **rest} for p, form, rest in moves]
    return {
        "label": label,
        "group": group,
        "algebra": algebra,
        "dimension": dimension,
        "tensors": [move["parameter"] for move in moved],
        "element": {"kind": kind, "copies": [2], "size": 2},
        "action": moved,
        "formula": [],
        "latex": [],
        "generators": list(range(dimension)),
        "proof": {
            "verdict": "PROVED",
            "method": "polynomial identity over QQ, node by node",
            "lines": [
                {"node": node, "op": op, "latex": formula, "variation": variation}
                for node, op, formula, variation in NODES
            ],
        },
        "full": None,
    }


@pytest.fixture
def attention() -> dict[str, Any]:
    """Two heads of size 2 on width 4, biases everywhere: P = 80, redundancy 24."""
    shapes = {
        f"{p}.{kind}": [4, 4][: 2 if kind == "weight" else 1]
        for p in ("q", "k", "v", "out")
        for kind in ("weight", "bias")
    }
    source = {"weight": "-1", "source": "out.weight", "at": at(1)}
    return {
        "schema": "symgauge/1",
        "name": "attention",
        "target": "attention",
        "sizes": {"d": 4, "heads": 2, "tokens": 3},
        "full_sizes": {"d": 768, "heads": 12, "tokens": 128},
        "observable": "outputs",
        "tensors": [{"name": name, "shape": shape} for name, shape in shapes.items()],
        "network": [
            {"name": node, "op": op, "latex": formula, "shape": [3, 4]}
            for node, op, formula, _ in NODES
        ],
        "parameters": 80,
        "unread": 0,
        "rank": 56,
        "redundancy": 24,
        "orbit_dimension": 24,
        "unexplained": 0,
        "closed": True,
        "algebra": {"form": "gl(2,R)^4 + R^8", "dimension": 24},
        "generators": [
            family(
                "query/key of each head",
                "gl",
                "GL(2)^2",
                "gl(2,R)^2",
                8,
                [
                    ("q.weight", "g", {"at": at()}),
                    ("q.bias", "g", {"at": at()}),
                    ("k.weight", "g^-T", {"at": at()}),
                    ("k.bias", "g^-T", {"at": at()}),
                ],
            ),
            family(
                "value/output of each head",
                "gl",
                "GL(2)^2",
                "gl(2,R)^2",
                8,
                [
                    ("v.weight", "g", {"at": at()}),
                    ("v.bias", "g", {"at": at()}),
                    ("out.weight", "g^-T", {"at": at(1)}),
                ],
            ),
            family(
                "key bias", "translation", "R^4", "R^4", 4, [("k.bias", "+c", {"at": at()})]
            ),
            family(
                "value bias against output bias",
                "translation",
                "R^4",
                "R^4",
                4,
                [("v.bias", "+c", {"weight": "1", "at": at()}), ("out.bias", "+Tc", source)],
            ),
        ],
        "discrete": [
            {"label": "heads permuted", "formula": "(1 2) on the heads", "status": "checked"}
        ],
        "certificate": {"digest": "sha256:" + "0123456789abcdef" * 4},
        "hypotheses": [],
        "verdict": "PROVED",
        "scope": "complete at sizes (d=4, heads=2, tokens=3)",
        "seed": 20240501,
        "versions": {"symgauge": "0.1.0", "torch": "2.13.0"},
        "seconds": {"capture": 1.25, "derive": 0.75, "certify": 0.5},
    }


def undecided(derivation: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(derivation), "verdict": "UNKNOWN", **changes}


def open_sandwich(derivation: dict[str, Any]) -> dict[str, Any]:
    return undecided(derivation, closed=False, rank=50, redundancy=30, unexplained=6)


def renamed(derivation: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The derivation with every string `old` replaced, wherever it stands."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {walk(k): walk(v) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v) for v in value]
        return new if value == old else value

    result: dict[str, Any] = walk(derivation)
    return result


def hostile(derivation: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(derivation)
    for tensor in [t["name"] for t in derivation["tensors"]]:
        changed = renamed(changed, tensor, f"{tensor}{HOSTILE}")
    for key in ("name", "target", "observable", "scope"):
        changed[key] = HOSTILE
    changed["sizes"], changed["versions"] = {HOSTILE: 3}, {HOSTILE: HOSTILE}
    changed["discrete"] = [{"label": HOSTILE, "formula": HOSTILE, "status": HOSTILE}]
    for entry in changed["generators"]:
        entry["label"] = entry["group"] = HOSTILE
        entry["proof"]["method"] = HOSTILE
        for line in entry["proof"]["lines"]:
            line["node"] = line["latex"] = line["variation"] = HOSTILE
    return undecided(changed, hypotheses=[HOSTILE])


def printed(derivation: dict[str, Any], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    table.print_derivation(derivation, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


# what is claimed


def test_proved_derivation_says_complete_with_its_scope(attention: dict[str, Any]) -> None:
    for text in (latex.document(attention), printed(attention).replace("\n", " ")):
        assert "The redundancy is 24" in text
        assert "complete at sizes" in text
    assert "= 56 + 24 = 80 = P" in latex.document(attention)


@pytest.mark.parametrize(
    "change",
    [
        open_sandwich,
        lambda d: undecided(d, hypotheses=["the radicand is no square"]),
        lambda d: undecided(d, generators=[{**d["generators"][0], "proof": None}]),
        lambda d: {**d, "verdict": "REFUTED"},
    ],
)
def test_undecided_derivation_claims_nothing_complete(
    attention: dict[str, Any], change: Any
) -> None:
    derivation = change(attention)
    for text in (latex.document(derivation), printed(derivation)):
        lowered = text.lower().replace("nothing is claimed to be complete", "")
        assert "complete" not in lowered
        assert "The redundancy is 24" not in text
        assert "meet: the proved generators span" not in text


def test_open_sandwich_prints_the_bound(attention: dict[str, Any]) -> None:
    text = latex.document(open_sandwich(attention))
    assert "at most 30." in text and "at most 6 are unexplained." in text
    assert "50 + 24 = 74 < 80 = P" in text


@pytest.mark.parametrize("make", [copy.deepcopy, open_sandwich])
def test_bounds_are_conditional_while_a_hypothesis_is_left(
    attention: dict[str, Any], make: Any
) -> None:
    # a relation forgotten between transcendental values can raise rank J above the truth
    derivation = undecided(make(attention), hypotheses=["exp(a), exp(b) independent"])
    k = derivation["redundancy"]
    text = latex.document(derivation)
    assert f"at most {k} if the hypotheses hold" in text
    assert f"at most {k}." not in text and rf"$\le {k}$ if the hypotheses hold" in text
    assert f"<= {k} if the hypotheses hold" in printed(derivation)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_family_is_called_a_proposition_only_when_proved(
    attention: dict[str, Any], verdict: str
) -> None:
    derivation = undecided(attention)
    derivation["generators"] = derivation["generators"][:1]
    derivation["generators"][0]["proof"]["verdict"] = verdict
    text = latex.document(derivation)
    assert ("\\begin{proposition}" in text) == (verdict == "PROVED")
    said = ", the network's function is left unchanged by"
    assert (said in text) == (verdict == "PROVED")


@pytest.mark.parametrize(
    "changes",
    [
        {"rank": 57, "redundancy": 23},
        {"closed": False},
        {"hypotheses": ["a"]},
        {"redundancy": 25},
        {"rank": 50, "redundancy": 30},
        {"generators": [{"label": "unproved"}]},
    ],
)
def test_contradiction_is_refused(attention: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(InconsistentError, match="contradicts itself"):
        latex.document({**attention, **changes})
    with pytest.raises(InconsistentError):
        printed({**attention, **changes})


def test_discrete_elements_keep_no_stronger_word_than_checked(attention: dict[str, Any]) -> None:
    attention["discrete"][0]["status"] = "complete"
    text = latex.document(attention)
    assert r"\cell not checked" in text and "not claimed to be exhaustive" in text


# formulas


def test_formulas_of_the_four_families(attention: dict[str, Any]) -> None:
    shapes = wording.parameter_shapes(attention)
    symbol = names.symbols(shapes)
    got = [action.lines(f, shapes, symbol) for f in attention["generators"]]
    q, k, v, out = (rf"\mathrm{{{p}}}" for p in ("q", "k", "v", "out"))
    assert got[0][0].finite == rf"W_{{{q},h}} \mapsto g_h\,W_{{{q},h}}"
    assert got[0][2].finite == rf"W_{{{k},h}} \mapsto g_h^{{-\top}}\,W_{{{k},h}}"
    assert got[0][2].infinitesimal.endswith(rf"= -a_h^{{\top}}\,W_{{{k},h}}")
    assert got[1][2].finite == rf"W_{{{out},h}} \mapsto W_{{{out},h}}\,g_h^{{-1}}"
    assert got[1][2].infinitesimal.endswith(rf"= -W_{{{out},h}}\,a_h")
    assert got[1][2].place == r"\text{columns }(h,i) \in 2 \times 2"
    assert got[2][0].finite == rf"b_{{{k},h}} \mapsto b_{{{k},h}} + c_h"
    assert got[3][1].finite == (
        rf"b_{{{out}}} \mapsto b_{{{out}}} - \textstyle\sum_h W_{{{out},h}}\,c_h"
    )
    assert got[3][0].finite == rf"b_{{{v},h}} \mapsto b_{{{v},h}} + c_h"


def whole(axis: int, size: int = 2) -> dict[str, Any]:
    return {"axis": axis, "start": 0, "sizes": [size], "along": 0, "per": []}


@pytest.mark.parametrize(
    ("kind", "shape", "moves", "finite", "infinitesimal"),
    [
        ("gl", [2, 2], [("g", 0), ("g^-T", 1)], r"g\,W\,g^{-1}", r"a\,W - W\,a"),
        ("so", [2, 2], [("g^-T", 0)], r"g\,W", r"a\,W"),
        ("so", [3, 2], [("g^-T", 1)], r"W\,g^{\top}", r"W\,a^{\top}"),
        ("gl", [2, 3, 4], [("g^-T", 0)], r"W \times_{0} g^{-\top}", r"-W \times_{0} a^{\top}"),
        (
            "diagonal",
            [3, 2],
            [("s^k", 1, "-1/2")],
            r"W\,\operatorname{diag}(s)^{-1/2}",
            r"-\tfrac{1}{2}\,W\,\operatorname{diag}(t)",
        ),
        ("diagonal", [2], [("+c", 0, "2")], r"W + 2\,\log s", r"2\,t"),
        ("diagonal", [3], [("s^k", None, "2")], r"s^{2}\,W", r"2\,t\,W"),
        (
            "translation",
            [2, 3],
            [("+c", 0, "-1")],
            r"W - c\,\mathbf{1}^{\top}",
            r"-c\,\mathbf{1}^{\top}",
        ),
        ("translation", [2, 3], [("+c", None, "1")], r"W + c\,\mathbf{1}", r"c\,\mathbf{1}"),
        (
            "diagonal", [2], [("s^k", 0, "1", "1")],
            r"\operatorname{diag}(s)\,(W + \mathbf{1}) - \mathbf{1}",
            r"\operatorname{diag}(t)\,(W + \mathbf{1})",
        ),
        (
            "diagonal", [3, 2], [("s^k", 1, "-1/2", "-2/3")],
            r"(W - \tfrac{2}{3}\,\mathbf{1})\,\operatorname{diag}(s)^{-1/2} + "
            r"\tfrac{2}{3}\,\mathbf{1}",
            r"-\tfrac{1}{2}\,(W - \tfrac{2}{3}\,\mathbf{1})\,\operatorname{diag}(t)",
        ),
        (
            "diagonal", [3], [("s^k", None, "2", "-4")],
            r"s^{2}\,(W - 4\,\mathbf{1}) + 4\,\mathbf{1}", r"2\,t\,(W - 4\,\mathbf{1})",
        ),
    ],
)
def test_formula_of_each_move(
    kind: str, shape: list[int], moves: list[Any], finite: str, infinitesimal: str
) -> None:
    acts = [
        {
            "parameter": "W",
            "form": form,
            "weight": weight[0] if weight else "1",
            "at": None if axis is None else whole(axis),
            **({"offset": weight[1]} if len(weight) > 1 else {}),
        }
        for form, axis, *weight in moves
    ]
    entry = {"element": {"kind": kind, "copies": [], "size": 2}, "action": acts}
    (line,) = action.lines(entry, {"W": shape}, {"W": "W"})
    assert line.finite == rf"W \mapsto {finite}"
    assert line.infinitesimal == rf"\delta W = {infinitesimal}"
    assert escape.is_math(line.finite.replace(r"\mathbf{1}", "1"))


def through(name: str, kind: str, size: int, moves: list[dict[str, Any]]) -> dict[str, Any]:
    element = {"kind": kind, "copies": [], "size": size}
    return {"parameter": name, "element": element, "action": moves}


def normed() -> dict[str, Any]:
    """A reader W, b of a norm with gain and bias: a rotation that fixes the vector of ones."""
    gain = [{"parameter": "gain", "form": "s^k", "weight": "1", "at": whole(0, 3)},
            {"parameter": "W", "form": "s^k", "weight": "-1", "at": whole(1, 3)}]
    bias = [{"parameter": "beta", "form": "+c", "weight": "-1", "at": whole(0, 3)},
            {"parameter": "b", "form": "+Tc", "weight": "1", "source": "W", "at": whole(1, 3)}]
    return {
        "element": {"kind": "so1", "copies": [], "size": 3},
        "action": [{"parameter": "W", "form": "g^-T", "at": whole(1, 3)}],
        "via": [through("beta", "translation", 3, bias), through("gain", "diagonal", 3, gain)],
    }


SHAPES = {"W": [2, 3], "b": [2], "gain": [3], "beta": [3]}
SYMBOLS = {"W": "W", "b": "b", "gain": r"\gamma", "beta": r"\beta"}


def test_a_family_on_slices_is_written_conjugated() -> None:
    reader, follower = conjugation.conjugated_lines(normed(), SHAPES, SYMBOLS)
    assert reader.finite == r"W \mapsto W\,\Gamma\,g^{\top}\,\Gamma^{-1}"
    assert reader.infinitesimal == r"\delta W = W\,\Gamma\,a^{\top}\,\Gamma^{-1}"
    assert follower.finite == r"b \mapsto b - (W' - W)\,\beta"
    assert follower.infinitesimal == r"\delta b = -\delta W\,\beta"
    sentence = action.element_sentence(normed()) + conjugation.slice_sentence(normed(), SYMBOLS)
    assert sentence == (
        r"For $g \in \mathrm{SO}(2)$ fixing the vector of ones in $\mathbb{R}^{3}$, with "
        r"$a \in \mathfrak{so}(3),\ a\,\mathbf{1} = 0$ and $g = \exp a$ near the identity, on the "
        r"slice $\beta = \mathbf{0}$, $\gamma = \mathbf{1}$ and conjugated back; with "
        r"$\Gamma = \operatorname{diag}(\gamma)$, a prime for the image"
    )


def test_a_centred_family_says_what_it_fixes() -> None:
    family = normed() | {
        "element": {"kind": "centred", "copies": [2], "size": 3},
        "action": [{"parameter": "beta", "form": "g", "at": whole(0, 3)},
                   {"parameter": "W", "form": "g^-T", "at": whole(1, 3)}],
    }
    family["via"] = family["via"][1:]
    bias, reader = conjugation.conjugated_lines(family, SHAPES, SYMBOLS)[:2]
    assert bias.finite == r"\beta \mapsto g_h\,\beta"
    assert reader.finite == r"W \mapsto W\,\Gamma\,g_h^{-1}\,\Gamma^{-1}"
    assert action.element_sentence(family) == (
        r"For $g_h = 1 + u_h\,\mathbf{1}^{\top}$ with $u_h \in \mathbb{R}^{3}$ and "
        r"$1 + \mathbf{1}^{\top} u_h > 0$ ($g_h\,z = z$ for every $z$ of sum 0), one for each "
        r"$h \in \{1, 2\}$, with $a_h = w_h\,\mathbf{1}^{\top}$ and $g_h = \exp a_h$"
    )


def test_what_is_added_on_a_slice_is_scaled_back() -> None:
    family = normed()
    family["element"] = {"kind": "translation", "copies": [], "size": 2}
    family["action"] = [{"parameter": "W", "form": "+c", "weight": "-2", "at": whole(0)}]
    line = conjugation.conjugated_lines(family, SHAPES, SYMBOLS)[0]
    assert line.finite == r"W \mapsto W - 2\,c\,\mathbf{1}^{\top}\,\Gamma^{-1}"
    assert line.infinitesimal == r"\delta W = -2\,c\,\mathbf{1}^{\top}\,\Gamma^{-1}"


def test_a_gain_with_an_offset_is_written_conjugated() -> None:
    family = normed()
    family["element"] = {"kind": "diagonal", "copies": [], "size": 2}
    family["action"] = [
        {"parameter": "W", "form": "s^k", "weight": "1", "offset": "1", "at": whole(0)}]
    line = conjugation.conjugated_lines(family, SHAPES, SYMBOLS)[0]
    assert line.finite == (
        r"W \mapsto (\operatorname{diag}(s)\,(W\,\Gamma + \mathbf{1}) - \mathbf{1})\,\Gamma^{-1}")
    assert line.infinitesimal == (
        r"\delta W = \operatorname{diag}(t)\,(W\,\Gamma + \mathbf{1})\,\Gamma^{-1}")


def test_the_element_is_of_the_group_that_is_named() -> None:
    for kind, group, space in (
        ("gl", "GL(3)", r"\mathrm{GL}(3)"), ("gl", "GL+(3)", r"\mathrm{GL}^{+}(3)"),
        ("so", "SO(3)", r"\mathrm{SO}(3)"), ("diagonal", "R_+^3", r"\mathbb{R}_{>0}^{3}"),
    ):
        family = {"element": {"kind": kind, "copies": [], "size": 3}, "group": group}
        assert rf"\in {space}$" in action.element_sentence(family)
        assert action.structure(group) == f"${space}$"


def test_without_a_short_formula_a_tensor_is_written_on_the_slice() -> None:
    """The gain scales half of the columns; then the way of W is no diagonal matrix."""
    family = normed()
    family["via"][1]["action"][1]["at"] = {**whole(1, 2), "start": 1}
    line = conjugation.conjugated_lines(family, SHAPES, SYMBOLS)[0]
    assert line.finite == r"W \mapsto W\,g^{\top}"
    assert line.place == r"\text{columns}\text{, on the slice}"
    # the outer slice moves W as well: what b adds is not W then
    family = normed()
    family["via"].reverse()
    follower = conjugation.conjugated_lines(family, SHAPES, SYMBOLS)[1]
    assert (follower.finite, follower.place) == (r"b \mapsto b'", r"\text{on the way back}")


def test_structure_names() -> None:
    assert action.structure("GL(1,C)^2") == r"$\mathrm{GL}(1,\mathbb{C})^{2}$"
    assert action.structure("so(1,3)") == r"$\mathfrak{so}(1,3)$"
    assert action.structure("dimension 5, radical 2") == "dimension 5,{} radical 2"
    assert action.structure("R^(3)") == r"$\mathbb{R}^{3}$"


# names


def test_symbols_are_the_textbooks() -> None:
    got = names.symbols(["q_proj.weight", "q_proj.bias", "layers.0.weight", "2.bias", "W_o", "A"])
    assert list(got.values()) == [
        r"W_{\mathrm{q}}",
        r"b_{\mathrm{q}}",
        "W_{0}",
        "b_{2}",
        r"W_{\mathrm{o}}",
        "A",
    ]


def test_equal_last_words_take_the_words_that_differ() -> None:
    got = names.symbols(["layers.0.attn.q_proj.weight", "layers.1.attn.q_proj.weight"])
    assert list(got.values()) == [r"W_{0,\mathrm{q}}", r"W_{1,\mathrm{q}}"]


def test_packed_projection_is_named_by_block() -> None:
    blocks = [str(names.Block("attn.in_proj_weight", 0, 4 * i, 4 * i + 4)) for i in range(3)]
    shapes = {"attn.in_proj_weight": (12, 4)}
    got = names.symbols(["attn.in_proj_weight", *blocks], shapes)
    assert list(got.values()) == [
        r"W_{\mathrm{in}}",
        r"W_{\mathrm{q}}",
        r"W_{\mathrm{k}}",
        r"W_{\mathrm{v}}",
    ]
    part = str(names.Block("attn.in_proj_weight", 0, 4, 6))
    # a block that is no third is not called a key
    assert names.symbols([part], shapes)[part] == r"W_{\mathrm{in},4{:}6}"


@pytest.mark.parametrize("count", [1, 40])
def test_hostile_names_have_unique_safe_symbols(count: int) -> None:
    given = ["", "_", ".", "a.weight", "a_weight", "a/weight", "中.weight", HOSTILE]
    given += [f"{HOSTILE}{i}.weight" for i in range(count)]
    got = names.symbols(given)
    assert list(got) == list(dict.fromkeys(given))
    assert len(set(got.values())) == len(got)
    assert all(escape.is_math(symbol) and "^" not in symbol for symbol in got.values())


# escaping


def test_escape_is_ascii_and_leaves_no_active_character() -> None:
    text = escape.escape(HOSTILE + "".join(map(chr, range(0x3000))))
    assert text.isascii()
    rest = text.replace(r"\textbackslash{}", "")
    for character in "%$#&_":
        assert rest.count(character) == rest.count("\\" + character)
    assert "^^" not in text and "\n" not in text


@pytest.mark.parametrize(
    "formula",
    [
        "",
        r"\input{x}",
        r"\write18{ls}",
        r"\csname x\endcsname",
        "a}{b",
        "{",
        "a % b",
        "$",
        "a^b^c",
        "a_b_c",
        "x^",
        r"\frac",
        r"\left(",
        r"a \\ b",
        "^^M",
        "θ",
        "a & b",
        r"\(",
        r"\unknown",
    ],
)
def test_what_is_not_mathematics_is_printed_as_text(formula: str) -> None:
    assert not escape.is_math(formula)
    assert not escape.math(formula).startswith("$")


# the terminal table


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_table_fits(attention: dict[str, Any], width: int) -> None:
    for derivation in (attention, hostile(attention), open_sandwich(attention)):
        text = printed(derivation, width)
        assert max(map(len, text.splitlines())) <= min(width, 80) or width > 80
        assert "\x1b" not in text


def test_table_of_names_folds_and_keeps_every_character(attention: dict[str, Any]) -> None:
    long = "x" * 150
    text = printed(renamed(attention, "k.bias", long))
    # in two families, and on both sides of a Gram matrix
    assert text.count("x") - printed(attention).count("x") == 4 * 150
    assert "[bold]" in printed(renamed(attention, "key bias", "[bold]"))


def test_table_on_a_terminal_that_knows_ascii_only(attention: dict[str, Any]) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    table.print_derivation(hostile(attention), Console(file=stream, width=80))
    stream.flush()
    assert b"U+" in raw.getvalue() or b"\\u4e2d" in raw.getvalue()


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verification_table(verdict: str) -> None:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    answer = SimpleNamespace(
        verdict=SimpleNamespace(name=verdict), reasons=[HOSTILE], hypotheses=["erf"], scope="all",
        left_out=["sizes: not asked", "name: not asked", f"seed: {HOSTILE}"],
    )
    table.print_verification(answer, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert verdict in text and "erf" in text and "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    # facts that are left open for one reason stand together
    assert text.count("not verified") == 2 and "not verified: sizes, name (not asked)" in text


# the document and its PDF


def test_golden_family(attention: dict[str, Any]) -> None:
    attention["generators"] = attention["generators"][2:3]
    attention["generators"][0]["proof"]["lines"] = []
    text = latex.document(undecided(attention))
    start = text.index("\\begin{proposition}")
    assert text[start : text.index("\\section{The certificate}")] == GOLDEN


GOLDEN = r"""\begin{proposition}\normalfont
\textbf{Key bias} ($\mathbb{R}^{4}$, dimension 4). For $c_h \in \mathbb{R}^{2}$, one for each $h \in \{1, 2\}$, the network's function is left unchanged by
\begin{align*}
b_{\mathrm{k},h} &\mapsto b_{\mathrm{k},h} + c_h, \qquad \delta b_{\mathrm{k},h} = c_h
\end{align*}
\end{proposition}
\noindent\emph{Proof.} Decided exactly: polynomial identity over QQ,{} node by node. \hfill$\square$

"""  # noqa: E501


def engine() -> str | None:
    return compile.find_engine()


needs_latex = pytest.mark.skipif(
    os.environ.get("SYMGAUGE_REQUIRE_LATEX") != "1" and engine() is None,
    reason="no LaTeX engine on this machine",
)


@needs_latex
@pytest.mark.parametrize("make", [copy.deepcopy, open_sandwich, hostile, lambda d: widened(d)])
def test_document_compiles(attention: dict[str, Any], make: Any, tmp_path: Path) -> None:
    source = tmp_path / "derivation 1%.tex"
    source.write_text(latex.document(make(attention)), encoding="ascii")
    made = compile.compile_pdf(source)
    assert made == source.with_suffix(".pdf")
    assert source.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert len(list(tmp_path.iterdir())) == 2


def widened(attention: dict[str, Any]) -> dict[str, Any]:
    """Packed projections, repeated heads, a mode product, no finite action; many long names."""
    derivation = undecided(attention, tensors=[], certificate={})
    query = {"axis": 0, "start": 0, "sizes": [2, 2, 2], "along": 2, "per": [0]}
    key = {"axis": 0, "start": 8, "sizes": [2, 2], "along": 1, "per": [0]}
    shapes: dict[str, list[int]] = {"conv.weight": [2, 3, 4], "scale": []}
    families, moves = [], list[tuple[Any, ...]]()
    for layer in range(12):
        packed = f"model.decoder.layers.{layer}.self_attention_module.in_proj_weight"
        shapes[packed] = [16, 8]
        moves = [(packed, "g", {"at": query}), (packed, "g^-T", {"at": key})]
        families.append(family(f"layer {layer}", "gl", "GL(2)^2", "gl(2,R)^2", 8, moves))
    unit = {"axis": 1, "start": 0, "sizes": [3], "along": 0, "per": []}
    moves = [("conv.weight", "s^k", {"weight": "-1/2", "at": unit})]
    moves += [("scale", "+c", {"weight": "1", "at": None})]
    families.append(family("channels", "diagonal", "R_>0^3", "R^3", 3, moves))
    families[-1]["element"] = {"kind": "diagonal", "copies": [], "size": 3}
    families.append({**families[-1], "element": {"kind": "other"}, "action": []})
    families[-1]["formula"] = ["conv.weight -> conv.weight + t x"]
    # as the certificate's network writes its leaves
    leaves = [{"parameter": name, "shape": shape} for name, shape in shapes.items()]
    certificate = {"network": {"nodes": [{"input": "x", "shape": [3, 8]}, *leaves]}}
    return {**derivation, "certificate": certificate, "generators": families}


def test_blocks_and_repeats_are_written_out(attention: dict[str, Any]) -> None:
    text = latex.document(widened(attention))
    assert r"g_h\,W_{1,\mathrm{in},0{:}8,h}" in text
    assert r"\text{rows }(h,r,i) \in 2 \times 2 \times 2" in text
    assert "To first order, " in text
    assert "complete" not in text


@needs_latex
def test_broken_document_is_an_error_with_the_logs_line(tmp_path: Path) -> None:
    source = tmp_path / "broken.tex"
    source.write_text("\\documentclass{article}\\begin{document}\\undefined\\end{document}")
    with pytest.raises(SymgaugeError, match="Undefined control sequence"):
        compile.compile_pdf(source)
    assert list(tmp_path.iterdir()) == [source]


def test_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("SYMGAUGE_REQUIRE_LATEX", raising=False)
    assert compile.compile_pdf(tmp_path / "x.tex") is None
    monkeypatch.setenv("SYMGAUGE_REQUIRE_LATEX", "1")
    with pytest.raises(SymgaugeError, match="none of pdflatex"):
        compile.compile_pdf(tmp_path / "x.tex")


def test_report_imports_nothing_heavy() -> None:
    program = (
        "import sys; from symgauge.report import latex, table, names\n"
        "from symgauge.typesetting import compile\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'sympy', 'flint', 'numpy')"
        " or m.startswith(('symgauge.checks', 'symgauge.derivers'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_several_numbers_of_copies_have_letters_of_their_own() -> None:
    """(h, r, i, h) would name two factors by one letter."""
    place = {"axis": 0, "start": 0, "sizes": [2, 3, 4, 5], "along": 2, "per": [0, 3]}
    move = {"parameter": "w", "form": "g", "at": place}
    element = {"kind": "gl", "copies": [2, 5], "size": 4}
    (line,) = action.lines({"element": element, "action": [move]}, {"w": [120, 7]}, {"w": "W"})
    assert "(h_1,r,i,h_2)" in line.place


def test_what_a_shift_contracts_is_transposed_where_its_rows_are() -> None:
    """A weight of shape (in, out), as GPT-2 holds them: b -> b - W^T c."""
    from fractions import Fraction

    from symgauge.statements.formulas import formula
    from symgauge.families.family import Move, Place
    from symgauge.families.kinds.translation import SHIFT

    for axis, wanted in ((0, "b -> b - w^T c"), (1, "b -> b - w c")):
        size = (4, 12)[axis]
        move = Move("b", "+Tc", Place(axis, 0, (size,), 0), Fraction(-1), source="w")
        assert formula(move, {"b": (12,), "w": (4, 12)}, SHIFT) == wanted


def test_an_algebra_larger_than_its_orbit_says_why() -> None:
    data = {
        "algebra": {"form": "gl(4,R)^2", "dimension": 32, "closed": True}, "orbit_dimension": 29}
    assert wording.stabiliser(data) == (
        "of dimension 32 (of which a stabiliser of dimension 3 fixes a generic point, so that its "
        "orbit has dimension 29)"
    )
    assert not wording.stabiliser({**data, "orbit_dimension": 32})


@pytest.mark.parametrize("outputs, kind, said", [
    ([[0, "hidden"]], "logits", "the values of output hidden"),
    ([[0, "logits"], [2, "value"]], "logits", "the values of outputs logits, value"),
    ([[k, str(k)] for k in range(6)], "logits", "the values of outputs 0, 1, 2, 3 and 2 more"),
    ([[0, "logits"]], "probabilities", "log_softmax of output logits"),
    (None, "logits", "the values of the outputs"),
])
def test_the_observable_is_named_by_its_outputs(outputs: Any, kind: str, said: str) -> None:
    assert wording.observable({"outputs": outputs, "observable": kind}) == said
