"""How far rows are from failing: the distance by hand, and a small notebook run in several ways."""

import json
import math
import subprocess

import nbformat
import pytest

from tools import kernels
from tools.kernels import Row, distance, distances


def rows(relation, tolerance, *pairs):
    return [Row(relation, "x", predicted, measured, tolerance) for predicted, measured in pairs]


@pytest.mark.parametrize(
    ("relation", "tolerance", "pairs", "expected"),
    [
        ("near", 0.5, [(1, 1.1), (1, 0.9)], 0.4 / math.sqrt(0.02)),  # both sides of the prediction
        ("at-most", 0.0, [(2, 1.0), (2, 0.8)], 1.1 / math.sqrt(0.02)),
        ("at-least", 0.1, [(1, 1.0), (1, 1.2)], 0.2 / math.sqrt(0.02)),
        ("near", 0.5, [(1, 1.2), (2, 2.2)], math.inf),  # the prediction moves with it
        ("at-most", 0.0, [(2, 1.0), (2, 2.5)], -1.0),
        ("near", 0.5, [(1, 1.2), (1, math.nan)], -1.0),
    ],
)
def test_a_distance_is_room_over_spread(relation, tolerance, pairs, expected):
    assert distance(rows(relation, tolerance, *pairs)) == pytest.approx(expected)


def test_runs_with_other_rows_are_refused():
    one, two = rows("near", 1, (1, 1), (1, 1))
    other = Row("near", "y", 1, 1, 1)
    assert distances([[one, other], [two, other]]) == [(math.inf, "x"), (math.inf, "y")]
    with pytest.raises(ValueError, match="several names: x, y"):
        distances([[one], [other]])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        distances([[one, other], [two]])


def notebook(path, *lines):
    cells = [nbformat.v4.new_code_cell("\n".join(lines))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_what_hangs_on_a_rounding_is_found(tmp_path, capfd):
    moving = notebook(
        tmp_path / "moving.ipynb",
        "import torch",
        "from gancode import Verdict",
        "torch.manual_seed(0)",
        "weight = torch.nn.Linear(1, 1, bias=False).weight.item()",
        "torch.manual_seed(0)",
        "drawn = torch.empty(1).uniform_(-1, 1).item()",
        "Verdict().near('closely', drawn, weight, abs(drawn) * 1.5e-7, because='rounding')",
        "Verdict().near('roughly', drawn, weight, abs(drawn) * 1e-5, because='rounding')",
        "Verdict().near('itself', weight, weight, 0, because='theorem')",
    )
    ways = [
        word for way in ("as it is", "plain loops", "one rounding") for word in ("--under", way)
    ]
    out = tmp_path / "found.json"
    assert kernels.main([*ways, "--json", str(out), str(moving)]) == 1
    assert "1 of 3 rows are nearer than 3\nmoving: closely, 1.5\n" in capfd.readouterr().out
    found = {name: dict(map(reversed, far)) for name, far in json.loads(out.read_text()).items()}
    # the weight moves by about 2⁻²³ = 1.2e-7 of itself: the standard deviation is 7e-8
    assert found["moving"] == {
        "closely": pytest.approx(1.5, abs=0.1),
        "roughly": pytest.approx(139, abs=1),
        "itself": math.inf,
    }


def test_a_cell_that_fails_is_not_passed_over(tmp_path):
    broken = notebook(tmp_path / "broken.ipynb", "1 / 0")
    with pytest.raises(subprocess.CalledProcessError):
        kernels.run(broken, "as it is")


def test_a_spread_takes_two_ways(capsys):
    with pytest.raises(SystemExit):
        kernels.main(["--under", "seed 1", "x.ipynb"])
    assert "give --under twice" in capsys.readouterr().err
