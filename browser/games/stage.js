// The GAN in the page: settings, pictures, playing. The training is in gan.js.

{
  const {make, short} = games;
  const SPAN = 1.6; // of the plane, to each side
  const CELLS = 40; // of the heat map, each way
  const SHOWN = 500; // samples of each kind
  const ARROWS = 60;
  const LOOK = 10; // steps between two looks at the samples
  const TRAIL = 40; // looks that the path of the mean goes back
  const SPEEDS = {fast: "as fast as it can", slow: "slow motion"};

  const R1_R2 = ["r1", "r2"];
  const SLOW = {criticRate: 1e-3};
  const SHARP = {features: 64, sharpness: 2};
  const PLAIN = {optimiser: "slide", generatorRate: 0.1, finalRate: 1};
  const LINE = {...PLAIN, data: "one point", objective: "wasserstein", line: true, criticRate: 0.1, steps: 500};
  const SURE = {...PLAIN, generatorRate: 0.05, criticRate: 0.2, criticSteps: 5, steps: 300};
  // What a reader can begin with: a text, and the settings that differ from games.SETTINGS.
  games.PRESETS = {
    ring: ["A ring of eight modes", {}],
    slow: ["Collapse: a slow critic", SLOW],
    penalised: ["Its cure: R1 + R2", {...SLOW, penalties: R1_R2, weight: 10}],
    sharp: ["Collapse: a sharp critic", SHARP],
    decaying: ["Its cure: R1 + R2 that decay", {...SHARP, penalties: R1_R2, finalWeight: 1e-3}],
    circles: ["Circles: a critic that is a line", LINE],
    rest: ["The same with R1", {...LINE, penalties: ["r1"], weight: 0.3}],
    saturation: ["Saturation: minimax, a sure critic", {...SURE, objective: "minimax"}],
    pulling: ["The same, non-saturating", SURE],
  };
  const CRITICS = {smooth: "smooth", sharp: "sharp, with Fourier features", line: "a line"};
  const OF_CRITIC = {smooth: {}, sharp: {features: 64, sharpness: 2}, line: {line: true}};

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  const build = () => {
    let gan, past, points = [], still;
    const changed = () => { player.pause(); restart(); draw(); };
    const preset = games.choice("Begin with", {"": "settings of one’s own",
      ...Object.fromEntries(Object.entries(games.PRESETS).map(([name, [text]]) => [name, text]))}, "ring", () => load());
    const own = () => { preset.value = ""; changed(); };
    const data = games.choice("Data", [...Object.keys(games.DATA), "drawn"], "ring", own);
    const objective = games.choice("Objective", Object.keys(games.LOSSES), "nonsaturating", own);
    const penalty = games.choice("Penalty", ["none", "r1 + r2", ...Object.keys(games.PENALTIES)], "none", own);
    const weight = games.slider("Weight", games.geometric(0.001, 30, 60), 1, own);
    const last = games.slider("Share of it at the end", games.geometric(0.001, 1, 30), 1, own);
    const critic = games.choice("Critic", CRITICS, "smooth", own);
    const optimiser = games.choice("Steps by", {adam: "Adam", slide: "plain descent"}, "adam", own);
    const generatorRate = games.slider("Rate of the generator", games.geometric(1e-4, 1, 80), 2e-3, own);
    const criticRate = games.slider("Rate of the critic", games.geometric(1e-4, 1, 80), 2e-3, own);
    const finalRate = games.slider("Share of the rates at the end", games.geometric(0.01, 1, 20), 0.03, own);
    const criticSteps = games.slider("Critic steps for one", games.linear(1, 10, 9), 1, own);
    const steps = games.slider("Steps", games.linear(500, 5000, 9), 2000, own);
    const seed = games.slider("Seed", games.linear(1, 20, 19), 1, changed);
    const speed = games.choice("Speed", SPEEDS, "fast", () => {});
    const redraw = () => draw();
    const heat = games.check("critic", true, redraw);
    const real = games.check("data", true, redraw);
    const arrows = games.check("pull on the samples", true, redraw);
    const warped = games.check("grid of latents", false, redraw);
    const trail = games.check("path of the mean", false, redraw);
    const readout = make("p", {className: "game-readout"});

    const settings = () => ({
      data: data.value, objective: objective.value,
      penalties: penalty.value === "none" ? [] : penalty.value.split(" + "),
      weight: weight.value, finalWeight: last.value,
      ...OF_CRITIC[critic.value], optimiser: optimiser.value,
      generatorRate: generatorRate.value, criticRate: criticRate.value, finalRate: finalRate.value,
      criticSteps: criticSteps.value, steps: steps.value, seed: seed.value,
    });

    // Set the controls to a preset.
    const load = () => {
      const s = {...games.SETTINGS, ...games.PRESETS[preset.value]?.[1]};
      data.value = s.data;
      objective.value = s.objective;
      penalty.value = s.penalties.join(" + ") || "none";
      weight.value = s.weight;
      last.value = s.finalWeight;
      critic.value = s.features ? "sharp" : s.line ? "line" : "smooth";
      optimiser.value = s.optimiser;
      generatorRate.value = s.generatorRate;
      criticRate.value = s.criticRate;
      finalRate.value = s.finalRate;
      criticSteps.value = s.criticSteps;
      steps.value = s.steps;
      trail.on = s.line;
      changed();
    };

    const restart = () => {
      for (const each of [weight, last]) each.enable(penalty.value !== "none");
      const run = preset.value ? {...games.PRESETS[preset.value][1], seed: seed.value} : settings();
      gan = new games.Gan(run, points.length ? points : [[0, 0]]);
      still = {z: gan.latents(SHOWN), x: games.sample(gan.data, SHOWN, new games.Random(2))};
      past = [];
      look();
    };

    // What a look at the samples finds, kept for the pictures.
    const look = () => {
      const samples = gan.generate(still.z), xs = [...samples.keys()];
      past.push({
        step: gan.step, samples,
        centre: [0, 1].map((d) => mean(xs.filter((k) => k % 2 === d).map((k) => samples[k]))),
        logits: [still.x, samples].map((x) => mean(gan.logits(x))),
        ...(gan.data.deviation && games.coverage(gan.data, samples)),
      });
    };

    const plane = games.picture("Data, generated samples and the critic in the plane. With the data “drawn”, press, or use the arrow keys and Enter, to put points", 1, (context, side, _, colour) => {
      const at = (value) => side * (0.5 + value / 2 / SPAN), x = at, y = (value) => side - at(value);
      const dots = (samples, size, name) => {
        context.fillStyle = colour(name);
        for (let i = 0; i < samples.length; i += 2)
          context.fillRect(x(samples[i]) - size / 2, y(samples[i + 1]) - size / 2, size, size);
      };
      if (heat.on) { // the tint says which the critic takes a place for, real or generated
        const centres = new Float64Array(2 * CELLS * CELLS);
        for (let j = 0; j < CELLS; j++)
          for (let k = 0; k < CELLS; k++)
            centres.set([(2 * k + 1) / CELLS - 1, (2 * j + 1) / CELLS - 1].map((v) => SPAN * v), 2 * (j * CELLS + k));
        const edge = (k) => Math.round(side * k / CELLS);
        gan.logits(centres).forEach((t, i) => {
          const [j, k] = [Math.floor(i / CELLS), i % CELLS];
          context.globalAlpha = 0.45 * Math.abs(Math.tanh(t / 2));
          context.fillStyle = colour(t > 0 ? "real" : "generated");
          context.fillRect(edge(k), edge(CELLS - j - 1), edge(k + 1) - edge(k), edge(CELLS - j) - edge(CELLS - j - 1));
        });
        context.globalAlpha = 1;
      }
      if (warped.on) { // straight lines among the latents, and where they go
        const lines = games.linear(-2, 2, 8), fine = games.linear(-2, 2, 40);
        context.strokeStyle = colour("theory");
        context.lineWidth = 0.7;
        for (const [p, q] of [[0, 1], [1, 0]])
          for (const line of lines) {
            const z = new Float64Array(2 * fine.length);
            fine.forEach((value, i) => { z[2 * i + p] = line; z[2 * i + q] = value; });
            const bent = gan.generate(z);
            context.beginPath();
            for (let i = 0; i < bent.length; i += 2) context.lineTo(x(bent[i]), y(bent[i + 1]));
            context.stroke();
          }
      }
      if (real.on) dots(still.x, 3, "real");
      const samples = gan.generate(still.z);
      if (arrows.on) {
        const some = samples.slice(0, 2 * ARROWS), forces = gan.forces(some);
        context.strokeStyle = colour("theory");
        context.lineWidth = 1;
        context.beginPath();
        for (let i = 0; i < some.length; i += 2) {
          const shorter = 0.3 / (0.3 + Math.hypot(forces[i], forces[i + 1])); // at most 0.3 long
          context.moveTo(x(some[i]), y(some[i + 1]));
          context.lineTo(x(some[i] + shorter * forces[i]), y(some[i + 1] + shorter * forces[i + 1]));
        }
        context.stroke();
      }
      dots(samples, 3, "generated");
      if (trail.on) {
        context.strokeStyle = colour("measured");
        context.lineWidth = 2;
        context.beginPath();
        for (const {centre} of past.slice(-TRAIL)) context.lineTo(x(centre[0]), y(centre[1]));
        context.stroke();
      }
    });
    let cursor = [0, 0]; // of the keyboard
    const put = (point) => {
      if (data.value !== "drawn") return;
      points.push(point);
      changed();
    };
    games.drag(plane.canvas, () => data.value === "drawn", (u, v) => {
      cursor = [u, v].map((part) => SPAN * (2 * part - 1));
      put(cursor);
    }, (du, dv) => {
      cursor = [cursor[0] + 0.1 * du, cursor[1] + 0.1 * dv];
      if (data.value === "drawn") readout.textContent = `Enter puts a point at ${cursor.map(short).join(", ")}.`;
    });
    plane.canvas.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      put(cursor);
    });
    const clear = make("button", {type: "button"}, "Wipe the drawing");
    clear.onclick = () => { points = []; changed(); };

    const history = games.picture("Above, the mean logit of data and of generated samples over the steps. Below, the share of the samples at each mode", 1, (context, side, _, colour) => {
      const left = 40, width = side - left - 8, x = (step) => left + width * step / gan.settings.steps;
      const [top, middle] = [20, 0.5 * side];
      const all = past.flatMap(({logits}) => logits), high = Math.max(1, ...all), low = Math.min(-1, ...all);
      const y = (t) => top + (middle - 34 - top) * (high - t) / (high - low);
      context.lineWidth = 1;
      context.strokeStyle = colour("grid");
      context.strokeRect(left, top, width, middle - 34 - top);
      context.beginPath();
      context.moveTo(left, y(0));
      context.lineTo(left + width, y(0));
      context.stroke();
      ["real", "generated"].forEach((name, k) => {
        context.strokeStyle = context.fillStyle = colour(name);
        context.beginPath();
        for (const {step, logits} of past) context.lineTo(x(step), y(logits[k]));
        context.stroke();
        context.fillText(k ? "generated" : "data", left + 60 + 45 * k, 14);
      });
      context.fillStyle = colour("theory");
      context.fillText("logit:", left, 14);
      for (const value of [high, 0, low]) context.fillText(short(value), 2, y(value) + 4);
      context.fillText(`step ${gan.step} of ${gan.settings.steps}`, left, middle - 18);
      const modes = gan.data.means;
      if (!gan.data.deviation || data.value === "drawn" || modes.length < 2) return;
      const [from, height] = [middle + 12, side - middle - 20], row = height / modes.length;
      context.fillText("mode", 2, from + 10);
      past.forEach(({step, shares}, k) => {
        const until = past[k + 1]?.step ?? step + LOOK;
        shares.forEach((share, mode) => {
          context.globalAlpha = Math.min(1, Math.sqrt(share));
          context.fillRect(x(step), from + mode * row, Math.max(1, x(until) - x(step)), row - 0.5);
        });
      });
      context.globalAlpha = 1;
      context.strokeStyle = colour("grid");
      context.strokeRect(left, from, width, height);
    });

    const draw = () => {
      plane.redraw();
      history.redraw();
      const {covered, good} = past.at(-1), forces = gan.forces(gan.generate(still.z));
      const sizes = Array.from({length: SHOWN}, (_, i) => Math.hypot(forces[2 * i], forces[2 * i + 1])).sort((a, b) => a - b);
      const modes = data.value === "drawn"
        ? `${points.length} points drawn: press on the left picture to put more. ` : gan.data.deviation
        ? `${covered} of ${gan.data.means.length} modes have a sample within three standard deviations, ${Math.round(100 * good)} % of ${SHOWN} samples are that near. ` : "";
      const losses = gan.step
        ? `Losses: critic ${short(gan.losses.critic)}, generator ${short(gan.losses.generator)}. ` : "";
      readout.textContent = `Step ${gan.step}. ${modes}${losses}Pull on a sample, median: ${short(sizes[SHOWN >> 1])}.`;
    };
    const player = new games.Player({
      step: () => {
        gan.advance();
        if (gan.step % LOOK === 0) look();
      },
      restart: () => restart(),
      ended: () => gan.ended,
      rate: () => (speed.value === "fast" ? 1000 : 5),
      draw: () => draw(),
    });
    load();
    const group = (title, ...parts) => make("fieldset", {className: "game-controls"}, make("legend", {}, title), ...parts.map((each) => each.element));
    const more = make("details", {}, make("summary", {}, "All settings"),
      group("Game", data, objective, penalty, weight, last, critic),
      group("Training", optimiser, generatorRate, criticRate, finalRate, criticSteps, steps, seed), clear);
    return make("div", {}, make("div", {className: "game-controls game-first"}, preset.element, speed.element), more, group("Show", heat, real, arrows, warped, trail),
      make("div", {className: "game-pictures"}, plane.canvas, history.canvas), player.element, readout);
  };

  games.place(["gan"], build);
}
