"""Few and small files: one stylesheet and one script for all pages, slim pages, lazy pictures.

The theme and the extensions bring 14 stylesheets, 12 scripts and three fonts of icons, most of
which no page uses. Here they become `book.css`, with the rules and the icons that a page may need,
and `book.js`, which runs when a page has been read.
"""

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from os.path import relpath
from pathlib import Path
from urllib.parse import unquote

import tinycss2
from PIL import Image

from tools.page import fonts

STYLE, SCRIPT = "book.css", "book.js"
# The icons a second time, as a script of 1.5 MB; menus and tooltips, for which page.js and the
# titles of the elements stand; tabs, which no page has.
LEFT_OUT = re.compile("fontawesome|bootstrap.js|design-tabs")
WITHIN = "documentation_options.js"  # stands in the page, before what is said there about it
ELSEWHERE = {"mathjax", "vendor", "locales", "parts", "bootstrap.js"}  # name no class of a page
SHEET = re.compile(r'<link(?=[^>]* rel="stylesheet")[^>]* href="(?P<file>[^"?]*)[^>]*>\s*')
PRELOADED = re.compile(r'<link(?=[^>]* rel="preload")[^>]*>\s*')
LOADED = re.compile(r'<script(?P<how>[^>]*) src="(?P<file>[^"?]*)(?P<rest>[^>]*)></script>\s*')
# Marks within code and links that no rule colours otherwise than what is round them.
IDLE = re.compile(r'<span class="(?:n|p|w|(?:xref )?std std-(?:doc|ref|term))">([^<]*)</span>')
PICTURE = re.compile(r'<img(?=[^>]* src="(?P<file>[^":]*_images/[^"]*)")')
AS_IT_IS = re.compile(r"(<(?:pre|script|textarea)\b.*?</(?:pre|script|textarea)>)", re.DOTALL)
DARK, LIGHT = (re.compile(rf'\[data-theme="?{name}"?\]') for name in ("dark", "light"))
DARK_DEVICE = "(prefers-color-scheme: dark)"
ICON = re.compile(r'content:"(.)"')


def pages(site: Path) -> list[Path]:
    """The pages of a site, which may hold other HTML among its static files."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


def pack(site: Path) -> None:
    """Rewrite all pages of `site`, and write the one stylesheet and the one script."""
    static = site / "_static"
    texts = {path: path.read_text(encoding="utf-8") for path in pages(site)}
    sheets, scripts = (_common(texts, tag) for tag in (SHEET, LOADED))
    within = static / WITHIN
    parts = [read(file) for file in scripts if not LEFT_OUT.search(str(file)) and file != within]
    # Begun by an empty statement, or "use strict" in the first would hold for all.
    (static / SCRIPT).write_text(";\n".join(["", *parts]), encoding="utf-8")

    others = [path for path in static.rglob("*.js") if not ELSEWHERE & set(path.parts)]
    named = {
        (path.parent / found["file"]).resolve()
        for path, text in texts.items()
        for found in SHEET.finditer(text)
    }
    own = named - set(sheets)  # of some pages
    words = set(re.findall(r"[\w-]+", "\n".join([*texts.values(), *map(read, [*others, *own])])))
    (static / STYLE).write_text(stylesheet(sheets, static, words), encoding="utf-8")

    for path, text in texts.items():

        def address(name, path=path):
            version = hashlib.sha256((static / name).read_bytes()).hexdigest()[:8]
            return f"{relpath(static / name, path.parent)}?v={version}"

        head = f"<script>{read(within).strip()}</script>\n"
        head += f'<link rel="stylesheet" href="{address(STYLE)}" />\n'
        head += f'<script defer src="{address(SCRIPT)}"></script>\n'
        path.write_text(slim(text, path, {*sheets, *scripts}, head), encoding="utf-8")


def read(file: Path) -> str:
    """A script, without the address of its source map and without lines of comment alone."""
    text = re.sub(r"//# sourceMappingURL=\S*", "", file.read_text(encoding="utf-8"))
    return re.sub(r"^ *// .*\n", "", text, flags=re.MULTILINE)


def _common(texts: dict[Path, str], tag: re.Pattern) -> list[Path]:
    """The files that `tag` names on every page, in the order of the pages."""
    named = [
        [(path.parent / found["file"]).resolve() for found in tag.finditer(text)]
        for path, text in texts.items()
    ]
    return [file for file in named[0] if all(file in files for files in named)]


def slim(text: str, path: Path, gone: set[Path], head: str) -> str:
    """A page without what it loads in `gone`, and with `head` for it."""

    def script(found):
        if (path.parent / found["file"]).resolve() in gone:
            return ""
        later = "" if "defer" in found["how"] else " defer"
        return found[0].replace("<script", f"<script{later}", 1)

    first = SHEET.search(text).start()
    before, after = text[:first], text[first:]
    after = SHEET.sub(
        lambda found: "" if (path.parent / found["file"]).resolve() in gone else found[0], after
    )
    text = before + head + LOADED.sub(script, PRELOADED.sub("", after))
    text = PICTURE.sub(lambda found: found[0] + _lazy(path, found), IDLE.sub(r"\1", text))
    # A class of links that matters in the navigation only, which stands before the article.
    navigation, mark, rest = text.partition("<article")
    text = navigation + mark + rest.replace('<a class="reference internal"', "<a")
    parts = AS_IT_IS.split(text)
    parts[::2] = [re.sub(r"\s*\n\s*", "\n", part) for part in parts[::2]]
    return "".join(parts)


def _lazy(path: Path, found: re.Match) -> str:
    """The attributes that let a picture wait until it is near, and keep its place."""
    tag = found.string[found.start() : found.string.index(">", found.start())]
    size = ""
    if " width=" not in tag:
        size = ' width="{}" height="{}"'.format(*_size(path.parent / unquote(found["file"])))
    return f' loading="lazy"{size}'


def _size(picture: Path) -> tuple[int, int]:
    """Width and height in pixels."""
    if picture.suffix == ".svg":
        box = ElementTree.parse(picture).getroot().get("viewBox").split()
        return round(float(box[2])), round(float(box[3]))
    with Image.open(picture) as image:
        return image.size


# The stylesheet.


def stylesheet(sheets: list[Path], static: Path, words: set[str]) -> str:
    """The rules of `sheets` that may fit a page, whose classes and ids are among `words`, with
    the icons that they draw."""
    rules, faces = [], []
    for sheet, rule in _rules(sheets):
        if rule.type == "at-rule" and rule.lower_at_keyword == "font-face":
            faces.append((sheet, tinycss2.serialize(rule.content)))
        else:
            rules.append(_relative(_fitting(rule, words), sheet, static))
    text = "".join(rules)
    named = set(re.findall(r"animation[\w-]*:([^;}]*)", text))
    used = {name for value in named for name in re.findall(r"[\w-]+", value)}
    text = re.sub(
        r"@(?:-webkit-)?keyframes ([\w-]+)\{(?:[^{}]*\{[^{}]*\})*\}",
        lambda found: found[0] if found[1] in used else "",
        text,
    )
    text = _used(text, words)
    codes = {ord(icon) for icon in ICON.findall(text)}
    return "".join(_icons(sheet, face, codes) for sheet, face in faces) + text


def _used(text: str, words: set[str]) -> str:
    """Rules without the properties of their own that nothing reads, not even another of these."""
    before = ""
    while text != before:
        before, read_by_rules = text, set(re.findall(r"var\(\s*(--[\w-]+)", text))
        text = re.sub(
            r"(?<=[{;])(--[\w-]+):[^;{}]*(?:;|(?=\}))",
            lambda found, kept=read_by_rules | words: found[0] if found[1] in kept else "",
            text,
        )
    return text


def _rules(sheets: list[Path]):
    """All rules, each with the sheet it stands in; those of an imported sheet in its place."""
    for sheet in sheets:
        for rule in tinycss2.parse_stylesheet(
            sheet.read_text(encoding="utf-8"), skip_comments=True, skip_whitespace=True
        ):
            if rule.type == "at-rule" and rule.lower_at_keyword == "import":
                (file,) = (token.value for token in rule.prelude if token.type in ("string", "url"))
                yield from _rules([(sheet.parent / file).resolve()])
            elif rule.type != "error":
                yield sheet, rule


def _fitting(rule, words: set[str]) -> str:
    """A rule of CSS with those of its selectors that may fit; nothing where none does."""
    if rule.type == "at-rule":
        if rule.content is None:
            return ""  # a character set
        inner = _squeezed(rule.content)
        if rule.lower_at_keyword in ("media", "supports"):
            parsed = tinycss2.parse_rule_list(
                rule.content, skip_comments=True, skip_whitespace=True
            )
            inner = "".join(_fitting(each, words) for each in parsed)
        where = _squeezed(rule.prelude)
        if where == DARK_DEVICE:
            where = f"screen and {where}"
        return inner and f"@{rule.at_keyword} {where}{{{inner}}}"
    selectors = re.split(r",(?![^()]*\))", _squeezed(rule.prelude))
    fitting = [each.strip() for each in selectors if _fits(each, words)]
    return _on_paper(fitting, _squeezed(rule.content))


def _on_paper(selectors: list[str], content: str) -> str:
    """A rule that on paper is that of the light theme, whatever theme the page has."""
    dark = [each for each in selectors if DARK.search(each)]
    others = [each for each in selectors if each not in dark]
    light = [LIGHT.sub("[data-theme]", each) for each in others if LIGHT.search(each)]
    text = f"{','.join(others)}{{{content}}}" if others else ""
    text += f"@media screen{{{','.join(dark)}{{{content}}}}}" if dark else ""
    return text + (f"@media print{{{','.join(light)}{{{content}}}}}" if light else "")


def _fits(selector: str, words: set[str]) -> bool:
    """Whether all classes and ids of a selector are known; what stands in brackets, as in
    `:not(.name)`, is not looked at."""
    while selector != (outer := re.sub(r"\([^()]*\)|\[[^]]*\]", "", selector)):
        selector = outer
    return words.issuperset(re.findall(r"[.#]((?:[\w-])+)", selector))


def _squeezed(tokens) -> str:
    text = re.sub(r"/\*.*?\*/", "", tinycss2.serialize(tokens), flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()


def _relative(rule: str, sheet: Path, static: Path) -> str:
    """A rule whose addresses of files hold from the folder of static files."""
    return re.sub(
        r"url\((['\"]?)(?!data:|#)([^'\")]+)\1\)",
        lambda found: f'url("{relpath(sheet.parent / found[2], static)}")',
        rule,
    )


def _icons(sheet: Path, face: str, codes: set[int]) -> str:
    """The rule of a font of icons, holding those that are drawn; nothing where it has none."""
    family = re.search(r"font-family:\s*\"?(Font Awesome 6[^\";]*)", face.replace("\\", ""))
    file = re.search(r"url\(['\"]?([^'\")]+\.woff2)", face)
    if not (family and file):
        return ""
    weight = re.search(r"font-weight:\s*(\d+)", face)[1]
    font = fonts.characters(sheet.parent / file[1], codes)
    return (
        f'@font-face{{font-family:"{family[1]}";font-weight:{weight};font-display:block;'
        f"src:{fonts.source(font)}}}"
    )
