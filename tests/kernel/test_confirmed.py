"""The kernel confirms what is complete, exactly where the sandwich closes, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kernel_certificates import (
    KNOWN_DIMENSIONS, SERIES, Data, certificate, derivation, sealed, verify, zoo,
)

from symgauge.kernel.check import check
from places import KERNEL

STATUS = {"CONFIRMED": 0, "REFUTED": 1, "UNKNOWN": 2}

#: One row of each kind; the others are derived in the slow run.
QUICK = (
    "lin_1h_wide", "lin_2h_taper_nobias", "relu_2h_bias", "gelu_2h_bias", "att_softmax_1h",
    "ln_aff_linear_bias", "lin_rms_gain_lin_eps0", "lm_tied_logits", "conv1d_relu", "lstm_tanh",
    "moe_top2_renorm", "x3_1h_dout2",
)
QUICK_ZOO = ("mlp", "attention", "glu", "low_rank_adapter")


def some(names: Any, quick: tuple[str, ...], prefix: str = "") -> list[Any]:
    """All of these as parameters of a test, the quick ones in every run."""
    assert set(quick) <= set(names)
    return [pytest.param(prefix + n, marks=[] if n in quick else [pytest.mark.slow])
            for n in names]


def command(data: Data, path: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """python -I KERNEL CERTIFICATE: isolated from the working directory and the environment."""
    path.write_text(json.dumps(data), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-I", str(KERNEL), str(path), *options], capture_output=True, text=True,
        check=False)


def agreed(name: str) -> dict[str, Any]:
    """The kernel's record, which is that of the certificate."""
    data, closed = certificate(name), derivation(name).closed
    record = check(data)
    # at some real points the bounds on the largest rows are too wide
    wanted = {"CONFIRMED", "UNKNOWN"} if name in SERIES else {"CONFIRMED"}
    assert record["verdict"] in (wanted if closed else {"UNKNOWN"}), record["reasons"]
    assert record["parameters"] == data["parameters"] + data["unread"]
    assert record["rank_G"] == data["orbit_dimension"]
    assert record["rank_J"] <= data["rank"]
    assert float(record["error_bound"].removeprefix("2^")) < -80
    if record["verdict"] == "CONFIRMED":
        assert record["rank_J"] == data["rank"]
    return record


@pytest.mark.parametrize("name", some(KNOWN_DIMENSIONS, QUICK))
def test_known_network(name: str) -> None:
    record = agreed(name)
    row = KNOWN_DIMENSIONS[name]
    if record["verdict"] == "CONFIRMED":
        assert (record["rank_J"], record["parameters"]) == (int(row["rank"]), int(row["P"]))


@pytest.mark.parametrize("name", some(zoo.names(), QUICK_ZOO, "zoo/"))
def test_zoo(name: str) -> None:
    agreed(name)


@pytest.mark.parametrize("name", ["relu, balls", "two_scales, balls", "silu, series"])
def test_evidence(name: str) -> None:
    assert verify(certificate(name)).verdict.value == "PROVED"
    assert agreed(name)["verdict"] == "CONFIRMED"


@pytest.mark.parametrize(
    "name", ["lin_1h_wide", "relu_2h_bias", "lm_tied_logits", "lin_2h_taper_nobias"])
def test_command(name: str, tmp_path: Path) -> None:
    wanted = "CONFIRMED" if derivation(name).closed else "UNKNOWN"
    told = command(certificate(name), tmp_path / "certificate.json", "--json")
    assert (told.returncode, told.stderr) == (STATUS[wanted], "")
    assert json.loads(told.stdout)["verdict"] == wanted
    # a derivation carries its certificate
    told = command(dict(derivation(name).data), tmp_path / "derivation.json")
    assert (told.returncode, told.stdout.split("\n")[0]) == (STATUS[wanted], wanted)


def test_what_is_false_is_refuted(tmp_path: Path) -> None:
    """Planted failures: a field that moves the output, and numbers that are not the program's."""
    data = certificate("lin_1h_wide")
    data["generators"][0]["shift"] = [[0, "1"]]
    told = command(sealed(data), tmp_path / "field.json")
    assert told.returncode == 1 and "field 0 moves an output" in told.stdout
    data = certificate("lin_1h_wide")
    data["rank"], data["redundancy"] = data["rank"] + 1, data["redundancy"] - 1
    told = command(sealed(data), tmp_path / "rank.json")
    assert told.returncode == 1 and "the claim says rank" in told.stdout


@pytest.mark.parametrize("text", ["", '{"a": 1, "a": 1}', '{"a":', "\udcff", "[" * 100_000])
def test_no_json(text: str, tmp_path: Path) -> None:
    """Status 3 and one sentence."""
    path = tmp_path / "certificate.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    told = subprocess.run([sys.executable, "-I", str(KERNEL), str(path)], capture_output=True,
                          text=True, check=False)
    assert told.returncode == 3 and not told.stdout
    assert told.stderr.startswith("kernel: ") and told.stderr.count("\n") == 1


def test_no_file(tmp_path: Path) -> None:
    told = subprocess.run([sys.executable, "-I", str(KERNEL), str(tmp_path / "none.json")],
                          capture_output=True, text=True, check=False)
    assert told.returncode == 3 and told.stderr.count("\n") == 1
