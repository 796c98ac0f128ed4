"""Sphinx settings: the theme that comes with Sphinx, and nothing from the network.

The role ``:proof:`C2``` names the file of proofs/ that proves a claim, as a download.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

import symgauge

project = "symgauge"
author = "The symgauge authors"
copyright = "2026, The symgauge authors"
version = release = symgauge.__version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
autodoc_member_order = "bysource"

PROOFS = Path(__file__).resolve().parent.parent / "proofs"


class ProofRole(SphinxRole):
    """A claim's file in proofs/; where there is none, the claim is named alone."""

    def run(self) -> tuple[list[nodes.Node], list[Any]]:
        key = self.text.lower().replace("'", "p")
        found = sorted(PROOFS.glob(f"{key}_*.py"))
        if not found:
            return [nodes.Text(f"claim {self.text} of proofs/")], []
        name = f"proofs/{found[0].name}"
        link = addnodes.download_reference(
            self.rawtext, "", nodes.literal(name, name), reftarget=f"../{name}",
            refdoc=self.env.docname, refexplicit=True,
        )
        return [link], []


def setup(app: Sphinx) -> None:
    app.add_role("proof", ProofRole())
