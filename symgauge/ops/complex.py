"""Complex numbers as pairs of real lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from symgauge.errors import CaptureError
from symgauge.ops import by_overload
from symgauge.ops.hypot import length
from symgauge.program.array import Shape
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer

#: Ops that act on real and imaginary parts alike: they move entries, or are real-linear.
LINEAR = frozenset("""
    _unsafe_view alias cat clone contiguous detach expand flip index index_select neg permute repeat
    reshape roll select slice split split_with_sizes squeeze stack sum mean t transpose unbind
    unsqueeze view cumsum constant_pad_nd
""".split())
#: Products, sums and quotients of two.
PRODUCTS, SUMS, QUOTIENTS = ("mul", "mm", "bmm"), ("add", "sub"), ("div",)


@dataclass(frozen=True)
class Complex:
    """re + i im, of one shape."""

    re: Value
    im: Value

    @property
    def shape(self) -> Shape:
        """Shape of the parts."""
        return self.re.shape


@dataclass(frozen=True)
class Parts:
    """The parts along a last axis of two, as torch.view_as_real gives them; made where read."""

    of: Complex

    def value(self, build: Writer) -> Value:
        """The line."""
        pair = [build.reshape(x, (*x.shape, 1)) for x in (self.of.re, self.of.im)]
        return build.apply("concatenate", *pair, axis=len(self.of.shape))


class ComplexNumbers(Rewrite):
    """x + i y of two lines or of a last axis of two, r e^(i t), and back; conjugates, r and t."""

    name = "complex_numbers"
    aten = (
        "view_as_complex.default", "view_as_real.default", "complex.default", "polar.default",
        "_conj.default", "_conj_physical.default", "conj_physical.default", "angle.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Of real lines; `call` has those of complex numbers."""
        if overload.startswith("view_as_complex"):
            x, last = args[0], len(args[0].shape) - 1
            return Complex(*(
                build.reshape(build.slice(x, last, k, k + 1), x.shape[:-1]) for k in (0, 1)))
        if overload == "complex.default":
            shape = build.common_shape(*args)
            return Complex(*(build.broadcast(x, shape) for x in args))
        if overload.startswith("polar"):
            r, t = args
            return Complex(*(build.mul(r, build.apply(f, t)) for f in ("cos", "sin")))
        raise CaptureError(f"{overload} of a real number")

    def samples(self) -> Iterator[Sample]:
        yield from ()


def as_complex(build: Writer, x: Any) -> Complex:
    """A number or line, which may be complex already."""
    if isinstance(x, Complex):
        return x
    if isinstance(x, complex):
        return Complex(build.number(x.real), build.number(x.imag))
    value = build.number(x)
    return Complex(value, build.full(0, value.shape))


def call(build: Writer, overload: str, args: Any, kwargs: Any) -> Any:
    """An op of which an argument is complex. Raises CaptureError where it has no rule."""
    kind = overload.split(".")[0]
    if isinstance(args[0], Parts):
        return _of_parts(build, overload, *args, **kwargs)
    if kind in _ALONE:
        return _ALONE[kind](build, args[0])
    if kind.startswith("_fft"):
        return _rule(overload)(build, overload, *args, **kwargs)
    if kind in (*PRODUCTS, *QUOTIENTS, *SUMS):
        z, w = (as_complex(build, x) for x in args[:2])
        if kind in PRODUCTS:
            return _product(build, overload, z, w)
        if kind in QUOTIENTS:
            return _product(build, "mul.Tensor", z, _inverse(build, w))
        args, overload = (z, w), f"{kind}.Tensor"
    elif kind not in LINEAR:
        raise CaptureError(
            f"{overload} of complex numbers has no rule; write it with real and imaginary parts")
    parts = [_rule(overload)(build, overload, *_each(build, args, k), **kwargs) for k in (0, 1)]
    if isinstance(parts[0], (list, tuple)):
        return [Complex(*pair) for pair in zip(*parts, strict=True)]
    return Complex(*parts)


def _of_parts(build: Writer, overload: str, x: Parts, *rest: Any, **kwargs: Any) -> Any:
    """An op on parts: one of them where it selects one, else on the line of both."""
    last = len(x.of.shape)
    if overload == "select.int" and rest[0] % (last + 1) == last:
        return x.of.re if rest[1] % 2 == 0 else x.of.im
    return _rule(overload)(build, overload, x.value(build), *rest, **kwargs)


def _inverse(build: Writer, w: Complex) -> Complex:
    """1 / w, the conjugate over the square of the size."""
    size = build.reciprocal(build.add(*(build.mul(p, p) for p in (w.re, w.im))))
    return Complex(build.mul(w.re, size), build.mul(build.scale(w.im, -1), size))


def _rule(overload: str) -> Any:
    op = by_overload().get(overload)
    if op is None:
        raise CaptureError(f"{overload} of complex numbers has no rule")
    return op.capture


def _each(build: Writer, args: Any, part: int) -> Any:
    """The arguments with a part of each complex number; of lists of lines all are complex."""
    if isinstance(args, Complex):
        return (args.re, args.im)[part]
    if isinstance(args, (list, tuple)):
        mixed = any(isinstance(x, Complex) for x in args) and isinstance(args, list)
        return [_each(build, as_complex(build, x) if mixed and isinstance(x, Value) else x, part)
                for x in args]
    return args


def _product(build: Writer, overload: str, z: Complex, w: Complex) -> Complex:
    """(a + i b) (c + i d), of entries or of matrices."""
    def of(x: Value, y: Value) -> Value:
        made: Value = _rule(overload)(build, overload, x, y)
        return made

    return Complex(
        build.add(of(z.re, w.re), build.scale(of(z.im, w.im), -1)),
        build.add(of(z.re, w.im), of(z.im, w.re)))


def _conjugate(build: Writer, z: Complex) -> Complex:
    return Complex(z.re, build.scale(z.im, -1))


#: Ops of one complex number.
_ALONE: dict[str, Callable[[Writer, Complex], Any]] = {
    "_conj": _conjugate, "conj_physical": _conjugate, "_conj_physical": _conjugate,
    "resolve_conj": lambda build, z: z, "_to_copy": lambda build, z: z,
    "view_as_real": lambda build, z: Parts(z),
    "abs": lambda build, z: length(build, z.re, z.im),
    "angle": lambda build, z: _rule("atan2.default")(build, "atan2.default", z.im, z.re),
}
