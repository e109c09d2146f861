"""The guides in Chinese: one for each chapter, with its formulas and numbers, in the terms of the
glossary."""

import re
from functools import cache

import nbformat
import pytest
import yaml
from formulas import formulas, stands_in
from test_notation import uses
from tree import ROOT

from tools import chinese
from tools.chinese import HAN

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [
    chapter["file"] for part in TOC["parts"] if part.get("numbered") for chapter in part["chapters"]
]
GUIDES = [
    chapter["file"]
    for part in TOC["parts"]
    for chapter in part["chapters"]
    if chinese.original(chapter["file"])
]
TERM = re.compile(r"\{term\}`([^`<]+?)(?: <([^`>]+)>)?`")
ROLE = re.compile(r"\{\w+\}`([^`<]+?)(?: <[^`>]+>)?`")
# Of the names that the glossary has beside its own, those with another meaning, which is meant.
ELSEWHERE = {"噪声": "what disturbs a gradient or a sample, and no latent variable"}
# Further names in use for what the glossary names.
OTHERS = set(
    "对抗生成网络 鉴别网络 判别者 生成者 纳什平衡 批量归一化 批规范化 逆卷积 雅克比 雅各比 "
    "海塞矩阵 李普希茨 李普希兹 利普希兹 学习速率 模型崩溃 模型坍塌 谱标准化 权值裁剪 权重剪裁 "
    "梯度罚 感知器 沃瑟斯坦 瓦瑟斯坦 随机丢弃 标签光滑 互熵".split()
)
# What a page says that uses one of the four symbols with a single meaning.
MEANINGS = {"lambda": "特征值", "kappa": "条件数", "mu": "均值", "s": "标准差"}


@cache
def text(page):
    """A page in Markdown."""
    return (ROOT / f"{page}.md").read_text(encoding="utf-8")


@cache
def shown(page):
    """All that a page in English shows, as text: prose, captions and outputs."""
    path = ROOT / f"{page}.ipynb"
    if not path.exists():
        return text(page)
    pieces = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            pieces.append(cell.source)
            continue
        pieces.append(cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", ""))
        for output in cell.outputs:
            data = output.get("data", {})
            pieces += [data.get("text/plain", ""), data.get("text/latex", "")]
            pieces.append(output.get("text", ""))
    return "\n\n".join(pieces)


def prose(markdown):
    """What a reader sees of a page as words: no code, no formulas, roles as their texts."""
    markdown = re.sub(r"^( *)(```|~~~).*?^ *\2", "", markdown, flags=re.DOTALL | re.M)
    markdown = re.sub(r"\$\$.+?\$\$", "", markdown, flags=re.DOTALL)
    markdown = re.sub(r"\$[^$]+\$", "⟦⟧", markdown)
    markdown = ROLE.sub(r"\1", markdown)
    markdown = re.sub(r"\]\([^)]*\)", "]", markdown)
    return re.sub(r"`[^`\n]+`", "⟦⟧", markdown)


@cache
def glossary():
    """The terms of the glossary in both languages, each English one with the Chinese one, and the
    other Chinese names that it mentions."""
    english, others = {}, set()
    body = text("chapters/appendix/glossary").partition(":sorted:")[2]
    for entry in body.strip().split("\n\n"):
        names = [line for line in entry.splitlines() if line and not line.startswith((" ", ":"))]
        *first, last = names
        assert re.search(HAN, last), entry
        english |= dict.fromkeys(first, last)
        for also in re.findall(r"\bAlso ([^.]*)", entry):
            named = (name.partition(" (")[0].strip() for name in also.split(","))
            others |= {name for name in named if re.search(HAN, name)}
        others |= set(re.findall(rf"The name ({HAN}+) ", entry))
    return english, others - set(english.values())


def strangers(markdown):
    """The names in a text that the glossary has under another name."""
    english, others = glossary()
    found = set()
    for name in (others | OTHERS) - set(ELSEWHERE):
        words = prose(markdown)
        for term in english.values():
            if name in term:  # 泛化 in 泛化能力
                words = words.replace(term, "")
        if name in words:
            found.add(name)
    return found


def untranslated(markdown):
    """The English terms of the glossary in a text, and what is put beside them in brackets that is
    not their name in Chinese."""
    words, wrong = prose(markdown), set()
    for name, term in glossary()[0].items():
        if not re.fullmatch("[a-z][a-z -]{2,}", name):  # GAN, Adam and R1 are names in Chinese too
            continue
        for found in re.finditer(rf"(?<![A-Za-z]){name}(?![A-Za-z])", words):
            before, after = words[: found.start()], words[found.end() :]
            if not (before.endswith(f"{term}（") and after.startswith("）")):
                wrong.add(name)
    return wrong


def badly_set(markdown):
    """Where Chinese and Latin touch without a space, or a space stands where none belongs."""
    marker = re.compile(r"^ *(?:\* )?(?:-(?= |$)|\d+\.(?= )|:(?= )) ?", re.M)  # of a list
    words = marker.sub("\n", prose(markdown)).replace("*", "")
    spaced = []
    for term in glossary()[0].values():  # KL散度 has no space within
        pieces = re.findall(f"{HAN}+|[^\u4e00-\u9fff]+", term)
        spaced += [" ".join(pieces)] if len(pieces) > 1 else []
        words = words.replace(term, "\u2060".join(pieces))
    latin = "[A-Za-z0-9⟦⟧]"
    marks = "[，。；：？！、（）《》“”]"
    rules = [
        rf"{HAN}{latin}|{latin}{HAN}",  # 的GAN
        rf"{marks} \S|\S {marks}",  # 博弈 ，
        rf"{HAN}[ \n]{HAN}",  # 博 弈, for on the page the end of a line is a space
        rf"{HAN}[,;:?!()]|[,;:?!()]{HAN}",  # 博弈,
        *spaced,
    ]
    return [found[0] for rule in rules for found in re.finditer(rule, words)]


def test_every_numbered_chapter_has_its_guide():
    assert CHAPTERS and [page for page in CHAPTERS if chinese.guide(page) not in GUIDES] == []


def test_every_guide_is_in_the_book_and_belongs_to_a_page():
    pages = {
        str(path.relative_to(ROOT).with_suffix(""))
        for path in (ROOT / chinese.FOLDER).rglob("*.md")
    }
    assert pages == set(GUIDES)
    known = {TOC["root"]} | {each["file"] for part in TOC["parts"] for each in part["chapters"]}
    assert {chinese.original(page) for page in GUIDES} <= known - set(GUIDES)


def test_the_guides_are_in_the_order_of_the_chapters():
    assert [chinese.original(page) for page in GUIDES if chinese.original(page) in CHAPTERS] == (
        CHAPTERS
    )


@pytest.mark.parametrize("page", GUIDES)
def test_every_formula_stands_in_the_page_in_english(page):
    here, there = formulas(text(page)), formulas(shown(chinese.original(page)))
    assert page.endswith("how_to_run") or here
    assert [one for one in here if not any(stands_in(one, other) for other in there)] == []
    assert [one for one in here if re.search(HAN, one)] == []


@pytest.mark.parametrize("page", [page for page in GUIDES if chinese.original(page) in CHAPTERS])
def test_every_number_stands_in_the_chapter(page):
    def numbers(words):
        return set(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d)(?:,|\{,\})(?=\d{3})", "", words)))

    here = {number for number in numbers(prose(text(page))) if len(number) > 1}
    assert here - numbers(shown(chinese.original(page))) == set()


@pytest.mark.parametrize("page", [page for page in GUIDES if chinese.original(page) in CHAPTERS])
def test_a_guide_has_a_question_results_and_reasons_and_is_short(page):
    assert re.findall("^## (.*)$", text(page), re.M) == ["问题", "结果", "理由"]
    assert 300 <= len(re.findall(HAN, text(page))) <= 700
    assert len(set(TERM.findall(text(page)))) >= 3


@pytest.mark.parametrize("page", GUIDES)
def test_the_terms_are_those_of_the_glossary(page):
    english, _ = glossary()
    linked = {target or name for name, target in TERM.findall(text(page))}
    assert linked <= set(english.values())
    assert [(name, target) for name, target in TERM.findall(text(page)) if target] == []
    assert strangers(text(page)) == set()
    assert untranslated(text(page)) == set()


@pytest.mark.parametrize("page", GUIDES)
def test_a_guide_says_what_the_four_symbols_mean(page):
    assert {name for name in uses(text(page)) if MEANINGS[name] not in text(page)} == set()


@pytest.mark.parametrize("page", GUIDES)
def test_chinese_and_latin_are_set_apart(page):
    assert badly_set(text(page)) == []


def test_the_checklist_asks_the_same_questions():
    page = f"{chinese.FOLDER}/tutorials/checklist"
    both = text(page), text(chinese.original(page))
    asked = [re.findall(r"^(\d+)\. \*\*.*$", each, re.M) for each in both]
    claims = [re.findall(r"\[(\d{3}\.\d+)\]\(#(claim-[\d-]+)\)", each) for each in both]
    assert asked[0] == asked[1] and claims[0] == claims[1] and len(claims[0]) > 20


def test_both_ways_to_run_the_book_give_the_same_commands():
    def commands(page):
        fenced = re.findall(r"^```(?:bash|python|text)\n(.*?)^```", text(page), re.DOTALL | re.M)
        return [re.sub(" *#.*", "", block) for block in fenced]

    page = f"{chinese.FOLDER}/appendix/how_to_run"
    assert commands(page) == commands(chinese.original(page)) != []


@pytest.mark.parametrize(
    ("part", "formula"),
    [
        ("p/q", r"t^*=\log(p/q)"),
        (r"\frac12x", r"\tfrac{1}{2}\,x"),
        (r"\log(2)", r"\frac{\log{\left(2 \right)}}{4}"),
        ("a=b", r"c&=a=b\\&\quad=d"),
        ("a=c", r"\begin{aligned}a&=c\\b&=d\end{aligned}"),
        ("a+b", "c=a+b-d"),
        ("-b", "a-b"),
        ("x^2", "1+x^{2}"),
        (r"\ell'(0)^2", r"\lambda^2+\gamma\lambda+\ell'(0)^2=0"),
        (r"\kappa\ge1", r"\kappa \geq 1."),
        (r"h<1", r"\text{extragradient}&\sqrt{1-h^2+h^4}&h<1\\"),
    ],
)
def test_a_formula_stands_in_another(part, formula):
    assert stands_in(part, formula)


@pytest.mark.parametrize(
    ("part", "formula"),
    [
        ("q/p", r"\log(p/q)"),
        ("a+b", "c-a+b"),
        ("a+b", "a+bc"),
        ("a=d", r"a=c,\quad b=d"),
        ("D", "D^*"),
        ("x<1", "2x<1"),
        ("x<1", "x<1+y"),
        ("b=c", "a+b=c"),
        ("bc", "a/bc"),
        ("1", "0.15"),
        ("2x", "12x"),
        ("f(x)", "f'(x)"),
        ("f g", "fg(x)"),
        (r"\log 2", r"\log 4"),
        (r"2\operatorname{JS}", r"\operatorname{JS}"),
        ("b=d", r"\begin{array}{ll}a&b\\c&=d\end{array}"),
    ],
)
def test_a_formula_does_not_stand_in_another(part, formula):
    assert not stands_in(part, formula)


@pytest.mark.parametrize(
    "words",
    [
        "隐变量",
        "步长太大",
        "高斯分布的均值",
        "用反卷积放大",
        "雅克比矩阵",
        "泛化很好",
        "极大似然",
        "标准误",
    ],
)
def test_another_name_is_found(words):
    assert strangers(words)


@pytest.mark.parametrize(
    "words", ["泛化能力", "积分号下求导", "标准误差", "梯度的噪声", "{term}`鞍点`"]
)
def test_the_right_name_is_not(words):
    assert strangers(words) == set()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("每个 generator 都", {"generator"}),
        ("生成网络（generator）", {"generator"}),
        ("生成器（generator）", set()),
        ("鞍点（saddle point）与 `generator`", set()),
        ("马鞍（saddle point）", {"saddle point"}),
        ("每个 saddle point game", {"saddle point", "game"}),
    ],
)
def test_an_english_term_needs_its_name(words, found):
    assert untranslated(words) == found


@pytest.mark.parametrize(
    "words",
    [
        "的GAN",
        "GAN的",
        "博弈 ，",
        "博弈,",
        "在$x$处",
        "博\n弈",
        "（ x",
        "与KL散度",
        "与 KL 散度",
        "- **甲。** 乙",
    ],
)
def test_what_is_badly_set_is_found(words):
    assert badly_set(words)


@pytest.mark.parametrize(
    "words", ["的 GAN，在 $x$ 处", "这个{term}`鞍点`。", "与 KL散度相等", "- “甲”。乙"]
)
def test_what_is_well_set_is_not(words):
    assert badly_set(words) == []


def test_a_mark_stays_with_its_formula():
    formula = '<span class="math notranslate nohighlight">\\(a&lt;b\\)</span>'
    for marked in (f"{formula}，", f"（{formula}", f"“{formula}”。"):
        assert chinese.together(f"在 {marked}乙") == f'在 <span class="together">{marked}</span>乙'
    assert chinese.together(f"在 {formula} 处") == f"在 {formula} 处"


@pytest.mark.parametrize(
    ("words", "indexed"),
    [
        ("鞍点", ["鞍", "点", "鞍点"]),
        ("交叉熵。", ["交", "叉", "熵", "交叉", "叉熵"]),
        ("JS散度，x_1", ["JS", "散", "度", "散度", "x_1"]),
        ("saddle point", ["saddle", "point"]),
    ],
)
def test_chinese_is_indexed_by_characters_and_pairs(words, indexed):
    assert chinese.Search({}).split(words) == indexed


def test_a_word_of_two_letters_is_its_own_stem():
    assert [chinese.Search({}).stem(word) for word in ("JS", "GANs")] == ["js", "gan"]


def test_links_and_captions_in_chinese_say_so():
    link, caption, english = (
        '<a href="x">JS散度</a>',
        "<span>中文</span>",
        '<a href="y">Saddles</a>',
    )
    assert chinese.marked(link + caption + english) == (
        f'<a lang="zh-Hans" href="x">JS散度</a><span lang="zh-Hans">中文</span>{english}'
    )
