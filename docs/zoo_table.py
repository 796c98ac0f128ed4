"""Write zoo.rst, the table of the zoo, from the docstrings and the EXPECTED of its files.

Run from the root of the checkout: python docs/zoo_table.py

It also derives each at its small sizes and draws rank J and the algebra, into _static/zoo.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import symgauge
from symgauge import zoo
from symgauge.capture import capture, load_target
from symgauge.formulas.reading import Reading
from symgauge.points.growth import rank_growth
from symgauge.report.latex import drawings

PAGE = Path(__file__).with_name("zoo.rst")
PICTURES = PAGE.parent / "_static" / "zoo"

HEAD = """\
.. Written by docs/zoo_table.py: edit symgauge/zoo and run it again.

The zoo
=======

``symgauge derive NAME`` takes each of these architectures by its name, and ``--set KEY=VALUE`` sets
a size or an option. The numbers hold at the sizes of their row, the other sizes being the small
ones of the factory: P parameters, the redundancy P - rank J of the Jacobian at a generic point, the
dimension of the orbit of the gauge group, and its Lie algebra. "below" stands where the orbit that
symgauge finds is smaller than the redundancy: it says which parameters the directions without a
generator move. ``|x`` is a semidirect sum, the ideal on the right; ``R^2*`` is the dual of ``R^2``;
``heis(n)`` is the Heisenberg algebra of dimension n.

The pictures, of the small sizes: on the left rank J, modulo a prime, as outputs are added (dashed:
P, and P less the dimension of orbits, which closes the sandwich where the two meet); on the right
the Lie algebra as squares, one for each direct summand, their simple parts filled.
"""

COLUMNS = ("sizes", "P", "redundancy", "orbit", "algebra")


def escaped(text: str) -> str:
    """The text with every character that reStructuredText might take for markup escaped.

    Code between single backticks gets the double ones.
    """
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_|\\])", r"\\\1", part) for part in parts[::2]]
    return "``".join(parts)


def settings(sizes: dict[str, Any]) -> str:
    """Sizes as they are typed after --set."""
    return " ".join(f"``{key}={value}``" for key, value in sizes.items())


def rows(expected: list[dict[str, Any]]) -> list[str]:
    """A list-table of the known numbers."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    table: list[tuple[Any, ...]] = [COLUMNS]
    for entry in expected:
        orbit, algebra = entry["orbit_dimension"], entry["algebra"]
        table.append((
            settings(entry["sizes"]) or "small sizes",
            entry["parameters"],
            entry["redundancy"],
            "below" if orbit is None else orbit,
            f"``{algebra}``",
        ))
    for row in table:
        marks = ("*", *[" "] * (len(row) - 1))
        lines += [f"   {mark} - {cell}" for mark, cell in zip(marks, row, strict=True)]
    return lines


def math(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Formulas below each other."""
    lines = [f"   {left} &= {right}" for left, right in rows]
    return [".. math::", "", " \\\\\n".join(lines), ""] if rows else []


def formulas(name: str) -> list[str]:
    """The network at its small sizes, as the documents write it: read off its program."""
    module, args, kwargs = load_target(name, zoo.load, {}).build()
    found = Reading(capture(module, args, kwargs).network, ()).formulas()
    lines = math(found.before)
    if found.layer:
        ends = f"{found.labels[0]}, \\dots, {found.labels[-1]}"
        lines += [f"for each layer :math:`\\ell = {ends}`", "", *math(found.layer)]
        lines += math(found.after)
    notes = re.sub(r"\$(.+?)\$", r":math:`\1`", "; ".join(found.notes))
    return [*lines, *([f"Here {notes}.", ""] if notes else [])]


def section(name: str, module: ModuleType) -> str:
    """One architecture: formula, known numbers, full sizes, source."""
    lines = [
        name,
        "-" * len(name),
        "",
        escaped((module.__doc__ or "").strip()),
        "",
        *formulas(name),
        ".. raw:: html",
        f"   :file: _static/{PICTURES.name}/{name}.html",
        "",
        *rows(module.EXPECTED),
        "",
        f"Full sizes: {settings(module.FULL)}.",
        "",
        f"Source: {escaped(module.REFERENCE)}.",
        "",
    ]
    return "\n".join(lines)


def page() -> str:
    """The text of zoo.rst."""
    return "\n".join([HEAD, *(section(name, zoo.load(name)) for name in zoo.names())])


def picture(name: str) -> str:
    """Rank J and the algebra at small sizes, as SVG."""
    derived = symgauge.derive_target(load_target(name, zoo.load, {}))
    network = derived.network()
    growth = rank_growth(network, derived.certificate.cell(network), derived.seed)
    found = drawings({**derived.data, "growth": growth})
    return f'<div class="drawings">{"".join(d.svg() for d, _ in found)}</div>\n'


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    for name in zoo.names():
        PICTURES.joinpath(f"{name}.html").write_text(picture(name), encoding="utf-8")
