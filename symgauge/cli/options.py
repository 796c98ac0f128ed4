"""What options of several commands mean."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn, TypeAlias

from symgauge.cli.status import BAD_INPUT
from symgauge.errors import BadInputError


#: What a TARGET is, in words.
TARGET = (
    "a zoo name, package.module:factory or path/to/file.py:factory (the factory returns "
    "(module, args) or (module, args, kwargs)), hf:TYPE or hf:CLASS of transformers, or a folder "
    "with its config.json; nothing is downloaded"
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


def seed(text: str) -> int:
    """The type of --seed."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give an integer from 0 on")
    return int(text)


def natural(text: str) -> int:
    """The type of a degree."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no degree; give an integer from 0 on")
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
