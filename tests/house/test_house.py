"""The house is in order: packaging, the README's commands, and no trace of one machine."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import symgauge
from places import ROOT


# each is written so that its own text does not match it
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.~*-])/(?:wor[k]|far[m]|roo[t]|hom[e]|tm[p])/"),
    "a host of a package registry": re.compile(
        r"pythonhoste[d]|pypi\.or[g]|registry\.npmj[s]|deb\.debia[n]"
    ),
    "a file outside the checkout": re.compile(r"\.\./share[d]|\bshare[d]/[A-Za-z_]+\.(?:md|csv)"),
}


def project_files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.is_file())
    for folder in (".ci", "docs", "proofs", "symgauge", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not {"__pycache__", "_build"} & set(path.parts):
                yield path


def commands() -> list[str]:
    """The shell lines of the README's set-up section, one fenced block each."""
    section = (ROOT / "README.md").read_text().split("## Set up", 1)[1].split("\n## ", 1)[0]
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


def test_pyproject_has_three_lines() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    assert len(lines) == 3 and lines[0] == "[build-system]"


def test_readme_has_two_commands_of_one_line_each() -> None:
    main_job, tests = commands()
    assert "\n" not in main_job and "\n" not in tests
    assert "symgauge derive" in main_job and "--size full" in main_job
    assert "tox" in tests


def test_readme_commands_name_files_that_exist() -> None:
    for command in commands():
        made_by_it = re.findall(r"-m venv (\S+)|--out (\S+)", command)
        new = {folder for pair in made_by_it for folder in pair if folder}
        for word in re.findall(r"[\w./-]+\.(?:txt|cfg|ini|toml|py|json)\b|\./\S+", command):
            if not any(word.startswith(folder) for folder in new):
                assert (ROOT / word).exists(), f"{word} in {command}"
        assert "constraints.txt" in command


def test_readme_names_only_paths_that_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_ci_runs_the_second_command() -> None:
    script = ROOT / ".ci" / "run"
    assert commands()[1] in script.read_text().splitlines()
    assert os.access(script, os.X_OK)


def test_constraints_pin_exact_public_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert "torch==2.13.0" in pins
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", pin), pin


def test_changelog_mentions_the_version() -> None:
    assert f"## [{symgauge.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_project_file_names(what: str) -> None:
    found = []
    for path in project_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in FORBIDDEN[what].finditer(text)]
    assert not found


@pytest.mark.parametrize(
    "what, text",
    [
        ("a path of one machine", "open('" + "/".join(["", "tmp", "x"]) + "')"),
        ("a host of a package registry", "pypi" + ".org"),
        ("a file outside the checkout", "../" + "shared"),
    ],
)
def test_the_forbidden_is_recognised(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)
