"""Run by torchrun: sharded_check.py CHECK SIZE OUT, where CHECK is a generated check.

The symmetries, right; then with an element that the last process does not apply to
its shards; and with one that it applies with its rows turned around. The first process writes.
"""

import importlib.util
import json
import sys
from typing import Any

import torch


def rows(check: Any, size: str) -> list[dict[str, Any]]:
    record = check.run(check.RECORD, [check.check_invariance], size)
    print(json.dumps(record["moves"]), file=sys.stderr)
    return [{key: row[key] for key in ("label", "residual", "floors", "passes", "ok", "moved")}
            for row in record["rows"]]


def main(path: str, size: str, out: str) -> None:
    spec = importlib.util.spec_from_file_location("generated_check", path)
    assert spec is not None and spec.loader is not None
    check: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = check
    spec.loader.exec_module(check)
    with check.joined("cpu") as (_, speaks):
        found = {"right": rows(check, size)}
        right, last = check.moved_by, torch.distributed.get_rank() > 0

        def left_out(here: Any, move: Any, *more: Any) -> Any:
            return (1.0, 1.0) if last else right(here, move, *more)

        def turned(here: Any, move: Any, *more: Any) -> Any:
            sums = right(here, move, *more)
            if last and here[move["parameter"]].ndim == 2:
                here[move["parameter"]].copy_(here[move["parameter"]].flip(0))
            return sums

        for name, wrong in (("left out", left_out), ("turned", turned)):
            check.moved_by = wrong
            found[name] = rows(check, size)
        if speaks:
            with open(out, "w", encoding="utf-8") as file:
                json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
