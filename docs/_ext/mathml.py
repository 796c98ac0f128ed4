"""Formulas as MathML, written by docutils at build time: browsers draw it, nothing is fetched."""

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
#: A letter with a prime, and then an index: docutils would put the index at the prime.
PRIME = re.compile(r"(\\[A-Za-z]+|[A-Za-z])'_")
#: As an accent the dot is drawn into the letter.
DOT = re.compile(r'<mover accent="true">(\s*<mi>.</mi>\s*)<mo stretchy="false">(˙)</mo>')


def _mathml(node: nodes.Element, as_block: bool) -> str:
    """The formula of a node; one that cannot be read is a warning, which stops a build with -W."""
    tex = PRIME.sub(r"{\1'}_", node.astext()).replace(r"\dots", r"\ldots")
    aligned = as_block and re.search(r"&|\\\\", tex)
    try:
        text = tex2mathml(f"\\begin{{aligned}}{tex}\\end{{aligned}}" if aligned else tex)
    except MathError as error:
        LOGGER.warning("no formula: %s in %r", error, tex, location=node)
        return ""
    return DOT.sub(r"<mover>\1<mo>\2</mo>", text)


def inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def block(writer: HTML5Translator, node: nodes.math_block) -> None:
    formula = _mathml(node, as_block=True).replace("<math ", '<math display="block" ', 1)
    writer.body.append(f'<div class="math">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.connect("config-inited", lambda _app, config: setattr(
        config, "html_math_renderer", "mathml"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
