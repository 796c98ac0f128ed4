"""The command line: derive, equivalence, check, verify, certify, apply, legs, prove, zoo, ...

Exit status: 0 what was asked holds; 1 refuted, inconsistent, a failed check or a rejected
certificate; 2 unknown; 3 bad input; 4 an internal error; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from symgauge.errors import BadInputError, InconsistentError, SymgaugeError, UndecidedError
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from symgauge.capture.target import Target
    from symgauge.derivation.full import FullDerivation
    from symgauge.derivation.record import Derivation

HOLDS, REFUTED, UNKNOWN, BAD_INPUT, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 4, 130
STATUS = {Verdict.PROVED: HOLDS, Verdict.REFUTED: REFUTED, Verdict.UNKNOWN: UNKNOWN}


class _Parser(argparse.ArgumentParser):
    """argparse with the status of bad input and one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"symgauge: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="symgauge",
        description="Derive, prove, certify and check the gauge symmetries of neural networks.",
        epilog="Exit status: 0 holds, 1 refuted or failed, 2 unknown, 3 bad input, 4 internal "
               "error, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    target = (
        "a zoo name, package.module:factory or path/to/file.py:factory; the factory returns "
        "(module, args) or (module, args, kwargs)"
    )
    derive = commands.add_parser("derive", help="derive and certify the gauge algebra of TARGET")
    derive.add_argument("target", metavar="TARGET", help=target)
    _sizes(derive)
    derive.add_argument("--out", metavar="DIR", help="folder to write (symgauge-<name>)")
    derive.add_argument("--seed", type=_seed, default=0, help="seed of the search (0)")
    derive.add_argument("--force", action="store_true",
                        help="go on above an estimated 10 minutes or 8 GiB")
    derive.add_argument(
        "--full", action="store_true",
        help="the group at the full sizes (FULL of TARGET, and --set), proved for all sizes "
             "without weights; no certificate of completeness")
    way = derive.add_mutually_exclusive_group()
    way.add_argument("--balls", action="store_true",
                     help="certify in real balls, without hypotheses on values (see certify)")
    way.add_argument("--series", action="store_true",
                     help="certify over power series, without hypotheses on values")
    derive.set_defaults(run=_derive)
    equivalence = commands.add_parser(
        "equivalence", help="the diffeomorphisms that keep the family of a vector field TARGET")
    equivalence.add_argument(
        "target", metavar="TARGET",
        help="as for derive; the module is v(t, x) or v(x), or holds one OdeFlow")
    equivalence.add_argument("--set", metavar="SIZE=VALUE", action="append", default=[],
                             help="a size of the factory (repeatable)")
    equivalence.add_argument("--degree", type=_natural, default=1, help="degree of xi in x (1)")
    equivalence.add_argument("--time-degree", type=_natural, default=0,
                             help="degree of xi in t (0)")
    equivalence.add_argument("--time-change", action="store_true",
                             help="t may change too; motion along worldlines is divided out")
    equivalence.add_argument("--moving", action="store_true",
                             help="parameters may depend on t")
    equivalence.add_argument("--latex", metavar="FILE", help="write the proved elements")
    equivalence.add_argument("--seed", type=_seed, default=0, help="seed of the points (0)")
    equivalence.set_defaults(run=_equivalence)
    check = commands.add_parser("check", help="run the generated numeric checks")
    check.add_argument("target", metavar="TARGET|derivation.json|full.json", help=target)
    _sizes(check)
    check.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    check.add_argument("--dtype", default="float64", choices=("float64", "float32", "bfloat16"))
    check.add_argument("--size", default="small", choices=("small", "full"))
    check.add_argument("--seed", type=_seed, default=0, help="seed of model and elements (0)")
    check.add_argument("--checkpoint", metavar="FILE", help="weights (safetensors) to use")
    check.set_defaults(run=_check)
    verify = commands.add_parser(
        "verify", help="verify a derivation.json or full.json, and say what is left open",
        description="Decide anew what the file says, from the program that it carries: proofs, "
                    "ranks at points drawn here, families, algebra, discrete elements, planted "
                    "failures. What only the module tells (sizes, outputs, names) is printed as "
                    "not verified; with --target it is captured again. The ops, exact "
                    "arithmetic, the drawing of points, the prover and its lemmas are the code "
                    "that derived: an edited or false file is found, an error in that code is not.",
    )
    verify.add_argument("file", metavar="derivation.json|full.json")
    verify.add_argument("--target", metavar="TARGET",
                        help="capture TARGET again: the network, its sizes, outputs and names")
    verify.add_argument("--set", metavar="SIZE=VALUE", action="append", default=[],
                        help="a size of TARGET's factory (default: the derivation's sizes)")
    verify.set_defaults(run=_verify)
    certify = commands.add_parser(
        "certify", help="certify a derivation anew, without hypotheses on values",
        description="Certify the rank of J of a derivation by a minor in real balls at one "
                    "rational point (--balls), or along power series from a point where "
                    "exponentials, logarithms and erf are known numbers (--series: faster, and "
                    "reaches larger networks, but not every one): no hypothesis on values is "
                    "left. The verdict becomes PROVED where only such hypotheses stood "
                    "in the way; else what is left is at most P - rank J. The file is replaced, "
                    "or written to --output; derivation.tex is not printed again.",
    )
    certify.add_argument("file", metavar="derivation.json")
    way = certify.add_mutually_exclusive_group(required=True)
    way.add_argument("--balls", action="store_true", help="by real balls")
    way.add_argument("--series", action="store_true", help="by power series over GF(p)")
    certify.add_argument("--output", metavar="FILE", help="file to write (derivation.json itself)")
    certify.add_argument("--seed", type=_seed, default=0, help="seed of the point (0)")
    certify.set_defaults(run=_certify)
    apply = commands.add_parser("apply", help="move weights along the derived symmetries")
    apply.add_argument("file", metavar="derivation.json")
    apply.add_argument("source", metavar="in.safetensors")
    apply.add_argument("result", metavar="out.safetensors")
    apply.add_argument("--seed", type=_seed, default=0, help="seed of the group element (0)")
    apply.set_defaults(run=_apply)
    legs = commands.add_parser(
        "legs", help="list the legs (index spaces) of TARGET, at any size: no weights are allocated"
    )
    legs.add_argument("target", metavar="TARGET", help=target)
    _sizes(legs)
    legs.add_argument("--full", action="store_true", help="at the full sizes (FULL of TARGET)")
    legs.set_defaults(run=_legs)
    prove = commands.add_parser("prove", help="run the proofs of a checkout")
    prove.add_argument("files", metavar="FILE", nargs="*", help="default: every file of proofs/")
    prove.add_argument("--latex", metavar="DIR", help="write one document of the proofs")
    prove.set_defaults(run=_prove)
    claim = commands.add_parser("check-claim", help="check claims numerically, at full size")
    claim.add_argument("claims", metavar="CLAIM", nargs="*",
                       help="C2, C2', C5 or a name of --list (default: all of them)")
    claim.add_argument("--list", action="store_true", help="list the claims and stop")
    claim.add_argument("--out", metavar="DIR", help="folder for test_<name>.py and <name>.json")
    claim.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    claim.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    claim.add_argument("--size", default="small", choices=("small", "full", "gpu"))
    claim.add_argument("--seed", type=_seed, default=0, help="seed of fields and maps (0)")
    claim.add_argument("--plot", action="store_true", help="also <name>.png in --out (matplotlib)")
    claim.set_defaults(run=_check_claim)
    zoo = commands.add_parser("zoo", help="list the architectures that come with symgauge")
    zoo.set_defaults(run=_zoo)
    for command in (derive, equivalence, check, verify, certify, apply, legs, prove, claim, zoo):
        command.add_argument("--json", action="store_true",
                             help="one JSON record on standard output")
    return parser


def _sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", metavar="SIZE=VALUE", action="append", default=[],
                        help="a size of the factory (repeatable)")
    parser.add_argument("--output", metavar="NAME|INDEX", help="one output (default: all)")
    parser.add_argument("--observable", default="logits", choices=("logits", "probabilities"))


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give an integer from 0 on")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no degree; give an integer from 0 on")
    return int(text)


def _version() -> str:
    from symgauge import __version__

    return f"symgauge {__version__}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except UndecidedError as error:
        return _complain(error, UNKNOWN)
    except InconsistentError as error:
        return _complain(error, REFUTED)
    except SymgaugeError as error:
        return _complain(error, BAD_INPUT if isinstance(error, BadInputError) else INTERNAL)
    except KeyboardInterrupt:
        print("symgauge: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HOLDS
    except Exception as error:
        if os.environ.get("SYMGAUGE_TRACEBACK"):
            raise
        text = (str(error).splitlines() or [""])[0]
        return _complain(
            f"internal error: {type(error).__name__}: {text}; please report it with the command "
            "(SYMGAUGE_TRACEBACK=1 shows where)", INTERNAL,
        )


def _complain(error: Exception | str, status: int) -> int:
    print(f"symgauge: {_plain(error)}", file=sys.stderr)
    return status


def _plain(text: object) -> str:
    """One line for standard error. Names are data: no control characters for the terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    encoding = sys.stderr.encoding or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Progress on standard error: a spinner on a terminal, else a line per stage."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    start = time.perf_counter()
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(
                Text(f"{_plain(text)} ({time.perf_counter() - start:.0f} s)")
            )
        return
    last = ""

    def line(text: str) -> None:
        nonlocal last
        head = text.split(" of ")[0]
        if head != last:
            last = head
            print(f"symgauge: {_plain(text)}", file=sys.stderr)

    yield line


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 80)


def _settings(pairs: Sequence[str]) -> dict[str, str]:
    out = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInputError(f"--set {pair}: write SIZE=VALUE")
        out[name] = value
    return out


def _load_target(text: str, pairs: Sequence[str]) -> Target:
    try:
        from symgauge.capture import load_target
    except ImportError as error:
        raise BadInputError(
            f"this command needs torch ({error}); install symgauge[torch]"
        ) from error
    from symgauge.zoo import load

    return load_target(text, load, _settings(pairs))


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"cannot read {path}: {error}") from error


def _read(path: str) -> Derivation:
    from symgauge.derivation.record import Derivation

    return Derivation.from_json(_text_of(path))


def _read_any(path: str) -> Derivation | FullDerivation:
    """A derivation.json or a full.json."""
    from symgauge.derivation.full import SCHEMA, FullDerivation
    from symgauge.derivation.record import Derivation

    text = _text_of(path)
    with contextlib.suppress(ValueError, RecursionError):
        data = json.loads(text)
        if isinstance(data, dict) and data.get("schema") == SCHEMA:
            return FullDerivation.from_json(text)
    return Derivation.from_json(text)


# -- commands ------------------------------------------------------------------------------------


def _derived(options: argparse.Namespace, progress: Callable[[str], None]) -> Derivation:
    from symgauge.derivation.derive import derive_target

    # what a factory prints must not mix with our JSON
    with redirect_stdout(sys.stderr):
        target = _load_target(options.target, options.set)
        return derive_target(
            target, output=options.output, observable=options.observable, seed=options.seed,
            force=getattr(options, "force", False), balls=getattr(options, "balls", False),
            series=getattr(options, "series", False), progress=progress,
        )


def _derive(options: argparse.Namespace) -> int:
    from symgauge.files import write_atomically
    from symgauge.report.table import print_derivation

    if options.out and Path(options.out).exists() and not Path(options.out).is_dir():
        raise BadInputError(f"--out {options.out} is a file; name a folder")
    if options.full:
        return _derive_full(options)
    with _progress() as progress:
        derivation = _derived(options, progress)
        name = re.sub(r"[^A-Za-z0-9_]+", "_", derivation.name) or "network"
        folder = Path(options.out or f"symgauge-{name}")
        progress("LaTeX and check")
        texts = {
            folder / "derivation.tex": derivation.to_latex(),
            folder / f"test_{name}.py": derivation.check_text(),
            folder / "derivation.json": derivation.to_json(),
        }
        for path, text in texts.items():
            write_atomically(path, text)
        progress("PDF")
        pdf = _pdf(folder / "derivation.tex")
    if derivation.hypotheses and not derivation.network().has_flows:
        place = _plain(folder / "derivation.json")
        print(f"symgauge: hypotheses are left: symgauge certify --series {place} needs none",
              file=sys.stderr)
    if options.json:
        sys.stdout.write(derivation.to_json())
    else:
        console = _console()
        print_derivation(derivation.data, console)
        files = [p.name for p in texts] + ([pdf.name] if pdf else [])
        console.print(f"written to {folder}: {', '.join(sorted(files))}", highlight=False,
                      markup=False, soft_wrap=True)
    return STATUS[derivation.verdict]


def _derive_full(options: argparse.Namespace) -> int:
    from symgauge.derivation.full import derive_full
    from symgauge.files import write_atomically
    from symgauge.report.full_size import print_full

    with _progress() as progress, redirect_stdout(sys.stderr):
        small = _load_target(options.target, [])
        target = _load_target(options.target, options.set)
        target = target.at(_full_sizes(target, options.set))
        found = derive_full(
            target, small, output=options.output, observable=options.observable,
            progress=progress,
        )
        name = re.sub(r"[^A-Za-z0-9_]+", "_", found.name) or "network"
        folder = Path(options.out or f"symgauge-{name}-full")
        progress("LaTeX and check")
        texts = {
            folder / "full.tex": found.to_latex(),
            folder / f"test_{name}_full.py": found.check_text(),
            folder / "full.json": found.to_json(),
        }
        for path, text in texts.items():
            write_atomically(path, text)
        progress("PDF")
        pdf = _pdf(folder / "full.tex")
    if options.json:
        sys.stdout.write(found.to_json())
        return HOLDS
    console = _console()
    print_full(found.data, console)
    files = [p.name for p in texts] + ([pdf.name] if pdf else [])
    console.print(f"written to {folder}: {', '.join(sorted(files))}", highlight=False,
                  markup=False, soft_wrap=True)
    return HOLDS


def _pdf(path: Path) -> Path | None:
    """The PDF of a LaTeX file; without one, a sentence on standard error that says why."""
    from symgauge.report.compile import compile_pdf

    # what is written already is worth more than its picture
    try:
        made = compile_pdf(path)
    except (SymgaugeError, OSError) as error:
        _complain(f"no PDF, the rest is written: {error}", HOLDS)
        return None
    if made is None:
        _complain("no LaTeX engine found (pdflatex, lualatex, tectonic): .tex only", HOLDS)
    return made


def _equivalence(options: argparse.Namespace) -> int:
    from symgauge.derivation.equivalence import equivalence_algebra
    from symgauge.files import write_atomically
    from symgauge.report.table import print_equivalence

    with _progress() as progress, redirect_stdout(sys.stderr):
        progress("capture")
        target = _load_target(options.target, options.set)
        module, args, kwargs = target.build()
        if kwargs:
            raise BadInputError("a vector field takes no keyword arguments: (t, x) or (x)")
        found = equivalence_algebra(
            module, state=args, degree=options.degree, time_degree=options.time_degree,
            time_change=options.time_change, moving=options.moving, name=target.name,
            seed=options.seed, progress=progress,
        )
    if options.latex:
        write_atomically(Path(options.latex), found.to_latex())
    if options.json:
        sys.stdout.write(found.to_json())
    else:
        print_equivalence(found.data, _console())
    return STATUS[found.verdict]


def _check(options: argparse.Namespace) -> int:
    from symgauge.derivation.record import Derivation

    derivation: Derivation | FullDerivation
    if options.target.endswith(".json"):
        derivation = _read_any(options.target)
        if options.set or options.output or options.observable != "logits":
            raise BadInputError(
                "--set, --output and --observable belong to a TARGET, not to a derivation.json"
            )
        _require_intact(derivation, options.target)
    else:
        with _progress() as progress:
            derivation = _derived(options, progress)
    if (options.size == "full" and isinstance(derivation, Derivation)
            and derivation.full_sizes is None):
        raise BadInputError(
            f"{derivation.name} has no FULL sizes; put a dict FULL beside its factory"
        )
    with tempfile.TemporaryDirectory(prefix="symgauge-") as folder:
        path = Path(folder) / "check.py"
        path.write_text(derivation.check_text(), encoding="utf-8")
        record = Path(folder) / "record.json"
        command = [
            sys.executable, str(path), "--device", options.device, "--dtype", options.dtype,
            "--size", options.size, "--seed", str(options.seed), "--json", str(record),
        ]
        if options.checkpoint:
            command += ["--checkpoint", options.checkpoint]
        # a package beside us is found by the check as it was found here
        paths = [os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL if options.json else None, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        if options.json and record.exists():
            sys.stdout.write(record.read_text(encoding="utf-8"))
    return 130 if done.returncode < 0 else done.returncode


def _require_intact(derivation: Derivation | FullDerivation, path: str) -> None:
    """Raise InconsistentError where the derivation is rejected by `verify`."""
    result = derivation.verify()
    if result.verdict is Verdict.REFUTED:
        raise InconsistentError(f"{path} does not verify: {result.reasons[0]}; derive again")


def _verify(options: argparse.Namespace) -> int:
    from symgauge.report.table import print_verification

    derivation = _read_any(options.file)
    if options.set and not options.target:
        raise BadInputError("--set belongs to --target TARGET")
    with _progress() as progress, redirect_stdout(sys.stderr):
        target = None
        if options.target:
            target = _load_target(options.target, options.set)
            if not options.set:
                target = target.at(derivation.sizes)
        progress("verification")
        result = derivation.verify(target)
    if options.json:
        print(json.dumps(result.to_json(), indent=1))
    else:
        print_verification(result, _console())
    return STATUS[result.verdict]


def _certify(options: argparse.Namespace) -> int:
    from symgauge.files import write_atomically
    from symgauge.report.table import print_verification

    before = _read(options.file)
    with _progress() as progress:
        way = "series" if options.series else "balls"
        certified = before.certified_in_series if options.series else before.certified_in_balls
        after, verification = certified(options.seed, progress)
    path = options.output or options.file
    write_atomically(Path(path), after.to_json())
    if options.json:
        record = {
            "written": path, **_precision(after.data["certificate"]),
            "seconds": after.seconds[way],
            "before": {k: before.data[k] for k in ("rank", "unexplained", "hypotheses", "verdict")},
            **{k: after.data[k] for k in ("parameters", "rank", "redundancy", "orbit_dimension",
                                          "unexplained", "closed")},
            **verification.to_json(),
        }
        print(json.dumps(record, indent=1))
    else:
        console = _console()
        print_verification(verification, console)
        lines = [f"before: {before.data['verdict']}, rank J = {before.data['rank']}"]
        lines += [f"before, hypothesis: {text}" for text in before.data["hypotheses"]]
        for line in (*lines, f"written to {path}"):
            console.print(_plain(line), highlight=False, markup=False, soft_wrap=True)
    return STATUS[verification.verdict]


def _precision(certificate: dict[str, Any]) -> dict[str, int]:
    """Bits of the balls, or the order of the series."""
    if "series" in certificate:
        return {"order": certificate["series"]["order"]}
    return {"bits": certificate["balls"]["bits"]}


def _apply(options: argparse.Namespace) -> int:
    from symgauge.files import write_atomically

    derivation = _read(options.file)
    tensors, header = _read_safetensors(options.source)
    _require_intact(derivation, options.file)
    element = derivation.sample(options.seed, tensors)
    moved = element.apply(tensors)
    framework = "torch" if any(hasattr(t, "detach") for t in tensors.values()) else "numpy"
    save = importlib.import_module(f"safetensors.{framework}").save
    write_atomically(Path(options.result), save(moved, metadata=header))
    changed = sorted(n for n in tensors if (moved[n] != tensors[n]).any())
    if options.json:
        print(json.dumps({"moved": changed, "seed": options.seed, "written": options.result}))
    else:
        print(f"{len(changed)} of {len(tensors)} tensors moved, written to {options.result}")
    return HOLDS


def _read_safetensors(path: str) -> tuple[dict[str, Any], dict[str, str] | None]:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise BadInputError("apply needs safetensors; install symgauge[torch]") from error
    if not Path(path).is_file():
        raise BadInputError(f"there is no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            kinds = {file.get_slice(n).get_dtype() for n in file.keys()}
        # numpy has no bfloat16
        with safe_open(path, framework="pt" if "BF16" in kinds else "numpy") as file:
            tensors = {n: file.get_tensor(n) for n in file.keys()}
            return tensors, file.metadata()
    except (SafetensorError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{path} is not a complete safetensors file of float or integer tensors ({error}); "
            "pickles are not read: save it with safetensors"
        ) from error


def _legs(options: argparse.Namespace) -> int:
    from symgauge.report.legs import NOT_CHECKED, print_legs

    with _progress() as progress, redirect_stdout(sys.stderr):
        start = time.perf_counter()
        target = _load_target(options.target, options.set)
        from symgauge.capture import build_without_weights, capture
        from symgauge.spaces.roles import named_legs

        if options.full:
            target = target.at(_full_sizes(target, options.set))
        progress("module")
        module, args, kwargs = build_without_weights(target, strict=options.full)
        progress("graph")
        network = capture(
            module, args, kwargs, output=options.output, observable=options.observable, meta=True
        ).network
        progress("legs")
        record = {
            "name": target.name, "target": target.text, "sizes": dict(target.sizes),
            "observable": options.observable, "parameters": network.num_coordinates,
            "tensors": len(network.parameters), "nodes": len(network.nodes),
            "legs": named_legs(network), "fidelity": NOT_CHECKED,
            "seconds": round(time.perf_counter() - start, 3),
        }
    if options.json:
        print(json.dumps(record, indent=1))
    else:
        print_legs(record, _console())
    return HOLDS


def _full_sizes(target: Target, settings: Sequence[str]) -> dict[str, Any]:
    """The full sizes, with those that were set on the command line."""
    if target.full is None:
        raise BadInputError(f"{target.name} has no FULL sizes; put a dict FULL beside its factory")
    chosen = {name: target.sizes[name] for name in _settings(settings)}
    return {**target.full, **chosen}


def _prove(options: argparse.Namespace) -> int:
    from symgauge.theorem.runner import prove_files

    return prove_files(options.files, options.latex, options.json, _console())


def _check_claim(options: argparse.Namespace) -> int:
    from symgauge.checks.claims import claim_head, claim_names, find_claims

    asked = options.claims or claim_names()
    names = list(dict.fromkeys(name for text in asked for name in find_claims(text)))
    if options.list:
        heads = [claim_head(name) for name in names]
        if options.json:
            print(json.dumps(heads, indent=1))
        else:
            for head in heads:
                print(f"{head['claim']:4} {head['name']:15} {head['title']}"[:80])
        return HOLDS
    if options.plot and not options.out:
        raise BadInputError("--plot writes its pictures into --out; name a folder")
    if options.out and Path(options.out).exists() and not Path(options.out).is_dir():
        raise BadInputError(f"--out {options.out} is a file; name a folder")
    missing = [m for m in ("torch", "torchdiffeq") if importlib.util.find_spec(m) is None]
    if missing:
        raise BadInputError(f"check-claim needs {missing[0]}; install symgauge[torch,ode]")
    with tempfile.TemporaryDirectory(prefix="symgauge-") as folder:
        runs = [_run_claim(name, Path(options.out or folder), options) for name in names]
    if options.json:
        print(json.dumps([record for _, record in runs if record is not None], indent=1))
    # what could not be run outweighs what failed
    return max(status for status, _ in runs)


def _run_claim(name: str, folder: Path, options: argparse.Namespace) -> tuple[int, Any]:
    """Writes one check of a claim and runs it: exit status and record (None if it made none)."""
    from symgauge.checks.claims import emit_claim
    from symgauge.files import write_atomically

    path, record = folder / f"test_{name}.py", folder / f"{name}.json"
    write_atomically(path, emit_claim(name))
    record.unlink(missing_ok=True)  # one of an earlier run must not pass for this one's
    command = [
        sys.executable, str(path), "--device", options.device, "--dtype", options.dtype,
        "--size", options.size, "--seed", str(options.seed), "--json", str(record),
    ]
    if options.plot:
        command += ["--plot", str(folder / f"{name}.png")]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL if options.json else None, check=False
    )
    status = INTERRUPTED if done.returncode < 0 else done.returncode
    return status, json.loads(record.read_text("utf-8")) if record.exists() else None


def _zoo(options: argparse.Namespace) -> int:
    from symgauge.zoo import listing

    entries = listing()
    if options.json:
        print(json.dumps(entries, indent=1))
        return HOLDS
    from rich.table import Table

    table = Table("name", "what", "small sizes", "P", "redundancy")
    for e in entries:
        sizes = ", ".join(f"{k}={v}" for k, v in e["sizes"].items())
        table.add_row(e["name"], e["summary"], sizes, str(e["parameters"]), str(e["redundancy"]))
    _console().print(table)
    return HOLDS
