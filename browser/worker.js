// Python in a worker. The page sends the parts of the engine first, then requests, one at a time;
// each gets one answer, and both are JSON that `answers.py` reads and writes.

const TYPES = {wasm: "application/wasm", json: "application/json", zip: "application/zip"};
let answer;

const url = (bytes) => URL.createObjectURL(new Blob([bytes], {type: "text/javascript"}));

async function unpacked(text) {
  const packed = await (await fetch(`data:application/octet-stream;base64,${text}`)).blob();
  const stream = packed.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start(parts) {
  const say = (progress) => postMessage({progress});
  say("unpacking");
  const files = {};
  await Promise.all(Object.entries(parts).map(async ([name, text]) => {
    files[name] = await unpacked(text);
  }));
  // Pyodide asks for its files by address. There is none here: they have come with the parts.
  self.fetch = async (address) => {
    const name = String(address.url ?? address).split("/").pop();
    const type = TYPES[name.split(".").pop()];
    return new Response(files[name], {headers: {"Content-Type": type}});
  };
  say("python");
  // A page that was opened as a file may have no worker that is a module, and Pyodide refuses the
  // other kind, which it knows by this function. It can do without.
  self.importScripts = () => { throw new Error("not here"); };
  const {loadPyodide} = await import(url(files["pyodide.mjs"]));
  const {default: createPyodideModule} = await import(url(files["pyodide.asm.mjs"]));
  const python = await loadPyodide({
    indexURL: "https://engine.invalid/",
    createPyodideModule,
    lockFileContents: new TextDecoder().decode(files["pyodide-lock.json"]),
  });
  say("calculus");
  const extractDir = python.runPython("import site; site.getsitepackages()[0]");
  for (const name of ["libraries.zip", "own.zip"])
    python.unpackArchive(files[name], "zip", {extractDir});
  python.runPython("import importlib; importlib.invalidate_caches()");
  answer = python.pyimport("answers").answer;
  postMessage({ready: true});
}

self.onmessage = async ({data}) => {
  try {
    if (data.parts) await start(data.parts);
    else postMessage({answer: answer(data.request)});
  } catch (error) {
    postMessage({broken: String(error.message ?? error)});
  }
};
