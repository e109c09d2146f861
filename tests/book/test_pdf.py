"""The printed book: a small site of three pages, printed, and its PDF read."""

import re
import shutil
import zlib

import pytest
from tree import ROOT

from tools import chromium, configure, pdf

PAGE = """\
<!DOCTYPE html><html><head><title>{title} &#8212; A book</title>
<link rel="stylesheet" href="custom.css"></head><body>
<nav>Not printed</nav>
<article class="bd-article"><section id="{anchor}"><h1>{title}</h1>{body}</section></article>
</body></html>"""
ROW = "<tr><td>row {k}</td><td>0.01</td><td>4.3·10⁻⁷</td><td>observed before</td></tr>"
HEAD = "".join(f"<th>{name}</th>" for name in ("quantity", "predicted", "measured", "tolerance"))
VERDICT = (
    f'<table class="verdict"><thead><tr>{HEAD}</tr></thead>'
    f"<tbody>{''.join(ROW.format(k=k) for k in range(120))}</tbody>"
    '<tfoot><tr><td colspan="4">120 of 120 hold</td></tr></tfoot></table>'
)
CARD = '<div class="sd-card"><p>Begins {k}</p><p>Goes on.</p><p>Goes on.</p><p>Ends {k}</p></div>'
# Definitions that end close to the foot of a sheet, in a box as the theme has it.
ENDS = {
    f"end{room}": (
        f"The end {room}",
        "<style>body { display: flex; flex-direction: column }</style>"
        f'<div style="height: {room}px"></div>'
        "<dl><dt>A term</dt><dd><p>What it means.</p></dd></dl>",
    )
    for room in range(820, 900, 4)
}
TABLES = VERDICT + "".join(CARD.format(k=k) for k in range(30))
LONG = "<p>A line of words, and another.</p>" * 120  # more than two sheets
TOC = {
    "root": "index",
    "parts": [
        {"caption": "First part", "chapters": [{"file": "part/long"}, {"file": "part/after"}]},
        {
            "caption": "Second part",
            "chapters": [{"file": name} for name in ["last", "tables", *ENDS]],
        },
    ],
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    assert chromium.find(), chromium.HELP
    site = tmp_path_factory.mktemp("site")
    (site / "part").mkdir()
    shutil.copy(ROOT / "_static" / "custom.css", site)
    pages = {
        "index": ("The book", '<a href="part/after.html#deep">to a section</a>'),
        "part/long": ("1. A long chapter", LONG + '<a href="../genindex.html">elsewhere</a>'),
        "part/after": (
            "2. The one after it, über",
            f'{LONG}<h2 id="deep">A section</h2><a href="long.html">back</a>',
        ),
        "last": ("The last", '<a href="https://example.org/">away</a>'),
        "tables": ("Tables", TABLES),
        **ENDS,
    }
    for name, (title, body) in pages.items():
        text = PAGE.format(title=title, body=body, anchor=name.rpartition("/")[2])
        (site / f"{name}.html").write_text(text, encoding="utf-8")
    pdf.write(site, site / "book.pdf", TOC)
    return Read((site / "book.pdf").read_bytes())


class Read:
    """A PDF by Chromium: its pages, bookmarks and links."""

    def __init__(self, content):
        self.objects = {
            int(number): body
            for number, body in re.findall(
                rb"(?<=\n)(\d+) 0 obj\n(.*?)\nendobj", content, re.DOTALL
            )
        }
        # In the order of the file, which is that of the pages.
        self.pages = [k for k, body in self.objects.items() if b"/Type /Page\n" in body]
        self.bookmarks = {
            self.words(title): self.pages.index(int(page))
            for title, page in re.findall(rb"/Title (.*?)\n/Dest \[(\d+) 0 R", content)
        }
        link = rb"/Subtype /Link.*?\n/(?:Dest /|A .*?/URI \()([^\n)]*)"
        self.links = [found.decode() for found in re.findall(link, content, re.DOTALL)]
        named = self.objects[int(re.search(rb"/Dests (\d+) 0 R", content)[1])]
        self.places = {
            name.decode(): self.pages.index(int(page))
            for name, page in re.findall(rb"/(\S+) \[(\d+) 0 R", named)
        }

    @staticmethod
    def words(title):
        return (
            bytes.fromhex(title[5:-1].decode()).decode("utf-16-be")
            if title.startswith(b"<FEFF")
            else title[1:-1].decode()
        )

    def stream(self, number):
        content = self.objects[number].partition(b"stream\n")[2].removesuffix(b"\nendstream")
        return zlib.decompressobj().decompress(content)

    def characters(self, font):
        """What the codes of a font stand for."""
        mapping = self.stream(int(re.search(rb"/ToUnicode (\d+)", self.objects[font])[1]))
        found = {}
        for code, to in re.findall(rb"^<(\w{4})> <(\w{4})>$", mapping, re.MULTILINE):
            found[int(code, 16)] = chr(int(to, 16))
        for first, last, to in re.findall(rb"^<(\w+)> <(\w+)> <(\w{4})>$", mapping, re.MULTILINE):
            for k in range(int(first, 16), int(last, 16) + 1):
                found[k] = chr(int(to, 16) + k - int(first, 16))
        return found

    def lines(self, page):
        """The texts on a page, one for each place at which text begins."""
        body = self.objects[self.pages[page]]
        fonts = {
            name: self.characters(int(number))
            for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)
        }
        drawn = self.stream(int(re.search(rb"/Contents (\d+)", body)[1]))
        lines = []
        for block in re.findall(rb"BT\n(.*?)ET", drawn, re.DOTALL):
            line = ""
            for font, codes in re.findall(rb"/(F\d+) [\d.]+ Tf|<(\w+)>", block):
                if font:
                    known = fonts[font]
                else:
                    line += "".join(
                        known[int(codes[k : k + 4], 16)] for k in range(0, len(codes), 4)
                    )
            lines.append(line)
        return lines


CHAPTERS = ["1. A long chapter", "2. The one after it, über", "The last", "Tables"]
CHAPTERS += [title for title, _ in ENDS.values()]


def test_its_bookmarks_lead_to_the_headings(printed):
    parts = ["Contents", "First part", "Second part"]
    assert sorted(printed.bookmarks) == sorted(["The book", *parts, *CHAPTERS, "A section"])
    for title, page in printed.bookmarks.items():
        assert title in printed.lines(page)


def test_its_contents_say_on_which_page_a_chapter_begins(printed):
    lines = printed.lines(1)
    assert lines[0] == "Contents"
    for title in CHAPTERS:
        place = lines.index(title) + 1
        number = int(next(line for line in lines[place:] if line.strip()))
        assert printed.lines(number - 1)[0] == title
        assert printed.lines(number - 1)[-1] == str(number)  # at the foot of the sheet
        assert number == printed.bookmarks[title] + 1
    assert printed.bookmarks["The last"] > printed.bookmarks[CHAPTERS[1]] > 4


def test_its_links_lead_to_places_in_it_or_to_the_web(printed):
    within = [link for link in printed.links if not link.startswith("https:")]
    assert len(within) == 6 + len(ENDS) and set(within) <= set(printed.places)
    assert printed.places["part-after--deep"] == printed.bookmarks["A section"]
    base = configure.pages(ROOT).lower()
    without = [link.lower() for link in printed.links if link.startswith("https:")]
    assert without == [f"{base}/genindex.html", "https://example.org/"]


def test_what_is_not_the_article_is_not_printed(printed):
    text = [line for page in range(len(printed.pages)) for line in printed.lines(page)]
    assert "A line of words, and another." in text and "Not printed" not in text


def test_a_table_has_whole_words_and_its_last_line_once(printed):
    pages = [printed.lines(page) for page in range(printed.bookmarks["Tables"], len(printed.pages))]
    lines = [line.strip() for page in pages for line in page]
    assert lines.count("120 of 120 hold") == 1
    assert lines.count("4.3·10⁻⁷") == 120
    for page in pages:
        heads = [line.strip() for line in page].count("measured")
        assert heads == any(line.startswith("row ") for line in page)


def test_no_card_is_broken_and_no_page_empty(printed):
    for page in range(len(printed.pages)):
        lines = [line.strip() for line in printed.lines(page)]
        begun = {line[7:] for line in lines if line.startswith("Begins ")}
        assert begun == {line[5:] for line in lines if line.startswith("Ends ")}
        assert len(lines) > 1  # more than its number
