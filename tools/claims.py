"""Write the overview of *Reading tutorials critically*, `chapters/tutorials/overview.md`.

    python -m tools.claims

It is read from the notebooks `chapters/tutorials/text_*.ipynb`. A claim is a box in a text cell:

    :::{admonition} Claim 000.7 (§3.1): wrong
    :class: claim danger
    :name: claim-000-7
    What the text says.

    **Right.** What is true instead, with a link to the chapter that derives it.
    :::

Its evidence is what a code cell shows whose first line is `# evidence: 000.7`: a proof, a
refutation, a verdict that holds, as the ledger reads them.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from tools import ledger

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "chapters" / "tutorials"
PAGE = FOLDER / "overview.md"

# Each verdict with the class of its box, and how the second paragraph begins.
VERDICTS = {
    "right": ("tip", "**See.**"),
    "right under assumptions": ("note", "**Assumes.**"),
    "wrong": ("danger", "**Right.**"),
    "meaningless": ("warning", "**Right.**"),
}
BOX = re.compile(
    r"^:::\{admonition\} Claim (?P<number>[^ ]*) \((?P<section>§[^)]*)\): (?P<verdict>[^\n]*)\n"
    r"(?P<options>(?::[a-z]+:[^\n]*\n)*)\n?(?P<body>.*?)\n:::$",
    re.DOTALL | re.MULTILINE,
)
EVIDENCE = re.compile(r"# evidence: (.*)")
SOURCE = re.compile(r"\]\(\.\./|\{doc\}|\{cite|\{ref\}|\{prf:ref\}|\]\(#")  # a link, a citation

HEAD = """\
(tutorials)=
# Every claim of five tutorials

Most people learn GANs from short texts on the web. Five of them, in Chinese, are the ground that \
this book grew from. They hold real insight, and many errors, as such texts do. What happens if \
every formula, every derivation, every algorithm and every program in them is put before a proof \
engine?

Each text has a notebook. It states every claim in this book's words and notation, judges it, and \
shows the evidence, which you can run again:

- **right**: it holds as it stands;
- **right under assumptions**: it holds, but needs something that the text leaves out;
- **wrong**: it is refuted, by a counterexample in numbers or by a run of what the text says \
beside what is right;
- **meaningless**: as written it has no value that could be right or wrong.

All this is about claims, not about people. The commonest errors have become a \
{ref}`checklist <checklist>` for reading any such text.
"""


@dataclass
class Claim:
    """A claim of a text, how it is judged, and what speaks for that."""

    number: str
    section: str
    verdict: str
    options: str
    paragraphs: list[str]
    evidence: list[ledger.Entry] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What a link to its box calls it."""
        return f"claim-{self.number.replace('.', '-')}"

    def problems(self):
        """What is wrong with it, in sentences."""
        colour, start = VERDICTS.get(self.verdict, (None, None))
        if colour is None:
            yield f"the verdict must be one of {', '.join(VERDICTS)}, not {self.verdict!r}"
            return
        if self.options != f":class: claim {colour}\n:name: {self.label}\n":
            yield f"its options must be :class: claim {colour} and :name: {self.label}"
        if self.verdict != "right" and len(self.paragraphs) < 2:
            yield f"it lacks a second paragraph, which begins {start}"
        if self.paragraphs[1:] and not self.paragraphs[1].startswith(start):
            yield f"its second paragraph must begin {start}"
        if not SOURCE.search("\n".join(self.paragraphs)):
            yield "it links to no chapter and cites nothing"
        statuses = [status for entry in self.evidence for status in entry.statuses]
        if "✗" in statuses:
            yield "a row of its evidence does not hold"
        if self.verdict in ("wrong", "meaningless") and not {"refuted", "✓"} & set(statuses):
            yield "it has no evidence: no refutation, and no verdict"


@dataclass
class Text:
    """A notebook about one text."""

    number: str
    title: str
    file: str
    claims: list[Claim] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Counter:
        """How many claims have each verdict."""
        return Counter(claim.verdict for claim in self.claims)


def read(notebook, name: str) -> Text:
    """The claims in a notebook `text_NNN`, each with its evidence, and what is wrong with them."""
    number = name.removeprefix("text_")
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    title = re.search(r"^# (.*)$", "\n\n".join(prose), re.MULTILINE)[1]
    text = Text(number, title, f"{name}.ipynb")
    for source in prose:
        boxes = [
            Claim(*box.group("number", "section", "verdict", "options"), box["body"].split("\n\n"))
            for box in BOX.finditer(source)
        ]
        if len(boxes) != source.count("{admonition} Claim"):
            text.problems.append(f"a box cannot be read near {source[:60]!r}")
        text.claims += boxes
    found = [claim.number for claim in text.claims]
    if found != (expected := [f"{number}.{k}" for k in range(1, len(found) + 1)]):
        text.problems.append(f"the claims are numbered {found}, not {expected}")
    claims = dict(zip(found, text.claims, strict=True))
    for cell in notebook.cells:
        if cell.cell_type == "code" and (named := EVIDENCE.match(cell.source)):
            shown = ledger.shown(cell, name)
            if not shown:
                text.problems.append(f"the evidence for {named[1]} shows nothing")
            for k in re.split(", *", named[1]):
                if k in claims:
                    claims[k].evidence += shown
                else:
                    text.problems.append(f"there is evidence for {k}, which is no claim")
    text.problems += [f"{c.number}: {problem}" for c in text.claims for problem in c.problems()]
    return text


def texts(folder: Path = FOLDER) -> list[Text]:
    """All texts, in order."""
    return [
        read(nbformat.read(path, as_version=4), path.stem)
        for path in sorted(folder.glob("text_*.ipynb"))
    ]


def row(claim: Claim) -> list[str]:
    """The row of a claim in the table of its text, as cells of MyST."""
    paragraphs = [re.sub(r"(?<=\$\$) \([\w-]+\)", "", text) for text in claim.paragraphs]
    first, *others = paragraphs
    return [
        f"[{claim.number}](#{claim.label})\n\n{claim.section}\n\n**{claim.verdict}**",
        first,
        "\n\n".join(others).removeprefix(VERDICTS[claim.verdict][1]).strip(),
    ]


def table(header: list[str], rows: list[list[str]], widths: str) -> str:
    """A list-table, whose cells may hold several paragraphs."""
    lines = [f"```{{list-table}}\n:header-rows: 1\n:widths: {widths}\n:class: claims\n"]
    for cells in [header, *rows]:
        for k, cell in enumerate(cells):
            lines.append(("* - " if k == 0 else "  - ") + re.sub(r"\n(?=.)", "\n    ", cell))
    return "\n".join([*lines, "```\n"])


def page(found: list[Text]) -> str:
    """The overview, as a MyST page."""
    whole = sum((text.counts for text in found), Counter())
    counts = [
        [name, *(str(count[verdict]) for verdict in VERDICTS), str(count.total())]
        for name, count in [
            *((f"[{text.title}]({text.file})", text.counts) for text in found),
            ("**All**", whole),
        ]
    ]
    tables = "\n".join(
        f"### {text.title}\n\n"
        + table(
            ["Claim", "What the text says", "What is true"],
            [row(claim) for claim in text.claims],
            "16 42 42",
        )
        for text in found
    )
    return f"""\
{HEAD}
## The count

{table(["Text", *VERDICTS, "all"], counts, "40 12 12 12 12 12")}
## Everything

The number of a claim leads to its box and to the evidence below it.

{tables}"""


if __name__ == "__main__":
    found = texts()
    PAGE.write_text(page(found), encoding="utf-8")
    if problems := [f"{text.file}: {problem}" for text in found for problem in text.problems]:
        sys.exit("\n".join(problems))
