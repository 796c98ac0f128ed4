"""A module that is run with given weights, in float64: outputs, and how far two of them differ."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from symgauge.capture.borrowed import borrowed, wide_example
from symgauge.capture.module import WideFloats, first_line
from symgauge.capture.outputs import Output, choose, path_name
from symgauge.errors import BadInputError

#: Parameters above which few and short inputs are run.
LARGE = 20_000_000
SHORT = 64
SCALES = (1.0, 0.1, 10.0, 3.0)
NARROW = (torch.float32, torch.bfloat16, torch.float16)

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


class _Casts(WideFloats):
    """Which narrow floats the program rounds a float64 value to as it runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[torch.dtype] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        to = (kwargs or {}).get("dtype")
        value = args[0] if args else None
        if to in NARROW and isinstance(value, Tensor) and value.dtype == torch.float64:
            self.found.add(to)
        return super().__torch_dispatch__(func, types, args, kwargs)


class Running:
    """A module in float64 with its example; its tensors are overwritten in place.

    Casts to narrower floats inside are not made: what is compared are functions in exact
    arithmetic, as far as float64 goes; `casts` says which the program makes.
    """

    def __init__(
        self, module: Any, args: Any, kwargs: Any, observable: str, output: str | int | None
    ) -> None:
        self.module, self.observable, self.output = module, observable, output
        self.args, self.kwargs = wide_example(tuple(args), dict(kwargs))
        self.tensors: dict[str, Tensor] = module.state_dict(keep_vars=True)
        self.large = sum(t.numel() for t in self.tensors.values()) > LARGE
        self.vocabularies: dict[int, int] = {}
        self.tables: dict[str, int] = {}
        for t in self.tensors.values():
            t.requires_grad_(False)
        whole = self.args, self.kwargs
        if self.large:
            self.args, self.kwargs = pytree.tree_map(_short, whole)
        try:
            self.casts = self._tried()
        except Exception as error:
            if not self.large:
                raise self._does_not_run(error) from error
            self.args, self.kwargs = whole
            try:
                self.casts = self._tried()
            except Exception as again:
                raise self._does_not_run(again) from again

    @staticmethod
    def _does_not_run(error: Exception) -> BadInputError:
        if isinstance(error, BadInputError):
            return error
        return BadInputError(
            f"the module does not run on its example in float64: {first_line(error)}")

    def _tried(self) -> set[torch.dtype]:
        """Two runs on the example, which have to agree; the narrow floats it rounds to."""
        casts = _Casts()
        with torch.no_grad(), casts, self._watched():
            one = self._outputs((self.args, self.kwargs))
            again = self._outputs((self.args, self.kwargs))
        if any(not torch.equal(a, b) for a, b in zip(one, again, strict=True)):
            raise BadInputError(
                "the module is not deterministic, or changes its own tensors as it runs; call "
                ".eval() on it in the factory")
        return casts.found

    @property
    def tied(self) -> dict[str, str]:
        """Names of tensors that are another one, with the first name of it."""
        first: dict[tuple[int, tuple[int, ...]], str] = {}
        return {
            name: other for name, t in self.tensors.items()
            if (other := first.setdefault((t.data_ptr(), tuple(t.shape)), name)) != name
        }

    def put(self, values: Mapping[str, Tensor] | Callable[[str], Tensor], names: Sequence[str]
            ) -> None:
        """Overwrite these tensors."""
        for name in names:
            value = values(name) if callable(values) else values[name]
            self.tensors[name].data.copy_(value)

    def outputs(self, inputs: Sequence[Inputs]) -> list[list[Tensor]]:
        """The outputs that are looked at, for each of the inputs."""
        with torch.no_grad(), WideFloats():  # type: ignore[no-untyped-call]
            return [self._outputs(x) for x in inputs]

    def _outputs(self, inputs: Inputs) -> list[Tensor]:
        args, kwargs = pytree.tree_map(
            lambda x: x.clone() if isinstance(x, Tensor) else x, inputs)
        returned = self.module(*args, **kwargs)
        leaves = pytree.tree_flatten_with_path(returned)[0]
        named = [(path_name(path) or str(i), x)
                 for i, (path, x) in enumerate(leaves)]
        found = [Output(i, name, isinstance(x, Tensor) and x.is_floating_point(), True)
                 for i, (name, x) in enumerate(named) if isinstance(x, Tensor)]
        model_output = any(k.__name__ == "ModelOutput" for k in type(returned).__mro__)
        chosen = [named[x.index][1] for x in choose(found, self.output, model_output).outputs]
        if self.observable == "probabilities":
            chosen = [x.double().log_softmax(-1) for x in chosen]
        return [x.detach() if not x.requires_grad else x for x in chosen]

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Notes which integer inputs pick rows of an embedding, and of how many."""
        leaves = [x for x in pytree.tree_leaves((self.args, self.kwargs)) if isinstance(x, Tensor)]
        handles = []

        def watch(name: str, part: Any) -> Callable[..., None]:
            def see(_: Any, inputs: Any) -> None:
                for k, x in enumerate(leaves):
                    same = inputs and isinstance(inputs[0], Tensor) and not x.is_floating_point()
                    if same and x.numel() == inputs[0].numel() and torch.equal(
                            x.reshape(-1), inputs[0].reshape(-1)):
                        n = part.num_embeddings
                        self.vocabularies[k] = min(n, self.vocabularies.get(k, n))
                        self.tables[f"{name}.weight"] = k
            return see

        for name, part in self.module.named_modules():
            if isinstance(part, torch.nn.Embedding):
                handles.append(part.register_forward_pre_hook(watch(name, part)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def draw(self, count: int, seed: int, rows: Mapping[str, Sequence[int]] | None = None
             ) -> list[Inputs]:
        """Random inputs of several scales; token ids that meet these rows of the tables first."""
        generator = torch.Generator().manual_seed(seed)
        wanted = {self.tables[n]: list(r) for n, r in (rows or {}).items() if n in self.tables}
        found = []
        for i in range(count):
            leaves, spec = pytree.tree_flatten((self.args, self.kwargs))
            number = 0
            for j, x in enumerate(leaves):
                if not isinstance(x, Tensor):
                    continue
                if x.is_floating_point():
                    noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
                    leaves[j] = noise * SCALES[i % len(SCALES)]
                elif number in self.vocabularies:
                    ids = torch.randint(
                        self.vocabularies[number], x.shape, generator=generator)
                    first = wanted.get(number, [])
                    some = first[i * x.numel():(i + 1) * x.numel()]
                    ids.view(-1)[:len(some)] = torch.tensor(some, dtype=ids.dtype)
                    leaves[j] = ids.to(x.dtype)
                number += 1
            found.append(pytree.tree_unflatten(leaves, spec))
        return found


def _short(x: Any) -> Any:
    """The first tokens of a batch of token ids; anything else as it is."""
    if isinstance(x, Tensor) and not x.is_floating_point() and x.ndim == 2:
        return x[:1, :SHORT]
    return x


@contextlib.contextmanager
def running(
    built: tuple[Any, Any, Any], observable: str, output: str | int | None
) -> Iterator[Running]:
    """The built module to run, in float64 within."""
    module, args, kwargs = built
    with borrowed(module):
        yield Running(module, args, kwargs, observable, output)


def distance(one: Sequence[Sequence[Tensor]], two: Sequence[Sequence[Tensor]]) -> float:
    """The largest change of an output over the largest output; NaN where one is not finite."""
    worst = 0.0
    for a, b in ((a, b) for x, y in zip(one, two, strict=True) for a, b in zip(x, y, strict=True)):
        if not (a.isfinite().all() and b.isfinite().all()):
            return float("nan")
        size = float(a.abs().max()) if a.numel() else 0.0
        change = float((a - b).abs().max()) if a.numel() else 0.0
        worst = max(worst, change / size if size else (float("inf") if change else 0.0))
    return worst
