"""How far each row of the verdicts is from failing, on machines that compute other last digits.

    python -m tools.kernels [--under NAME]... [--json FILE] [NOTEBOOK...]

Runs chapters (all of them, if none is named) under other seeds and under the kernels that other
processors would choose, as far as this one has them, and with every weight changed by one rounding,
up or down, when an optimiser is made for it. What a row measures then has a spread. Printed is, for
each row, its distance from failing in units of that spread, least first; one that never moves has
none, and neither has one whose bound or room is a theorem's. Of a row that allows so many standard
errors of a prediction, the spread is that error or, where it is larger, what was seen. The exit
status is 1 where a row failed, or is nearer than three.

The notebooks are left as they are. All of them take about five minutes for each way to run. FILE is
written after every chapter, and keeps what it has of those that are not run: what was broken off
goes on with the rest by name.
"""

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools.notebooks import execute

ROOT = Path(__file__).resolve().parent.parent
LEAST = 3.0
ERRORS = re.compile(r"(\d+) standard errors")
CHANGED = "KERNELS_CHANGED"  # what is changed beside the environment
WAYS: dict[str, dict[str, str]] = {
    "as it is": {},
    "seed 1": {"GANCODE_SEED": "1"},
    "seed 2": {"GANCODE_SEED": "2"},
    "plain loops": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "SSE4.1": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "MKL compatible": {"MKL_CBWR": "COMPATIBLE"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "one rounding": {CHANGED: "weights"},
}
SPY = """
import json, os
import torch
from gancode.verdict import Verdict

def _spied(compare=Verdict._compare):
    def spied(self, relation, quantity, predicted, measured, tolerance, because):
        numbers = (float(x) for x in (predicted, measured, tolerance))
        row = [relation, quantity, *numbers, because]
        with open({path!r}, "a") as file:
            print(json.dumps(row), file=file)
        return compare(self, relation, quantity, predicted, measured, tolerance, because)
    return spied

Verdict._compare = _spied()

def _rounded(construct=torch.optim.Optimizer.__init__):
    def rounded(self, *arguments, **options):
        construct(self, *arguments, **options)
        draws = torch.Generator().manual_seed(0)  # its own, so that what is drawn elsewhere stays
        for weights in (each for group in self.param_groups for each in group["params"]):
            signs = 2 * torch.randint(2, weights.shape, generator=draws) - 1
            with torch.no_grad():
                weights.mul_(1 + torch.finfo(weights.dtype).eps * signs.to(weights))
    return rounded

if os.environ.get({changed!r}) == "weights":
    torch.optim.Optimizer.__init__ = _rounded()
"""


@dataclass(frozen=True)
class Row:
    """One row of a verdict, as one run had it."""

    relation: str
    quantity: str
    predicted: float
    measured: float
    tolerance: float
    because: str

    @property
    def gap(self) -> float:
        """From the prediction, or the bound, to what was measured."""
        return self.measured - self.predicted

    @property
    def room(self) -> float:
        """How far what was measured may still move; negative where the row fails."""
        off = {"near": abs(self.gap), "at-most": self.gap, "at-least": -self.gap}
        return self.tolerance - off[self.relation]


def run(notebook: Path, way: str) -> list[Row]:
    """The rows of a notebook, run in one of the WAYS in a process of its own.

    Raises `subprocess.CalledProcessError` where a cell fails.
    """
    command = [sys.executable, "-m", "tools.kernels", "--rows", str(notebook)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **WAYS[way]}
    found = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return [Row(*json.loads(line)) for line in found.stdout.splitlines()]


def print_rows(notebook: Path) -> None:
    """Run a notebook in this environment, and print its rows, one JSON array a line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.touch()
        copy = nbformat.read(notebook, as_version=4)
        spy = SPY.format(path=str(path), changed=CHANGED)
        copy.cells.insert(0, nbformat.v4.new_code_cell(spy))
        execute(copy, notebook.parent, limit=None)  # plain loops are slow
        print(path.read_text(), end="")


def distance(rows: list[Row]) -> float:
    """How far a row is from failing, in units of its spread over several runs: the mean of its room
    over the standard deviation of its gap. Infinite where it never moves; −1 where one failed."""
    first = rows[0]
    if any(not row.room >= 0 for row in rows):  # NaN too
        return -1.0
    derived = ("theorem", "rounding") if first.relation != "near" else "theorem"
    if first.because.startswith(derived):
        return math.inf  # however near it comes, what a theorem allows is not crossed
    spread = statistics.stdev(row.gap for row in rows)
    if (stated := ERRORS.match(first.because)) and first.relation == "near":
        tolerance = statistics.fmean(row.tolerance for row in rows)
        return tolerance / max(tolerance / int(stated[1]), spread)
    if spread <= 1e-12 * max(abs(row.measured) for row in rows):
        return math.inf
    return statistics.fmean(row.room for row in rows) / spread


def distances(runs: Iterable[list[Row]]) -> list[tuple[float, str]]:
    """For each row of a notebook its distance and its name, least first.

    Raises ValueError where the runs do not have the same rows.
    """
    found = []
    for rows in zip(*runs, strict=True):
        if len({row.quantity for row in rows}) > 1:
            raise ValueError(f"one row has several names: {', '.join(r.quantity for r in rows)}")
        found.append((distance(list(rows)), rows[0].quantity))
    return sorted(found)


def add_found(path: Path, name: str, rows: list[tuple[float, str]]) -> None:
    """Write the distances of a chapter beside those of others, as JSON; null is infinite. Half a
    file is never left."""
    written = json.loads(path.read_text()) if path.exists() else {}
    written[name] = [(far if math.isfinite(far) else None, quantity) for far, quantity in rows]
    half = path.with_name(f"{path.name}.half")
    half.write_text(json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False))
    half.replace(path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.kernels", description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--under", action="append", choices=WAYS, help="some ways only")
    parser.add_argument("--json", type=Path, help="where to write all distances; null is infinite")
    parser.add_argument("--rows", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    notebooks = options.notebooks or sorted(ROOT.glob("chapters/*/*.ipynb"))
    if options.rows:
        print_rows(*notebooks)
        return 0
    ways = options.under or list(WAYS)
    if len(ways) < 2:
        parser.error("a spread takes two ways to run; give --under twice")
    all_of_them = {}
    for notebook in notebooks:
        name = notebook.stem
        all_of_them[name] = found = distances([run(notebook, way) for way in ways])
        if options.json:
            add_found(options.json, name, found)
        nearest = ", ".join(f"{far:.1f} ({quantity})" for far, quantity in found[:3])
        print(f"{name}: {len(found)} rows; nearest {nearest}", flush=True)
    near = [
        f"{name}: {quantity}, {far:.1f}"
        for name, found in all_of_them.items()
        for far, quantity in found
        if far < LEAST
    ]
    print(f"{len(near)} of {sum(map(len, all_of_them.values()))} rows are nearer than {LEAST:g}")
    print("\n".join(near))
    return 1 if near else 0


if __name__ == "__main__":
    sys.exit(main())
