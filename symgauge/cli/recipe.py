"""symgauge recipe: bring weights to a named place of their orbit, or say why that is refused."""

from __future__ import annotations

import argparse
import ast
from pathlib import Path
from typing import TYPE_CHECKING

from symgauge.cli.changing import add_weights, run_way
from symgauge.cli.options import Commands

if TYPE_CHECKING:
    from symgauge.gauges.change import Way


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    known = _recipes()
    parser = commands.add_parser(
        "recipe", help="fold norms, rotate the stream, centre, equalise, ...; run and measured",
        description="Move weights by an element of the derived group that has a name, and run "
        "the result. Status 2 where the group has no such element: the reason is printed, and "
        "nothing is written. Recipes: " + "; ".join(f"{n}: {s}" for n, s in known.items()))
    parser.add_argument("name", metavar="NAME", choices=list(known),
                        help=f"one of {', '.join(known)}")
    add_weights(parser)
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    def way() -> Way:
        from symgauge.gauges.change import way_of

        return way_of(options.name)

    return run_way(options, options.name, way)


def _recipes() -> dict[str, str]:
    """The recipes and what they do. Files are read, not imported: usage comes without torch."""
    room = Path(__file__).parent.parent / "gauges" / "recipes"
    found = {}
    for path in sorted(room.glob("[!_]*.py")):
        (recipe,) = (node for node in ast.parse(path.read_text(encoding="utf-8")).body
                     if isinstance(node, ast.ClassDef))
        said = (ast.get_docstring(recipe) or "").partition("\n\n")[0]
        found[path.stem.replace("_", "-")] = said.rstrip(".")
    return found
