"""How far rows are from failing: the distance by hand, and a small notebook run in several ways."""

import json
import math
import subprocess

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError

from tools import kernels, notebooks
from tools.kernels import Row, distance, distances


def rows(relation, tolerance, *pairs, because="observed before"):
    return [Row(relation, "x", *pair, tolerance, because) for pair in pairs]


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


def test_what_a_theorem_allows_is_not_crossed():
    because = "theorem: a divergence"
    assert distance(rows("at-least", 0.0, (0, 0.1), (0, 0.9), because=because)) == math.inf
    assert distance(rows("near", 1.0, (0, 0.1), (0, 0.9), because=because)) == math.inf
    assert distance(rows("at-most", 1e-9, (0, -0.1), (0, -0.9), because="rounding")) == math.inf
    assert distance(rows("near", 1.0, (0, 0.1), (0, 0.9), because="rounding")) < 1
    assert distance(rows("at-least", 0.0, (0, 0.1), (0, -0.1), because=because)) == -1


@pytest.mark.parametrize(
    ("errors", "pairs", "expected"),
    [
        (4, [(0, 0.9), (0, 0.8)], 4.0),  # the error is 0.25, and more than what is seen
        (2, [(0, 0.9), (0, 0.8)], 2.0),
        (4, [(0, 0.9), (0, -0.9)], 1 / math.sqrt(1.62)),  # more is seen than the error allows
        (4, [(0, 1.1), (0, 0.8)], -1.0),
    ],
)
def test_the_spread_of_an_estimate_is_its_standard_error(errors, pairs, expected):
    because = f"{errors} standard errors: of a share"
    assert distance(rows("near", 1.0, *pairs, because=because)) == pytest.approx(expected)
    at_most = distance(rows("at-most", 1.0, *pairs, because=because))
    assert at_most == distance(rows("at-most", 1.0, *pairs))  # which says how far, not from what


def test_runs_with_other_rows_are_refused():
    one, two = rows("near", 1, (1, 1), (1, 1))
    other = Row("near", "y", 1, 1, 1, "theorem")
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
        "layer, drawn = torch.nn.Linear(8, 1), torch.linspace(1, 2, 8)",
        "layer.weight.data.copy_(drawn)  # initialised again, as some chapters do",
        "double = torch.ones(1, dtype=torch.float64, requires_grad=True)",
        "torch.manual_seed(0)",
        "torch.optim.Adam(layer.parameters())",
        "torch.optim.SGD([{'params': [layer.bias]}, {'params': [double], 'lr': 1}], lr=0.1)",
        "change = (layer.weight.detach() / drawn - 1) * 2**23",
        "verdict = Verdict()",
        "verdict.near('closely', 0, change.max(), 1.5, because='rounding')",
        "verdict.at_least('roughly', 0, change.min(), 3, because='observed before')",
        "verdict.near('double', 0, abs(double.item() - 1) * 2**52, 15, because='rounding')",
        "verdict.near('drawn', 0, torch.rand(1), 1, because='theorem')",
    )
    ways = [word for way in ("as it is", "one rounding") for word in ("--under", way)]
    out = tmp_path / "found.json"
    assert kernels.main([*ways, "--json", str(out), str(moving)]) == 1
    assert "1 of 4 rows are nearer than 3\nmoving: closely, 1.4\n" in capfd.readouterr().out
    assert "Infinity" not in out.read_text()
    found = {name: dict(map(reversed, far)) for name, far in json.loads(out.read_text()).items()}
    # The greatest change is by 2⁻²³ up, the least by 2⁻²³ down: 0 and ±1 have the deviation 1/√2.
    assert found["moving"] == {
        "closely": pytest.approx((1.5 - 1 / 2) * math.sqrt(2), rel=1e-2),
        "roughly": pytest.approx((3 - 1 / 2) * math.sqrt(2), rel=1e-2),
        "double": pytest.approx((15 - 1 / 2) * math.sqrt(2), rel=1e-2),
        "drawn": None,
    }


def test_what_was_broken_off_goes_on(tmp_path, capsys, monkeypatch):
    ran = []

    def run(notebook, way):
        ran.append((notebook.stem, way))
        if notebook.stem == "broken":
            raise subprocess.CalledProcessError(1, "run")
        measured = 0.8 if way == "seed 1" else 1.0
        return rows("near", 1, (1, 1))[:1] + rows("at-most", 0, (2, measured))

    monkeypatch.setattr(kernels, "run", run)
    out = tmp_path / "found.json"
    arguments = ["--under", "as it is", "--under", "seed 1", "--json", str(out)]
    with pytest.raises(subprocess.CalledProcessError):
        kernels.main([*arguments, "first.ipynb", "broken.ipynb", "last.ipynb"])
    near = pytest.approx(1.1 / math.sqrt(0.02))
    assert json.loads(out.read_text()) == {"first": [[near, "x"], [None, "x"]]}

    del ran[:]
    assert kernels.main([*arguments, "last.ipynb"]) == 0
    assert {name for name, _ in ran} == {"last"}
    assert list(json.loads(out.read_text())) == ["first", "last"]
    assert list(tmp_path.iterdir()) == [out]


def test_a_cell_that_fails_is_not_passed_over(tmp_path):
    broken = notebook(tmp_path / "broken.ipynb", "1 / 0")
    with pytest.raises(subprocess.CalledProcessError):
        kernels.run(broken, "as it is")


def test_a_slow_machine_is_waited_for(tmp_path, monkeypatch, capfd):
    slow = notebook(
        tmp_path / "slow.ipynb",
        "import time",
        "from gancode import Verdict",
        "time.sleep(3)",
        "Verdict().near('patience', 0, 0, 1, because='theorem')",
    )
    copy = nbformat.read(slow, as_version=4)
    with pytest.raises(CellTimeoutError):
        notebooks.execute(copy, tmp_path, limit=1)
    monkeypatch.setattr(notebooks.execute, "__defaults__", (1,))
    kernels.print_rows(slow)
    assert "patience" in capfd.readouterr().out


def test_a_spread_takes_two_ways(capsys):
    with pytest.raises(SystemExit):
        kernels.main(["--under", "seed 1", "x.ipynb"])
    assert "give --under twice" in capsys.readouterr().err
