"""The redundancy of small sizes, fitted, at published ones, beside the counts by hand.

    python docs/benchmarks/full_fits.py [SHAPE...]

Shapes are those of `full_shapes.py`. Each is the fit of `symgauge fit` around its factory's sizes;
its polynomial, which no published size went into, is evaluated at each model's sizes. What is
certified is kept in CERTIFIED and not derived again, so that a fit may be cut; without that file
all is derived anew. The counts by hand are those of `full_sizes.py`, where `derive --full` proves
as many. A fit is evidence.

Of a shape in CHOSEN the monomials are chosen by hand, more than the count has, as a box of degrees
asks for sizes that are too large to be certified. Its sizes settle them, with some to spare.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sympy

from full_sizes import POSITIONS, ROWS
from symgauge.capture.target import Target
from symgauge.cli.inputs import target_of
from symgauge.derivation.derive import claim_of_target
from symgauge.errors import SymgaugeError
from symgauge.files import write_atomically
from symgauge.fits.fit import Fit, fit
from symgauge.fits.search import Measured
from symgauge.fits.sizes import at_sizes, chosen, parameters, varied
from symgauge.verdict import Verdict

#: Seconds of the processor after which no size of a fit is begun.
SECONDS = 600
#: {"SHAPE: sizes": [redundancy, whether it is certified]}, null where there is no such network.
CERTIFIED = Path(__file__).with_name("full-fits-certified.json")
#: The sizes that are varied, and those of models; others stay as they are in `full_shapes.py`.
ROTARY = ("width", "layers", "ff", "groups", "pairs")
PLAIN = ("heads", "size", "layers", "ff", "tokens")
SHAPES: dict[str, tuple[tuple[str, ...], dict[str, tuple[int, ...]]]] = {
    "llama": (ROTARY, {
        "llama-7b": (4096, 32, 11008, 32, 64),
        "llama-3-8b": (4096, 32, 14336, 8, 64),
        "mistral-7b": (4096, 32, 14336, 8, 64),
    }),
    "gpt2": (PLAIN, {
        "gpt2": (12, 64, 12, 3072, POSITIONS),
        "gpt2-xl": (25, 64, 48, 6400, POSITIONS),
    }),
    "bert": (PLAIN, {"bert-base": (12, 64, 12, 3072, POSITIONS)}),
    "gemma": (ROTARY, {"gemma-7b": (3072, 28, 24576, 16, 128)}),
}


@dataclass(frozen=True)
class Chosen:
    """Sizes by name, monomials in them, sizes to fit on, published ones; `fresh` are predicted."""

    names: str
    monomials: str
    sizes: tuple[tuple[int, ...], ...]
    models: dict[str, tuple[int, ...]]
    fresh: tuple[tuple[int, ...], ...] = ()


CHOSEN = {
    # two groups of three pairs: their values, with biases, fit into a stream of width 12
    "qwen2": Chosen(
        "width layers ff groups pairs",
        "1, width, width**2, layers, layers*width, layers*ff, layers*groups*pairs, "
        "layers*groups*pairs**2, ff, groups, pairs, pairs**2, layers*groups, layers*pairs, "
        "layers*pairs**2, groups*pairs, groups*pairs**2",
        ((8, 1, 3, 1, 1), (7, 1, 3, 1, 1), (9, 1, 3, 1, 1), (6, 1, 3, 1, 1), (8, 2, 3, 1, 1),
         (8, 3, 3, 1, 1), (8, 1, 2, 1, 1), (8, 1, 4, 1, 1), (8, 1, 3, 2, 1), (8, 1, 3, 3, 1),
         (8, 1, 3, 1, 2), (8, 1, 3, 1, 3), (8, 1, 3, 1, 4), (8, 1, 3, 2, 2), (12, 1, 2, 2, 3),
         (7, 2, 3, 1, 1), (8, 2, 2, 1, 1), (8, 2, 3, 2, 1), (8, 2, 3, 1, 2), (8, 2, 3, 1, 3),
         (8, 2, 3, 2, 2), (12, 2, 2, 2, 3)),
        {"qwen2-7b": (3584, 28, 18944, 4, 64)}),
    "t5": Chosen(
        "width layers ff heads size",
        "1, width, layers, layers*width, layers*ff, ff, heads, layers*heads, layers*heads*size, "
        "layers*heads*size**2, size, heads*size, heads*size**2",
        ((4, 1, 3, 1, 2), (3, 1, 3, 1, 2), (5, 1, 3, 1, 2), (4, 1, 2, 1, 2), (4, 1, 3, 1, 1),
         (4, 1, 3, 1, 3), (4, 1, 3, 2, 1), (4, 1, 3, 2, 2), (4, 1, 3, 2, 3), (4, 2, 3, 1, 2),
         (3, 2, 3, 1, 2), (4, 2, 2, 1, 2), (4, 2, 3, 1, 1), (4, 2, 2, 1, 3), (4, 2, 3, 2, 1),
         (4, 2, 3, 2, 2), (4, 1, 3, 3, 1)),
        {"t5-base": (768, 12, 3072, 12, 64)}),
    # a width of 6 wants a longer table, two pairs a third token
    "mixtral": Chosen(
        "width layers ff groups pairs experts vocabulary tokens",
        "1, width, width**2, layers, layers*width, layers*groups*pairs, layers*groups*pairs**2, "
        "layers*ff*experts, layers*ff, layers*experts",
        ((4, 1, 1, 1, 1, 3, 8, 2), (5, 1, 1, 1, 1, 3, 8, 2), (4, 2, 1, 1, 1, 3, 8, 2),
         (6, 1, 1, 1, 1, 3, 14, 2), (4, 1, 2, 1, 1, 3, 8, 2), (4, 1, 1, 1, 1, 4, 8, 2),
         (4, 1, 2, 1, 1, 4, 8, 2), (4, 1, 1, 2, 1, 3, 8, 2), (4, 1, 1, 1, 2, 3, 8, 3),
         (5, 2, 1, 1, 1, 3, 8, 2), (4, 2, 2, 1, 1, 3, 8, 2),
         (4, 2, 1, 2, 1, 3, 8, 2)),
        {"mixtral-8x7b": (4096, 32, 14336, 8, 64, 8, 32000, 8)}),
    # of one head, as wide as the stream, a norm that centres hides an entry
    "vit": Chosen(
        "heads size layers ff channels across labels",
        "1, layers, layers*heads, layers*heads*size, layers*heads*size**2, layers*ff, heads*size, "
        "heads**2*size**2, labels, channels, across, across**2",
        ((2, 2, 2, 3, 3, 2, 5), (2, 3, 2, 3, 3, 2, 5), (3, 2, 2, 3, 3, 2, 5),
         (4, 1, 2, 3, 3, 2, 5), (5, 1, 2, 3, 3, 2, 5), (2, 4, 2, 3, 3, 2, 5),
         (2, 2, 3, 3, 3, 2, 5), (2, 3, 3, 3, 3, 2, 5), (4, 1, 3, 3, 3, 2, 5),
         (2, 2, 2, 2, 3, 2, 5), (2, 2, 2, 4, 3, 2, 5), (2, 2, 3, 2, 3, 2, 5),
         (2, 2, 2, 3, 2, 2, 5), (2, 2, 2, 3, 4, 2, 5), (2, 2, 2, 3, 3, 3, 5),
         (2, 2, 2, 3, 3, 4, 5), (2, 2, 2, 3, 3, 2, 4), (2, 2, 2, 3, 3, 2, 6)),
        {"vit-base": (12, 64, 12, 3072, 768, 14, 2)},
        ((3, 2, 3, 2, 2, 2, 4), (5, 1, 3, 2, 4, 3, 6))),
    # ff and experts are of layers behind the dense ones: with as many dense ones nothing sees them
    "deepseek_v3": Chosen(
        "width layers dense wide ff experts heads queries keys size pairs",
        "1, width, width**2, layers, layers*width, layers*heads, layers*heads*size, "
        "layers*heads*size**2, layers*queries, layers*queries**2, layers*keys, layers*keys**2, "
        "layers*pairs, dense, dense*wide, layers*ff, dense*ff, layers*experts*ff, dense*experts*ff",
        ((4, 1, 1, 3, 2, 3, 2, 3, 3, 2, 1), (5, 1, 1, 3, 2, 3, 2, 3, 3, 2, 1),
         (6, 1, 1, 3, 2, 3, 2, 3, 3, 2, 1), (4, 2, 2, 3, 2, 3, 2, 3, 3, 2, 1),
         (5, 2, 2, 2, 2, 3, 1, 3, 3, 2, 1), (4, 1, 1, 3, 2, 3, 1, 3, 3, 2, 1),
         (4, 1, 1, 3, 2, 3, 3, 3, 3, 2, 1), (4, 1, 1, 3, 2, 3, 2, 3, 3, 1, 1),
         (4, 1, 1, 3, 2, 3, 2, 3, 3, 3, 1), (4, 1, 1, 3, 2, 3, 1, 3, 3, 3, 1),
         (4, 1, 1, 3, 2, 3, 2, 2, 3, 2, 1), (4, 1, 1, 3, 2, 3, 2, 4, 3, 2, 1),
         (4, 1, 1, 3, 2, 3, 2, 3, 2, 2, 1), (4, 1, 1, 3, 2, 3, 2, 3, 4, 2, 1),
         (4, 1, 1, 3, 2, 3, 2, 3, 3, 2, 2), (4, 1, 1, 2, 2, 3, 2, 3, 3, 2, 1),
         (4, 1, 1, 4, 2, 3, 2, 3, 3, 2, 1), (4, 1, 0, 3, 2, 3, 2, 3, 3, 2, 1),
         (4, 1, 0, 3, 1, 3, 2, 3, 3, 2, 1), (4, 1, 0, 3, 2, 4, 2, 3, 3, 2, 1),
         (4, 1, 0, 3, 1, 4, 1, 3, 3, 2, 1), (4, 1, 1, 3, 1, 3, 2, 3, 3, 2, 1),
         (4, 1, 1, 3, 1, 4, 2, 3, 3, 2, 1), (4, 1, 1, 3, 2, 4, 2, 3, 3, 2, 1),
         (4, 2, 1, 3, 2, 3, 1, 3, 3, 2, 1)),
        {"deepseek-v3": (7168, 61, 3, 18432, 2048, 256, 128, 1536, 512, 128, 32)},
        ((5, 1, 0, 3, 1, 4, 1, 2, 3, 3, 1), (5, 2, 2, 2, 2, 3, 2, 3, 2, 1, 1))),
    # three pairs want a fourth token and a longer table
    "gpt_neox": Chosen(
        "heads turned plain layers ff vocabulary tokens",
        "1, layers, layers*heads, layers*heads*turned, layers*heads*plain, layers*heads*turned**2, "
        "layers*heads*turned*plain, layers*heads*plain**2, layers*ff, heads*(turned + plain), "
        "heads**2*(turned + plain)**2, vocabulary",
        ((2, 2, 1, 1, 3, 24, 3), (2, 2, 2, 1, 3, 24, 3), (2, 2, 3, 1, 3, 24, 3),
         (3, 2, 1, 1, 3, 24, 3), (2, 4, 1, 1, 3, 24, 3), (2, 2, 1, 2, 3, 24, 3),
         (2, 2, 1, 1, 2, 24, 3), (2, 2, 1, 1, 4, 24, 3), (2, 2, 1, 1, 3, 23, 3),
         (2, 2, 1, 1, 3, 25, 3), (2, 4, 2, 1, 3, 24, 3), (2, 2, 2, 2, 3, 24, 3),
         (4, 2, 1, 1, 3, 24, 3), (3, 2, 2, 1, 3, 24, 3), (2, 6, 1, 1, 3, 32, 4)),
        {"gpt-neox-20b": (64, 24, 72, 44, 24576, 50432, 8)},
        ((3, 2, 1, 2, 2, 25, 3), (2, 4, 1, 2, 2, 24, 3))),
}


def shaped(shape: str) -> Target:
    """A factory of `full_shapes.py`."""
    return target_of(f"{Path(__file__).with_name('full_shapes.py')}:{shape}", [])


def beside_counts(
    polynomial: sympy.Expr, names: Sequence[str], models: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """A row for each model: what a polynomial in these names says there, and the count by hand."""
    out = []
    for name, sizes in models.items():
        there = zip(map(sympy.Symbol, names), sizes, strict=True)
        value, hand = int(polynomial.subs(there)), ROWS[name].by_hand()
        out.append(f"| {name} | {value:,} | {'the same' if value == hand else f'{hand:,}'} |")
    return out


def fitted(shape: str) -> Fit:
    """The fit of a shape. Raises BadInputError where no polynomial runs through what is known."""
    target = shaped(shape)
    free, _ = varied(target, SHAPES[shape][0])
    derive, begun = remembered(shape, target), time.process_time()
    return fit(
        [s.label for s in free], [s.values for s in free], at_sizes(free, target.sizes),
        lambda point: derive(chosen(free, point)),
        lambda point: parameters(target, chosen(free, point)) or 0,
        lambda said: print(said, file=sys.stderr, flush=True),
        lambda share: time.process_time() - begun > share * SECONDS)


def remembered(shape: str, target: Target) -> Callable[[dict[str, int]], Measured | None]:
    """What is certified at sizes, derived where CERTIFIED has none."""
    known = json.loads(CERTIFIED.read_text()) if CERTIFIED.exists() else {}

    def derive(sizes: dict[str, int]) -> Measured | None:
        there = target.at(sizes)
        name = f"{shape}: " + ", ".join(f"{n} {v}" for n, v in there.sizes.items())
        if name not in known:
            try:
                claim = claim_of_target(there)
                known[name] = [claim.redundancy, claim.verdict is Verdict.PROVED]
            except SymgaugeError:
                known[name] = None
            write_atomically(CERTIFIED, json.dumps(known, indent=1, sort_keys=True) + "\n")
        return None if known[name] is None else Measured(*known[name])

    return derive


def lines(shape: str, found: Fit) -> list[str]:
    """What was fitted, then one row for each model."""
    ranges = ", ".join(
        f"{n} {r[0]} to {r[-1]}" for n, r in zip(found.names, found.ranges, strict=True))
    out = [f"`{shape}`: `{found.polynomial}`", "",
           f"fitted on {len(found.points)} sizes: {ranges}", ""]
    out += [f"fresh: {p.at}: {p.found} certified, {p.predicted} predicted"
            for p in found.predictions]
    out += [f"beyond a bound: {name} = {value}: {there}" for name, value, there in found.beyond]
    out += [f"not certified, not used: {at}" for at in found.open]
    polynomial = sympy.sympify(
        str(found.polynomial), {n: sympy.Symbol(n) for n in found.names})
    return out + beside_counts(polynomial, found.names, SHAPES[shape][1])


def settled(shape: str) -> list[str]:
    """The polynomial of chosen monomials through certified sizes, then one row for each model."""
    asked = CHOSEN[shape]
    names = asked.names.split()
    derive, found = remembered(shape, shaped(shape)), {}
    for at in asked.sizes:
        one = derive(dict(zip(names, at, strict=True)))
        print(at, one, file=sys.stderr, flush=True)
        if one is not None and one.certified:
            found[at] = one.value
    symbols = sympy.symbols(asked.names)
    local = dict(zip(names, symbols, strict=True))
    terms = [sympy.sympify(t, local) for t in asked.monomials.split(", ")]
    rows = sympy.Matrix([[t.subs(zip(symbols, at, strict=True)) for t in terms] for at in found])
    if rows.rank() < len(terms):
        return [f"{len(found)} certified sizes settle {rows.rank()} of {len(terms)} coefficients"]
    values = sympy.Matrix(list(found.values()))
    if rows.row_join(values).rank() > len(terms):
        return [f"no polynomial of these monomials runs through the {len(found)} certified sizes"]
    rest = (rows.T * rows).LUsolve(rows.T * values)
    polynomial = sum(c * t for c, t in zip(rest, terms, strict=True))
    out = [f"`{shape}`: `{sympy.expand(polynomial)}`", "",
           f"fitted on {len(found)} sizes, {len(terms)} monomials chosen by hand", ""]
    for at in asked.fresh:
        said = int(polynomial.subs(zip(symbols, at, strict=True)))
        there = derive(dict(zip(names, at, strict=True)))
        shown = "nothing" if there is None or not there.certified else f"{there.value:,}"
        out.append(f"fresh: {at}: {shown} certified, {said:,} predicted")
    out += [f"not certified, not used: {at}" for at in asked.sizes if at not in found]
    return out + beside_counts(polynomial, names, asked.models)


if __name__ == "__main__":
    for one in sys.argv[1:] or [*SHAPES, *CHOSEN]:
        before = time.process_time()
        print("\n".join(lines(one, fitted(one)) if one in SHAPES else settled(one)))
        print(f"{time.process_time() - before:.0f} s", flush=True)
