// Fields for an answer under each exercise that `prove` judges, and marks of those that are solved.
// A page with such exercises has EXERCISES, put into it by tools/engine.py: by its label, the page
// and the code of an exercise, and the names in it that are the reader's. What is solved is kept in
// this browser only.

// All scripts of the page have run by then, whichever stands first.
document.addEventListener("DOMContentLoaded", () => {
  const KEY = "gancode.solved"; // the page of each exercise that is solved, by its label
  const here = typeof EXERCISES === "undefined" ? {} : EXERCISES;

  function solved() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch { // there is no storage here
      return {};
    }
  }

  function keep(all) {
    try {
      localStorage.setItem(KEY, JSON.stringify(all));
    } catch { /* it is shown until the page is left */ }
    mark(all);
  }

  function sign(words) {
    const span = document.createElement("span");
    span.className = "engine-solved";
    span.textContent = ` ${words}`;
    return span;
  }

  // Marks in the navigation and on the exercises themselves.
  function mark(all) {
    document.querySelectorAll(".engine-solved").forEach((each) => each.remove());
    const pages = Object.values(all);
    for (const link of document.querySelectorAll(".bd-links a.reference.internal")) {
      const count = pages.filter((page) => link.pathname.endsWith(`/${page}.html`)).length;
      if (!count) continue;
      const found = sign(`\u2713${count}`);
      found.title = `${count} solved in the page`;
      link.append(found);
    }
    for (const label of Object.keys(here).filter((each) => each in all)) {
      const title = document.getElementById(label)?.querySelector(".admonition-title");
      title?.append(sign("\u2713 solved"));
    }
    if (reset) reset.hidden = !pages.length;
  }

  let reset; // the button that forgets
  for (const [label, {page, code, fields, shown, without}] of Object.entries(here)) {
    const {make} = engine;
    const exercise = document.getElementById(label);
    if (!exercise) continue;
    const form = make("form", {className: "engine", autocomplete: "off"});
    const title = exercise.querySelector(".admonition-title")?.textContent.trim();
    form.setAttribute("aria-label", `Your answer, ${title}`);
    const inputs = Object.entries(fields).map(([name, remark]) => {
      const id = `${label}-${name}`;
      const typed = {type: "text", required: true, spellcheck: false, autocapitalize: "off"};
      const input = make("input", {id, ...typed});
      const words = [make("code", {textContent: name}), remark && ` ${remark}`];
      form.append(make("label", {htmlFor: id}, ...words), input);
      return [name, input];
    });
    const place = make("div", {className: "engine-answer", hidden: true});
    form.append(make("div", {}, make("button", {type: "submit", textContent: "Check"})));
    exercise.append(form, place);
    const request = () => ({
      kind: "exercise",
      code,
      shown,
      without,
      given: Object.fromEntries(inputs.map(([name, input]) => [name, input.value])),
    });
    engine.form(form, request, place, (answer) => {
      if (answer.status === "proved") keep({...solved(), [label]: page});
      return engine.outcome(answer, place);
    });
    if (!reset) {
      reset = make("button", {type: "button", className: "engine-reset", hidden: true});
      reset.textContent = "Forget what I have solved, on all pages";
      reset.onclick = () => keep({});
    }
    exercise.after(reset); // after the last one
  }
  mark(solved());
});
