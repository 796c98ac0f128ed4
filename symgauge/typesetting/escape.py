"""Any text, safely inside LaTeX: the result is ASCII and contains no active character.

Names come from other people's modules, so they are data: every character prints as itself or, where
the plain fonts have no glyph for it, as its code point ``<U+4E2D>``.
"""

import re
import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # these would join into ligatures, or be read as an argument after a line break
    "-": "-{}",
    "`": "`{}",
    "'": "'{}",
    ",": ",{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    '"': "{''}",
    "\t": " ",
    "\n": " ",
    "\r": " ",
    "\u00a0": " ",
}
_SYMBOLS = {
    "×": r"\times",
    "·": r"\cdot",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "→": r"\to",
    "↦": r"\mapsto",
    "∈": r"\in",
    "∞": r"\infty",
    "±": r"\pm",
    "−": "-",
    "∂": r"\partial",
    "∇": r"\nabla",
    "⊕": r"\oplus",
    "⊤": r"\top",
}
_ACCENTS = {
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0304": r"\=",
    "\u0308": r'\"',
    "\u030c": r"\v",
    "\u0327": r"\c",
}
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)$")
# the letters whose shape is Latin have no command of their own
_GREEK_COMMANDS = {
    "SMALL": "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho "
    "sigma tau upsilon phi chi psi omega",
    "CAPITAL": "gamma delta theta lambda xi pi sigma upsilon phi psi omega",
}


def _character(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if " " <= c <= "~":
        return c
    if c in _SYMBOLS:
        return rf"\ensuremath{{{_SYMBOLS[c]}}}"
    # GREEK SMALL LETTER LAMDA is how Unicode spells it
    greek = _GREEK.match(unicodedata.name(c, "").replace("LAMDA", "LAMBDA"))
    if greek and greek[2].lower() in _GREEK_COMMANDS[greek[1]].split():
        name = greek[2].lower() if greek[1] == "SMALL" else greek[2].capitalize()
        return rf"\ensuremath{{\{name}}}"
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        base = rf"\{parts[0]}{{}}" if parts[0] in "ij" else parts[0]
        return f"{_ACCENTS[parts[1]]}{{{base}}}"
    return rf"\textless{{}}U+{ord(c):04X}\textgreater{{}}"


# may be broken here, and rather not: short names stay whole where the line has room
BREAK = r"\penalty500{}"


def escape(text: str) -> str:
    r"""LaTeX that prints `text` literally, in the current font.

    >>> print(escape(r"50% of a_b \input{x}"))
    50\% of a\_b \textbackslash{}input\{x\}
    """
    out = ""
    for word in re.split(r"(\s)", str(text)):
        # a word of more than 24 characters may break after every 10
        pieces = re.findall(r".{1,10}", word, flags=re.DOTALL) if len(word) > 24 else [word]
        out += BREAK.join("".join(map(_character, piece)) for piece in pieces)
    return out


def verbatim(text: str) -> str:
    r"""`escape` in the typewriter font, with places where a long name may break.

    >>> print(verbatim("q.weight"))
    \texttt{q.\penalty500{}weight}
    """
    pieces = re.findall(r"[^\W_]{1,12}|.", str(text), flags=re.DOTALL)
    out = ""
    for piece, following in zip(pieces, pieces[1:] + [""]):
        out += escape(piece)
        # break after punctuation, and inside words too long to keep whole; never before the end
        if following.strip() and piece.strip() and (not piece.isalnum() or following.isalnum()):
            out += BREAK
    return rf"\texttt{{{out}}}"


_COMMANDS = frozenset(
    """
    alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau
    phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
    mapsto to cdot times otimes oplus odot circ pm mp div ast star le leq ge geq ne neq approx equiv
    sim in notin subset cup cap infty partial nabla top perp dots ldots cdots sum prod int forall
    exists ell mid colon langle rangle lfloor rfloor lceil rceil lVert rVert lvert rvert Vert vert
    quad qquad left right big Big bigl bigr Bigl Bigr
    frac tfrac dfrac sqrt mathrm mathbf mathbb mathfrak mathcal mathit mathsf mathtt text textit
    operatorname boldsymbol overline underline bar hat tilde widehat widetilde dot vec
    exp log ln sin cos tan tanh sinh cosh max min det dim ker rank sup inf deg arg gcd
    """.split()
)
_TAKES_ARGUMENT = (
    "frac tfrac dfrac sqrt mathrm mathbf mathbb mathfrak mathcal mathit mathsf mathtt text textit "
    "operatorname boldsymbol overline underline bar hat tilde widehat widetilde dot vec left right"
).replace(" ", "|")
_ATOM = r"(?:\{[^{}]*\}|\\[A-Za-z]+|[^\\{}\s])"


def is_math(formula: str) -> bool:
    r"""True where `formula` is plain LaTeX mathematics that this document can typeset.

    A short list of commands is known; `\input` and its like, unbalanced braces, comments and `$`
    are not mathematics.

    >>> is_math(r"g_h W^{\top}"), is_math(r"\input{x}"), is_math("}")
    (True, False, False)
    """
    if not formula.strip() or not all(" " <= c <= "~" for c in formula):
        return False
    if re.search(r"\\[\\(\[\])]", formula):
        return False
    bare = re.sub(r"\\[_{}%#$&,;:! |]", lambda m: "x" if m[0] != r"\|" else "|", formula)
    commands = re.findall(r"\\([A-Za-z]+)", bare)
    if not set(commands) <= _COMMANDS or bare.count("\\") != len(commands):
        return False
    if commands.count("left") != commands.count("right"):
        return False
    if re.search(r"[$%#&~]|\^\^", bare):
        return False
    if re.search(rf"(?:[\^_]|\\(?:{_TAKES_ARGUMENT}))\s*(?:\}}|$)", bare):
        return False
    if re.search(rf"(?:\^\s*{_ATOM}\s*\^)|(?:_\s*{_ATOM}\s*_)", bare):
        return False
    depth = 0
    for c in bare:
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    return depth == 0


def math(formula: str) -> str:
    r"""`$formula$` where it is mathematics, else the text of it in typewriter.

    >>> print(math("a x + c"), math(r"\write18"))
    $a x + c$ \texttt{\textbackslash{}\penalty500{}write18}
    """
    return f"${formula}$" if is_math(formula) else verbatim(formula)


def mixed(text: str) -> str:
    r"""A sentence: its `$...$` as mathematics, the rest escaped; a bare formula is mathematics.

    >>> print(mixed(r"$\delta x = 0$ for 100% of x"), mixed(r"\delta x = 0"))
    $\delta x = 0$ for 100\% of x $\delta x = 0$
    """
    if "$" not in text:
        return f"${text}$" if re.search(r"\\[A-Za-z]", text) and is_math(text) else escape(text)
    pieces = text.split("$")
    if len(pieces) % 2 == 0 or not all(is_math(piece) for piece in pieces[1::2]):
        return escape(text)
    return "".join(f"${p}$" if i % 2 else escape(p) for i, p in enumerate(pieces))
