"""The directive ``shares``: a table of parameters and redundancies as bars, drawn at build time.

Its argument is the file of a ``list-table`` whose rows begin with name, P, redundancy, explained.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: Height of a row, where bars begin, and the width of all parameters.
ROW, LEFT, FULL = 20, 150, 250


def rows(text: str) -> list[tuple[str, int, int, int]]:
    """Name, P, redundancy and explained directions of the rows that have them."""
    pattern = r"\* - ``(\S+?)``\n +- (\d+)\n +- (\d+)\n +- (\d+)\n"
    return [(name, *map(int, rest)) for name, *rest in re.findall(pattern, text)]


def picture(found: list[tuple[str, int, int, int]]) -> str:
    """One bar a row: of P parameters, the directions that generators explain, and the rest."""
    lines = []
    for number, (name, total, redundant, explained) in enumerate(found):
        y, width = number * ROW, FULL / total
        bars = ((0, total, "none"), (0, explained, "#d08a3a"),
                (explained, redundant - explained, "#b04a4a"))
        lines.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{name}</text>')
        lines += [
            f'<rect x="{LEFT + start * width:.1f}" y="{y + 3}" width="{size * width:.1f}" '
            f'height="{ROW - 6}" fill="{colour}" stroke="currentColor" stroke-width="0.5"/>'
            for start, size, colour in bars if size]
        lines.append(f'<text x="{LEFT + FULL + 6}" y="{y + 14}">{redundant} of {total}</text>')
    height = len(found) * ROW
    return (
        f'<div class="picture"><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 {height}" '
        'font-family="sans-serif" font-size="11" fill="currentColor" role="img" '
        'aria-label="The table below as bars">' + "".join(lines) + "</svg></div>")


class Shares(SphinxDirective):
    """The bars of a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, self.arguments[0])
        self.env.note_dependency(str(path))
        found = rows(path.read_text(encoding="utf-8"))
        if not found:
            raise self.error(f"{path.name} has no rows of name, P, redundancy, explained")
        return [nodes.raw("", picture(found), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("shares", Shares)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
