"""What a float estimate of a dimension reads: rank of a Jacobian by singular values.

    python docs/literature/estimator.py

Three layers of softmax attention in series, width 4, heads of 2: dimension 52, of 96 parameters.
"""

import numpy as np
import torch
from serial_attention import factory


def estimate(dtype: torch.dtype, samples: int, scale: float, seed: int) -> int:
    """numpy's rank of d outputs / d parameters, stacked over samples, entries of size `scale`."""
    module, _ = factory(layers=3, width=4, head_dim=2)
    torch.manual_seed(seed)  # the factory draws with its own
    names = [name for name, _ in module.named_parameters()]
    theta = [scale * torch.randn(p.shape, dtype=dtype) for p in module.parameters()]

    def outputs(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        named = dict(zip(names, values, strict=True))
        return torch.func.functional_call(module, named, (x,)).reshape(-1)

    rows = []
    for _ in range(samples):
        x = torch.randn(3, 4, dtype=dtype)
        blocks = torch.func.jacrev(outputs, argnums=tuple(range(1, 1 + len(theta))))(x, *theta)
        rows.append(torch.cat([b.reshape(b.shape[0], -1) for b in blocks], dim=1))
    return int(np.linalg.matrix_rank(torch.cat(rows).numpy()))


def main() -> None:
    print("numpy.linalg.matrix_rank at its own tolerance, seeds 0 to 4; 52 is true")
    for dtype in (torch.float32, torch.float64):
        for samples in (4, 8, 100):
            for scale in (1.0, 0.3):
                read = [estimate(dtype, samples, scale, seed) for seed in range(5)]
                print(f"{dtype!s:14} {samples:4} samples, entries of size {scale}: {read}")


if __name__ == "__main__":
    main()
