"""The game of 2014, its penalties and pairs on the ring and the grid, each at its own best rate.

    python -m gancode.benchmarks.relativistic

writes `results/relativistic.json`, in some five minutes of one core. Networks, steps, batches and
the rest are those of the "sharp critic" of `gancode.benchmarks.coverage`, for all games alike. Of
each game on each data set the learning rate of both players is chosen from RATES by one run with
each of the seeds TRIED; then five runs are made with it, with the seeds SEEDS, none of which had a
part in the choice. What is chosen by, and judged by first, is the exact W₁ of the samples to as
many data.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from gancode import benchmarks, data, metrics
from gancode.benchmarks import coverage

RESULTS = benchmarks.RESULTS / "relativistic.json"
STEPS, SAMPLES = 1000, 1000
RATES, TRIED, SEEDS = (1e-3, 2.5e-3, 6e-3, 1.5e-2, 3.75e-2), (10, 11), range(5)
# The sum of the weights of R1 and R2 is the same wherever there is a penalty: near the equilibrium
# nothing else counts. Of R1 + R2 each has the weight of the method.
GAMES: dict[str, dict[str, Any]] = {
    "2014": {"objective": "nonsaturating", "penalty": 0.0, "r2": False},
    "R1": {"objective": "nonsaturating", "penalty": "2..0.002", "r2": False},
    "R1 + R2": {"objective": "nonsaturating", "penalty": "1..0.001", "r2": True},
    "pairs + R1 + R2": {"objective": "relativistic", "penalty": "1..0.001", "r2": True},
}
SETTINGS = {"steps": STEPS, "samples": SAMPLES}  # in place of those of `coverage`


def train(
    game: str, rate: float, runs: Sequence[tuple[str, int]], steps: int = STEPS
) -> torch.Tensor:
    """Samples of generators that were taught by a game of GAMES at a rate of both players, one for
    each (name of a data set, seed): (runs, SAMPLES, 2)."""
    options = dict(GAMES[game])
    r2 = options.pop("r2")
    method = coverage.sharp(discriminator_lr=rate, **options)
    settings: dict[str, Any] = SETTINGS | {"generator_lr": rate, "steps": steps}
    return coverage.train(method, runs, r2=r2, **settings)


def judged(samples: torch.Tensor, where: str, seed: int) -> dict[str, Any]:
    """Of samples (n, 2): the exact `distance` W₁ to as many data, and VEEGAN's counts."""
    real = getattr(data, where)().sample(len(samples), torch.Generator().manual_seed(seed))
    (counts,) = coverage.score(samples[None], [(where, seed)])
    distance = metrics.wasserstein(real, samples).distance
    found = {"distance": distance} | {key: counts[key] for key in coverage.QUANTITIES}
    return {key: round(value, 4) for key, value in found.items()}


def floor(where: str, seed: int) -> float:
    """The distance that perfect samples would have: of SAMPLES other data."""
    other = getattr(data, where)().sample(SAMPLES, torch.Generator().manual_seed(100 + seed))
    return judged(other, where, seed)["distance"]


def constants() -> dict[str, Any]:
    """What all games have in common."""
    found = coverage.SETTINGS | coverage.NETWORKS["sharp"] | SETTINGS
    return {key: value for key, value in found.items() if key not in ("generator_lr", "steps")}


def best_rate(rows: Iterable[dict], game: str, where: str) -> float:
    """The rate of the least mean distance over the seeds TRIED."""

    def total(rate: float) -> float:
        cell = {"game": game, "data": where, "rate": rate}
        tried = (row for row in rows if row["seed"] in TRIED and cell.items() <= row.items())
        return sum(row["distance"] for row in tried)

    return min(RATES, key=total)


def results() -> dict:
    """The committed results: `provenance` and `rows`, one a run, first those in which the rates
    were chosen."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """Of each game those in which its rates are chosen, then those at the best."""
    rows: list[dict] = []

    def made(game: str, rate: float, wheres: Sequence[str], seeds: Sequence[int]) -> list[dict]:
        of_all = [(where, seed) for where in wheres for seed in seeds]
        cell = {"game": game, "rate": rate}
        return [
            cell | {"data": where, "seed": seed} | judged(x, where, seed)
            for x, (where, seed) in zip(train(game, rate, of_all, steps), of_all, strict=True)
        ]

    for game in GAMES:
        for rate in RATES:
            rows += made(game, rate, list(coverage.DATA), TRIED)
            yield from ((row, "", "") for row in rows[-len(coverage.DATA) * len(TRIED) :])
        chosen = {where: best_rate(rows, game, where) for where in coverage.DATA}
        for rate in RATES:
            if wheres := [where for where in chosen if chosen[where] == rate]:
                yield from ((row, "", "") for row in made(game, rate, wheres, SEEDS))


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose a rate for each game, run it with all seeds, and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        games=GAMES,
        settings=constants(),
        rates=list(RATES),
        tried=list(TRIED),
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
