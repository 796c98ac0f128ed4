"""Whether a family says how its tensors move; and its lines in plain text, acting on arrays."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from symgauge.families.kinds.other import NONE

#: What a coordinate is that is not the parameter itself: b' = b + n, with n = ...
COORDINATES = re.compile(r"\S+' = .* with n\d* = ")
#: Lines that are no formula of a tensor: over what an element ranges.
RANGES = re.compile(r"for .*( in R| > 0)|g = 1 \+ u 1\^T with .*")
#: What a line says that gives no formula.
NO_FORMULA = re.compile(r"moves \(|follows|\bmore\b")


def unsaid(formula: Sequence[str]) -> list[str]:
    """Lines that neither are formulas nor follow the sentence that there is no finite action."""
    lines = [x for x in formula if not RANGES.fullmatch(x) and not COORDINATES.match(x)]
    if not lines:
        return ["no line"]
    if lines[0] == NONE:
        return [x for x in lines[1:] if not x.startswith("delta ") or " = " not in x] or (
            [] if len(lines) > 1 else ["no generator"])
    return [x for x in lines if " -> " not in x or NO_FORMULA.search(x)]


def moved(
    formula: Sequence[str], state: dict[str, np.ndarray], values: dict[str, float]
) -> dict[str, np.ndarray]:
    """The arrays after the flows that the lines write, `values` for their letters."""
    after = {name: value.copy() for name, value in state.items()}
    for line in formula:
        if RANGES.fullmatch(line):
            continue
        place, image = line.split(" -> ")
        letters = [x for x in "ijkl" if re.search(rf"[\[ ]{x}[,\]]", place)]
        name, index = _split(place)
        ranges = [range(state[name].shape[index.index(x)]) for x in letters]
        for at in product(*ranges):
            names: dict[str, Any] = {**dict(zip(letters, at)), **values, "log": np.log}
            where = tuple(names.get(x, x) for x in index)
            here = tuple(int(x) for x in where)
            after[name][here] = eval(  # noqa: S307
                _python(image, list(state)), {"P": state}, names)
    return after


def _split(place: str) -> tuple[str, list[str]]:
    name, _, index = place.partition("[")
    return name, index.rstrip("]").split(", ") if index else []


def _python(text: str, names: Sequence[str]) -> str:
    """A line's image as Python: products written out, names as arrays."""
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    text = re.sub(r"log (\w+)", r"log(\1)", text)
    text = re.sub(
        rf"(?<![\w.])({either})(\[[^\]]*\])?(?![\w.])",
        lambda m: f"P['{m[1]}']{(m[2] or '[()]').replace(', ', ',')}", text)
    text = text.replace("^", "**")
    return re.sub(r"(?<=[\w\])]) (?=[\w(])", " * ", text)
