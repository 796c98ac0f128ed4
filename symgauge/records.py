"""Records: frozen dataclasses that are their own JSON, read strictly.

A field is a key (`class_` is "class"); one whose default is None is left out where it is None.
What is read must be what is written: unknown keys and other types are bad input.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import (
    Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints,
)

from symgauge.errors import BadInputError
from symgauge.files import parsed


@dataclass(frozen=True, kw_only=True)
class Record:
    """A frozen dataclass that is a JSON object."""

    def plain(self) -> dict[str, Any]:
        """The plain data: what JSON holds, lists for tuples."""
        return {key: plain(getattr(self, f.name)) for key, f in _keys(type(self))
                if f.default is not None or getattr(self, f.name) is not None}

    @classmethod
    def from_plain(cls, data: Any, at: str = "") -> Self:
        """The record that `plain` wrote. Raises BadInputError where `data` is none."""
        at = at or cls.__name__
        if not isinstance(data, Mapping):
            raise BadInputError(f"{at} is {data!r:.80}, not an object")
        keys = dict(_keys(cls))
        unknown = [k for k in data if k not in keys]
        if unknown:
            raise BadInputError(f"{at} has {unknown[0]!r:.80}, which is no key of it")
        missing = [k for k, f in keys.items() if f.default is MISSING and k not in data]
        if missing:
            raise BadInputError(f"{at} lacks {', '.join(missing)}")
        types: dict[str, Any] = _types(cls)  # type: ignore[arg-type]
        return cls(**{f.name: decoded(types[f.name], data[k], f"{k} of {at}" if at else k)
                      for k, f in keys.items() if k in data})


@dataclass(frozen=True, kw_only=True)
class RecordFile(Record):
    """A record that is a file of its own, and names its schema."""

    SCHEMA: ClassVar[str]
    #: What makes such a file, for who gave another one.
    AGAIN: ClassVar[str] = "derive again"

    @cached_property
    def data(self) -> dict[str, Any]:
        """The plain data that `--json` prints."""
        return self.plain()

    def plain(self) -> dict[str, Any]:
        """The plain data of the file."""
        return {"schema": self.SCHEMA, **super().plain()}

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(self.plain(), indent=1, ensure_ascii=True) + "\n"

    def printed(self) -> str:
        """The text that `--json` prints."""
        return json.dumps(self.data, indent=1, ensure_ascii=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record that `to_json` wrote.

        Raises BadInputError where the text is none (truncated, another file).
        """
        return cls.from_plain(parsed(text, f"a {cls.SCHEMA} file"))

    @classmethod
    def from_plain(cls, data: Any, at: str = "") -> Self:
        """The record in plain data. Raises BadInputError where it is none."""
        found = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
        if found != cls.SCHEMA:
            raise BadInputError(
                f"this is not a {cls.SCHEMA} file (found {found!r:.80}); {cls.AGAIN}")
        rest = {k: v for k, v in data.items() if k != "schema"}
        try:
            record = super().from_plain(rest, at or "this file")
        except BadInputError as error:
            raise BadInputError(f"{error}; {cls.AGAIN}") from error
        try:
            same = text_of(record.plain()) == text_of(data)
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInputError(f"this is no JSON data: {error}") from error
        if not same:
            raise BadInputError(f"this file is not as a {cls.SCHEMA} is written; {cls.AGAIN}")
        return record


def text_of(value: Any) -> str:
    """Plain data as text, tuples as lists: 1 and true are equal in Python, different in JSON."""
    return json.dumps(value, sort_keys=True)


#: Types of most values, which are looked up sooner than classes are asked for.
_PLAIN = frozenset({str, int, float, bool, NoneType})


def plain(value: Any) -> Any:
    """The plain data of a value that a record may hold."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(inner) for inner in value]
    if hasattr(value, "plain"):
        return value.plain()
    return value.to_json() if hasattr(value, "to_json") else value


def decoded(kind: Any, data: Any, at: str) -> Any:
    """The value of this type in plain data. Raises BadInputError where it is none.

    `Annotated[Kind, read]` is read by `read`, which raises ValueError and its like.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin in (Union, UnionType):
        return _one_of(inner, data, at)
    if origin is tuple:
        return _tuple(inner, data, at)
    if origin is Literal and isinstance(data, str) and data in inner:
        return data
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(data, Mapping):
        return {k: decoded(inner[1], v, f"{k} of {at}") for k, v in data.items()}
    if not isinstance(kind, type) and origin is not Annotated:
        raise _wrong(kind, data, at)
    if kind in (str, int, bool, float):
        if type(data) is kind or kind is float and type(data) is int:
            return data
        raise _wrong(kind, data, at)
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind.from_plain(data, at)
    read = kind.__metadata__[0] if origin is Annotated else kind
    try:
        return read(data)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _wrong(kind, data, at) from error


def _one_of(kinds: tuple[Any, ...], data: Any, at: str) -> Any:
    if data is None and NoneType in kinds:
        return None
    others = [k for k in kinds if k is not NoneType]
    for kind in others[:-1]:
        try:
            return decoded(kind, data, at)
        except BadInputError:
            continue
    return decoded(others[-1], data, at)


def _tuple(kinds: tuple[Any, ...], data: Any, at: str) -> tuple[Any, ...]:
    many = len(kinds) == 2 and kinds[1] is ...
    if not isinstance(data, (list, tuple)) or not many and len(data) != len(kinds):
        raise _wrong(tuple, data, at)
    each = [kinds[0]] * len(data) if many else kinds
    return tuple(
        decoded(k, v, f"entry {i} of {at}") for i, (k, v) in enumerate(zip(each, data)))


def _wrong(kind: Any, data: Any, at: str) -> BadInputError:
    name = {
        str: "a text", int: "an integer", float: "a number", bool: "true or false", tuple: "a list",
    }.get(kind, getattr(kind, "__name__", str(kind)))
    return BadInputError(f"{at} is {data!r:.80}, not {name}")


@cache
def _types(cls: type[Record]) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _keys(cls: type[Record]) -> Iterator[tuple[str, Field[Any]]]:
    return ((f.name.rstrip("_"), f) for f in fields(cls))
