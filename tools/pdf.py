"""Print the built book into one PDF: `make pdf`.

    python -m tools.pdf        writes _build/book.pdf

All articles are put into one page, in the order of the book, so that Chromium makes bookmarks of
their headings, and links of what leads from one to another. It is printed twice: the first time
tells on which page each chapter begins, which the table of contents then says.
"""

import re
import sys
from pathlib import Path
from posixpath import dirname, join, normpath

import yaml
from playwright.sync_api import sync_playwright

from tools import chromium, configure

ROOT = Path(__file__).resolve().parent.parent
ARTICLE = re.compile(r'<article class="bd-article"[^>]*>(.*?)</article>', re.DOTALL)
HEAD = re.compile(r'<link rel="stylesheet"[^>]*>|<script>window\.MathJax.*?</script>'
                  r'|<script[^>]*mathjax\.js[^>]*></script>')  # fmt: skip
LINK = re.compile(r'(?P<kind> (?:href|src|id))="(?P<value>[^"]*)"')
TEXT = {"width": 643, "height": 979}  # on this paper, in pixels
FOOTER = (
    '<div style="width: 100%; text-align: center; font: 9px sans-serif">'
    '<span class="pageNumber"></span></div>'
)
PRINTED = {
    "width": "210mm",
    "height": "297mm",
    "margin": {"top": "18mm", "bottom": "20mm", "left": "20mm", "right": "20mm"},
    "outline": True,
    "tagged": True,
    "print_background": True,
    "display_header_footer": True,
    "header_template": "<div></div>",
    "footer_template": FOOTER,
}
# Formulas that are wider than the text, as `_static/page.js` does it for a page. All are measured
# before one is changed: after a change the whole book is laid out anew.
SMALLER = """() => {
    const formulas = [...document.querySelectorAll("mjx-container[display=true]")];
    const shares = formulas.map(formula => {
        const {width} = formula.querySelector("mjx-math").getBoundingClientRect();
        return (formula.parentElement.clientWidth - 50) / width;  // with a number beside it
    });
    formulas.forEach((formula, k) => {
        if (shares[k] < 1) formula.style.setProperty("--on-paper", shares[k]);
    });
}"""
# Into the table of contents, the page on which each place begins.
NUMBERED = """pages => {
    for (const link of document.querySelectorAll(".contents a"))
        link.nextElementSibling.textContent = pages[decodeURIComponent(link.hash.slice(1))];
}"""


def combined(site: Path, toc: dict) -> str:
    """All articles as one page, with a table of contents that has no page numbers yet."""
    parts = [("", [toc["root"]])]
    parts += [
        (part["caption"], [chapter["file"] for chapter in part["chapters"]])
        for part in toc["parts"]
    ]
    pages = {name: _text(site, name) for _, names in parts for name in names}
    articles = [_article(text, name, set(pages)) for name, text in pages.items()]
    lines = []
    for caption, names in parts[1:]:
        items = [
            f'<li><a href="#{_place(name)}">{_title(pages[name])}</a> <span></span></li>'
            for name in names
        ]
        lines += [f"<h3>{caption}</h3>", "<ul>", *items, "</ul>"]
    contents = f'<section class="contents"><h2>Contents</h2>\n{chr(10).join(lines)}</section>'
    head = "\n".join(HEAD.findall(pages[toc["root"]]))
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{_title(pages[toc['root']])}</title>{head}</head>"
        f'<body class="printed">{articles[0]}{contents}{"".join(articles[1:])}</body></html>'
    )


def _text(site: Path, name: str) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def _title(text: str) -> str:
    return re.search(r"<title>\s*(.*?)( &#8212; [^<]*)?\s*</title>", text, re.DOTALL)[1]


def _place(name: str, anchor: str = "") -> str:
    """The id, on the one page, of a page or of an element on it."""
    return f"{name.replace('/', '-')}--{anchor}"


def _article(text: str, name: str, pages: set[str]) -> str:
    """The article of a page, for the one page."""

    def adapt(found):
        kind, value = found["kind"], found["value"]
        if kind == " id":
            return f'{kind}="{_place(name, value)}"'
        if re.match(r"[a-z]+:", value):
            return found[0]
        file, _, anchor = value.partition("#")
        target = normpath(join(dirname(name), file)) if file else f"{name}.html"
        page = target.removesuffix(".html")
        if page in pages:
            return f'{kind}="#{_place(page, anchor)}"'
        if kind == " href":  # the reader of the file has the book on the web alone
            target = f"{configure.pages(ROOT)}/{target}{'#' * bool(anchor)}{anchor}"
        return f'{kind}="{target}"'

    body = LINK.sub(adapt, ARTICLE.search(text)[1].replace(' loading="lazy"', ""))
    body = re.sub(r'<details class="sd', '<details open class="sd', body)
    return f'<article class="bd-article" id="{_place(name)}">{body}</article>\n'


def beginnings(content: bytes) -> dict[str, int]:
    """The page, counted from 1, of every place in a PDF by Chromium that a link leads to."""
    objects = dict(re.findall(rb"(?<=\n)(\d+) 0 obj\n(.*?)\nendobj", content, re.DOTALL))

    def leaves(number: bytes) -> list[bytes]:
        kids = re.search(rb"/Kids \[(.*?)\]", objects[number], re.DOTALL)
        if not kids:
            return [number]
        return [leaf for kid in re.findall(rb"(\d+) 0 R", kids[1]) for leaf in leaves(kid)]

    (root,), (named,) = (
        re.findall(rb"/%s (\d+) 0 R" % name, content) for name in (b"Pages", b"Dests")
    )
    order = {number: k for k, number in enumerate(leaves(root), start=1)}
    places = re.findall(rb"/(\S+) \[(\d+) 0 R", objects[named])
    return {_unescaped(name): order[number] for name, number in places}


def _unescaped(name: bytes) -> str:
    """A name as PDF writes it: #E4 is a byte."""
    return re.sub(rb"#([0-9A-F]{2})", lambda code: bytes.fromhex(code[1].decode()), name).decode()


def write(site: Path, target: Path, toc: dict) -> None:
    """Print the chapters in `toc` of the book at `site` into the file `target`."""
    page = site / "printed.html"  # beside the pages, whose pictures and styles it shows
    page.write_text(combined(site, toc), encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find())
            tab = browser.new_page(viewport=TEXT)
            tab.set_default_timeout(0)
            tab.emulate_media(media="print")
            tab.goto(page.as_uri(), wait_until="load")
            tab.evaluate("async () => { await window.MathJax?.startup.promise }")
            tab.evaluate(SMALLER)
            found = beginnings(tab.pdf(**PRINTED))
            tab.evaluate(NUMBERED, found)
            target.write_bytes(tab.pdf(**PRINTED))
            browser.close()
    finally:
        page.unlink(missing_ok=True)  # a build removes it, too


if __name__ == "__main__":
    if not chromium.find():
        sys.exit(chromium.HELP)
    whole = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    write(ROOT / "_build" / "html", ROOT / "_build" / "book.pdf", whole)
