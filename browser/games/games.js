// What the games in the pages share: formulas, controls, pictures, playing. A game takes the place
// of an image of the class `game-NAME`; the image is shown in print and where this script is not.

const games = {};

{
  // The functions of printed expressions (tools/games.py), as exact as those of the package.
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const sigmoid = (x) => {
    const e = Math.exp(-Math.abs(x));
    return (x < 0 ? e : 1) / (1 + e);
  };
  const relu = (x) => Math.max(0, x);
  const heaviside = (x) => (Math.sign(x) + 1) / 2;
  games.formulas = {softplus, sigmoid, relu, heaviside};

  // Controls ----------------------------------------------------------------------------------

  games.make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const make = games.make;

  // A labelled choice. Its `value` is one of `values`, a list, or an object of names and texts.
  games.choice = (label, values, value, changed) => {
    const entries = Array.isArray(values) ? values.map((each) => [each, each]) : Object.entries(values);
    const select = make("select", {}, ...entries.map(([name, text]) => make("option", {value: name}, text)));
    select.value = value;
    select.ariaLabel = label;
    select.onchange = () => changed();
    return {
      element: make("label", {}, `${label} `, select),
      get value() { return select.value; },
      set value(given) { select.value = given; },
    };
  };

  // A labelled slider over `values`, a list of numbers in ascending order. Of what is assigned to
  // `value` the nearest is taken.
  games.slider = (label, values, value, changed) => {
    const shown = make("span", {className: "game-value"});
    const input = make("input", {type: "range", min: 0, max: values.length - 1, step: 1, ariaLabel: label});
    const show = () => {
      shown.textContent = games.short(values[input.value]);
      input.ariaValueText = shown.textContent;
    };
    const slider = {
      element: make("label", {}, `${label} `, shown, input),
      get value() { return values[input.value]; },
      set value(given) {
        const off = values.map((each) => Math.abs(each - given));
        input.value = off.indexOf(Math.min(...off));
        show();
      },
      enable(yes) { input.disabled = !yes; },
    };
    input.oninput = () => { show(); changed(); };
    slider.value = value;
    return slider;
  };

  games.check = (label, on, changed) => {
    const input = make("input", {type: "checkbox", checked: on});
    input.onchange = () => changed();
    return {element: make("label", {}, input, ` ${label}`), get on() { return input.checked; }, set on(given) { input.checked = given; }};
  };

  games.short = (number) => Number(number.toPrecision(3)).toString().replace("-", "−");

  // From `first` to `last` in equal differences; in equal ratios.
  games.linear = (first, last, steps) =>
    Array.from({length: steps + 1}, (_, k) => Number((first + (last - first) * k / steps).toPrecision(6)));
  games.geometric = (first, last, steps) =>
    Array.from({length: steps + 1}, (_, k) => Number((first * (last / first) ** (k / steps)).toPrecision(2)));

  // Pictures ----------------------------------------------------------------------------------

  // A canvas as wide as its column, `ratio` times as high. `draw(context, width, height, colour)`
  // is called whenever `redraw` is, and when the size or the theme changes; `colour` maps the
  // names of games.css to colours.
  games.picture = (label, ratio, draw) => {
    const canvas = make("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    canvas.style.aspectRatio = 1 / ratio;
    const picture = {
      canvas,
      redraw() {
        const width = canvas.clientWidth, height = width * ratio;
        if (!width) return;
        canvas.width = width * devicePixelRatio;
        canvas.height = height * devicePixelRatio;
        const context = canvas.getContext("2d");
        context.scale(devicePixelRatio, devicePixelRatio);
        context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
        const style = getComputedStyle(canvas);
        draw(context, width, height, (name) => style.getPropertyValue(`--game-${name}`));
      },
    };
    new ResizeObserver(() => picture.redraw()).observe(canvas);
    new MutationObserver(() => picture.redraw())
      .observe(document.documentElement, {attributeFilter: ["data-theme"]});
    return picture;
  };

  // Whether a finger at a place of a canvas is at the mark, which is at `mark()`.
  games.at = (canvas, mark) => (x, y) => {
    const [u, v] = mark();
    return Math.hypot(x - u, y - v) * canvas.clientWidth < FINGER;
  };
  const FINGER = 28; // pixels

  // Calls `moved(x, y)`, with both from 0 to 1, x to the right and y upwards, while the pointer is
  // down on a canvas, and `nudged(dx, dy)` for the arrow keys. A finger drags where it
  // begins at a place of which `grips(x, y)` is true; elsewhere it taps, or scrolls the page.
  games.drag = (canvas, grips, moved, nudged) => {
    const place = ({clientX, clientY}) => {
      const box = canvas.getBoundingClientRect();
      return [(clientX - box.left) / box.width, (box.bottom - clientY) / box.height]
        .map((value) => Math.min(Math.max(value, 0), 1));
    };
    const move = (event) => moved(...place(event));
    const gripped = (event) => grips(...place(event));
    let held = null; // the pointer that drags: the browser itself captures every finger
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.onclick = (event) => event.pointerType === "touch" && move(event);
    canvas.onpointerdown = (event) => {
      if (event.pointerType === "touch" && !gripped(event)) return;
      canvas.setPointerCapture(event.pointerId);
      held = event.pointerId;
      move(event);
    };
    // Before the page takes the finger to scroll.
    canvas.addEventListener("touchstart", (event) => gripped(event.touches[0]) && event.preventDefault(),
      {passive: false});
    canvas.onlostpointercapture = () => held = null;
    canvas.onpointermove = (event) => event.pointerId === held && move(event);
    const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
    canvas.onkeydown = (event) => {
      if (!arrows[event.key]) return;
      event.preventDefault();
      nudged(...arrows[event.key]);
    };
  };

  // Playing -----------------------------------------------------------------------------------

  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const BUDGET = 14; // milliseconds of steps between two pictures
  const PAUSE = 1000; // milliseconds between two pictures for those who want little motion

  // The buttons that play a game. Nothing moves before Play is pressed. `step()` makes one step,
  // `restart()` goes back to the first, `draw()` shows where one is, `ended()` is whether there is
  // no other step, and `rate()` how many steps a second are wanted.
  games.Player = class {
    constructor(game) {
      this.game = game;
      const button = (text, press) => {
        const element = make("button", {type: "button"}, text);
        element.onclick = () => press();
        return element;
      };
      this.toggle = button("Play", () => (this.playing ? this.pause() : this.play()));
      this.element = make("div", {className: "game-buttons"}, this.toggle,
        button("Step", () => { this.pause(); this.once(); game.draw(); }),
        button("From the start", () => { this.pause(); game.restart(); game.draw(); }));
    }

    once() {
      if (this.game.ended()) this.game.restart();
      this.game.step();
    }

    play() {
      if (this.playing) return;
      this.playing = true;
      this.toggle.textContent = "Pause";
      if (this.game.ended()) this.game.restart();
      let [before, shown, due] = [performance.now(), 0, 0];
      const frame = (now) => {
        if (!this.playing) return;
        due = Math.min(due + (now - before) * this.game.rate() / 1000, this.game.rate());
        before = now;
        const stop = performance.now() + BUDGET;
        for (; due >= 1 && performance.now() < stop && !this.game.ended(); due -= 1) this.game.step();
        if (this.game.ended()) this.pause();
        if (!calm.matches || now - shown > PAUSE || !this.playing) {
          this.game.draw();
          shown = now;
        }
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    }

    pause() {
      this.playing = false;
      this.toggle.textContent = "Play";
    }
  };

  // Puts the game that `build(name)` returns, an element, before each image of the class
  // `game-NAME`, for the names given.
  games.place = (names, build) => {
    for (const name of names)
      for (const still of document.querySelectorAll(`img.game-${name}`)) {
        const game = build(name);
        game.classList.add("game-box");
        game.setAttribute("role", "group");
        game.setAttribute("aria-label", "A game to play");
        still.before(game);
        still.classList.add("game-still");
      }
  };
}
