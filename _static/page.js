// What a page does by itself, beside what the theme's script does.

// The menus of the header (the theme leaves them to a library of 80 KB).
document.addEventListener("click", event => {
  const button = event.target.closest("[data-bs-toggle=dropdown]");
  for (const menu of document.querySelectorAll(".dropdown-menu")) {
    const own = menu.previousElementSibling;
    const open = own === button && !menu.classList.contains("show");
    menu.classList.toggle("show", open);
    own.setAttribute("aria-expanded", open);
  }
});
document.addEventListener("keydown", event => {
  const open = event.key === "Escape" && document.querySelector(".dropdown-menu.show");
  if (open) {
    open.previousElementSibling.click();
    open.previousElementSibling.focus();
  }
});

// In the contents beside a page, the section that is read is marked.
const sections = [...document.querySelectorAll(".bd-toc-nav a[href^='#']")]
  .map(link => [document.getElementById(decodeURIComponent(link.hash.slice(1))), link])
  .filter(([section]) => section);

function markSection() {
  const above = sections.filter(([section]) =>
    section.getBoundingClientRect().top < innerHeight / 3);
  for (const [, link] of sections) link.classList.toggle("active", link === above.at(-1)?.[1]);
}
addEventListener("scroll", markSection, {passive: true});
markSection();

// On a phone the rows of these tables are cards, in which each cell says what it holds, and which
// stay rows and cells to those who hear the page.
for (const table of document.querySelectorAll("table:is(.verdict, .claims)")) {
  const names = [...table.querySelectorAll("thead th")].map(cell => cell.textContent.trim());
  const roles = {TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row",
    TH: "columnheader", TD: "cell"};
  for (const part of [table, ...table.querySelectorAll("thead, tbody, tr, th, td")])
    part.setAttribute("role", roles[part.tagName]);
  for (const row of table.querySelectorAll("tbody tr"))
    [...row.cells].forEach((cell, k) => cell.dataset.label = names[k]);
}

// What is wider than the screen scrolls by itself, by keys too; on paper it is made smaller.
const PAPER = 590; // pixels that a formula has on A4, beside its number
function reach() {
  for (const formula of document.querySelectorAll("article mjx-container[display=true]")) {
    const {width} = formula.querySelector("mjx-math").getBoundingClientRect();
    if (width > PAPER) formula.style.setProperty("--on-paper", PAPER / width);
  }
  for (const formula of document.querySelectorAll("article span.math"))
    formula.classList.toggle("wide", formula.getBoundingClientRect().right > innerWidth);
  for (const box of document.querySelectorAll("article :is(.wide, table.table)"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
addEventListener("load", () => window.MathJax?.startup ? MathJax.startup.promise.then(reach) : reach());

// A field that leaves, of the entries of a list, those that hold the words typed into it.
function filter(place, name, entries) {
  const label = document.createElement("label"), count = document.createElement("output");
  const field = Object.assign(document.createElement("input"), {type: "search"});
  label.className = "filter";
  label.append(`${name} `, field, " ", count);
  place.before(label);
  const texts = entries.map(entry => entry.map(part => part.textContent).join(" ").toLowerCase());
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = texts.map(text => words.every(word => text.includes(word)));
    entries.forEach((entry, k) => entry.forEach(part => part.hidden = !fits[k]));
    count.value = words.length ? `${fits.filter(Boolean).length} of ${fits.length}` : "";
    field.dispatchEvent(new CustomEvent("filtered", {bubbles: true, detail: words.length > 0}));
  });
  return label;
}

// The glossary: a filter, and its terms from A to Z in English and by pinyin in Chinese.
const glossary = document.querySelector("dl.glossary");
if (glossary) {
  const entries = [];
  for (const part of glossary.children) {
    if (part.tagName === "DT" && part.previousElementSibling?.tagName !== "DT") entries.push([]);
    entries.at(-1).push(part);
  }
  const terms = [...glossary.querySelectorAll("dt")];
  const chinese = term => /[\u3400-\u9fff]/.test(term.textContent);
  // The first character in the order of pinyin under each letter with which a syllable begins.
  const first = [..."ABCDEFGHJKLMNOPQRSTWXYZ"].map((letter, k) =>
    [letter, "阿八嚓搭婀发旮哈讥咔垃妈拿噢趴七然仨他挖夕丫匝"[k]]);
  const order = new Intl.Collator("zh-Hans-u-co-pinyin").compare;
  const english = text => text.normalize("NFD")[0].toUpperCase().replace("\u0391", "A");
  const pinyin = text => /^[\u3400-\u9fff]/.test(text)
    ? first.findLast(([, character]) => order(text, character) >= 0)[0] : english(text);
  const list = (name, chosen, letter, compare) => {
    const text = term => term.textContent.replace("#", "").trim();
    const lines = new Map();
    for (const term of chosen.sort((one, other) => compare(text(one), text(other)))) {
      const key = letter(text(term));
      lines.set(key, [...lines.get(key) ?? [], term]);
    }
    const fold = document.createElement("details");
    fold.append(Object.assign(document.createElement("summary"), {innerHTML: name}));
    for (const [key, line] of [...lines].sort()) {
      const row = document.createElement("p");
      row.append(Object.assign(document.createElement("strong"), {textContent: key}));
      for (const term of line) {
        const link = document.createElement("a");
        link.href = `#${term.id}`;
        link.textContent = text(term);
        if (chinese(term)) link.lang = "zh-Hans";
        row.append(" ", link);
      }
      fold.append(row);
    }
    return fold;
  };
  filter(glossary, "Find a term", entries).after(
    list("A to Z", terms.filter(term => !chinese(term)), english, new Intl.Collator("en").compare),
    list('<span lang="zh-Hans">拼音</span> (by pinyin)', terms.filter(chinese), pinyin, order));
}

// Claims, and what the ledger counts.
const claims = document.querySelector("form.claims-choice");
if (claims)
  filter(claims, "Find a claim", [...document.querySelectorAll("#everything tbody tr")]
    .map(row => [row]));

const counted = document.querySelector("#everything-that-is-counted details");
if (counted) {
  const folds = [...document.querySelectorAll("#everything-that-is-counted details")];
  const items = folds.flatMap(fold => [...fold.querySelectorAll("li li")]);
  filter(counted, "Find a statement", items.map(item => [item])).addEventListener("filtered",
    ({detail: chosen}) => {
      for (const part of folds.flatMap(fold => [...fold.querySelectorAll(":scope > ul > li"), fold]))
        part.hidden = !part.querySelector("li li:not([hidden])");
      for (const fold of folds) fold.open = chosen;
    });
}

// Paper is white.
let theme;
addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => document.documentElement.dataset.theme = theme);
