"""The text of a factory that builds a model of transformers: what `hf:` targets are.

A target is a source with `factory(**sizes)` and `FULL`, as a user would write it, so that the
derivation, the check and `--full` know nothing of transformers. Nothing is downloaded: weights are
drawn by the class itself.
"""

from __future__ import annotations

import math
import pprint
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from symgauge.errors import TargetError
from symgauge.hf.inputs import EXAMPLES, examples_in, inputs_of
from symgauge.hf.sizes import FACTOR, PART, ROTARY, fields_of, own_fields, parts_of, value_of
from symgauge.hf.stages import Stages
from symgauge.hf.tries import Trial

#: Tokens with a meaning, at a vocabulary of nine: some models look for them among their inputs.
SPECIAL = {"pad_token_id": 0, "bos_token_id": 3, "eos_token_id": 4}
#: Names of the number of layers, and of lists with an entry for each.
LAYERS, PER_LAYER = r"(^|_)(layers?|num_blocks)$", r"layer|block|(types|pattern)$"
TEXT = '''"""{model} of transformers at small sizes; FULL has those of {origin}."""

FULL = {full}

#: What the configuration says beside its sizes.
FIXED = {fixed}


def factory(
{arguments}):
    import torch
    import transformers

    config = transformers.{config}(
{settings})
    model = transformers.{model}(config).eval()
    return model, (), {{
{inputs}    }}
'''


def source(
    config: Any, model: type, origin: str, extra: Iterable[str] = (), trial: Trial | None = None
) -> str:
    """The text of a factory of `model` at small sizes; FULL has the sizes of `config`.

    `extra` names plain fields of the configuration that are to be arguments beside its sizes,
    `trial` says which small ones are others.
    Raises TargetError where no input of the model is known, or there is no such field.
    """
    trial = trial or Trial()
    sizes = list(fields_of(config, stages=trial.stages, rest=trial.rest))
    small: dict[str, Any] = {name: size for name, _, size in sizes}
    full = {name: value for name, value, _ in sizes}
    inputs = inputs_of(config, model, trial.text_alone, trial.turned)
    examples = examples_in(inputs)
    small = {n: few for n, (few, _) in examples.items()} | small
    full = {n: many for n, (_, many) in examples.items()} | full
    for name in (*extra, *trial.instead):
        if name not in small and name not in EXAMPLES:
            small[name] = full[name] = _field(config, name)
    small.update((n, v) for n, v in trial.instead.items() if n in small)
    fixed = _fixed(config, small)
    return TEXT.format(
        model=model.__name__, config=type(config).__name__,
        origin=re.sub(r"[^\w.()]", "_", origin),  # a folder may have any name
        full=_literal(full),
        fixed=_literal(fixed),
        arguments=_lines(f"{name}={value!r}" for name, value in small.items()),
        settings=_lines(_settings(config, small, fixed, ())),
        inputs="".join(f'        "{name}": {text},\n' for name, text in inputs.items()))


def _lines(arguments: Iterable[str]) -> str:
    """The arguments of a call, each on a line of its own."""
    return "".join(f"        {argument},\n" for argument in arguments) + "    "


def _literal(value: Mapping[str, object]) -> str:
    return pprint.pformat(dict(value), width=92, sort_dicts=False)


def _field(config: Any, name: str) -> Any:
    *places, last = name.split(PART)
    for place in places:
        config = parts_of(config).get(place)
    value = value_of(config, last)
    if config is None or value is None and last not in own_fields(config):
        raise TargetError(f"the configuration has no field {name.replace(PART, '.')!r}")
    if not (value is None or isinstance(value, (bool, int, float, str))):
        raise TargetError(
            f"{name.replace(PART, '.')} is a {type(value).__name__} of the configuration: write "
            "it into a config.json and give its folder")
    return value


def _fixed(config: Any, sizes: Collection[str], prefix: str = "") -> dict[str, Any]:
    """The fields beside the sizes that are not as the configuration's class has them."""
    plain, parts, usual = own_fields(config), parts_of(config), own_fields(type(config)())
    out: dict[str, Any] = {}
    for name, value in plain.items():
        if prefix + name in sizes or name in parts:
            continue
        if name == ROTARY and f"{prefix}{name}{PART}{FACTOR}" in sizes:
            continue
        if re.search(r"token_(id|index)$", name):
            if isinstance(value, int) and value >= 9:
                out[name] = SPECIAL.get(name, 5)
            elif value != usual.get(name) and _plain(value):
                out[name] = value
        elif value != usual.get(name) and _plain(value):
            out[name] = value
        elif value is None and _is_stiff(config, name):
            out[name] = value_of(config, name)
    if not prefix and getattr(config, "num_labels", 2) != 2:
        out["num_labels"] = config.num_labels
    for name, part in parts.items():
        out[name] = {"model_type": part.model_type, **_fixed(part, sizes, f"{prefix}{name}{PART}")}
    return out


def _is_stiff(config: Any, name: str) -> bool:
    """Whether a configuration makes a list with an entry for each of its layers as it is, however
    many there are: for fewer layers it must be said."""
    value = value_of(config, name)
    if not isinstance(value, (list, tuple)) or not re.search(PER_LAYER, name) or not _plain(value):
        return False
    count = next((n for n in own_fields(config) if re.search(LAYERS, n)
                  and value_of(config, n) == len(value)), None)
    if count is None or len(value) < 2:
        return False
    try:
        return len(getattr(type(config)(**{count: 1}), name)) != 1
    except Exception:  # fewer layers than there are entries
        return True


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(x) for x in value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and _plain(x) for k, x in value.items())
    if isinstance(value, float) and not math.isfinite(value):
        raise TargetError(f"the configuration holds {value}; write finite numbers")
    return value is None or isinstance(value, (bool, int, float, str))


def _settings(
    config: Any, sizes: Collection[str], fixed: Mapping[str, Any], place: tuple[str, ...]
) -> list[str]:
    """The keyword arguments of a configuration, or of a part of it as a dict.

    What a config.json says is written as literals alone: names are those of the classes.
    """
    prefix = "".join(f"{p}{PART}" for p in place)
    own = [f"{name[len(prefix):]}={name}" for name in sizes
           if name.startswith(prefix) and PART not in name[len(prefix):] and name not in EXAMPLES]
    plain = own_fields(config)
    cut = {n: by for n, v in plain.items() if (by := Stages(plain).cut(n, v))}
    own += [f"{n}={plain[n]!r}[:len({prefix}{by})]" for n, by in cut.items() if _plain(plain[n])]
    turned = f"{prefix}{ROTARY}{PART}{FACTOR}"
    if turned in sizes and _plain(getattr(config, ROTARY)):
        own.append(f"{ROTARY}={{**{getattr(config, ROTARY)!r}, {FACTOR!r}: {turned}}}")
    at = "FIXED" + "".join(f'["{p}"]' for p in place)
    parts = list(parts_of(config))
    here = [name[len(prefix):] for name in sizes if name.startswith(prefix)]
    listed = per_layer(config, {n: v for n, v in fixed.items() if n not in parts}, here)
    own += [f"{n}={at}[{n!r}][:{prefix}{layers}]" for n, layers in listed.items()]
    runs = in_runs(config, here)
    own += [f"{n}=[[{kinds!r}[:{prefix}{layers}], 1]]" for n, (kinds, layers) in runs.items()]
    inner = [
        f"{n}=dict({', '.join(_settings(part, sizes, fixed[n], (*place, n)))})"
        for n, part in parts_of(config).items()]
    said = [*parts, *listed, *runs, *cut]
    rest = at if not said else f"{{k: v for k, v in {at}.items() if k not in {said!r}}}"
    return [*own, *inner, *([f"**{rest}"] if set(fixed) - set(said) else [])]


def per_layer(
    config: Any, fixed: Mapping[str, object], sizes: Iterable[str]
) -> dict[str, str]:
    """The lists with an entry for each layer, and the size that is their length.

    A copy of fewer layers has those of its layers. Its length alone does not make a list one.
    """
    counts = [n for n in sizes if re.search(LAYERS, n) and value_of(config, n)]
    return {
        name: layers for name, value in fixed.items()
        if isinstance(value, (list, tuple)) and re.search(PER_LAYER, name)
        for layers in counts[::-1] if len(value) == getattr(config, layers)}


def in_runs(config: Any, sizes: Iterable[str]) -> dict[str, tuple[list[str], str]]:
    """What the layers are, of fields that list them in runs: [[["global", "local"], 12]].

    With the size that is their number, of which a copy has the first ones.
    """
    counts = [n for n in sizes if re.search(LAYERS, n) and value_of(config, n)]
    found: dict[str, tuple[list[str], str]] = {}
    for name in own_fields(config):
        runs = value_of(config, name)
        if re.search(PER_LAYER, name) and isinstance(runs, list) and all(
                isinstance(run, list) and len(run) == 2 and isinstance(run[0], list)
                and isinstance(run[1], int) for run in runs):
            kinds = [str(kind) for run, times in runs for kind in run * times]
            found |= {name: (kinds, n) for n in counts if getattr(config, n) == len(kinds)}
    return found
