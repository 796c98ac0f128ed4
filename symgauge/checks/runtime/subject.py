"""What a generated check is about: its RECORD, key by key."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from symgauge.plain import PlainFamily, Sizes

SizeName = Literal["small", "full"]
#: Whether all modules are in training mode, or the names of those that are.
Training = bool | list[str]


class Target(TypedDict):
    """What the module is rebuilt from: the text of one file ("source"), or what is imported."""

    kind: str
    module: NotRequired[str]
    factory: str
    source: NotRequired[str]
    training: NotRequired[dict[SizeName, Training] | None]


class SizesOfTarget(TypedDict):
    """The sizes that the factory is called with."""

    small: Sizes
    full: Sizes | None


class FamilyAtSizes(TypedDict):
    """A family, right or wrong, where it has a finite action; a wrong one is made of `family`."""

    label: str
    small: PlainFamily | None
    full: PlainFamily | None
    family: NotRequired[int]


class CheckRecord(TypedDict):
    """The statement that is checked."""

    name: str
    target: Target
    sizes: SizesOfTarget
    observable: str
    #: The output that was chosen, by name or number; number and name of each that is looked at.
    output: str | int | None
    outputs: NotRequired[list[tuple[int, str]] | None]
    families: list[FamilyAtSizes]
    planted: list[FamilyAtSizes]


class Examined(PlainFamily):
    """A family at one size, labelled; a planted failure knows the right one."""

    right: NotRequired[Examined]
