"""What may be said of a derivation, in plain sentences: never more than its verdict.

**proved**: an identity decided exactly. **certified**: the sandwich closed, hypotheses printed.
**checked**: seen numerically, with a noise floor and a planted failure.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from symgauge.errors import InconsistentError

Data = Mapping[str, Any]

WORDS = (
    ("Proved", "an identity decided exactly"),
    ("Certified", "the two rank bounds met, at the hypotheses and the scope that are printed"),
    ("Checked", "seen numerically, within a noise floor that a planted wrong symmetry exceeds"),
)


#: What the quantities of a derivation are, for `derive --explain`.
QUANTITIES = (
    ("P", "the parameters that an output reads, counted entry by entry"),
    ("unread", "entries that no output reads, such as a bias that a norm takes off again at once"),
    ("rank J", "J is the Jacobian of the outputs, at all inputs, by the parameters; its rank at a "
               "generic point is the number of directions that change the function"),
    ("redundancy", "P - rank J: the directions that change the parameters and not the function"),
    ("rank G", "G has the proved generators as rows; its rank is the dimension of their orbits"),
    ("by minors", "directions of fields whose components are minors of the derivatives of the "
                  "outputs' coefficients, beside those of rank G: too long to be written"),
    ("unexplained", "redundancy - rank G, less what is by minors: directions for which no "
                    "generator was found"),
    ("closed", "rank J + rank G + by minors = P: then no generator is missing at a generic point"),
    ("for all sizes", "how much of rank G is proved for every size, not at these sizes alone"),
)


def verdict_name(value: Any) -> str:
    """PROVED, REFUTED or UNKNOWN, from the enum or from its name in JSON."""
    name = str(getattr(value, "name", value)).upper()
    return name if name in ("PROVED", "REFUTED") else "UNKNOWN"


def statement(item: Any) -> str:
    """The sentence of a hypothesis or a reason, which is a string or a mapping that holds one."""
    if isinstance(item, Mapping):
        for key in ("statement", "label", "name", "text"):
            if key in item:
                return str(item[key])
    return str(item)


def statements(items: Any) -> list[str]:
    """The sentences of a list (or of one bare string)."""
    if isinstance(items, (str, Mapping)):
        items = [items]
    return [statement(item) for item in items or ()]


def family_verdict(family: Data) -> str:
    """The verdict of a family's proof; UNKNOWN where there is no proof."""
    return verdict_name((family.get("proof") or {}).get("verdict"))


def deed_and_names(label: str) -> tuple[str, str]:
    """What a family does, and the tensors that its label names; the label alone without any.

    >>> deed_and_names("change of basis of q, k, 2 copies")
    ('change of basis', 'q, k, 2 copies')
    """
    deed, *names = re.split(r"(?<!^change) of ", label, maxsplit=1)
    return deed, names[0] if names else ""


def discrete(derivation: Data) -> str:
    """The groups of the discrete elements, and how each is known."""
    found = [e for e in derivation.get("discrete") or () if isinstance(e, Mapping)]
    said = ", ".join(
        [f"{e.get('group')} {e.get('status')}" for e in found]
        + [f"{e['group']} proved, with the buffers {', '.join(e['buffers'])}"
           for e in derivation.get("with_buffers") or ()])
    return said and f"{said}; nothing says that there are no others"


def structural(derivation: Data) -> str:
    """How much is proved for all sizes by intertwiners, and what is not structural."""
    part = derivation.get("structural")
    if not isinstance(part, Mapping):
        return "not asked"
    found, rest = part["orbit_dimension"], part["not_structural"]
    if not rest:
        return f"all of rank G = {found} is proved sound"
    names = "; ".join(part["families"][:3]) + ("; ..." if len(part["families"]) > 3 else "")
    return f"{found} of rank G is proved sound; not structural: {rest} ({names})"


def about(derivation: Data) -> list[str]:
    """What the statement is about: outputs, held inputs, mode, buffers, constants."""
    return [str(x) for x in derivation.get("about") or ()]


def observable(derivation: Data) -> str:
    """What is looked at: the values of the outputs by their names, or log_softmax of them."""
    names = [str(name) for _, name in derivation.get("outputs") or ()]
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    what = f"output{'s' if len(names) > 1 else ''} {listed}" if names else "the outputs"
    logarithms = derivation.get("observable") == "probabilities"
    return f"{'log_softmax' if logarithms else 'the values'} of {what}"


def unread(derivation: Data) -> str:
    """How many coordinates no output reads, and why."""
    count = derivation.get("unread", 0)
    parts = [f"{x['count']} of {x['tensor']}: {x['reason']}"
             for x in derivation.get("unread_tensors") or ()]
    return f"{count} ({'; '.join(parts)})" if parts else str(count)


def by_minors(derivation: Data) -> int:
    """How many directions are those of fields by minors."""
    return int((derivation.get("certificate") or {}).get("by_minors") or 0)


def require_consistent(derivation: Data) -> None:
    """Raise InconsistentError where the derivation contradicts itself; it is then not printed."""
    parameters, rank = int(derivation["parameters"]), int(derivation["rank"])
    orbit = int(derivation["orbit_dimension"]) + by_minors(derivation)
    found = []
    if rank + orbit > parameters:
        found.append(f"rank J + rank G = {rank} + {orbit} exceeds P = {parameters}")
    if derivation["closed"] and rank + orbit != parameters:
        found.append(f"it is called closed, and rank J + rank G = {rank + orbit} != {parameters}")
    if int(derivation["redundancy"]) != parameters - rank:
        found.append(f"redundancy {derivation['redundancy']} is not P - rank J")
    if verdict_name(derivation["verdict"]) == "PROVED":
        if not derivation["closed"]:
            found.append("the verdict is PROVED, and the certificate is not closed")
        if statements(derivation.get("hypotheses")):
            found.append("the verdict is PROVED, and hypotheses are left")
        for family in derivation["generators"]:
            if family_verdict(family) != "PROVED":
                found.append(f"the verdict is PROVED, and {family.get('label')!r} is not proved")
    if found:
        raise InconsistentError(
            f"this derivation contradicts itself: {'; '.join(found)}; derive it again"
        )


def sizes_text(sizes: Any) -> str:
    """`d = 4, h = 2`."""
    return ", ".join(f"{key} = {value}" for key, value in (sizes or {}).items())


def scope(derivation: Data) -> str:
    """The derivation's scope; one that says `complete` is printed with a PROVED verdict only."""
    text = str(derivation.get("scope") or "")
    if "complete" in text.lower() and verdict_name(derivation["verdict"]) != "PROVED":
        text = ""
    return text or f"at sizes ({sizes_text(derivation.get('sizes')) or 'of the example'})"


def on_cell(derivation: Data) -> bool:
    """Whether the claim is about one cell: a piecewise network has no single generic rank."""
    return "cell of theta0" in str(derivation.get("scope") or "")


def on_component(derivation: Data) -> bool:
    """Whether the claim is about one component of where the function is analytic."""
    return "component of theta0" in str(derivation.get("scope") or "")


def condition(derivation: Data) -> str:
    """` if the hypotheses hold` where some are left: they can raise rank J above the truth."""
    return " if the hypotheses hold" if statements(derivation.get("hypotheses")) else ""


def bounded(derivation: Data, key: str, relation: str) -> str:
    """The number at `key`; short of PROVED, with `relation` (">= ") before it and its condition."""
    if verdict_name(derivation["verdict"]) == "PROVED":
        return str(derivation[key])
    return f"{relation}{derivation[key]}{condition(derivation)}"


def claim(derivation: Data) -> str:
    """The one sentence that the derivation may claim as its result."""
    k, orbit = derivation["redundancy"], derivation["orbit_dimension"]
    unexplained, verdict = derivation["unexplained"], verdict_name(derivation["verdict"])
    more = by_minors(derivation)
    unproved = sum(family_verdict(f) != "PROVED" for f in derivation["generators"])
    if verdict == "PROVED":
        place = "on the cell of theta0" if on_cell(derivation) else "at a generic point"
        if on_component(derivation):
            place = "at a generic point of the component of theta0"
        return (
            f"The redundancy is {k}: the families are proved, and they are certified to span "
            f"every generator {place}"
            + (f", together with fields by minors ({more} of the directions)" if more else "")
            + f" (scope: {scope(derivation)})."
        )
    if verdict == "REFUTED":
        return "Refuted: nothing here is claimed as a symmetry of this network."
    left = condition(derivation)
    bound = f"The redundancy is at most {k}{left}."
    if left:
        bound = f"Hypotheses are left that are not discharged. {bound}"
    if unproved:
        count = len(derivation["generators"])
        return f"{bound} {unproved} of {count} families are not proved, so nothing is certified."
    if not derivation["closed"]:
        return (
            f"{bound} The proved families account for {orbit}, and at most {unexplained} "
            f"{'is' if unexplained == 1 else 'are'} unexplained{left}. "
            "Nothing is claimed to be complete."
        )
    return f"{bound} The proved families account for {orbit}. This is not certified."


def parameter_shapes(derivation: Data) -> dict[str, tuple[int, ...]]:
    """Shape of each parameter: of the certificate's network, else from `tensors`; {} without."""
    network = (derivation.get("certificate") or {}).get("network") or {}
    pairs = [(n["parameter"], n["shape"]) for n in network.get("nodes", ()) if "parameter" in n]
    if not pairs:
        pairs = [(entry["name"], entry["shape"]) for entry in derivation.get("tensors") or ()]
    return {str(name): tuple(int(n) for n in shape) for name, shape in pairs}


def program_lines(derivation: Data) -> list[Data]:
    """The program's nodes ({"name", "op", "latex", "shape"}) where the derivation gives them."""
    network = derivation.get("network")
    found = network.get("lines") if isinstance(network, Mapping) else network
    return list(found) if isinstance(found, Sequence) and not isinstance(found, str) else []


def algebra(derivation: Data) -> str:
    """The algebra's name, with its dimension where the name does not say it."""
    value = derivation.get("algebra")
    if isinstance(value, Mapping):
        name = next((str(value[k]) for k in ("form", "name", "levi", "label") if value.get(k)), "")
        return name or f"dimension {value.get('dimension', 'unknown')}"
    return str(value or "not identified")


def stabiliser(derivation: Data) -> str:
    """Why the algebra has more dimensions than the orbit, or nothing where it has as many."""
    value = derivation.get("algebra")
    if not isinstance(value, Mapping) or not value.get("closed"):
        return ""
    size, orbit = int(value["dimension"]), int(derivation["orbit_dimension"])
    if size == orbit:
        return ""
    return (
        f"of dimension {size} (of which a stabiliser of dimension {size - orbit} fixes a generic "
        f"point, so that its orbit has dimension {orbit})"
    )
