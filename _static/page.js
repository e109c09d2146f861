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

// Paper is white.
let theme;
addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => document.documentElement.dataset.theme = theme);
