"""The exit status: 0 what was asked holds; 1 refuted, inconsistent, a failed check or a rejected
certificate; 2 unknown; 3 bad input; 4 an internal error; 130 interrupted.
"""

from __future__ import annotations

from symgauge.verdict import Verdict

HOLDS, REFUTED, UNKNOWN, BAD_INPUT, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 4, 130
STATUS = {Verdict.PROVED: HOLDS, Verdict.REFUTED: REFUTED, Verdict.UNKNOWN: UNKNOWN}
#: That of the kernel's answers.
KERNEL_STATUS = {"CONFIRMED": HOLDS, "REFUTED": REFUTED, "UNKNOWN": UNKNOWN}
