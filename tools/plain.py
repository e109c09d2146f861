"""Write a plain copy of every chapter, for programs that do not know MyST: `notebooks/`.

    python -m tools.plain

On Colab and on GitHub, and from the download button, a chapter is opened without the book around
it. In its copy a theorem is a block quote under its number, a solution is folded in HTML, and
whatever refers to something has the number or the name that the book prints, and a link to the
book's page. The code is the chapter's, without its outputs. What is not known here is refused: the
error names the chapter and the directive, role or token.

Sphinx loads this file too, so that the button on a page hands out the copy (`setup`).
"""

import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from posixpath import dirname, join, normpath

import nbformat
import yaml
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pybtex.database import parse_file

from tools import configure, notebooks

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "notebooks"
BIBLIOGRAPHY = "chapters/appendix/bibliography"

NUMBERED = {  # directives with a number of their own, and what stands before it
    "prf:theorem": "Theorem",
    "prf:corollary": "Corollary",
    "prf:lemma": "Lemma",
    "prf:proposition": "Proposition",
    "prf:definition": "Definition",
    "prf:algorithm": "Algorithm",
    "exercise": "Exercise",
    "figure": "Fig.",
    "list-table": "Table",
}
BOXES = {"note", "tip", "warning", "important"}
CODE = {"raw", "eval-rst", "bibliography"}  # their bodies are not MyST
OPTIONS = {"label", "name", "class", "alt", "width", "widths", "align", "header-rows"}
# Tokens that every reader of Markdown knows, beside those that are rewritten below.
BLOCKS = re.compile(r"(paragraph|heading|bullet_list|ordered_list|list_item|blockquote|table|thead"
                    r"|tbody|tr|th|td)_(open|close)|inline|hr")  # fmt: skip
SPANS = re.compile(r"(strong|em|link|s)_(open|close)|text|code_inline|math_inline|softbreak"
                   r"|hardbreak|myst_role")  # fmt: skip
# What is looked at within a line; the first alternative that fits counts.
SCAN = re.compile(
    r"(?P<escaped>\\.)"
    r"|\{(?P<role>[a-zA-Z][\w:.+-]*)\}(?P<ticks>`+)(?P<content>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|(?P<code>(?P<run>`+)(?!`).+?(?<!`)(?P=run)(?!`))"
    r"|(?P<display>\$\$)"
    r"|(?P<math>\$[^$]+\$)"
    r"|\]\(\s*(?P<link>(?:[^()<>\s]|\([^()<>\s]*\))+)(?P<hint>\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)"
    r"|<(?P<address>https?:[^<>\s]*)>"
    r"|(?P<attributes>\{[.#][^}]*\})",
    re.DOTALL,
)
TITLED = re.compile(r"(?P<title>.*?)\s*<(?P<target>[^<>]+)>", re.DOTALL)
FOLD = r"<details>\n<summary>[^\n]*</summary>\s*</details>"
EMPTY = re.compile(rf"\A{FOLD}\s*|{FOLD}\Z")  # not within the text, which may show one as code
# The tokens of a table: a list of rows, each a list of cells, each a paragraph or nothing.
CELL = "list_item_open (?:paragraph_open inline paragraph_close )?list_item_close "
ROW = f"list_item_open bullet_list_open (?:{CELL})+bullet_list_close list_item_close "
TABLE = re.compile(f"bullet_list_open (?:{ROW})+bullet_list_close")
# Blocks that end where they end: mathematics, code, and nothing.
TOUCHING = re.compile(r" *(?:\$\$|`{3}|~{3}|$)")


class Unknown(ValueError):
    """A chapter holds something that has no plain form here."""


@dataclass(frozen=True)
class Directive:
    """A directive as it was read."""

    name: str
    argument: str
    options: dict[str, str]
    body: str

    @property
    def label(self) -> str | None:
        """What others refer to it by."""
        return self.options.get("label") or self.options.get("name")


@dataclass(frozen=True)
class Target:
    """What a reference leads to: its name in the text, and its address in the book."""

    name: str
    url: str


def directive(token) -> Directive | None:
    """The directive in a fence; None where it is code."""
    found = re.match(r"\{([^}]+)\}\s*(.*)", token.info)
    if not found:
        return None
    lines, options = token.content.splitlines(), {}
    while lines and (option := re.match(r":([\w-]+):\s*(.*)", lines[0])):
        options[option[1]] = option[2].strip()
        lines.pop(0)
    return Directive(found[1], found[2].strip(), options, "\n".join(lines).strip("\n"))


def _captioned(found: Directive) -> bool:
    """Whether it has its number: a picture or a table has one only under a caption."""
    captions = {"figure": found.body, "list-table": found.argument}
    return bool(captions.get(found.name, True))


def citations(path: Path) -> dict[str, tuple[str, str]]:
    """Author and year of every work, as the book prints them, under its key."""
    found = {}
    for key, entry in parse_file(str(path)).entries.items():
        names = [
            " ".join(str(part) for part in [*person.rich_prelast_names, *person.rich_last_names])
            for person in entry.persons["author"]
        ]
        author = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        found[key] = author, entry.fields["year"]
    return found


def scanned(prose: str) -> list[str]:
    """The roles, formulas and links that SCAN finds, each in one form."""
    found = []
    for each in SCAN.finditer(prose):
        if each["role"]:
            found.append(f"{{{each['role']}}}`{each['content']}`")
        elif each["link"]:
            found.append(f"a link to {each['link']!r}")
        elif each["math"] or each["address"]:
            found.append(each[0])
    return [" ".join(each.split()) for each in found]


def parsed(spans: list) -> list[str]:
    """The same, as the parser has read them; a link stands where it ends."""
    found, link = [], ""
    for span in spans:
        if span.type == "myst_role":
            found.append(f"{{{span.meta['name']}}}`{span.content}`")
        elif span.type == "math_inline":
            found.append(f"${span.content}$")
        elif span.type == "link_open":
            href = span.attrs["href"]
            link = f"<{href}>" if span.info == "auto" else f"a link to {href!r}"
        elif span.type == "link_close":
            found.append(link)
    return [" ".join(each.split()) for each in found]


class Book:
    """What the pages of the book are called, and where in it a label leads."""

    def __init__(self, root: Path = ROOT):
        self.root = root
        toc, config = (
            yaml.safe_load((root / name).read_text(encoding="utf-8"))
            for name in ("_toc.yml", "_config.yml")
        )
        extensions = set(config["parse"]["myst_enable_extensions"])
        self.parse = create_md_parser(
            MdParserConfig(enable_extensions=extensions), RendererHTML
        ).parse
        self.name = config["title"]
        self.home = configure.pages(root)
        self.works = citations(root / "references.bib")
        self.titles: dict[str, str] = {}  # of the pages
        self.targets: dict[str, Target] = {}
        self.counts: Counter = Counter()
        self.chapters: list[str] = []  # the notebooks among the pages
        self._survey(toc["root"], "")
        number = 0
        for part in toc["parts"]:
            for chapter in part["chapters"]:
                number += bool(part.get("numbered"))
                self._survey(chapter["file"], f"{number}." if part.get("numbered") else "")

    def url(self, page: str) -> str:
        """The address of a page."""
        return f"{self.home}/{page}.html"

    def _survey(self, page: str, chapter: str) -> None:
        """Note the labels of a page; its numbers begin with `chapter`. Pages without a number share
        one count."""
        path = self.root / f"{page}.ipynb"
        if not path.exists():
            self._labels(path.with_suffix(".md").read_text(encoding="utf-8"), page, chapter)
            return
        self.chapters.append(page)
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                self._labels(cell.source, page, chapter)
            elif figure := cell.metadata.get("mystnb", {}).get("figure"):
                self._number("Fig.", figure["name"], page, chapter)

    def _labels(self, text: str, page: str, chapter: str) -> None:
        waiting = []
        tokens = self.parse(text)
        for k, token in enumerate(tokens):
            if token.type == "myst_target":
                waiting.append(token.content)
                continue
            title = tokens[k + 1].content if token.type == "heading_open" else ""
            if title:
                self.titles.setdefault(page, title)
            for label in waiting:
                self._note(label, Target(title, f"{self.url(page)}#{label}"))
            waiting = []
            if token.type == "math_block_label":
                self._number("", token.info, page, chapter)
            elif token.type in ("fence", "colon_fence") and (found := directive(token)):
                if found.name == "math" and found.label:
                    self._number("", found.label, page, chapter)
                elif found.name in NUMBERED and _captioned(found):
                    self._number(NUMBERED[found.name], found.label, page, chapter)
                elif found.label:
                    self._note(
                        found.label, Target(found.argument, f"{self.url(page)}#{found.label}")
                    )
                if found.name not in CODE | {"math"}:
                    self._labels(found.body, page, chapter)

    def _number(self, word: str, label: str | None, page: str, chapter: str) -> None:
        """Count one thing more of the kind that `word` names, an equation where it is empty."""
        self.counts[word, chapter] += 1
        number = f"{chapter}{self.counts[word, chapter]}"
        if label and word:
            self._note(label, Target(f"{word} {number}", f"{self.url(page)}#{label}"))
        elif label:
            self._note(label, Target(number, f"{self.url(page)}#equation-{label}"))

    def _note(self, label: str, target: Target) -> None:
        if label in self.targets:
            raise Unknown(f"the label {label!r} stands twice: {target.url}")
        self.targets[label] = target


class Chapter:
    """A chapter of the book, and its cells in plain Markdown."""

    def __init__(self, book: Book, page: str):
        self.book = book
        self.page = page
        self.solution: str | None = None  # the summary of the one that goes on over several cells
        self.quoted = False  # whether what is being written will stand in a block quote

    def notebook(self) -> nbformat.NotebookNode:
        """The plain copy.

        Raises Unknown at the first thing that has no plain form.
        """
        source = nbformat.read(self.book.root / f"{self.page}.ipynb", as_version=4)
        book = self._link(Target(self.book.name, self.book.url("index")))
        title = self._link(Target(self.book.titles[self.page], self.book.url(self.page)))
        head = f"*A chapter of {book}. The book shows it with its outputs: {title}.*"
        cells = [new_markdown_cell(head, id="plain-copy")]
        for cell in source.cells:
            if cell.cell_type == "markdown":
                if text := self.cell(cell.source):
                    cells.append(new_markdown_cell(text, id=cell.id))
                continue
            folded = self.solution or "hide-input" in cell.metadata.get("tags", [])
            shown = {"jupyter": {"source_hidden": True}} if folded else {}
            cells.append(new_code_cell(cell.source, id=cell.id, metadata=shown))
            if figure := cell.metadata.get("mystnb", {}).get("figure"):
                caption = self._caption(figure["name"], figure["caption"].strip())
                cells.append(new_markdown_cell(caption, id=f"{cell.id}-caption"))
        return new_notebook(cells=cells, metadata=notebooks.METADATA)

    def cell(self, source: str) -> str:
        """The text of a Markdown cell. What belongs to a solution that goes on over several cells
        is folded in each of them."""
        before = self._fold(self.solution) + "\n\n" if self.solution else ""
        text = before + self.text(source)
        if self.solution:
            text += "\n\n</details>"
        return EMPTY.sub("", text).strip()

    def text(self, source: str) -> str:
        """MyST in plain Markdown."""
        tokens = self._parse(source)
        spans = [child for token in tokens for child in token.children or []]
        self._check_spans(spans, source)
        lines, out, start, read = source.split("\n"), [], 0, []
        for token in [*(token for token in tokens if not BLOCKS.fullmatch(token.type)), None]:
            first, last = token.map if token else (len(lines), len(lines))
            prose = "\n".join(lines[start:first])
            read += scanned(prose)
            out.append(SCAN.sub(self._span, prose))
            if token:
                block = self._placed(token, lines[first:last])
                # What a directive leaves would take the lines next to it for its own.
                apart = not TOUCHING.match(block)
                near = lines[first - 1 : first], lines[last : last + 1]
                above, below = (
                    [""] if apart and any(map(str.strip, each)) else [] for each in near
                )
                out += [*above, block, *below]
            start = last
        for one, other in zip_longest(parsed(spans), read):
            self._check(one == other, f"{one or other} in {source[:60]!r}")
        return "\n".join(out).strip("\n")

    def _parse(self, source: str) -> list:
        """The tokens. An address apart from its links is refused: these may stand in another
        directive."""
        env: dict = {}
        tokens = self.book.parse(source, env)
        for name in env.get("references", {}):
            raise self._unknown(f"the address of [{name.lower()}] apart from its links")
        return tokens

    def _check_spans(self, spans: list, source: str) -> None:
        """Check that all are known, and that every link has a text, without a link of its own."""
        shown: str | None = None  # of the link that is open
        for span in spans:
            self._check(SPANS.fullmatch(span.type), f"{span.type} in {source[:60]!r}")
            if span.type == "link_open":
                shown = ""
            elif span.type == "link_close":
                self._check(shown, f"a link without a text in {source[:60]!r}")
                shown = None
            elif shown is not None:
                self._check(span.type != "myst_role", f"a role within a link, `{span.content}`,")
                shown += span.content.strip()

    def _placed(self, token, lines: list[str]) -> str:
        """A block that is not prose, on these lines, as deep in a list as it was."""
        block = self._block(token)
        if block is None:
            return "\n".join(lines)
        indent, begin = re.match(r"( *)(.*)", lines[0]).groups()
        self._check(re.match(r"[:`~$(%]", begin), f"a {token.type} within the line {begin!r}")
        return re.sub("^(?=.)", indent, block, flags=re.MULTILINE)

    def _block(self, token) -> str | None:
        """A block that is not prose; None where it may stay as it is."""
        if token.type in ("myst_target", "myst_line_comment"):
            return ""
        if token.type in ("math_block", "math_block_label"):
            return self._math(token.content, token.info)
        self._check(token.type in ("fence", "colon_fence"), token.type)
        found = directive(token)
        if found is None:
            self._check(token.type == "fence", f"colons without a directive, {token.info!r}")
            return None
        what = f"{{{found.name}}} {found.argument}"
        if odd := set(found.options) - OPTIONS:
            raise self._unknown(f"the option :{min(odd)}: of {what}")
        if found.name == "math":
            return self._math(found.body, found.label)
        if found.name == "list-table":
            return self._table(found)
        if found.name == "figure":
            return self._figure(found)
        if found.name == "prf:proof":
            self._check(found.body and not found.argument, what)
            return self._proof(found.body)
        if found.name in NUMBERED:
            self._check(found.label, f"{what} without a label")
            title = f" ({self.text(found.argument)})" if found.argument else ""
            head = f"**{self._target(found.label).name}{title}.**"
            if found.name == "exercise":
                return f"{head}\n\n{self.text(found.body)}"
            return self._quote(head, found.body)
        if found.name == "admonition":
            return self._quote(f"**{self.text(found.argument)}**", found.body)
        if found.name in BOXES and not found.argument:
            return self._quote(f"**{found.name.capitalize()}**", found.body)
        if found.name in ("solution", "solution-start"):
            summary = f"Solution to {self._target(found.argument).name}"
            if found.name == "solution":
                return f"{self._fold(summary)}\n\n{self.text(found.body)}\n\n</details>"
            self.solution = summary
            return self._fold(summary)
        if found.name == "solution-end":
            self.solution = None
            return "\n</details>\n"
        raise self._unknown(what)

    def _proof(self, body: str) -> str:
        """A proof; its first and its last word stand in a line with prose, if there is some."""
        tokens = self.book.parse(body)
        before = " " if tokens[0].type == "paragraph_open" else "\n\n"
        after = " " if tokens[-1].type == "paragraph_close" else "\n\n"
        return f"*Proof.*{before}{self.text(body)}{after}∎"

    def _span(self, found: re.Match) -> str:
        """What SCAN has found in a line."""
        if found["math"]:
            return found[0].replace("\n", " ")
        if found["link"]:
            return f"]({self._address(found['link'])}{found['hint'] or ''})"
        self._check(not found["display"], f"$$ within a line, in {found.string[:60]!r},")
        self._check(not found["attributes"], f"attributes {found[0]}")
        return self._role(found["role"], found["content"]) if found["role"] else found[0]

    def _role(self, name: str, content: str) -> str:
        titled = TITLED.fullmatch(content)
        title, target = titled.group("title", "target") if titled else (None, content)
        if name == "term":
            return self._named(title or target)
        if name in ("cite", "cite:p", "cite:t"):
            url = self.book.url(BIBLIOGRAPHY)
            works = [self._work(key.strip()) for key in content.split(",")]
            if name == "cite:t":
                return ", ".join(f"[{author} ({year})]({url})" for author, year in works)
            return "(" + "; ".join(f"[{author}, {year}]({url})" for author, year in works) + ")"
        if name == "doc":
            return self._link(self._page(target), title)
        if name == "eq":
            found = self._target(target)
            return self._link(found, f"({found.name})")
        if name in ("ref", "numref", "prf:ref"):
            found = self._target(target)
            self._check(title or found.name, f"{{{name}}}`{content}`, which names nothing,")
            return self._link(found, title)
        raise self._unknown(f"the role {{{name}}}`{content}`")

    def _link(self, target: Target, title: str | None = None) -> str:
        """A link in Markdown, under a title or the target's own name."""
        return f"[{self._named(title or target.name)}]({target.url})"

    def _named(self, name: str) -> str:
        """A name that Markdown takes for neither a link nor a role."""
        self._check(not re.search(r"[][]|\}`", name), f"the name {name!r}")
        return name

    def _target(self, label: str) -> Target:
        self._check(label in self.book.targets, f"a reference to {label!r}, which is no label,")
        return self.book.targets[label]

    def _work(self, key: str) -> tuple[str, str]:
        self._check(key in self.book.works, f"a citation of {key!r}, which is no work,")
        return self.book.works[key]

    def _page(self, path: str) -> Target:
        page = path[1:] if path.startswith("/") else normpath(join(dirname(self.page), path))
        self._check(page in self.book.titles, f"a link to {path!r}, which is no page,")
        return Target(self.book.titles[page], self.book.url(page))

    def _address(self, link: str) -> str:
        """Where a link leads, for a reader who has not the book beside the page."""
        if link.startswith(("https://", "http://")):
            return link
        path, _, fragment = link.partition("#")
        if not path:
            return self._target(fragment).url
        self._check(path.endswith((".md", ".ipynb")), f"a link to {link!r}")
        url = self._page(path.rpartition(".")[0]).url
        return f"{url}#{fragment}" if fragment else url

    def _math(self, body: str, label: str | None) -> str:
        # The book breaks a line at \\\\ where no environment does; other programs do not.
        lines = [line.strip() for line in body.strip().splitlines()]
        self._check(all(lines), f"an empty line in the mathematics {body!r}")
        self._check("\\\\" not in body or "\\begin{" in body, f"lines without aligned in {body!r}")
        self._check(not re.search(r"(?<!\\)%", body), f"a comment in the mathematics {body!r}")
        tag = [rf"\tag{{{self._target(label).name}}}"] if label else []
        text = "\n".join(["$$", *lines, *tag, "$$"])
        # JupyterLab would take the mark of a quote for a part of the mathematics.
        return " ".join(text.split()) if self.quoted else text

    def _figure(self, found: Directive) -> str:
        self._check(found.label, f"{{figure}} {found.argument} without a name")
        image = f"{self.book.home}/_images/{found.argument.rpartition('/')[2]}"
        picture = f"![{self._named(found.options.get('alt', ''))}]({image})"
        return f"{picture}\n\n{self._caption(found.label, found.body)}"

    def _caption(self, label: str, text: str) -> str:
        return f"**{self._target(label).name}.** {self.text(text)}"

    def _table(self, found: Directive) -> str:
        tokens, rows = self._parse(found.body), []
        form = TABLE.fullmatch(" ".join(token.type for token in tokens))
        self._check(form, f"the form of {{list-table}} {found.argument}")
        for token in tokens:
            if token.type == "list_item_open" and token.level == 1:
                rows.append([])
            elif token.type == "list_item_open":
                rows[-1].append("")
            elif token.type == "inline":
                rows[-1][-1] = " ".join(token.content.split())
                broken = any(span.type == "hardbreak" for span in token.children)
                self._check(not broken, f"the end of a line in the cell {rows[-1][-1]!r}")
        even = len({len(row) for row in rows}) == 1 and found.options.get("header-rows") == "1"
        plain = even and not any("|" in cell for row in rows for cell in row)
        self._check(plain, f"the form of {{list-table}} {found.argument}")
        rows[1:1] = [["---"] * len(rows[0])]
        table = self.text("\n".join(f"| {' | '.join(row)} |" for row in rows))
        if not found.argument:
            return table
        self._check(found.label, f"{{list-table}} {found.argument} without a name")
        return f"{self._caption(found.label, found.argument)}\n\n{table}"

    def _fold(self, summary: str) -> str:
        return f"<details>\n<summary>{summary}</summary>"

    def _quote(self, head: str, body: str) -> str:
        """A block quote: a line in plain Markdown, and the text of what is still MyST."""
        outer, self.quoted = self.quoted, True
        lines = f"{head}\n\n{self.text(body)}".split("\n")
        self.quoted = outer
        return "\n".join(f"> {line}".rstrip() for line in lines)

    def _check(self, holds, what: str) -> None:
        if not holds:
            raise self._unknown(what)

    def _unknown(self, what: str) -> Unknown:
        return Unknown(f"{self.page}: {what} has no plain form; give it one in tools/plain.py")


def copies(root: Path = ROOT) -> dict[str, str]:
    """The plain copy of every chapter: its path from `root`, and what is in the file."""
    book, found = Book(root), {}
    for page in book.chapters:
        notebook = Chapter(book, page).notebook()
        nbformat.validate(notebook)
        found[f"{FOLDER}/{page}.ipynb"] = nbformat.writes(notebook) + "\n"
    return found


def setup(app) -> None:
    """Have the download button of a page hand out the plain copy of its chapter."""

    def replace(app, error):
        if error is None and app.builder.format == "html":
            copied = Path(app.srcdir) / FOLDER, Path(app.outdir) / "_sources"
            shutil.copytree(*copied, dirs_exist_ok=True)

    app.connect("build-finished", replace)


if __name__ == "__main__":
    try:
        found = copies()
    except Unknown as error:
        sys.exit(str(error))
    shutil.rmtree(ROOT / FOLDER, ignore_errors=True)  # with the copy of what is no chapter any more
    for name, text in found.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
