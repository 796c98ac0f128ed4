"""Every block of code in README.md and the pages runs, and prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from code_pages import assert_real, code, name, pages_with_code
from places import DOCS, ROOT


@pytest.mark.parametrize("page", pages_with_code(ROOT) + pages_with_code(DOCS), ids=name)
def test_page(page: Path) -> None:
    assert_real(page)


@pytest.mark.parametrize("page", code.pages(), ids=name)
def test_every_block_is_code_or_said_to_be_none(page: Path) -> None:
    languages = {b.language for b in code.blocks(page)}
    assert languages <= {*code.CODE, *code.SHOWN}
    if page.suffix == ".rst":
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"::$", line) or line.lstrip().startswith(".."), (
                f"{name(page)}:{number}: a literal block without a language")


def test_what_is_not_run() -> None:
    """The blocks that are left out, each with the reason that readers see."""
    left_out = {(name(p), b.not_run) for p in code.pages() for b in code.blocks(p) if b.not_run}
    assert left_out == {
        ("README.md", "makes an environment; tests/house and CI have it"),
        ("docs/all_sizes.rst", "takes several devices"),
        ("docs/index.rst", "installs packages"),
        ("docs/literature.rst",
         "its path is that of a checkout, tests/docs/test_literature.py runs the rows"),
    }


def written(tmp_path: Path, text: str, suffix: str = ".rst") -> Path:
    page = tmp_path / f"page{suffix}"
    page.write_text(text)
    return page


@pytest.mark.parametrize("body, message", [
    (".. code-block:: python\n\n   assert 1 == 2\n", "AssertionError"),
    (".. code-block:: python\n\n   print(3)  # -> 4\n", "it prints"),
    (".. code-block:: pycon\n\n   >>> 1 + None\n   3\n", "TypeError"),
    (".. code-block:: sh\n\n   symgauge zoo --nothing\n", "status 3"),
    (".. code-block:: sh\n\n   symgauge no-such TARGET\n", "no command"),
    (".. code-block:: sh\n\n   symgauge audit TARGET --nothing A B\n", "no option --nothing"),
])
def test_a_false_block_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    monkeypatch.setattr(code, "ROOT", tmp_path)
    with pytest.raises(code.Wrong, match=re.escape(message)):
        code.differences(written(tmp_path, body))


def test_an_output_that_is_not_the_real_one_is_found(tmp_path: Path) -> None:
    body = ".. code-block:: console\n\n   $ echo one\n   two\n   $ echo $?\n   0\n"
    page = written(tmp_path, body)
    (block, real), = code.differences(page)
    assert real == "$ echo one\none\n$ echo $?\n0"


def test_a_value_that_is_not_the_real_one_is_found(tmp_path: Path) -> None:
    page = written(tmp_path, ".. code-block:: pycon\n\n   >>> 1 + 1\n   3\n   >>> 2\n   2\n")
    (block, real), = code.differences(page)
    assert real == ">>> 1 + 1\n2\n>>> 2\n2"


def test_blocks_of_a_page_share_their_names_and_their_folder(tmp_path: Path) -> None:
    page = written(tmp_path, """
.. code-block:: python

   x = 3

.. code-block:: python
   :caption: own.py

   print("it is", 1.25)

.. code-block:: pycon

   >>> x + 1
   4

.. code-block:: console

   $ python own.py
   it is ...
""")
    assert not code.differences(page)
