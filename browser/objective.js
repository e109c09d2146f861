// The page "Type your objective": its two forms. CATALOGUE, put before this by tools/engine.py,
// lists the named objectives. What stands in the fields stands in the address too, after the #.

(() => {
  const {make, formula, typeset} = engine;
  const byId = (name) => document.getElementById(`engine-${name}`);

  // A text that one copies, with the button that does it.
  function copied(label, text) {
    const code = make("pre", {textContent: text, tabIndex: 0});
    const button = make("button", {type: "button", textContent: "Copy"});
    button.setAttribute("aria-label", `Copy: ${label}`);
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch { // not allowed here: select it, to be copied by hand
        getSelection().selectAllChildren(code);
      }
    };
    const title = make("h3", {textContent: label});
    return make("section", {className: "engine-copied"}, title, button, code);
  }

  // Curves ------------------------------------------------------------------------------------

  const [WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM] = [340, 220, 46, 16, 34];

  function draw(tag, attributes, text = "") {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  }

  const short = (number) => Number(number.toPrecision(2)).toString();

  // One curve over r on a logarithmic axis; the other axis is logarithmic where the values are
  // positive and span more than a factor of 30.
  function curve(title, ratios, values) {
    const known = values.filter((value) => value !== null);
    const logarithmic = Math.min(...known) > 0 && Math.max(...known) > 30 * Math.min(...known);
    const scale = logarithmic ? Math.log10 : (value) => value;
    let [low, high] = [Math.min(...known.map(scale)), Math.max(...known.map(scale))];
    if (logarithmic) [low, high] = [Math.floor(low), Math.ceil(high)];
    else [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    if (high - low < 1e-9) high = low + 1;
    const parts = logarithmic ? high - low : 2;
    const x = (ratio) => LEFT + (WIDTH - LEFT - RIGHT) * (Math.log10(ratio) + 2) / 4;
    const foot = HEIGHT - BOTTOM;
    const y = (value) => foot - (foot - 10) * (scale(value) - low) / (high - low);
    const box = `0 0 ${WIDTH} ${HEIGHT}`;
    const svg = draw("svg", {viewBox: box, role: "img", class: "engine-curve"});
    const line = (x1, x2, y1, y2) => svg.append(draw("line", {x1, x2, y1, y2, class: "grid"}));
    const label = (words, x, y, anchor) =>
      svg.append(draw("text", {x, y, "text-anchor": anchor}, words));
    const at = (ratio) => {
      const value = values[ratios.findIndex((each) => each >= 0.999 * ratio)];
      return value === null ? "none" : short(value);
    };
    const seen = [0.01, 1, 100].map((ratio) => `${at(ratio)} at r = ${ratio}`).join(", ");
    svg.setAttribute("aria-label", `${title} against r = p/q: ${seen}`);
    for (const ratio of [0.01, 0.1, 1, 10, 100]) {
      line(x(ratio), x(ratio), 10, foot);
      label(`${ratio}`, x(ratio), foot + 16, "middle");
    }
    for (let part = 0; part <= parts; part++) {
      const level = low + part / parts * (high - low);
      const value = logarithmic ? 10 ** level : level;
      line(LEFT, WIDTH - RIGHT, y(value), y(value));
      label(short(value), LEFT - 5, y(value) + 4, "end");
    }
    label("r = p/q", (LEFT + WIDTH) / 2, HEIGHT - 4, "middle");
    let path = "", pen = "M";
    values.forEach((value, k) => {
      if (value === null) return (pen = "M");
      path += `${pen}${x(ratios[k]).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    });
    svg.append(draw("path", {d: path, class: "line"}));
    return make("figure", {}, make("figcaption", {textContent: title}), svg);
  }

  // Cards -------------------------------------------------------------------------------------

  function card(answer, place, edit) {
    const rows = answer.rows.flatMap(([label, text, latex]) => [
      make("dt", {textContent: label}),
      make("dd", {title: text}, latex ? formula(latex) : text),
    ]);
    const curves = Object.entries({weight: "Weight of a sample", force: "Force on a sample"})
      .filter(([name]) => answer.curves[name].length)
      .map(([name, title]) => curve(title, answer.ratios, answer.curves[name]));
    const parts = [
      make("h2", {textContent: answer.name}),
      make("p", {textContent: answer.source}),
      ...answer.notes.map((note) => make("p", {textContent: note})),
      make("dl", {}, ...rows),
      make("div", {className: "engine-curves"}, ...curves),
      copied("The losses in PyTorch", answer.code),
      copied("Train with them", answer.train),
      copied("This card as text", answer.text),
    ];
    if (answer.losses.length) {
      const button = make("button", {type: "button", textContent: "Edit these losses"});
      button.onclick = () => edit(...answer.losses);
      parts.splice(3, 0, button);
    }
    place.replaceChildren(...parts);
    return typeset(place);
  }

  // Fields and address ------------------------------------------------------------------------

  const FORMS = {
    card: {fields: ["critic", "generator"], show: (answer, place) => card(answer, place, edit)},
    derivation: {fields: ["left", "relation", "right", "assumptions"], show: engine.outcome},
  };
  const read = (kind) =>
    Object.fromEntries(FORMS[kind].fields.map((name) => [name, byId(name).value]));

  function request(kind) {
    history.replaceState(null, "", `#${new URLSearchParams(read(kind))}`);
    return {kind, ...read(kind)};
  }

  function edit(critic, generator) {
    byId("critic").value = critic;
    byId("generator").value = generator;
    byId("critic").focus();
  }

  function fill() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const [kind, {fields}] of Object.entries(FORMS)) {
      if (!given.has(fields[0])) continue;
      for (const name of fields) if (given.has(name)) byId(name).value = given.get(name);
      byId(kind).querySelector("[type=submit]").focus();
    }
  }

  for (const [kind, {show}] of Object.entries(FORMS)) {
    const place = byId(`${kind}-answer`);
    engine.form(byId(kind), () => request(kind), place, (answer) => show(answer, place));
  }
  for (const name of CATALOGUE) {
    const button = make("button", {type: "button", textContent: name});
    button.onclick = () => {
      edit(name, "");
      byId("card").requestSubmit();
    };
    byId("catalogue").append(button);
  }
  addEventListener("hashchange", fill);
  fill();
})();
