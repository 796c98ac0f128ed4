"""torch.export (non-strict, decomposed), and what is read off its nodes."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch.fx import config as fx_config
from torch.fx._lazy_graph_module import _use_lazy_graph_module

from symgauge.errors import CaptureError, first_line
from symgauge.exports.decomposed import decomposed


#: Composite ops kept whole although torch would decompose them (their branches are rounding).
KEEP = (
    "softplus.default", "silu.default", "log_softmax.int", "gelu.default", "log_sigmoid.default",
    "log_sigmoid_forward.default", "lerp.Tensor", "lerp.Scalar",
)
#: Ops that only assert something about a tensor, by the start of their names.
DROP = ("_assert_", "sym_constrain_range", "_linalg_check_errors")


def exported(module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
    table = torch.export.default_decompositions()
    for overload in list(table):
        if any(str(overload) == f"aten.{name}" for name in KEEP):
            table.pop(overload, None)
    logger = logging.getLogger("torch")
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL)
        # torch prints a partial graph to standard error before it raises
        with (_nodes_alone(), warnings.catch_warnings(),
              contextlib.redirect_stderr(io.StringIO())):
            warnings.simplefilter("ignore")
            return decomposed(torch.export.export(module, args, kwargs, strict=False), table)
    except Exception as error:
        text = str(error)
        if "data-dependent" in text or "Could not guard" in text or "bool(" in text:
            raise CaptureError(
                "the module branches on the value of a tensor (a data-dependent branch); "
                "symgauge needs one program for all inputs: write the branch with torch.where "
                "on constants, or hold it fixed in the factory"
            ) from error
        odd = [n for n, _ in module.named_modules() if any(c in n for c in '"\\\n\r')]
        if odd:
            raise CaptureError(
                f"torch.export cannot read a module named {odd[0]!r}: rename it without quotes, "
                "backslashes and line breaks"
            ) from error
        raise CaptureError(f"torch.export cannot read the module: {first_line(error)}") from error
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _nodes_alone() -> Iterator[None]:
    """Within it torch writes no Python text of graphs that nobody runs, and no stack of a node."""
    said = getattr(fx_config, "do_not_emit_stack_traces", None)  # none before torch 2.12
    try:
        if said is not None:
            fx_config.do_not_emit_stack_traces = True
        with _use_lazy_graph_module(True):
            yield
    finally:
        if said is not None:
            fx_config.do_not_emit_stack_traces = said


def overload_of(target: Any) -> str:
    name = target._schema.name.split("::")[1]
    return f"{name}.{target._schema.overload_name or 'default'}"


def path_of(node: Any) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path, kind = list(stack.values())[-1] if stack else ("", "module")
    kind = kind if isinstance(kind, str) else kind.__name__
    return f"{path or 'the module'} ({kind.rpartition('.')[2]})"


def is_node(x: Any) -> bool:
    return isinstance(x, torch.fx.Node)
