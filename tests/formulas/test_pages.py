"""HTML and Markdown, read from our own LaTeX: what each shows, and that names stay data."""

import re

import pytest

from symgauge.errors import BadInputError
from symgauge.typesetting.escape import escape, verbatim
from symgauge.formulas.pages import markdown, page

BODY = r"""\section{The result}
\begin{theorem}\normalfont The redundancy is 2\footnote{A \emph{generic} point.}
\end{theorem}
\begin{align*}
Q &\mapsto X\,W_{Q}^{\top}, \qquad \delta Q = 0 \\
K &\mapsto \operatorname{softmax}(K) \tag*{$\square$}
\end{align*}
{\small\begin{longtable}{@{}p{0.1\linewidth}r@{}}
\toprule
symbol & tensor \\
\midrule
\endhead
\bottomrule
\endfoot
\cell $W_{Q}$ & \cell \texttt{q\_\penalty500{}proj.\penalty500{}weight} \\
\end{longtable}
}
"""


def test_a_page_has_each_part_and_fetches_nothing() -> None:
    text = page(r"Symmetries of \texttt{net}", BODY)
    assert "<h1>Symmetries of <code>net</code></h1>" in text
    assert "<strong>Theorem 1.</strong>" in text and "<em>generic</em>" in text
    assert text.count("<tr>") == 2 + 2 and "q_proj.weight" in text
    assert text.count("<math") == 2 * 2 + 1 and "\\" not in re.sub(r"<style>.*</style>", "", text)
    assert "http" not in text.replace("http://www.w3.org/1998/Math/MathML", "")
    assert "<script" not in text and "<link" not in text


def test_markdown_has_each_part() -> None:
    text = markdown(r"Symmetries of \texttt{net}", BODY)
    assert text.startswith("# Symmetries of `net`\n")
    assert "**Theorem 1.** The redundancy is 2 (A *generic* point.)" in text
    assert "```math\n\\begin{aligned}\nQ &\\mapsto X\\,W_{Q}^{\\top}" in text
    assert "| symbol | tensor |\n| --- | --- |\n| $W_{Q}$ | `q_proj.weight` |" in text


@pytest.mark.parametrize("hostile", [
    "<script>alert(1)</script>", "a|b", "`x`", "$x$ & {y}", "\\input{z} 100%", "[a](b) *c* _d_",
    "é 中 ~^",
])
def test_names_are_data(hostile: str) -> None:
    body = f"\\section{{x}}\n{escape(hostile)} and {verbatim(hostile)}\n"
    shown = page("t", body)
    assert "<script" not in shown and shown.count("<code>") <= 1 and "<math" not in shown
    text = markdown("t", body)
    line = text.splitlines()[-1]
    assert not re.search(r"(?<!\\)[<>|$]", line.split("`")[0])


def test_a_broken_document_is_refused() -> None:
    with pytest.raises(BadInputError, match="does not close it"):
        markdown("t", r"\begin{align*} x")
    with pytest.raises(BadInputError, match="does not close it"):
        markdown("t", r"\section{x")
