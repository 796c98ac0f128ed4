"""The bound of the converse sweep on random small networks, against the rank of the Jacobian.

Run `python docs/benchmarks/converse_fuzz.py [COUNT] [--grammar composed|swept|turned|normed|post|
routed|joined] [--seed N] [--seconds S] [--out FILE]` from a checkout: COUNT networks that are
judged, from seed N on. Each network of the tests' NAME_networks.py, NAME the grammar, is captured
and swept; the rank of its Jacobian is exact, modulo a prime, at random points (of piecewise
networks the largest over several cells). Where the sizes are in the range, the bound must not be
below P - rank; and what the steps leave free must not be below the same of the parameters that
they settle, all others held (which tells more where the sweep stops early). The polynomial of a
composed network is taken at other sizes too: where these meet the printed conditions, it must not
be below P - rank there. Where nothing else is said to be at these sizes, families, bound and
P - rank must be one number, and the second reading (room `steps`) must not establish other steps.

With --out, each network is a line of FILE, and seeds that are there already are not run again.
Printed: every violation with its network, a tally, and where the sweep stops; the exit status is
1 if there was a violation. Times are seconds of the processor; imports are outside.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from time import process_time

import numpy as np
import numpy.typing as npt
import torch
from sympy import expand

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

import composed_networks  # noqa: E402
import joined_networks  # noqa: E402
import normed_networks  # noqa: E402
import post_networks  # noqa: E402
import routed_networks  # noqa: E402
import swept_networks  # noqa: E402
import turned_networks  # noqa: E402

from symgauge.capture import capture  # noqa: E402
from symgauge.completeness.complete import AGREES, completeness  # noqa: E402
from symgauge.converse.sweep import Outcome, sweep  # noqa: E402
from symgauge.errors import SymgaugeError  # noqa: E402
from symgauge.exact.prime_field import Array as Residues  # noqa: E402
from symgauge.exact.prime_field import PrimeField, primes  # noqa: E402
from symgauge.exact.running_rank import RunningRank  # noqa: E402
from symgauge.points.draw import Draw  # noqa: E402
from symgauge.points.rank import draw_theta, rank_at_point  # noqa: E402
from symgauge.points.reads import read_coordinates  # noqa: E402
from symgauge.points.rows import batches  # noqa: E402
from symgauge.points.tokens import draw_tokens  # noqa: E402
from symgauge.points.tried_cells import Cells  # noqa: E402
from symgauge.program.network import Network  # noqa: E402
from symgauge.spaces.structure import Structure  # noqa: E402

#: Parameters above which a network is passed over; of tokens, whose vocabulary is large; of heads.
MOST, MOST_TOKENS, MOST_TURNED = 120, 600, 220
#: Rows of the Jacobian for each coordinate, where inputs are tokens.
ROWS = 3
#: Words of the tally for what was no network to judge.
PASSED = ("no module", "too large", "refused", "no rank")
#: Grammars whose networks have one size each.
PLAIN = {"swept": swept_networks, "turned": turned_networks, "normed": normed_networks,
         "post": post_networks, "routed": routed_networks, "joined": joined_networks}
Example = tuple[torch.nn.Module, tuple[torch.Tensor, ...]]


@dataclass(frozen=True)
class Judged:
    """One network: its seed, a word for the tally, the bound, P - rank, where the sweep stops."""

    seed: int
    word: str
    bound: int = -1
    redundancy: int = -1
    #: What the steps leave free of the settled parameters, and what can vary of these alone.
    free: int = -1
    moved: int = -1
    stop: str = ""
    network: str = ""
    #: What became of the polynomial at other sizes.
    elsewhere: str = ""
    #: For which sizes nothing else is said to be, and what the second reading says.
    extent: str = ""
    second: str = ""


def dimensions(outcome: Outcome, seed: int) -> tuple[int, int]:
    """P - rank J at random residues, and the same of the settled parameters, all others held.

    Of piecewise networks both ranks are those of the cell of largest rank, of several.
    """
    network, rng = outcome.structure.network, np.random.default_rng(seed)
    field, read, tokens = PrimeField(next(primes())), read_coordinates(network), draw_tokens(
        network, rng)
    cells = Cells(network, field, rng, read, tokens)
    rank = cells.many(int(read.sum()), network.num_coordinates)
    settled = np.zeros_like(read)
    for i, parameter in zip(network.parameter_nodes, network.parameters, strict=True):
        if outcome.ledger.is_settled(i):
            start = network.offsets[parameter.name]
            settled[start:start + parameter.size] = True
    columns = read & settled
    draw = Draw(network, field, rng, cell=cells.best, tokens=tokens)
    if tokens:
        draw = replace(draw, tokens=each_often(network, rng))
        rank = max(rank, rank_of_rows(draw, read))
        held = rank_of_rows(draw, columns)
    else:
        held = rank_at_point(draw, columns) if columns.any() else 0
    return int(network.num_coordinates) - rank, int(settled.sum()) - held


def each_often(network: Network, rng: np.random.Generator) -> dict[str, Residues]:
    """Token inputs in which each id is as frequent as any other, at each place."""
    count = ROWS * network.num_coordinates
    out = {}
    for x in network.inputs:
        places = [np.concatenate([rng.permutation(x.classes) for _ in range(
            -(-count // x.classes))])[:count] for _ in range(prod(x.shape[:-1]))]
        ids = np.stack(places, axis=1).reshape(count, *x.shape[:-1])
        out[x.name] = np.eye(x.classes)[ids]
    return out


def rank_of_rows(draw: Draw, columns: npt.NDArray[np.bool_]) -> int:
    """The rank of ROWS rows for each coordinate: few rows leave single tokens out."""
    if not columns.any():
        return 0
    theta, salt = draw_theta(draw.network, draw.field, draw.rng)
    drawn = replace(draw, theta=theta, salt=salt)
    running = RunningRank(int(columns.sum()), draw.field.p)
    for batch in batches(drawn, ROWS * draw.network.num_coordinates, 1):
        running.add(batch.coefficients[0][:, columns])
    return running.rank


def example_of(grammar: str, seed: int, other: int = 0) -> tuple[str, Example]:
    """The network as it is printed, the module and an example; `other`: at other sizes."""
    if grammar in PLAIN:
        recipe = PLAIN[grammar].recipe(seed)
        return str(recipe), PLAIN[grammar].build(recipe)
    drawn = composed_networks.composed(seed)
    values = composed_networks.sizes(drawn, 1000003 * other + seed)
    text = f"{drawn.text} at {' '.join(f'{k}={v}' for k, v in values.items())}"
    return text, composed_networks.build(drawn, values)


def captured(grammar: str, seed: int, other: int = 0) -> tuple[str, Network | None]:
    """The program and its text, or why there is none."""
    try:
        text, (module, args) = example_of(grammar, seed, other)
        module(*args)
    except (RuntimeError, ValueError, IndexError):
        return "no module", None
    most = MOST_TOKENS if not args[0].is_floating_point() else (
        MOST_TURNED if grammar == "turned" else MOST)
    if sum(p.numel() for p in module.parameters()) > most:
        return "too large", None
    try:
        return text, capture(module, args).network
    except SymgaugeError:
        return "refused", None


def judged(grammar: str, seed: int) -> Judged:
    """One network, swept and ranked."""
    text, network = captured(grammar, seed)
    if network is None:
        return Judged(seed, text)
    outcome = sweep(network)
    stop = "" if outcome.stop is None else f"{outcome.stop.law}: {outcome.stop.reason}"
    try:
        redundancy, moved = least(outcome, seed)
    except SymgaugeError:
        return Judged(seed, "no rank", stop=stop, network=text)
    elsewhere = _elsewhere(grammar, seed, network, outcome) if grammar == "composed" else ""
    word, extent, second = _word(outcome, redundancy, moved), "", ""
    if outcome.stop is None:
        record = completeness(network)
        extent, second = record.extent.name, record.second
        if extent in ("RANGE", "HERE") and not redundancy == record.bound == record.families:
            word = "VIOLATION: complete is said"
    return Judged(seed, word, outcome.bound, redundancy, left_free(outcome), moved, stop, text,
                  elsewhere, extent, second)


def left_free(outcome: Outcome) -> int:
    """What the steps leave free, and what is open where they end."""
    return int(outcome.ledger.sizes.value(expand(outcome.ledger.total + outcome.ledger.open)))


def least(outcome: Outcome, seed: int) -> tuple[int, int]:
    """`dimensions`, the least of three points where the first says more than the sweep."""
    found = dimensions(outcome, seed)
    if outcome.applies and (found[0] > outcome.bound or found[1] > left_free(outcome)):
        others = [found, *(dimensions(outcome, seed + k) for k in (1, 2))]
        found = min(x for x, _ in others), min(y for _, y in others)
    return found


def _word(outcome: Outcome, redundancy: int, moved: int) -> str:
    if not outcome.applies:
        return "sizes outside the range"
    if outcome.bound < redundancy:
        return "VIOLATION"
    if left_free(outcome) < moved:
        return "VIOLATION of the settled parameters"
    if outcome.stop is not None:
        return "bound, the sweep stops"
    return "exact" if outcome.bound == redundancy else "bound, not sharp"


def _elsewhere(grammar: str, seed: int, network: Network, outcome: Outcome) -> str:
    """The polynomial at other sizes that meet the conditions, against P - rank there."""
    if outcome.stop is not None:
        return ""
    for other in range(1, 4):
        text, found = captured(grammar, seed, other)
        if found is None or shape_of(found) != shape_of(network):
            continue
        values = _values(outcome, Structure(found))
        needed = outcome.ledger.conditions()
        if values is None or any(c.less.subs(values) > c.more.subs(values) for c in needed):
            continue
        bound = int(outcome.free.subs(values))
        try:
            there = sweep(found)
            redundancy = min(dimensions(there, seed + k)[0] for k in (
                (0,) if dimensions(there, seed)[0] <= bound else (1, 2, 3)))
        except SymgaugeError:
            continue
        if bound < redundancy:
            return f"VIOLATION: {bound} < {redundancy} of {text}"
        return "exact" if bound == redundancy else "not sharp"
    return "no other sizes"


def shape_of(network: Network) -> list[tuple[object, ...]]:
    """The program but for its sizes; an axis of size 1 is no letter of a polynomial."""
    return [(n.op_name, n.inputs, tuple(k == 1 for k in n.shape)) for n in network.nodes]


def _values(outcome: Outcome, there: Structure) -> dict[object, int] | None:
    """The sizes of legs in the same program at other sizes, by the places where they are."""
    here, out = outcome.structure, {}
    if len(here.network.nodes) != len(there.network.nodes):
        return None
    places = {here.legs.find(leg)[0]: (i, a) for i in range(len(here.network.nodes))
              for a, (leg, _) in here.addresses(i)}
    for symbol, leg in outcome.ledger.sizes.legs.items():
        i, address = places.get(here.legs.find(leg)[0], (None, ()))
        if i is None:
            return None
        try:
            out[symbol] = there.size(there.leg_at(i, address))
        except (KeyError, IndexError):
            return None
    return out


def main() -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--grammar", choices=("composed", *PLAIN), default="composed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    done: dict[int, Judged] = {}
    if options.out is not None and options.out.exists():
        lines = options.out.read_text(encoding="utf-8").splitlines()
        done = {j.seed: j for j in (Judged(**json.loads(line)) for line in lines)}
    found: list[Judged] = []
    start, seed = process_time(), options.seed
    while sum(j.word not in PASSED for j in found) < options.count:
        if process_time() - start > options.seconds:
            break
        one = done.get(seed) or judged(options.grammar, seed)
        found.append(one)
        seed += 1
        if options.out is not None and one.seed not in done:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one)) + "\n")
        if "VIOLATION" in one.word + one.elsewhere or disagrees(one):
            print(f"seed {one.seed}: {one.word}, bound {one.bound}, P - rank {one.redundancy}, "
                  f"second reading {one.second or '-'}, free {one.free}, moved {one.moved}, "
                  f"elsewhere {one.elsewhere or '-'}: {one.network}", flush=True)
    return summary(found, process_time() - start)


def disagrees(one: Judged) -> bool:
    """Whether the second reading establishes other steps."""
    return one.second not in ("", AGREES) and not one.second.startswith("not ")


def summary(found: list[Judged], seconds: float) -> int:
    """Print the tally and return the exit status."""
    print(f"seeds {found[0].seed} to {found[-1].seed}, "
          f"{sum(j.word not in PASSED for j in found)} networks judged, {seconds:.0f} s:")
    for title, words in (
            ("", Counter(j.word for j in found)),
            ("at other sizes of the range:", Counter(
                j.elsewhere.split(":")[0] for j in found if j.elsewhere)),
            ("nothing else:", Counter(j.extent for j in found if j.extent)),
            ("the second reading:", Counter(
                "disagrees" if disagrees(j) else j.second.split(":")[0]
                for j in found if j.second)),
            ("the sweep stops at:", Counter(j.stop.split(":")[0] for j in found if j.stop))):
        print(title) if title else None
        for word, number in words.most_common():
            print(f"  {number:5} {word}")
    return int(any("VIOLATION" in j.word + j.elsewhere or disagrees(j) for j in found))


if __name__ == "__main__":
    raise SystemExit(main())
