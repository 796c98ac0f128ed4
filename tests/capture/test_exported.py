"""Exports: what torch is told to leave out of graphs, and that it is told no longer than that."""

import pytest
import torch
from torch.fx import config
from torch.fx import _lazy_graph_module as lazy

from symgauge.capture.exported import exported
from symgauge.errors import CaptureError
from symgauge.ops import all_ops
from symgauge.program.build import Builder
from symgauge.program.leaf import Parameter


def settings() -> tuple[object, object]:
    return getattr(config, "do_not_emit_stack_traces", None), lazy._use_lazy_graph_module_flag


class Branch(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_nodes_come_without_stacks_and_torch_is_left_as_it_was() -> None:
    before = settings()
    program = exported(torch.nn.Linear(2, 3), (torch.ones(1, 2),), {})
    if before[0] is not None:
        assert not [n for n in program.graph.nodes if n.stack_trace]
    assert settings() == before
    with pytest.raises(CaptureError, match="branches on the value"):
        exported(Branch(), (torch.ones(2),), {})
    assert settings() == before


def test_a_line_alone_needs_no_other_parameter() -> None:
    build = Builder(all_ops())
    w, v = (build.leaf(Parameter(name, (2,))) for name in "wv")
    twice = build.scale(w, 2)
    alone = build.line_alone(twice)
    assert [p.name for p in alone.parameters] == ["w"] and len(alone.nodes) == 2
    assert [p.name for p in build.network([twice]).parameters] == ["w", "v"]
    assert v.shape == (2,)
