// A GAN in the plane: two perceptrons, their gradients by hand, Adam. `games.LOSSES`, `games.NORMS`
// and `games.PENALTIES` are printed by tools/games.py. Matrices are arrays of rows; a batch is a
// matrix of samples. Nothing here draws; the same settings give the same numbers.

{
  const SLOPE = 0.2; // of leaky ReLU on the left
  const [BETA_1, BETA_2, EPSILON] = [0.5, 0.99, 1e-8];
  const EVERY = 2; // the step at which the penalty is taken, with as many times its weight

  // Numbers at random, each stream from its seed: uniform (mulberry32), and normal (Box and Muller).
  games.Random = class {
    constructor(seed) { this.state = seed >>> 0; }

    uniform() {
      this.state = (this.state + 0x6d2b79f5) | 0;
      let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    }

    normal() {
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
      return radius * Math.cos(2 * Math.PI * this.uniform());
    }

    normals(n) { return Float64Array.from({length: n}, () => this.normal()); }
  };

  // Data --------------------------------------------------------------------------------------

  const around = (means, deviation) => ({
    means, deviation,
    draw(random) {
      const mean = means[Math.floor(random.uniform() * means.length)];
      return [mean[0] + deviation * random.normal(), mean[1] + deviation * random.normal()];
    },
  });
  const curve = (at, deviation) => ({
    draw(random) {
      const [x, y] = at(random.uniform());
      return [x + deviation * random.normal(), y + deviation * random.normal()];
    },
  });
  const FIVE = [-1, -0.5, 0, 0.5, 1];

  // What the generator may learn: means and deviation of its modes, where it has some.
  games.DATA = {
    ring: around(Array.from({length: 8}, (_, k) => [Math.cos(k * Math.PI / 4), Math.sin(k * Math.PI / 4)]), 0.01),
    grid: around(FIVE.flatMap((x) => FIVE.map((y) => [x, y])), 0.0125),
    "two modes": around([[-1, 0], [1, 0]], 0.05),
    "one point": around([[0.6, 0]], 0.01),
    moons: curve((u) => {
      const angle = 2 * Math.PI * u;
      return u < 0.5 ? [Math.cos(angle) - 0.5, Math.sin(angle) - 0.25] : [Math.cos(angle) + 0.5, Math.sin(angle) + 0.25];
    }, 0.04),
    spiral: curve((u) => {
      const angle = 3 * Math.PI * (0.15 + 0.85 * u);
      return [angle * Math.cos(angle) / 9.5, angle * Math.sin(angle) / 9.5];
    }, 0.02),
  };

  games.drawn = (points) => around(points, 0.02);

  games.sample = (data, n, random) => {
    const x = new Float64Array(2 * n);
    for (let i = 0; i < n; i++) x.set(data.draw(random), 2 * i);
    return x;
  };

  // Modes covered by samples, by the protocol of VEEGAN: a sample is good within 3 deviations of
  // its nearest mode, a mode is covered by one. Also the share of good ones, and each mode's share.
  games.coverage = ({means, deviation}, samples) => {
    const n = samples.length / 2, shares = new Float64Array(means.length), covered = new Set();
    let good = 0;
    for (let i = 0; i < n; i++) {
      let nearest = 0, least = Infinity;
      for (let k = 0; k < means.length; k++) {
        const distance = Math.hypot(samples[2 * i] - means[k][0], samples[2 * i + 1] - means[k][1]);
        if (distance < least) [nearest, least] = [k, distance];
      }
      shares[nearest] += 1 / n;
      if (least > 3 * deviation) continue;
      covered.add(nearest);
      good += 1;
    }
    return {covered: covered.size, good: good / n, shares};
  };

  // Products of matrices ----------------------------------------------------------------------

  // y += x W, for x of the shape (rows, n) and W (n, m): four rows of W at a time.
  const multiply = (x, rows, n, W, m, y) => {
    const whole = n - n % 4;
    for (let r = 0; r < rows; r++) {
      const from = r * n, to = r * m;
      for (let k = 0; k < whole; k += 4) {
        const a = x[from + k], b = x[from + k + 1], c = x[from + k + 2], d = x[from + k + 3], w = k * m;
        for (let j = 0; j < m; j++)
          y[to + j] += a * W[w + j] + b * W[w + m + j] + c * W[w + 2 * m + j] + d * W[w + 3 * m + j];
      }
      for (let k = whole; k < n; k++) {
        const a = x[from + k], w = k * m;
        for (let j = 0; j < m; j++) y[to + j] += a * W[w + j];
      }
    }
  };

  const transposed = (W, n, m) => {
    const out = new Float64Array(n * m);
    for (let k = 0; k < n; k++) for (let j = 0; j < m; j++) out[j * n + k] = W[k * m + j];
    return out;
  };

  // Perceptrons -------------------------------------------------------------------------------

  const ACTIVATIONS = { // in place; and the slope, by the value
    leaky: [(y) => (y < 0 ? SLOPE * y : y), (y) => (y < 0 ? SLOPE : 1)],
    tanh: [Math.tanh, (y) => 1 - y * y],
  };

  games.Perceptron = class {
    // Weights as torch.nn.Linear draws them.
    constructor(widths, activation, random) {
      [this.activate, this.slope] = ACTIVATIONS[activation];
      this.layers = widths.slice(1).map((m, k) => {
        const n = widths[k];
        const draw = (length) => Float64Array.from({length}, () => (2 * random.uniform() - 1) / Math.sqrt(n));
        const tensor = (values) => ({
          values, gradient: new Float64Array(values.length),
          mean: new Float64Array(values.length), square: new Float64Array(values.length),
        });
        return {n, m, W: tensor(draw(n * m)), b: tensor(draw(m))};
      });
      this.steps = 0;
    }

    tensors() { return this.layers.flatMap(({W, b}) => [W, b]); }

    // The values of every layer, the input's first.
    forward(x, rows) {
      const trace = [x];
      this.layers.forEach(({n, m, W, b}, k) => {
        const y = new Float64Array(rows * m);
        for (let r = 0; r < rows; r++) y.set(b.values, r * m);
        multiply(trace[k], rows, n, W.values, m, y);
        if (k + 1 < this.layers.length) for (let i = 0; i < y.length; i++) y[i] = this.activate(y[i]);
        trace.push(y);
      });
      return trace;
    }

    // From the gradient with respect to the outputs, those with respect to every layer's sums, and
    // to the input, which stands first. `collect` adds up the weights' gradients.
    backward(trace, gradient, rows, collect) {
      const found = [gradient];
      for (let k = this.layers.length - 1; k >= 0; k--) {
        const {n, m, W, b} = this.layers[k], of = found[0], next = new Float64Array(rows * n);
        if (collect) {
          multiply(transposed(trace[k], rows, n), n, rows, of, m, W.gradient);
          for (let i = 0; i < of.length; i++) b.gradient[i % m] += of[i];
        }
        multiply(of, rows, m, transposed(W.values, n, m), n, next);
        if (k) for (let i = 0; i < next.length; i++) next[i] *= this.slope(trace[k][i]);
        found.unshift(next);
      }
      return found;
    }

    // The second pass of a gradient penalty, for one output and leaky ReLU, whose slopes stand
    // still: from the penalty's gradient with respect to the input's gradient, which `backward` has
    // found, to the weights' gradients.
    again(trace, found, gradient, rows) {
      let of = gradient;
      this.layers.forEach(({n, m, W}, k) => {
        multiply(transposed(of, rows, n), n, rows, found[k + 1], m, W.gradient);
        if (k + 1 === this.layers.length) return;
        const next = new Float64Array(rows * m);
        multiply(of, rows, n, W.values, m, next);
        for (let i = 0; i < next.length; i++) next[i] *= this.slope(trace[k + 1][i]);
        of = next;
      });
    }

    // A step of plain gradient descent, after which the gradients are zero.
    slide(rate) {
      for (const {values, gradient} of this.tensors())
        for (let i = 0; i < values.length; i++) {
          values[i] -= rate * gradient[i];
          gradient[i] = 0;
        }
    }

    // The same by Adam.
    adam(rate) {
      this.steps += 1;
      const first = 1 - BETA_1 ** this.steps, second = 1 - BETA_2 ** this.steps;
      for (const {values, gradient, mean, square} of this.tensors())
        for (let i = 0; i < values.length; i++) {
          const g = gradient[i];
          mean[i] = BETA_1 * mean[i] + (1 - BETA_1) * g;
          square[i] = BETA_2 * square[i] + (1 - BETA_2) * g * g;
          values[i] -= rate * (mean[i] / first) / (Math.sqrt(square[i] / second) + EPSILON);
          gradient[i] = 0;
        }
    }
  };

  // The critic sees beside x sines and cosines of fixed sums of its coordinates (Fourier features).
  class Features {
    constructor(count, random) {
      this.half = count / 2;
      this.width = 2 + count;
      this.B = random.normals(count).map((value) => 6 * value); // of the shape (2, half)
    }

    of(x, rows) {
      const {half, width, B} = this, seen = new Float64Array(rows * width);
      for (let r = 0; r < rows; r++) {
        const u = x[2 * r], v = x[2 * r + 1], at = r * width;
        seen[at] = u;
        seen[at + 1] = v;
        for (let k = 0; k < half; k++) {
          const phase = u * B[k] + v * B[half + k];
          seen[at + 2 + k] = Math.sin(phase);
          seen[at + 2 + half + k] = Math.cos(phase);
        }
      }
      return seen;
    }

    // Jᵀg for the Jacobian J at what is seen.
    back(seen, g, rows) {
      const {half, width, B} = this, out = new Float64Array(2 * rows);
      for (let r = 0; r < rows; r++) {
        const at = r * width, cos = at + 2 + half, sin = at + 2;
        for (let d = 0; d < 2; d++) {
          let sum = g[at + d];
          for (let k = 0; k < half; k++)
            sum += B[d * half + k] * (seen[cos + k] * g[sin + k] - seen[sin + k] * g[cos + k]);
          out[2 * r + d] = sum;
        }
      }
      return out;
    }

    // J g.
    forth(seen, g, rows) {
      const {half, width, B} = this, out = new Float64Array(rows * width);
      for (let r = 0; r < rows; r++) {
        const at = r * width, cos = at + 2 + half, sin = at + 2;
        out[at] = g[2 * r];
        out[at + 1] = g[2 * r + 1];
        for (let k = 0; k < half; k++) {
          const turn = g[2 * r] * B[k] + g[2 * r + 1] * B[half + k];
          out[sin + k] = seen[cos + k] * turn;
          out[cos + k] = -seen[sin + k] * turn;
        }
      }
      return out;
    }
  }

  // Training ----------------------------------------------------------------------------------

  games.SETTINGS = {
    data: "ring",
    objective: "nonsaturating",
    penalties: [], // names in games.PENALTIES
    weight: 1, // of each of them, at the first step
    finalWeight: 1, // the share of it that is left at the last step
    generatorRate: 4e-3,
    criticRate: 4e-3,
    optimiser: "adam", // or "slide"
    finalRate: 0.03, // the share of both that is left at the last step
    criticSteps: 1, // for one of the generator
    batch: 64,
    hidden: 64, // units in each of two layers
    latents: 2,
    sharpness: 0, // with what the latents are multiplied before three layers of tanh; 0: leaky ReLU
    features: 0, // sines and cosines that the critic sees
    line: false, // whether the critic is a linear function
    steps: 1500,
    seed: 1,
  };

  games.Gan = class {
    // `settings` replace entries of games.SETTINGS; `points` are the data where these are drawn.
    constructor(settings = {}, points = []) {
      const s = this.settings = {...games.SETTINGS, ...settings};
      this.data = s.data === "drawn" ? games.drawn(points) : games.DATA[s.data];
      this.random = new games.Random(s.seed);
      const hidden = Array(s.sharpness ? 3 : 2).fill(s.hidden);
      this.G = new games.Perceptron([s.latents, ...hidden, 2], s.sharpness ? "tanh" : "leaky", this.random);
      this.features = s.features ? new Features(s.features, this.random) : null;
      const units = s.line ? [] : [s.hidden, s.hidden];
      this.D = new games.Perceptron([2 + s.features, ...units, 1], "leaky", this.random);
      this.step = 0;
      this.losses = {critic: NaN, generator: NaN};
    }

    get ended() { return this.step >= this.settings.steps; }

    // Fixed latents to look at: they do not touch the run's own numbers.
    latents(n) { return new games.Random(this.settings.seed + 1e6).normals(n * this.settings.latents); }

    make(z) {
      const rows = z.length / this.settings.latents, scale = this.settings.sharpness || 1;
      return this.G.forward(z.map((value) => scale * value), rows);
    }

    generate(z) { return this.make(z).at(-1); }

    look(x) {
      const rows = x.length / 2;
      return this.D.forward(this.features ? this.features.of(x, rows) : x, rows);
    }

    logits(x) { return this.look(x).at(-1); }

    // The gradient with respect to x of the sum of the logits, each times its entry in `of`.
    slopes(trace, of) {
      const rows = of.length, [g] = this.D.backward(trace, of, rows, false);
      return this.features ? this.features.back(trace[0], g, rows) : g;
    }

    // The loss of the critic; its weights' gradients are added up.
    criticGradients(real, generated, weight) {
      const {objective, penalties} = this.settings, n = real.length / 2;
      const x = new Float64Array(4 * n);
      x.set(real);
      x.set(generated, 2 * n);
      const trace = this.look(x), t = trace.at(-1), of = new Float64Array(2 * n);
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const [loss, onReal, onGenerated] = games.LOSSES[objective].critic(t[i], t[n + i]);
        sum += loss / n;
        of[i] = onReal / n;
        of[n + i] = onGenerated / n;
      }
      this.D.backward(trace, of, 2 * n, true);
      if (weight) for (const name of penalties) sum += this.penalise(...games.PENALTIES[name], real, generated, weight);
      return sum;
    }

    // A gradient penalty: its value; its gradients are added up.
    penalise(where, norm, real, generated, weight) {
      const rows = real.length / 2, x = this.places(where, real, generated);
      const trace = this.look(x), found = this.D.backward(trace, new Float64Array(rows).fill(1), rows, false);
      const g = this.features ? this.features.back(trace[0], found[0], rows) : found[0];
      const pull = new Float64Array(2 * rows);
      let sum = 0;
      for (let r = 0; r < rows; r++) {
        const size = Math.hypot(g[2 * r], g[2 * r + 1]);
        const [value, factor] = games.NORMS[norm](size);
        sum += weight * value / rows;
        for (let d = 2 * r; d < 2 * r + 2; d++) pull[d] = size ? weight * factor * g[d] / rows : 0;
      }
      this.D.again(trace, found, this.features ? this.features.forth(trace[0], pull, rows) : pull, rows);
      return sum;
    }

    places(where, real, generated) {
      if (where === "real") return real;
      if (where === "generated") return generated;
      const x = new Float64Array(real.length);
      if (where === "around") { // half the standard deviation of all coordinates
        const mean = real.reduce((sum, value) => sum + value, 0) / real.length;
        const deviation = Math.sqrt(real.reduce((sum, value) => sum + (value - mean) ** 2, 0) / real.length);
        return real.map((value) => value + 0.5 * deviation * this.random.normal());
      }
      for (let r = 0; r < real.length; r += 2) { // between
        const part = this.random.uniform();
        for (let d = r; d < r + 2; d++) x[d] = real[d] + part * (generated[d] - real[d]);
      }
      return x;
    }

    // The generator's loss on what it has made; its weights' gradients are added up.
    generatorGradients(made, real) {
      const generated = made.at(-1), n = generated.length / 2;
      const onReal = this.logits(real), trace = this.look(generated), t = trace.at(-1);
      const of = new Float64Array(n);
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const [loss, slope] = games.LOSSES[this.settings.objective].generator(onReal[i], t[i]);
        sum += loss / n;
        of[i] = slope / n;
      }
      this.G.backward(made, this.slopes(trace, of), n, true);
      return sum;
    }

    // What one sample feels: minus the slope of its loss, beside a real sample of logit 0.
    forces(x) {
      const trace = this.look(x), loss = games.LOSSES[this.settings.objective].generator;
      return this.slopes(trace, trace.at(-1).map((t) => -loss(0, t)[1]));
    }

    // One step of the discriminator, or several, and one of the generator.
    advance() {
      const s = this.settings, progress = this.step / s.steps, decay = s.finalRate ** progress;
      const weight = this.step % EVERY ? 0 : EVERY * s.weight * s.finalWeight ** progress;
      let real, made;
      for (let k = 0; k < s.criticSteps; k++) {
        real = games.sample(this.data, s.batch, this.random);
        made = this.make(this.random.normals(s.batch * s.latents));
        this.losses.critic = this.criticGradients(real, made.at(-1), weight);
        this.D[s.optimiser](s.criticRate * decay);
      }
      this.losses.generator = this.generatorGradients(made, real);
      this.G[s.optimiser](s.generatorRate * decay);
      this.step += 1;
    }
  };
}
