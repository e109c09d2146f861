"""What do pairs add? The game of 2014 and the game on pairs, under the same penalties.

    python -m gancode.benchmarks.pairs             all, about five minutes on one idle core
    python -m gancode.benchmarks.pairs NAME...     these; the others keep their rows

writes `results/pairs.json`. Each game of GAMES is played on the grid of 25 modes at every rate of
RATES, five runs each, with the "sharp" networks of `coverage` and steps of one size for both
networks. Data, networks, batches and number of steps are the same in all, so that two games that
differ in one word of their names differ in nothing else.
"""

import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from gancode import benchmarks
from gancode.benchmarks import coverage
from gancode.benchmarks.coverage import interval

RESULTS = benchmarks.RESULTS / "pairs.json"
SEEDS = coverage.SEEDS
OBJECTIVES = {"2014": "nonsaturating", "pairs": "relativistic"}
PENALISED: dict[str, tuple[str, ...]] = {
    "none": (),
    "R1": ("real",),
    "R1 + R2": ("real", "generated"),
}
GAMES = [", ".join(names) for names in itertools.product(OBJECTIVES, PENALISED)]
WEIGHT = "1..0.1"  # of the penalties, over a run
RATES = (4e-3, 2e-3, 8e-3)  # of both networks, at the first step; first that of `coverage`
_SHARED = {key: value for key, value in coverage.SETTINGS.items() if key != "generator_lr"}


def played(game: str, rate: float, seeds: Iterable[int], **settings: Any) -> torch.Tensor:
    """Samples of a game of GAMES on the grid at a rate, a run a seed: (seeds, samples, 2).

    `settings` replace entries of `coverage.SETTINGS`. Raises KeyError for a game that is none of
    GAMES.
    """
    objective, penalised = game.split(", ")
    where = PENALISED[penalised]
    method = coverage.Method(
        networks="sharp",
        discriminator_lr=rate,
        objective=OBJECTIVES[objective],
        penalty=WEIGHT if where else 0.0,
    )
    runs = [("grid", seed) for seed in seeds]
    return coverage.train(method, runs, penalised=where, **{"generator_lr": rate} | settings)


def scores(samples: torch.Tensor, seeds: Iterable[int]) -> list[dict]:
    """What `coverage.score` finds in samples of `played`, a row a seed."""
    return coverage.score(samples, [("grid", seed) for seed in seeds])


def best(rows: dict[str, list[dict]]) -> str:
    """The rate, of a game's rows by rate, whose mean reverse KL is the least."""
    return min(rows, key=lambda rate: sum(row["reverse_kl"] for row in rows[rate]))


def results() -> dict:
    """The committed results: `provenance`; `games`, the scores of each seed by game and rate."""
    return benchmarks.read(RESULTS)


def main(names: Sequence[str]) -> None:
    """Play the named games and write their rows into RESULTS, after each anew. Raises KeyError
    for a name that is none of GAMES."""
    benchmarks.settle()
    made = benchmarks.provenance(
        "python -m gancode.benchmarks.pairs",
        settings=_SHARED,
        networks=coverage.NETWORKS["sharp"],
        objectives=OBJECTIVES,
        penalised=PENALISED,
        weight=WEIGHT,
        rates=list(RATES),
        seeds=list(SEEDS),
    )
    games: dict[str, dict[str, list[dict]]] = results()["games"] if RESULTS.exists() else {}
    for rate, name in itertools.product(RATES, names):
        found = scores(played(name, rate, SEEDS), SEEDS)
        games.setdefault(name, {})[f"{rate:g}"] = [_short(row) for row in found]
        means = [interval([row[key] for row in found]) for key in coverage.QUANTITIES]
        print(f"{name:16} {rate:g}", *(f"{m:.3g} ± {w:.2g}" for m, w in means), flush=True)
        kept = {game: games[game] for game in GAMES if game in games}
        benchmarks.write(RESULTS, {"provenance": made, "games": kept})


def _short(row: dict) -> dict:
    return {key: round(row[key], 4) for key in ("seed", *coverage.QUANTITIES)}


if __name__ == "__main__":
    main(sys.argv[1:] or GAMES)
