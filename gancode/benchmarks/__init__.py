"""What is measured in minutes rather than seconds: speed, quality for time, coverage."""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from gancode.errors import Refused

RESULTS = Path(__file__).with_name("results")  # the folder of the committed files


def settle() -> None:
    """Make this process one whose numbers can be had again: one thread, and the seeds of the file,
    whatever the shell says."""
    import torch

    torch.set_num_threads(1)
    os.environ["GANCODE_SEED"] = "0"


def options(
    words: Sequence[str] | None, description: str | None, path: Path, **steps: int
) -> argparse.Namespace:
    """What a command is told: where to write, and how many steps, under the names of `steps`, whose
    values are the defaults."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in steps.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--out", type=Path, default=path)
    told = parser.parse_args(words)
    if not told.out.parent.is_dir():  # now, and not after minutes
        raise Refused(f"there is no folder {told.out.parent} for {told.out.name}; make it first")
    return told


def named(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The names of groups of results that are to be measured anew. `Refused` for one that is not
    known, before the first is measured."""
    names, known = list(names), list(known)
    if unknown := [name for name in names if name not in known]:
        raise Refused(f"unknown {', '.join(map(repr, unknown))}; the names are {', '.join(known)}")
    return names


def read(path: Path) -> dict:
    """A file of results."""
    return json.loads(path.read_text("utf-8"))


def write(path: Path, results: dict) -> None:
    """A file of results, as it is committed."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


def provenance(command: str, **settings: Any) -> dict:
    """What numbers depend on besides the code, to be kept beside them."""
    import torch

    return {
        "command": command,
        "gancode": importlib.metadata.version("gancode"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        **settings,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def keep(
    words: Sequence[str] | None,
    description: str | None,
    path: Path,
    runs: Callable[[int], Iterable[tuple[dict, str, str]]],
    *,
    steps: int,
    **settings: Any,
) -> None:
    """The frame of a benchmark of single runs: what its command is told, and the file that it
    writes, of `provenance`, `rows` and `sheets`.

    `runs(steps)` makes the runs one after the other, and yields of each its row, which is printed,
    the name of its kind, and a sheet, or "" for none; of every kind the first sheet is kept.
    `steps` is the number where the command says no other; the settings go into the provenance.
    """
    told = options(words, description, path, steps=steps)
    settle()
    rows: list[dict] = []
    sheets: dict[str, str] = {}
    for row, name, sheet in runs(told.steps):
        rows.append(row)
        if sheet:
            sheets.setdefault(name, sheet)
        print(json.dumps(row, ensure_ascii=False), flush=True)
    made = provenance(f"python -m gancode.benchmarks.{path.stem}", steps=told.steps, **settings)
    write(told.out, {"provenance": made, "rows": rows, "sheets": sheets})
