r"""Lines, boxes and words in millimetres: a LaTeX `picture`, or inline SVG.

The picture uses what LaTeX itself has (`\line` of slopes 0, 1 and vertical, `\rule`): no package.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

#: Length of a dash and of a gap, in millimetres.
DASH = 1.0


@dataclass
class Drawing:
    """A drawing of this width and height; y grows upwards."""

    width: float
    height: float
    #: What it shows, for those who cannot see it.
    title: str
    lines: list[tuple[float, float, float, float, bool]] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    words: list[tuple[float, float, str, str]] = field(default_factory=list)

    def line(self, x: float, y: float, dx: float, dy: float, dashed: bool = False) -> None:
        """A line from (x, y) by (dx, dy): horizontal, vertical, or of slope 1."""
        if dx and dy and abs(dx - dy) > 1e-6:
            raise ValueError("a picture has lines of slope 0 and 1, and vertical ones")
        self.lines.append((x, y, dx, dy, dashed))

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """The sides of a box."""
        for a, b, dx, dy in ((x, y, width, 0.0), (x, y + height, width, 0.0),
                             (x, y, 0.0, height), (x + width, y, 0.0, height)):
            self.line(a, b, dx, dy)

    def box(self, x: float, y: float, width: float, height: float) -> None:
        """A filled box."""
        self.boxes.append((x, y, width, height))

    def word(self, x: float, y: float, text: str, side: str = "l") -> None:
        """Words that begin (l) or end (r) there, or have it in their middle (c)."""
        self.words.append((x, y, text, side))

    def latex(self) -> str:
        """A picture environment."""
        out = [f"\\begin{{picture}}({_n(self.width)},{_n(self.height)})% {self.title}"]
        for x, y, dx, dy, dashed in self.lines:
            length = max(abs(dx), abs(dy))
            slope = f"({int(dx > 0)},{int(dy > 0)})"
            if dashed:
                count, step = max(1, int(length / (2 * DASH))), 2 * DASH
                move = f"({_n(step if dx else 0)},{_n(step if dy else 0)})"
                out.append(f"\\multiput({_n(x)},{_n(y)}){move}{{{count}}}"
                           f"{{\\line{slope}{{{_n(DASH)}}}}}")
            else:
                out.append(f"\\put({_n(x)},{_n(y)}){{\\line{slope}{{{_n(length)}}}}}")
        out += [f"\\put({_n(x)},{_n(y)}){{\\rule{{{_n(w)}mm}}{{{_n(h)}mm}}}}"
                for x, y, w, h in self.boxes]
        for x, y, text, side in self.words:
            place = "" if side == "c" else f"[{side}]"
            out.append(f"\\put({_n(x)},{_n(y)}){{\\makebox(0,0){place}{{\\footnotesize {text}}}}}")
        return "\n".join([*out, "\\end{picture}"])

    def svg(self) -> str:
        """The same as SVG, to stand in an HTML page."""
        h = self.height

        def at(x: float, y: float, dx: float, dy: float) -> str:
            return (f'x1="{_n(x)}" y1="{_n(h - y)}" x2="{_n(x + dx)}" y2="{_n(h - y - dy)}"')

        parts = [
            f'<line {at(x, y, dx, dy)}{_dash(dashed)}/>' for x, y, dx, dy, dashed in self.lines]
        parts += [
            f'<rect x="{_n(x)}" y="{_n(h - y - b)}" width="{_n(a)}" height="{_n(b)}"/>'
            for x, y, a, b in self.boxes]
        anchor = {"l": "start", "r": "end", "c": "middle"}
        parts += [
            f'<text x="{_n(x)}" y="{_n(h - y + 1)}" text-anchor="{anchor[side]}">'
            f"{html.escape(_plain(text))}</text>" for x, y, text, side in self.words]
        return (
            f'<svg viewBox="-1 -1 {_n(self.width + 2)} {_n(h + 2)}" role="img" '
            f'aria-label="{html.escape(self.title)}" style="width: {_n(self.width * 4)}px; '
            'max-width: 100%" font-size="3" fill="currentColor" stroke-width=".25">'
            f'<g stroke="currentColor">{"".join(p for p in parts if p.startswith("<line"))}</g>'
            f'{"".join(p for p in parts if not p.startswith("<line"))}</svg>')


def read(picture: str) -> Drawing:
    """The drawing that `latex` wrote, from the text of the environment."""
    number = r"(-?[\d.]+)"
    head = re.match(rf"\({number},{number}\)% ?(.*)", picture)
    assert head is not None
    out = Drawing(float(head[1]), float(head[2]), head[3])
    pair = rf"\({number},{number}\)"
    for x, y, dx, dy, length in re.findall(
            rf"\\put{pair}\{{\\line\((\d),(\d)\)\{{{number}\}}\}}", picture):
        out.line(float(x), float(y), int(dx) * float(length), int(dy) * float(length))
    for x, y, _, _, count, dx, dy in re.findall(
            rf"\\multiput{pair}{pair}\{{(\d+)\}}\{{\\line\((\d),(\d)\)", picture):
        length = 2 * DASH * int(count) - DASH
        out.line(float(x), float(y), int(dx) * length, int(dy) * length, True)
    for found in re.findall(
            rf"\\put{pair}\{{\\rule\{{{number}mm\}}\{{{number}mm\}}\}}", picture):
        out.box(*map(float, found))
    for x, y, side, text in re.findall(
            rf"\\put{pair}\{{\\makebox\(0,0\)(?:\[([lr])\])?\{{\\footnotesize (.*)\}}\}}",
            picture):
        out.word(float(x), float(y), text, side or "c")
    return out


def _n(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".") or "0"


def _dash(dashed: bool) -> str:
    return f' stroke-dasharray="{_n(DASH)}"' if dashed else ""


def _plain(text: str) -> str:
    """Words of a label without their markup."""
    text = re.sub(r"\\(?:mathfrak|mathbb|mathrm|operatorname)\{([^}]*)\}", r"\1", text)
    for latex, sign in (("$", ""), (r"\times", "×"), (r"\ltimes", "⋉"), (r"\oplus", "+"),
                        (r"\,", " "), ("{", ""), ("}", "")):
        text = text.replace(latex, sign)
    return text
