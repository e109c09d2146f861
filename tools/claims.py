"""Write two pages of *Reading tutorials critically*: the overview of all claims, and the errors.

    python -m tools.claims

Both are read from the notebooks `chapters/tutorials/text_*.ipynb`. A claim is a box in a text cell:

    :::{admonition} Claim 000.7 (§3.1): wrong
    :class: claim danger
    :name: claim-000-7
    What the text says.

    **Right.** What is true instead, with a link to the chapter that derives it.
    :::

Its evidence is what a code cell shows whose first line is `# evidence: 000.7`: a proof, a
refutation, a verdict that holds, as the ledger reads them. Who wrote what, and when, is not
measured: such a box says `**On record.**` instead of `**Right.**`, and cites the record.

`chapters/tutorials/errors.yml` says which wrong sentences are one error.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml

from tools import ledger

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "chapters" / "tutorials"
OVERVIEW = FOLDER / "overview.md"
ERRORS = FOLDER / "errors.md"
DISTINCT = FOLDER / "errors.yml"

# Each verdict with the class of its box, and how the second paragraph begins.
VERDICTS = {
    "right": ("tip", "**See.**"),
    "right under assumptions": ("note", "**Assumes.**"),
    "wrong": ("danger", "**Right.**"),
    "meaningless": ("warning", "**Right.**"),
}
FAULTS = ("wrong", "meaningless")
RECORD = "**On record.**"
BOX = re.compile(
    r"^:::\{admonition\} Claim (?P<number>[^ ]*) \((?P<section>§[^)]*)\): (?P<verdict>[^\n]*)\n"
    r"(?P<options>(?::[a-z]+:[^\n]*\n)*)\n?(?P<body>.*?)\n:::$",
    re.DOTALL | re.MULTILINE,
)
EVIDENCE = re.compile(r"# evidence: (.*)")
SOURCE = re.compile(r"\]\(\.\./|\{doc\}|\{cite|\{ref\}|\{prf:ref\}|\]\(#")  # a link, a citation
WORK = re.compile(r"\{cite|\]\(https://")  # a paper, an address

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

Like cases are judged alike:

- Each sentence is judged by itself, in its kindest usual reading. Where two contradict each \
other, the false one is wrong, and the true one stays right.
- What a player is *meant* to do is right where that is the game. What training *can* do, or is \
told to do *until* it converges, is right under the assumption that it converges. That it *does* \
reach an equilibrium is wrong: there is a game with all that the text asks for in which it does not.
- Mathematics is judged in exact arithmetic, and a program in the arithmetic in which it runs.
- Where a text declares an assumption, what follows from it is judged, under that assumption.
- Names, titles, years and owners are not measured: the box says *on record*, and cites the work. \
What we could not look up is not judged, and the notebook says so.

All this is about claims, not about people. One error may stand in many sentences: \
{ref}`the distinct ones <errors>` have a page, those met most often first. The commonest have \
become a {ref}`checklist <checklist>` for reading any such text.
"""

ERRORS_HEAD = """\
(errors)=
# The distinct errors

A wrong sign is one error, and may stand in five sentences. Here the {wrong} sentences of \
{{ref}}`the five texts <tutorials>` that are wrong or have no meaning come down to {distinct} \
errors: first those that stand in most texts, then those in most sentences. A number leads to the \
sentence, to what is true instead, and to the evidence. A sentence with two errors stands under \
both.
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

    @property
    def on_record(self) -> bool:
        """Whether it is refuted by what is published, which nothing here could measure."""
        return self.verdict in FAULTS and "".join(self.paragraphs[1:2]).startswith(RECORD)

    def problems(self):
        """What is wrong with it, in sentences."""
        colour, start = VERDICTS.get(self.verdict, (None, None))
        start = RECORD if self.on_record else start
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
        if self.on_record:
            if not WORK.search(self.paragraphs[1]):
                yield "it is said to be on record, and cites no work"
        elif self.verdict in FAULTS and not {"refuted", "✓"} & set(statuses):
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


@dataclass
class Error:
    """A distinct error: what is believed, what is so, and the claims in which it is met."""

    error: str
    instead: str
    claims: list[str]

    @property
    def texts(self) -> list[str]:
        """The numbers of the texts in which it is met, in order."""
        return sorted({number.partition(".")[0] for number in self.claims})


def distinct(path: Path = DISTINCT) -> list[Error]:
    """The distinct errors, those met in most texts first, then those in most claims."""
    found = [Error(**entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]
    return sorted(found, key=lambda error: (-len(error.texts), -len(error.claims), error.claims))


def gaps(found: list[Text], errors: list[Error]) -> list[str]:
    """Where claims and distinct errors do not fit, in sentences."""
    faulty = {c.number for text in found for c in text.claims if c.verdict in FAULTS}
    named = {number for error in errors for number in error.claims}
    return [
        *(
            f"{number} is at fault, and under no distinct error"
            for number in sorted(faulty - named)
        ),
        *(
            f"{number} is under a distinct error, and not at fault"
            for number in sorted(named - faulty)
        ),
    ]


def row(claim: Claim) -> list[str]:
    """The row of a claim in the table of its text, as cells of MyST."""
    first, *others = [re.sub(r"(?<=\$\$) \([\w-]+\)", "", text) for text in claim.paragraphs]
    return [
        f"[{claim.number}](#{claim.label})\n\n{claim.section}\n\n"
        f"[**{claim.verdict}**]{{.{mark(claim.verdict)}}}",
        first,
        "\n\n".join(others),
    ]


def mark(name: str) -> str:
    """The class of what belongs to a verdict or to a text."""
    return f"of-{name.replace(' ', '-')}"


def table(header: list[str], rows: list[list[str]], widths: str) -> str:
    """A list-table, whose cells may hold several paragraphs."""
    lines = [f":::{{list-table}}\n:header-rows: 1\n:widths: {widths}\n:class: claims\n"]
    for cells in [header, *rows]:
        for k, cell in enumerate(cells):
            lines.append(("* - " if k == 0 else "  - ") + re.sub(r"\n(?=.)", "\n    ", cell))
    return "\n".join([*lines, ":::\n"])


def choice(numbers: list[str]) -> str:
    """The choice of a text and of verdicts, in HTML and CSS alone: what is not chosen is hidden on
    a screen, and printed all the same. At first the faults of the first text are shown."""
    texts = [*numbers, "all"]
    radios = "\n".join(
        f'<label><input type="radio" name="text" id="text-{name}"{" checked" * (k == 0)}> '
        f"{name}</label>"
        for k, name in enumerate(texts)
    )
    boxes = "\n".join(
        f'<label><input type="checkbox" id="show-{mark(name)}"{" checked" * (name in FAULTS)}> '
        f"{name}</label>"
        for name in VERDICTS
    )
    hidden = [f"body:not(:has(:is(#text-{n}, #text-all):checked)) .{mark(n)}" for n in numbers]
    hidden += [
        f"body:not(:has(#show-{mark(name)}:checked)) tr:has(.{mark(name)})" for name in VERDICTS
    ]
    rules = "\n".join(f"  {rule} {{ display: none; }}" for rule in hidden)
    return f"""\
```{{raw}} html
<form class="claims-choice" autocomplete="off">
<fieldset><legend>Text</legend>
{radios}
</fieldset>
<fieldset><legend>Verdict</legend>
{boxes}
</fieldset>
</form>
<style>
@media screen {{
{rules}
}}
</style>
```
"""


def overview(found: list[Text], errors: list[Error]) -> str:
    """The overview of all claims, as a MyST page."""
    whole = sum((text.counts for text in found), Counter())
    counts = [
        [name, *(str(count[verdict]) for verdict in VERDICTS), str(count.total()), str(different)]
        for name, count, different in [
            *(
                (
                    f"[{text.title}]({text.file})",
                    text.counts,
                    sum(text.number in error.texts for error in errors),
                )
                for text in found
            ),
            ("**All**", whole, len(errors)),
        ]
    ]
    tables = "\n".join(
        f"::::{{container}} {mark(text.number)}\n**[{text.title}]({text.file})**\n\n"
        + table(
            ["Claim", "What the text says", "What is true, or what it assumes"],
            [row(claim) for claim in text.claims],
            "16 42 42",
        )
        + "::::\n"
        for text in found
    )
    return f"""\
{HEAD}
## The count

The last column counts {{ref}}`distinct errors <errors>`, the columns before it sentences; \
some errors stand in several texts.

{table(["Text", *VERDICTS, "all", "distinct errors"], counts, "34 11 11 11 11 11 11")}
## Everything

The number of a claim leads to its box and to the evidence below it. Choose what to see; at first \
it is what is wrong or meaningless in text {found[0].number}.

{choice([text.number for text in found])}
{tables}"""


def errors_page(found: list[Text], errors: list[Error]) -> str:
    """The distinct errors, as a MyST page."""
    labels = {claim.number: claim.label for text in found for claim in text.claims}
    rows = [
        [
            f"**{error.error}**",
            error.instead,
            f"{len(error.texts)}",
            f"{len(error.claims)}: "
            + ", ".join(f"[{number}](#{labels[number]})" for number in error.claims),
        ]
        for error in errors
    ]
    wrong = sum(text.counts[verdict] for text in found for verdict in FAULTS)
    head = ERRORS_HEAD.format(wrong=wrong, distinct=len(errors))
    header = ["What is believed", "What is so", "Texts", "Sentences"]
    return f"{head}\n{table(header, rows, '32 38 8 22')}"


if __name__ == "__main__":
    found, errors = texts(), distinct()
    problems = [f"{text.file}: {problem}" for text in found for problem in text.problems]
    if problems := problems + gaps(found, errors):
        sys.exit("\n".join(problems))
    OVERVIEW.write_text(overview(found, errors), encoding="utf-8")
    ERRORS.write_text(errors_page(found, errors), encoding="utf-8")
