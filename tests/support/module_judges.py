"""Four judges of a derivation of a random module, none of which trusts the deriver.

1. `redundancy`, `orbit` and `unread` against the float64 Jacobian: rows at inputs of several
   sizes, so that rare branches are met; parameters are set in place, so that a function that reads
   them by another way than the module's names is seen. The largest rank over draws counts, where
   its gap is clear; what is unexplained on one cell is so on those of other seeds.
2. `drift`: every output is unchanged under sampled group elements, at inputs of several sizes.
3. `check`: the generated check never fails on a right derivation, and fails on a broken one.
4. `verify` has the derivation's verdict, recognises the module captured once more, and accepts no
   changed fact beside the certificate in silence.

Besides: no exception that is not one of symgauge.errors, none that says refuted, and no capture
that the package itself finds to be another function.
"""

import contextlib
import copy
import io
import json
import random
import signal
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from random_modules import VOCABULARY, RandomModule
from safetensors.torch import save_file
from singular_values import fresh, rank_and_gap
from torch import Tensor, nn

from symgauge.capture import Target, load_target
from symgauge.checks import actions
from symgauge.derivation.derive import derive_target
from symgauge.derivation.derivation import Derivation
from symgauge.derivation.seal import sealed
from symgauge.errors import BadInputError, InconsistentError, UndecidedError
from symgauge.program.lower import is_piecewise
from symgauge.verdict import Verdict

#: The widest gap of the singular values must be at least this.
CLEAR = 1e5
#: Sizes of the inputs in turn: those at which rare branches are taken are among them.
SIZES = (1.0, 3.0, 10.0, 1.0, 30.0)
#: Draws of the parameters: (their size, the sizes of the inputs).
DRAWS = ((0.7, SIZES), (1.5, SIZES), (0.7, (1.0,)))
#: An entry of a row of length 1 above this is no rounding: its coordinate is read.
SEEN = 1e-9
#: Draws before a rank is said to be below the true one: cells may be rare.
PATIENCE = 300
#: The largest change of an output beside its size, in float64.
DRIFT = 1e-6
CHECK_SEEDS = range(5)
#: Moves that are left out, one at a time, before a check that has to see it.
MOVES = 6


class Outcome(NamedTuple):
    """What became of one module: words for the tally, and the failures with their sentences."""

    tally: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]


# -- 1: the rank ---------------------------------------------------------------------------------


def leaves(value: Any) -> list[Tensor]:
    """The floating tensors of an output that count, in order."""
    if type(value).__module__.startswith("transformers.") and hasattr(value, "logits"):
        value = value.logits
    found = torch.utils._pytree.tree_leaves(value)
    return [x for x in found if isinstance(x, Tensor) and x.is_floating_point()]


def rows_at(
    module: nn.Module, example: Sequence[Tensor], generator: torch.Generator, scale: float,
    sizes: Sequence[float], count: int,
) -> Tensor:
    """`count` rows v^T d f / d theta at one theta, each at an input and v of its own, length 1."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    with torch.no_grad():
        for p in parameters:
            p.copy_(scale * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    rows = []
    for k in range(count):
        inputs = [
            sizes[k % len(sizes)] * y if y.is_floating_point() else y
            for y in (fresh(x, VOCABULARY, generator) for x in example)
        ]
        outputs = leaves(module(*inputs))
        weights = [torch.randn(y.shape, generator=generator, dtype=y.dtype) for y in outputs]
        pairs = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
        if not pairs:
            rows.append(torch.zeros(sum(p.numel() for p in parameters), dtype=torch.float64))
            continue
        value = torch.stack([(y * w).sum() for y, w in pairs]).sum()
        found = torch.autograd.grad(value, parameters, allow_unused=True)
        row = torch.cat([
            torch.zeros_like(p).flatten() if g is None else g.flatten()
            for g, p in zip(found, parameters, strict=True)
        ])
        length = row.norm()
        if length.isfinite():
            rows.append(row / length if length > 0 else row)
    if len(rows) < count / 2:
        return torch.full((1, 1), torch.nan)
    return torch.stack(rows)


class Referee:
    """The largest clear rank over draws that are added as they are asked for."""

    def __init__(self, module: nn.Module, example: Sequence[Tensor]) -> None:
        self.module, self.example = module.double(), example
        self.total = sum(p.numel() for p in self.module.parameters() if p.requires_grad)
        self.rank, self.unclear, self.draws = -1, -1, 0
        self.read = torch.zeros(self.total, dtype=torch.bool)

    def more(self) -> None:
        """One draw more."""
        scale, sizes = DRAWS[self.draws % len(DRAWS)]
        generator = torch.Generator().manual_seed(self.draws)
        self.draws += 1
        state = copy.deepcopy(self.module.state_dict())
        matrix = rows_at(
            self.module, self.example, generator, scale, sizes, 2 * self.total + 16)
        self.module.load_state_dict(state)
        rank, gap = rank_and_gap(matrix)
        if matrix.shape[1] == self.total:
            self.read |= (matrix.abs() > SEEN).any(0)
        if gap >= CLEAR:
            self.rank = max(self.rank, rank)
        else:
            self.unclear = max(self.unclear, rank)

    @property
    def clear(self) -> bool:
        """Whether some draw had a clear gap, and none without one may have a larger rank."""
        return self.rank >= max(0, self.unclear)

    @property
    def unread(self) -> int:
        """Coordinates of which no output was seen to depend."""
        return int((~self.read).sum())

    @property
    def redundancy(self) -> int:
        return self.total - self.rank


def judge_rank(
    module: nn.Module, example: Sequence[Tensor], found: Derivation
) -> tuple[str, list[tuple[str, str]]]:
    """The referee's words for the tally, and what contradicts its rank."""
    mine, orbit = found.redundancy + found.unread, found.orbit_dimension + found.unread
    proved = found.verdict is Verdict.PROVED
    referee = Referee(module, example)
    if found.parameters + found.unread != referee.total:
        return "compared", [("count", f"{found.parameters} + {found.unread} parameters of "
                                      f"{referee.total}")]
    for _ in DRAWS:
        referee.more()
    while referee.redundancy > mine and proved and referee.draws < PATIENCE:
        # few draws of the parameters may all lie in poor cells
        referee.more()
    failures = []
    if found.unread > referee.unread:
        failures.append(("unread", f"{found.unread} said to be unread, of which at least "
                                   f"{found.unread - referee.unread} are read"))
    if not referee.clear:
        return "no clear gap", failures
    if orbit > referee.redundancy:
        failures.append(("orbit", f"orbit {found.orbit_dimension} + {found.unread} unread > "
                                  f"{referee.redundancy}"))
    if proved and mine != referee.redundancy:
        failures.append(("redundancy", f"PROVED {found.redundancy} + {found.unread} unread, not "
                                       f"{referee.redundancy}"))
    return "compared", failures


def judge_cell(found: Derivation, target: Target) -> list[tuple[str, str]]:
    """What is left unexplained is not the fault of a poor cell: other seeds leave as much."""
    if not found.unexplained or not is_piecewise(found.network()):
        return []
    others = []
    for seed in (1, 2):
        with contextlib.suppress(UndecidedError):
            others.append(derive_target(target, seed=seed).redundancy)
    if min(others, default=found.redundancy) >= found.redundancy:
        return []
    return [("cell", f"redundancy {found.redundancy} with {found.unexplained} unexplained, "
                     f"{min(others)} at another seed")]


# -- 2: the drift --------------------------------------------------------------------------------


def drift(
    module: nn.Module, example: Sequence[Tensor], before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> float:
    """The largest relative change of an output between two states, inputs of three sizes."""
    worst = 0.0
    for k, size in enumerate((1.0, 4.0, 16.0)):
        generator = torch.Generator().manual_seed(k)
        inputs = [
            size * y if y.is_floating_point() else y
            for y in (fresh(x, VOCABULARY, generator) for x in example)
        ]
        outputs = []
        for state in (before, after):
            module.load_state_dict(state)
            with torch.no_grad():
                outputs.append(leaves(module(*inputs)))
        module.load_state_dict(before)
        for old, new in zip(*outputs, strict=True):
            # where numbers overflow nothing is compared
            if old.isfinite().all():
                size = max(float(old.abs().max()), 1e-30)
                change = float((new - old).abs().max()) / size
                worst = max(worst, change if change == change else 1e300)
    return worst


def judge_drift(
    module: nn.Module, example: Sequence[Tensor], found: Derivation
) -> list[tuple[str, str]]:
    """No sampled element changes the function; the element's inverse leads back."""
    module = module.double()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    failures = []
    for seed in range(3):
        element = found.sample(seed, before)
        after = element.apply(before)
        change = drift(module, example, before, after)
        if not change < DRIFT:
            failures.append(("drift", f"element {seed} changes the function by {change:.1e}"))
        back = element.inverse().apply(after)
        wrong = max((
            float((back[n] - x).abs().max() / torch.cat([x, after[n]]).abs().max().clamp(min=1e-30))
            for n, x in before.items() if x.is_floating_point() and x.dim()), default=0.0)
        if not wrong < DRIFT:
            failures.append(("inverse", f"element {seed}: the inverse misses by {wrong:.1e}"))
    return failures


# -- 3: the check --------------------------------------------------------------------------------


def check_of(found: Derivation) -> dict[str, Any]:
    """The generated check, loaded as a module."""
    module = types.ModuleType("generated_check")
    sys.modules[module.__name__] = module  # dataclasses look it up
    exec(compile(found.check_text(), "<generated check>", "exec"), module.__dict__)
    if hasattr(module, "copy_speed"):
        module.__dict__["copy_speed"] = lambda device: 1.0  # it takes long, and judges nothing
    return module.__dict__


def run_check(
    space: Mapping[str, Any], seed: int, record: Any = None, checkpoint: str | None = None
) -> Any:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return space["run"](
            record or space["RECORD"], space["CHECKS"], seed=seed, checkpoint=checkpoint)


def failed_when_fresh(module: nn.Module, space: Mapping[str, Any]) -> str:
    """What the check says to fail where biases are 0 and gains are 1."""
    state = {n: v.detach().clone() for n, v in module.state_dict().items()}
    for name, p in module.named_parameters():
        if p.dim() == 1 and name.endswith(("b", "bias")):
            state[name].zero_()
        elif p.dim() == 1 and name.endswith(("g", ".weight")):
            state[name].fill_(1.0)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/fresh.safetensors"
        save_file(state, path)
        try:
            result = run_check(space, 0, checkpoint=path)
        except Exception as error:
            if type(error).__name__ == "BadInput":
                return ""
            raise
    return ", ".join(r["label"] for r in result["rows"] if r["ok"] is False)


def broken(
    module: nn.Module, example: Sequence[Tensor], found: Derivation
) -> Iterator[tuple[int, int]]:
    """Families whose element without one of its moves changes the function by much."""
    before = {k: v.clone() for k, v in module.state_dict().items()}
    shapes = {n: list(v.shape) for n, v in before.items()}
    for i, family in enumerate(found.data["generators"]):
        if family["element"]["kind"] == "other" or len(family["action"]) < 2:
            continue
        for j in range(len(family["action"])):
            action = [m for k, m in enumerate(family["action"]) if k != j]
            part = [{**family, "action": action, "full": None}]
            arrays = {n: v.numpy() for n, v in before.items()}
            element = actions.sample(part, shapes, 0)
            moved = actions.apply(part, element, arrays)
            after = {n: torch.from_numpy(v.copy()) for n, v in moved.items()}
            if drift(module, example, before, after) > 1e-2:
                yield i, j


def judge_check(
    module: nn.Module, example: Sequence[Tensor], found: Derivation
) -> list[tuple[str, str]]:
    """The check passes at every seed, and fails where a move of a family is left out."""
    if not any(f.element.kind.is_finite for f in found.generators):
        return []
    space = check_of(found)
    failures = []
    for seed in CHECK_SEEDS:
        try:
            result = run_check(space, seed)
        except Exception as error:
            if type(error).__name__ == "BadInput":
                continue
            raise
        if result["ok"] is False:
            bad = [r["label"] for r in result["rows"] if r["ok"] is False]
            failures.append(("check", f"FAILED at seed {seed}: {', '.join(bad)}"))
            break
    wrong = failed_when_fresh(module, space)
    if wrong:
        failures.append(("fresh", f"FAILED at weights as after initialisation: {wrong}"))
    for i, j in [*broken(module.double(), example, found)][:MOVES]:
        record = copy.deepcopy(space["RECORD"])
        family = record["families"][i]["small"]
        del family["action"][j]
        results = []
        for seed in CHECK_SEEDS:
            with contextlib.suppress(Exception):
                results.append(run_check(space, seed, record)["ok"])
            if False in results:
                break
        if results and all(ok is True for ok in results):
            failures.append(("blind", f"the check passes without move {j} of family {i}"))
            break
    return failures


# -- 4: verify -----------------------------------------------------------------------------------


#: Facts beside the certificate, changed to others that nothing bears out: `verify` rejects them,
#: or says that it leaves them out. An entry that is missing from a list makes no sentence false.
CHANGES: dict[str, Callable[[Any], Any]] = {
    "notes": lambda notes: [*notes, "every permutation of the inputs is a symmetry too"],
    "discrete": lambda found: [*found, {
        "label": "permutations of the 9 indices shared by w", "group": "S_9", "order": 362880,
        "status": "checked"}],
    "observable": lambda _: "probabilities",
    "output": lambda _: "another",
    "sizes": lambda sizes: {**sizes, "seed": -1},
    "full_sizes": lambda _: {"seed": -1},
    "planted": lambda found: [*found, {"family": 0, "label": "all", "kind": "invented"}],
}


def judge_verify(found: Derivation, target: Target) -> list[tuple[str, str]]:
    """`verify`, also with its target, has the derivation's verdict; a changed fact has none."""
    result = found.verify()
    if result.verdict is not found.verdict:
        return [("verify", f"{found.verdict.name}, verified as {result.verdict.name}: "
                           f"{'; '.join(result.reasons)}")]
    again = found.verify(target)
    if again.verdict is not found.verdict:
        return [("target", f"{found.verdict.name}, and its own module is said to be another: "
                           f"{'; '.join(again.reasons)}")]
    key = random.Random(str(found.sizes)).choice(list(CHANGES))
    changed = CHANGES[key](found.data[key])
    if changed != found.data[key]:
        result = Derivation.from_plain(sealed({**found.data, key: changed})).verify()
        if result.verdict is Verdict.PROVED and key not in json.dumps(result.to_json()):
            return [("side", f"{key} = {changed!r:.80} is accepted without a word")]
    return []


# -- all -----------------------------------------------------------------------------------------


def _zoo(name: str) -> Any:
    raise BadInputError(name)


class TooSlow(BaseException):
    """The processor seconds for one module are over."""


def _too_slow(*_: object) -> None:
    raise TooSlow


def judge(seed: int, kind: str = "", limit: float = 6.0) -> Outcome:
    """Every judge of the module of a seed, within `limit` seconds of the processor."""
    before = signal.signal(signal.SIGVTALRM, _too_slow)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, limit)
        return _judged(seed, kind)
    except TooSlow:
        return Outcome(("too slow",), ())
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def _judged(seed: int, kind: str) -> Outcome:
    sizes = {"seed": str(seed)} | ({"kind": kind} if kind else {})
    target = load_target("random_modules:factory", _zoo, sizes)
    try:
        found = derive_target(target)
    except UndecidedError as error:
        return Outcome(("refused", f"refused: {_kind_of(str(error))}"), ())
    except InconsistentError as error:
        return Outcome(("refused", "wrong: inconsistent"), (("inconsistent", str(error)[:200]),))
    except BadInputError as error:
        words = " ".join(str(error).split())
        if "differs from the module" in words:
            return Outcome(("refused", "wrong: fidelity"), (("fidelity", words[:200]),))
        return Outcome(("refused", f"refused: {_kind_of(words)}"), ())
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        return Outcome(("refused", "wrong: crash"), (("crash", words[:200]),))
    module, example, _ = target.build()
    assert isinstance(module, RandomModule)
    tally = ["derived", found.verdict.name]
    failures: list[tuple[str, str]] = []
    held = [sentence for sentence in found.about if "held at the example" in sentence]
    if held:
        # all that the modules do with ids is understood for all of them
        return Outcome((*tally, "wrong: held"), (("held", held[0]),))
    try:
        word, wrong = judge_rank(module, example, found)
        tally.append(word)
        failures += wrong
        failures += judge_cell(found, target)
        failures += judge_drift(module, example, found)
        failures += judge_verify(found, target)
        if not failures:
            # a check of something false may well fail
            failures += judge_check(module, example, found)
    except Exception as error:
        failures.append(("crash", f"{type(error).__name__}: {error}"[:200]))
    tally += [f"wrong: {name}" for name in dict.fromkeys(n for n, _ in failures)]
    return Outcome(tuple(tally), tuple(failures))


def _kind_of(sentence: str) -> str:
    """The start of a refusal without the module's own names."""
    parts = sentence.split(": ") if ": " in sentence else sentence.split(" uses ")
    return parts[-1][:60]
