"""Compile the modules in /in, within Pyodide: /out.zip holds them, all else as it is.

A module becomes the code that the browser's Python would make of it, without its docstrings.
Asserts stay: what they raise may be caught. The archive is not compressed here.
"""

import ast
import importlib.util
import marshal
import warnings
import zipfile
from pathlib import Path

UNCHECKED = (1).to_bytes(4, "little") + bytes(8)  # flags of a .pyc that is never compared


def bare(tree: ast.Module) -> ast.Module:
    """The module with empty docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body[0].value.value = ""
    return tree


warnings.simplefilter("ignore", SyntaxWarning)  # of other people's strings
with zipfile.ZipFile("/out.zip", "w") as archive:
    for path in sorted(Path("/in").rglob("*")):
        name = str(path.relative_to("/in"))
        if path.suffix == ".py":
            code = compile(bare(ast.parse(path.read_bytes())), name, "exec", dont_inherit=True)
            content = importlib.util.MAGIC_NUMBER + UNCHECKED + marshal.dumps(code)
            archive.writestr(zipfile.ZipInfo(name + "c"), content)
        elif path.is_file():
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
