"""Run notebooks in place, and write them in the one form that is committed.

    python tools/notebooks.py NOTEBOOK...             run, then normalise
    python tools/notebooks.py --only-normalise NOTEBOOK...

The committed form holds what a reader sees and what the tests compare (sources, outputs, execution
counts 1 to n) and nothing that changes from one run or one machine to the next. A cell that draws
a figure has its picture, or the file is left as it was.
"""

import argparse
import ast
import os
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import nbformat
from jupyter_client import AsyncKernelManager, KernelManager
from jupyter_client.connect import ConnectionFileMixin
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets import default

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
CELL_METADATA = {"tags", "mystnb", "checked"}
CELL_TIMEOUT = 300  # seconds, as for pytest


class _AtFiles(ConnectionFileMixin):
    """Has its kernel listen at files, which nobody else takes.

    Of ports Jupyter chooses five that are free, and the kernel takes them up once it has started:
    seconds in which another kernel, or any connection, may get one of them, and then it dies.
    """

    @default("transport")
    def _files(self) -> str:
        return "ipc"

    @default("ip")
    def _names(self) -> str:
        return str(Path(tempfile.gettempdir(), f"kernel-{uuid4().hex}"))


class Kernel(_AtFiles, KernelManager):
    """Starts and stops a kernel."""


class AsyncKernel(_AtFiles, AsyncKernelManager):
    """The same, as nbclient asks for it."""


def prepare() -> None:
    """Make the environment of this process one for kernels to inherit: they choose themselves how
    figures are shown (into the page), a first import has nothing to say in them, and their threads
    do not spin while they wait for a core."""
    os.environ.pop("MPLBACKEND", None)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Fonts are looked for once, and a folder that cannot be written is replaced for all.
    import matplotlib.font_manager  # noqa: F401


def execute(
    notebook: nbformat.NotebookNode, folder: Path, limit: float | None = CELL_TIMEOUT
) -> None:
    """Run every cell of `notebook` in a new kernel of this environment, with `folder` as its
    working directory; the outputs replace those that were there.

    Raises CellExecutionError at the first cell that fails, and CellTimeoutError at one that takes
    more than `limit` seconds; None lets it take its time.
    """
    prepare()
    NotebookClient(
        notebook,
        kernel_name="python3",
        kernel_manager_class=AsyncKernel,
        timeout=limit,
        record_timing=False,
        coalesce_streams=True,  # where a stream is cut depends on timing
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def normalise(notebook: nbformat.NotebookNode) -> str:
    """The text of `notebook` in the committed form; the notebook itself is changed to it.

    Cell ids are kept.
    """
    notebook.update(nbformat=4, nbformat_minor=5, metadata=nbformat.from_dict(METADATA))
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in sorted(CELL_METADATA & set(cell.metadata))}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = nbformat.from_dict({})
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def missing_picture(notebook: nbformat.NotebookNode) -> str | None:
    """The first cell that draws a figure and shows no picture, in words; None where there is none.

    A cell draws one where its metadata have a caption, or where it ends in `plt.show()` or in an
    animation.
    """
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not _draws(cell):
            continue
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        if "image/png" not in kinds:
            return f"cell {number} draws a figure and shows no picture:\n\n{cell.source}"
    return None


def _draws(cell) -> bool:
    if "figure" in cell.metadata.get("mystnb", {}):
        return True
    try:
        body = ast.parse(cell.source).body
    except SyntaxError:  # a magic
        return False
    return bool(body) and ast.unparse(body[-1]).startswith(("plt.show(", "plots.animation("))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run notebooks in place and normalise them.")
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--only-normalise", action="store_true", help="do not run them")
    options = parser.parse_args(arguments)
    for path in options.notebooks:
        try:
            notebook = nbformat.read(path, as_version=4)
        except FileNotFoundError:
            sys.exit(f"{path}: no such notebook; give paths such as chapters/game/NAME.ipynb")
        except nbformat.reader.NotJSONError:
            sys.exit(f"{path}: not a notebook; give the .ipynb file")
        if not options.only_normalise:
            print(f"running {path}", flush=True)
            try:
                execute(notebook, path.parent)
            except CellExecutionError as error:
                sys.exit(f"{path}: a cell failed, and the file is left as it was.\n\n{error}")
        if problem := missing_picture(notebook):
            sys.exit(f"{path}: the file is left as it was, for {problem}")
        path.write_text(normalise(notebook), encoding="utf-8")


if __name__ == "__main__":
    main()
