"""The pages: every public name is described, in whole sentences, and every link leads somewhere."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import symgauge
from places import DOCS, ROOT

#: What has no page of its own: a text, and the errors, which are described together.
TOGETHER = {"__version__", *importlib.import_module("symgauge.errors").__all__}
PUBLIC = [
    *(f"symgauge.{n}" for n in symgauge.__all__ if n not in TOGETHER), "symgauge.nn.OdeFlow",
    *(f"symgauge.testing.assert_{n}" for n in ("same_function", "symmetry", "gauge_invariant")),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-d", str(out / "trees"),
         str(DOCS), str(out / "html")],
        capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return out / "html"


class Links(HTMLParser):
    """What a page links to, what it fetches, and what may be linked to on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[k] for k in ("id", "name") if k in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        for name in ("src", "data"):
            self.fetched += [found[name]] if name in found else []
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.fetched.append(found["href"])


def dead_links(site: Path) -> list[str]:
    """Links within the pages that lead to no file, or to no place on it."""
    pages = {p: Links(p.read_text(encoding="utf-8")) for p in site.rglob("*.html")}
    dead = []
    for page, found in pages.items():
        for link in found.links + found.fetched:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto", "data"):
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not file.exists():
                dead.append(f"{page.name}: {link}")
            elif parts.fragment and unquote(parts.fragment) not in pages[file].ids:
                dead.append(f"{page.name}: {link}")
    return dead


def test_every_link_leads_somewhere(site: Path) -> None:
    assert not dead_links(site)


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """No script, style, font or picture comes from the network."""
    for page in site.rglob("*.html"):
        for address in Links(page.read_text(encoding="utf-8")).fetched:
            assert urlsplit(address).scheme in ("", "data"), f"{page.name}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_formulas_are_drawn_by_the_browser(site: Path) -> None:
    text = (site / "gauge_theories.html").read_text(encoding="utf-8")
    assert text.count("<math ") > 60 and "mathjax" not in text.lower()


@pytest.mark.parametrize("body, fault", [
    ('<a href="#nowhere">x</a>', "#nowhere"), ('<a href="no.html">x</a>', "no.html"),
    ('<img src="_static/no.png">', "no.png"),
])
def test_a_dead_link_is_found(tmp_path: Path, body: str, fault: str) -> None:
    (tmp_path / "page.html").write_text(f'<p id="here"><a href="page.html#here">y</a>{body}')
    (found,) = dead_links(tmp_path)
    assert fault in found


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_described(name: str, site: Path) -> None:
    """It has a place on the page, and its members that are shown there say what they are."""
    text = (site / "api.html").read_text(encoding="utf-8")
    assert f'id="{name}"' in text
    module, _, last = name.rpartition(".")
    thing = getattr(importlib.import_module(module), last)
    for shown in {name, *re.findall(rf'id="({re.escape(name)}\.\w+)"', text)}:
        entry = text[text.index(f'id="{shown}"'):]
        said = re.search(r"<dd><p>(.*?)</p>", entry, re.DOTALL)
        assert said and re.search(r"[.:]$", re.sub(r"<[^>]+>", "", said[1]).strip()), shown
    if inspect.isfunction(thing):
        assert "Raises" in (thing.__doc__ or ""), f"{name} does not say what it raises"


def test_a_formula_that_cannot_be_read_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(DOCS / '_ext')!r}); extensions = ['mathml']\n")
    (tmp_path / "index.rst").write_text("T\n=\n\n:math:`\\nosuch{1}`\n")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(tmp_path),
         str(tmp_path / "out")], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode and "no formula" in done.stderr


def test_every_page_is_in_the_tree() -> None:
    """Each page is named by the index or by a page that is."""
    named = set()
    for page in DOCS.rglob("*.rst"):
        for tree in re.findall(r"\.\. toctree::(.*?)(?=\n\S|\Z)", page.read_text(), re.DOTALL):
            names = re.findall(r"^   ([\w/]+)$", tree, re.MULTILINE)
            named |= {(page.parent / f"{name}.rst").resolve() for name in names}
    assert set(DOCS.rglob("*.rst")) - named == {DOCS / "index.rst"}
    assert ROOT.joinpath("README.md").exists()


def test_bars_are_those_of_the_table(site: Path) -> None:
    """Each derived row of the table of transformers has a bar, with its numbers."""
    table = (DOCS / "transformers.inc").read_text(encoding="utf-8")
    derived = re.findall(r"\* - ``(\S+)``\n +- (\d+)\n +- (\d+)\n", table)
    page = (site / "transformers.html").read_text(encoding="utf-8")
    assert len(derived) > 20
    for name, total, redundant in derived:
        assert re.search(rf">{name}</text>.*?>{redundant} of {total}</text>", page), name
