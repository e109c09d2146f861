// The Dirac-GAN to play with: the path of a training method in the plane of θ and ψ, and where in
// the plane of steps and weights theory says that it converges. `games.MAPS`, `games.JACOBIANS`
// and `games.SPECTRA` are printed by tools/games.py.

{
  const {make} = games;
  const STEPS = 400; // of a path
  const RATE = 40; // steps a second, played
  const SPAN = 2.6; // of the picture, to each side
  const LIMIT = 4; // of steps and weights
  const CELLS = 64; // of the plane of steps and weights, each way
  const NEUTRAL = 1e-9; // a logarithm of ρ that is none

  const OBJECTIVES = [...new Set(Object.keys(games.JACOBIANS).map((key) => key.split("|")[0]))];
  const METHODS = Object.keys(games.SPECTRA);
  const REMEDIES = {
    none: "none", r1: "R1, γ", "wgan-gp": "WGAN-GP, w", consensus: "consensus, w",
    "instance-noise": "instance noise, σ", clipping: "weight clipping, c",
  };
  const FIRST = { // what a figure begins with
    methods: {objective: "minimax", remedy: "none", method: "extragradient", weight: 1, step: 0.6, start: [1, 0.5]},
    penalties: {objective: "nonsaturating", remedy: "r1", method: "simultaneous", weight: 0.5, step: 0.3, start: [1.7, 1]},
  };

  games.key = ({objective, remedy, method}) => `${objective}|${remedy}|${method}`;

  // The states from `start`, [θ, ψ], on, under a choice; until `steps` are made, or one is no
  // number.
  games.path = (choice, start, steps) => {
    const map = games.MAPS[games.key(choice)];
    const size = map.length - 2; // of the state; the other two arguments are step and weight
    let state = size === 2 ? start : [...start, ...start];
    const path = [start];
    while (path.length <= steps) {
      state = map(...state, choice.step, choice.weight);
      if (!state.every(Number.isFinite)) break;
      path.push(state.slice(0, 2));
    }
    return path;
  };

  // The largest modulus of a root of a polynomial, the leading coefficient first, by the method of
  // Weierstrass, Durand and Kerner.
  const largestRoot = (coefficients) => {
    const size = 1 + Math.max(...coefficients.map(Math.abs));
    let roots = coefficients.slice(1).map((_, k) => {
      const angle = 0.4 + 2 * Math.PI * k / (coefficients.length - 1);
      return [size * Math.cos(angle), size * Math.sin(angle)];
    });
    for (let round = 0; round < 200; round++) {
      let moved = 0;
      roots.forEach(([x, y], k) => {
        let [u, v] = [coefficients[0], 0]; // the polynomial there
        for (const c of coefficients.slice(1)) [u, v] = [u * x - v * y + c, u * y + v * x];
        roots.forEach(([s, t], j) => { // over the product of the distances to the others
          if (j === k) return;
          const [c, d] = [x - s, y - t], square = c * c + d * d || 1e-300;
          [u, v] = [(u * c + v * d) / square, (v * c - u * d) / square];
        });
        roots[k] = [x - u, y - v];
        moved = Math.max(moved, Math.hypot(u, v));
      });
      if (moved < 1e-13 * size) break;
    }
    return Math.max(...roots.map(([x, y]) => Math.hypot(x, y)));
  };

  // ρ of a choice; null where the field jumps at the equilibrium.
  games.spectralRadius = (choice) => {
    const jacobian = games.JACOBIANS[`${choice.objective}|${choice.remedy}`];
    return jacobian && largestRoot(games.SPECTRA[choice.method](choice.step, ...jacobian(choice.weight)));
  };

  // The largest step up to which no error grows, by bisection; 0 where each does, LIMIT where none
  // up to it does.
  games.largestStep = (choice) => {
    const grows = (step) => Math.log(games.spectralRadius({...choice, step})) > NEUTRAL;
    const tried = games.linear(0.01, LIMIT, 399);
    const first = tried.findIndex(grows);
    if (first < 1) return first ? LIMIT : 0;
    let [low, high] = [tried[first - 1], tried[first]];
    for (let k = 0; k < 30; k++) {
      const middle = (low + high) / 2;
      if (grows(middle)) high = middle;
      else low = middle;
    }
    return low;
  };

  // The factor of a step, the mean over the last half of a path; null where that says nothing.
  games.rate = (path) => {
    const size = (k) => Math.hypot(...path[k]);
    const last = path.length - 1, middle = last >> 1;
    if (last < 8 || !(size(last) > 1e-250) || !(size(middle) > 1e-250)) return null;
    return Math.exp(Math.log(size(last) / size(middle)) / (last - middle));
  };

  // Lines between the points of a grid, values[j][k], at which the values cross `level`.
  const contour = (values, level, line) => {
    for (let j = 0; j + 1 < values.length; j++)
      for (let k = 0; k + 1 < values.length; k++) {
        const corners = [[j, k], [j, k + 1], [j + 1, k + 1], [j + 1, k]];
        const crossings = [];
        corners.forEach(([y, x], n) => {
          const [y2, x2] = corners[(n + 1) % 4];
          const [from, to] = [values[y][x] - level, values[y2][x2] - level];
          if (from > 0 === to > 0) return;
          const part = from / (from - to);
          crossings.push([x + part * (x2 - x), y + part * (y2 - y)]);
        });
        for (let n = 0; n + 1 < crossings.length; n += 2) line(crossings[n], crossings[n + 1]);
      }
  };

  const build = (name) => {
    const first = FIRST[name];
    let start = first.start, path = [], shown = 0, logs = null, mapped = "";
    const changed = () => { player.pause(); again(); };
    const objective = games.choice("Objective", OBJECTIVES, first.objective, changed);
    const remedy = games.choice("Penalty", REMEDIES, first.remedy, changed);
    const method = games.choice("Method", METHODS, first.method, changed);
    const weight = games.slider("Weight", games.linear(0.05, LIMIT, 79), first.weight, changed);
    const step = games.slider("Step η", games.linear(0.02, LIMIT, 199), first.step, changed);
    const near = games.check("from close by", false, changed);
    const readout = make("p", {className: "game-readout"});

    const choice = () => ({
      objective: objective.value, remedy: remedy.value, method: method.value,
      weight: weight.value, step: step.value,
    });
    const scale = () => (near.on ? 1e-4 : 1);

    // The logarithm of ρ over the plane, row by row upwards; null where there is none.
    const chart = () => {
      if (mapped !== games.key(choice())) {
        mapped = games.key(choice());
        const at = (k) => LIMIT * (k + 0.5) / CELLS;
        const cells = Array(CELLS).fill();
        const log = (j, k) => Math.log(games.spectralRadius({...choice(), weight: at(j), step: at(k)}));
        logs = games.spectralRadius(choice()) && cells.map((_, j) => cells.map((_, k) => log(j, k)));
      }
      return logs;
    };

    const plane = games.picture("The path in the plane of θ and ψ. Drag, or use the arrow keys, to choose its start", 1, (context, side, _, colour) => {
      const x = (theta) => side * (0.5 + theta / 2 / SPAN), y = (psi) => side * (0.5 - psi / 2 / SPAN);
      context.lineWidth = 1;
      context.strokeStyle = context.fillStyle = colour("grid");
      for (let j = -6; j <= 6; j++)
        for (let k = -6; k <= 6; k++) { // where a step leads
          const at = [0.4 * j, 0.4 * k], size = scale();
          const [, after] = games.path(choice(), at.map((value) => value * size), 1);
          if (!after) continue;
          const move = [after[0] / size - at[0], after[1] / size - at[1]];
          const length = Math.hypot(...move);
          if (length < 1e-12) continue;
          const [u, v] = move.map((part) => 0.22 * part / length);
          context.beginPath();
          context.moveTo(x(at[0]), y(at[1]));
          context.lineTo(x(at[0] + u), y(at[1] + v));
          context.stroke();
          context.fillRect(x(at[0] + u) - 1.5, y(at[1] + v) - 1.5, 3, 3);
        }
      context.strokeStyle = colour("theory");
      context.setLineDash([2, 3]); // the circle that the flow without a penalty keeps
      context.beginPath();
      context.arc(x(0), y(0), side * Math.hypot(...start) / 2 / SPAN, 0, 2 * Math.PI);
      context.stroke();
      context.setLineDash([]);
      context.strokeStyle = context.fillStyle = colour("measured");
      context.beginPath();
      const points = path.slice(0, shown + 1).map((at) => [x(at[0] / scale()), y(at[1] / scale())]);
      for (const [k, [u, v]] of points.entries()) {
        if (k) context.lineTo(u, v);
        else context.moveTo(u, v);
      }
      context.stroke();
      for (const [u, v] of points) context.fillRect(u - 1.5, v - 1.5, 3, 3);
      context.beginPath();
      context.arc(...points.at(-1), 5, 0, 2 * Math.PI);
      context.fill();
      context.strokeStyle = colour("generated");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x(start[0]), y(start[1]), 7, 0, 2 * Math.PI);
      context.stroke();
      context.fillStyle = colour("theory");
      context.fillText("θ →", side - 26, side - 8);
      context.fillText("ψ ↑", 6, 16);
    });
    const origin = () => start.map((value) => value / (2 * SPAN) + 0.5);
    games.drag(plane.canvas, games.at(plane.canvas, origin), (u, v) => {
      start = [2 * SPAN * (u - 0.5), 2 * SPAN * (v - 0.5)];
      changed();
    }, (du, dv) => {
      start = [start[0] + 0.1 * du, start[1] + 0.1 * dv].map((value) => Math.min(Math.max(value, -SPAN), SPAN));
      changed();
    });

    const stability = games.picture("Where the method converges, by step and weight. Drag, or use the arrow keys, to choose both", 1, (context, side, _, colour) => {
      const [left, bottom] = [34, 30], width = side - left, height = side - bottom;
      const x = (value) => left + width * value / LIMIT, y = (value) => height * (1 - value / LIMIT);
      const cell = width / CELLS, found = chart();
      context.fillStyle = colour("measured");
      found?.forEach((row, j) => row.forEach((log, k) => {
        if (log >= -NEUTRAL) return;
        context.globalAlpha = 0.12 + 0.5 * Math.min(1, -log);
        const [from, to] = [k, k + 1].map((each) => Math.round(left + each * cell));
        const [low, high] = [j, j + 1].map((each) => Math.round(height * (1 - each / CELLS)));
        context.fillRect(from, high, to - from, low - high); // whole pixels: no seams
      }));
      context.globalAlpha = 1;
      context.strokeStyle = colour("theory");
      context.setLineDash([2, 3]);
      context.lineWidth = 1.8;
      context.beginPath();
      if (found) contour(found, NEUTRAL, (from, to) => {
        context.moveTo(left + (from[0] + 0.5) * cell, height * (1 - (from[1] + 0.5) / CELLS));
        context.lineTo(left + (to[0] + 0.5) * cell, height * (1 - (to[1] + 0.5) / CELLS));
      });
      context.stroke();
      context.setLineDash([]);
      context.lineWidth = 1;
      context.strokeStyle = colour("grid");
      context.strokeRect(left, 0.5, width - 1, height);
      context.fillStyle = colour("theory");
      for (let value = 0; value <= LIMIT; value++) {
        context.fillText(value, x(value) - (value === LIMIT ? 8 : 3), height + 14);
        context.fillText(value, left - 14, y(value) + (value === LIMIT ? 12 : 4));
      }
      context.fillText("step η", left + width / 2 - 16, side - 3);
      context.save();
      context.translate(11, height / 2 + 20);
      context.rotate(-Math.PI / 2);
      context.fillText("weight", 0, 0);
      context.restore();
      if (!found) context.fillText("no Jacobian: the field jumps", left + 12, 24);
      context.strokeStyle = colour("generated");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x(step.value), y(weight.value), 7, 0, 2 * Math.PI);
      context.stroke();
    });
    const mark = () => [[34, step], [30, weight]].map(([edge, {value}]) => {
      const share = edge / stability.canvas.clientWidth;
      return share + (1 - share) * value / LIMIT;
    });
    games.drag(stability.canvas, games.at(stability.canvas, mark), (u, v) => {
      const side = stability.canvas.clientWidth;
      step.value = LIMIT * (u - 34 / side) / (1 - 34 / side);
      if (remedy.value !== "none") weight.value = LIMIT * (v - 30 / side) / (1 - 30 / side);
      changed();
    }, (du, dv) => {
      step.value += 0.02 * du;
      if (remedy.value !== "none") weight.value += 0.05 * dv;
      changed();
    });

    const describe = () => {
      readout.ariaLive = player.playing ? "off" : "polite";
      const rho = games.spectralRadius(choice());
      const measured = games.rate(path.slice(0, shown + 1));
      const out = path.length <= STEPS && shown === path.length - 1;
      const found = out ? "the path has left all bounds" : measured === null ? "too few steps yet"
        : `${measured.toFixed(4)} a step, mean over the last half of ${shown} steps`;
      if (rho === null) {
        readout.textContent = `Predicted: nothing; the field jumps at the equilibrium. Measured: ${found}.`;
        return;
      }
      const largest = games.largestStep(choice());
      const bound = largest === 0 ? "errors grow at every step" : largest === LIMIT ? `no error grows up to η = ${LIMIT}`
        : `no error grows up to η = ${largest.toFixed(3)}`;
      readout.textContent = `Predicted near the equilibrium: ρ = ${rho.toFixed(4)}; ${bound}. Measured: ${found}.`;
    };

    const draw = () => { plane.redraw(); describe(); };
    const player = new games.Player({
      step: () => { shown += 1; },
      restart: () => { shown = 0; },
      ended: () => shown >= path.length - 1,
      rate: () => RATE,
      draw,
    });
    // The whole path, drawn at once.
    const again = () => {
      weight.enable(remedy.value !== "none");
      path = games.path(choice(), start.map((value) => value * scale()), STEPS);
      shown = path.length - 1;
      draw();
      stability.redraw();
    };
    again();
    return make("div", {},
      make("div", {className: "game-controls"}, ...[objective, remedy, method, weight, step, near].map((each) => each.element)),
      make("div", {className: "game-pictures"}, plane.canvas, stability.canvas),
      player.element, readout);
  };

  games.place(Object.keys(FIRST), build);
}
