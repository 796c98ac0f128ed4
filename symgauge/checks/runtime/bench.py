"""One model, one set of parameters in memory: passes, noise floor, residuals, time and memory."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from symgauge.checks.runtime.group import (
    LEAST_MOVE,
    add_variation,
    apply_move,
    block,
    carry_back,
    cuts,
    entries,
    moves_back,
    off_slices,
    onto_slices,
    piece,
    places,
    random_element,
    random_generator,
    traffic,
)
from symgauge.checks.runtime.model import (
    Checkpoint,
    build,
    draw,
    redrawn,
    select,
)
from symgauge.checks.runtime.record import BadInput, seeded

SYMMETRY_FLOORS = 10.0  # a symmetry stays within this many floors
PLANTED_FLOORS = {torch.float64: 1000.0, torch.float32: 100.0}  # a planted failure exceeds it
JVP_PASSES = 3
FULL_SIZE_PASSES = 3  # base, floor, all symmetries at once
TANGENT_BYTES = 2**30  # of one J X; a large model may take a quarter of its own size

Families = list[dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """One line of the table; `ok` is None where the number is only reported."""

    check: str
    label: str
    families: int
    wrong: bool
    residual: float | None
    floors: float | None
    limit: float | None
    moved: float | None
    passes: int
    seconds: float
    time: float
    ok: bool | None
    action_seconds: float | None = None
    action_bytes: int | None = None
    note: str = ""


class Widened(TorchFunctionMode):
    """In float64, casts to float32 written in the model become casts to float64.

    The statement is about exact arithmetic, where a cast is nothing; a cast to float32 would hide
    a small symmetry violation under its own rounding, and no perturbation of 1e-16 shows it.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is Tensor.float:
            func = Tensor.double
        args = tuple(torch.float64 if a is torch.float32 else a for a in args)
        kwargs = kwargs or {}
        kwargs = {k: torch.float64 if v is torch.float32 else v for k, v in kwargs.items()}
        return func(*args, **kwargs)


@contextlib.contextmanager
def plain_kernels() -> Iterator[None]:
    """Attention by its formula (fused kernels have no forward derivative), and no TF32."""
    fast = torch.backends.mha.get_fastpath_enabled()
    matmul, cudnn = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.cuda.matmul.allow_tf32 = matmul
        torch.backends.cudnn.allow_tf32 = cudnn


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """torch's forward derivatives use what torch itself deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def readable(text: str) -> str:
    """Names are data: one line of printable ASCII, whatever they contain."""
    return text.encode("unicode_escape").decode("ascii")


def label_of(families: Families) -> str:
    """The label of a family, or what those of a class have in common and their number."""
    if len(families) == 1:
        return str(families[0]["label"])
    return f"{families[0]['class']} ({len(families)} families)"


def peak_memory(device: torch.device) -> int | None:
    """Bytes: of the device, or of this process where the system tells."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def copy_speed(device: torch.device) -> float:
    """Bytes read and written in a second by plain copies of 64 MiB (1 GiB on a GPU)."""
    length = 2**28 if device.type == "cuda" else 2**24
    source = torch.ones(length, device=device)
    target = torch.zeros(length, device=device)
    best = math.inf
    for _ in range(5):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * source.numel() * source.element_size() / best


class Bench:
    """The model at one point, and what the checks ask of it."""

    def __init__(
        self,
        record: Mapping[str, Any],
        size: str,
        seed: int,
        dtype: torch.dtype,
        device: torch.device,
        checkpoint: str | None,
    ) -> None:
        self.record, self.size, self.seed = record, size, seed
        self.memory_before = peak_memory(device)
        self.dtype, self.device = dtype, device
        if record["sizes"][size] is None:
            raise BadInput(f"the target gives no {size} sizes")
        self.module, args, kwargs = build(record["target"], record["sizes"][size])
        self.module.to(device=device, dtype=dtype)
        self.args = redrawn(args, "args", seed, device, dtype)
        self.kwargs = redrawn(kwargs, "kwargs", seed, device, dtype)
        self._find_parameters()
        self.checkpoint = None if checkpoint is None else Checkpoint(checkpoint)
        self.families = self._at_this_size("families")
        self.planted = self._at_this_size("planted")
        self.passes = 0
        self.unit = self.floor = self.floor_measured = math.nan
        self.base: tuple[Tensor, ...] = ()
        self.restore(self.free)
        self.unreachable = [f["label"] for f in self.families if not self._reachable(f)]
        self.families = [f for f in self.families if self._reachable(f)]
        self.planted = [f for f in self.planted if self._reachable(f)]
        self.classes = self._classes()
        self.memory_built = peak_memory(device)
        with quiet():  # torch loads its derivative formulas once: not on the clock
            one = torch.ones(1, 1)
            torch.func.jvp(lambda w: torch.nn.functional.linear(one, w, one[0]), (one,), (one,))
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def _find_parameters(self) -> None:
        """Trainable parameters are free; others and buffers stay what the factory made them."""
        every = dict(self.module.named_parameters(remove_duplicate=False))
        names: dict[int, list[str]] = {}
        for name, parameter in every.items():
            names.setdefault(id(parameter), []).append(name)
        self.names = {name: names[id(parameter)] for name, parameter in every.items()}
        self.free = [name for name, p in self.module.named_parameters() if p.requires_grad]
        # no graph is recorded, and in-place actions are allowed
        self.module.requires_grad_(False)
        self.parameters: dict[str, Tensor] = {name: p.data for name, p in every.items()}

    def _at_this_size(self, which: str) -> list[dict[str, Any]]:
        """The families with a finite action at this size, each verified to fit the module."""
        found = []
        for family in self.record[which]:
            if family[self.size] is None:
                continue
            slices = family[self.size].get("via", ())
            for move in (m for part in (family[self.size], *slices) for m in part["action"]):
                self._fits(family["label"], move)
            for through in slices:
                self._fits_slice(family["label"], through)
            label = family[self.size].get("label", family["label"])
            found.append({"class": label, **family[self.size], "label": label})
        return found

    def _classes(self) -> dict[str, Families]:
        """The families that differ only in the number of their layer, together, under one label.

        What they share can fail in any of them, and one pass sees it.
        """
        classes: dict[str, Families] = {}
        for family in self.families:
            classes.setdefault(family["class"], []).append(family)
        return {label_of(families): families for families in classes.values()}

    def allowed(self) -> int:
        """The passes that these classes and planted failures may take."""
        products = len(self.classes) + len(self.wrong_generators())
        return FULL_SIZE_PASSES + len(self.classes) + len(self.planted) + JVP_PASSES * products

    def wrong_generators(self) -> Families:
        """The first planted failure whose generator is wrong, not its finite action alone."""
        return [f for f in self.planted if not f.get("same_generator")][:1]

    def _fits(self, label: str, move: Mapping[str, Any]) -> None:
        for key in ("parameter", "source"):
            if key in move and move[key] not in self.parameters:
                raise BadInput(
                    f"family {json.dumps(label)} moves {json.dumps(move[key])}, "
                    "which is no parameter of the module"
                )
        if move.get("at") is not None:
            try:
                block(self.parameters[move.get("source", move["parameter"])], move["at"])
            except (RuntimeError, IndexError) as error:
                raise BadInput(
                    f"family {json.dumps(label)} does not fit the shape of "
                    f"{json.dumps(move['parameter'])} at these sizes"
                ) from error

    def _fits_slice(self, label: str, through: Mapping[str, Any]) -> None:
        element, name = through["element"], through["parameter"]
        if math.prod([*element["copies"], element["size"]]) != self.parameters[name].numel():
            raise BadInput(
                f"family {json.dumps(label)} does not fit the shape of {json.dumps(name)} "
                "at these sizes"
            )

    def _reachable(self, family: Mapping[str, Any]) -> bool:
        """Whether no scaling that leads to the family's slices starts at 0."""
        return all(
            bool(entries(through, self.parameters).all())
            for through in family.get("via", ())
            if through["element"]["kind"] == "diagonal"
        )

    def not_checked(self) -> list[str]:
        """Labels of the families that have no finite action at this size, or at this point."""
        none = [f["label"] for f in self.record["families"] if f[self.size] is None]
        return none + self.unreachable

    def restore(self, names: list[str]) -> None:
        """Sets the named parameters back to their values, exactly: drawn or read again."""
        for first in dict.fromkeys(self.names[name][0] for name in names):
            parameter = self.parameters[first]
            if self.checkpoint is None:
                draw(first, parameter, self.seed)
            else:
                parameter.copy_(self.checkpoint.read(self.names[first], parameter))

    def clock(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def exact_casts(self) -> contextlib.AbstractContextManager[Any]:
        return Widened() if self.dtype == torch.float64 else contextlib.nullcontext()

    def output(self) -> tuple[Tensor, ...]:
        """One forward pass, counted."""
        self.passes += 1
        with torch.no_grad(), self.exact_casts():
            value = self.module(*self.args, **self.kwargs)
        return select(value, self.record["output"], self.record["observable"])

    def measure_floor(self) -> float:
        """Passes 1 and 2: the output, and its change when every parameter moves by one ulp."""
        start = self.clock()
        self.base = self.output()
        middle = self.clock()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.base):
            raise BadInput("the module's output is not finite at this point: try another --seed")
        # an output that is zero has no scale: it is compared as it is
        self.scales = [float(y.abs().max()) or 1.0 for y in self.base]
        epsilon = torch.finfo(self.dtype).eps
        for name in self.free:
            parameter = self.parameters[name]
            rng = seeded(self.device, self.seed, "floor " + name)
            for cut in cuts(parameter):
                part = piece(parameter, cut)
                shape, kind = part.shape, torch.int8
                bits = torch.randint(2, shape, generator=rng, device=self.device, dtype=kind)
                part.mul_(1 + epsilon * (2 * bits - 1).to(self.dtype))
        moved = self.clock()
        change = self.residual(self.output())
        # the first pass also pays for what is set up once
        self.unit = min(middle - start, self.clock() - moved)
        self.restore(self.free)
        # the output itself is only known to one unit in its last place
        self.floor_measured = change
        self.floor = max(change, epsilon)
        return self.floor

    def residual(self, output: tuple[Tensor, ...]) -> float:
        """max |y' - y| / max |y|, the largest over the outputs."""
        worst = 0.0
        for new, old, scale in zip(output, self.base, self.scales):
            pairs = ((piece(new, c).to(torch.float64), piece(old, c)) for c in cuts(old))
            change = float(torch.stack([(a - b).abs().max() for a, b in pairs]).max()) / scale
            worst = change if math.isnan(change) else max(worst, change)
        return worst

    def unit_of(self, family: Mapping[str, Any]) -> float:
        """The scale of a translation: the typical entry of the first tensor it shifts.

        The median, since on a slice that divides by small entries a few large ones would set any
        mean, and the shift would be large beside all the others. Of a centred 1 + u 1^T: such that
        the first tensor that it turns moves by a part of itself, whatever its sum, and at most 1.
        """
        for move in family["action"]:
            if family["element"]["kind"] == "centred" and move["form"] == "g":
                tensor = self.parameters[move["parameter"]]
                view = block(tensor, move["at"]).to(torch.float64)
                _, along = places(move["at"], tensor.ndim)
                size = float(torch.linalg.vector_norm(view))
                total = float(torch.linalg.vector_norm(view.sum(along)))
                return min(1.0, size / (2 * total)) if total else 1.0
            if move["form"] == "+c":
                tensor = self.parameters[move["parameter"]]
                view = tensor if move.get("at") is None else block(tensor, move["at"])
                return float(piece(view, next(cuts(view))).abs().median()) or 1.0
        return 1.0

    def act(self, family: Mapping[str, Any]) -> float | None:
        """Applies a random element in place; the least relative change among its moves."""
        rng = seeded(self.device, self.seed, "element " + family["label"])
        back = onto_slices(self.parameters, family)
        element = random_element(family["element"], self.unit_of(family), rng)
        moved = [apply_move(self.parameters, move, element) for move in family["action"]]
        off_slices(self.parameters, family, back)
        least = min(moved, default=0.0)
        return None if math.isinf(least) else least  # every tensor it touches is zero

    def touched(self, family: Mapping[str, Any]) -> list[str]:
        """The parameters that a family's action changes, on the way to its slices included."""
        return [move["parameter"] for move in (*family["action"], *self.via(family))]

    def via(self, family: Mapping[str, Any]) -> list[Any]:
        """The moves that lead to a family's slices, and back again."""
        return [move for through in family.get("via", ()) for move in moves_back(through)]

    def bytes_of(self, family: Mapping[str, Any]) -> int:
        """What the action on the parameters reads and writes."""
        there = [traffic(self.parameters, move) for move in family["action"]]
        return sum(there) + 2 * sum(traffic(self.parameters, move) for move in self.via(family))

    def difference(self, check: str, label: str, families: Families, wrong: bool = False) -> Row:
        """One pass with random elements of the families applied; the parameters are put back."""
        start, first = self.clock(), self.passes
        moved = [self.act(family) for family in families]
        acting = self.clock() - start
        residual = self.residual(self.output())
        self.restore([name for family in families for name in self.touched(family)])
        seconds = self.clock() - start
        least = min((m for m in moved if m is not None), default=None)
        row = self.row(check, label, residual, least, self.passes - first, seconds, wrong)
        count = sum(map(self.bytes_of, families))
        return replace(
            row, families=len(families), action_seconds=acting, action_bytes=count
        )

    def derivative(self, check: str, label: str, families: Families, wrong: bool = False) -> Row:
        """max |J X| / max |y| for a random generator X of all the families together.

        X is scaled to max_T |X_T| / |T| = 1. Of families whose tangents would be too large, as
        many as fit are taken, and the row says how many; none is taken if the first does not fit.
        """
        start = self.clock()
        chosen = self._with_small_tangents(families)
        if not chosen:
            note = "not checked: the tangent is too large beside the model"
            return self.row(check, label, None, None, 0, self.clock() - start, wrong, note)
        tangents: dict[str, Tensor] = {}
        for family in chosen:
            for name, tangent in self.tangents(family).items():
                tangents[name] = tangents[name].add_(tangent) if name in tangents else tangent
        sizes = [
            float(torch.linalg.vector_norm(tangents[name], dtype=torch.float64))
            / float(torch.linalg.vector_norm(self.parameters[name], dtype=torch.float64))
            for name in tangents
            if bool(self.parameters[name].any())
        ]
        largest = max(sizes, default=0.0) or 1.0
        names = list(tangents)
        primals = tuple(self.parameters[name] for name in names)
        vectors = tuple(tangents.pop(n).div_(largest).to(self.dtype) for n in names)
        values, note = self.jvp(names, primals, vectors)
        self.passes += JVP_PASSES
        residual = None
        if values is not None:
            sizes = [float(v.abs().max()) for v in values]
            ratios = [size / scale for size, scale in zip(sizes, self.scales)]
            residual = math.nan if any(map(math.isnan, ratios)) else max(ratios)
        seconds = self.clock() - start
        if len(chosen) < len(families):
            note = f"{note}; " if note else ""
            note += f"{len(chosen)} of {len(families)} families: the tangents of all are too large"
        row = self.row(check, label, residual, None, JVP_PASSES, seconds, wrong, note)
        return replace(row, families=len(chosen))

    def tangents(self, family: Mapping[str, Any]) -> dict[str, Tensor]:
        """A random generator of the family, as the tangents of the parameters that it moves."""
        rng = seeded(self.device, self.seed, "generator " + family["label"])
        back = onto_slices(self.parameters, family)
        generator = random_generator(family["element"], self.unit_of(family), rng)
        tangents: dict[str, Tensor] = {}
        for move in family["action"]:
            add_variation(tangents, self.parameters, move, generator)
        carry_back(tangents, self.parameters, family, back)
        if back:
            self.restore(self.touched(family))
        return tangents

    def _with_small_tangents(self, families: Families) -> Families:
        """The first of them, as long as their tangents are small beside the model."""
        wide = 8 if self.dtype == torch.float64 else 4
        left = max(TANGENT_BYTES, self.parameter_bytes() // 4)
        chosen = []
        for family in families:
            left -= sum(self.parameters[name].numel() * wide for name in set(self.touched(family)))
            if left < 0:
                break
            chosen.append(family)
        return chosen

    def parameter_bytes(self) -> int:
        """Bytes of all parameters, each counted once."""
        own = {id(p): p.numel() * p.element_size() for p in self.module.parameters()}
        return sum(own.values())

    def jvp(
        self, names: list[str], primals: tuple[Tensor, ...], vectors: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...] | None, str]:
        """Forward mode; two reverse passes where an op has no forward derivative."""

        def function(*tensors: Tensor) -> tuple[Tensor, ...]:
            touched = dict(zip(names, tensors))
            value = torch.func.functional_call(self.module, touched, self.args, self.kwargs)
            return select(value, self.record["output"], self.record["observable"])

        with self.exact_casts(), quiet():
            try:
                return torch.func.jvp(function, primals, vectors)[1], ""
            except (NotImplementedError, RuntimeError):
                pass
            try:
                _, values = torch.autograd.functional.jvp(function, primals, vectors)
                return tuple(values), "double backward: an op has no forward derivative"
            except (NotImplementedError, RuntimeError) as error:
                print(f"no derivative: {error}", file=sys.stderr)
                return None, "not checked: an op has no derivative"

    def row(
        self,
        check: str,
        label: str,
        residual: float | None,
        moved: float | None,
        passes: int,
        seconds: float,
        wrong: bool,
        note: str = "",
    ) -> Row:
        """Judges a residual: a symmetry within 10 floors, a wrong one above its limit."""
        limit = PLANTED_FLOORS.get(self.dtype) if wrong else SYMMETRY_FLOORS
        floors = None if residual is None else residual / self.floor
        ok = None
        if floors is not None and limit is not None:
            ok = floors > limit if wrong else floors <= limit
            if moved is not None and not moved > LEAST_MOVE:
                ok, note = False, f"moved a tensor by {moved:.1e} only"
        time_in_passes = seconds / self.unit
        numbers = (residual, floors, limit, moved, passes, seconds, time_in_passes)
        return Row(check, label, 1, wrong, *numbers, ok, note=note)
