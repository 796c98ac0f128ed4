"""Write laws.inc, the table of the laws in all_sizes.rst, from the files of symgauge/laws.

Run from the root of the checkout: python docs/laws_table.py
"""

import sys
from pathlib import Path

from symgauge.laws import all_laws
from symgauge.laws.law import Law
from symgauge.ops import all_ops
from symgauge.program.op import NodeOp

PAGE = Path(__file__).with_name("laws.inc")
#: Ops that are named one by one at most.
FEW = 8

HEAD = """\
.. Written by docs/laws_table.py: edit symgauge/laws and run it again.

.. list-table::
   :header-rows: 1
   :widths: 22 26 26 26

"""


def title(law: Law) -> str:
    """The law with its ops, or with what its file says of it."""
    ops = sorted(op.name for op in all_ops().values()
                 if isinstance(op, NodeOp) and op.law == law.name)
    summary = (sys.modules[type(law).__module__].__doc__ or "").splitlines()[0].rstrip(".")
    return f"{law.name} ({', '.join(ops) if 0 < len(ops) <= FEW else summary})"


def page() -> str:
    """The text of the table."""
    laws = sorted(all_laws().values(), key=lambda law: law.name)
    rows = [("law (ops)", "matrix", "scaling", "shift")]
    rows += [(title(law), *law.words) for law in laws]
    lines = []
    for row in rows:
        lines += [f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(row)]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
