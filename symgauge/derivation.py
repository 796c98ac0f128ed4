"""class Derivation: the derived algebra, its certificate, its report and its check, assembled."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symgauge import __version__
from symgauge.certify.certificate import Certificate
from symgauge.certify.independence import assumptions
from symgauge.certify.verification import Verification, claim_of, verify
from symgauge.checks import actions, emit_check, propose_planted, wrong_family
from symgauge.derivers.discrete import discrete_symmetries
from symgauge.derivers.exact import ExactDeriver, Found, Proved
from symgauge.derivers.families import Coordinates, Family, Move
from symgauge.derivers.statement import statement
from symgauge.errors import BadInputError, InconsistentError, SizeError
from symgauge.exact.linear_algebra import independent_rows
from symgauge.exact.prime_field import PrimeField
from symgauge.lie.algebra import Block, close, identify, radical_dimension
from symgauge.lie.fields import AffineField, combination, matrix
from symgauge.network.program import Constant, Network, Parameter
from symgauge.network.proof import Prover, field_polynomials
from symgauge.network.sampling import jacobian_rows
from symgauge.report.latex import document
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target

SCHEMA = "symgauge-derivation/1"
#: Above these estimates a derivation stops unless it is forced.
MAX_SECONDS = 600.0
MAX_BYTES = 8 * 2**30
#: Planted failures of one generated check.
MAX_PLANTED = 24

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True)
class GroupElement:
    """A finite element of the derived group. It acts on state dicts and leaves f unchanged."""

    families: tuple[Mapping[str, Any], ...]
    element: Any

    def apply(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A new state dict with the parameters moved; arrays and tensors keep type and dtype."""
        arrays = {name: _to_numpy(value) for name, value in state.items()}
        moved = actions.apply(self.families, self.element, arrays)
        return {name: _like(state[name], moved[name]) for name in state}

    def inverse(self) -> GroupElement:
        """The inverse element."""
        return GroupElement(self.families, actions.inverse(self.element))


def _to_numpy(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16
        value = value.double() if value.is_floating_point() else value
        return np.asarray(value.numpy())
    return np.asarray(value)


def _like(value: Any, array: np.ndarray) -> Any:
    if hasattr(value, "new_tensor"):
        return value.new_tensor(array) if value.is_floating_point() else value
    return array.astype(np.asarray(value).dtype)


@dataclass(frozen=True)
class Derivation:
    """The gauge algebra of a network with its certificate; the facts of `derivation.json`."""

    data: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        # the keys of derivation.json are the attributes
        data = self.__dict__.get("data", {})
        if name == "certificate" and name in data:
            return Certificate(data[name])
        if name == "verdict" and name in data:
            return Verdict(data[name])
        if name in data:
            return data[name]
        raise AttributeError(f"a Derivation has no {name!r}")

    def __repr__(self) -> str:
        d = self.data
        return (
            f"Derivation({d['name']}: P={d['parameters']}, redundancy={d['redundancy']}, "
            f"orbit={d['orbit_dimension']}, {d['algebra']['form']}, {d['verdict']})"
        )

    def to_json(self) -> str:
        """The text of derivation.json."""
        return json.dumps(self.data, indent=1, ensure_ascii=True) + "\n"

    @staticmethod
    def from_json(text: str) -> Derivation:
        """The derivation that `to_json` wrote.

        Raises BadInputError where the text is none (truncated, another file).
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise BadInputError(
                f"this is not a derivation.json: the JSON breaks at line {error.lineno} "
                f"({error.msg}); derive again"
            ) from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise BadInputError(f"this is not a {SCHEMA} file (found {found!r}); derive again")
        missing = [k for k in ("certificate", "generators", "name") if k not in data]
        if missing:
            raise BadInputError(f"this derivation.json lacks {', '.join(missing)}; derive again")
        return Derivation(data)

    def to_latex(self) -> str:
        """A LaTeX article printed from the checked objects."""
        return document({**self.data, "network": _listing(self.network())})

    def network(self) -> Network:
        """The captured program."""
        return Certificate(self.data["certificate"]).network()

    def check_text(self) -> str:
        """The text of the generated PyTorch check."""
        factory = self.data["factory"]
        if factory is None:
            raise BadInputError(
                "a check rebuilds the module: derive a TARGET (a zoo name, package.module:factory "
                "or path/to/file.py:factory) with the command line or symgauge.derive_target"
            )
        kind = "import" if factory["source"] is None else "source"
        return emit_check({
            "name": self.data["name"], "target": {**factory, "kind": kind},
            "sizes": {"small": self.data["sizes"], "full": self.data["full_sizes"]},
            "observable": self.data["observable"], "output": self.data["output"],
            "families": self.data["generators"], "planted": self.data["planted"],
        })

    def write_check(self, path: str | os.PathLike[str]) -> None:
        """Write the generated check, atomically."""
        write_atomically(Path(path), self.check_text())

    def sample(self, seed: int = 0) -> GroupElement:
        """A random element of the group, condition number of matrices bounded."""
        families = tuple(f for f in self.data["generators"] if f["element"]["kind"] != "other")
        shapes = {t["name"]: t["shape"] for t in self.data["tensors"]}
        return GroupElement(families, actions.sample(families, shapes, seed))

    def verify(self) -> Verification:
        """Verify the certificate, and that the facts beside it are the certificate's."""
        certificate = Certificate.from_json(self.data["certificate"])
        wrong = list(_disagreements(self.data))
        if wrong:
            return Verification(Verdict.REFUTED, tuple(wrong), (), "nothing")
        return verify(certificate)


def _disagreements(data: Mapping[str, Any]) -> Iterator[str]:
    """Facts of derivation.json that differ from its certificate's."""
    certificate = data["certificate"]
    for name in ("parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained",
                 "closed", "hypotheses", "verdict", "scope"):
        if data.get(name) != certificate.get(name):
            yield (
                f"derivation.json says {name} = {data.get(name)!r}, its certificate "
                f"{certificate.get(name)!r}"
            )
    try:
        network = Certificate(certificate).network()
        vectors = Certificate(certificate).generators(network)
        yield from _family_disagreements(data, network, vectors)
    except (BadInputError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        yield f"the generators of derivation.json are malformed: {error}"


def _family_disagreements(
    data: Mapping[str, Any], network: Network, vectors: Sequence[AffineField]
) -> Iterator[str]:
    coordinates = Coordinates(network)
    used: list[int] = []
    for entry in data["generators"]:
        numbers = list(entry["generators"])
        used += numbers
        if len(numbers) != entry["dimension"]:
            yield f"family {entry['label']!r} has {len(numbers)} vectors, not its dimension"
        if entry["element"]["kind"] == "other":
            continue
        made = coordinates.plain_fields(entry)
        if list(made) != [vectors[k] for k in numbers]:
            yield f"the action of family {entry['label']!r} is not that of its proved vectors"
    if sorted(used) != list(range(len(vectors))):
        yield "the families do not name every proved vector once"
    if data["algebra"].get("dimension") != len(vectors):
        yield "the algebra's dimension is not the number of vectors"


# -- deriving ------------------------------------------------------------------------------------


def derive(
    module: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    progress: Progress = _silent,
) -> Derivation:
    """The gauge algebra of a torch.nn.Module on inputs of the example's shapes.

    Parameters that require grad are the coordinates; floating inputs are indeterminates,
    integer ones are held. All floating outputs jointly unless `output` picks one.
    `observable="probabilities"` takes log_softmax of the output over its last axis.

    Raises CaptureError or UnsupportedOpError where the module cannot be read exactly, SizeError
    above an estimated 10 minutes or 8 GiB unless `force`.
    """
    from symgauge.capture import capture

    start = time.perf_counter()
    progress("capture")
    captured = capture(module, args, kwargs, output=output, observable=observable)
    seconds = {"capture": time.perf_counter() - start}
    return derive_network(
        captured.network, name=name or type(module).__name__, output=output,
        observable=observable, seed=seed, force=force, progress=progress, seconds=seconds,
    )


def derive_target(
    target: Target,
    *,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    progress: Progress = _silent,
) -> Derivation:
    """The derivation of a TARGET at its small sizes, its families restated at the full ones."""
    from symgauge.capture import capture

    start = time.perf_counter()
    progress("capture")
    module, args, kwargs = target.build()
    captured = capture(module, args, kwargs, output=output, observable=observable)
    full = None
    if target.full is not None:
        progress("capture at full size")
        big, big_args, big_kwargs = target.build(target.full)
        full = capture(
            big, big_args, big_kwargs, output=output, observable=observable, check=False
        ).network
    seconds = {"capture": time.perf_counter() - start}
    return derive_network(
        captured.network, name=target.name, output=output, observable=observable, seed=seed,
        force=force, progress=progress, seconds=seconds, target=target, full=full,
    )


def estimate(network: Network) -> tuple[float, float]:
    """Seconds and bytes that a derivation is expected to need (measured constants, see docs)."""
    total = network.num_coordinates
    lines = sum(prod(n.shape) for n in network.lowered.nodes if not isinstance(n.leaf, Constant))
    seconds = 2e-9 * total**3 + 4e-7 * total * lines
    return seconds, 80.0 * total**2


def _check_size(network: Network, force: bool) -> None:
    seconds, size = estimate(network)
    if force or (seconds <= MAX_SECONDS and size <= MAX_BYTES):
        return
    raise SizeError(
        f"{network.num_coordinates} parameters: an exact derivation is estimated at "
        f"{seconds / 60:.0f} minutes and {size / 2**30:.1f} GiB; make it smaller with --set, "
        "or run it anyway with --force"
    )


def derive_network(
    network: Network,
    *,
    name: str,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    progress: Progress = _silent,
    seconds: dict[str, float] | None = None,
    target: Target | None = None,
    full: Network | None = None,
) -> Derivation:
    """The derivation of a captured network.

    Raises InconsistentError where rank J + rank G > P: a hypothesis of the arithmetic is false.
    """
    seconds = {} if seconds is None else seconds
    _check_size(network, force)
    start = time.perf_counter()
    deriver = ExactDeriver(network, seed, progress)
    found = deriver.run()
    field, rng = deriver.field, deriver.rng
    progress("algebra")
    families, algebra = _algebra(found, field)
    seconds["derive"] = time.perf_counter() - start
    start = time.perf_counter()
    progress("hypotheses")
    assumed = assumptions(network, field, rng)
    unread = network.num_coordinates - found.parameters
    claim = claim_of(
        network, found.parameters, unread, found.rank, found.orbit_dimension, True, assumed
    )
    if claim["inconsistent"]:
        raise InconsistentError(
            f"rank J + rank G = {found.rank} + {found.orbit_dimension} > P = {found.parameters}: "
            "function values that the arithmetic takes as independent are related "
            f"({'; '.join(assumed.hypotheses) or 'no open hypothesis'}); no claim is made"
        )
    vectors = [f for p in families for f in p.family.fields]
    proofs = [q for p in families for q in p.proofs]
    certificate = Certificate.issue(network, vectors, proofs, found.cell, claim)
    seconds["certify"] = time.perf_counter() - start
    start = time.perf_counter()
    progress("discrete symmetries")
    discrete = discrete_symmetries(network, [p.family for p in families], field, rng)
    statements, position = [], 0
    for p in families:
        numbers = list(range(position, position + len(p.family.fields)))
        position += len(numbers)
        statements.append(statement(p, numbers, network, full))
    planted = _planted(network, statements, field, rng)
    seconds["statement"] = time.perf_counter() - start
    data: dict[str, Any] = {
        "schema": SCHEMA, "name": name, "target": target.text if target else None,
        "factory": _factory(target),
        "sizes": dict(target.sizes) if target else {},
        "full_sizes": dict(target.full) if target and target.full is not None else None,
        "observable": observable, "output": output,
        "tensors": [{"name": p.name, "shape": list(p.shape)} for p in network.parameters],
        **{k: claim[k] for k in (
            "parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained",
            "closed",
        )},
        "generators": statements, "discrete": discrete, "algebra": algebra,
        "shown": claim["shown"], "hypotheses": claim["hypotheses"], "notes": found.notes,
        "verdict": claim["verdict"], "scope": claim["scope"], "planted": planted,
        "certificate": certificate.to_json(), "seed": seed, "versions": _versions(),
        "seconds": {k: round(v, 4) for k, v in seconds.items()},
    }
    return Derivation(data)


def _algebra(found: Found, field: PrimeField) -> tuple[list[Proved], dict[str, Any]]:
    """The smallest bracket-closed family with the found orbit rank, and what it is."""
    families = found.families
    fields = [f for p in families for f in p.family.fields]
    if not fields:
        return [], {"form": "0", "dimension": 0, "closed": True}
    full, _ = matrix(fields, field)
    kept = set(independent_rows(full, field.p))
    if len(kept) < len(fields):
        families = _thinned(families, kept)
        fields = [f for p in families for f in p.family.fields]
    closure = close(fields, field, 4 * len(fields) + 8)
    if closure.constants is None:
        rank = found.orbit_dimension
        form = f"distribution of rank {rank}, no finite-dimensional algebra claimed"
        return families, {"form": form, "dimension": len(fields), "closed": False}
    extra = closure.basis[len(fields):]
    if extra:
        prover = Prover(found.network)
        families = [*families, *(
            Proved(_other(found.network, f), (prover.prove(field_polynomials(prover, f)),))
            for f in extra
        )]
    blocks, position = [], 0
    for p in families:
        count = len(p.family.fields)
        positions = tuple(range(position, position + count))
        matrices = p.family.kind in ("gl", "so")
        blocks.append(Block(
            positions, p.family.kind if matrices else "R", p.family.size,
            prod(p.family.copies) if matrices else 1,
        ))
        position += count
    form = identify(closure.constants, position, blocks, field)
    radical = radical_dimension(closure.constants, position, field)
    return families, {"form": form, "dimension": position, "radical": radical, "closed": True}


def _thinned(families: Sequence[Proved], kept: set[int]) -> list[Proved]:
    """Families without vectors that depend linearly on earlier ones."""
    out, position = [], 0
    for p in families:
        numbers = [i for i in range(len(p.family.fields)) if position + i in kept]
        position += len(p.family.fields)
        if len(numbers) == len(p.family.fields):
            out.append(p)
        else:
            out += [
                Proved(Family("other", (), 1, p.family.moves, (p.family.fields[i],)),
                       (p.proofs[i],))
                for i in numbers
            ]
    return out


def _other(network: Network, f: AffineField) -> Family:
    names = [
        p.name for p in network.parameters
        if any(network.offsets[p.name] <= k < network.offsets[p.name] + p.size for k in f.support)
    ]
    return Family("other", (), 1, tuple(Move(n, "+c", None, Fraction(0)) for n in names), (f,))


def _planted(
    network: Network, families: Sequence[Mapping[str, Any]], field: PrimeField,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Wrong symmetries for the check: each is refuted exactly at small size first."""
    coordinates = Coordinates(network)
    proposals = propose_planted(families)
    if not proposals:
        return []
    rows = jacobian_rows(network, field, rng, 24)
    theta = np.concatenate(
        [rows.parameters[p.name].reshape(len(rows.rows), -1) for p in network.parameters], axis=1
    )
    kept = []
    for proposal in proposals:
        wrong = wrong_family(families[proposal["family"]], proposal["kind"])
        if wrong is not None and _refuted(coordinates, wrong, rows.rows, theta, field):
            kept.append(proposal)
    # one pass each: of many families, every kind is still planted, on families in turn
    return kept if len(kept) <= MAX_PLANTED else [
        kept[round(i * (len(kept) - 1) / (MAX_PLANTED - 1))] for i in range(MAX_PLANTED)
    ]


def _refuted(
    coordinates: Coordinates, wrong: Mapping[str, Any], rows: Any, theta: Any, field: PrimeField
) -> bool:
    """Whether the wrong family's generic generator has J X not 0 at exact points."""
    fields = coordinates.plain_fields(wrong)
    generator = combination(fields, [Fraction(3 * k + 2, k + 1) for k in range(len(fields))])
    moved = np.array([generator.at(t, field) for t in theta])
    return bool(field.matmul(rows[:, None, :], moved[:, :, None]).any())


def _factory(target: Target | None) -> dict[str, Any] | None:
    """What the generated check rebuilds the module from."""
    if target is None:
        return None
    return {"module": target.module, "factory": target.attribute, "source": target.source}


def _versions() -> dict[str, str]:
    found = {"symgauge": __version__, "python": platform.python_version()}
    for package in ("numpy", "python-flint", "sympy", "torch"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _listing(network: Network) -> list[dict[str, Any]]:
    """The program's lines for the report."""
    symbols: list[str] = []
    lines = []
    for i, node in enumerate(network.nodes):
        if node.op is not None:
            symbols.append(f"v_{{{i}}}")
        elif isinstance(node.leaf, Constant):
            symbols.append(f"c_{{{i}}}")
        else:
            symbols.append((r"\theta" if isinstance(node.leaf, Parameter) else "x") + f"_{{{i}}}")
        latex = "" if node.op is None else node.op.latex(
            *(symbols[j] for j in node.inputs), **node.attrs
        )
        name = symbols[i].translate({ord(c): None for c in "\\_{}"})
        lines.append({"name": name, "op": node.label, "latex": latex, "shape": list(node.shape)})
    return lines


# -- files ---------------------------------------------------------------------------------------


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write to a temporary name beside the path and rename: never half a file.

    Raises BadInputError where the path cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BadInputError(f"cannot write {path}: {error.strerror or error}") from error
        raise
