"""Link every page that has a guide in Chinese with that guide, say what is Chinese, and have the
search find it.

A guide lies at the path of its page within `chapters/chinese`: that of `chapters/game/saturation`
is `chapters/chinese/game/saturation`. Sphinx loads this file: under the heading of either page it
writes a link to the other, so that no page need name its counterpart.
"""

import re
from html import escape

from sphinx.search.en import SearchEnglish

FOLDER = "chapters/chinese"
LANGUAGE = "zh-Hans"
HAN = "[\u4e00-\u9fff]"


class Search(SearchEnglish):
    """The search in English, which finds words in Chinese too. No space parts these: so a run of
    Chinese characters is indexed by its characters and its pairs of neighbours, and what is asked
    for is taken apart into pairs."""

    js_splitter_code = r"""
var splitQuery = (query) => (query.match(
  /HAN+|(?:(?!HAN)[\p{Letter}\p{Number}_\p{Emoji_Presentation}])+/gu) ?? [])
  .flatMap((word) => /^HAN{3}/.test(word)
    ? [...word.slice(1)].map((_, i) => word.slice(i, i + 2)) : [word]);
""".replace("HAN", HAN)

    def split(self, input: str) -> list[str]:
        """The words of a text, as they are indexed."""
        words = []
        for word in re.findall(rf"{HAN}+|(?:(?!{HAN})\w)+", input):
            if re.match(HAN, word):
                words += [*word, *map("".join, zip(word, word[1:], strict=False))]
            else:
                words.append(word)
        return words

    def stem(self, word: str) -> str:
        """The stem of a word. As where it is asked for, one of two letters stays: JS."""
        return super().stem(word) if len(word) > 2 else word.lower()


def guide(page: str) -> str:
    """Where the guide in Chinese to a page lies, if there is one."""
    return f"{FOLDER}/{page.removeprefix('chapters/')}"


def original(page: str) -> str | None:
    """The page in English to which a guide belongs; None where the page is no guide."""
    if not page.startswith(f"{FOLDER}/"):
        return None
    path = page.removeprefix(f"{FOLDER}/")
    return path if path == "index" else f"chapters/{path}"


def together(body: str) -> str:
    """HTML in which no line ends between a formula and the mark next to it. Browsers know that of
    Chinese characters, but a formula is a box to them."""
    formula = r'<span class="math[^>]*>[^<]*</span>'
    marked = rf"[（“]?{formula}[，。；：？！、）”]+|[（“]{formula}"
    return re.sub(marked, r'<span class="together">\g<0></span>', body)


def marked(navigation: str) -> str:
    """HTML in which links and captions with Chinese characters say their language."""
    return re.sub(rf"<(a|span)\b(?=[^>]*>[^<]*{HAN})", rf'<\1 lang="{LANGUAGE}"', navigation)


def setup(app) -> None:
    """Have the pages of both languages linked, and what is Chinese marked, as they are written."""

    def link(app, pagename, templatename, context, doctree):
        if doctree is None or "</h1>" not in context["body"]:
            return
        source = original(pagename)
        target = source or guide(pagename)
        if target not in app.env.found_docs:
            return
        address = escape(app.builder.get_relative_uri(pagename, target))
        title = escape(app.env.titles[target].astext())
        if source:
            line = f'英文原文：<a href="{address}" hreflang="en" lang="en">{title}</a>'
            opening = f'<section lang="{LANGUAGE}"'
            context["body"] = together(context["body"]).replace("<section", opening, 1)
        else:
            line = f'中文导读：<a href="{address}" hreflang="{LANGUAGE}">{title}</a>'
        line = f'<p class="counterpart" lang="{LANGUAGE}">{line}</p>'
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)

    def mark(app, pagename, templatename, context, doctree):
        toctree = context["toctree"]
        context["toctree"] = lambda **options: marked(str(toctree(**options)))
        context["toc"] = marked(context.get("toc", ""))
        for neighbour in filter(None, (context.get("prev"), context.get("next"))):
            neighbour["title"] = marked(f"<span>{neighbour['title']}</span>")

    def mark_in_print(app, pagename, templatename, context, doctree):
        context["pagetitle"] = marked(f"<span>{context.get('pagetitle', '')}</span>")

    app.connect("html-page-context", link)
    app.connect("html-page-context", mark)
    app.connect("html-page-context", mark_in_print, priority=900)  # once the theme has set it
    app.add_search_language(Search)
