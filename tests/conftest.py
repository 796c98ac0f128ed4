"""One profile for all drawn tests: the same examples in every run, and no time limit on one."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def torchdiffeq_as_it_is() -> Iterator[None]:
    """A generated check that is run in this process has flows take fixed steps ever after."""
    rooms = [room for name in ("odeint", "adjoint")
             if (room := sys.modules.get(f"torchdiffeq._impl.{name}")) is not None]
    own = [room._check_inputs for room in rooms]
    yield
    for room, before in zip(rooms, own, strict=True):
        room._check_inputs = before
