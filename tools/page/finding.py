"""For those who look for something: descriptions, a map of the site, a page for lost ways, names in
the list of theorems and contents beside it, one place for Chinese in the index, excerpts without
the source of formulas."""

import html
import re
from pathlib import Path
from posixpath import dirname, join, normpath

from tools.page import bundle

IMAGE = "_images/overview.png"
LOST = "404"
THEOREMS = "prf-prf.html"  # as sphinx-proof calls it, which lists labels there
INDEX = "genindex.html"
ARTICLE = '<article class="bd-article">'
# Above the index stands every sign that an entry begins with, those of Chinese one by one.
SIGN = re.compile(r'\|\s*<a href="#([\u3400-\u9fff])"><strong>.</strong></a>\s*')
# What stands beside an article, as the theme has it.
BESIDE = """
<div class="bd-sidebar-secondary bd-toc">
<div class="sidebar-secondary-items sidebar-secondary__inner">
<div class="sidebar-secondary-item">
<div class="page-toc tocsection onthispage"><i class="fa-solid fa-list"></i> Contents</div>
<nav class="bd-toc-nav page-toc"><ul class="visible nav section-nav flex-column">
{}
</ul></nav></div>
</div></div>
"""
ENTRY = (
    '<li class="toc-h2 nav-item toc-entry">'
    '<a class="reference internal nav-link" href="#{}">{}</a></li>'
)
UNDER = re.compile(r'<footer class="prev-next-footer.*?</footer>\s*</div>', re.DOTALL)
STATED = re.compile(
    r'<div class="proof \w+ admonition" id="([^"]*)">\s*<p class="admonition-title">'
    r'<span class="caption-number">([^<]*)</span>(.*?)</p>',
    re.DOTALL,
)
BACK = re.compile(r'<a class="viewcode-back" href="(?P<page>[^"#]*)#(?P<anchor>[^"]*)">.*?</a>')
DRAWS = re.compile(r"<script>window\.MathJax.*?</script>|<script[^>]*mathjax\.js[^>]*></script>")
NOWHERE = {LOST, "search"}  # pages that no search engine needs
# On GitHub's pages it is shown at any address: there its links begin at the book's own.
ORIGIN = """\
<script>
if (location.hostname.endsWith(".github.io"))
  document.write(`<base href="/${location.pathname.split("/")[1]}/">`);
</script>
"""
# In an excerpt a formula is left out, not shown as it is typed.
EXCERPT = """
Search.htmlToText = (toText => (html, anchor) =>
  toText(html.replace(/<(span|div) class="math[^>]*>[^]*?<\\/\\1>/g, "…"), anchor)
)(Search.htmlToText);
"""


def lost_page():
    """The page for an address that does not exist: its name, its context, its template."""
    body = (
        "<section><h1>This page is not there</h1><p>The address may be old, or misspelt. "
        'The search above, the <a href="index.html">first page</a>, the '
        '<a href="genindex.html">index</a> or the '
        '<a href="chapters/appendix/glossary.html">glossary</a> may know what you look for.</p>'
        "</section>"
    )
    return LOST, {"title": "Page not found", "body": body}, "page.html"


def complete(site: Path, base: str) -> None:
    """Make everything on `site` be found, which is public at the address `base`."""
    pages = {path.relative_to(site).as_posix(): path for path in bundle.pages(site)}
    texts = {name: path.read_text(encoding="utf-8") for name, path in pages.items()}
    texts[THEOREMS] = _theorems(texts)
    texts[INDEX] = _index(texts[INDEX])
    for name, text in texts.items():
        text = BACK.sub(lambda found, name=name: _leading(found, name, texts), text)
        added = _about(text, f"{base}/{name}", f"{base}/{IMAGE}")
        # The theme takes the folder of the plain copies, which nobody edits, for all its buttons.
        text = re.sub(r'(/edit/[^/"]+)/notebooks/', r"\1/", text)
        if name == f"{LOST}.html":
            text = text.replace("<head>", f"<head>\n{ORIGIN}", 1)
        pages[name].write_text(text.replace("</title>", f"</title>\n{added}", 1), encoding="utf-8")
    _map(site, [f"{base}/{name}" for name in pages if name.removesuffix(".html") not in NOWHERE])
    with (site / "_static/searchtools.js").open("a", encoding="utf-8") as file:
        file.write(EXCERPT)


def _leading(found: re.Match, name: str, texts: dict[str, str]) -> str:
    """A link from a source to the reference on page `name`; nothing where it leads nowhere."""
    page = normpath(join(dirname(name), found["page"]))
    return found[0] if f'id="{found["anchor"]}"' in texts[page] else ""


def _about(text: str, url: str, image: str) -> str:
    """What others show of a page when they link to it."""
    title = re.search(r"<title>\s*(.*?)( &#8212; [^<]*)?\s*</title>", text, re.DOTALL)[1]
    paragraph = re.search(r"<p>(.*?)</p>", text.partition("<article")[2], re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]*>", "", paragraph[1] if paragraph else title))
    words = " ".join(re.sub(r"\\\(|\\\)|\\", "", words).split())
    if len(words) > 200:
        words = words[:200].rpartition(" ")[0] + " …"
    about = {"title": html.unescape(title), "description": words, "type": "article"}
    about |= {"url": url, "image": image}
    lines = [f'<meta name="description" content="{html.escape(words)}" />']
    lines += [
        f'<meta property="og:{name}" content="{html.escape(said)}" />'
        for name, said in about.items()
    ]
    return "\n".join(lines)


def _map(site: Path, urls: list[str]) -> None:
    """The map of the site that search engines read."""
    lines = "\n".join(f"<url><loc>{html.escape(url)}</loc></url>" for url in urls)
    (site / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}\n</urlset>\n',
        encoding="utf-8",
    )


def _theorems(texts: dict[str, str]) -> str:
    """The list of theorems: of what is stated and numbered, by chapter, in the order of reading."""
    entries = []
    for page, text in texts.items():
        chapter = re.search(r"<article.*?<h1>(.*?)<a", text, re.DOTALL)
        for label, number, name in STATED.findall(text):
            place = [int(part) for part in re.findall(r"\d+", number)]
            heading = page.rpartition("/")[2].removesuffix(".html"), chapter[1]
            entries.append((place, f"{page}#{label}", f"{number.strip()} {name}", heading))
    chapters = {}
    for _, link, name, chapter in sorted(entries):
        chapters.setdefault(chapter, []).append(f'<li><a href="{link}">{name}</a></li>')
    body = "\n".join(
        f'<h2 id="{anchor}">{chapter}</h2>\n<ul>\n{chr(10).join(items)}\n</ul>'
        for (anchor, chapter), items in chapters.items()
    )
    beside = BESIDE.format("\n".join(ENTRY.format(*heading) for heading in chapters))
    # Names hold formulas; Sphinx has them drawn only on pages that it knows to have some.
    drawn = "\n".join(DRAWS.findall(texts["index.html"]))
    page = texts[THEOREMS].replace("Proof Index", "Theorems").replace("</head>", f"{drawn}</head>")
    before, _, rest = page.partition(ARTICLE)
    after = rest.partition("</article>")[2]
    after = UNDER.sub(lambda found: found[0] + beside, after, count=1)
    return f"{before}{ARTICLE}\n<h1>Theorems</h1>\n{body}\n</article>{after}"


def _index(text: str) -> str:
    """The index with one link to what is written in Chinese, in place of one for every sign."""
    first = SIGN.search(text)
    if not first:
        return text
    return SIGN.sub(
        "",
        text[: first.start()]
        + f'| <a href="#{first[1]}"><strong>中文</strong></a>\n'
        + text[first.end() :],
    )
