"""Records: their JSON is read strictly; derivation.json says each fact once, and reads schema 1."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

import symgauge
from symgauge import BadInputError, Derivation, InconsistentError, Verdict
from symgauge.certify.evidence import all_evidence
from symgauge.certify.find import finder
from symgauge.cli.main import main
from symgauge.derivation.full import FullDerivation
from symgauge.derivation.record import BEFORE, CLAIMED, SCHEMA
from symgauge.derivation.seal import REASONS, edited, sealed
from symgauge.equivalence.algebra import EquivalenceAlgebra
from symgauge.records import Record, RecordFile
from places import DATA

#: A record that the release before wrote.
OLD = DATA / "derivation_1.json"


def old() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OLD.read_text(encoding="utf-8"))
    return found


# -- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Part(Record):
    class_: str
    sizes: tuple[int, ...]
    pair: tuple[int, str] | None
    extra: int | None = None


@dataclass(frozen=True, kw_only=True)
class Whole(RecordFile):
    SCHEMA = "whole/1"

    parts: tuple[Part, ...]
    by_name: dict[str, float]
    word: Literal["yes", "no"]
    verdict: Verdict
    exact: Annotated[Fraction, Fraction]
    rest: Any


PART = {"class": "a", "sizes": [1, 2], "pair": [3, "b"]}
WHOLE = {
    "schema": "whole/1", "parts": [PART, {**PART, "pair": None, "extra": 4}],
    "by_name": {"x": 1, "y": 2.5}, "word": "yes", "verdict": "PROVED", "exact": 2, "rest": [{}],
}


def test_a_record_is_its_json() -> None:
    data = {k: v for k, v in WHOLE.items() if k != "exact"}
    found = Part.from_plain(PART)
    assert (found.class_, found.sizes, found.pair, found.extra) == ("a", (1, 2), (3, "b"), None)
    assert found.plain() == PART
    with pytest.raises(BadInputError, match="lacks exact; derive again"):
        Whole.from_plain(data)


@pytest.mark.parametrize("change, said", [
    ({"sizes": [1, True]}, "entry 1 of sizes of part is True, not an integer"),
    ({"sizes": 3}, "sizes of part is 3, not a list"),
    ({"pair": [3]}, "not a list"), ({"pair": [3, 4]}, "entry 1 of pair of part is 4, not a text"),
    ({"extra": "4"}, "not an integer"), ({"colour": 1}, "has 'colour', which is no key of it"),
])
def test_other_data_is_bad_input(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError) as error:
        Part.from_plain({**PART, **change}, "part")
    assert said in str(error.value)


@pytest.mark.parametrize("change", [
    {"schema": "whole/2"}, {"parts": [[]]}, {"parts": None}, {"by_name": {"x": "1"}},
    {"by_name": []}, {"word": "maybe"}, {"verdict": "SURE"}, {"exact": "1/0"}, {"more": 1},
    # it would be written otherwise
    {"parts": [{**PART, "extra": None}]}, {"exact": "4/2"},
])
def test_what_is_read_is_what_is_written(change: dict[str, Any]) -> None:
    with pytest.raises(BadInputError):
        Whole.from_plain({**WHOLE, **change})


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "{}", "[" * 100_000])
@pytest.mark.parametrize("kind", [Derivation, FullDerivation, EquivalenceAlgebra])
def test_no_record_at_all(kind: type[RecordFile], text: str) -> None:
    with pytest.raises(BadInputError):
        kind.from_json(text)


# -- derivation.json -------------------------------------------------------------------------------


def test_the_schema_before_is_read() -> None:
    data = old()
    found = Derivation.from_json(OLD.read_text(encoding="utf-8"))
    assert data["schema"] == BEFORE and found.verify().verdict is Verdict.PROVED
    assert found.confirm().verdict == "CONFIRMED"
    assert found.data == sealed({**data, "schema": SCHEMA})
    assert (found.rank, found.redundancy, found.generators[0].label) == (
        data["rank"], data["redundancy"], data["generators"][0]["label"])
    # what is written has the claim in the certificate alone
    again = json.loads(found.to_json())
    assert set(again) == set(data) - set(CLAIMED) and edited(again) is None
    assert again["certificate"] == data["certificate"]
    assert Derivation.from_plain(again) == found == Derivation.from_json(found.printed())


FORMS: dict[str, Callable[[], dict[str, Any]]] = {
    "before": old,
    "printed": lambda: json.loads(Derivation.from_plain(old()).printed()),  # type: ignore
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", CLAIMED)
def test_a_copy_that_is_another_is_refused(form: str, key: str) -> None:
    data = FORMS[form]()
    for other in (None, "UNKNOWN", 1, 7, True, [], ["nothing"], 10):
        if json.dumps(other) != json.dumps(data[key]):
            with pytest.raises(InconsistentError, match=f"{key} = .*derive again"):
                Derivation.from_plain(sealed({**data, key: other}))
    with pytest.raises(InconsistentError, match="edited after its digest"):
        Derivation.from_plain({**data, key: "another"})
    lacking = sealed({k: v for k, v in data.items() if k != key})
    with pytest.raises(BadInputError, match=f"lacks {key}"):
        Derivation.from_plain(lacking)
    # in the certificate it is no copy: there verify decides it
    certificate = sealed({**data["certificate"], key: "another"})
    rest = {k: v for k, v in data.items() if k not in CLAIMED}
    forged = Derivation.from_plain(sealed({**rest, "schema": SCHEMA, "certificate": certificate}))
    assert forged.verify().verdict is Verdict.REFUTED


def test_commands_on_the_schema_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "derivation.json"
    path.write_text(OLD.read_text(encoding="utf-8"), encoding="utf-8")
    for arguments in (["verify"], ["verify", "--kernel"], ["certify", "--balls"]):
        assert main([*arguments, str(path)]) == 0
    assert json.loads(path.read_text(encoding="utf-8"))["schema"] == SCHEMA
    for arguments in (["verify"], ["verify", "--kernel"]):
        assert main([*arguments, str(path)]) == 0
    path.write_text(json.dumps(sealed({**old(), "rank": 8})), encoding="utf-8")
    capsys.readouterr()
    assert main(["verify", str(path)]) == 1
    out, err = capsys.readouterr()
    assert not out and "rank = 8" in err and "Traceback" not in err


@pytest.mark.parametrize("kind", [Derivation, FullDerivation])
def test_every_fact_is_decided_or_has_a_reason(kind: type[Derivation | FullDerivation]) -> None:
    from symgauge.derivation import agreement, full

    decided = {
        Derivation: {*agreement.DECIDED, "implicit"}, FullDerivation: {*full.DECIDED}}[kind]
    names = {"schema", *(f.name for f in fields(kind))}
    if kind is Derivation:
        names |= set(CLAIMED)
    assert names <= decided | set(REASONS)


def test_what_is_printed_are_attributes() -> None:
    found = Derivation.from_plain(old())
    for key in found.data:
        assert key == "schema" or hasattr(found, key) and key in dir(found), key
    assert found.generators[0].action[0].parameter in {t.name for t in found.tensors}
    assert repr(found) == "Derivation(mlp: P=9, redundancy=2, orbit=2, R^2, PROVED)"
    with pytest.raises(AttributeError):
        found.colour  # type: ignore[attr-defined]


# -- kinds of evidence -----------------------------------------------------------------------------


def test_each_kind_of_evidence_is_found_and_is_an_option(
    capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(symgauge.__file__).parent / "certify" / "find"
    assert {p.stem for p in folder.glob("[!_]*.py")} == set(all_evidence()) == {"balls", "series"}
    assert main(["derive", "--help"]) == 0
    usage = capsys.readouterr().out
    for name in all_evidence():
        assert callable(finder(name)) and f"--{name}" in usage


def test_names_of_algebras_from_before_stay_open() -> None:
    """A record that does not tell the summands may name the algebra as it did."""
    data = {**old(), "algebra": {**old()["algebra"], "form": "4 R"}}
    before = Derivation.from_plain(sealed(data)).verify()
    assert before.verdict is Verdict.PROVED
    assert any(left.startswith("algebra: its names") for left in before.left_out)
    other = {**old(), "algebra": {**old()["algebra"], "radical": 3}}
    assert Derivation.from_plain(sealed(other)).verify().verdict is Verdict.REFUTED
