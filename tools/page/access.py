"""For those who hear a page or use it by keys: languages, names, landmarks."""

import re
from pathlib import Path

CHINESE = r"[\u3400-\u9fff]"
RUN = re.compile(rf"{CHINESE}(?:[\u3000-\u9fff\uff00-\uffef·、]*{CHINESE})?")
# Text is what stands between tags, but for what scripts, styles and titles hold.
TEXT = re.compile(
    r"(?P<other><(?:script|style|title|textarea)\b.*?</(?:script|style|title|textarea)>|<[^>]*>)"
    r"|(?P<text>[^<]+)",
    re.DOTALL,
)
# Penalties are written as r1=1@16; the book has no mail addresses.
MAIL = re.compile(r'<a class="reference external" href="mailto:[^"]*">(.*?)</a>')
# A link begins with its first word, and the space stands before it.
SOLUTION = re.compile(r"(Solution to)\s*(<a [^>]*>)\s+")
# What the theme and the extensions write, and what they should.
REPLACED = {
    # The name of a fold is what is written on it.
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # Roles that are no longer in use, and have no use.
    ' role="doc-biblioentry"': ' role="listitem"',
    # The search button's name is its text, without the keys.
    'search-button-field search-button__button" title="Search" aria-label="Search"': (
        'search-button-field search-button__button" title="Search"'
    ),
    '<span class="search-button__kbd-shortcut">': (
        '<span class="search-button__kbd-shortcut" aria-hidden="true">'
    ),
    '<div class="bd-sidebar-primary bd-sidebar">': (
        '<div class="bd-sidebar-primary bd-sidebar" role="navigation" aria-label="Book">'
    ),
    # A cell above the names of rows heads nothing.
    '<th class="head"></th>': '<td class="head"></td>',
}


def improve(page: Path) -> None:
    """Rewrite a page."""
    text = MAIL.sub(r"\1", page.read_text(encoding="utf-8"))
    text = SOLUTION.sub(r"\1 \2", text)
    for old, new in REPLACED.items():
        text = text.replace(old, new)
    if "chinese" in page.parts:
        text = text.replace(
            '<article class="bd-article"', '<article class="bd-article" lang="zh-Hans"'
        )
    else:
        text = TEXT.sub(lambda found: found["other"] or _languages(found["text"]), text)
    page.write_text(text, encoding="utf-8")


def _languages(text: str) -> str:
    return RUN.sub(r'<span lang="zh-Hans">\g<0></span>', text)
