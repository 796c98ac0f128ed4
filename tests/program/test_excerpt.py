"""Some lines of a program as a program: what it is given, and what it tells."""

import numpy as np
import pytest
from networks import attention, mlp

from symgauge.capture import capture
from symgauge.derivers.structural import find
from symgauge.domains.evaluate import values
from symgauge.domains.real import RealDomain
from symgauge.hf.target import load_hf
from symgauge.derivers import fewer_slices
from symgauge.program.excerpt import excerpt
from symgauge.program.legs import Legs
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.proof.intertwiners.shifts import prove_shift
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


def lines_of(network: Network, given: dict[str, np.ndarray] | None = None) -> list[np.ndarray]:
    """The value of every line; leaves are drawn where they are not given."""
    rng, given = np.random.default_rng(0), given or {}
    drawn = {x.name: given.get(x.name, rng.normal(size=(1, *x.shape)))
             for x in (*network.parameters, *network.inputs)}
    return values(network, RealDomain(), drawn, drawn)


@pytest.mark.parametrize("first, last", [(3, 9), (0, 5), (6, 12)])
def test_what_it_tells_is_what_the_program_has(first: int, last: int) -> None:
    whole = lower(attention(4, 2, 2, bias=True))
    known = lines_of(whole)
    here = excerpt(whole, range(first, last))
    given = {x.name: known[here.numbers[i]]
             for i, x in zip(here.network.input_nodes, here.network.inputs)}
    given |= {p.name: known[here.numbers[i]]
              for i, p in zip(here.network.parameter_nodes, here.network.parameters)}
    for i, value in zip(here.numbers, lines_of(here.network, given), strict=True):
        assert np.array_equal(value, known[i])


def test_what_another_line_reads_is_told() -> None:
    """A shift of a bias that goes on is no symmetry of the lines that it is added in."""
    whole = mlp("tanh", 2, 3, 2)
    bias = next(i for i, p in zip(whole.parameter_nodes, whole.parameters) if p.name == "fc0.bias")
    lines = {bias, *whole.readers[bias]}
    here = excerpt(whole, lines)
    assert {here.numbers[i] for i in here.network.outputs} == set(whole.readers[bias])
    (node,) = here.network.parameter_nodes
    with pytest.raises(NoLemma, match="an output is shifted"):
        prove_shift(Structure(here.network), node, [(0, 0)])


def test_copied_legs_are_split_and_shared_as_theirs_are() -> None:
    source = Legs()
    (a,), (b,) = source.fresh(12), source.fresh(12)
    source.unify((a,), (b,), -1)
    source.reshape([(a,)], (3, 4))
    legs, known = Legs(), dict[int, int]()
    one, two = (legs.copied((x,), source, known) for x in (a, b))
    assert [legs.leg_size(leg) for leg, _ in legs.leaves(one)] == [3, 4]
    assert [(leg, -s) for leg, s in legs.leaves(two)] == legs.leaves(one)


def test_a_family_is_proved_again_on_the_lines_of_its_proof_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it costs to say which slices a layer's families need does not grow with the depth."""
    seen: list[object] = []

    def counted(network: Network, **kwargs: object) -> Structure:
        seen.append(network)
        return Structure(network, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(fewer_slices, "Structure", counted)  # of all lines
    target = load_hf("hf:gpt_neox", {"num_hidden_layers": "3"})
    found = find(capture(*target.build()).network)
    through = [s for s in found.families if 0 < len(s.family.via) < len(found.slices)]
    assert through and not seen
