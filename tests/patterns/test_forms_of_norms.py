"""Lines in terms of one line and its means: what is asked for, and what is not."""

from symgauge.ops import all_ops
from symgauge.patterns.norms import _Forms
from symgauge.program.build import Builder
from symgauge.program.leaf import Input


def test_a_line_without_a_form_ends_the_look_at_those_above() -> None:
    build = Builder(all_ops())
    x = build.leaf(Input("x", (2, 3)))
    bent = build.apply("tanh", x)
    mean = build.scale(build.apply("sum", x, axes=(1,)), 2)
    wide = build.broadcast(build.reshape(mean, (2, 1)), (2, 3))
    out = build.mul(bent, wide)
    network = build.network([out])
    forms = _Forms(network, x.index)
    assert forms.of(out.index) is None
    assert bent.index in forms.known and wide.index not in forms.known
    assert forms.axes is None  # no sum was met
    assert forms.of(wide.index) is not None and forms.axes == (1,)
