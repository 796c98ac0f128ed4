"""Every check of a claim: it holds, its planted failures are refuted, and a broken one fails."""

import ast
import json
import math
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from symgauge.checks.claims import claim_head, claim_names, emit_claim, find_claims
from symgauge.cli.main import main
from symgauge.errors import BadInputError
from places import DOCS


def python(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def edited(folder: Path, name: str, old: str, new: str) -> Path:
    """The check with a change, as a user may edit it."""
    text = emit_claim(name)
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    path = folder / f"test_{name}.py"
    # what fails is no matter of the fixed-step methods, which take most of the time
    text = text.replace(old, new).replace("\nif __name__ ==", "\nMETHODS = ()\n\nif __name__ ==")
    path.write_text(text, encoding="ascii")
    return path


@cache
def small_run(name: str, *arguments: str) -> dict[str, Any]:
    """The record of one run at the small sizes; its table is checked on the way."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"test_{name}.py"
        path.write_text(emit_claim(name), encoding="ascii")
        done = python(path, "--json", Path(folder) / "r.json", *arguments)
        assert done.returncode in (0, 1), done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80
        record: dict[str, Any] = json.loads((Path(folder) / "r.json").read_text())
    return record


@pytest.mark.parametrize("name", claim_names())
def test_it_holds_and_its_planted_failures_are_refuted(name: str) -> None:
    record = small_run(name)
    assert record["ok"] is True
    judged = [row for row in record["rows"] if row["ok"] is not None]
    right = [row for row in judged if not row["wrong"]]
    wrong = [row for row in judged if row["wrong"]]
    assert len(right) >= 2 and len(wrong) >= 2
    for row in judged:
        if row["kind"] == "order":
            assert len(row["steps"]) >= 3
            assert row["value"] < 0.5 if row["wrong"] else row["value"] > 0.75
        else:
            assert row["value"] == pytest.approx(row["residual"] / row["floor"])
            assert row["value"] > 1e4 if row["wrong"] else row["value"] <= 10
            assert 0 < row["floor"] < 1e-4


@pytest.mark.parametrize("name", claim_names())
def test_the_file_stands_alone(name: str) -> None:
    """It imports the standard library, torch, torchdiffeq and numpy, and defines no name twice."""
    text = emit_claim(name)
    tree = ast.parse(text)
    roots = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import)
             for a in n.names}
    roots |= {(n.module or "").split(".")[0] for n in ast.walk(tree)
              if isinstance(n, ast.ImportFrom)}
    own = roots - set(sys.stdlib_module_names)
    assert own <= {"torch", "torchdiffeq", "numpy", "matplotlib"}  # the last only for --plot
    assert "symgauge." not in text.replace("symgauge.checks", "")
    names = [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    assert len(names) == len(set(names))
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", claim_names())
def test_its_title_fits_the_list(name: str) -> None:
    head = claim_head(name)
    assert re.fullmatch(r"C\d+'?", head["claim"])
    assert len(head["title"]) <= 59
    assert set(head["sizes"]) == {"small", "full", "gpu"}


def test_it_runs_under_plain_pytest(tmp_path: Path) -> None:
    path = tmp_path / "test_c10_balance.py"
    path.write_text(emit_claim("c10_balance"))
    done = python("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", path)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout


def test_float32_is_judged_by_its_own_floor() -> None:
    record = small_run("c6_linear", "--dtype", "float32", "--seed", "3")
    assert (record["dtype"], record["seed"], record["ok"]) == ("float32", 3, True)
    assert {row["ok"] for row in record["rows"] if row["kind"] == "order"} == {None}


BROKEN = {
    # (check, what stands there, what is wrong): a claim that is false must fail
    "c1_redundancy": ("s[:, None] * W2 - W2 @ w, s * b, -V * s",
                      "s[:, None] * W2 - W2 @ w, s * b, -0.999 * V * s"),
    "c3_closure": ("1.0, f(t, x)) - rate(f, t, x, 0.0, xi(t, x))",
                   "1.0, f(t, x)) - 0.999 * rate(f, t, x, 0.0, xi(t, x))"),
    "c5p_worldlines": ("- factor * rate[:, :1] * here", "- 0.999 * factor * rate[:, :1] * here"),
    "c8_permutations": ("+ 2 * math.pi * turns *", "+ 6.28 * turns *"),
    "c2_pushforward": ("moved = pushforward(f, phi)\n", "moved = pushforward(f, phi, 0.0)\n"),
    "c4_time": ("def retimed(f: Field, t: Clock, power: float = 1.0)",
                "def retimed(f: Field, t: Clock, power: float = 0.5)"),
    "c5_spacetime": ("        return rate_X / rate_T", "        return rate_X / rate_T.mean()"),
    "c2p_recovery": ("other = pushforward(f, phi)", "other = pushforward(f, phi, 0.0)"),
    "c6_linear": ("inhomogeneous: float = 1.0", "inhomogeneous: float = 1.001"),
    "c7_depth": ("return -Lam * p + torch.relu", "return -0.999 * Lam * p + torch.relu"),
    "c9_tokens": ("last: float = 1.0, out", "last: float = 0.999, out"),
    "c9p_lift": ("last: float = 1.0", "last: float = 0.999"),
    "c10_balance": ("skew + turn @ even @ turn.T", "skew + turn.T @ even @ turn"),
    "c11_optimisers": ("signed = torch.diag(signs)[order]", "signed = turn"),
}


@pytest.mark.parametrize("name", [
    n if n in ("c2_pushforward", "c10_balance") else pytest.param(n, marks=pytest.mark.slow)
    for n in claim_names()
])
def test_a_broken_check_fails(name: str, tmp_path: Path) -> None:
    record = tmp_path / "r.json"
    done = python(edited(tmp_path, name, *BROKEN[name]), "--json", record)
    assert done.returncode == 1, done.stdout + done.stderr
    rows = json.loads(record.read_text())["rows"]
    assert [row["label"] for row in rows if row["ok"] is False and not row["wrong"]]
    assert "FAILED" in done.stdout


def test_a_planted_failure_that_is_right_fails(tmp_path: Path) -> None:
    path = edited(tmp_path, "c4_time", '("without dt/dtau", retimed(f, t, 0.0))',
                  '("without dt/dtau", retimed(f, t, 1.0))')
    done = python(path)
    assert done.returncode == 1 and re.search(r"! without dt/dtau .*FAIL", done.stdout)


MLP = 'return mlp_field(bench.draw, "f", bench.sizes["dim"], bench.sizes["width"])'
REFUSED = [
    # a vector field that blows up in finite time: x' = 1 + x^2 is tan
    ("c2_pushforward", MLP, "return lambda t, x: 1 + x**2",
     r"f has no solution on the whole interval: .* at t = 0\.\d+, sample \d, x = \(.*finite time"),
    # fixed steps walk over a pole without seeing it, unless they are watched
    ("c6_linear", 'linear(A: Path) -> Field:\n    return lambda t, x: x @ A(t).T',
     'linear(A: Path) -> Field:\n    return lambda t, x: 2e9 * x', r"at t = 0, sample 0, x = \("),
    # a vector field that is not smooth: the solver's step underflows
    ("c4_time", MLP, "return lambda t, x: x + 1e7 * torch.sign(torch.sin(3e4 * x))",
     r"the solver fails on f.* t = \d\S+, sample 0, x = \("),
    ("c4_time", MLP, "return lambda t, x: x / (t - t)", r"velocity passes 1e\+08 at t = 0, sample"),
    ("c4_time", MLP, "return lambda t, x: x[:1]", r"f returns the shape \(1, 6\) at \(4, 6\)"),
    # diffeomorphisms that are none, or not the identity at the ends
    ("c2_pushforward", "    bump = torch.sin(math.pi * t)\n", "    bump = torch.sin(3.1 * t)\n",
     r"not the identity at the end t = 1, sample \d, x = \(.*moves a point by"),
    ("c2p_recovery", "return Diffeo(forward, inverse)", "return Diffeo(forward, forward)",
     r"the inverse of the diffeomorphism is none at t = 0\.25, sample 0, x = \("),
    ("c5_spacetime", "torch.tanh(x @ covector", "torch.sin(20 * x @ covector",
     r"D_f T = -\S+ is not positive at t = 0\.\d+, sample \d, x = \("),
    ("c5_spacetime", "T = t + t * (1 - t) * slope(x)", "T = t + (1 - t) * slope(x)",
     r"at t = 0, sample 0, x = \("),
    ("c4_time", "0.12 * torch.sin(2 * math.pi * tau)", "0.5 * torch.sin(2 * math.pi * tau)",
     r"the clock does not run forward at tau = 0\.\d+: dt/dtau is -"),
    ("c4_time", "0.2 * tau * (1 - tau)", "0.2 * tau", r"not keep the end tau = 1: t is 1\.2 there"),
    ("c6_linear", "(torch.sin(math.pi * t) + ends * (1 + t)) * direction",
     "torch.sin(math.pi * t) * -one", r"U\(t\) is not invertible at t = 0\.5"),
    ("c6_linear", "gauge(bench: Bench, ends: float = 0.0)",
     "gauge(bench: Bench, ends: float = 0.1)", r"U\(t\) is not the identity at the end t = 0"),
]


@pytest.mark.parametrize("name, old, new, sentence", REFUSED)
def test_what_has_no_answer_is_refused(
    name: str, old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    """One sentence that says where, exit status 3, no record, no number."""
    record = tmp_path / "r.json"
    done = python(edited(tmp_path, name, old, new), "--json", record)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert re.search(sentence, done.stderr), done.stderr
    assert not record.exists()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--size", "huge"], "error: argument --size: invalid choice: 'huge'"),
        (["--dtype", "bfloat16"], "error: argument --dtype: invalid choice: 'bfloat16'"),
        (["--json", "no/such/folder/x.json"], "error: the folder of no/such/folder/x.json"),
        (["--plot", "no/such/folder/x.png"], "error: the folder of no/such/folder/x.png"),
    ],
)
def test_bad_arguments_give_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "test_c4.py"
    path.write_text(emit_claim("c4_time"))
    done = python(path, *arguments)
    assert done.returncode == 3
    assert done.stderr.startswith(sentence) and done.stderr.count("\n") == 1


def test_the_command_writes_file_record_and_plot(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-claim", "C10", "--out", str(tmp_path), "--plot", "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert [entry["claim"] for entry in printed] == ["C10"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "c10_balance.json", "c10_balance.png", "test_c10_balance.py",
    ]
    assert json.loads((tmp_path / "c10_balance.json").read_text()) == printed[0]
    assert (tmp_path / "c10_balance.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-claim", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(claim_names()) and max(map(len, lines)) <= 80
    assert main(["check-claim", "--list", "--json", "C2'"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "c2p_recovery"


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["C77"], "there is no check of a claim 'C77'; the claims are C1, C2, C2', C3, C4"),
        (["C10", "--plot"], "--plot writes its pictures into --out"),
        (["C10", "--out", __file__], "is a file; name a folder"),
    ],
)
def test_the_command_refuses(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-claim", *arguments]) == 3
    assert sentence in capsys.readouterr().err


def test_claims_are_found_by_any_name() -> None:
    assert find_claims("c5") == find_claims("C5") == find_claims("c5_spacetime")
    with pytest.raises(BadInputError, match="the claims are C1"):
        find_claims("c")


def test_records_are_of_full_size() -> None:
    """The dated records in docs/benchmarks: at the claim's full size, every row judged."""
    folder = DOCS / "benchmarks"
    records = [json.loads(p.read_text()) for p in sorted(folder.glob("claim-*.json"))]
    assert {r["name"] for r in records} == set(claim_names())
    for record in records:
        assert record["ok"] is True and record["size"] == "full" and record["dtype"] == "float64"
        assert record["sizes"] == claim_head(record["name"])["sizes"]["full"]
        for row in record["rows"]:
            assert row["ok"] in (True, None)
            assert row["floor"] is None or math.isfinite(row["residual"])


def test_an_order_is_looked_for_where_steps_are_small_enough() -> None:
    """Coarse steps show no order at some fields; a wrong one is still seen."""
    from symgauge.checks.claims.runtime.solver import fitted_order, settled

    def late(n: int) -> float:
        return n**-4.0 * (1 + (100 / n) ** 3)

    coarse = [16, 32, 64]
    assert fitted_order(coarse, [late(n) for n in coarse]) > 5
    steps, errors, small = settled(late, coarse, 1e-16)
    assert small and abs(fitted_order(steps, errors) - 4) < 0.25
    steps, errors, small = settled(lambda n: 1e-3 + late(n), coarse, 1e-16)
    assert small and fitted_order(steps, errors) < 0.5
    assert not settled(late, coarse, 1e-3)[2]


@pytest.mark.parametrize(("name", "old", "new"), [
    ("c2_pushforward", 'return mlp_field(bench.draw, "f", bench.sizes["dim"], '
                       'bench.sizes["width"])', "return lambda t, x: 0 * x"),
    ("c2_pushforward", 'return coupling_flow(bench.draw, "phi", bench.sizes["dim"], '
                       'bench.sizes["hidden"], ends)',
     "return Diffeo(lambda t, x: x, lambda t, x: x)"),
])
def test_what_shows_no_planted_failure_is_bad_input(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    done = python(edited(tmp_path, name, old, new))
    assert done.returncode == 3
    assert "moves no point" in done.stderr and "Traceback" not in done.stderr
