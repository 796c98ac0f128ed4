"""TARGET as a model of transformers: a type or a class, or a folder with config.json."""

from __future__ import annotations

import difflib
import inspect
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from symgauge.capture.target import Target, resolve_target
from symgauge.errors import SizeError, TargetError, first_line
from symgauge.hf.inputs import examples_in, inputs_of, vocabulary
from symgauge.hf.sizes import PART, own_name
from symgauge.hf.source import source
from symgauge.hf.tries import Trial, smaller, trials

#: Which class of a type is taken: the first that there is.
WHICH = (
    "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES", "MODEL_FOR_CTC_MAPPING_NAMES",
    "MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES", "MODEL_MAPPING_NAMES",
)
SCHEME = "hf:"
#: Parameters up to which the first model that runs is taken.
SMALL = 3000


def is_hf(text: str) -> bool:
    """Whether the text names a model of transformers: hf:NAME, or a folder with config.json."""
    return text.startswith(SCHEME) or (Path(text) / "config.json").is_file()


def load_hf(text: str, settings: Mapping[str, str], full: bool = False) -> Target:
    """The target hf:TYPE, hf:CLASS, a folder with config.json, or hf:TYPE@FOLDER, hf:CLASS@FOLDER.

    `full`: the settings belong to the full sizes; that the model runs is seen at the small ones.

    Raises TargetError where there is no such type, class or file, SizeError for a setting that the
    configuration does not take.
    """
    transformers = _transformers(text)
    name, _, folder = text[len(SCHEME):].partition("@") if text.startswith(SCHEME) else (
        "", "", text)
    config, written = _from_folder(transformers, Path(folder)) if folder else (
        _default(transformers, name), "")
    model = _class(transformers, name or written or config.model_type, config)
    taken = _taken(model)
    kind = config.model_type
    # of a type transformers itself says which class takes its configuration
    fits = model.__name__ not in (name, written) or isinstance(config, taken)
    if not isinstance(config, taken):
        inner = _made(config.get_text_config, text)
        if isinstance(inner, taken) or not fits:
            config, fits = inner, isinstance(inner, taken)
    if (folder and name not in ("", kind, config.model_type, model.__name__)) or not fits:
        raise TargetError(
            f"{text}: the folder has the configuration of {kind!r}, which is not "
            f"that of {name!r}" if folder else f"{text}: {model.__name__} takes another "
            "configuration; name the class")
    return target_of(text, config, model, folder or f"{type(config).__name__}()", settings, full)


def target_of(
    text: str, config: Any, model: type, origin: str, settings: Mapping[str, str],
    full: bool = False,
) -> Target:
    """The target of a class at small sizes, with the sizes of a configuration as FULL.

    The small sizes are the first of `trials` at which the model can be built and run.
    Raises TargetError where none of them lets it.
    """
    spoken = {own_name(config, n): v for n, v in settings.items()}
    wrong: TargetError | None = None
    tried: set[str] = set()

    def run(trial: Trial) -> tuple[int, Target] | None:
        """The number of parameters and the target, where the model runs."""
        nonlocal wrong
        written = source(config, model, origin, spoken, trial)
        if written in tried:
            return None
        tried.add(written)
        try:
            found = _resolved(text, config, written, spoken)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes that may not be taken
                return _run(found.at(_unset(found)) if full else found), found
        except SizeError:
            raise
        except TargetError as error:
            wrong = wrong or error
            return None

    examples = {n: few for n, (few, _) in examples_in(inputs_of(config, model)).items()}
    for trial in trials(config, examples):
        found = run(trial)
        if found is None:
            continue
        if found[0] > SMALL:
            others = [found, *filter(None, map(run, smaller(trial)))]
            found = min(others, key=lambda pair: pair[0])
        return found[1]
    beside = "".join(f" beside {n.replace(PART, '.')}={v}" for n, v in spoken.items())
    raise TargetError(
        f"{wrong} (and at {len(tried)} choices of small sizes{beside} none runs); set sizes with "
        "--set, or write a factory that returns (model, args, kwargs)") from wrong


def of_model(model: Any) -> Target:
    """The target of a loaded model: its class at small sizes, its own sizes as FULL."""
    kind = type(model)
    return target_of(
        f"{SCHEME}{kind.__name__}", model.config, kind, "the loaded model's configuration", {})


def _resolved(text: str, config: Any, written: str, settings: Mapping[str, str]) -> Target:
    module = ModuleType(f"symgauge_hf_{config.model_type}")
    try:
        exec(compile(written, "<hf>", "exec"), module.__dict__)  # our own text
    except Exception as error:
        raise TargetError(f"{text}: the configuration cannot be written down: {error}") from error
    found = resolve_target(text, module, "factory", written, settings)
    name = re.sub(r"\W", "_", config.model_type)
    # a vocabulary is the configuration's own, a number of layers goes by its name everywhere
    growing = [("vocabulary", (vocabulary(config) or "").replace(".", PART))]
    growing += [(what, size) for what, size in found.growing if what != "vocabulary"]
    return replace(
        found, name=name, full=None, written=None, published=found.full,
        growing=tuple((what, size) for what, size in growing if size in found.sizes))


def _unset(target: Target) -> dict[str, Any]:
    """The sizes that were set, as the factory's own text has them."""
    own = inspect.signature(target.factory).parameters
    return {n: own[n].default for n in target.given}


def _run(target: Target) -> int:
    """The number of parameters. Raises TargetError unless the model runs on its example."""
    module, args, kwargs = target.build()
    empty = next((n for n, p in module.named_parameters() if not p.numel()), None)
    if empty is not None:
        raise TargetError(f"{target.text}: the parameter {empty} has no entries at these sizes")
    try:
        with torch.no_grad():
            module(*args, **kwargs)
    except Exception as error:
        raise TargetError(f"{target.text}: the model does not run: {first_line(error)}") from error
    return sum(p.numel() for p in module.parameters())


def _transformers(text: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise TargetError(
            f"{text} is a model of transformers, which is not installed; install symgauge[hf]"
        ) from error
    return transformers


def _default(transformers: Any, name: str) -> Any:
    """The default configuration of a type or of a class."""
    from transformers.models.auto import configuration_auto

    types = configuration_auto.CONFIG_MAPPING_NAMES  # type: ignore[attr-defined]
    if name in types:
        return _made(lambda: transformers.AutoConfig.for_model(name), name)
    found = getattr(transformers, name, None) if name.isidentifier() else None
    made = _taken(found)
    if made is None:
        near = difflib.get_close_matches(name, types, 3)
        raise TargetError(
            f"transformers {transformers.__version__} has no model type and no class {name!r}"
            + (f"; did you mean {' or '.join(near)}?" if near else ""))
    return _made(made, name)


def _taken(model: Any) -> Any:
    """The class of a model's configuration, or None.

    Raises TargetError where a library is missing: others stand in the place of such models.
    """
    try:
        return getattr(model, "config_class", None)
    except ImportError as error:
        raise TargetError(" ".join(str(error).split())) from error


def _made(make: Any, name: str) -> Any:
    try:
        return make()
    except Exception as error:
        raise TargetError(
            f"the configuration of {name} cannot be made: {first_line(error)}") from error


def _from_folder(transformers: Any, folder: Path) -> tuple[Any, str]:
    """The configuration that a folder holds, and the class that it names."""
    path = folder / "config.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"there is no file {path}") from error
    except (ValueError, RecursionError) as error:
        raise TargetError(f"{path} is no JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("model_type"), str):
        raise TargetError(f"{path} names no model_type of transformers")
    named = data.get("architectures") or [""]
    if not isinstance(named, list) or not isinstance(named[0], str):
        raise TargetError(f"{path}: architectures is a list of names of classes")
    config = _made(
        lambda: transformers.AutoConfig.for_model(data["model_type"]).from_dict(data), str(path))
    return config, str(named[0])


def _class(transformers: Any, name: str, config: Any) -> type:
    """The class of that name, else the first of WHICH that the configuration's type has."""
    found = getattr(transformers, name, None) if name.isidentifier() else None
    if isinstance(found, type) and _taken(found) is not None:
        return found
    from transformers.models.auto import modeling_auto

    for mapping in WHICH:
        named = getattr(modeling_auto, mapping, {}).get(config.model_type)
        for one in [named] if isinstance(named, str) else named or ():
            if hasattr(transformers, one):
                model: type = getattr(transformers, one)
                return model
    raise TargetError(
        f"transformers {transformers.__version__} has no model of the type {config.model_type}")
