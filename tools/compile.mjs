// Run a Python file in Pyodide, under node:  node compile.mjs PYODIDE SCRIPT IN OUT
// The script reads the folder that the archive IN becomes, and writes the file OUT.
import fs from "node:fs";
import {pathToFileURL} from "node:url";

const [pyodide, script, from, to] = process.argv.slice(2);
const {loadPyodide} = await import(pathToFileURL(`${pyodide}/pyodide.mjs`));
const python = await loadPyodide();
python.unpackArchive(new Uint8Array(fs.readFileSync(from)), "zip", {extractDir: "/in"});
python.runPython(fs.readFileSync(script, "utf8"));
fs.writeFileSync(to, python.FS.readFile("/out.zip"));
