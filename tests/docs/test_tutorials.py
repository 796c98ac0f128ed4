"""The tutorials run, and print what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from code_pages import assert_real, name, pages_with_code
from places import DOCS


@pytest.mark.parametrize("page", pages_with_code(DOCS / "tutorials"), ids=name)
def test_page(page: Path) -> None:
    assert_real(page)
