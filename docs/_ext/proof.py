"""The role ``:proof:`C2```: the file of proofs/ that proves a claim, as a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

PROOFS = Path(__file__).resolve().parents[2] / "proofs"


class ProofRole(SphinxRole):
    """A claim's file in proofs/; where there is none, the claim is named alone."""

    def run(self) -> tuple[list[nodes.Node], list[Any]]:
        key = self.text.lower().replace("'", "p")
        found = sorted(PROOFS.glob(f"{key}_*.py"))
        if not found:
            return [nodes.Text(f"claim {self.text} of proofs/")], []
        name = f"proofs/{found[0].name}"
        link = addnodes.download_reference(
            self.rawtext, "", nodes.literal(name, name), reftarget=f"/../{name}",
            refdoc=self.env.docname, refexplicit=True,
        )
        return [link], []


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("proof", ProofRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
