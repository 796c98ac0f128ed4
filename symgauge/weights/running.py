"""A module that is run with given weights, in float64: outputs, and how far two of them differ."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from symgauge.capture.borrowed import borrowed, wide_example
from symgauge.capture.module import WideFloats
from symgauge.capture.outputs import Output, choose, path_name
from symgauge.errors import BadInputError, first_line
from symgauge.nn.ode_flow import make_exact
from symgauge.weights.checkpoint import is_extra_state
from symgauge.weights.inputs import Draws, Inputs
from symgauge.weights.widening import Widened

#: Parameters above which few and short inputs are run.
LARGE = 20_000_000
SHORT = 64
NARROW = (torch.float32, torch.bfloat16, torch.float16)


class _Watch(TorchDispatchMode):
    """Which narrow floats the program rounds a float64 value to, and which memory it reads."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[torch.dtype] = set()
        self.read: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        to = (kwargs or {}).get("dtype")
        value = args[0] if args else None
        if to in NARROW and isinstance(value, Tensor) and value.dtype == torch.float64:
            self.found.add(to)
        self.read |= {
            _address(x) for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        return func(*args, **(kwargs or {}))


class Running:
    """A module in float64 with its example; its tensors are overwritten.

    Casts to narrower floats inside are not made: what is compared are functions in exact
    arithmetic, as far as float64 goes; `casts` says which the program makes. With `as_stored`
    the module keeps its tensors as they are stored, and its ops widen them.
    """

    def __init__(
        self, built: tuple[Any, Any, Any], observable: str, output: str | int | None,
        as_stored: bool,
    ) -> None:
        self.module, args, kwargs = built
        self.observable, self.output, self.as_stored = observable, output, as_stored
        self.args, self.kwargs = wide_example(tuple(args), dict(kwargs))
        self.tensors = tensors_of(self.module)
        self.large = is_large(self.module)
        for t in self.tensors.values():
            t.requires_grad_(False)
        self._rows: dict[int, int] = {}
        whole = self.args, self.kwargs
        if self.large:
            self.args, self.kwargs = pytree.tree_map(_short, whole)
        try:
            watch = self._tried()
        except Exception as error:
            if not self.large:
                raise self._does_not_run(error) from error
            self.args, self.kwargs = whole
            try:
                watch = self._tried()
            except Exception as again:
                raise self._does_not_run(again) from again
        self.casts = watch.found
        #: Tensors that no op takes.
        self.untouched = {n for n, t in self.tensors.items() if _address(t) not in watch.read}
        sizes = {n for t in self.tensors.values() for n in t.shape}
        self.draws = Draws(
            (self.args, self.kwargs), lambda x: self.outputs([x])[0], sizes, self._rows)

    @staticmethod
    def _does_not_run(error: Exception) -> BadInputError:
        if isinstance(error, BadInputError):
            return error
        return BadInputError(
            f"the module does not run on its example in float64: {first_line(error)}")

    def _tried(self) -> _Watch:
        """Two runs on the example, which have to agree; what was seen of them."""
        watch = _Watch()
        kept = {n: t.clone() for n, t in self.module.named_buffers()}
        with torch.no_grad(), self.arithmetic(), watch, self._watched():
            one = self.returned((self.args, self.kwargs))
            again = self.returned((self.args, self.kwargs))
        # statistics change in training mode though its outputs do not read them
        if any(not alike(a, b) for a, b in zip(one, again, strict=True)) or any(
                not alike(kept[n], t) for n, t in self.module.named_buffers() if n in kept):
            raise BadInputError(
                "the module is not deterministic, or changes its own tensors as it runs; call "
                ".eval() on it in the factory")
        return watch

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
        """Overwrite these tensors; with `as_stored` by the values themselves, no copy."""
        for name in names:
            value = values(name) if callable(values) else values[name]
            if self.as_stored and value.is_floating_point():
                self.tensors[name].data = value.detach()
            else:
                self.tensors[name].data.copy_(value)

    def arithmetic(self) -> TorchDispatchMode:
        """Within it the module computes in float64."""
        return Widened() if self.as_stored else WideFloats()  # type: ignore[no-untyped-call]

    def outputs(self, inputs: Sequence[Inputs]) -> list[list[Tensor]]:
        """The outputs that are looked at, for each of the inputs."""
        with torch.no_grad(), self.arithmetic():
            return [self.returned(x) for x in inputs]

    def returned(self, inputs: Inputs) -> list[Tensor]:
        """The outputs that are looked at, as the module is run: with gradients, unless without."""
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

        def watch(part: Any) -> Callable[..., None]:
            def see(_: Any, inputs: Any) -> None:
                for k, x in enumerate(leaves):
                    same = inputs and isinstance(inputs[0], Tensor) and not x.is_floating_point()
                    if same and x.numel() == inputs[0].numel() and torch.equal(
                            x.reshape(-1), inputs[0].reshape(-1)):
                        n = part.num_embeddings
                        self._rows[k] = min(n, self._rows.get(k, n))
            return see

        for part in self.module.modules():
            if isinstance(part, torch.nn.Embedding):
                handles.append(part.register_forward_pre_hook(watch(part)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def tensors_of(module: torch.nn.Module) -> dict[str, Tensor]:
    """What a module saves, extra states left out: they are no weights."""
    return {
        n: t for n, t in module.state_dict(keep_vars=True).items()
        if isinstance(t, Tensor) and not is_extra_state(n)}


def _address(x: Tensor) -> int:
    return x.untyped_storage().data_ptr() if x.layout is torch.strided else 0


def _short(x: Any) -> Any:
    """The first tokens of a batch of token ids; anything else as it is."""
    if isinstance(x, Tensor) and not x.is_floating_point() and x.ndim == 2:
        return x[:1, :SHORT]
    return x


def alike(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same; what is no number is no other one."""
    return torch.equal(a, b) or a.shape == b.shape and a.is_floating_point() and bool(
        ((a == b) | (a.isnan() & b.isnan())).all())


def _require_apart(module: torch.nn.Module) -> None:
    """Raises BadInputError where two tensors are views of one memory: each would be given values.

    One tensor by two names is no such case.
    """
    ends: list[tuple[int, int, int, str]] = []
    for name, t in {id(t): (n, t) for n, t in tensors_of(module).items()}.values():
        if t.layout is torch.strided and t.numel():
            last = sum((n - 1) * step for n, step in zip(t.shape, t.stride()))
            start = int(t.storage_offset()) * t.element_size()
            ends.append((_address(t), start, start + int(last + 1) * t.element_size(), name))
    ends.sort()
    for (memory, _, stop, one), (other, start, _, two) in zip(ends, ends[1:]):
        if memory == other and memory and start < stop:
            raise BadInputError(
                f"{one} and {two} of TARGET are views of one memory, and files give each its own "
                "values: make them one tensor there, or two")


def is_large(module: torch.nn.Module) -> bool:
    """Whether a module is run with few inputs, and without a copy of its tensors."""
    return sum(t.numel() for t in tensors_of(module).values()) > LARGE


@contextlib.contextmanager
def running(
    built: tuple[Any, Any, Any], observable: str, output: str | int | None
) -> Iterator[Running]:
    """The built module to run, in float64 within. One that is large is not left as it was.

    Raises BadInputError where two of its tensors are parts of one memory.
    """
    module = built[0]
    _require_apart(module)
    if is_large(module):
        make_exact(module.cpu())
        try:
            program = Running(built, observable, output, as_stored=True)
        except BadInputError:
            pass  # it asks for tensors of one dtype: all of it has to be widened
        else:
            yield program
            return
    with borrowed(module):
        yield Running(built, observable, output, as_stored=False)
