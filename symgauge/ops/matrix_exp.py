"""exp A of square matrices: where the flow of X' = A X, from the identity, is at time 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.program.array import Shape
from symgauge.program.build import Builder
from symgauge.program.leaf import Input, Parameter
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.serial import network_to_json
from symgauge.program.writer import Value, Writer


class MatrixExp(Rewrite):
    """exp A is X(1), where X' = (A X + X A) / 2 and X(0) = 1.

    A commutes with exp(t A), so that is X' = A X; written so, rows and columns of X are of one
    space, as those of A are.
    """

    name = "matrix_exp"
    aten = ("linalg_matrix_exp.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """One flow for each matrix, all in one line."""
        (matrix,) = args
        *lead, n, _ = matrix.shape
        if not prod(matrix.shape):
            raise CaptureError(f"{overload}: a matrix without entries")
        size = (*((prod(lead),) if lead else ()), n, n)
        one = build.floats(np.broadcast_to(np.eye(n), size))
        value = build.apply(
            "ode_flow", one, build.reshape(matrix, size), field=_field(size), t0=Fraction(0),
            t1=Fraction(1))
        return build.reshape(value, matrix.shape)

    def samples(self) -> Iterator[Sample]:
        yield Sample("linalg_matrix_exp.default", (Sample.Tensor((2, 2)),))
        yield Sample("linalg_matrix_exp.default", (Sample.Tensor((2, 3, 3), -0.5, 0.5),))


def _field(size: Shape) -> str:
    """The program of (A X + X A) / 2."""
    from symgauge.ops import all_ops

    build = Builder(all_ops())
    state, matrix = build.leaf(Input("x", size)), build.leaf(Parameter("A", size))
    total = build.add(
        build.apply("matmul", matrix, state), build.apply("matmul", state, matrix))
    field = build.network([build.scale(total, Fraction(1, 2))])
    return json.dumps(network_to_json(field), sort_keys=True, separators=(",", ":"))
