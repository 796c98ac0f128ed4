"""python PATH/symgauge/kernel CERTIFICATE.json [--json]: CONFIRMED 0, REFUTED 1, UNKNOWN 2."""

import argparse
import importlib.util
import json
import pathlib
import sys


def _package():
    """This folder as a package, wherever it lies and whatever else is installed."""
    folder = pathlib.Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        "kernel", folder / "__init__.py", submodule_search_locations=[str(folder)])
    sys.modules["kernel"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["kernel"])


def _unique(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def main():
    """The command line; bad input gets one sentence and status 3."""
    parser = argparse.ArgumentParser(prog="kernel", description="check a certificate of symgauge")
    parser.add_argument("certificate", help="certificate.json or derivation.json")
    parser.add_argument("--json", action="store_true", help="one JSON record")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")
    _package()
    check = importlib.import_module("kernel.check").check
    try:
        with open(options.certificate, encoding="utf-8") as file:
            data = json.load(file, object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        print(f"kernel: {options.certificate} is no JSON file: {error}", file=sys.stderr)
        return 3
    record = check(data)
    lines = [record["verdict"], *record["reasons"]]
    if record["error_bound"]:
        lines.append(f"a field that is no symmetry passes with probability {record['error_bound']}")
    print(json.dumps(record) if options.json else "\n  ".join(lines))
    return {"CONFIRMED": 0, "REFUTED": 1, "UNKNOWN": 2}[record["verdict"]]


if __name__ == "__main__":
    sys.exit(main())
