"""Exact rewrite rules of captured programs, one a file: nothing is rewritten on sampled evidence.

A file has `rewritten(network) -> Network`, the same function on all parameters and inputs; its
docstring states the law and why it holds. The folder is enumerated, there is no list.
"""

from __future__ import annotations

import importlib
import pkgutil

from symgauge.program.network import Network


def rewritten(network: Network) -> Network:
    """The network after every rule, in the order of the files' names."""
    for info in pkgutil.iter_modules(__path__):
        network = importlib.import_module(f"{__name__}.{info.name}").rewritten(network)
    return network
