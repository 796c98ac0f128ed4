"""Networks of known dimension: all of the orbits is fixed, and no more is left than is said."""

import pytest
import torch
from known_networks import NETWORKS, TRAPS

import symgauge

#: Parameters above which a derivation takes its time.
MOST = 130
ALL = {**NETWORKS, **TRAPS}
SMALL = [n for n in ALL if sum(p.numel() for p in ALL[n]()[0].parameters()) <= MOST]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_known_network_is_reduced(name: str) -> None:
    module, args = ALL[name]()
    record = symgauge.derive(module, args)
    found = symgauge.reduce(record)
    assert found.count == record.orbit_dimension
    assert found.verdict is record.verdict
    if found.jacobian is not None:
        assert found.jacobian == found.free_count - record.unexplained
    module = module.double()
    x = [torch.randn_like(a).double() if a.is_floating_point() else a for a in args]
    before = module(*x).detach()
    brought = found.parametrize(module)
    assert brought.count == found.count and found.crosses(brought)
    after = module(*x).detach()
    assert float((after - before).abs().max()) <= 1e-9 * float(before.abs().max())
