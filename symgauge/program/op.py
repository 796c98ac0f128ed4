"""What an op states: its value, tangent and cotangent once, over any domain.

`Primitive` ops are evaluated; `Composite` ops expand into primitives; a `Rewrite` is an ATen
op that becomes other ops at capture and has no node of its own. Arrays carry one leading
batch axis; attributes and shapes speak of the axes behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from symgauge.errors import CaptureError
from symgauge.program.array import Array, Shape

if TYPE_CHECKING:
    from symgauge.program.domain import Domain
    from symgauge.program.legs import Axis, Legs
    from symgauge.program.moves import Address, Moves
    from symgauge.program.sample import Sample
    from symgauge.program.writer import Value, Writer


class AbstractOp(ABC):
    """One op. Stateless: every instance of a class is the same op."""

    name: ClassVar[str]
    #: ATen overloads that this op captures, as "mul.Tensor".
    aten: ClassVar[tuple[str, ...]] = ()
    #: Attributes that hold exact rationals.
    rational_attrs: ClassVar[tuple[str, ...]] = ()

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Nodes for a call of one of `aten`; the default passes values on and refuses the rest."""
        rest = [a for a in args if not _is_value(a)]
        if rest or any(v is not None for v in kwargs.values()):
            raise CaptureError(f"{self.name}: arguments {rest} {dict(kwargs)} are not understood")
        return build.apply(self.name, *args)

    def samples(self) -> Iterator[Sample]:
        """Calls on which the contract tests compare this op with torch's."""
        return iter(())

    def non_symmetries(self) -> Iterator[str]:
        """What this op does not allow, in words that a test refutes."""
        return iter(())


def _is_value(argument: Any) -> bool:
    return hasattr(argument, "index") and hasattr(argument, "minus_infinity")


class NodeOp(AbstractOp):
    """An op that stands in a program."""

    #: The lemma on how the value varies when the inputs do: the name of a file of `laws`, as it
    #: calls itself. "general": a variation of an input is one of the value, no more.
    law: ClassVar[str] = "general"
    #: What is read off sums of the values about their arguments (`symgauge.converse`): the name of
    #: a fact, or "" where none is stated.
    converse: ClassVar[str] = ""
    #: Whether its values are no polynomial over the lower field and its slope is one in them.
    bounded: ClassVar[bool] = False
    #: Degree under positive scalings, for the law "homogeneous".
    degree: ClassVar[Fraction] = Fraction(1)
    #: Whether the value is linear in all inputs together, or in each of its two.
    linear: ClassVar[bool] = False
    bilinear: ClassVar[bool] = False
    #: Whether the value is exponentials, over their sum or not: what averages weigh with.
    exponentiates: ClassVar[bool] = False
    #: Whether it is s = 1 / (1 + exp(-x)), whose derivative is s (1 - s).
    weighs: ClassVar[bool] = False
    #: Whether a root of the input is taken, which over residues is there where that is a square.
    takes_root: ClassVar[bool] = False
    #: Whether the rows along the unit axis are a single 1 and zeros, or zeros alone.
    picks: ClassVar[bool] = False
    #: Whether the value of an op of one input is 0 where that is, and it is not linear.
    keeps_zero: ClassVar[bool] = False

    @abstractmethod
    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        """Shape of the value."""

    def latex(self, *inputs: str, **attrs: Any) -> str:
        """The value in LaTeX, given its inputs'."""
        return rf"\operatorname{{{self.name.replace('_', '-')}}}({', '.join(inputs)})"

    def minus_infinity(self, masks: Sequence[Array | None], **attrs: Any) -> Array | None:
        """Where the value is minus infinity, given where the inputs are (capture only)."""
        raise CaptureError(f"minus infinity enters {self.name}; only a softmax may absorb it")

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        """Axes of the value as products of legs. Default: entrywise, all inputs alike."""
        return legs.entrywise(inputs, shape)

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        """Where a leaf of an input is in the value; None where it is no longer there.

        Default: where it was. Raises NoLemma where index spaces are mixed.
        """
        return address

    def degree_at(self, **attrs: Any) -> Fraction:
        """The degree, for an op whose attributes say it."""
        return self.degree

    def is_square(self, **attrs: Any) -> bool:
        """Whether the value is the square of the input, entry by entry."""
        return False

    def unit_axis(self, rank: int, **attrs: Any) -> int | None:
        """The axis of the value, of `rank` axes, along which its entries sum to 1; None: none."""
        return None

    def vanishes(self, zero: Sequence[bool], **attrs: Any) -> bool:
        """Whether the value is 0, given which inputs are: sufficient."""
        if self.bilinear:
            return any(zero)
        return (self.linear or self.keeps_zero) and bool(zero) and all(zero)

    def terms(self, counts: Sequence[int], shapes: Sequence[Shape], **attrs: Any) -> int | None:
        """A bound on the terms of an entry, given the inputs', for a plain sum or product.

        A proof keeps such a value a polynomial in its inputs while that is short. None: not this.
        """
        return None

    def body(self, **attrs: Any) -> object | None:
        """The program of the vector field, for an op that is its flow; else None (`Node.body`).

        Its inputs are t and x; the op's inputs are x at the start and the program's parameters.
        """
        return None

    #: Whether `symbols` states relations among the entries of the value.
    closed: ClassVar[bool] = False

    def symbols(self, domain: Domain, y: Array, *xs: Array, **attrs: Any) -> Array:
        """The value on free symbols y, with the relations among its entries built in."""
        return y


class Primitive(NodeOp):
    """An op with its own arithmetic."""

    #: Whether the value is locally constant: a shadow point decides it, its derivative is 0.
    branches: ClassVar[bool] = False

    @abstractmethod
    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        """The value."""

    @abstractmethod
    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        """The derivative at xs applied to dxs (None is zero; not all are None)."""

    @abstractmethod
    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        """The adjoint of the derivative applied to ct, one entry per input (None is zero)."""


class LocallyConstant(Primitive):
    """An op entry by entry whose value a branch decides: its derivative is 0."""

    branches = True

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        assert dxs[0] is not None
        return domain.zeros(dxs[0].shape)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (None,)


class Structural(Primitive):
    """A linear op that only moves, repeats or selects entries: written in plain numpy."""

    linear = True

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        """A linear op is its own derivative."""
        pairs = zip(xs, dxs, strict=True)
        zero = [domain.zeros(x.shape) if dx is None else dx for x, dx in pairs]
        return self.apply(domain, *zero, **attrs)

    def minus_infinity(self, masks: Sequence[Array | None], **attrs: Any) -> Array | None:
        """The mask moves with the entries."""
        return self.moved_alone(*(m for m in masks if m is not None), **attrs)

    def moved_alone(self, *xs: Array, **attrs: Any) -> Array:
        """The entries of one example, whatever they are."""
        # the domain is not used by ops that only move entries
        out: Array = self.apply(None, *(x[None] for x in xs), **attrs)[0]  # type: ignore[arg-type]
        return out


class Composite(NodeOp):
    """An op defined by its expansion into other ops."""

    #: An entrywise function of one input that a proof may treat as a symbol with a slope.
    opaque: ClassVar[bool] = False
    #: Whether a proof keeps the value, while it is short, a polynomial in what tokens select.
    of_tokens: ClassVar[bool] = False

    @abstractmethod
    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        """The same value by other ops."""

    def variation(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        """The derivative in terms of the value (ops with `closed` only)."""
        raise NotImplementedError(self.name)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        """Shape of the input, for an op of one input."""
        (shape,) = shapes
        return shape


class Rewrite(AbstractOp):
    """An ATen op that becomes other ops at capture."""

    @abstractmethod
    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The nodes it becomes."""
