"""The book as a reader sees it: built from a clean copy of the tree, served, opened in Chromium."""

import functools
import http.server
import re
import threading
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright
from sympy import Derivative, Symbol
from tree import ROOT

from gancode import plots
from gancode.calculus import catalog, find_objective, prove
from gancode.errors import Refused
from gancode.notebook import powers
from tools import chinese, chromium, configure, engine, exercises, fetch, pdf, plain

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
PAGES = [TOC["root"], *CHAPTERS, "genindex", "prf-prf", "search", "404"]
PHONE = {"width": 390, "height": 844}
HEAVIEST, MOST_REQUESTS = 1_200_000, 20  # bytes and requests of a page before a reader scrolls
SCHEMES = sorted(set((ROOT / "_static").glob("*.svg")) - {ROOT / "_static" / "favicon.svg"})
ANSWERABLE = exercises.in_the_page()
ANSWERS = yaml.safe_load((ROOT / exercises.LISTED).read_text(encoding="utf-8"))
LETTERS = 14  # the smallest in a scheme, but for what is raised or lowered


@pytest.fixture(scope="module")
def site(clean_copy, build_book):
    """The folder of the built pages, of a tree in which hidden folders hold pages too."""
    tree = clean_copy()
    for folder in (".pytest_cache", ".venv", "chapters/game/.ipynb_checkpoints"):
        (tree / folder).mkdir()
        (tree / folder / "README.md").write_text("# Not a page of the book\n")
    return build_book(tree)


@pytest.fixture(scope="module")
def address(site):
    """Where the pages are served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def context():
    path = chromium.find()
    assert path, chromium.HELP
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        context = browser.new_context(viewport=PHONE)
        context.set_default_timeout(10_000)
        yield context
        browser.close()


@pytest.fixture(scope="module", params=PAGES)
def visit(request, context, address):
    """A page opened on a phone, with what went wrong while it loaded, and its formulas typeset."""
    page, wrong, loaded, awaited = context.new_page(), [], [], set()
    page.on("response", lambda answer: loaded.append(answer))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda failed: wrong.append(f"failed: {failed.url}"))
    page.on("response", lambda got: got.status >= 400 and wrong.append(f"{got.status}: {got.url}"))

    def stay_here(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            wrong.append(f"asks another host: {route.request.url}")
            route.abort()

    page.route("**/*", stay_here)
    page.on("request", lambda asked: awaited.add(asked))
    page.on("requestfinished", lambda asked: awaited.discard(asked))
    page.on("requestfailed", lambda asked: awaited.discard(asked))
    page.goto(f"{address}/{request.param}.html")
    page.evaluate("async () => { if (window.MathJax) await MathJax.startup.promise }")
    for _ in range(1000):  # until all is there that the typeset page asks for, as fonts
        if not awaited:
            break
        page.wait_for_timeout(10)
    wrong += [f"unanswered: {asked.url}" for asked in awaited]
    sizes = [len(answer.body()) for answer in loaded if not answer.url.startswith("data:")]
    yield SimpleNamespace(page=page, wrong=wrong, name=request.param, sizes=sizes)
    page.close()


def test_a_page_is_light(visit):
    assert sum(visit.sizes) <= HEAVIEST
    assert len(visit.sizes) <= MOST_REQUESTS


def test_a_page_loads_alone_and_without_errors(visit):
    assert visit.wrong == []


def test_every_formula_is_typeset(visit):
    wrong = visit.page.evaluate(r"""() => {
        const wrong = [];
        for (const formula of window.MathJax?.startup.document.math ?? [])
            formula.root.walkTree(node => {
                // An unknown macro is no error for MathJax: it draws its name in red.
                const unknown = node.kind === "mtext"
                    && node.attributes.getExplicit("mathcolor") === "red";
                if (node.kind === "merror" || unknown) wrong.push(formula.math);
            });
        for (const formula of document.querySelectorAll(".math"))
            if (!formula.querySelector("mjx-container")) wrong.push(formula.textContent);
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const { parentElement, data } = texts.currentNode;
            if (/\$\$|\$[^$\n]+\$|\\[(\[]|\\begin\{/.test(data)
                && !parentElement.closest("pre, code, script, style")) wrong.push(data);
        }
        return wrong;
    }""")
    assert wrong == []


def test_nothing_scrolls_the_page_sideways_or_is_cut_off_on_a_phone(visit):
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    cut = visit.page.evaluate("""() => {
        const scrolls = element => /auto|scroll/.test(getComputedStyle(element).overflowX);
        return [...document.querySelectorAll("article *")].filter(element => {
            if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
            if (element.closest("mjx-assistive-mml")) return false;
            for (let box = element; box.tagName !== "ARTICLE"; box = box.parentElement)
                if (scrolls(box)) return false;
            return true;
        }).map(element => element.outerHTML.slice(0, 200));
    }""")
    assert cut == []


def test_formulas_are_broken_into_lines_on_a_phone_and_are_no_tab_stops(visit):
    found = visit.page.evaluate("""() => {
        const formulas = [...document.querySelectorAll("article mjx-container")];
        return {
            cut: formulas.filter(each => each.getAttribute("display") === "true"
                    && each.scrollWidth > each.clientWidth + 2)
                .map(each => each.textContent.slice(0, 80)),
            stops: formulas.filter(each => each.matches("[tabindex]")
                || each.querySelector("[tabindex]")).length,
            said: formulas.filter(each => !each.querySelector("mjx-assistive-mml")).length,
        };
    }""")
    assert found == {"cut": [], "stops": 0, "said": 0}


def test_rows_of_verdicts_and_claims_are_cards_on_a_phone(visit):
    """The mark comes first, what is true before what was said, and nothing scrolls."""
    wrong = visit.page.evaluate("""() => {
        const wrong = [], top = cell => cell.getBoundingClientRect().top;
        for (const table of document.querySelectorAll("article table:is(.verdict, .claims)")) {
            if (table.scrollWidth > table.clientWidth + 1) wrong.push("scrolls sideways");
            const names = [...table.querySelectorAll("thead th")].map(cell => cell.innerText);
            for (const row of table.querySelectorAll("tbody tr")) {
                if (!row.checkVisibility({visibilityProperty: true})) continue;  // folded
                const cells = [...row.cells], [first, said, last] = cells;
                const cards = [first, cells.at(-1)].every(cell =>
                    cell.getBoundingClientRect().left < row.getBoundingClientRect().left + 60);
                const order = table.matches(".verdict")
                    ? top(cells.at(-1)) <= top(first) && top(first) < top(cells[1])
                    : names.length !== 3 || (top(first) < top(last) && top(last) < top(said));
                const named = cells.every((cell, k) => cell.dataset.label === names[k].trim());
                if (!cards || !order || !named) wrong.push(row.innerText.slice(0, 80));
            }
        }
        return wrong;
    }""")
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit, scheme):
    """Of the rules that axe-core has for the levels A and AA, and of its best practices."""
    page = visit.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_selector(f"html[data-theme={scheme}]")
    if not page.evaluate("!!window.axe"):
        page.evaluate((fetch.npm_packages() / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(
        """async only => {
            // Colours fade from scheme to scheme. What does not end by then is out of sight.
            const faded = document.getAnimations().map(each => each.finished);
            const late = new Promise(done => setTimeout(done, 300));
            await Promise.race([Promise.allSettled(faded), late]);
            // Formulas are MathML to those who hear them. No rule looks at their drawings, half of
            // what axe would walk through: meanwhile only the room they take is there.
            const drawings = [...document.querySelectorAll("mjx-container > mjx-math")].map(
                drawing => ({drawing, parts: [...drawing.childNodes],
                    style: drawing.getAttribute("style"), box: drawing.getBoundingClientRect()}));
            for (const {drawing, box: {width, height}} of drawings) {
                drawing.replaceChildren();
                Object.assign(drawing.style,
                    {display: "inline-block", width: `${width}px`, height: `${height}px`});
            }
            const context = {exclude: [["mjx-container"]]};
            const {violations} = await axe.run(context, {resultTypes: ["violations"], ...only});
            for (const {drawing, parts, style} of drawings) {
                drawing.replaceChildren(...parts);
                if (style === null) drawing.removeAttribute("style");
                else drawing.setAttribute("style", style);
            }
            return violations.map(({id, nodes}) => [id, nodes.slice(0, 3)
                .map(({html, any}) => [html.slice(0, 200), any[0]?.message])]);
        }""",
        {"runOnly": ["color-contrast"]} if scheme == "dark" else {},
    )
    assert found == []


def test_chinese_is_said_to_be_chinese(visit):
    assert (
        visit.page.evaluate("""() => {
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), wrong = [];
        while (texts.nextNode()) {
            const {parentElement, data} = texts.currentNode;
            if (/[\u3400-\u9fff]/.test(data) && !parentElement.closest("script, [lang=zh-Hans]"))
                wrong.push(data);
        }
        return wrong;
    }""")
        == []
    )


def test_english_is_drawn_in_no_chinese_font(context, address):
    """There an apostrophe is as wide as a character."""
    page = context.new_page()
    page.goto(f"{address}/chapters/tutorials/errors.html")
    devtools = context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        devtools.send(f"{domain}.enable")
    root = devtools.send("DOM.getDocument")["root"]["nodeId"]
    found = devtools.send("DOM.querySelector", {"nodeId": root, "selector": "article h1 + p"})
    used = devtools.send("CSS.getPlatformFontsForNode", found)["fonts"]
    page.close()
    assert used
    assert not [font["familyName"] for font in used if "CJK" in font["familyName"]]


def test_light_and_dark(visit):
    brightness = {}
    for scheme in ("dark", "light"):
        visit.page.emulate_media(color_scheme=scheme)
        visit.page.wait_for_selector(f"html[data-theme={scheme}]")
        brightness[scheme] = visit.page.evaluate("""() => {
            const sum = (element, property) =>
                getComputedStyle(element)[property].match(/[\\d.]+/g).slice(0, 3)
                    .reduce((total, channel) => total + Number(channel), 0);
            return {
                page: sum(document.body, "backgroundColor"),
                text: sum(document.querySelector("article, main"), "color"),
            };
        }""")
    assert brightness["dark"]["page"] + 300 < brightness["dark"]["text"]
    assert brightness["light"]["text"] + 300 < brightness["light"]["page"]
    assert visit.wrong == []


def test_on_paper_it_is_light_and_whole_and_what_is_pressed_is_gone(visit):
    """Also where the page is dark."""
    page = visit.page
    page.set_viewport_size(pdf.TEXT)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    found = page.evaluate("""() => {
        const seen = [...document.querySelectorAll("body *")].filter(each => {
            const {width, height} = each.getBoundingClientRect();
            return width && height && each.checkVisibility() && !each.closest("mjx-assistive-mml");
        });
        const look = element => getComputedStyle(element);
        const light = colour => {  // on white paper, from 0 to 1
            const [red, green, blue, share = 1] = colour.match(/[\\d.]+/g).map(Number);
            return 1 - share * (1 - (red + green + blue) / 765);
        };
        const said = element => element.outerHTML.slice(0, 120);
        const kept = "figure, .cell_output img, .cell_input, mjx-container[display=true]";
        return {
            // Papers and panels are bright, and letters that stand on them are not.
            dark: seen.filter(each => light(look(each).backgroundColor) < 0.8).map(said),
            pale: seen.filter(each => each.closest("article") && light(look(each).color) > 0.7)
                .map(said),
            pressed: seen.filter(each => each.matches("button, input, select, form, .headerlink"))
                .map(said),
            cut: seen.filter(each => each.getBoundingClientRect().right > innerWidth + 1)
                .map(said),
            scrolled: seen.filter(each => each.matches("pre, table, .cell_output")
                && each.scrollWidth > each.clientWidth + 1).map(said),
            torn: seen.filter(each => each.matches(kept) && look(each).breakInside !== "avoid")
                .map(said),
        };
    }""")
    page.emulate_media(media="screen")
    page.set_viewport_size(PHONE)
    assert {name: each[:3] for name, each in found.items() if each} == {}


def test_captions_have_the_weight_of_text_and_pictures_one_grey_in_the_dark(visit):
    visit.page.emulate_media(color_scheme="dark")
    visit.page.wait_for_selector("html[data-theme=dark]")
    looks = """selector => [...document.querySelectorAll(selector)].map(element => {
        const look = getComputedStyle(element);
        return [look.fontWeight, look.filter, look.backgroundColor];
    })"""
    captions = visit.page.evaluate(looks, "article figcaption .caption-text")
    assert {weight for weight, *_ in captions} <= {"400"}
    pictures = visit.page.evaluate(looks, "article figure img")
    assert {background for *_, background in pictures} <= {"rgb(255, 255, 255)"}
    assert len({dimmed for _, dimmed, _ in pictures}) <= 1


def test_a_scheme_is_not_made_too_small_for_a_phone(visit):
    for scheme in visit.page.locator("article img[src$='.svg']").all():
        scheme.scroll_into_view_if_needed()
        scheme.evaluate("image => image.decode()")
        shown, drawn = scheme.evaluate("image => [image.width, image.naturalWidth]")
        assert LETTERS * shown >= 10 * drawn > 0


def test_every_exercise_that_prove_judges_has_fields_with_labels(visit):
    shown = visit.page.evaluate("""() => Object.fromEntries(
        [...document.querySelectorAll(".exercise:has(form.engine)")].map(exercise => [
            exercise.id,
            [...exercise.querySelectorAll("input")].map(input => input.labels[0].innerText.trim()),
        ]))""")
    assert shown == {
        label: [f"{name} {remark}".strip() for name, remark in each["fields"].items()]
        for label, each in ANSWERABLE.items()
        if each["page"] == visit.name
    }


@pytest.fixture(params=SCHEMES, ids=lambda scheme: scheme.stem)
def scheme(request, context):
    """A scheme, opened by itself."""
    page = context.new_page()
    page.goto(request.param.as_uri())
    yield page
    page.close()


def test_a_scheme_is_drawn_on_white_paper_in_the_colours_of_the_book(scheme):
    paper = scheme.evaluate("""() => {
        const paper = document.querySelector("svg > rect");
        const [size, whole] = [paper.getBBox(), document.documentElement.viewBox.baseVal];
        return [getComputedStyle(paper).fill, size.width / whole.width, size.height / whole.height];
    }""")
    assert paper == ["rgb(255, 255, 255)", 1, 1]
    assert scheme.locator("title").count() == 1
    colours = set(re.findall("#[0-9a-fA-F]+", scheme.content()))
    palette = {plots.REAL, plots.GENERATED, plots.THEORY, plots.MEASURED, "#CC79A7"}
    assert colours <= palette | {"#ffffff", "#cccccc", "#00664B"}  # paper, rule, green for letters


def test_the_letters_of_a_scheme_are_large_and_nothing_covers_them(scheme):
    wrong = scheme.evaluate(
        """letters => {
        const wrong = [], texts = [...document.querySelectorAll("text")];
        const apart = (one, other) => one.right <= other.left || other.right <= one.left
            || one.bottom <= other.top || other.bottom <= one.top;
        const within = (one, other) => one.left >= other.left - 1 && one.right <= other.right + 1
            && one.top >= other.top - 1 && one.bottom <= other.bottom + 1;
        for (const [k, text] of texts.entries()) {
            const place = text.getBoundingClientRect();
            if (parseFloat(getComputedStyle(text).fontSize) < letters)
                wrong.push(`small: ${text.textContent}`);
            for (const rect of document.querySelectorAll("rect")) {
                const box = rect.getBoundingClientRect();
                if (!apart(place, box) && !within(place, box))
                    wrong.push(`across an edge: ${text.textContent}`);
            }
            for (const other of texts.slice(k + 1))
                if (!apart(place, other.getBoundingClientRect()))
                    wrong.push(`${text.textContent} and ${other.textContent} overlap`);
        }
        return texts.length ? wrong : ["no text"];
    }""",
        LETTERS,
    )
    assert wrong == []


def test_code_can_be_copied_and_solutions_are_hidden_until_clicked(visit):
    page = visit.page
    notebook = (ROOT / f"{visit.name}.ipynb").exists()
    blocks, buttons = page.locator(".cell_input pre"), page.locator(".cell_input .copybtn")
    assert blocks.count() == buttons.count()
    solutions = page.locator(".solution")
    assert not notebook or (blocks.count() and solutions.count())
    for solution in solutions.all():
        content = solution.locator("section, .section").first
        assert content.is_hidden()
        solution.locator("button.toggle-button").click()
        content.wait_for(state="visible")


@pytest.mark.parametrize(
    ("words", "chapter"),
    [
        ("Jensen–Shannon", "chapters/game/js_divergence"),
        ("收敛", "chapters/chinese/calculus/gradient_descent"),
        ("熵", "chapters/chinese/game/js_divergence"),
        ("公平的硬币", "chapters/chinese/game/js_divergence"),
        ("JS", "chapters/game/js_divergence"),
        ("JS散度", "chapters/chinese/training/conditional"),
    ],
)
def test_search_finds_a_chapter(context, address, words, chapter):
    page = context.new_page()
    page.goto(f"{address}/search.html")
    page.locator("main input[name=q]").fill(words)
    page.keyboard.press("Enter")
    page.locator(f"#search-results li a[href*='{chapter}.html']").first.wait_for()
    page.close()


def test_excerpts_of_a_search_hold_no_source_of_formulas(context, address):
    page = context.new_page()
    page.goto(f"{address}/search.html?q=divergence")
    page.locator("#search-results .context").nth(20).wait_for()
    excerpts = " ".join(page.locator("#search-results .context").all_text_contents())
    page.close()
    assert "…" in excerpts and "divergence" in excerpts
    assert not re.search(r"\\[a-z(\[{]", excerpts)


@pytest.mark.parametrize(
    "name, field, words, entries, some",
    [
        ("chapters/appendix/glossary", "Find a term", "鞍点", "dl.glossary dd", 1),
        ("chapters/appendix/ledger", "Find a statement", "convex refuted", "details li li", 2),
        ("chapters/tutorials/overview", "Find a claim", "saddle", "#everything tbody tr", 1),
    ],
)
def test_a_filter_leaves_what_holds_the_words(context, address, name, field, words, entries, some):
    page = context.new_page()
    page.goto(f"{address}/{name}.html")
    shown = page.locator(f"article {entries}:not([hidden])")
    whole = shown.count()
    page.get_by_label(field).fill(words)
    left = shown.all_text_contents()
    assert some <= len(left) < whole
    if field != "Find a term":  # whose words stand beside the explanation
        assert all(word in text.lower() for word in words.split() for text in left)
    page.get_by_label(field).fill("")
    assert shown.count() == whole
    page.close()


def test_the_glossary_is_listed_from_a_to_z_and_by_pinyin(context, address):
    page = context.new_page()
    page.goto(f"{address}/chapters/appendix/glossary.html")
    terms = page.locator("dl.glossary dt").count()
    lists = {
        name: page.locator("details", has_text=name)
        .locator("p")
        .evaluate_all(
            "rows => rows.map(row => [row.firstChild.textContent,"
            " [...row.querySelectorAll('a')].map(link => link.textContent)])"
        )
        for name in ("A to Z", "拼音")
    }
    page.close()
    assert sum(len(found) for rows in lists.values() for _, found in rows) == terms
    for rows in lists.values():
        letters = [letter for letter, _ in rows]
        assert letters == sorted(letters) and all(re.fullmatch("[A-Z]", each) for each in letters)
    pinyin = {term: letter for letter, found in lists["拼音"] for term in found}
    expected = {
        "鞍点": "A",
        "零和博弈": "L",
        "弱对偶性": "R",
        "密度比": "M",
        "熵": "S",
        "有限差分": "Y",
    }
    assert {term: pinyin[term] for term in expected} == expected


def test_menus_open_by_keys_and_close(context, address):
    page = context.new_page()
    page.goto(f"{address}/chapters/game/value_function.html")
    button, menu = (
        page.locator(".dropdown-download-buttons button").first,
        page.locator(".dropdown-download-buttons .dropdown-menu"),
    )
    assert menu.is_hidden()
    button.focus()
    page.keyboard.press("Enter")
    assert menu.is_visible() and button.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert menu.is_hidden() and button.get_attribute("aria-expanded") == "false"
    page.close()


@pytest.fixture(scope="module")
def documents(site):
    """Every page of the site, parsed, under its path."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }


def test_every_page_of_the_book_was_built(site, documents):
    assert {site / f"{page}.html" for page in PAGES} <= set(documents)


def test_every_internal_link_and_anchor_resolves(documents):
    anchors = {
        path: {node.get("id") or node.get("name") for node in page.select("[id], a[name]")}
        for path, page in documents.items()
    }
    broken = []
    for path, page in documents.items():
        for node in page.select("[href], [src]"):
            link, fragment = urldefrag(node.get("href") or node.get("src"))
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if configure.PLACEHOLDER in link:
                    broken.append((path.name, link))
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = anchors.get(target)
            if not target.exists() or (
                fragment and known is not None and unquote(fragment) not in known
            ):
                broken.append((path.name, f"{link}#{fragment}"))
    assert broken == []


def test_guides_in_chinese_and_their_pages_lead_to_each_other(site, documents):
    guides = {page: chinese.original(page) for page in CHAPTERS if chinese.original(page)}
    pairs = guides | {page: guide for guide, page in guides.items()}
    led = {
        str(path.relative_to(site).with_suffix("")): (path.parent / link["href"]).resolve()
        for path, page in documents.items()
        for link in page.select("article .counterpart a")
    }
    assert guides and led == {page: site / f"{other}.html" for page, other in pairs.items()}
    for guide in guides:
        assert documents[site / f"{guide}.html"].select_one("article section")["lang"] == "zh-Hans"


def test_every_page_says_what_it_is_about_and_the_map_has_it(documents, site):
    base = configure.pages(ROOT)
    listed = re.findall("<loc>(.*?)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    for path, page in documents.items():
        name = path.relative_to(site).as_posix()
        said = {
            meta.get("property") or meta.get("name"): meta.get("content") for meta in page("meta")
        }
        assert said["og:url"] == f"{base}/{name}" and said["og:title"]
        assert (site / said["og:image"].removeprefix(f"{base}/")).is_file()
        assert said["description"] and "\\" not in said["description"]
        assert (f"{base}/{name}" in listed) == (name not in ("404.html", "search.html"))


def test_the_list_of_theorems_has_all_by_name_and_is_linked(documents, site):
    listed = {
        link["href"]: link.get_text()
        for link in documents[site / "prf-prf.html"].select("article a")
    }
    for path, page in documents.items():
        for box in page.select("article .proof[id]"):
            if number := box.select_one(".caption-number"):
                target = f"{path.relative_to(site).as_posix()}#{box['id']}"
                assert listed.pop(target).startswith(number.get_text().strip())
    assert listed == {}
    links = {link.get("href") for link in documents[site / "index.html"].select("article a")}
    assert {"prf-prf.html", "genindex.html"} <= links


def test_every_page_has_the_same_furniture(documents, site):
    """The book's navigation, its search and its buttons, and contents that lead to the headings."""
    for path, page in documents.items():
        there = {link.get("href") for link in page.select(".bd-sidebar-primary .bd-links a")}
        assert len(there) >= len(CHAPTERS)
        assert page.select_one(".bd-header-article") and page.select_one(".bd-footer-content")
        lead = {unquote(link["href"][1:]) for link in page.select(".bd-toc-nav a[href^='#']")}
        assert lead <= {element["id"] for element in page.select("article [id]")}
        named = [heading for heading in page.select("article h2") if heading.get("id")]
        assert {heading["id"] for heading in named} <= lead or path.name == "genindex.html"
    beside = documents[site / "prf-prf.html"].select(".bd-sidebar-secondary a")
    chapters = documents[site / "prf-prf.html"].select("article h2")
    assert [each.get_text() for each in beside] == [each.get_text() for each in chapters] != []


def test_a_link_to_an_exercise_begins_with_its_first_word(documents):
    links = [link for page in documents.values() for link in page.select(".solution p > a")]
    titles = [link for link in links if "admonition-title" in link.parent.get("class", [])]
    assert len(titles) > 100
    assert [link for link in titles if link.get_text()[0].isspace()] == []
    assert {str(link.previous_sibling) for link in titles} == {"Solution to "}


def test_the_index_has_one_link_to_what_is_chinese(documents, site):
    page = documents[site / "genindex.html"]
    (link,) = (
        each for each in page.select(".genindex-jumpbox a") if re.search(chinese.HAN, each.text)
    )
    assert link.text == "中文"
    first = page.find(id=unquote(link["href"][1:]))
    assert re.search(chinese.HAN, first.text)
    assert not re.search(chinese.HAN, first.find_previous("h2").text)


def test_the_navigation_says_what_is_chinese(documents):
    found = [
        (path.name, text, text.find_parent(lang=True)["lang"])
        for path, page in documents.items()
        for text in page.body.find_all(string=re.compile(chinese.HAN))
        if not text.find_parent(["article", "script"])
    ]
    assert len(found) > len(documents)
    assert [each for each in found if each[2] != chinese.LANGUAGE] == []


def test_every_scheme_is_shown(documents):
    shown = {
        urlsplit(image["src"]).path.rpartition("/")[2]
        for page in documents.values()
        for image in page.select("article figure img")
    }
    assert {scheme.name for scheme in SCHEMES} <= shown


def test_the_map_of_the_book_has_its_parts_and_chapters(documents, site):
    svg = BeautifulSoup((ROOT / "_static" / "map.svg").read_text(encoding="utf-8"), "html.parser")
    words = " ".join(text.get_text() for text in svg("text"))
    for part in TOC["parts"]:
        assert part["caption"] in words
        for chapter in part["chapters"] if part.get("numbered") else ():
            heading = documents[site / f"{chapter['file']}.html"].select_one("article h1")
            title = heading.find(string=True, recursive=False) or heading.get_text()
            assert title.strip() in words


# The plain copies of the chapters, which are opened without the book.


@pytest.fixture(scope="module")
def places(site, documents):
    """A function that finds what an address in the public book leads to: the page, and the element
    on it where the address names one; None where there is no such thing."""
    base = f"{configure.pages(ROOT)}/"

    def find(url):
        link, fragment = urldefrag(url.removeprefix(base))
        path = site / link
        page = documents.get(path)
        if page is None or not fragment:
            return page or (path.exists() or None)
        return page.find(id=fragment)

    return find


def numbered(element):
    """The number with which the book shows an equation, a theorem, an exercise, a figure or a
    table."""
    found = element.select_one(".eqno, .admonition-title, .caption-number")
    return " ".join(found.get_text().split()) if found else ""


def test_plain_copies_number_everything_as_the_book_does(places):
    wrong, count = [], 0
    for label, target in plain.Book(ROOT).targets.items():
        place = places(target.url)
        if place is None:
            wrong.append((label, target.url))
        elif re.fullmatch(r"([A-Z]\w+\.? )?[\d.]+", target.name):  # else a section, a box
            count += 1
            shown = numbered(place)
            if not re.match(rf"\(?{re.escape(target.name)}(?![\d.]*\d)", shown):
                wrong.append((label, target.name, shown))
    assert count > 300 and wrong == []


def test_every_link_of_a_plain_copy_into_the_book_resolves(places):
    base, broken, count = configure.pages(ROOT), [], 0
    for name, text in plain.copies().items():
        for url in re.findall(rf"\(({re.escape(base)}[^)\s]*)\)", text):
            count += 1
            if places(url) is None:
                broken.append((name, url))
    assert count > 500 and broken == []


def test_plain_copies_cite_as_the_book_does(documents):
    works = {f"{author}, {year}" for author, year in plain.Book(ROOT).works.values()}
    cited = {
        link.get_text().replace("\xa0", " ")
        for page in documents.values()
        for link in page.select("article a[href*='bibliography.html#']")
    }
    assert len(cited) > 100
    assert {text for text in cited if not text.isdigit()} - works == set()  # not years alone


def test_the_download_button_of_a_chapter_gives_its_plain_copy(site, documents):
    copies = plain.copies()
    assert copies
    for name, text in copies.items():
        page = name.removeprefix("notebooks/").removesuffix(".ipynb")
        buttons = documents[site / f"{page}.html"].select(".btn-download-source-button")
        (given,) = {(site / page).parent / button["href"] for button in buttons}
        assert given.resolve().read_text(encoding="utf-8") == text


def test_every_image_has_a_text_alternative(documents):
    images = [(path.name, image) for path, page in documents.items() for image in page("img")]
    assert images
    assert [image for image in images if not image[1].get("alt", "").strip()] == []


# The engine in the page: what it answers there is what the package says here.

ANSWERED = "The answer stands below."
START = 120_000  # ms, for the engine on a busy machine


@pytest.fixture(scope="module", params=["http", "file"])
def desk(request, context, site, address):
    """The page that asks the engine, opened over http and as a file, and what it has fetched."""
    page, fetched = context.new_page(), []
    base = address if request.param == "http" else site.as_uri()

    def stay_here(route):
        fetched.append(route.request.url)
        route.continue_() if route.request.url.startswith(
            (base, "blob:", "data:")
        ) else route.abort()

    page.route("**/*", stay_here)
    page.goto(f"{base}/{engine.PAGE}.html#critic=a%2Bb%2Ba&generator=&left=1&right=2")
    yield SimpleNamespace(page=page, fetched=fetched, base=base, protocol=request.param)
    page.close()


def answered(page, kind):
    """Wait for the answer to what a form has asked, and return what it says besides."""
    page.wait_for_selector(f"#engine-{kind} [type=submit]:enabled", timeout=START)
    return page.text_content(f"#engine-{kind} .engine-status")


def test_the_address_fills_the_fields_and_nothing_is_loaded_before_it_is_asked_for(desk):
    assert desk.page.input_value("#engine-critic") == "a+b+a"
    assert desk.page.input_value("#engine-generator") == ""
    assert [desk.page.input_value(f"#engine-{side}") for side in ("left", "right")] == ["1", "2"]
    assert desk.page.locator("#engine-catalogue button").all_text_contents() == list(catalog)
    assert not [url for url in desk.fetched if ".zip" in url or "pyodide" in url]


def test_a_start_can_be_cancelled_and_the_next_question_begins_anew(desk):
    page = desk.page
    page.fill("#engine-critic", "log(D)")
    page.click("#engine-card [type=submit]")
    page.get_by_text("Unpacking").or_(page.get_by_text("Starting Python")).wait_for(timeout=START)
    page.get_by_role("button", name="Cancel").click()
    assert answered(page, "card") == "Cancelled."
    page.click("#engine-card [type=submit]")
    with pytest.raises(Refused) as refused:
        find_objective("log(D)")
    assert answered(page, "card") == str(refused.value)
    assert page.locator("#engine-card-answer").is_hidden()
    assert page.url.endswith("#critic=log%28D%29&generator=")


def test_cards_in_the_page_are_those_of_the_package(desk):
    """The whole catalogue, a half over http and a half as files."""
    page = desk.page
    for name in list(catalog)[desk.protocol == "file" :: 2]:
        page.get_by_role("button", name=name, exact=True).click()
        assert answered(page, "card") == ANSWERED
        report = catalog[name].report()
        assert page.locator("#engine-card-answer pre").last.text_content() == str(report)
        cells = page.locator("#engine-card-answer dd")
        assert page.locator("#engine-card-answer dt").all_text_contents() == [
            label for label, _, _ in report.lines()
        ]
        for k, (_, text, latex) in enumerate(report.lines()):
            formulas = cells.nth(k).locator("mjx-container")
            assert formulas.count() == bool(latex)
            assert cells.nth(k).get_attribute("title") == text
        assert page.locator("#engine-card-answer mjx-merror").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_lines_of_a_derivation_in_the_page_are_judged_as_by_the_package(desk):
    page, x = desk.page, Symbol("x", real=True)
    for right, relation in ((2 * x, "=="), (x, "=="), (-1, ">="), (0, ">"), (1 / x, "<=")):
        for name, text in {"left": "diff(x**2, x)", "right": right, "assumptions": ""}.items():
            page.fill(f"#engine-{name}", str(text))
        page.select_option("#engine-relation", relation)
        page.click("#engine-derivation [type=submit]")
        assert answered(page, "derivation") == ANSWERED
        proof = prove(Derivative(x**2, x), right, relation)
        shown = page.locator("#engine-derivation-answer")
        assert shown.locator(".engine-verdict").text_content()[2:] == proof.status
        assert shown.locator("p").last.text_content() == powers(proof.evidence)
        large = shown.locator(".engine-counterexample")
        values = [f"{name} = {value}" for name, value in (proof.counterexample or {}).items()]
        assert large.all_text_contents() == [", ".join(values)] * bool(values)


def test_the_engine_asks_no_other_host(desk):
    assert [url for url in desk.fetched if not url.startswith((desk.base, "blob:", "data:"))] == []
    assert [url for url in desk.fetched if ".zip" in url]


def test_an_exercise_answers_and_what_is_solved_is_kept_until_it_is_forgotten(context, site):
    """In a copy of the book that is opened as files."""
    label = "ex-sat-likelihood"
    name, page = ANSWERABLE[label]["page"], context.new_page()
    page.goto(f"{site.as_uri()}/{name}.html")
    form, shown = page.locator(f"#{label} form"), page.locator(f"#{label} .engine-answer")
    marks = page.locator(".bd-links .engine-solved, .admonition-title .engine-solved")
    for which, status in (("wrong", "refuted"), ("right", "proved")):
        assert marks.count() == 0
        form.get_by_label("yours").fill(ANSWERS[label][which]["yours"])
        form.get_by_role("button", name="Check").click()
        form.locator("[type=submit]:enabled").wait_for(timeout=START)
        assert shown.locator(".engine-verdict").text_content()[2:] == status
        assert shown.locator(".engine-counterexample").count() == (status == "refuted")
    assert marks.all_text_contents() == [" \u27131", " \u2713 solved"]
    page.goto(f"{site.as_uri()}/index.html")
    (link,) = page.locator(".bd-links a:has(.engine-solved)").all()
    assert link.get_attribute("href") == f"{name}.html"
    page.goto(f"{site.as_uri()}/{name}.html")
    assert marks.count() == 2
    page.get_by_role("button", name="Forget what I have solved").click()
    assert marks.count() == 0
    page.reload()
    assert marks.count() == 0
    page.close()
