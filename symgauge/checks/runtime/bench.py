"""One model, one set of parameters in memory: passes, noise floor, residuals, time and memory."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from symgauge.checks.runtime.device import Widened, peak_memory, quiet
from symgauge.checks.runtime.group import (
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
    floats,
    mode_of,
    redrawn,
    select,
)
from symgauge.checks.runtime.record import BadInput, seeded

SYMMETRY_FLOORS = 10.0  # a symmetry stays within this many floors
NEAR_FLOORS = 100.0  # up to here the floor itself is measured again,
NEAR_SAMPLES = 4  # so many times
PLANTED_FLOORS = {torch.float64: 1000.0, torch.float32: 100.0}  # a planted failure exceeds it
# of the move that it scrambles: small, since a large one revives dead units that no scaling does
CONTROL = {torch.float64: 2.0**-10, torch.float32: 2.0**-5}
JVP_PASSES = 3
FULL_SIZE_PASSES = 3  # base, floor, all symmetries at once
TANGENT_BYTES = 2**30  # of one J X; a large model may take a quarter of its own size
# a row that cannot fail is drawn again, with inputs of these sizes; the first is no redraw
INPUT_SCALES = (1.0, 1.0, 3.0, 10.0, 1.0)
# the draws off the point: its weights, moved by so much of their size; signs flip in the large ones
OFF = len(INPUT_SCALES)
OFF_SIZES = (0.25, *15 * (4.0,))
STRIDE = 1_000_003  # between the seeds of two draws

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
    draw: int = 0  # of parameters, inputs and elements
    changed: float | None = None  # the part of the output's entries that changed in any bit
    untested: str = ""  # why the row could not have failed


class Change(NamedTuple):
    """max |y' - y| / max |y| of one output, in floors of its own, and the part that changed."""

    size: float
    floors: float
    changed: float = 1.0


def readable(text: str) -> str:
    """Names are data: one line of printable ASCII, whatever they contain."""
    return text.encode("unicode_escape").decode("ascii")


def label_of(families: Families) -> str:
    """The label of a family, or what those of a class have in common and their number."""
    if len(families) == 1:
        return str(families[0]["label"])
    return f"{families[0]['class']} ({len(families)} families)"


def largest(ratios: Iterable[float]) -> float:
    """The largest, nan if one is."""
    numbers = list(ratios)
    return math.nan if any(map(math.isnan, numbers)) else max(numbers, default=0.0)


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
        self.module, *self.example = build(record["target"], record["sizes"][size], size)
        self.module.to(device=device, dtype=dtype)
        self.mode = mode_of(self.module)
        self._find_parameters()
        self.checkpoint = None if checkpoint is None else Checkpoint(checkpoint)
        self.families = self._at_this_size("families")
        self.planted = self._at_this_size("planted")
        self.passes = self.extra = 0
        self.at, self.points = 0, {}  # type: int, dict[int, dict[str, Any]]
        self.unit = self.floor = self.floor_measured = math.nan
        self.base: tuple[Tensor, ...] = ()
        self.scales: list[float] = []
        self.floors: list[float] = []
        self.outputs: list[str] = []
        self.outputs_left_out: list[str] = []
        self._draw_inputs()
        self.restore(self.free)
        self.unreachable = {
            f["label"]: zero for f in self.families if (zero := self._zero_entry(f)) is not None
        }
        self.families = [f for f in self.families if f["label"] not in self.unreachable]
        self.planted = [
            f for f in self.planted
            if self._zero_entry(f) is None and self._zero_entry(self._drawn_as(f)) is None
        ]
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
        # a pass in training mode may write into its statistics
        training = any(part.training for part in self.module.modules())
        named = self.module.named_buffers() if training else ()
        self.buffers = {name: (buffer, buffer.clone()) for name, buffer in named}

    def _at_this_size(self, which: str) -> list[dict[str, Any]]:
        """The families with a finite action at this size, each verified to fit the module.

        A planted failure knows the `right` family that it was made from.
        """
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
            entry = {"class": label, **family[self.size], "label": label}
            if family.get("family") is not None:
                right = self.record["families"][family["family"]]
                own = right[self.size].get("label", right["label"])
                entry["right"] = {**right[self.size], "label": own}
            found.append(entry)
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
        """The passes that these classes and planted failures may take, and those drawn again."""
        products = len(self.classes) + len(self.wrong_generators()[:1])
        ordinary = FULL_SIZE_PASSES + len(self.classes) + len(self.planted)
        return ordinary + JVP_PASSES * products + self.extra

    @contextlib.contextmanager
    def extra_passes(self) -> Iterator[None]:
        """The passes made here are for a control or another draw: counted apart."""
        before, extra = self.passes, self.extra
        try:
            yield
        finally:
            self.extra = extra + self.passes - before

    def wrong_generators(self) -> Families:
        """The planted failures whose generator is wrong, not their finite action alone."""
        return [f for f in self.planted if not f.get("same_generator")]

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

    def _zero_entry(self, family: Mapping[str, Any]) -> str | None:
        """The parameter with an entry of 0 at which a scaling to the family's slices starts."""
        return next((
            through["parameter"] for through in family.get("via", ())
            if through["element"]["kind"] == "diagonal"
            and not bool(entries(through, self.parameters).all())
        ), None)

    def not_checked(self) -> dict[str, str]:
        """Families that have no finite action at this size, or at this point, and why."""
        none = {
            f["label"]: f"no finite action at the {self.size} size"
            for f in self.record["families"] if f[self.size] is None
        }
        return none | {
            label: f"{name} has an entry that is 0, where its action is not defined"
            for label, name in self.unreachable.items()
        }

    # -- the point: parameters, inputs, outputs, floor --------------------------------------------

    @property
    def seed_here(self) -> int:
        """The seed of this draw."""
        return self.seed + self.at * STRIDE

    def redraws(self, number: int) -> bool:
        """Whether this draw has parameters or inputs of its own, and not only elements."""
        return self.checkpoint is None or number >= OFF or bool(floats(self.example))

    @contextlib.contextmanager
    def at_draw(self, number: int) -> Iterator[None]:
        """Parameters, inputs and elements of another draw; its base and floor measured once.

        Raises BadInput where the output is not finite there.
        """
        before = self.at
        try:
            self._go(number)
            yield
        finally:
            self._go(before)

    def _go(self, number: int) -> None:
        if number == self.at:
            return
        if self.scales:  # measured
            held = ("base", "scales", "floors", "floor", "floor_measured")
            self.points[self.at] = {name: getattr(self, name) for name in held}
        other = self.redraws(number) or self.redraws(self.at)
        self.at = number
        if other:
            self._draw_inputs()
            self.restore(self.free)
        known = self.points.get(number if self.redraws(number) else 0)
        if known is None:
            self.scales = []
            with self.extra_passes():
                self.measure_floor()
        else:
            self.__dict__.update(known)

    def _draw_inputs(self) -> None:
        scale = 1.0 if self.at >= OFF else INPUT_SCALES[self.at]
        drawn = (self.seed_here, self.device, self.dtype, scale)
        self.args = redrawn(self.example[0], "args", *drawn)
        self.kwargs = redrawn(self.example[1], "kwargs", *drawn)

    def restore(self, names: list[str]) -> None:
        """Sets the named parameters back to their values, exactly: drawn or read again."""
        for first in dict.fromkeys(self.names[name][0] for name in names):
            parameter = self.parameters[first]
            if self.checkpoint is None:
                draw(first, parameter, self.seed_here)
            else:
                parameter.copy_(self.checkpoint.read(self.names[first], parameter))
            if self.at >= OFF:
                self._move_off(first, parameter)

    def _move_off(self, name: str, parameter: Tensor) -> None:
        rng = seeded(self.device, self.seed_here, "off " + name)
        size = OFF_SIZES[self.at - OFF] * (self._rms(name) or 1.0)
        for cut in cuts(parameter):
            part = piece(parameter, cut)
            noise = torch.randn(part.shape, generator=rng, device=part.device)
            part.add_(noise.mul_(size).to(part.dtype))

    def scale_of(self, name: str) -> float:
        """The root mean square of a parameter's entries; of one that is zero, the typical one."""
        return self._rms(name) or self.typical

    def _rms(self, name: str) -> float:
        tensor = self.parameters[name]
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for cut in cuts(tensor):
            total += torch.linalg.vector_norm(piece(tensor, cut), dtype=torch.float64) ** 2
        return math.sqrt(float(total) / max(1, tensor.numel()))

    @property
    def typical(self) -> float:
        """The median over the parameters of the root mean square, zeros left out; else 1."""
        found = [size for name in self.free if (size := self._rms(name))]
        return statistics.median(found) if found else 1.0

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
        for buffer, held in self.buffers.values():
            buffer.copy_(held)
        chosen, self.outputs_left_out = select(value, self.record)
        self.outputs = [name for name, _ in chosen]
        return tuple(tensor for _, tensor in chosen)

    def measure_floor(self) -> float:
        """Passes 1 and 2: the output, and its change when every parameter moves by one ulp."""
        start = self.clock()
        self.base = self.output()
        middle = self.clock()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.base):
            raise BadInput("the module's output is not finite at this point: try another --seed")
        # an output that is zero has no scale: it is compared as it is
        self.scales = [float(y.abs().max()) or 1.0 for y in self.base]
        self.nudge("floor ")
        moved = self.clock()
        changes = self.sizes(self.output(), self.base)
        # the first pass also pays for what is set up once
        if not self.at:
            self.unit = min(middle - start, self.clock() - moved)
        self.restore(self.free)
        # the output itself is only known to one unit in its last place
        self.floors = [max(change, torch.finfo(self.dtype).eps) for change in changes]
        self.floor_measured, self.floor = largest(changes), largest(self.floors)
        return self.floor

    def nudge(self, kind: str) -> None:
        """Moves every free parameter by one unit in the last place, zeros at their tensor's scale.
        """
        epsilon = torch.finfo(self.dtype).eps
        typical = self.typical
        for name in self.free:
            parameter = self.parameters[name]
            scale = self._rms(name) or typical
            rng = seeded(self.device, self.seed_here, kind + name)
            for cut in cuts(parameter):
                part = piece(parameter, cut)
                shape, kind8 = part.shape, torch.int8
                bits = torch.randint(2, shape, generator=rng, device=self.device, dtype=kind8)
                size = part.abs().clamp_(min=scale).mul_(epsilon)
                part.add_(size.mul_((2 * bits - 1).to(self.dtype)))

    def sizes(self, output: Sequence[Tensor], base: Sequence[Tensor]) -> list[float]:
        """max |y' - y| / max |y| of each output."""
        found = []
        for new, old, scale in zip(output, base, self.scales):
            pairs = ((piece(new, c).to(torch.float64), piece(old, c)) for c in cuts(old))
            found.append(float(torch.stack([(a - b).abs().max() for a, b in pairs]).max()) / scale)
        return found

    def worst(self, sizes: Sequence[float], noise: Sequence[float] = ()) -> Change:
        """The size that is the most floors, each output's against its own floor."""
        floors = [max(pair) for pair in zip(self.floors, noise)] if noise else self.floors
        ratios = [size / floor for size, floor in zip(sizes, floors)]
        place = next((i for i, r in enumerate(ratios) if math.isnan(r)), None)
        place = ratios.index(max(ratios)) if place is None else place
        return Change(sizes[place], ratios[place])

    def residual(self, output: tuple[Tensor, ...]) -> Change:
        """How far the output is from the base."""
        changed = [float((a != b).double().mean()) for a, b in zip(output, self.base)]
        return self.worst(self.sizes(output, self.base))._replace(changed=largest(changed))

    # -- finite elements --------------------------------------------------------------------------

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
                middle = float(piece(view, next(cuts(view))).abs().median())
                return middle or self.scale_of(move["parameter"])
        return 1.0

    def _drawn_as(self, family: Mapping[str, Any]) -> Mapping[str, Any]:
        """A planted failure takes the element of the family that it was made from."""
        right: Mapping[str, Any] = family.get("right") or family
        return right

    def act(self, family: Mapping[str, Any]) -> float | None:
        """Applies a random element in place; the least relative change among its moves."""
        like = self._drawn_as(family)
        rng = seeded(self.device, self.seed_here, "element " + like["label"])
        back = onto_slices(self.parameters, family)
        element = random_element(family["element"], self.unit_of(like), rng)
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
        output = self.output()
        change = self.residual(output)
        passes = self.passes - first
        near = not wrong and SYMMETRY_FLOORS < change.floors <= NEAR_FLOORS
        if near:
            change = self._against_noise(output, families)
        self.restore([name for family in families for name in self.touched(family)])
        seconds = self.clock() - start
        least = min((m for m in moved if m is not None), default=None)
        row = self.row(check, label, change, least, passes, seconds, wrong)
        count = sum(map(self.bytes_of, families))
        if near:
            row = replace(row, note="against the floor where the element leads, too")
        return replace(
            row, families=len(families), action_seconds=acting, action_bytes=count
        )

    def _against_noise(self, output: tuple[Tensor, ...], families: Families) -> Change:
        """The residual in floors of this point, too: rounding may weigh more where g leads.

        The largest of several, since of few outputs one sample may be small by chance.
        """
        noise = [0.0] * len(output)
        with self.extra_passes():
            for number in range(NEAR_SAMPLES):
                self.nudge(f"floor there {number} ")
                noise = [max(pair) for pair in zip(noise, self.sizes(self.output(), output))]
                self.restore(self.free)
                for family in families:
                    self.act(family)
        changed = self.residual(output).changed
        return self.worst(self.sizes(output, self.base), noise)._replace(changed=changed)

    def control(self, families: Families) -> Change | None:
        """The output's change when what the families move is moved at random; None: nothing is.

        Entry by entry by a small part of D, with a random sign. D is what the elements add to the
        parameters; of planted failures, what they add beyond the right ones.
        """
        names = dict.fromkeys(
            self.names[name][0] for family in families
            for name in (*self.touched(family), *self.touched(self._drawn_as(family)))
        )
        rights = [family["right"] for family in families if "right" in family]
        for family in families:
            self.act(family)
        there: dict[str, Tensor] = {}
        if rights:
            there = {name: self.parameters[name].clone() for name in names}
            self.restore(list(names))
            for family in rights:
                self.act(family)
        moves = False
        for name in names:
            parameter = self.parameters[name]
            first = there.pop(name) if rights else parameter.clone()
            second = parameter.clone() if rights else None
            self.restore([name])
            d = first - (parameter if second is None else second)
            # less than this is the rounding of the moves
            d[d.abs() <= 16 * torch.finfo(self.dtype).eps * parameter.abs().clamp(
                min=self._rms(name))] = 0
            moves = moves or bool(d.any())
            rng = seeded(self.device, self.seed_here, "control " + name)
            by = torch.rand(d.shape, generator=rng, device=self.device, dtype=torch.float32) - 0.5
            by = (by + 0.5 * by.sign()) * CONTROL.get(self.dtype, 1.0)
            parameter.add_(d.mul_(by.to(self.dtype)))
        change = None
        if moves:
            with self.extra_passes():
                change = self.residual(self.output())
        self.restore(list(names))
        return change

    # -- generators -------------------------------------------------------------------------------

    def derivative(self, check: str, label: str, families: Families, wrong: bool = False) -> Row:
        """max |J X| / max |y| for a random generator X of all the families together.

        X is scaled to max_T |X_T| / |T| = 1. Of families whose tangents would be too large, as
        many as fit are taken, and the row says how many; none is taken if the first does not fit.
        """
        start = self.clock()
        chosen = self._with_small_tangents(families)
        if not chosen:
            why = "the tangent is too large beside the model"
            return self.row(check, label, None, None, 0, self.clock() - start, wrong, why)
        tangents: dict[str, Tensor] = {}
        for family in chosen:
            for name, tangent in self.tangents(family).items():
                tangents[name] = tangents[name].add_(tangent) if name in tangents else tangent
        change, why = self.product(tangents, again=not wrong)
        seconds = self.clock() - start
        note = ""
        if change is not None:
            note, why = why, ""
        if len(chosen) < len(families):
            note = f"{note}; " if note else ""
            note += f"{len(chosen)} of {len(families)} families: the tangents of all are too large"
        row = self.row(check, label, change, None, JVP_PASSES, seconds, wrong, why)
        return replace(row, families=len(chosen), note=note)

    def derivative_control(self, family: Mapping[str, Any]) -> Change | None:
        """max |J D| / max |y|, D the wrong generator less the right one, times random factors."""
        tangents = self.tangents(family)
        for name, tangent in self.tangents(family["right"]).items():
            tangents[name] = tangents[name].sub_(tangent) if name in tangents else -tangent
        for name, tangent in tangents.items():
            rng = seeded(self.device, self.seed_here, "control " + name)
            by = torch.rand(tangent.shape, generator=rng, device=self.device) - 0.5
            tangent.mul_((by + 0.5 * by.sign()).to(tangent.dtype))
        if not any(bool(tangent.any()) for tangent in tangents.values()):
            return None
        with self.extra_passes():
            return self.product(tangents)[0]

    def product(
        self, tangents: dict[str, Tensor], again: bool = False
    ) -> tuple[Change | None, str]:
        """J X of the tangents, scaled, and how it was made; None, and why there is none."""
        largest_part = largest(
            self._norm(tangent) / (self.scale_of(name) * math.sqrt(tangent.numel()))
            for name, tangent in tangents.items()
        ) or 1.0
        names = list(tangents)
        primals = tuple(self.parameters[name] for name in names)
        vectors = tuple(tangents.pop(n).div_(largest_part).to(self.dtype) for n in names)
        values, note = self.jvp(names, primals, vectors)
        self.passes += JVP_PASSES
        if values is None:
            return None, note
        sizes = [float(v.abs().max()) / scale for v, scale in zip(values, self.scales)]
        change = self.worst(sizes)
        if again and SYMMETRY_FLOORS < change.floors <= NEAR_FLOORS:
            noise = [0.0] * len(values)
            with self.extra_passes():
                for number in range(NEAR_SAMPLES):  # the same X, every parameter off by one ulp
                    self.nudge(f"floor of a derivative {number} ")
                    there, _ = self.jvp(names, primals, vectors)
                    self.passes += JVP_PASSES
                    self.restore(self.free)
                    off = [float((a - b).abs().max()) for a, b in zip(there or values, values)]
                    noise = [max(n, x / s) for n, x, s in zip(noise, off, self.scales)]
            change = self.worst(sizes, noise)
        return change, note

    def _norm(self, tensor: Tensor) -> float:
        return float(torch.linalg.vector_norm(tensor, dtype=torch.float64))

    def tangents(self, family: Mapping[str, Any]) -> dict[str, Tensor]:
        """A random generator of the family, as the tangents of the parameters that it moves."""
        like = self._drawn_as(family)
        rng = seeded(self.device, self.seed_here, "generator " + like["label"])
        back = onto_slices(self.parameters, family)
        generator = random_generator(family["element"], self.unit_of(like), rng)
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
        left = self.bytes_to_spare()
        chosen = []
        for family in families:
            left -= sum(self.parameters[name].numel() * wide for name in set(self.touched(family)))
            if left < 0:
                break
            chosen.append(family)
        return chosen

    def bytes_to_spare(self) -> int:
        """What may be held beside the model."""
        return max(TANGENT_BYTES, self.parameter_bytes() // 4)

    def parameter_bytes(self) -> int:
        """Bytes of all parameters, each counted once."""
        own = {id(p): p.numel() * p.element_size() for p in self.module.parameters()}
        return sum(own.values())

    def jvp(
        self, names: list[str], primals: tuple[Tensor, ...], vectors: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...] | None, str]:
        """Forward mode; two reverse passes where an op has no forward derivative.

        The parameters themselves carry the tangents: a function may read them by another way
        than their names in the module.
        """
        own = dict(self.module.named_parameters(remove_duplicate=False))
        free = [own[name] for name in names]
        with self.exact_casts(), quiet():
            try:
                with torch.no_grad(), forward_ad.dual_level():
                    for parameter, primal, vector in zip(free, primals, vectors):
                        parameter.copy_(forward_ad.make_dual(primal, vector))
                    pairs = [forward_ad.unpack_dual(tensor) for tensor in self.values()]
                    return tuple(
                        torch.zeros_like(primal) if tangent is None else tangent.clone()
                        for primal, tangent in pairs
                    ), ""
            except (NotImplementedError, RuntimeError):
                pass
            try:
                for parameter in free:
                    parameter.requires_grad_(True)
                found = self.by_two_reverse_passes(free, vectors)
                return found, "double backward: an op has no forward derivative"
            except (NotImplementedError, RuntimeError) as error:
                print(f"no derivative: {error}", file=sys.stderr)
                return None, "an op has no derivative"
            finally:
                self.module.requires_grad_(False)

    def values(self) -> tuple[Tensor, ...]:
        """The outputs; what the pass writes into statistics goes to copies of them."""
        held = {name: buffer.clone() for name, (_, buffer) in self.buffers.items()}
        value = torch.func.functional_call(self.module, held, self.args, self.kwargs)
        return tuple(tensor for _, tensor in select(value, self.record)[0])

    def by_two_reverse_passes(
        self, free: list[torch.nn.Parameter], vectors: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """J X, as the derivative of v -> (J^T v) X."""
        values = self.values()
        weights = [torch.ones_like(value, requires_grad=True) for value in values]
        moving = [(y, v) for y, v in zip(values, weights) if y.requires_grad]
        if not moving:
            return tuple(torch.zeros_like(v) for v in weights)
        ys, vs = zip(*moving)
        rows = torch.autograd.grad(ys, free, vs, create_graph=True, allow_unused=True)
        pairs = [(g, x) for g, x in zip(rows, vectors) if g is not None and g.requires_grad]
        if not pairs:
            return tuple(torch.zeros_like(v) for v in weights)
        found = torch.autograd.grad(
            [g for g, _ in pairs], weights, [x for _, x in pairs], allow_unused=True)
        return tuple(
            torch.zeros_like(v) if d is None else d for d, v in zip(found, weights))

    # -- rows -------------------------------------------------------------------------------------

    def row(
        self,
        check: str,
        label: str,
        change: Change | None,
        moved: float | None,
        passes: int,
        seconds: float,
        wrong: bool,
        untested: str = "",
    ) -> Row:
        """Judges a change: a symmetry within 10 floors, a wrong one above its limit."""
        limit = PLANTED_FLOORS.get(self.dtype) if wrong else SYMMETRY_FLOORS
        ok = None
        if change is not None and limit is not None:
            ok = change.floors > limit if wrong else change.floors <= limit
        residual, floors, changed = (None, None, None) if change is None else change
        numbers = (residual, floors, limit, moved, passes, seconds, seconds / self.unit)
        return Row(
            check, label, 1, wrong, *numbers, ok, draw=self.at, changed=changed, untested=untested
        )
