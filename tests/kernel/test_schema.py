"""docs/certificate.schema.json says what certificates are: real ones fit, changed ones do not."""

import copy
import json
import re
from typing import Any

import pytest
from kernel_certificates import Data, certificate, derivation

from symgauge.kernel.check import CLAIM
from places import DOCS

SCHEMA: Data = json.loads((DOCS / "certificate.schema.json").read_text(encoding="utf-8"))
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
KEYWORDS = {
    "$schema", "title", "$defs", "$ref", "type", "const", "enum", "oneOf", "pattern", "minimum",
    "minItems", "items", "prefixItems", "required", "properties", "additionalProperties",
}


def wrong(value: Any, schema: Any) -> bool:
    """Whether a value breaks a schema made of KEYWORDS (JSON Schema 2020-12)."""
    if isinstance(schema, bool):
        return not schema
    assert set(schema) <= KEYWORDS, set(schema) - KEYWORDS
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return wrong(value, SCHEMA if name == "#" else SCHEMA["$defs"][name])
    if "const" in schema and value != schema["const"] or value not in schema.get("enum", [value]):
        return True
    if "oneOf" in schema and sum(not wrong(value, s) for s in schema["oneOf"]) != 1:
        return True
    kind = TYPES[schema["type"]] if "type" in schema else object
    if not isinstance(value, kind) or kind is int and isinstance(value, bool):
        return True
    if isinstance(value, str):
        return "pattern" in schema and not re.search(schema["pattern"], value)
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        return len(value) < schema.get("minItems", 0) or any(
            wrong(v, s) for v, s in zip(value, first)) or any(
            wrong(v, schema.get("items", True)) for v in value[len(first):])
    if isinstance(value, dict):
        named = schema.get("properties", {})
        return not set(schema.get("required", ())) <= set(value) or any(
            wrong(v, named.get(k, schema.get("additionalProperties", True)))
            for k, v in value.items())
    return "minimum" in schema and value < schema["minimum"]


@pytest.mark.parametrize("name", [
    "lin_1h_wide", "relu", "lm_tied_logits", "two_scales, balls", "silu, series",
    "lin_2h_taper_nobias"])
def test_certificates_fit(name: str) -> None:
    data = certificate(name)
    assert not wrong(data, SCHEMA)
    assert not wrong(json.loads(derivation(name).to_json())["certificate"], SCHEMA)
    for key in data:
        changed = copy.deepcopy(data)
        changed[key] = 3.5
        assert wrong(changed, SCHEMA), key
    assert wrong({**data, "more": 1}, SCHEMA)
    for key in SCHEMA["required"]:
        assert wrong({k: v for k, v in data.items() if k != key}, SCHEMA), key


def test_lines_and_fields_fit() -> None:
    data = certificate("relu")
    for place in (data["network"]["nodes"][0], data["generators"][0]):
        for key in list(place):
            value = place.pop(key)
            assert wrong(data, SCHEMA), key
            place[key] = [[0.5]]
            assert wrong(data, SCHEMA), key
            place[key] = value
    assert not wrong(data, SCHEMA)


def test_the_page_names_every_key() -> None:
    text = (DOCS / "certificate.rst").read_text(encoding="utf-8")
    for key in {*SCHEMA["properties"], *CLAIM}:
        assert f"``{key}``" in text, key
