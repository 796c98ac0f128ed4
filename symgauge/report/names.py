r"""Short symbols for parameter tensors: ``q_proj.weight`` is :math:`W_{\mathrm{q}}`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

#: A number that is a whole part of a parameter's path: the 1 of fc1 or ln_1 tells modules apart.
NUMBER = re.compile(r"(?:(?<=\.)|^)\d+(?=\.|$)")
#: The superscript of a symbol that is the number of a layer.
LAYER = re.compile(r"\^\{\((\d+)\)\}")
# a longer subscript is worse than a number: the table of symbols tells the name
_LONGEST = 14


class Block(NamedTuple):
    """A slice `start:stop` of one axis of a parameter, written as PyTorch writes it.

    Of every `period` entries of the axis from `begin` on, where that is not 0.

    >>> str(Block("in_proj_weight", 0, 4, 8)), str(Block("out.weight", 1, 0, 2))
    ('in_proj_weight[4:8]', 'out.weight[:, 0:2]')
    >>> str(Block("qkv.weight", 0, 4, 6, 6)), Block.parse("qkv.weight[4:6 of 6]").period
    ('qkv.weight[4:6 of 6]', 6)
    >>> str(Block("qkv.weight", 0, 4, 6, 6, 12)), Block.parse("qkv.weight[4:6 of 6 from 12]").begin
    ('qkv.weight[4:6 of 6 from 12]', 12)
    """

    parameter: str
    axis: int
    start: int
    stop: int
    period: int = 0
    begin: int = 0

    def __str__(self) -> str:
        of = f" of {self.period}" if self.period else ""
        of += f" from {self.begin}" if self.begin else ""
        return f"{self.parameter}[{':, ' * self.axis}{self.start}:{self.stop}{of}]"

    @classmethod
    def parse(cls, name: str) -> "Block | None":
        """The block that `name` writes; None where it is a whole parameter's name."""
        match = re.fullmatch(
            r"(.+)\[((?::, )*)(\d+):(\d+)(?: of (\d+)(?: from (\d+))?)?\]", name, flags=re.DOTALL)
        if match is None:
            return None
        return cls(match[1], len(match[2]) // 3, *(int(n or 0) for n in match.groups()[2:]))


def _third(block: Block, shapes: Mapping[str, Sequence[int]]) -> str:
    """q, k or v where `block` is that third of torch.nn.MultiheadAttention's packed projection."""
    shape = shapes.get(block.parameter, ())
    packed = re.search(r"(^|\.)in_proj_(weight|bias)$", block.parameter)
    size = block.stop - block.start
    third = shape and shape[0] == 3 * size and not block.start % size
    if not packed or block.axis or block.period or not third:
        return ""
    return "qkv"[block.start // size]


def _parts(name: str) -> tuple[str, list[str]]:
    """The letter of the symbol, and the words of the path that may stand in its subscript."""
    *path, last = [part for part in re.split(r"[./]", name) if part] or ["theta"]
    kind = re.fullmatch(r"(?:(.*?)_)?(weight|bias)(?:_(.*))?", last)
    if kind:
        letter = "W" if kind[2] == "weight" else "b"
        path += [part for part in (kind[1], kind[3]) if part]
    elif re.fullmatch(r"[A-Za-z]", last):
        letter = last
    elif re.fullmatch(r"[A-Za-z]_.+|[WwBb][A-Za-z0-9]{1,2}", last):
        # W_q, wq, b1: the textbook's own spelling
        letter = {"w": "W", "B": "b"}.get(last[0], last[0])
        path = [*path, last[1:].lstrip("_")]
    else:
        letter = r"\theta"
        path = [*path, last]
    words = []
    for part in path:
        short = re.sub(r"^(proj|linear)_|_(proj|linear|layer)$", "", part) or part
        words.append("".join(c for c in short if c.isascii() and (c.isalnum() or c == "_")))
    return letter, words


def _symbol(letter: str, words: Sequence[str]) -> str:
    shown = [
        w if re.fullmatch(r"[\d:,]+", w) else rf"\mathrm{{{w}}}".replace("_", r"\_")
        for w in " ".join(words).split()
        if w.strip("_")
    ]
    shown = [w.replace(":", "{:}") for w in shown]
    return f"{letter}_{{{','.join(shown)}}}" if shown else letter


def symbols(
    names: Iterable[str], shapes: Mapping[str, Sequence[int]] | None = None
) -> dict[str, str]:
    r"""One LaTeX symbol per name, all different, with subscripts only.

    A name is a parameter's, or a block of one (`str(Block(...))`); `shapes` (by parameter) lets the
    thirds of a packed `in_proj_weight` be called q, k and v. Two names that would share a symbol
    take the words of their paths that differ, and a number where that is not enough.

    >>> symbols(["q_proj.weight", "q_proj.bias", "layers.0.weight"])["q_proj.weight"]
    'W_{\\mathrm{q}}'
    """
    order = list(dict.fromkeys(names))
    parts = {name: _parts_of(name, shapes or {}) for name in order}
    chosen = _told_apart(parts)
    result: dict[str, str] = {}
    taken: set[str] = set()
    for position, name in enumerate(order):
        letter, words = parts[name][0], chosen[name]
        if sum(map(len, words)) + len(words) > _LONGEST + 1:
            words = [str(position + 1)]
        symbol, attempt = _symbol(letter, words), 1
        while symbol in taken:
            attempt += 1
            symbol = _symbol(letter, [*words, str(attempt)])
        taken.add(symbol)
        result[name] = symbol
    return result


def _parts_of(name: str, shapes: Mapping[str, Sequence[int]]) -> tuple[str, list[str]]:
    """The letter and the words of a parameter's name, or of a block's."""
    block = Block.parse(name)
    if block is None:
        return _parts(name)
    letter, words = _parts_of(block.parameter, shapes)
    where = str(block)[len(block.parameter) + 1 : -1].replace(" ", "")
    # one word, so that a slice never stands without what it is a slice of
    last = _third(block, shapes) or f"{words[-1] if words else ''} {where}"
    return letter, [*words[:-1], last]


def _told_apart(parts: Mapping[str, tuple[str, list[str]]]) -> dict[str, list[str]]:
    """The last word of each; where that makes symbols equal, the words that differ too."""
    chosen = {name: words[-1:] for name, (_, words) in parts.items()}
    groups: dict[str, list[str]] = {}
    for name, (letter, _) in parts.items():
        groups.setdefault(_symbol(letter, chosen[name]), []).append(name)
    for group in groups.values():
        paths = [parts[name][1] for name in group]
        aligned = len({len(path) for path in paths}) == 1
        for name, path in zip(group, paths):
            if len(group) > 1:
                chosen[name] = [
                    word
                    for i, word in enumerate(path)
                    if i == len(path) - 1 or not aligned or len({p[i] for p in paths}) > 1
                ]
    return chosen


def indexed(symbol: str, index: str) -> str:
    r"""The symbol with one index more, inside its subscript.

    >>> indexed(r"W_{\mathrm{q}}^{(0)}", "h"), indexed("Q", "h"), indexed(r"\gamma^{(1)}", "h")
    ('W_{\\mathrm{q},h}^{(0)}', 'Q_{h}', '\\gamma_{h}^{(1)}')
    """
    letter = re.match(r"\\?[A-Za-z]+", symbol)
    end = letter.end() if letter else len(symbol)
    if not symbol[end:].startswith("_{"):
        return f"{symbol[:end]}_{{{index}}}{symbol[end:]}"
    depth = 0
    for k in range(end + 1, len(symbol)):
        depth += {"{": 1, "}": -1}.get(symbol[k], 0)
        if not depth:
            return f"{symbol[:k]},{index}{symbol[k:]}"
    return symbol


def raised(symbol: str, sign: str) -> str:
    r"""The symbol with a superscript, in braces where it has one already, as that of a layer.

    >>> raised("W", r"^{\top}"), raised("W^{(0)}", "'")
    ('W^{\\top}', "{W^{(0)}}'")
    """
    return f"{{{symbol}}}{sign}" if "^" in symbol else f"{symbol}{sign}"
