"""Certificates for the tests of the kernel: all that they need of the engine is imported here."""

import copy
from functools import cache
from typing import Any

import torch
from certify_command import TwoScales
from known_networks import KNOWN_DIMENSIONS, NETWORKS

from symgauge import Derivation, SymgaugeError, Verdict, derive, verify, zoo
from symgauge.record import sealed

__all__ = [
    "KNOWN_DIMENSIONS", "NETWORKS", "SERIES", "Data", "Derivation", "SymgaugeError", "Verdict",
    "certificate", "derivation", "make", "sealed", "verify", "zoo",
]

Data = dict[str, Any]
#: Rows that leave a hypothesis where no power series are asked for.
SERIES = {"gpt2_tied_eps0", "gpt2_untied_eps1e-5", "llama_untied_eps1e-5", "llama_tied_gain_eps0"}
#: Others than the zoo (zoo/NAME) and the known networks (NAME).
SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "silu": ("glu", {"in_features": 1, "hidden_features": 2, "out_features": 1}),
    "relu": ("mlp", {"in_features": 2, "hidden_features": 2, "out_features": 1}),
    "erf": ("mlp", {"in_features": 1, "hidden_features": 2, "out_features": 1,
                    "activation": "gelu"}),
}


def make(name: str) -> Derivation:
    """A derivation: "relu" (see SIZES), "rms_gain_linear", "zoo/mlp", "relu, balls"."""
    base, _, evidence = name.partition(", ")
    if evidence:
        found = derivation(base)
        upgrade = {"balls": found.certified_in_balls, "series": found.certified_in_series}
        return upgrade[evidence]()[0]
    if base == "two_scales":
        return derive(TwoScales(), (torch.ones(1, 1),), name=base)
    if base in NETWORKS:
        return derive(*NETWORKS[base](), name=base, series=base in SERIES)
    architecture, sizes = SIZES.get(base, (base.removeprefix("zoo/"), {}))
    return derive(*zoo.load(architecture).factory(**sizes), name=base)


derivation = cache(make)


def certificate(name: str) -> Data:
    """A copy of the certificate of `derivation(name)`, to be changed."""
    return copy.deepcopy(dict(derivation(name).data["certificate"]))
