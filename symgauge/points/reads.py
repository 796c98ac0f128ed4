"""Which coordinates an output reads; and programs read from plain data, every line tried once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import cotangents, values
from symgauge.domains.reads import ReadsDomain
from symgauge.errors import BadInputError
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.op import AbstractOp
from symgauge.program.serial import MALFORMED, network_from_json


def read_coordinates(
    network: Network, domain: ReadsDomain | None = None
) -> npt.NDArray[np.bool_]:
    """Which coordinates of the flat parameter vector some output reads."""
    lowered, domain = lower(network), domain or ReadsDomain()
    ones = {p.name: np.ones((1, *p.shape)) for p in lowered.parameters}
    inputs = {x.name: np.ones((1, *x.shape)) for x in lowered.inputs}
    lines = values(lowered, domain, ones, inputs)
    seeds = [np.ones((1, *lowered.nodes[i].shape)) for i in lowered.outputs]
    rows = cotangents(lowered, domain, lines, seeds)
    flat = [rows[p.name].reshape(-1) for p in lowered.parameters]
    return np.concatenate(flat) > 0.0 if flat else np.zeros(0, dtype=bool)


def readable_network(data: Mapping[str, Any], ops: Mapping[str, AbstractOp]) -> Network:
    """The network that `network_to_json` wrote, each line evaluated once.

    A missing attribute or a wrong number of inputs shows here. Raises BadInputError on data that
    is no network.
    """
    network = network_from_json(data, ops)
    try:
        read_coordinates(network)
    except MALFORMED as error:
        raise BadInputError(f"this is not the network of a certificate: {error}") from error
    return network
