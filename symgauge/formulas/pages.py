"""A document as one self-contained HTML page, or as Markdown: read from our own LaTeX.

The reader knows what `article` writes and nothing else: sections, statements, displays, tables,
lists, a few commands. What it does not know it shows as it is, escaped.
"""

from __future__ import annotations

import html
import re
from abc import ABC, abstractmethod
from collections.abc import Callable

from symgauge.errors import BadInputError
from symgauge.typesetting.drawing import Drawing, read

_STATEMENTS = {
    "theorem": "Theorem", "proposition": "Proposition", "candidate": "Unproved candidate",
    "refuted": "Refuted candidate",
}
_TOKEN = re.compile(
    r"\\begin\{(?P<begin>[a-z]+\*?)\}|(?<!\\)\$(?P<math>[^$]*)\$"
    r"|\\(?P<accent>[`^~='\"v])\{(?P<on>.)\}"
    r"|\\(?P<command>[A-Za-z]+)\*?(?:\[[^\]]*\])?|\\(?P<escaped>[^A-Za-z])|(?P<brace>[{}])"
    r"|(?P<blank>\n[ ]*\n\s*)|(?P<text>[^\\${}\n]+|\n)", re.S)
#: Commands that print a character.
_CHARACTERS = {
    "textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~", "textless": "<",
    "textgreater": ">", "textbar": "|", "square": "□", "dots": "…",
}
#: Commands without anything to show.
_SILENT = {
    "noindent", "normalfont", "small", "par", "smallskip", "hfill", "raggedright", "appendix",
    "qquad"}

#: Commands with a value that is for the page alone.
_VALUES = {
    "penalty": re.compile(r"\d+"), "tabcolsep": re.compile(r"=[\d.]+pt"),
    "setlength": re.compile(r"\{[^}]*\}\{[^}]*\}"),
}


class _Writer(ABC):
    """One format."""

    @abstractmethod
    def text(self, text: str) -> str: ...

    @abstractmethod
    def math(self, latex: str) -> str: ...

    @abstractmethod
    def styled(self, style: str, inside: str) -> str: ...

    @abstractmethod
    def section(self, title: str) -> str: ...

    @abstractmethod
    def statement(self, name: str, inside: str) -> str: ...

    @abstractmethod
    def display(self, rows: list[str]) -> str: ...

    @abstractmethod
    def table(self, head: list[str], rows: list[list[str]]) -> str: ...

    @abstractmethod
    def drawing(self, drawing: Drawing) -> str: ...

    @abstractmethod
    def items(self, items: list[str]) -> str: ...

    @abstractmethod
    def note(self, inside: str) -> str: ...

    @abstractmethod
    def paragraph(self) -> str: ...


class _Reader:
    def __init__(self, writer: _Writer) -> None:
        self.writer = writer
        self.count = 0

    def body(self, latex: str) -> str:
        """The text of a body or of a part of one."""
        out, at = [], 0
        while at < len(latex):
            found = _TOKEN.match(latex, at)
            if found is None:
                out.append(self.writer.text(latex[at]))
                at += 1
                continue
            at = found.end()
            if found["begin"] is not None:
                piece, at = self._environment(found["begin"], latex, at)
                out.append(piece)
            elif found["math"] is not None:
                out.append(self.writer.math(found["math"]))
            elif found["accent"] is not None:
                out.append(self.writer.text(found["on"]))
            elif found["command"] is not None:
                piece, at = self._command(found["command"], latex, at)
                out.append(piece)
            elif found["escaped"] is not None:
                sign = found["escaped"]
                out.append(self.writer.text("" if sign in "\\/" else " " if sign == " " else sign))
            elif found["blank"] is not None:
                out.append(self.writer.paragraph())
            elif found["text"] is not None:
                out.append(self.writer.text(found["text"].replace("~", " ")))
        return "".join(out)

    def _command(self, name: str, latex: str, at: int) -> tuple[str, int]:
        if name in _SILENT:
            return "", at
        if name in _CHARACTERS:
            return self.writer.text(_CHARACTERS[name]), at
        if name in _VALUES:
            return "", _VALUES[name].match(latex, at).end()  # type: ignore[union-attr]
        if name in ("section", "textbf", "emph", "texttt", "textsc", "footnote", "ensuremath"):
            inside, at = braced(latex, at)
            if name == "section":
                return self.writer.section(self.body(inside)), at
            if name == "footnote":
                return self.writer.note(self.body(inside)), at
            if name == "ensuremath":
                return self.writer.math(inside), at
            return self.writer.styled(name, self.body(inside)), at
        return self.writer.text(f"\\{name}"), at

    def _environment(self, name: str, latex: str, at: int) -> tuple[str, int]:
        end = latex.find(f"\\end{{{name}}}", at)
        if end < 0:
            raise BadInputError(f"the document opens {name} and does not close it")
        inside, after = latex[at:end], end + len(f"\\end{{{name}}}")
        if name in _STATEMENTS:
            self.count += 1
            return self.writer.statement(
                f"{_STATEMENTS[name]} {self.count}.", self.body(inside)), after
        if name in ("align*", "equation*"):
            return self.writer.display([r.strip() for r in rows_of(inside)]), after
        if name == "picture":
            return self.writer.drawing(read(inside)), after
        if name == "longtable":
            return self._table(inside), after
        if name == "itemize":
            items = [self.body(x.strip()) for x in inside.split("\\item")[1:]]
            return self.writer.items(items), after
        return self.body(inside), after

    def _table(self, inside: str) -> str:
        _, at = braced(inside, 0)
        head, _, rest = inside[at:].partition("\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n")
        titles = head.replace("\\toprule", "").strip().removesuffix("\\\\")
        rows = [row for row in rows_of(rest.replace("\\midrule", "")) if row.strip()]
        return self.writer.table(self._cells(titles), [self._cells(row) for row in rows])

    def _cells(self, row: str) -> list[str]:
        cells = re.split(r"(?<!\\)&", row.replace("\\cell ", ""))
        return [self.body(cell.strip()) for cell in cells]


def braced(latex: str, at: int) -> tuple[str, int]:
    """What stands in the braces that open at `at` (or after blanks), and where they end."""
    start = latex.index("{", at)
    depth, k = 0, start
    while k < len(latex):
        if latex[k] == "\\":
            k += 2
            continue
        depth += {"{": 1, "}": -1}.get(latex[k], 0)
        if not depth:
            return latex[start + 1:k], k + 1
        k += 1
    raise BadInputError("the document opens a brace and does not close it")


def rows_of(latex: str) -> list[str]:
    r"""The rows of a display or table: cut at `\\` outside of braces."""
    rows, depth, start, k = [], 0, 0, 0
    while k < len(latex):
        if latex.startswith("\\\\", k) and not depth:
            rows.append(latex[start:k])
            k += 2
            start = k
            continue
        if latex[k] == "\\":
            k += 2
            continue
        depth += {"{": 1, "}": -1}.get(latex[k], 0)
        k += 1
    return [*rows, latex[start:]]


# -- Markdown ------------------------------------------------------------------------------------


class _Markdown(_Writer):
    def text(self, text: str) -> str:
        return re.sub(r"([\\`*_\[\]<>|#$])", r"\\\1", text)

    def math(self, latex: str) -> str:
        return f"${latex}$"

    def styled(self, style: str, inside: str) -> str:
        if style == "texttt":
            return "`" + re.sub(r"\\([\\`*_\[\]<>|#$])", r"\1", inside).replace("`", "'") + "`"
        mark = "*" if style in ("emph", "textsc") else "**"
        return f"{mark}{inside.strip()}{mark}"

    def section(self, title: str) -> str:
        return f"\n\n## {title}\n\n"

    def statement(self, name: str, inside: str) -> str:
        return f"\n\n**{name}** {inside.strip()}\n\n"

    def display(self, rows: list[str]) -> str:
        end = r"\tag*{$\square$}"
        body = " \\\\\n".join(row.replace(end, r"\qquad\square") for row in rows)
        return f"\n\n```math\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n```\n\n"

    def table(self, head: list[str], rows: list[list[str]]) -> str:
        lines = [head, ["---"] * len(head), *rows]
        return "\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n\n"

    def drawing(self, drawing: Drawing) -> str:
        return f"(A figure, {drawing.title}, is in the other formats.) "

    def items(self, items: list[str]) -> str:
        return "\n\n" + "\n".join(f"- {item.strip()}" for item in items) + "\n\n"

    def note(self, inside: str) -> str:
        return f" ({inside.strip()})"

    def paragraph(self) -> str:
        return "\n\n"


# -- HTML ----------------------------------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 Georgia, 'Times New Roman', serif; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem; }
h1, h2 { font-family: system-ui, sans-serif; line-height: 1.25; }
.statement { border-left: 3px solid #5b7fb4; padding: .1rem 1rem; margin: 1.2rem 0; }
.display { overflow-x: auto; overflow-y: hidden; margin: .8rem 0; padding: .2rem 0; }
.display table { margin: 0 auto; border-collapse: collapse; }
.display td { border: 0; padding: .1rem .15rem; white-space: nowrap; }
.display td:first-child { text-align: right; }
.scroll { overflow-x: auto; }
.scroll table { border-collapse: collapse; margin: 1rem 0; font-size: .93em; }
.scroll td:first-child { min-width: 5rem; }
.scroll th, .scroll td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top;
  border-bottom: 1px solid #8884; }
.note { font-size: .88em; opacity: .85; }
.caps { font-variant: small-caps; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""


class _Html(_Writer):
    def __init__(self, convert: Callable[..., str]) -> None:
        self._convert = convert

    def text(self, text: str) -> str:
        return html.escape(text)

    def math(self, latex: str) -> str:
        return self._mathml(latex)

    def _mathml(self, latex: str, display: str = "inline") -> str:
        try:
            return str(self._convert(latex, display=display))
        except Exception:  # what the converter cannot read is shown as it is
            return f"<code>{html.escape(latex)}</code>"

    def styled(self, style: str, inside: str) -> str:
        tag = {"texttt": "code", "emph": "em", "textbf": "strong"}.get(style)
        return f"<{tag}>{inside}</{tag}>" if tag else f'<span class="caps">{inside}</span>'

    def section(self, title: str) -> str:
        return f"</p>\n<h2>{title}</h2>\n<p>"

    def statement(self, name: str, inside: str) -> str:
        return (f'</p>\n<div class="statement"><p><strong>{name}</strong> {inside}</p></div>\n<p>')

    def display(self, rows: list[str]) -> str:
        lines = []
        for row in rows:
            end = r"\tag*{$\square$}" in row
            cells = re.split(r"(?<!\\)&", row.replace(r"\tag*{$\square$}", ""))
            cells = ["", *cells] if len(cells) < 2 else cells
            shown = "".join(
                f"<td>{self._mathml(r'{}' + c.strip(), 'inline') if c.strip() else ''}</td>"
                for c in [cells[0], "".join(cells[1:])])
            lines.append(f"<tr>{shown}<td>{'□' if end else ''}</td></tr>")
        return f'</p>\n<div class="display"><table>{"".join(lines)}</table></div>\n<p>'

    def table(self, head: list[str], rows: list[list[str]]) -> str:
        top = "".join(f"<th>{cell}</th>" for cell in head)
        body = "".join(
            f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
        return (f'</p>\n<div class="scroll"><table><thead><tr>{top}</tr></thead>\n<tbody>{body}'
                "</tbody></table></div>\n<p>")

    def drawing(self, drawing: Drawing) -> str:
        return f"</p>\n<div>{drawing.svg()}</div>\n<p>"

    def items(self, items: list[str]) -> str:
        return "</p>\n<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>\n<p>"

    def note(self, inside: str) -> str:
        return f' <span class="note">({inside.strip()})</span>'

    def paragraph(self) -> str:
        return "</p>\n<p>"


def markdown(title: str, body: str) -> str:
    """A document's body as Markdown with formulas, as issue trackers show them."""
    reader = _Reader(_Markdown())
    text = f"# {reader.body(title)}\n\n{reader.body(without_comments(body))}"
    return re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", text)).strip() + "\n"


def page(title: str, body: str) -> str:
    """A document's body as one HTML page, formulas in MathML: nothing is fetched.

    Raises BadInputError where latex2mathml is not installed (extra `html`).
    """
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise BadInputError(
            "an HTML page needs latex2mathml; install symgauge[html]") from None
    reader = _Reader(_Html(convert))
    shown = reader.body(title)
    text = re.sub(r"<p>\s*</p>\n?", "", f"<p>{reader.body(without_comments(body))}</p>")
    plain = re.sub(r"<[^>]*>", "", shown)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{plain}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{shown}</h1>\n"
        f"{text}\n</body>\n</html>\n"
    )


def without_comments(body: str) -> str:
    """The body without the comments and definitions in front of a fragment."""
    return body[body.index("\\section"):] if "\\section" in body else body
