"""What the checks ask of a model: the families moved, and how the outputs change."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from typing import Literal, cast

import torch
from torch import Tensor

from symgauge.checks.runtime.derivative import JVP_PASSES, NEAR_FLOORS, NEAR_SAMPLES, Derivative
from symgauge.checks.runtime.device import peak_memory
from symgauge.checks.runtime.elements import Element, random_element, random_generator
from symgauge.checks.runtime.moves import (
    block, carry_back, divides_by_zero, located, moves_back, off_slices, onto_slices, part_of,
    places, read_by, scales_from_zero, traffic,
)
from symgauge.checks.runtime.pieces import cuts, piece
from symgauge.checks.runtime.point import Point
from symgauge.checks.runtime.randomness import TorchNumbers
from symgauge.checks.runtime.record import BadInput, seeded
from symgauge.checks.runtime.rows import (
    PLANTED_FLOORS, SYMMETRY_FLOORS, Change, Families, Measured, Row, label_of,
)
from symgauge.checks.runtime.subject import CheckRecord, FamilyAtSizes, SizeName, Examined
from symgauge.plain import PlainFamily, PlainMove, PlainSlice

# of the move that it scrambles: small, since a large one revives dead units that no scaling does
CONTROL = {torch.float64: 2.0**-10, torch.float32: 2.0**-5}
FULL_SIZE_PASSES = 3  # base, floor, all symmetries at once


def labelled(family: FamilyAtSizes, size: SizeName) -> Examined | None:
    """A family at one size under its label there; None where it has no finite action."""
    here = family[size]
    if here is None:
        return None
    found: PlainFamily = {**here, "label": here.get("label", family["label"])}
    return cast(Examined, found)


class Bench:
    """The families of one record on the model at one point."""

    def __init__(
        self,
        record: CheckRecord,
        size: SizeName,
        seed: int,
        dtype: torch.dtype,
        device: torch.device,
        checkpoint: str | None,
    ) -> None:
        self.record = record
        self.point = Point(record, size, seed, dtype, device, checkpoint)
        self.families = self._at_this_size("families")
        self.planted = self._at_this_size("planted")
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
        self.derivatives = Derivative(self.point)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def _at_this_size(self, which: Literal["families", "planted"]) -> Families:
        """The families with a finite action at this size, each verified to fit the module.

        A planted failure knows the `right` family that it was made from.
        """
        found = []
        for family in self.record[which]:
            entry = labelled(family, self.point.size)
            if entry is None:
                continue
            slices = entry.get("via", ())
            for move in (m for part in (entry, *slices) for m in part["action"]):
                self._fits(family["label"], move)
            for through in slices:
                self._fits_slice(family["label"], through)
            entry.setdefault("class", entry["label"])
            if family.get("family") is not None:
                right = labelled(self.record["families"][family["family"]], self.point.size)
                assert right is not None  # a wrong family is made at the sizes of the right one
                entry["right"] = right
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
        return ordinary + JVP_PASSES * products + self.point.extra

    def wrong_generators(self) -> Families:
        """The planted failures whose generator is wrong, not their finite action alone."""
        return [f for f in self.planted if not f.get("same_generator")]

    def _fits(self, label: str, move: PlainMove) -> None:
        for name in (move["parameter"], *read_by(move)):
            if name not in self.point.shapes:
                raise BadInput(
                    f"family {json.dumps(label)} moves {json.dumps(name)}, "
                    "which is no parameter of the module"
                )
        if move.get("at") is not None:
            try:
                at: Literal["source", "parameter"] = (
                    "source" if move["form"] == "+Tc" else "parameter")
                block(part_of(self.point.shapes, move, at), located(move))
            except (ValueError, IndexError) as error:
                raise BadInput(
                    f"family {json.dumps(label)} does not fit the shape of "
                    f"{json.dumps(move['parameter'])} at these sizes"
                ) from error

    def _fits_slice(self, label: str, through: PlainSlice) -> None:
        element, name = through["element"], through["parameter"]
        if math.prod([*element["copies"], element["size"]]) != self.point.shapes[name].numel():
            raise BadInput(
                f"family {json.dumps(label)} does not fit the shape of {json.dumps(name)} "
                "at these sizes"
            )

    def _zero_entry(self, family: Examined) -> str | None:
        """The parameter with an entry of 0 at which a scaling to the family's slices starts.

        Or one that the family divides by.
        """
        divisors = (divides_by_zero(move, self.point.values) for move in family["action"])
        slices = (
            through["parameter"] for through in family.get("via", ())
            if scales_from_zero(through, self.point.values))
        return next((name for name in (*divisors, *slices) if name is not None), None)

    def not_checked(self) -> dict[str, str]:
        """Families that have no finite action at this size, or at this point, and why."""
        none = {
            f["label"]: f"no finite action at the {self.point.size} size"
            for f in self.record["families"] if f[self.point.size] is None
        }
        return none | {
            label: f"{name} has an entry that is 0, where its action is not defined"
            for label, name in self.unreachable.items()
        }

    def unit_of(self, family: Examined) -> float:
        """The scale of a translation: the typical entry of the first tensor it shifts.

        The median, since on a slice that divides by small entries a few large ones would set any
        mean, and the shift would be large beside all the others. Of a centred 1 + u 1^T: such that
        the first tensor that it turns moves by a part of itself, whatever its sum, and at most 1.
        """
        for move in family["action"]:
            if "line" in family["element"]["parts"] and move["form"] == "g":
                here = part_of(self.point.values, move)
                view = block(here, located(move)).to(torch.float64)
                _, along = places(located(move))
                size = float(torch.linalg.vector_norm(view))
                total = float(torch.linalg.vector_norm(view.sum(along)))
                return min(1.0, size / (2 * total)) if total else 1.0
            if move["form"] == "+c":
                here = part_of(self.point.values, move)
                view = here if move.get("at") is None else block(here, located(move))
                middle = float(piece(view, next(cuts(view))).abs().median())
                return middle or self.point.scale_of(move["parameter"])
        return 1.0

    def _drawn_as(self, family: Examined) -> Examined:
        """A planted failure takes the element of the family that it was made from."""
        right: Examined = family.get("right") or family
        return right

    def act(self, family: Examined) -> float | None:
        """Applies a random element in place; the least relative change among its moves."""
        like = self._drawn_as(family)
        rng = seeded(self.point.device, self.point.seed_here, "element " + like["label"])
        back = onto_slices(self.point.values, family, self._on_slices)
        element = random_element(family["element"], self.unit_of(like), TorchNumbers(rng))
        apply, parameters = self.point.layout.apply, self.point.parameters
        moved = [apply(parameters, move, element) for move in family["action"]]
        off_slices(family, back, self._on_slices)
        least = min(moved, default=0.0)
        return None if math.isinf(least) else least  # every tensor it touches is zero

    def _on_slices(self, move: PlainMove, element: Element) -> None:
        self.point.layout.apply(self.point.parameters, move, element, measured=False)

    def touched(self, family: Examined) -> list[str]:
        """The parameters that a family's action changes, on the way to its slices included."""
        return [move["parameter"] for move in (*family["action"], *self.via(family))]

    def via(self, family: Examined) -> list[PlainMove]:
        """The moves that lead to a family's slices, and back again."""
        return [move for through in family.get("via", ()) for move in moves_back(through)]

    def bytes_of(self, family: Examined) -> int:
        """What the action on the parameters reads and writes."""
        there = [traffic(self.point.shapes, move) for move in family["action"]]
        ways = [traffic(self.point.shapes, move) for move in self.via(family)]
        return sum(there) + 2 * sum(ways)

    def difference(self, check: str, label: str, families: Families, wrong: bool = False) -> Row:
        """One pass with random elements of the families applied; the parameters are put back."""
        start, first = self.point.clock(), self.point.passes
        moved = [self.act(family) for family in families]
        acting = self.point.clock() - start
        output = self.point.output()
        change = self.point.residual(output)
        passes = self.point.passes - first
        near = not wrong and SYMMETRY_FLOORS < change.floors <= NEAR_FLOORS
        if near:
            change = self._against_noise(output, families)
        self.point.restore([name for family in families for name in self.touched(family)])
        seconds = self.point.clock() - start
        least = min((m for m in moved if m is not None), default=None)
        row = self.row(check, label, Measured(change, least, passes, seconds), wrong)
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
        with self.point.extra_passes():
            for number in range(NEAR_SAMPLES):
                self.point.nudge(f"floor there {number} ")
                off = self.point.sizes(self.point.output(), output)
                noise = [max(pair) for pair in zip(noise, off)]
                self.point.restore(self.point.free)
                for family in families:
                    self.act(family)
        changed = self.point.residual(output).changed
        sizes = self.point.sizes(output, self.point.base)
        return self.point.worst(sizes, noise)._replace(changed=changed)

    def control(self, families: Families) -> Change | None:
        """The output's change when what the families move is moved at random; None: nothing is.

        Entry by entry by a small part of D, with a random sign. D is what the elements add to the
        parameters; of planted failures, what they add beyond the right ones.
        """
        names = dict.fromkeys(
            self.point.names[name][0] for family in families
            for name in (*self.touched(family), *self.touched(self._drawn_as(family)))
        )
        rights = [family["right"] for family in families if "right" in family]
        for family in families:
            self.act(family)
        there: dict[str, Tensor] = {}
        if rights:
            there = {name: self.point.layout.local(self.point.parameters[name]).clone()
                     for name in names}
            self.point.restore(list(names))
            for family in rights:
                self.act(family)
        moves = False
        for name in names:
            here = self.point.layout.local(self.point.parameters[name])
            first = there.pop(name) if rights else here.clone()
            second = here.clone() if rights else None
            self.point.restore([name])
            d = first - (here if second is None else second)
            # less than this is the rounding of the moves
            d[d.abs() <= 16 * torch.finfo(self.point.dtype).eps * here.abs().clamp(
                min=self.point._rms(name))] = 0
            moves = moves or bool(d.any())
            rng = seeded(self.point.device, self.point.seed_here, "control " + name)
            self._at_random(self.point.parameters[name], d, rng, CONTROL.get(self.point.dtype, 1.0))
            here.add_(d)
        moves = self.point.layout.anywhere(moves)
        change = None
        if moves:
            with self.point.extra_passes():
                change = self.point.residual(self.point.output())
        self.point.restore(list(names))
        return change

    def _at_random(
        self, held: Tensor, change: Tensor, rng: torch.Generator, size: float = 1.0
    ) -> None:
        """Times size (u + sign(u)/2), u uniform in [-1/2, 1/2]: a change of a held tensor."""
        for part in self.point.layout.pieces(held):
            by = torch.rand(part.shape, generator=rng, device=self.point.device) - 0.5
            by = part.mine((by + 0.5 * by.sign()) * size)
            change[part.at].mul_(by.to(change.dtype))

    def derivative(self, check: str, label: str, families: Families, wrong: bool = False) -> Row:
        """max |J X| / max |y| for a random generator X of all the families together.

        X is scaled to max_T |X_T| / |T| = 1. Of families whose tangents would be too large, as
        many as fit are taken, and the row says how many; none is taken if the first does not fit.
        """
        start = self.point.clock()
        chosen = self._with_small_tangents(families)
        if not chosen:
            why = "the tangent is too large beside the model"
            seen = Measured(None, None, 0, self.point.clock() - start, why)
            return self.row(check, label, seen, wrong)
        tangents: dict[str, Tensor] = {}
        for family in chosen:
            for name, tangent in self.tangents(family).items():
                tangents[name] = tangents[name].add_(tangent) if name in tangents else tangent
        change, why = self.derivatives.product(tangents, again=not wrong)
        seconds = self.point.clock() - start
        note = ""
        if change is not None:
            note, why = why, ""
        if len(chosen) < len(families):
            note = f"{note}; " if note else ""
            note += f"{len(chosen)} of {len(families)} families: the tangents of all are too large"
        row = self.row(check, label, Measured(change, None, JVP_PASSES, seconds, why), wrong)
        return replace(row, families=len(chosen), note=note)

    def derivative_control(self, family: Examined) -> Change | None:
        """max |J D| / max |y|, D the wrong generator less the right one, times random factors."""
        tangents = self.tangents(family)
        for name, tangent in self.tangents(family["right"]).items():
            tangents[name] = tangents[name].sub_(tangent) if name in tangents else -tangent
        moves = False
        for name, tangent in tangents.items():
            rng = seeded(self.point.device, self.point.seed_here, "control " + name)
            here = self.point.layout.local(tangent)
            self._at_random(tangent, here, rng)
            moves = moves or bool(here.any())
        if not self.point.layout.anywhere(moves):
            return None
        with self.point.extra_passes():
            return self.derivatives.product(tangents)[0]

    def tangents(self, family: Examined) -> dict[str, Tensor]:
        """A random generator of the family, as the tangents of the parameters that it moves."""
        like = self._drawn_as(family)
        rng = seeded(self.point.device, self.point.seed_here, "generator " + like["label"])
        layout, parameters = self.point.layout, self.point.parameters
        back = onto_slices(self.point.values, family, self._on_slices)
        generator = random_generator(family["element"], self.unit_of(like), TorchNumbers(rng))
        tangents: dict[str, Tensor] = {}
        for move in family["action"]:
            layout.vary(tangents, parameters, move, generator)
        carry_back(tangents, parameters, family, back, partial(
            layout.apply, tangents, measured=False))
        if back:
            self.point.restore(self.touched(family))
        return tangents

    def _with_small_tangents(self, families: Families) -> Families:
        """The first of them, as long as their tangents are small beside the model."""
        wide = 8 if self.point.dtype == torch.float64 else 4
        left = self.point.bytes_to_spare()
        chosen = []
        for family in families:
            touched = set(self.touched(family))
            left -= wide * sum(self.point.parameters[name].numel() for name in touched)
            if left < 0:
                break
            chosen.append(family)
        return chosen

    def row(self, check: str, label: str, seen: Measured, wrong: bool) -> Row:
        """Judges a change: a symmetry within 10 floors, a wrong one above its limit."""
        change = seen.change
        limit = PLANTED_FLOORS.get(self.point.dtype) if wrong else SYMMETRY_FLOORS
        ok = None
        if change is not None and limit is not None:
            ok = change.floors > limit if wrong else change.floors <= limit
        residual, floors, changed = (None, None, None) if change is None else change
        numbers = (residual, floors, limit, seen.moved, seen.passes, seen.seconds)
        return Row(
            check, label, 1, wrong, *numbers, seen.seconds / self.point.unit, ok,
            draw=self.point.at, changed=changed, untested=seen.untested,
        )
