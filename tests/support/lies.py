"""Networks about which a false statement is easily made: NAME() -> (module, (example input,)).

The true redundancy is P minus the generic rank of the Jacobian over all inputs, so parameters that
are not read count; tests/data/lies.csv has it, and what once was said.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    """A function of parameters of the given shapes and of one input."""

    def __init__(self, function, **shapes):
        super().__init__()
        self.function = function
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))

    def forward(self, x):
        return self.function(self, x)


class Heads(nn.Module):
    """Two linear heads on one linear layer; the outputs are named."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second
        self.layer, self.left, self.right = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)

    def forward(self, x):
        h = self.layer(x)
        out = {self.first: self.left(h)}
        return out if self.second is None else {**out, self.second: self.right(h)}


class Behind(nn.Module):
    """b(x) + relu(m(a(x)) - threshold) with a maximum m."""

    def __init__(self, maximum, threshold):
        super().__init__()
        self.a, self.b = nn.Linear(2, 3), nn.Linear(2, 1)
        self.maximum, self.threshold = maximum, threshold

    def forward(self, x):
        return self.b(x) + F.relu(self.maximum(self.a(x)) - self.threshold)


class Mixed(nn.Module):
    """b(K a(x)): two scalar affine maps around fixed mixing weights K."""

    def __init__(self, mixing, **buffers):
        super().__init__()
        self.a, self.b, self.mixing = nn.Linear(1, 1), nn.Linear(1, 1), mixing
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, x):
        return self.b(self.mixing(self) @ self.a(x))


class Gain(nn.Module):
    """A linear reader behind a gain that is a function of w."""

    def __init__(self, gain):
        super().__init__()
        self.w, self.gain = nn.Parameter(torch.randn(3)), gain
        self.read = nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return self.read(x * self.gain(self.w))


def _example(*shape):
    return (torch.randn(*shape),)


# a maximum is taken to be idle, from its derivative at a few random points


def maximum_behind_relu():
    """A maximum that passes a ReLU on few inputs only is taken to be idle."""
    return Behind(lambda h: h.amax(-1, keepdim=True), 6.0), _example(1, 2)


def pool_behind_relu():
    """Max pooling that passes a ReLU on few inputs only is taken to be idle."""
    return Behind(lambda h: F.max_pool1d(h[:, None], 3)[:, 0], 6.0), _example(1, 2)


def maximum_in_rare_branch():
    """A maximum that is read in a rare branch only is taken to be idle."""
    zero = torch.zeros(())

    def f(s, x):
        return s.a * x[0] + torch.where(x[0] > 3.0, s.b * torch.amax(s.w * x), zero)
    return Net(f, a=(), b=(), w=(3,)), _example(3)


def maximum_in_comparison():
    """A maximum that is read in a comparison only has derivative 0, and is no constant."""

    def f(s, x):
        return torch.where(x > x.amax() + 2.2, s.a * x, s.b * x)
    return Net(f, a=(3,), b=(3,)), _example(3)


# exp and log of one and the same value are counted as one argument


def exp_and_log_of_one_value():
    """exp(log q) = q is missed where exp(q) occurs too."""

    def f(s, x):
        q = s.w**2 + 1
        return s.a * (torch.exp(torch.log(q)) - q) * x + s.b * x**2 + torch.exp(q) * x**3
    return Net(f, a=(), b=(), w=()), _example(1)


def log_of_product_beside_exps():
    """log(pq) = log p + log q is missed where exp of p, q and pq occur too."""

    def f(s, x):
        p, q = s.u**2 + 1, s.v**2 + 1
        zero = torch.log(p * q) - torch.log(p) - torch.log(q)
        exps = torch.exp(p) * x**2 + torch.exp(q) * x**3 + torch.exp(p * q) * x**4
        return s.a * zero * x + exps
    return Net(f, a=(), u=(), v=()), _example(1)


def log_of_product_beside_sines():
    """log(pq) = log p + log q is missed where sin and cos of the same values occur too."""

    def f(s, x):
        p, q = s.u**2 + 1, s.v**2 + 1
        zero = torch.log(p * q) - torch.log(p) - torch.log(q)
        waves = torch.sin(p) * x**2 + torch.sin(q) * x**3 + torch.cos(p * q) * x**4
        return s.a * zero * x + waves
    return Net(f, a=(), u=(), v=()), _example(1)


def exp_of_softplus():
    """exp(softplus(u)) = 1 + exp(u) is missed where exp(1 + exp(u)) occurs too."""

    def f(s, x):
        zero = torch.exp(F.softplus(s.u)) - torch.exp(s.u) - 1
        return s.a * zero * x + torch.exp(1 + torch.exp(s.u)) * x**2
    return Net(f, a=(), u=()), _example(1)


# softplus(u) is u above its threshold


def softplus_with_two_thresholds():
    """Softplus with threshold 4 is no softplus with threshold 20."""

    def f(s, x):
        return s.a * F.softplus(s.w * x, threshold=4.0) - s.a * F.softplus(s.w * x) + s.b * x
    return Net(f, a=(), b=(), w=()), _example(1)


def softplus_against_its_formula():
    """Softplus with threshold 4 is not log(1 + exp)."""

    def f(s, x):
        first = s.a * (F.softplus(s.w * x, threshold=4.0) - torch.log(1 + torch.exp(s.w * x)))
        return first + s.b * x
    return Net(f, a=(), b=(), w=()), _example(1)


def softplus_layer_with_threshold():
    """A layer of softplus with threshold 6 beside one of log(1 + exp), each with its readout."""

    def f(s, x):
        u = s.w @ x
        return s.a @ F.softplus(u, threshold=6.0) + s.b @ torch.log(1 + torch.exp(u))
    return Net(f, w=(2, 2), a=(2,), b=(2,)), _example(2)


# a cast to integers or Booleans is no identity


def integer_cast_of_a_parameter():
    """b relu(3w).long(): scaling b by 1/t and w by t keeps no integer."""
    net = Net(lambda s, x: s.a * x + s.b * F.relu(3 * s.w).long() * x**2, a=(), b=(), w=())
    nn.init.constant_(net.w, 1.5)
    return net, _example(1)


def boolean_cast_of_a_parameter():
    """b relu(w).bool(): w has no effect but by its sign."""
    net = Net(lambda s, x: s.a * x + s.b * F.relu(s.w).bool() * x**2, a=(), b=(), w=())
    nn.init.constant_(net.w, 1.5)
    return net, _example(1)


def integer_cast_in_rare_branch():
    """The cast of relu(wx - 3) is 0 at most inputs, as is its argument."""

    def f(s, x):
        return s.a * x + s.b * F.relu(s.w * x - 3.0).long()
    return Net(f, a=(), b=(), w=()), _example(1)


# all outputs count, none is chosen by its name


def logits_and_value():
    """A value head beside the logits is an output."""
    return Heads("logits", "value"), _example(1, 2)


def hidden_state_and_pooled():
    """A pooled output beside last_hidden_state is an output."""
    return Heads("last_hidden_state", "pooled"), _example(1, 2)


class WithHidden(nn.Module):
    """Logits, and the hidden layer they are read from."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        h = self.layer(x)
        return {"logits": self.head(h), "features": h}


def logits_and_features():
    """The hidden layer is an output too: no change of its basis is a symmetry."""
    return WithHidden(), _example(1, 2)


# constants that are computed are irrational: their floats satisfy no identity exactly


def softmax_of_a_buffer():
    """The rows of a softmax of constants sum to 1, those of its floats do not."""
    m = torch.tensor([[0.3, 1.0, -2.0], [0.0, 0.5, 0.7], [1.0, 2.0, 3.0]])
    return Mixed(lambda s: torch.softmax(s.m, -1), m=m), _example(3, 1)


def gaussian_window():
    """A Gaussian window that is normalised in the forward pass sums to 1."""

    def window(s):
        t = torch.arange(4, dtype=s.a.weight.dtype)
        k = torch.exp(-((t[:, None] - t[None]) ** 2) / 2)
        return k / k.sum(-1, keepdim=True)
    return Mixed(window), _example(4, 1)


def squares_of_sine_and_cosine():
    """The features 1, cos 2t, sin^2 t, cos^2 t of constants t span two dimensions."""

    def f(s, x):
        t = torch.arange(6, dtype=x.dtype) * 0.7
        squares = [torch.sin(t) ** 2, torch.cos(t) ** 2]
        return torch.stack([torch.ones_like(t), torch.cos(2 * t), *squares], -1) @ s.w * x
    return Net(f, w=(4,)), _example(1)


# a certificate over rewritten exponentials must be recognised as that of its module


def half_exponent():
    """exp(wx) beside exp(wx/2)^2: verified against its own module, the certificate is refuted."""

    def f(s, x):
        return s.a * torch.exp(x * s.w) + s.c * torch.exp(x * s.w / 2) ** 2
    return Net(f, a=(), c=(), w=()), _example(1)


def third_exponent():
    """exp(wx) beside exp(wx/3)^3: verified against its own module, the certificate is refuted."""

    def f(s, x):
        return (s.a * torch.exp(x * s.w)).sum() + (s.c * torch.exp(x * s.w / 3) ** 3).sum()
    return Net(f, a=(2,), c=(2,), w=(2,)), _example(1)


def exponent_of_a_sum():
    """exp(wx) exp(vx) beside exp(wx + vx): the certificate must be that of its own module."""

    def f(s, x):
        first = s.a * torch.exp(x * s.w) * torch.exp(x * s.v)
        return first + s.c * torch.exp(x * s.w + x * s.v)
    return Net(f, a=(), c=(), v=(), w=()), _example(1)


# the finite action on a gain with an offset: g = 1 + w goes to g/t, so w to (1 + w)/t - 1


def gain_one_plus_w():
    """Gain 1 + w: the finite action scales w in place of 1 + w."""
    return Gain(lambda w: 1 + w), _example(1, 3)


def gain_two_minus_w():
    """Gain 2 - w: the finite action scales w in place of 2 - w."""
    return Gain(lambda w: 2 - w), _example(1, 3)


def gain_half_plus_2w():
    """Gain 1/2 + 2w: the finite action scales w in place of 1/2 + 2w."""
    return Gain(lambda w: 0.5 + 2 * w), _example(1, 3)


class OffsetBlock(nn.Module):
    """RMSNorm with the gain 1 + w, then a gated MLP, with a residual connection."""

    def __init__(self, d, f):
        super().__init__()
        self.w = nn.Parameter(0.3 * torch.randn(d))
        self.gate, self.up = nn.Linear(d, f, bias=False), nn.Linear(d, f, bias=False)
        self.down = nn.Linear(f, d, bias=False)

    def forward(self, x):
        y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + self.w)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def offset_norm_block():
    """The gain 1 + w of an RMSNorm moves against both readers."""
    return OffsetBlock(4, 3), _example(2, 4)


# near relatives that are right today, and must stay so


def gain_w():
    """A gain without an offset."""
    return Gain(lambda w: w), _example(1, 3)


def gain_3w():
    """A gain that is a multiple of w."""
    return Gain(lambda w: 3 * w), _example(1, 3)


def logits_alone():
    """One output with the name logits; the other head is not read."""
    return Heads("logits", None), _example(1, 2)


def normalised_rational_rows():
    """Rational rows, normalised in the forward pass, sum to 1 exactly."""
    m = torch.tensor([[3.0, 4.0, 4.0], [1.0, 2.0, 3.0], [5.0, 7.0, 9.0]])
    return Mixed(lambda s: s.m / s.m.sum(-1, keepdim=True), m=m), _example(3, 1)


def maximum_subtracted():
    """A maximum that cancels in a log-sum-exp by hand is idle indeed."""

    def f(s, x):
        h = s.w * x + s.b
        m = h.amax()
        return m + torch.log(torch.exp(h - m).sum())
    return Net(f, w=(3,), b=(3,)), _example(3)


def maxout():
    """A maximum of two units each, read by a linear layer."""

    def f(s, x):
        return (x @ s.a).view(1, 2, 2).amax(-1) @ s.o
    return Net(f, a=(2, 4), o=(2, 1)), _example(1, 2)


def gelu_of_both_signs():
    """gelu(u) - gelu(-u) = u."""

    def f(s, x):
        return s.a * (F.gelu(s.w * x) - F.gelu(-s.w * x)) + s.b * x
    return Net(f, a=(), b=(), w=()), _example(1)


def logarithms_of_three_bases():
    """log2, log and log10 of one value are proportional."""

    def f(s, x):
        q = s.w**2 * x**2 + 1
        return s.a * torch.log2(q) + s.b * torch.log(q) + s.c * torch.log10(q)
    return Net(f, a=(), b=(), c=(), w=()), _example(1)


def sign_of_a_parameter():
    """A parameter that is read in a comparison only has no effect nearby."""

    def f(s, x):
        return torch.where(s.t > 0, 1.0, -1.0) * (x @ s.w + s.b)
    return Net(f, w=(2, 2), b=(2,), t=(2,)), _example(1, 2)


def softplus_network():
    """Linear, softplus with its usual threshold, linear."""
    return nn.Sequential(nn.Linear(1, 2), nn.Softplus(), nn.Linear(2, 1)), _example(1, 1)


def relu_network():
    """Linear, ReLU, linear."""
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)), _example(1, 2)
