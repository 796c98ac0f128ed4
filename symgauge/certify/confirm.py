"""The kernel's answer on a certificate: asked of its own process, which shares nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symgauge.certify.certificate import Certificate
from symgauge.errors import BadInputError

KERNEL = Path(__file__).resolve().parent.parent / "kernel"


@dataclass(frozen=True)
class Confirmation:
    """`verdict` is CONFIRMED, REFUTED or UNKNOWN; ranks are None where they were not come to.

    `error_bound`: the probability, as 2^-80.3, that a field which is no symmetry passed.
    """

    verdict: str
    rank_J: int | None
    rank_G: int | None
    parameters: int | None
    error_bound: str | None
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "reasons": list(self.reasons)}


def confirm(certificate: Certificate) -> Confirmation:
    """What the kernel says of a certificate.

    It runs as `python symgauge/kernel FILE`, without site customisation or environment: numpy is
    all that it imports. Raises BadInputError where it cannot be run.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.json"
        path.write_text(json.dumps(certificate.data), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-I", str(KERNEL), str(path), "--json"],
            capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        said = done.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise BadInputError(f"the kernel did not answer (it said: {said[0][:200]})") from error
    return Confirmation(**{**found, "reasons": tuple(found["reasons"])})
