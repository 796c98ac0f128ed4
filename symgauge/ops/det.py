"""Determinants, inverses and solutions of linear systems."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Det(Rewrite):
    """det A, A^-1 = adj(A) / det A, and A^-1 B, by the characteristic polynomial of A.

    Faddeev and Le Verrier: M_1 = 1, c_k = -tr(A M_k) / k, M_(k+1) = A M_k + c_k; then
    det A = (-1)^n c_n and adj A = (-1)^(n-1) M_n, polynomials without a quotient.
    """

    name = "det"
    aten = (
        "_linalg_det.default", "_linalg_slogdet.default", "linalg_inv_ex.default",
        "_linalg_solve_ex.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """What torch computes beside the value (factors, pivots) has no rule."""
        matrix = args[0]
        if matrix.shape[-2:] == (0, 0):
            raise CaptureError(f"{overload}: a matrix without entries")
        adjugate, det = _adjugate(build, matrix)
        if overload.startswith("_linalg_det"):
            return det, None, None
        if overload.startswith("_linalg_slogdet"):
            positive = build.apply("step", det)
            sign = build.add(build.scale(positive, 2), -1)
            return sign, build.apply("log", build.mul(sign, det)), None, None
        inverse = build.mul(adjugate, build.reshape(build.reciprocal(det), (*det.shape, 1, 1)))
        if overload.startswith("linalg_inv"):
            return inverse, None
        return _solved(build, inverse, args[1], kwargs), None, None, None

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((2, 3, 3))
        for overload in self.aten[:3]:
            yield Sample(overload, (x,))
        yield Sample("_linalg_det.default", (Sample.Tensor((1, 1)),))
        yield Sample("_linalg_solve_ex.default", (x, Sample.Tensor((2, 3, 2))))
        yield Sample("_linalg_solve_ex.default", (Sample.Tensor((2, 2)), Sample.Tensor((2,))))
        yield Sample(
            "_linalg_solve_ex.default", (x, Sample.Tensor((2, 2, 3))), {"left": False})


def _adjugate(build: Writer, a: Value) -> tuple[Value, Value]:
    """adj A and det A, over the axes in front."""
    *lead, n, _ = a.shape
    matrix = build.reshape(a, (prod(lead), n, n))
    one = build.broadcast(build.floats(np.eye(n)), matrix.shape)
    power = one
    for k in range(1, n + 1):
        moved = build.apply("matmul", matrix, power)
        trace = build.sum(build.mul(moved, one), (1, 2), keepdim=True)
        c = build.scale(trace, Fraction(-1, k))
        if k < n:
            power = build.add(moved, build.mul(c, one))
    det = build.scale(build.reshape(c, tuple(lead)), (-1) ** n)
    return build.reshape(build.scale(power, (-1) ** (n - 1)), a.shape), det


def _solved(build: Writer, inverse: Value, right: Value, kwargs: Any) -> Value:
    """A^-1 B, or B A^-1; B may be a batch of vectors."""
    vector = len(right.shape) == 1 or right.shape == inverse.shape[:-1]
    columns = build.reshape(right, (*right.shape, 1)) if vector else right
    lead = tuple(np.broadcast_shapes(inverse.shape[:-2], columns.shape[:-2]))
    sides = [
        build.reshape(build.broadcast(x, (*lead, *x.shape[-2:])), (prod(lead), *x.shape[-2:]))
        for x in (inverse, columns)]
    value = build.apply("matmul", *(sides if kwargs.get("left", True) else sides[::-1]))
    shape = (*lead, *value.shape[1:])
    return build.reshape(value, shape[:-1] if vector else shape)
