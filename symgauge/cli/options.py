"""What options of several commands mean."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypeAlias

from symgauge.cli.status import BAD_INPUT
from symgauge.errors import BadInputError


#: What a TARGET is, in words.
TARGET = (
    "a zoo name, package.module:factory or path/to/file.py:factory (the factory returns "
    "(module, args) or (module, args, kwargs)), hf:TYPE or hf:CLASS of transformers, a folder with "
    "its config.json, or hf:CLASS@FOLDER; nothing is downloaded"
)
#: Where a command registers itself.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Parser(argparse.ArgumentParser):
    """argparse with the status of bad input and one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"symgauge: {message} (see {self.prog} --help)\n")


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The options that say which program of a TARGET is meant."""
    parser.add_argument("--set", metavar="SIZE=VALUE", action="append", default=[],
                        help="a size of the factory, or a field of the configuration (repeatable)")
    parser.add_argument("--output", metavar="NAME|INDEX", help="one output (default: all)")
    parser.add_argument("--observable", default="logits", choices=("logits", "probabilities"))


def add_checkpoints(parser: argparse.ArgumentParser, one: str, two: str, said: str) -> None:
    """The two sets of weights that a command holds against each other."""
    parser.add_argument("before", metavar=one,
                        help="a safetensors file, or a directory of shards with an index")
    parser.add_argument("after", metavar=two, help=said)


def add_evidence(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """An option for each kind of evidence that has a file in `certify/find`."""
    # files are read, not imported: usage comes without numpy
    room = Path(__file__).parent.parent / "certify"
    way = parser.add_mutually_exclusive_group(required=required)
    for name in sorted(p.stem for p in room.glob("find/[!_]*.py")):
        text = room.joinpath("evidence", f"{name}.py").read_text(encoding="utf-8")
        said = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
        way.add_argument(f"--{name}", dest="evidence", action="store_const", const=name,
                         help=f"certify without hypotheses on values: {said}")


def seed(text: str) -> int:
    """The type of --seed."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give an integer from 0 on")
    return int(text)


def natural(text: str) -> int:
    """The type of an integer from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number; give an integer from 0 on")
    return int(text)


def sizes_of(pairs: Sequence[str]) -> dict[str, str]:
    """The SIZE=VALUE pairs of --set. Raises BadInputError where one is none."""
    out = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInputError(f"--set {pair}: write SIZE=VALUE")
        out[name] = value
    return out
