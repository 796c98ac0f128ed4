"""Generated checks: one self-contained PyTorch file that confirms a derivation numerically.

`emit_check(spec)` writes it; `propose_planted(families)` and `wrong_family(family, kind)` make the
wrong symmetries that it must reject. What a generated check does stands here, one check a file
(`invariance`, `planted`, `tangent`); the text they run on is in `runtime/`. `actions` moves weights
by the same text, whatever library they are of. Importing this room imports neither torch nor numpy.
"""

from symgauge.checks.emitter import check_names, emit_check
from symgauge.checks.proposal import KINDS, propose_planted, wrong_family

__all__ = ["KINDS", "check_names", "emit_check", "propose_planted", "wrong_family"]
