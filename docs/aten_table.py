"""The table of docs/aten.inc: ATen ops of the models of transformers, and which have a rule.

    python docs/aten_table.py [TYPE...] > docs/aten.inc

Each model type is made at tiny sizes from its configuration, as `symgauge derive hf:TYPE` makes it,
and exported; counted is in how many of them an op stands behind the decompositions. Types that
transformers cannot make or torch cannot export are said below the table.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter, defaultdict

import torch
import transformers

from symgauge.capture.exported import DROP, exported, overload_of
from symgauge.capture.reader import LIKE
from symgauge.errors import SymgaugeError
from symgauge.hf.target import load_hf
from symgauge.ops import by_overload

MOST = 150
HEAD = """.. list-table::
   :header-rows: 1

   * - op
     - models, of data
     - of constants
     - rule"""
MAPPINGS = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES",
    "MODEL_FOR_CTC_MAPPING_NAMES", "MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES",
)


def types() -> list[str]:
    """The model types that a head of one of the mappings has."""
    found = {}
    for name in MAPPINGS:
        found |= dict.fromkeys(
            getattr(transformers.models.auto.modeling_auto, name))
    return sorted(found)


def ops_of(name: str) -> set[tuple[str, bool]]:
    """The overloads in the program of a model type, and whether parameters or inputs reach them."""
    with contextlib.redirect_stdout(sys.stderr):
        module, args, kwargs = load_hf(f"hf:{name}", {}).build()
        program = exported(module.double().eval(), args, kwargs)
    signature = program.graph_signature
    reached = {*signature.inputs_to_parameters, *signature.user_inputs}
    found = set()
    for node in program.graph.nodes:
        of_data = any(x.name in reached for x in node.all_input_nodes)
        if of_data:
            reached.add(node.name)
        if node.op == "call_function" and hasattr(node.target, "_schema"):
            found.add((overload_of(node.target), of_data))
    return found


def rule_of(op: str, of_data: int) -> str:
    """What becomes of an op."""
    if op in by_overload():
        return f"``{type(by_overload()[op]).__module__.rpartition('.')[2]}``"
    if op in LIKE:
        return "a constant of its argument's shape"
    if op.startswith(DROP):
        return "dropped: it checks"
    return "**none**" if of_data else "folded: of constants alone"


def main() -> None:
    count: Counter[tuple[str, bool]] = Counter()
    without: dict[str, list[str]] = defaultdict(list)
    asked = sys.argv[1:] or types()
    for name in asked:
        try:
            count.update(ops_of(name))
        except (SymgaugeError, Exception) as error:  # noqa: BLE001  (transformers raises anything)
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            without[type(error).__name__ + ": " + first[:80]].append(name)
        print(name, len(count), file=sys.stderr, flush=True)
    made = len(asked) - sum(map(len, without.values()))
    torch_version = torch.__version__.partition("+")[0]
    print(f"{made} of {len(asked)} model types of transformers {transformers.__version__} are made "
          f"at tiny sizes and exported by torch {torch_version}.\n")
    print(HEAD)
    ops = sorted({op for op, _ in count}, key=lambda op: (-count[op, True], -count[op, False], op))
    for op in ops[:MOST]:
        print(f"   * - ``{op}``\n     - {count[op, True]}\n     - {count[op, False]}\n"
              f"     - {rule_of(op, count[op, True])}")
    print()
    for why, names in sorted(without.items(), key=lambda pair: -len(pair[1])):
        print(f".. {len(names)}: {why}: {' '.join(names)}", file=sys.stderr)


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
