"""For how many networks the converse sweep says that nothing else is there, and where it stops.

Run `python docs/benchmarks/converse_count.py [GROUP...]` from a checkout; GROUP is one of `known`
(tests/support/known_networks.py), `handed` (tests/data/families.py), `hf` (types of transformers
with two heads at hidden size 8), `full` (GPT-2, Llama, Mixtral, BERT at their published sizes,
without weights). A line for each network: for which sizes, what the second reading says, seconds
of the processor, and the line and law where the sweep stops; then a tally of the reasons.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import known_networks  # noqa: E402

from symgauge.capture import build_without_weights, capture  # noqa: E402
from symgauge.cli.inputs import target_of  # noqa: E402
from symgauge.completeness.complete import Completeness, completeness  # noqa: E402
from symgauge.errors import SymgaugeError  # noqa: E402
from symgauge.program.network import Network  # noqa: E402

TYPES = (
    "gpt2", "llama", "mistral", "qwen2", "phi3", "olmo", "gemma", "gemma3_text", "opt", "bloom",
    "gpt_neox", "phi", "starcoder2", "stablelm", "cohere", "mixtral", "bert", "roberta", "vit",
    "distilbert",
)
FULL = ("gpt2", "llama", "mixtral", "bert")
HANDED = str(ROOT / "tests" / "data" / "families.py")
#: What is read off a target: with weights, or none.
Made = Callable[[], Network]


def programs(groups: list[str]) -> Iterator[tuple[str, str, Made]]:
    """(group, name, how the program is made)."""
    for name, factory in known_networks.NETWORKS.items() if "known" in groups else ():
        yield "known", name, lambda factory=factory: capture(*factory()).network
    if "handed" in groups:
        lines = (ROOT / "tests" / "data" / "families.csv").read_text(encoding="utf-8").splitlines()
        for name in (line.partition(",")[0] for line in lines[1:]):
            yield "handed", name, lambda name=name: of_target(f"{HANDED}:{name}", [])
    for name in TYPES if "hf" in groups else ():
        yield "hf", name, lambda name=name: of_target(f"hf:{name}", eight(name))
    for name in FULL if "full" in groups else ():
        yield "full", name, lambda name=name: of_target(f"hf:{name}", [], full=True)


def eight(name: str) -> list[str]:
    """Hidden size 8 with two heads, and more tokens than that: the head sees the stream."""
    sizes = target_of(f"hf:{name}", []).sizes
    wanted = {"num_attention_heads": 2, "vocab_size": 12}
    return ["hidden_size=8", *(f"{n}={v}" for n, v in wanted.items() if n in sizes)]


def of_target(text: str, pairs: list[str], full: bool = False) -> Network:
    """The program of a target."""
    target = target_of(text, pairs, full)
    if full:
        target = target.at(target.full_sizes)
    module, args, kwargs = build_without_weights(target, strict=full)
    return capture(module, args, kwargs, meta=True).network


def stopped(record: Completeness) -> str:
    """The line and law where the sweep stops, and why."""
    if record.stop is None:
        return f"families {record.families}, bound {record.bound}"
    return f"line {record.stop.line}, {record.stop.law}: {record.stop.reason}"


def main() -> int:
    """Run the command and return the exit status."""
    warnings.simplefilter("ignore")
    reasons: Counter[str] = Counter()
    extents: Counter[tuple[str, str]] = Counter()
    seconds: Counter[str] = Counter()
    for group, name, make in programs(sys.argv[1:] or ["known", "handed", "hf", "full"]):
        start = process_time()
        try:
            record = completeness(make())
        except (SymgaugeError, RuntimeError, ValueError, AttributeError) as error:
            print(f"{group} {name}: refused: {error!s:.100}", flush=True)
            extents[group, "refused"] += 1
            continue
        spent = process_time() - start
        extents[group, record.extent.value] += 1
        seconds[record.second.partition(":")[0]] += 1
        said = "" if record.stop is None and record.extent.name != "OPEN" else stopped(record)
        if said:
            reasons[said.partition(", ")[2] if record.stop else "families below the bound"] += 1
        print(f"{group} {name}: {record.extent.name}, second: {record.second:.60}, {spent:.1f} s"
              + (f"; {said}" if said else ""), flush=True)
    for (group, extent), n in sorted(extents.items()):
        print(f"{n:4} {group}: {extent}")
    for title, counts in (("the second reading", seconds), ("open", reasons)):
        print(f"{title}:")
        for word, n in counts.most_common():
            print(f"{n:4} {word}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
