"""P - rank J of every known network is the table's redundancy, with a clear singular-value gap.

This is the referee of the tables, not of the package: a float64 Jacobian over many fresh inputs
at N(0, 1) parameters, its numerical rank read off the widest gap between singular values.
"""

from collections.abc import Callable

import pytest
import torch
from known_networks import (
    KNOWN_DIMENSIONS,
    KNOWN_TRAPS,
    LOG_SOFTMAX,
    NETWORKS,
    TRAPS,
)
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

Example = tuple[torch.nn.Module, tuple[Tensor, ...]]

# Piecewise networks have a rank for each cell; the table's is the largest.
PIECEWISE = {
    "relu_1h_bias",
    "relu_2h_bias",
    "relu_1h_bias_softmax",
    "leaky_1h_nobias",
    "reglu_bias",
    "bn_eval_relu",
    "resid_relu_embed_nobias",
    "moe_dense_softmax",
    "moe_top2_renorm",
    "conv1d_relu",
    "deepset_fixed_n",
}
DRAWS = 6


def fresh(example: Tensor, vocabulary: int, generator: torch.Generator) -> Tensor:
    """Another input of the example's kind: N(0, 1), or token numbers below `vocabulary`."""
    if example.is_floating_point():
        return torch.randn(example.shape, generator=generator, dtype=torch.float64)
    return torch.randint(vocabulary, example.shape, generator=generator)


def jacobian(module: torch.nn.Module, args: tuple[Tensor, ...], seed: int) -> Tensor:
    """Rows d f(x_n)_i / d theta over enough fresh inputs, each row of length 1."""
    generator = torch.Generator().manual_seed(seed)
    parameters = {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64)
        for name, value in module.named_parameters()
    }
    vocabulary = parameters["E"].shape[0] if "E" in parameters else 0
    size = sum(value.numel() for value in parameters.values())

    def outputs(theta: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        result = torch.func.functional_call(module, theta, inputs)
        assert isinstance(result, Tensor)
        return result.flatten()

    rows: list[Tensor] = []
    with sdpa_kernel(SDPBackend.MATH):
        while len(rows) < 20 or len(rows) * rows[0].shape[0] < 4 * size:
            inputs = tuple(fresh(arg, vocabulary, generator) for arg in args)
            block = torch.func.jacrev(outputs)(parameters, inputs)
            rows.append(torch.cat([part.flatten(1) for part in block.values()], dim=1))
    matrix = torch.cat(rows)
    lengths = matrix.norm(dim=1, keepdim=True)
    return matrix / torch.where(lengths > 0, lengths, 1.0)


def rank_and_gap(matrix: Tensor) -> tuple[int, float]:
    """The rank at the widest gap of the singular values, and that gap as a ratio.

    Values below the rounding of the largest count as that rounding: a full rank's gap is measured
    against it.
    """
    values = torch.linalg.svdvals(matrix)
    floor = values[0] * 1e-14
    values = torch.cat([values.clamp(min=floor), floor[None]])
    ratios = values[:-1] / values[1:]
    rank = int(ratios.argmax()) + 1
    return rank, float(ratios[rank - 1])


def generic_rank(make: Callable[[], Example], draws: int) -> tuple[int, float]:
    """The largest rank over several draws of the parameters, and the widest gap at that rank."""
    module, args = make()
    module = module.double()
    return max(rank_and_gap(jacobian(module, args, seed)) for seed in range(draws))


def agrees(row: dict[str, str], make: Callable[[], Example], draws: int) -> None:
    module, _ = make()
    size = sum(parameter.numel() for parameter in module.parameters())
    assert size == int(row["P"])
    rank, gap = generic_rank(make, draws)
    assert (rank, size - rank) == (int(row["rank"]), int(row["redundancy"]))
    assert gap > 1e3


def test_every_row_has_a_network() -> None:
    assert set(NETWORKS) == set(KNOWN_DIMENSIONS)
    assert set(TRAPS) == set(KNOWN_TRAPS)
    assert LOG_SOFTMAX.keys() <= NETWORKS.keys()


@pytest.mark.parametrize("name", [*NETWORKS, *TRAPS])
def test_parameters_are_the_tables(name: str) -> None:
    row = {**KNOWN_DIMENSIONS, **KNOWN_TRAPS}[name]
    module, args = {**NETWORKS, **TRAPS}[name]()
    shapes = [
        f"{key}:{'x'.join(map(str, value.shape))}" for key, value in module.named_parameters()
    ]
    assert " ".join(shapes) == row["parameter_shapes"]
    assert module(*args).isfinite().all()


@pytest.mark.parametrize("name", [name for name, ends in LOG_SOFTMAX.items() if ends])
def test_probabilities_are_normalised(name: str) -> None:
    module, args = NETWORKS[name]()
    total = module(*args).exp().sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("name", NETWORKS)
def test_redundancy(name: str) -> None:
    agrees(KNOWN_DIMENSIONS[name], NETWORKS[name], DRAWS if name in PIECEWISE else 1)


@pytest.mark.parametrize("name", TRAPS)
def test_redundancy_of_traps(name: str) -> None:
    agrees(KNOWN_TRAPS[name], TRAPS[name], 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PIECEWISE))
def test_no_cell_has_a_larger_rank(name: str) -> None:
    agrees(KNOWN_DIMENSIONS[name], NETWORKS[name], 60)


def test_a_wrong_network_disagrees() -> None:
    """Planted failure: softmax attention's row is not met by sigmoid attention, same shapes."""
    row = KNOWN_DIMENSIONS["att_mha_allbias"]
    assert row["parameter_shapes"] == KNOWN_DIMENSIONS["att_sigmoid_allbias"]["parameter_shapes"]
    with pytest.raises(AssertionError, match="64, 16"):
        agrees(row, NETWORKS["att_sigmoid_allbias"], 1)
