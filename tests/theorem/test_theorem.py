"""The files of proofs/ are proved, all of them; what is false is refuted; the document compiles."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sympy
from rich.console import Console

from symgauge.cli.main import main as command_line
from symgauge.errors import BadInputError
from symgauge.flows import VectorField, at, bracket, spacetime
from symgauge.typesetting.compile import find_engine
from symgauge.theorem import (
    NEUTRAL, Counterexample, ExactRank, FieldIdentity, GroupIdentity, MatrixCounterexample,
    MatrixIdentity, PolynomialIdentity, Premise, Step, Theorem, TraceIdentity, derivative,
    group_letters, identity, matrix, prove, prove_files, runner, sizes, zero,
)
from symgauge.theorem.latex import section
from symgauge.theorem.runner import load, proof_files
from symgauge.theorem.theorem import Result
from symgauge.verdict import Verdict
from places import ROOT

PROOFS = sorted((ROOT / "proofs").glob("*.py"))
needs_latex = pytest.mark.skipif(
    os.environ.get("SYMGAUGE_REQUIRE_LATEX") != "1" and find_engine() is None,
    reason="no LaTeX engine on this machine",
)

n, m = sizes("n m")
A, B, g = matrix("A", n, n), matrix("B", n, n), matrix("g", n, n)
x, y, a, H = sympy.symbols("x y a H")


def run(files: list[str], **options: Any) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=80)
    status = prove_files(
        files, options.get("latex"), options.get("as_json", False), console
    )
    return status, console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner takes what this session has decided already; the slow theorems take seconds."""
    monkeypatch.setattr(runner, "prove", once)


DECIDED: dict[str, Result] = {}


def once(theorem: Theorem) -> Result:
    if theorem.claim not in DECIDED:
        DECIDED[theorem.claim] = prove(theorem)
    return DECIDED[theorem.claim]


def small(*steps: Step, premises: tuple[Premise, ...] = ()) -> Theorem:
    return Theorem("C0", "A small theorem", "$a = b$.", (), premises, "All $n$.", steps, "As said.")


def verdict(step: Step) -> Verdict:
    return step.decide().verdict


# -- proofs/ -------------------------------------------------------------------------------------


def test_every_file_of_proofs_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    claims = {load(path).claim for path in PROOFS}
    primed = {"C2'", "C5'", "C6'"}
    assert claims >= {f"C{k}" for k in range(1, 11)} | primed | {f"K{k}" for k in range(1, 13)}
    monkeypatch.chdir(ROOT)
    assert sorted(p.resolve() for p in proof_files()) == PROOFS
    # elsewhere, the folder beside the source tree is found, if there is one
    monkeypatch.chdir(tmp_path)
    beside = Path(sys.modules["symgauge"].__file__ or "").resolve().parents[1] / "proofs"
    if beside.is_dir():
        assert sorted(proof_files()) == PROOFS
    else:
        with pytest.raises(BadInputError, match="no folder proofs/"):
            proof_files()


@pytest.mark.parametrize("path", PROOFS, ids=lambda p: p.stem)
def test_proved(path: Path) -> None:
    theorem = load(path)
    result = once(theorem)
    bad = [
        (step.name, decision)
        for step, decision in zip(theorem.steps, result.decisions, strict=True)
        if decision.verdict is not Verdict.PROVED
    ]
    assert not bad
    assert result.verdict is Verdict.PROVED
    assert path.stem.startswith(theorem.claim.lower().replace("'", "p") + "_")
    assert any(step.must_fail for step in theorem.steps)
    names = [step.name for step in theorem.steps]
    assert len(set(names)) == len(names)
    for text in (theorem.statement, theorem.scope, theorem.conclusion):
        assert text.endswith(".")


@pytest.mark.parametrize("path", PROOFS, ids=lambda p: p.stem)
def test_no_step_simplifies_or_samples(path: Path) -> None:
    assert not re.search(r"simplif|nsimplify|random|evalf|\bfloat\b|\d\.\d", path.read_text())


@pytest.mark.parametrize("path", PROOFS, ids=lambda p: p.stem)
def test_executable(path: Path) -> None:
    done = execute(path)
    assert done.returncode == 0, done.stderr
    assert "PROVED" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def execute(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A proof file run by itself; the source tree is enough, nothing need be installed."""
    return subprocess.run(
        [sys.executable, str(path), *arguments], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_a_proof_file_prints_its_own_latex(tmp_path: Path) -> None:
    path = tmp_path / "false.py"
    end = "from symgauge.theorem import main\nraise SystemExit(main(theorem()))\n"
    path.write_text(FALSE + end)
    printed = execute(path, "--latex")
    assert printed.returncode == 1
    assert printed.stdout.startswith(r"\section{C99. A false theorem: 100\% of \{A\_1\}}")
    wrong = execute(path, "--wrong")
    assert wrong.returncode == 3 and wrong.stderr.startswith("usage")


@pytest.mark.parametrize(
    "name, true, false",
    [
        ("c1_sandwich", "weights, G), 14", "weights, G), 16"),
        ("c1_sandwich", "W1: w @ W1, W2: -(W2 @ w)", "W1: w @ W1, W2: W2 @ w"),
        ("c2_diffeomorphisms", "end_map(moved_shear(x1, x2 + t))", "end_map(shear)"),
        ("c2_diffeomorphisms", "delta = variation(xi, f, st.time)", "delta = xi.diff(st.time)"),
        ("c2_diffeomorphisms", "x2 + t * (1 - t) * x1**2)", "x2 + t * x1**2)"),
        ("c2p_completeness", "P1 * P.inv, P2", "P.inv * P1, P2"),
        ("c2p_completeness", "(1 - 2 * t) * x2**2, 0", "(1 - 3 * t) * x2**2, 0"),
        ("c3_closure", "variation(bracket(xi, eta), f", "variation(bracket(eta, xi), f"),
        ("c3_closure", "bracket(xi, eta) + b - a", "bracket(xi, eta) + a - b"),
        ("c4_time", "delta = -(zeta * f).diff(st.time)", "delta = -(zeta * f.diff(st.time))"),
        ("c5_spacetime", "spacetime_variation(bracket(v, w)", "spacetime_variation(bracket(w, v)"),
        ("c5p_worldlines", "sigma = -st.total", "sigma = st.total"),
        ("c6p_affine", "mixed = w @ gamma - v @ beta", "mixed = w @ gamma + v @ beta"),
        ("c8_permutations", "permutation(3, 1, 0, 2)", "permutation(3, 1, 2, 0)"),
        ("c9_attention", "((identity(d) + N) @ U_next - U)", "((identity(d) + N) @ U_next)"),
        ("c6_linear_flow", "c_dot + c @ A - A @ c", "c_dot - c @ A + A @ c"),
        ("c6_linear_flow", "U_found = W2 @ W.inv", "U_found = W.inv @ W2"),
        ("c7_rescaling", "Lam - D_dot @ D.inv", "Lam + D_dot @ D.inv"),
        ("c7_rescaling", "{z: 1, lam: -1}", "{z: 1, lam: 1}"),
        ("c9_attention", "one @ (b_K @ g.inv.T)", "one @ b_K"),
        ("c9_attention", "(m.inv @ W_O)", "(m.inv.T @ W_O)"),
        ("c9_attention", "g: [[1, 1], [0, 1]]", "g: [[1, 0], [0, 1]]"),
        ("k2_matrix_equations", "A @ a @ B + A @ -(a @ B)", "A @ a @ B + A @ (a @ B)"),
        ("k3_one_layer", "(2, 4, 5, 3, 6), 5)", "(2, 4, 5, 3, 5), 5)"),
        ("k4_deep", "W: -(C @ W)", "W: C @ W"),
        ("k9_rotary", "equal angles\", 4, equal, 3, 8)", "equal angles\", 4, equal, 3, 4)"),
        ("k11_powers", "powers, p, d, h, o\", (3, 3, 5, 2), _powers(3, 3, 5, 2), 6)",
         "powers, p, d, h, o\", (3, 3, 5, 2), _powers(3, 3, 5, 2), 5)"),
        ("k12_post_norm", "G @ A @ G.inv - dG", "A - dG"),
        ("k13_norm_of_block", "G @ A @ G.inv - dG", "A - dG"),
        ("k14_post_layer_norm", "(4, 2, 0),", "(4, 2, 1),"),
        ("k14_post_layer_norm", "(s2 - s1) * (q2 - q1)", "(s2 - s1) * q2"),
        ("k14_post_layer_norm", "G.inv @ column @ w - h @ row @ W)", "G.inv @ column @ w)"),
        ("k15_normed_units", "one @ G.inv - E @ dG", "one @ G.inv + E @ dG"),
        ("k15_normed_units", "p * (1 / gi - 1 / gj)", "p * (1 / gi + 1 / gj)"),
        ("k16_experts", "- p1 * p2 * (D2 * (E1 - E0) + D1 * (E2 - E0))",
         "- p1 * p2 * D2 * (E1 - E0)"),
        ("k16_experts", "CHOSEN, 3, 1, 1, 3, False)), sympy.Integer(3 + 3)",
         "CHOSEN, 3, 1, 1, 3, False)), sympy.Integer(3 + 9)"),
        ("k18_row_of_parameters", "p0 * (F0 - Ft + D0", "p0 * (F0 + D0"),
        ("k18_row_of_parameters", "w @ (identity(d) + D),\n            note",
         "w,\n            note"),
        ("k9_rotary", "w1 * (u.T * w.T)[0] + w2", "w1 * (u.T * w.T)[0] - w2"),
        ("k19_linear_attention", "p[0][0] - p[1][1]", "p[0][0] + p[1][1]"),
        ("k19_linear_attention", "((4, 2, 2, 4), 9)", "((4, 2, 2, 4), 8)"),
        ("k17_cut_rows", "p2 * (F2 - F0 + D2 * (E2 - E0))", "p2 * (F2 - F0)"),
        ("k17_cut_rows", "w: 1, z: 1, rho: 1, zw: 2", "w: 0, z: 1, rho: 1, zw: 0"),
        ("k8_tokens", "n @ (A @ G - G @ A + dG)", "n @ (A @ G + G @ A + dG)"),
        ("k8_tokens", "+ 10582, scope", "- 10582, scope"),
        ("c10_balance", "K: -(Gamma.T @ Q)}), zero", "K: -(Gamma @ Q)}), zero"),
        ("c10_balance", "2 * (Om @ S - S @ Om)", "Om @ S - S @ Om"),
        ("c11_optimisers", "(v @ g), G.T @ v", "(v @ g.inv), G.T @ v"),
        ("c11_optimisers", "moved(-q, -m, -p)", "moved(-q, -m, p)"),
        ("c11_optimisers", "{s: 2, q: 1, p: 1, h: 1}", "{s: 1, q: 1, p: 1, h: 1}"),
        ("k10_heads", "s * Q * (1 + length / e)", "s * Q"),
    ],
)
def test_a_planted_error_is_refuted(name: str, true: str, false: str, tmp_path: Path) -> None:
    assert with_error(name, true, false, tmp_path).verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    "name, true, false",
    [
        ("k1_splitting", "sympy.exp(m * (v1 - v2))", "sympy.exp(m * (v1 + v2))"),
        ("k3_one_layer", "-s**2 * (u * du * v) +", "s**2 * (u * du * v) +"),
        ("k5_attention", "- (delta * s**2) * (e @ w @ N)", "- delta * (e @ w @ N)"),
        ("k6_norms", "db0 = b0 + (e / nu) * q", "db0 = b0"),
        ("k6_norms", "(-e / nu**2)", "(-e / nu)"),
        ("k7_residual", "(z @ -(skew @ B))", "(z @ (skew @ B))"),
        ("k13_norm_of_block", "z * (q_z + q_s) + 2 * s * q_zs", "z * (q_z + q_s)"),
        ("k10_heads", "l1 * vw - 2 * l1 * vw", "l1 * vw - l1 * vw"),
        ("k10_heads", "(1 / e) * (z @ sym @ z.T @ z)", "0 * (z @ sym @ z.T @ z)"),
        ("c10_balance", "gap, half = Q @ (g - g.inv.T)", "gap, half = Q @ (g + g.inv.T)"),
    ],
)
def test_a_planted_error_is_seen(name: str, true: str, false: str, tmp_path: Path) -> None:
    """No drawn matrix obeys the rules, or exp and its argument hang together: not proved."""
    found = {d.verdict for d in with_error(name, true, false, tmp_path).decisions}
    assert found == {Verdict.PROVED, Verdict.UNKNOWN}


def with_error(name: str, true: str, false: str, folder: Path) -> Result:
    """The theorem of a file of proofs/ in which `true`, which stands there once, is `false`."""
    text = (ROOT / "proofs" / f"{name}.py").read_text()
    assert text.count(true) == 1
    path = folder / f"{name}.py"
    path.write_text(text.replace(true, false))
    return prove(load(path))


# -- matrices of symbolic size -------------------------------------------------------------------


@pytest.mark.parametrize(
    "left, right, expected",
    [
        (A @ g @ g.inv @ B, A @ B, Verdict.PROVED),
        ((A @ g).T, g.T @ A.T, Verdict.PROVED),
        ((A @ g).inv, g.inv @ A.inv, Verdict.PROVED),
        (g.inv.T, g.T.inv, Verdict.PROVED),
        ((A + B) @ (A - B), A @ A - A @ B + B @ A - B @ B, Verdict.PROVED),
        (a * (A @ B) - a * (A @ B), zero(n, n), Verdict.PROVED),
        (A @ B, B @ A, Verdict.REFUTED),
        (A @ g @ g @ B, A @ B, Verdict.REFUTED),
        (A @ g.inv.T, A @ g.inv, Verdict.REFUTED),
        ((A + B) @ (A - B), A @ A - B @ B, Verdict.REFUTED),
        (a * A, A, Verdict.REFUTED),
        (zero(n, n), identity(n), Verdict.REFUTED),
    ],
)
def test_matrix_identity(left: Any, right: Any, expected: Verdict) -> None:
    assert verdict(MatrixIdentity("", left, right)) is expected


def test_kinds_of_letters() -> None:
    S, R = matrix("S", n, n, kind="symmetric"), matrix("R", n, n, kind="skew")
    D, E = matrix("D", n, n, kind="diagonal"), matrix("E", n, n, kind="diagonal")
    assert verdict(MatrixIdentity("", (S @ R).T, -(R @ S))) is Verdict.PROVED
    assert verdict(MatrixIdentity("", D @ E.inv, E.inv @ D)) is Verdict.PROVED
    assert verdict(MatrixIdentity("", D @ A, A @ D)) is Verdict.REFUTED
    assert verdict(MatrixIdentity("", S.T, -S)) is Verdict.REFUTED
    assert verdict(TraceIdentity("", S @ R, zero(n, n))) is Verdict.PROVED
    assert r"D, E \text{ diagonal}" in MatrixIdentity("", D @ E, E @ D).formulas()[1]
    with pytest.raises(BadInputError, match="there is no kind 'odd'"):
        matrix("F", n, n, kind="odd")


def test_trace_identity() -> None:
    X, Y = matrix("X", n, m), matrix("Y", m, n)
    assert verdict(TraceIdentity("", X @ Y, Y @ X)) is Verdict.PROVED
    assert verdict(TraceIdentity("", A, A.T)) is Verdict.PROVED
    assert verdict(TraceIdentity("", g @ A @ g.inv, A)) is Verdict.PROVED
    assert verdict(TraceIdentity("", A @ B @ g, A @ g @ B)) is Verdict.REFUTED
    # the trace of a unit matrix is its size
    assert verdict(TraceIdentity("", identity(n), identity(m))) is Verdict.REFUTED
    assert verdict(TraceIdentity("", g @ g.inv, identity(n))) is Verdict.PROVED
    assert verdict(TraceIdentity("", g @ g.inv, identity(m))) is Verdict.REFUTED
    with pytest.raises(BadInputError, match="not square"):
        TraceIdentity("", X, X).decide()


def test_rules_are_used_and_printed() -> None:
    P, one = matrix("P", n, n), matrix("one", n, 1, kind="ones")
    rules = ((P @ one, one),)
    step = MatrixIdentity("", one.T @ P.T @ P @ one, one.T @ one, rules=rules)
    assert verdict(step) is Verdict.PROVED  # the transposed rule too
    assert "P one = one" in step.formulas()[1]
    assert verdict(MatrixIdentity("", P @ one, one)) is Verdict.REFUTED
    # no integer matrix that was tried obeys the rule, so nothing is refuted
    assert verdict(MatrixIdentity("", P @ P, P, rules=rules)) is Verdict.UNKNOWN
    with pytest.raises(BadInputError, match="one word"):
        MatrixIdentity("", A, B, rules=((A + B, A),)).decide()


def test_endless_rules_are_unknown() -> None:
    step = MatrixIdentity("", A @ B, zero(n, n), rules=((A @ B, B @ A), (B @ A, A @ B)))
    assert verdict(step) is Verdict.UNKNOWN


def test_shapes_are_checked() -> None:
    X = matrix("X", n, m)
    with pytest.raises(BadInputError, match=r"cannot multiply X \(n x m\) by A \(n x n\)"):
        X @ A
    with pytest.raises(BadInputError, match="cannot add"):
        X + A
    with pytest.raises(BadInputError, match="cannot invert"):
        (A + B).inv
    with pytest.raises(BadInputError, match="not square"):
        (X @ X.T).inv
    with pytest.raises(BadInputError, match="another shape"):
        derivative(A, {A: X})
    with pytest.raises(BadInputError, match="is not a letter"):
        derivative(A, {A.T: A})


def test_leibniz() -> None:
    moved = derivative(A @ B.T, {A: g, B: A})
    assert verdict(MatrixIdentity("", moved, g @ B.T + A @ A.T)) is Verdict.PROVED
    assert verdict(MatrixIdentity("", derivative(g.inv, {g: A}), A)) is Verdict.REFUTED


def test_matrix_counterexample() -> None:
    nilpotent, transposed = [[0, 1], [0, 0]], [[0, 0], [1, 0]]
    differ = MatrixCounterexample("", A @ B, B @ A, {A: nilpotent, B: transposed})
    same = MatrixCounterexample("", A @ B, B @ A, {A: nilpotent, B: nilpotent})
    assert differ.must_fail
    assert verdict(differ) is Verdict.PROVED
    assert verdict(same) is Verdict.REFUTED
    with pytest.raises(BadInputError, match="no value is given for B"):
        MatrixCounterexample("", A, B, {A: nilpotent}).decide()
    S = matrix("S", n, n, kind="symmetric")
    with pytest.raises(BadInputError, match="the value of S is not symmetric"):
        MatrixCounterexample("", S, S, {S: nilpotent}).decide()
    with pytest.raises(BadInputError, match="its value has 1 where n is 2"):
        MatrixCounterexample("", A, B, {A: nilpotent, B: [[1]]}).decide()


# -- groups, fields ------------------------------------------------------------------------------


def test_group_identity() -> None:
    u, v = group_letters("u v'")
    assert verdict(GroupIdentity("", (u * v).inv, v.inv * u.inv)) is Verdict.PROVED
    assert verdict(GroupIdentity("", u * u.inv, NEUTRAL)) is Verdict.PROVED
    assert verdict(GroupIdentity("", u * NEUTRAL * v, u * v)) is Verdict.PROVED
    refuted = GroupIdentity("", u * v, v * u).decide()
    assert refuted.verdict is Verdict.REFUTED and "free group" in refuted.evidence
    assert GroupIdentity("", u * v.inv, u).formulas() == [r"u \circ {v'}^{-1} = u"]


def general_bracket(n: int) -> VectorField:
    return bracket(spacetime(n).field("a"), spacetime(n).field("b"))


def test_field_identity() -> None:
    true = FieldIdentity(
        "", general_bracket, lambda n: -bracket(spacetime(n).field("b"), spacetime(n).field("a")),
        caption="[a, b] = -[b, a]",
    )
    assert true.decide().verdict is Verdict.PROVED and true.decide().evidence == "6 components"
    assert true.formulas()[0] == "[a, b] = -[b, a]"
    assert r"a \partial_{x} b - b \partial_{x} a =" in true.formulas()[1]
    false = FieldIdentity("", general_bracket, lambda n: [0] * n, caption="0", dimensions=(2,))
    assert false.decide().verdict is Verdict.REFUTED
    assert false.scope == "n = 2, general functions"
    # true on the line, where a constant component is one function
    one_only = FieldIdentity(
        "", lambda n: spacetime(n).field("a").components[0],
        lambda n: sum(spacetime(n).field("a").components), caption="a",
    )
    assert one_only.decide().verdict is Verdict.REFUTED and "n = 2" in one_only.decide().evidence
    with pytest.raises(ValueError):
        FieldIdentity("", general_bracket, lambda n: [0], caption="", dimensions=(2,)).decide()
    with pytest.raises(BadInputError, match="nothing to compare"):
        FieldIdentity("", lambda n: [], lambda n: [], caption="").decide()


def test_jets_at_a_point() -> None:
    f, phi = sympy.Function("f")(x), sympy.Function("phi")(x)
    moved = at(f, {x: phi})
    chain = at(f.diff(x), {x: phi}) * phi.diff(x)
    assert verdict(PolynomialIdentity("", moved.diff(x), chain)) is Verdict.PROVED
    assert verdict(PolynomialIdentity("", moved.diff(x), 2 * chain)) is Verdict.REFUTED
    # f at two points, which may coincide: no refutation
    assert verdict(PolynomialIdentity("", moved, f)) is Verdict.UNKNOWN
    assert verdict(PolynomialIdentity("", at(f, {x: x + y}), at(f, {x: y}))) is Verdict.UNKNOWN


def test_formulas_are_broken_at_signs_outside_brackets() -> None:
    from symgauge.theorem.latex import _broken, _terms

    terms = _terms(r"a + \left(b - c\right) - d(e + f)")
    assert terms == ["a", r"+ \left(b - c\right)", "- d(e + f)"]
    long = " + ".join(rf"\left(a_{{{k}}} - b\right)" for k in range(40))
    rows = _broken(long)
    assert len(rows) > 1 and "".join(rows).replace(r"\qquad", "").split() == long.split()


# -- scalars -------------------------------------------------------------------------------------

f, h = sympy.Function("f"), sympy.Function("h")


@pytest.mark.parametrize(
    "left, right, expected",
    [
        ((x + y) ** 2, x**2 + 2 * x * y + y**2, Verdict.PROVED),
        (x / y + y / x, (x**2 + y**2) / (x * y), Verdict.PROVED),
        ((x + y) ** 2, x**2 + y**2, Verdict.REFUTED),
        (sympy.Integer(1), sympy.Integer(2), Verdict.REFUTED),
        (sympy.exp(x + y), sympy.exp(x) * sympy.exp(y), Verdict.PROVED),
        (sympy.exp(2 * x), sympy.exp(x) ** 2, Verdict.PROVED),
        (sympy.exp(x / 2) ** 2, sympy.exp(x), Verdict.PROVED),
        (sympy.exp(-x) * sympy.exp(x), 1, Verdict.PROVED),
        (sympy.exp(x) + sympy.exp(y), sympy.exp(x + y), Verdict.REFUTED),
        (sympy.sqrt(x) ** 3, x * sympy.sqrt(x), Verdict.PROVED),
        (2 ** (x + 1), 2 * 2**x, Verdict.PROVED),
        # jets: an undefined function and its derivatives at one point
        ((f(x) * h(x)).diff(x), f(x).diff(x) * h(x) + f(x) * h(x).diff(x), Verdict.PROVED),
        ((f(x) * h(x)).diff(x), f(x).diff(x) * h(x).diff(x), Verdict.REFUTED),
        # true, or false at some points only, and out of reach: never refuted
        (sympy.sin(x) ** 2 + sympy.cos(x) ** 2, 1, Verdict.UNKNOWN),
        (sympy.sqrt(4 * x), 2 * sympy.sqrt(x), Verdict.PROVED),
        (sympy.sqrt(x * y), sympy.sqrt(x) * sympy.sqrt(y), Verdict.UNKNOWN),
        (sympy.exp(x), x, Verdict.UNKNOWN),
        (f(x), f(y), Verdict.UNKNOWN),
        (sympy.Abs(x) ** 2, x**2, Verdict.UNKNOWN),
        (1 / (x - x * sympy.Mul(y, 1 / y, evaluate=False)), 0, Verdict.UNKNOWN),
    ],
)
def test_polynomial_identity(left: Any, right: Any, expected: Verdict) -> None:
    assert verdict(PolynomialIdentity("", left, right)) is expected


def test_relations() -> None:
    idempotent = (H**2 - H,)
    assert verdict(PolynomialIdentity("", H**3 * x, H * x, idempotent)) is Verdict.PROVED
    assert verdict(PolynomialIdentity("", H * x, x, idempotent)) is Verdict.UNKNOWN
    # from relations that contradict each other nothing follows
    assert verdict(PolynomialIdentity("", x, y, (H, H - 1))) is Verdict.UNKNOWN
    assert verdict(PolynomialIdentity("", x / (H**2 - H), 0, idempotent)) is Verdict.UNKNOWN


def test_counterexample() -> None:
    assert verdict(Counterexample("", x**2, x, {x: 2})) is Verdict.PROVED
    assert verdict(Counterexample("", x**2, x, {x: 1})) is Verdict.REFUTED
    assert verdict(Counterexample("", sympy.exp(x), 1, {x: 1})) is Verdict.UNKNOWN
    assert verdict(Counterexample("", x, y, {x: 1})) is Verdict.UNKNOWN


def test_exact_rank() -> None:
    M = sympy.Matrix([[1, 2], [2, 4]])
    assert verdict(ExactRank("", M, 1)) is Verdict.PROVED
    assert verdict(ExactRank("", M, 2)) is Verdict.REFUTED
    assert verdict(ExactRank("", sympy.Matrix([[x]]), 1)) is Verdict.UNKNOWN
    assert verdict(ExactRank("", sympy.Matrix([[1.0]]), 1)) is Verdict.UNKNOWN


# -- the theorem and the command -----------------------------------------------------------------


def test_verdict_of_a_theorem() -> None:
    true = MatrixIdentity("a true step", A @ g @ g.inv, A)
    false = MatrixIdentity("a false step", A @ g, A)
    unknown = PolynomialIdentity("an open step", sympy.exp(x), x)
    assert prove(small(true, premises=(Premise("Ax", "$1$."),))).verdict is Verdict.PROVED
    assert prove(small(true, unknown)).verdict is Verdict.UNKNOWN
    assert prove(small(true, unknown, false)).verdict is Verdict.REFUTED
    assert prove(small()).verdict is Verdict.UNKNOWN
    assert r"\verdict{refuted}" in section(prove(small(false)))


FALSE = '''
from symgauge.theorem import MatrixIdentity, Theorem, matrix, sizes
n = sizes("n")[0]
A, B = matrix("A", n, n), matrix("B", n, n)
def theorem():
    step = MatrixIdentity("matrices commute", A @ B, B @ A)
    return Theorem("C99", "A false theorem: 100% of {A_1}", "$AB = BA$.", (), (), "All $n$.",
                   (step,), "None.")
'''
OPEN = FALSE.replace('MatrixIdentity("matrices commute", A @ B, B @ A)', (
    'PolynomialIdentity("open", exp(x), x)'
)).replace("from symgauge.theorem import", (
    "from sympy import exp\nfrom sympy.abc import x\n"
    "from symgauge.theorem import PolynomialIdentity,"
))


def test_a_false_theorem_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "false.py"
    path.write_text(FALSE)
    status, shown = run([str(path)])
    assert status == 1 and "REFUTED" in shown and "left - right" in shown
    assert command_line(["prove", str(path)]) == 1
    capsys.readouterr()
    assert command_line(["prove", "--json", str(path)]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == record["theorems"][0]["steps"][0]["verdict"] == "REFUTED"


def test_an_open_theorem_exits_2(tmp_path: Path) -> None:
    path = tmp_path / "open.py"
    path.write_text(OPEN)
    assert run([str(path)])[0] == 2
    (tmp_path / "false.py").write_text(FALSE)
    assert run([str(path), str(tmp_path / "false.py")])[0] == 1


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "there is no file"),
        ("x = 1", r"defines no theorem\(\)"),
        ("theorem = 1", r"defines no theorem\(\)"),
        ("def theorem(): return 1", "returns int, no Theorem"),
        ("1 / 0", "failed: ZeroDivisionError: division by zero"),
        ("def theorem(): raise KeyError('k')", "failed: KeyError"),
        ("raise SystemExit(0)", "failed: SystemExit"),
        ("def (", "failed: SyntaxError"),
        (FALSE.replace("A @ B, B @ A", "A @ B, 1"), "failed: AttributeError"),
    ],
)
def test_bad_input_is_one_sentence(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.py"
    if text is not None:
        path.write_text(text)
    assert command_line(["prove", str(path)]) == 3
    printed = capsys.readouterr()
    assert re.search(message, printed.err) and len(printed.err.splitlines()) == 1
    assert str(path) in printed.err


@pytest.mark.usefixtures("decided_once")
def test_json_of_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert command_line(["prove", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "PROVED"
    assert sorted(t["file"] for t in record["theorems"]) == [f"proofs/{p.name}" for p in PROOFS]
    # C2 before C10 before L1
    order = [(t["claim"][0], int(re.sub(r"\D", "", t["claim"]))) for t in record["theorems"]]
    assert order == sorted(order)
    for theorem in record["theorems"]:
        assert theorem["statement"] and theorem["scope"] and theorem["steps"]
        for step in theorem["steps"]:
            assert step["method"] and step["latex"] and step["verdict"] == "PROVED"


@pytest.mark.usefixtures("decided_once")
def test_the_table_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    status, shown = run([])
    assert status == 0
    assert max(map(len, shown.splitlines())) <= 80
    assert "must fail:" in shown and "on the premises:" in shown


@needs_latex
@pytest.mark.usefixtures("decided_once")
def test_the_document_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert command_line(["prove", "--latex", str(tmp_path / "out")]) == 0
    source = tmp_path / "out" / "proofs.tex"
    assert sorted(p.name for p in source.parent.iterdir()) == ["proofs.pdf", "proofs.tex"]
    assert source.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    text = source.read_text(encoding="ascii")
    assert text.count(r"\section{") == len(PROOFS)
    assert r"\verdict{refuted}." not in text
    assert str(source) in capsys.readouterr().out.replace("\n", "")


@needs_latex
def test_a_false_theorem_is_printed_as_refuted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "false.py"
    path.write_text(FALSE)
    assert run([str(path)], latex=str(tmp_path))[0] == 1
    assert r"\verdict{refuted}" in (tmp_path / "proofs.tex").read_text()
    path.write_text(FALSE.replace("$AB = BA$.", r"$\\undefined$."))
    # a document that does not compile does not change the verdict
    assert run([str(path)], latex=str(tmp_path))[0] == 1
    said = capfd.readouterr().err
    assert "Undefined control sequence" in said and "correct the LaTeX" in said
