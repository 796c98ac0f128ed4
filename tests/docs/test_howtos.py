"""The worked examples of docs/howto pass the contract tests in a copy of the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from code_pages import assert_real, name, pages_with_code
from places import DOCS


@pytest.mark.parametrize("page", pages_with_code(DOCS / "howto"), ids=name)
def test_page(page: Path) -> None:
    assert_real(page)
