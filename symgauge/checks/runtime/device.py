"""What the machine does with a model: kernels, casts, the clock's noise, memory."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Widened(TorchFunctionMode):
    """In float64, casts to float32 written in the model become casts to float64.

    The statement is about exact arithmetic, where a cast is nothing; a cast to float32 would hide
    a small symmetry violation under its own rounding, and no perturbation of 1e-16 shows it.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is Tensor.float:
            func = Tensor.double
        args = tuple(torch.float64 if a is torch.float32 else a for a in args)
        kwargs = kwargs or {}
        kwargs = {k: torch.float64 if v is torch.float32 else v for k, v in kwargs.items()}
        name, bias = getattr(func, "__name__", ""), kwargs.get("bias")
        if name in ("grouped_mm", "_grouped_mm") and len(args) == 2 and bias is None:
            return grouped(args[0], args[1], kwargs["offs"])
        return func(*args, **kwargs)


def grouped(x: Tensor, w: Tensor, offs: Tensor) -> Tensor:
    """Consecutive rows times the matrix of their group: torch's own takes no float64.

    x: (rows, in), w: (groups, in, out), offs: where the rows of each group end.
    """
    ends = [0, *offs.tolist()]
    return torch.cat([x[a:b] @ w[g] for g, (a, b) in enumerate(zip(ends, ends[1:]))])


@contextlib.contextmanager
def plain_kernels() -> Iterator[None]:
    """Attention by its formula (fused kernels have no forward derivative), and no TF32."""
    fast = torch.backends.mha.get_fastpath_enabled()
    matmul, cudnn = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.cuda.matmul.allow_tf32 = matmul
        torch.backends.cudnn.allow_tf32 = cudnn


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """torch's forward derivatives use what torch itself deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def peak_memory(device: torch.device) -> int | None:
    """Bytes: of the device, or of this process where the system tells."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def copy_speed(device: torch.device) -> float:
    """Bytes read and written in a second by plain copies of 64 MiB (1 GiB on a GPU)."""
    length = 2**28 if device.type == "cuda" else 2**24
    source = torch.ones(length, device=device)
    target = torch.zeros(length, device=device)
    best = math.inf
    for _ in range(5):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * source.numel() * source.element_size() / best
