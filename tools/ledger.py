"""Write the proof ledger of the book, `chapters/appendix/ledger.md`, from the stored outputs.

    python tools/ledger.py

Every derivation, proof and verdict that a chapter shows stores its data beside what a reader sees
(`gancode.notebook.MIME`), and nothing else is read. A cell with a line that is only checked must
say why in its metadata: `"checked": "why, in one sentence"`.
"""

import itertools
import math
import re
import sys
from collections import Counter
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
from gancode.notebook import MIME
from gancode.verdict import KINDS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "chapters" / "appendix" / "ledger.md"

BOX = re.compile(r"^[:`]{3,}\{prf:(theorem|corollary|lemma|proposition|proof)\}", re.MULTILINE)
REASON_MISSING = 'a line is only checked; say why in the metadata of the cell, under "checked"'
REASON_IDLE = 'no line is only checked; take "checked" out of the metadata of the cell'
WIDE = 80  # characters: a longer expression is not drawn, and its middle is left out

HEAD = f"""\
(ledger)=
# The proof ledger

What does this book prove by machine, what does it only check, and what does it measure? This page \
counts. It is written from the data that the chapters store with their outputs, and a test holds \
it to them.

A statement is attacked first, wherever it has numerical values: its two sides are evaluated to \
{DIGITS} digits at up to {POINTS} points of the domain, the hard ones among them (a statement \
about any function, at values and derivatives chosen freely), and one disagreement refutes it. \
What survives is

- **proved** where a rule decides it exactly. The rule stands beside each statement, and \
{{ref}}`below <ledger-rules>` is how often each was used;
- **checked** where no rule does, to as many digits as the balls around its values allow. Nothing \
but the evaluations speaks for it, and this page says why.

A statement with a {{term}}`counterexample` is **refuted**. Those that a chapter shows stand there \
on purpose: they are wrong guesses, answered. They are no failures, and are counted apart.

Only what a reader sees is counted. A derivation that a cell makes but does not show is left out; \
a derivation or a verdict that is shown again, with more lines, counts once.
"""


@dataclass
class Entry:
    """A derivation, a proof or a verdict that a chapter shows.

    Its lines are the data of its steps, of the proof alone, or of its rows.
    """

    kind: str
    name: str  # MyST
    place: str  # a MyST link to its section
    lines: list[dict]
    why: str = ""  # some of it is only checked

    @property
    def statuses(self) -> list[str]:
        """Proved, checked or refuted; of the rows of a verdict ✓ or ✗."""
        return [line["mark" if self.kind == "verdict" else "status"] for line in self.lines]

    @property
    def outcome(self) -> str:
        """What its lines came to, in a few words."""
        if self.kind == "verdict":
            kinds = Counter(line["kind"] for line in self.lines)
            rows = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS if kinds[kind])
            failed = self.statuses.count("✗")
            return rows + (f"; {failed} of {len(self.lines)} fail" if failed else "")
        used = "; ".join(dict.fromkeys(line["rule"] for line in self.lines if line["rule"]))
        taken = "; ".join(self.assumptions)
        said = f" ({prose(used)})" if used else ""
        said += f", where {prose(taken)}" if taken else ""
        if self.kind == "proof":
            return self.statuses[0] + said
        count = self.statuses.count
        parts = [(count(status), status) for status in ("proved", "checked") if count(status)]
        return ", ".join(f"{n} step{'s' * (n > 1)} {status}" for n, status in parts) + said

    @property
    def assumptions(self) -> list[str]:
        """What its proofs take for granted beside the assumptions of their symbols."""
        return list(dict.fromkeys(line["assumes"] for line in self.lines if line.get("assumes")))


@dataclass
class Chapter:
    """A notebook, what it shows, and where a reason is missing or idle."""

    title: str
    link: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    boxes: Counter = field(default_factory=Counter)  # theorems and proofs in prose

    def count(self, status: str, *kinds: str) -> int:
        """How many lines of entries of these kinds have that status."""
        return sum(entry.statuses.count(status) for entry in self.entries if entry.kind in kinds)

    def rows(self, kind: str) -> int:
        """How many rows of its verdicts are of that kind."""
        verdicts = (entry for entry in self.entries if entry.kind == "verdict")
        return sum(row["kind"] == kind for entry in verdicts for row in entry.lines)


def prose(text: str) -> str:
    """Text with LaTeX between dollar signs, for MyST."""
    pieces = re.split(r"(\$[^$]+\$)", text)
    pieces[::2] = [re.sub(r"([\\`*_{}\[\]<>#|~^&$])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)


def code(text: str) -> str:
    """Text as it was printed, without its middle if it is long."""
    text, half = text.replace("`", "'"), WIDE // 2
    return f"`{text}`" if len(text) <= WIDE else f"`{text[:half]} … {text[-half:]}`"


def named(data: dict, text: str, latex: str) -> str:
    """The name of a result, or else what it is about, drawn if it is short."""
    if name := data.get("name"):
        return prose(name)
    return f"${latex}$" if len(text) <= WIDE else code(text)


def entries(data: dict, place: str) -> list[Entry]:
    """What one output shows, by its data."""
    if data["kind"] == "statements":
        group = f"{data['name'].removesuffix(':')}: " if data["name"] else ""
        proofs = ({**proof, "name": group + proof["name"]} for proof in data["statements"])
        return [entry for proof in proofs for entry in entries(proof, place)]
    if data["kind"] == "proof":
        return [Entry("proof", named(data, data["statement"], data["latex"]), place, [data])]
    lines = data["steps" if data["kind"] == "derivation" else "rows"]
    if not lines:
        return []
    if data["kind"] == "derivation":
        name = named(data, data["start"], rf"{data['latex']} = \dots")
    else:
        more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
        name = prose(data["name"]) or prose(lines[0]["quantity"]) + more
    return [Entry(data["kind"], name, place, lines)]


def shown(cell, place: str) -> list[Entry]:
    """What the outputs of a code cell show."""
    found = (output.get("data", {}).get(MIME) for output in cell.outputs)
    return [entry for data in found if data for entry in entries(data, place)]


def read(notebook, file: str, extensions=("dollarmath",), depth: int = 3) -> Chapter:
    """The chapter in `notebook`, which the table of contents calls `file`.

    `extensions` are those of MyST; headings down to `depth` have an anchor.
    """
    markdown = create_md_parser(MdParserConfig(enable_extensions=set(extensions)), RendererHTML)
    link = f"../{file.removeprefix('chapters/')}.ipynb"
    chapter, anchors, place = Chapter(file, link), [], ""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            chapter.boxes.update(BOX.findall(cell.source))
            for node in SyntaxTreeNode(markdown.parse(cell.source)).children:
                if node.type == "heading" and int(node.tag[1]) <= depth:
                    title = node.children[0].content
                    chapter.title = chapter.title if anchors else title
                    anchors.append(compute_unique_slug(node, anchors))
                    place = f"[{title}]({link}#{anchors[-1]})"
        elif cell.cell_type == "code":
            found, why = shown(cell, place), " ".join(cell.metadata.get("checked", "").split())
            checked = [entry for entry in found if "checked" in entry.statuses]
            for entry in checked:
                entry.why = why
            if checked and not why:
                chapter.problems.append(f"{file}.ipynb, cell {index}: {REASON_MISSING}")
            if why and not checked:
                chapter.problems.append(f"{file}.ipynb, cell {index}: {REASON_IDLE}")
            chapter.entries += found
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


def proof_row(chapter: Chapter) -> list[str]:
    """The row of a chapter in the table of proofs."""

    def of(kind):
        proved, checked = (chapter.count(status, kind) for status in ("proved", "checked"))
        return f"{proved}/{proved + checked}"

    derivations = sum(entry.kind == "derivation" for entry in chapter.entries)
    refuted = chapter.count("refuted", "proof")
    return [title(chapter), str(derivations), of("derivation"), of("proof"), str(refuted)]


def verdict_row(chapter: Chapter) -> list[str]:
    """The row of a chapter in the table of the verdicts' rows."""
    counts = [chapter.rows(kind) for kind in KINDS]
    return [title(chapter), *map(str, [*counts, sum(counts)])]


def title(chapter: Chapter) -> str:
    """A link to a chapter."""
    return f"[{chapter.title}]({chapter.link})" if chapter.link else f"**{chapter.title}**"


def rule_rows(entries: list[Entry]) -> list[list[str]]:
    """Each rule that proves something, with how many steps and single statements, as a table.

    What a rule says further, as in "least value, at x = 1", is left out.
    """
    used = {"derivation": Counter(), "proof": Counter()}
    for entry in entries:
        if entry.kind in used:
            named = (re.split("[,:]", line["rule"])[0] for line in entry.lines)
            used[entry.kind].update(filter(None, named))
    steps, statements = used.values()
    names = sorted(steps | statements, key=lambda rule: (-steps[rule] - statements[rule], rule))
    return [[prose(rule), str(steps[rule]), str(statements[rule])] for rule in names]


def list_table(title: str, name: str, rows: list[list[str]]) -> str:
    """A table in MyST; its first row is the header."""
    lines = "\n".join("* - " + "\n  - ".join(cells) for cells in rows)
    return f":::{{list-table}} {title}\n:name: {name}\n:header-rows: 1\n\n{lines}\n:::\n"


def section(chapter: Chapter) -> str:
    """All that a chapter shows, by section, folded away."""
    lines = [f":::{{dropdown}} {chapter.title}"]
    for place, entries in itertools.groupby(chapter.entries, lambda entry: entry.place):
        lines.append(f"- {place}")
        lines += [f"  - {entry.name}: {entry.outcome}" for entry in entries]
    return "\n".join([*lines, ":::\n"])


def listed(book: list[Chapter], wanted) -> str:
    """The entries that are wanted, one a line, with what they came to."""
    return "\n".join(
        f"- {chapter.title}, {entry.place}: {entry.name}, {entry.outcome}. {entry.why}".rstrip()
        for chapter in book
        for entry in chapter.entries
        if wanted(entry)
    )


def page(book: list[Chapter]) -> str:
    """The ledger of the chapters, as a MyST page."""
    whole = Chapter("The book", "", [entry for chapter in book for entry in chapter.entries])
    proved, checked, refuted = (
        whole.count(status, "derivation", "proof") for status in ("proved", "checked", "refuted")
    )
    # rounded down, so that 100 means all
    share = math.floor(1000 * proved / max(1, proved + checked)) / 10
    held, failed = (whole.count(mark, "verdict") for mark in "✓✗")
    theorem, error, rounding, before = (whole.rows(kind) for kind in KINDS)
    boxes = sum((chapter.boxes for chapter in book), Counter())
    proofs = list_table(
        "What each chapter proves, checks and refutes",
        "tab-ledger",
        [
            ["Chapter", "Derivations", "Steps", "Statements", "Refuted"],
            *map(proof_row, [*book, whole]),
        ],
    )
    measured = list_table(
        "What stands behind the rows of each chapter's verdicts",
        "tab-rows",
        [["Chapter", *KINDS, "all"], *map(verdict_row, [*book, whole])],
    )
    used = list_table(
        "How often each rule was used",
        "tab-rules",
        [["Rule", "Steps", "Statements"], *rule_rows(whole.entries)],
    )
    taken = listed(book, lambda entry: entry.assumptions)
    unproved = listed(book, lambda entry: "checked" in entry.statuses)
    sections = "\n".join(section(chapter) for chapter in book if chapter.entries)
    return f"""\
{HEAD}
Of the {proved + checked} steps and single statements that stand in the {len(book)} chapters, \
{proved} are proved (**{share:g}\xa0%**) and {checked} only checked. {refuted} more are refuted.

In the table, 9/10 says that nine steps, or single statements, are proved and the tenth is checked.

{proofs}
The verdicts have {held + failed} rows. In {theorem} of them prediction and tolerance follow from \
a **theorem**, in {error} the tolerance is a **standard error**, in {rounding} it bounds \
**rounding**, and {before} were **observed before**: a number in them comes from earlier runs \
({{ref}}`what the kinds mean <verdict-tables>`). \
{f"{failed} of them fail." if failed else "No row fails; the tests see to that."}

{measured}
## What is proved in prose

The chapters state {boxes.total() - boxes["proof"]} theorems and corollaries in boxes of their \
own, and {boxes["proof"]} proofs in prose. No machine has read those. What it has proved are the \
equalities and inequalities that are counted here, on many of which such a proof leans; that an \
integral converges, or that a limit may be taken under it, is argued in prose.

(ledger-rules)=
## What proves

{used}
(ledger-assumptions)=
## What the proofs take for granted

{taken or "Nothing beside the assumptions of their symbols."}

(ledger-checked)=
## What is only checked, and why

{unproved or "Nothing: every statement that stands is proved."}

(ledger-all)=
## Everything that is counted

{sections}"""


if __name__ == "__main__":
    book = chapters()
    PAGE.write_text(page(book), encoding="utf-8")
    if problems := [problem for chapter in book for problem in chapter.problems]:
        sys.exit("\n".join(problems))
