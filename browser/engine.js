// The engine in the page: Python in a worker, begun when it is first asked, and then kept.
//
//   engine.ask(request, say)   a promise of the answer; `say` hears how far the start is
//   engine.cancel()            ends whatever runs; the next question begins anew
//   engine.form(…)             a form that asks
//   engine.outcome(…)          draws what `prove` says
//
// Questions wait for one another. PARTS, put before this by tools/engine.py, lists the scripts
// that hand over the parts (`engine.receive`), with their sizes.

const engine = (() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const pieces = {}; // the name of a part: its pieces, in base64
  let loading; // a promise of all parts, once they are asked for
  let worker; // once it has the parts
  let last = Promise.resolve(); // the end of the last question
  let fail; // what fails the question that runs
  let round = 0; // of questions, from one cancel to the next
  let tell = () => {}; // what hears how far the question is that runs

  class Cancelled extends Error {}

  const SAID = {
    waiting: "Waiting",
    loading: "Loading the engine (once; then your browser keeps it)",
    unpacking: "Unpacking",
    python: "Starting Python",
    calculus: "Loading the calculus",
    computing: "Computing",
  };

  const MARKS = {proved: "\u2713", checked: "\u2248", refuted: "\u2717"};

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function formula(latex) {
    return make("span", {className: "math", textContent: `\\(${latex}\\)`});
  }

  async function typeset(place) {
    await window.MathJax?.startup?.promise;
    await window.MathJax?.typesetPromise?.([place]);
  }

  function receive(name, k, text) {
    (pieces[name] ??= [])[k] = text;
  }

  function script(name) {
    return new Promise((done, failed) => {
      const element = document.createElement("script");
      element.src = folder + name;
      element.onload = () => done(element.remove());
      element.onerror = () => failed(new Error(`${element.src} could not be loaded. Try again.`));
      document.head.append(element);
    });
  }

  async function load() {
    const all = PARTS.reduce((sum, [, size]) => sum + size, 0);
    let here = 0;
    tell("loading", 0);
    await Promise.all(PARTS.map(async ([name, size]) => {
      await script(name);
      here += size;
      tell("loading", here / all);
    }));
    const {"worker.js": [source], ...parts} = pieces;
    return {
      source: URL.createObjectURL(new Blob([atob(source)], {type: "text/javascript"})),
      parts: Object.fromEntries(Object.entries(parts).map(([name, each]) => [name, each.join("")])),
    };
  }

  // What the worker says in the end to a message.
  function heard(message) {
    return new Promise((done, failed) => {
      worker.onerror = (event) => failed(new Error(event.message ?? "the worker does not start"));
      worker.onmessage = ({data}) => {
        if (data.progress) tell(data.progress);
        else if (data.broken) failed(new Error(data.broken));
        else done(data.answer);
      };
      worker.postMessage(message);
    });
  }

  async function answered(request) {
    const mine = round;
    loading ??= load().catch((error) => {
      loading = undefined; // the next question tries again
      throw error;
    });
    const {source, parts} = await loading;
    if (mine !== round) return; // cancelled, which has been said
    if (!worker) {
      worker = new Worker(source);
      await heard({parts});
    }
    tell("computing");
    return JSON.parse(await heard({request: JSON.stringify(request)}));
  }

  function end() {
    worker?.terminate();
    worker = undefined;
  }

  function ask(request, say) {
    const mine = round;
    const answer = last.then(() => new Promise((done, failed) => {
      if (mine !== round) throw new Cancelled();
      [fail, tell] = [failed, say];
      answered(request).then(done, (error) => {
        if (mine === round) end();
        failed(error);
      });
    }));
    last = answer.catch(() => {});
    return answer;
  }

  function cancel() {
    round += 1;
    tell = () => {};
    end();
    fail?.(new Cancelled());
  }

  // Have a form ask the engine when it is submitted: `request` reads its fields, `show` draws the
  // answer into `place`. Meanwhile the form says how far it is, and has a button that cancels.
  function form(element, request, place, show) {
    const status = make("p", {className: "engine-status", role: "status"});
    const bar = make("progress", {hidden: true, ariaLabel: "Loading the engine"});
    const stop = make("button", {type: "button", textContent: "Cancel", hidden: true});
    const submit = element.querySelector("[type=submit]");
    submit.after(stop);
    element.append(bar, status);
    stop.onclick = cancel;

    function say(words, loaded) {
      status.textContent = `${SAID[words]} …`;
      bar.hidden = loaded === undefined;
      if (loaded !== undefined) bar.value = loaded;
    }

    element.onsubmit = async (event) => {
      event.preventDefault();
      submit.disabled = true;
      stop.hidden = false;
      place.hidden = true;
      status.classList.remove("engine-refused");
      say("waiting");
      try {
        const answer = await ask(request(), say);
        if (answer.refused) throw new Error(answer.refused);
        status.textContent = "The answer stands below.";
        place.hidden = false;
        await show(answer);
      } catch (error) {
        const stopped = error instanceof Cancelled;
        status.textContent = stopped ? "Cancelled." : error.message;
        status.classList.toggle("engine-refused", !stopped);
      }
      bar.hidden = stop.hidden = true;
      submit.disabled = false;
    };
  }

  // Draw into `place` what `prove` says; a counterexample in large letters.
  function outcome(answer, place) {
    const verdict = `${MARKS[answer.status]} ${answer.status}`;
    const values = answer.counterexample.map(([name, value]) => `${name} = ${value}`).join(", ");
    place.className = `engine-answer engine-outcome engine-${answer.status}`;
    place.replaceChildren(
      make("p", {}, formula(`\\displaystyle ${answer.latex}`)),
      make("p", {className: "engine-verdict", textContent: verdict}),
      ...(values ? [make("p", {className: "engine-counterexample", textContent: values})] : []),
      make("p", {textContent: answer.evidence}),
    );
    return typeset(place);
  }

  return {ask, cancel, receive, form, outcome, make, formula, typeset};
})();
