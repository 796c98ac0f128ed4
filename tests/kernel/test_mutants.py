"""Faults planted in what derive and verify share: the kernel confirms nothing that they make false.

A mutant replaces functions wherever the package holds them, in memory. Under it a network is
derived (some with a candidate that a search might propose), and verified. The kernel shares no
line with either, so it is left as it is. `python tests/kernel/test_mutants.py` prints the table of
docs/benchmarks/kernel-mutants-2026-11-28.md.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
import pytest
import torch
from certificate_referee import untrue
from kernel_certificates import (
    NETWORKS, NONE_ASSUMED, Data, Derivation, SymgaugeError, Verdict, bent, derive, proposed,
    read_coordinates, verify, with_larger_minor,
)
from lies import exp_and_log_of_one_value
from small_certificates import (
    EXPONENTIAL, OPEN, PICKED, PRODUCT, ROOT, SCALING, SHIFT, SLICED, TWO_FUNCTIONS, TWO_OUTPUTS,
    weights,
)

from symgauge.kernel.check import check

Make = Callable[[Any], Any]


@contextmanager
def planted(patches: dict[str, Make]) -> Iterator[None]:
    """Functions replaced, "name" or "Class.name", in every module of the package but the kernel."""
    import symgauge.derivation  # noqa: F401
    import symgauge.capture  # noqa: F401
    modules = [m for name, m in sorted(sys.modules.items()) if name.startswith("symgauge")
               and not name.startswith("symgauge.kernel")]
    undo: list[tuple[Any, str, Any]] = []
    for target, make in patches.items():
        owner, _, name = target.rpartition(".")
        if owner:
            classes = {id(c): c for m in modules for c in [vars(m).get(owner)]
                       if hasattr(c, name)}
            assert len(classes) == 1, target
            places = [(c, name) for c in classes.values()]
        else:
            found = [m for m in modules if callable(vars(m).get(name))
                     and vars(m)[name].__module__ == m.__name__]
            assert len(found) == 1, (target, found)
            original = vars(found[0])[name]
            places = [(m, k) for m in modules for k, v in list(vars(m).items()) if v is original]
        for place, key in places:
            before = vars(place)[key] if key in vars(place) else getattr(place, key)
            undo.append((place, key, before))
            plain = before.__func__ if isinstance(before, staticmethod) else before
            made = make(plain)
            setattr(place, key, staticmethod(made) if isinstance(before, staticmethod) else made)
    try:
        yield
    finally:
        for place, key, before in reversed(undo):
            setattr(place, key, before)


# -- what is planted ------------------------------------------------------------------------------


def more(by: int) -> Make:
    """An integer that is off by this much."""
    return lambda f: lambda *a, **k: f(*a, **k) + by


def blind(f: Any) -> Any:
    """The last two coordinates are not read."""
    def read(*a: Any, **k: Any) -> Any:
        out = f(*a, **k).copy()
        out[-2:] = False
        return out
    return read


def given(value: Any) -> Make:
    """The same answer to all questions."""
    return lambda f: lambda *a, **k: value


def without_second(f: Any) -> Any:
    """The tangent of a product that forgets its second factor's."""
    def tangent(self: Any, domain: Any, xs: Any, y: Any, dxs: Any, **k: Any) -> Any:
        if dxs[0] is None:
            return domain.zeros(y.shape)
        return f(self, domain, xs, y, [dxs[0], None], **k)
    return tangent


def second_is_zero(f: Any) -> Any:
    """The cotangent that goes with it."""
    def cotangent(*a: Any, **k: Any) -> Any:
        return f(*a, **k)[0], None
    return cotangent


def second_doubled(f: Any) -> Any:
    """Derivatives by the second factor are twice what they are."""
    def tangent(self: Any, domain: Any, xs: Any, y: Any, dxs: Any, **k: Any) -> Any:
        twice = None if dxs[1] is None else domain.scale(dxs[1], Fraction(2))
        return f(self, domain, xs, y, [dxs[0], twice], **k)

    def cotangent(self: Any, domain: Any, xs: Any, y: Any, ct: Any, **k: Any) -> Any:
        a, b = f(self, domain, xs, y, ct, **k)
        return a, domain.scale(b, Fraction(2))
    return tangent if f.__name__ == "tangent" else cotangent


def doubled(f: Any) -> Any:
    """A slope that is twice what it is."""
    return lambda self, domain, *a: domain.scale(f(self, domain, *a), Fraction(2))


def nothing(f: Any) -> Any:
    """A variation or cotangent that is 0."""
    def zero(self: Any, domain: Any, xs: Any, y: Any, *a: Any, **k: Any) -> Any:
        return domain.zeros(y.shape) if f.__name__ == "variation" else (
            domain.zeros((len(a[0]), *xs[0].shape[1:])),)
    return zero


def all_proved(f: Any) -> Any:
    """Everything is proved, by what was written down on the way."""
    def prove(self: Any, *a: Any, **k: Any) -> Any:
        return replace(f(self, *a, **k), verdict=Verdict.PROVED)
    return prove


def every_proof(f: Any) -> Any:
    """Every generator is proved, whatever its family's intertwiners say."""
    return lambda *a, **k: [replace(p, verdict=Verdict.PROVED) for p in f(*a, **k)]


def first_lost(f: Any) -> Any:
    """Cotangents without those of the first parameter."""
    def cotangents(network: Any, domain: Any, *a: Any) -> Any:
        out = f(network, domain, *a)
        name = network.parameters[0].name
        return {**out, name: domain.scale(out[name], Fraction(0))}
    return cotangents


def ones(f: Any) -> Any:
    """Every branch is taken on its positive side."""
    def decided(self: Any, *a: Any) -> Any:
        return np.ones_like(f(self, *a))
    return decided


def one_for_step(f: Any) -> Any:
    """The symbol of a step is the number 1."""
    def step(self: Any, a: Any) -> Any:
        out = np.empty(a.shape, dtype=object)
        out.reshape(-1)[:] = [{(): 1} for _ in range(a.size)]
        return out
    return step


def closed(f: Any) -> Any:
    """A claim whose orbits are taken to explain all."""
    def claim(network: Any, rank: int, orbit: int, *a: Any, **k: Any) -> Any:
        return f(network, rank, int(read_coordinates(network).sum()) - rank, *a, **k)
    return claim


def certain(f: Any) -> Any:
    """A claim without its hypotheses."""
    def claim(network: Any, rank: int, orbit: int, found: Any, *a: Any, **k: Any) -> Any:
        return f(network, rank, orbit, NONE_ASSUMED, *a, **k)
    return claim


def same_tokens(f: Any) -> Any:
    """One token for all draws."""
    def draw(*a: Any, **k: Any) -> Any:
        return {n: np.broadcast_to(v[:1], v.shape).copy() for n, v in f(*a, **k).items()}
    return draw


def opposite(f: Any) -> Any:
    """The wrong sign of a ball."""
    return lambda x: -f(x)


def last_output_lost(f: Any) -> Any:
    """A program that is read without its last output."""
    def read(data: Any, ops: Any) -> Any:
        return f({**data, "outputs": data["outputs"][:1]}, ops)
    return read


# -- what they are planted under ------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """What is planted, the network, and a candidate that a search might propose beside its own."""

    patches: dict[str, Make]
    network: str | Callable[[], Any]
    candidate: Data | Callable[[Derivation], Data] | None = None
    series: bool = False

    def derive(self) -> Data:
        """The certificate."""
        build = NETWORKS[self.network] if isinstance(self.network, str) else self.network
        torch.manual_seed(0)
        found = derive(*build(), name="mutant", series=self.series)
        if self.candidate is None:
            return dict(found.data["certificate"])
        if callable(self.candidate):
            return self.candidate(found)
        return proposed(found, self.candidate)


FORGETS = {"tangent": without_second, "cotangent": second_is_zero}
DOUBLES = {"tangent": second_doubled, "cotangent": second_doubled}


def both(op: str, fault: dict[str, Make]) -> dict[str, Make]:
    """A fault in both derivatives of an op."""
    return {f"{op}.{name}": make for name, make in fault.items()}


MUTANTS: dict[str, Mutant] = {
    # ranks
    "rank_at_point one too low": Mutant({"rank_at_point": more(-1)}, "lin_1h_bottleneck"),
    "rank_at_point one too high": Mutant({"rank_at_point": more(1)}, OPEN),
    "ranks along series one too high": Mutant(
        {"ranks_along": lambda f: lambda *a: [r + 1 for r in f(*a)]}, OPEN, None, True),
    "orbit_rank one too high": Mutant({"orbit_rank": more(1)}, OPEN),
    "sparse_rank one too high": Mutant({"sparse_rank": more(1)}, OPEN),
    "every minor is shown": Mutant({"is_shown": given(True)}, OPEN, with_larger_minor),
    # what is read
    "read_coordinates blind to two": Mutant({"read_coordinates": blind}, "relu_1h_bias"),
    "exp reads nothing": Mutant(
        {"ReadsDomain.exp": lambda f: lambda self, a: np.zeros_like(a)}, EXPONENTIAL),
    "an output is lost": Mutant({"network_from_json": last_output_lost}, TWO_OUTPUTS, SCALING),
    # hypotheses and values
    "assumptions always empty": Mutant(
        {"assumptions": given(NONE_ASSUMED)}, exp_and_log_of_one_value),
    "log taken for exp": Mutant(
        {"ResidueDomain.log": lambda f: lambda self, a: self.exp(a)}, TWO_FUNCTIONS),
    "roots are not settled": Mutant({"settle_roots": given(None)}, "lin_rms_gain_lin_eps0"),
    # derivatives
    "mul forgets its second factor": Mutant(both("Mul", FORGETS), PRODUCT),
    "mul doubles its second factor": Mutant(
        both("Mul", DOUBLES), PRODUCT, weights(2, -1)),
    "matmul forgets its second factor": Mutant(both("Matmul", FORGETS), "lin_1h_bottleneck"),
    "slope of exp doubled": Mutant({"Exp._slope": doubled}, EXPONENTIAL),
    "slope of rsqrt doubled": Mutant({"Rsqrt._slope": doubled}, ROOT, weights(1, 1)),
    "cotangent of take is 0": Mutant({"Take.cotangent": nothing}, PICKED),
    "cotangent of slice is 0": Mutant({"Slice.cotangent": nothing}, SLICED),
    "cotangents of one tensor are 0": Mutant({"cotangents": first_lost}, "lin_1h_bottleneck"),
    "softmax does not vary": Mutant({"Softmax.variation": nothing}, "att_softmax_1h", SHIFT),
    # proofs
    "Prover accepts all": Mutant({"Prover.prove": all_proved}, OPEN, SHIFT),
    "prove_all accepts all": Mutant({"prove_all": every_proof}, OPEN, SHIFT),
    "products of polynomials are 0": Mutant({"Ring.mul": given({})}, OPEN, SHIFT),
    "intertwiners accept all": Mutant({"FamilyProver.prove": all_proved}, "relu_1h_bias", bent),
    "silu taken for homogeneous": Mutant({"Silu.law": lambda f: "homogeneous"}, "swiglu_nobias"),
    # branches and tokens
    "one branch for all": Mutant({"ResidueDomain._decided": ones}, "leaky_1h_nobias"),
    "steps are 1": Mutant(
        {"ResidueDomain._decided": ones, "PolynomialDomain.step": one_for_step},
        "leaky_1h_nobias"),
    "sign of balls wrong": Mutant({"sign": opposite}, "relu_1h_bias"),
    "one token for all": Mutant({"draw_tokens": same_tokens}, "lm_tied_logits"),
    # the claim
    "claims are closed": Mutant({"claim_of": closed}, OPEN),
    "claims have no hypotheses": Mutant({"claim_of": certain}, exp_and_log_of_one_value),
}
QUICK = ("rank_at_point one too low", "rank_at_point one too high",
         "read_coordinates blind to two", "assumptions always empty", "Prover accepts all")


@dataclass(frozen=True)
class Outcome:
    """What came of one mutant. `false`: what the certificate says wrongly; "" without one."""

    refused: str
    false: Sequence[str]
    closed: bool
    verify_notices: bool
    kernel: str
    kernel_says: str


def outcome(mutant: Mutant) -> Outcome:
    """Derived and verified under the mutant; judged by the referee, checked by the kernel."""
    with planted(mutant.patches):
        try:
            data = mutant.derive()
        except (SymgaugeError, AssertionError, ArithmeticError, ValueError) as error:
            return Outcome(f"{type(error).__name__}: {error}", (), False, True, "", "")
        verification = verify(data)
    record = check(data)
    noticed = verification.verdict.value != data["verdict"]
    says = [r for r in record["reasons"] if r.startswith(("the claim", "field", "coordinate"))]
    return Outcome("", untrue(data), data["closed"], noticed, record["verdict"],
                   (says or record["reasons"][-1:])[0])


def run(name: str) -> Outcome:
    found = outcome(MUTANTS[name])
    if found.false:
        assert found.kernel != "CONFIRMED", (name, found)
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in MUTANTS])
def test_no_false_answer_is_confirmed(name: str) -> None:
    found = run(name)
    if name in QUICK:
        # these do make a false answer, and verify agrees with it
        assert found.false and not found.verify_notices, found


def table() -> Iterator[str]:
    """The rows of the record."""
    yield "| mutant | derive | false | verify notices | kernel |"
    yield "| --- | --- | --- | --- | --- |"
    outcomes = {}
    for name in MUTANTS:
        outcomes[name] = o = run(name)
        if o.refused:
            yield f"| {name} | refuses: {o.refused[:90]} | | | |"
            continue
        said = ("closed" if o.closed else "open") + (", false" if o.false else ", true")
        yield (f"| {name} | {said} | {'; '.join(o.false)} | {'yes' if o.verify_notices else 'no'} "
               f"| {o.kernel}: {o.kernel_says} |")
    false = [o for o in outcomes.values() if o.false]
    yield ""
    yield (f"{len(outcomes)} mutants: {sum(bool(o.refused) for o in outcomes.values())} make "
           f"derive refuse, {len(false)} make its answer false; verify notices "
           f"{sum(o.verify_notices for o in false)} of these, the kernel confirms "
           f"{sum(o.kernel == 'CONFIRMED' for o in false)}.")


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
