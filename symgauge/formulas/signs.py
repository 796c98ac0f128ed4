"""Signs that formulas use, and what they mean for a reader."""

#: Between what stands in rows below each other.
BELOW = r"\,;\, "
LN = r"\operatorname{LN}"
RMS = r"\operatorname{RMSNorm}"
NOTES = {
    LN: r"$\operatorname{LN}(x) = (x - \operatorname{mean}(x)) / \sqrt{\operatorname{var}(x) + "
        r"\varepsilon}$ along each row",
    RMS: r"$\operatorname{RMSNorm}(x) = x / \sqrt{\operatorname{mean}(x^2) + \varepsilon}$ along "
         r"each row",
    r"\operatorname{R}": r"$\operatorname{R}$ turns pairs of entries by fixed angles, by position",
    r"\operatorname{C}": r"$\operatorname{C}(x) = x - \operatorname{mean}(x)$",
    r"\operatorname{concat}": r"$\operatorname{concat}_h$ puts the heads side by side",
    r"\operatorname{perm}": (
        r"$\operatorname{perm}_{312}$ has the third axis first, then the first and the second"),
    r"\phi_": r"$\phi_{s,t}(x;\, \theta)$ is the flow of $\dot{x}$ from time $s$ to $t$",
    "C_{": r"$C_1, \dots$ are tables of constants",
    r"{reshape}": r"$\operatorname{reshape}$ has the same entries in rows of other lengths",
    r"{gelu}_{\tanh}": (
        r"$\operatorname{gelu}_{\tanh}(x) = \tfrac{1}{2}\,x\,(1 + \tanh(\sqrt{2 / \pi}\,(x + "
        r"0.044715\,x^3)))$"),
    r"{matmul}": (
        r"$\operatorname{matmul}$ multiplies along the last two axes, for each index before them; "
        r"$\top$ exchanges those two"),
    r"^{\odot": r"$x^{\odot n}$ raises each entry to the power $n$",
    "{step}": r"$\operatorname{step}(x)$ is 1 where $x > 0$, else 0",
    BELOW: r"$[a\,;\, b]$ has the rows of $b$ below those of $a$",
    "{tile}_": r"$\operatorname{tile}_n$ puts $n$ copies side by side",
    "{each}_": r"$\operatorname{each}_n$ has each entry $n$ times in a row",
    r"\operatorname{rep}_": r"$\operatorname{rep}_a$ repeats along a new axis $a$, from 0 on",
    r"\operatorname{sum}_": r"$\operatorname{sum}_a$ sums along axis $a$, from 0 on",
    **dict.fromkeys(
        (r"{softmax}_", r"{LN}_", r"{C}_"),
        "an index names the axes that something is along, from 0 on"),
    r"\odot": r"$\odot$ multiplies entry by entry",
    r"[\,\cdot\,]": r"$[\,\cdot\,]$ takes entries at fixed places",
    r"\ast": (
        r"$(W \ast x)_{o i} = \sum_{c, k} W_{o c k}\, x_{c, i + k}$, the convolution of channels "
        r"$c$ along the axes behind them (stride 1, no padding, unless written below it)"),
}


def notes_on(text: str) -> list[str]:
    """What the signs mean that formulas use."""
    return list(dict.fromkeys(said for sign, said in NOTES.items() if sign in text))
