"""Files that are whole or not there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from symgauge.errors import BadInputError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What is done here writes the path: an OSError is a BadInputError that names it."""
    try:
        yield
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A folder for what is put in the place of a path once it is whole; gone afterwards.

    Raises BadInputError where none can be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_atomically(path: Path, data: str | bytes | Callable[[str], None]) -> None:
    """Write to a temporary name beside the path and rename: never half a file.

    In place of data may stand what writes it to the file of a name.

    Raises BadInputError where the path cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                if callable(data):
                    data(temporary)
                else:
                    file.write(data.encode() if isinstance(data, str) else data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice: readers differ on which of the two counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} stands twice")
    return found


def parsed(text: str, what: str) -> Any:
    """The data of a JSON text that should be `what`. Raises BadInputError where it is no JSON."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"this is not {what}: the JSON ends or breaks ({error}); derive again"
        ) from error
