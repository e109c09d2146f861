r"""Whether a formula in LaTeX stands in another one, as a whole or as a part with a meaning.

Spaces, sizes of brackets and the like do not count: `\left(\tfrac12 x\right)` is `(\frac{1}{2}x)`,
and a chain of equations over several lines is one chain. A part has a meaning where brackets could
be put around it: `p/q` stands in `\log(p/q)`, and `a+b` in `c=a+b`; but `a+b` does not stand in
`c-a+b`, nor `D` in `D^*`, nor `x<1` in `2x<1`.
"""

import re
from itertools import chain

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\$)((?:\\.|[^$\\])+)\$", re.DOTALL)
CODE = re.compile(  # and roles
    r"^( *)(?P<fence>```|~~~).*?^ *(?P=fence)"
    r"|(?:\{[\w:]+\})?(?P<ticks>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL | re.MULTILINE,
)
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\S", re.DOTALL)
IGNORED = re.compile(
    r"\\[,;:!> ]|~|\\(?:left|right|(?:b|B)igg?[lrm]?|(?:display|text)style|small|limits)"
)
# The lines of these are parts by themselves; and how far a line is from the next.
ENVIRONMENT = re.compile(
    r"\\(?:begin|end)\{(?:aligned|array|cases)\}(?:\{[lcr]+\})?|(?<=\\\\)\[[\w.-]*\]"
)
SAME = {r"\tfrac": r"\frac", r"\dfrac": r"\frac", r"\leq": r"\le", r"\geq": r"\ge", r"\neq": r"\ne"}
BREAK = r"\\"  # the end of a line or of a cell, or a wide space
BREAKS = {BREAK, "&", r"\quad", r"\qquad"}
OPEN, CLOSE = {"(", "[", "{", r"\{", r"\langle"}, {")", "]", "}", r"\}", r"\rangle"}
SIGNS = {"+", "-", r"\pm", r"\mp"}
COMPARISONS = {*"=<>"} | {
    "\\" + name
    for name in "le ge ne approx to in sim equiv propto iff Rightarrow mapsto leftarrow succ prec "
    "succeq preceq".split()
}
OPERATIONS = SIGNS | COMPARISONS | {r"\times", r"\cdot"}
RELATIONS = COMPARISONS | {*":,;.", BREAK, r"\text"}
SCRIPTS = {"^", "_", "'"}


def formulas(markdown: str) -> list[str]:
    """The formulas between dollars, outside of code and roles."""
    return [one or other for one, other in FORMULA.findall(CODE.sub("", markdown))]


def tokens(formula: str) -> list[str]:
    """What a formula consists of, in one spelling."""
    found = TOKEN.findall(ENVIRONMENT.sub("&", formula))
    found = [SAME.get(token, token) for token in found if not IGNORED.fullmatch(token)]
    found = [BREAK if token in BREAKS else token for token in found]
    # Next to a sign or a relation nothing ends.
    ended: list[str] = []
    for token in found:
        if ended[-1:] == [BREAK] and token in OPERATIONS | {BREAK}:
            ended.pop()
        if token != BREAK or ended[-1:] and ended[-1] not in OPERATIONS:
            ended.append(token)
    out = _grouped(iter(ended))
    while out and out[-1] in {".", ",", ";", BREAK}:
        out.pop()
    return out


def _grouped(found) -> list[str]:
    """The tokens up to the end of the group, {x} as x, {(x)} as (x) and \\frac12 as
    \\frac{1}{2}."""
    out: list[str] = []
    for token in found:
        if token == "}":
            break
        if token == r"\frac":
            two = ([*_argument(found)] for _ in range(2))
            out += [token, *chain.from_iterable(["{", *one, "}"] for one in two)]
        elif token == "{":
            inner = _grouped(found)
            bare = len(inner) == 1 or inner[:1] == ["("] and _end(inner) == len(inner) - 1
            out += inner if bare else ["{", *inner, "}"]
        else:
            out.append(token)
    return out


def _argument(found) -> list[str]:
    """The next group or token."""
    token = next(found, "")
    return _grouped(found) if token == "{" else [token]


def _end(found: list[str]) -> int:
    """Where the bracket ends that the first token opens."""
    depth = 0
    for k, token in enumerate(found):
        depth += (token in OPEN) - (token in CLOSE)
        if depth == 0:
            return k
    return -1


def _outside(found: list[str]) -> set[str]:
    """The tokens that stand in no bracket; a sign at the beginning is no operation."""
    depth, outside = 0, set()
    for k, token in enumerate(found):
        depth -= token in CLOSE
        if depth == 0 and (k > 0 or token not in SIGNS):
            outside.add(token)
        depth += token in OPEN
    return outside


def _has_meaning(part: list[str], before: str, after: str) -> bool:
    """Whether brackets could be put around a part that stands between two tokens."""
    alone = len(part) == 1
    if after in SCRIPTS or (after == "(" or before in SCRIPTS | {"/"}) and not alone:
        return False
    if part[-1].isdigit() and re.match(r"[\d.]", after):
        return False
    if part[0].isdigit() and re.match(r"[\d.]", before):
        return False
    outside = _outside(part)
    begins, ends = before in RELATIONS | OPEN, after in RELATIONS | CLOSE
    if outside & RELATIONS:
        return begins and ends
    if outside & SIGNS:
        return (begins or before == "+" or part[0] in SIGNS) and (ends or after in SIGNS)
    return part[0] not in SIGNS or ends or after in SIGNS


def stands_in(part: str, formula: str) -> bool:
    """Whether a formula stands in another one."""
    small, large = tokens(part), [BREAK, *tokens(formula), BREAK]
    size = len(small)
    return size > 0 and any(
        large[k : k + size] == small and _has_meaning(small, large[k - 1], large[k + size])
        for k in range(1, len(large) - size)
    )
