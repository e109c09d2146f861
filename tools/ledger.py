"""Write the proof ledger of the book, `chapters/appendix/ledger.md`, from the stored outputs.

    python tools/ledger.py

Every derivation, proof and verdict that a chapter shows is read from the text of its output, as
`Derivation`, `Proof` and `Verdict` write it and as `print` passes it on. A cell with a line that is
only checked must say why in its metadata: `"checked": "why, in one sentence"`.
"""

import itertools
import math
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml
from markdown_it.renderer import RendererHTML
from markdown_it.tree import SyntaxTreeNode
from myst_parser.config.main import MdParserConfig
from myst_parser.mdit_to_docutils.base import compute_unique_slug
from myst_parser.parsers.mdit import create_md_parser

from gancode.calculus.proof import DIGITS, POINTS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "chapters" / "appendix" / "ledger.md"

# How a line of a derivation, a proof and a row of a verdict print; how the first two are drawn.
STEP = re.compile(r"\s*[=≤≥] .*\[.*: (proved|checked)\]\W*")
EVIDENCE = re.compile(
    r"\b(?:proved \([^()]*(?:\([^()]*\)[^()]*)*\)|checked to \d+ digits at \d+ points|refuted at "
    r"|(?:proved|checked|refuted)(?=$|[;,]))"
)
ROW = re.compile(r"([✓✗]) (.*?): predicted ")
START = re.compile(r"\{aligned\}\n& (.*?) \\\\\[6pt\]", re.DOTALL)
STATEMENT = re.compile(r"\{aligned\}\n(.*?) &(=|<|>|\\le|\\ge) (.*) \\\\\[-2pt\]", re.DOTALL)
REASON_MISSING = 'a line is only checked; say why in the metadata of the cell, under "checked"'
REASON_IDLE = 'no line is only checked; take "checked" out of the metadata of the cell'
WIDE = 80  # characters: a longer expression is not drawn, and its middle is left out

HEAD = f"""\
(ledger)=
# The proof ledger

What does this book prove, what does it only check, and what does it measure? This page counts. \
It is written from the outputs stored in the chapters, and a test holds it to them.

A statement is attacked first, wherever it has numerical values: its two sides are evaluated to \
{DIGITS} digits at up to {POINTS} points of the domain, the hard ones among them (a statement \
about any function, for two particular ones), and one disagreement refutes it. What survives is

- **proved** where SymPy decides it exactly. Of an equality, the two sides are the same \
expression, or their difference vanishes: under one integral, expanded, over a common denominator, \
with exponentials and logarithms expanded, case by case, or simplified. Of an inequality, the sign \
of the difference is known, or calculus finds its least value or its limits;
- **checked** where no exact road is found. Nothing but the evaluations speaks for it, and this \
page says why.

A statement with a {{term}}`counterexample` is **refuted**. Those that a chapter shows stand there \
on purpose: they are wrong guesses, answered. They are no failures, and are counted apart. A \
**row** of a verdict sets a prediction beside a measurement, and holds where the two agree within \
a tolerance that has its reason beside it.

Only what a reader sees is counted. A derivation that a cell makes but does not show is left out; \
a derivation or a verdict that is shown again, with more lines, counts once.
"""


@dataclass
class Entry:
    """A derivation, a proof or a verdict that a chapter shows."""

    kind: str
    name: str  # MyST
    place: str  # a MyST link to its section
    lines: list[str]  # as printed; of a derivation the start too
    statuses: list[str] = field(default_factory=list)  # proved, checked, refuted; ✓ and ✗
    why: str = ""  # some of it is only checked

    @property
    def outcome(self) -> str:
        """What its lines came to, in a few words."""
        if self.kind == "proof":
            return self.statuses[0]
        if self.kind == "verdict":
            return f"{self.statuses.count('✓')} of {len(self.statuses)} rows hold"
        count = self.statuses.count
        parts = [(count(status), status) for status in ("proved", "checked") if count(status)]
        return ", ".join(f"{n} step{'s' * (n > 1)} {status}" for n, status in parts)


@dataclass
class Chapter:
    """A notebook, what it shows, and where a reason is missing or idle."""

    title: str
    link: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, status: str, *kinds: str) -> int:
        """How many lines of entries of these kinds have that status."""
        return sum(entry.statuses.count(status) for entry in self.entries if entry.kind in kinds)


def prose(text: str) -> str:
    """Text with LaTeX between dollar signs, for MyST."""
    pieces = re.split(r"(\$[^$]+\$)", text)
    pieces[::2] = [re.sub(r"([\\`*_{}\[\]<>#|~^&$])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)


def code(text: str) -> str:
    """Text as it was printed, without its middle if it is long."""
    text = text.removesuffix(" is").replace("`", "'")
    half = WIDE // 2
    text = text if len(text) <= WIDE else f"{text[:half]} … {text[-half:]}"
    return f"`{text}`" if text else "*stated in the code*"


def verdict(text: str, place: str) -> Entry:
    """The verdict that prints as `text`."""
    title, *lines, _ = text.splitlines()
    rows = [row.groups() for row in map(ROW.match, lines) if row]
    others = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    name = prose(rows[0][1]) + others if title == "Verdict" else prose(title)
    return Entry("verdict", name, place, lines, [mark for mark, _ in rows])


def statements(text: str, latex: str, place: str) -> list[Entry]:
    """The derivations and proofs in a text; `latex` is how its output is drawn, if it is."""
    entries, before, chain = [], [], None  # the lines since the last statement, its derivation
    for line in text.splitlines():
        if step := STEP.fullmatch(line):
            if chain is None:
                *title, start = map(str.strip, before[-2:] or [""])
                drawn = START.search(latex) if len(start) <= WIDE else None
                unnamed = rf"${drawn[1]} = \dots$" if drawn else code(start)
                chain = Entry("derivation", prose("".join(title)) or unnamed, place, [start])
                entries.append(chain)
            chain.lines.append(line)
            chain.statuses.append(step[1])
            before = []
            continue
        chain, end = None, 0
        for found in EVIDENCE.finditer(line):
            said = line[end : found.start()].strip(" ;:,[")
            above = before[-1:] if line.startswith(" ") or not said else []
            statement = ": ".join(filter(None, [*(text.strip(" :") for text in above), said]))
            drawn = STATEMENT.search(latex) if len(statement) <= WIDE else None
            name = f"${' '.join(drawn.groups())}$" if drawn else code(statement)
            entries.append(Entry("proof", name, place, [line], [found[0].split()[0]]))
            end = found.end()
        before = [] if end else [*before, line]
    return entries


def shown(cell, place: str) -> list[Entry]:
    """What the outputs of a code cell show."""
    entries = []
    for output in cell.outputs:
        data = output.get("data", {})
        plain = output.get("text", data.get("text/plain", ""))
        if 'class="verdict"' in data.get("text/html", ""):
            entries.append(verdict(plain, place))
        else:
            entries += statements(plain, data.get("text/latex", ""), place)
    return entries


def read(notebook, file: str, extensions=("dollarmath",), depth: int = 3) -> Chapter:
    """The chapter in `notebook`, which the table of contents calls `file`.

    `extensions` are those of MyST; headings down to `depth` have an anchor.
    """
    markdown = create_md_parser(MdParserConfig(enable_extensions=set(extensions)), RendererHTML)
    link = f"../{file.removeprefix('chapters/')}.ipynb"
    chapter, anchors, place = Chapter(file, link), [], ""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for node in SyntaxTreeNode(markdown.parse(cell.source)).children:
                if node.type == "heading" and int(node.tag[1]) <= depth:
                    title = node.children[0].content
                    chapter.title = chapter.title if anchors else title
                    anchors.append(compute_unique_slug(node, anchors))
                    place = f"[{title}]({link}#{anchors[-1]})"
        elif cell.cell_type == "code":
            entries, why = shown(cell, place), " ".join(cell.metadata.get("checked", "").split())
            checked = [entry for entry in entries if "checked" in entry.statuses]
            for entry in checked:
                entry.why = why
            if checked and not why:
                chapter.problems.append(f"{file}.ipynb, cell {index}: {REASON_MISSING}")
            if why and not checked:
                chapter.problems.append(f"{file}.ipynb, cell {index}: {REASON_IDLE}")
            chapter.entries += entries
    chapter.entries = [
        entry
        for index, entry in enumerate(chapter.entries, 1)  # not what is shown again, grown
        if entry.kind == "proof"
        or all(later.lines[: len(entry.lines)] != entry.lines for later in chapter.entries[index:])
    ]
    return chapter


def chapters(root: Path = ROOT) -> list[Chapter]:
    """Every notebook of the book, in the order of its table of contents."""
    toc, config = (
        yaml.safe_load((root / name).read_text(encoding="utf-8"))
        for name in ("_toc.yml", "_config.yml")
    )
    extensions = config["parse"]["myst_enable_extensions"]
    depth = config["sphinx"]["config"]["myst_heading_anchors"]
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [
        read(nbformat.read(path, as_version=4), file, extensions, depth)
        for file in files
        if (path := root / f"{file}.ipynb").exists()
    ]


def row(chapter: Chapter) -> list[str]:
    """The row of a chapter in the table of all."""

    def of(kind, good, bad):
        found = chapter.count(good, kind)
        return f"{found}/{found + chapter.count(bad, kind)}"

    cells = [
        sum(entry.kind == "derivation" for entry in chapter.entries),
        of("derivation", "proved", "checked"),
        of("proof", "proved", "checked"),
        chapter.count("refuted", "proof"),
        of("verdict", "✓", "✗"),
    ]
    title = f"[{chapter.title}]({chapter.link})" if chapter.link else f"**{chapter.title}**"
    return [title, *map(str, cells)]


def section(chapter: Chapter) -> str:
    """All that a chapter shows, by section, folded away."""
    lines = [f"```{{dropdown}} {chapter.title}"]
    for place, entries in itertools.groupby(chapter.entries, lambda entry: entry.place):
        lines.append(f"- {place}")
        lines += [f"  - {entry.name}: {entry.outcome}" for entry in entries]
    return "\n".join([*lines, "```\n"])


def page(book: list[Chapter]) -> str:
    """The ledger of the chapters, as a MyST page."""
    whole = Chapter("The book", "", [entry for chapter in book for entry in chapter.entries])
    proved, checked, refuted = (
        whole.count(status, "derivation", "proof") for status in ("proved", "checked", "refuted")
    )
    # rounded down, so that 100 means all
    share = math.floor(1000 * proved / max(1, proved + checked)) / 10
    held, failed = (whole.count(mark, "verdict") for mark in "✓✗")
    header = ["Chapter", "Derivations", "Steps", "Statements", "Refuted", "Rows"]
    table = "\n".join(
        "* - " + "\n  - ".join(cells) for cells in [header, *map(row, book), row(whole)]
    )
    reasons = "\n".join(
        f"- {chapter.title}, {entry.place}: {entry.name}, {entry.outcome}. {entry.why}"
        for chapter in book
        for entry in chapter.entries
        if "checked" in entry.statuses
    )
    sections = "\n".join(section(chapter) for chapter in book if chapter.entries)
    return f"""\
{HEAD}
Of the {proved + checked} steps and single statements that stand in the {len(book)} chapters, \
{proved} are proved (**{share:g}\xa0%**) and {checked} only checked. {refuted} more are refuted. \
The verdicts have {held + failed} rows, of which {held} hold.

In the table, 9/10 says that nine steps, or single statements, are proved and the tenth is \
checked; of rows, that nine hold.

```{{list-table}} What each chapter proves, checks, refutes and measures
:name: tab-ledger
:header-rows: 1

{table}
```

(ledger-checked)=
## What is only checked, and why

{reasons or "Nothing: every statement that stands is proved."}

(ledger-all)=
## Everything that is counted

{sections}"""


if __name__ == "__main__":
    book = chapters()
    PAGE.write_text(page(book), encoding="utf-8")
    if problems := [problem for chapter in book for problem in chapter.problems]:
        sys.exit("\n".join(problems))
