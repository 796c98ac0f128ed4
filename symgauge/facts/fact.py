"""class Fact: one converse, what it asks, where it is proved; a file of `facts` states some."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """If the value does not vary, the inputs vary only so.

    `statement` is the sentence, `asks` its side conditions in words, `proof` where it is proved,
    `premises` the theorems of others that it rests on, `false` its false relatives, by the names of
    tests/converse.
    """

    name: str
    statement: str
    asks: str
    proof: str
    premises: tuple[str, ...] = ()
    false: tuple[str, ...] = ()


AX = "Ax 1971: exponentials of functions that no integer combination makes constant are independent"
EMPTY: tuple[str, ...] = ()
