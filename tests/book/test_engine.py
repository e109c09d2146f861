"""What the engine in the page is made of, and what it answers; `test_book.py` asks it there."""

import json
import subprocess
import sys

import pytest
from tree import ROOT

from gancode.calculus import catalog, find_objective
from gancode.errors import Refused
from tools import engine

sys.path.append(str(ROOT / "browser"))

import answers  # noqa: E402


def ask(**request):
    return json.loads(answers.answer(json.dumps(request)))


def derivation(left, right, relation="==", assumptions=""):
    return ask(
        kind="derivation", left=left, right=right, relation=relation, assumptions=assumptions
    )


def test_the_engine_stands_on_the_packed_libraries_alone(tmp_path):
    """All that is packed of this project, in a folder of its own, where nothing else may be
    found than the standard library and what is packed beside it."""
    for name, content in engine.own().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    packed = {name.partition("/")[0] for name in engine.libraries()}
    code = f"""if True:
        import sys
        sys.path[:0] = [{str(tmp_path)!r}]
        own = {{"gancode", "answers", "repeats", "cython_runtime"}}
        allowed = sys.stdlib_module_names | {packed} | own
        class Nothing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] not in allowed:
                    raise ModuleNotFoundError(f"{{name}} is not packed")
        sys.meta_path.insert(0, Nothing())
        import answers
        assert answers.__file__.startswith({str(tmp_path)!r})
        print(answers.answer('{{"kind": "card", "critic": "kl", "generator": ""}}'))
    """
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["text"] == str(catalog["kl"].report())


def test_the_libraries_are_those_that_are_installed_without_their_tests():
    names = set(engine.libraries())
    assert {"sympy/__init__.py", "mpmath/__init__.py", "flint/__init__.py"} <= names
    assert any(name.endswith(".so") for name in names)
    assert not [name for name in names if "/tests/" in name]


def test_every_work_in_the_engine_stands_there_with_its_licence():
    texts = engine.licences()
    works = {name.partition("/")[0] for name in texts} - {"README.txt"}
    assert {work.partition("-")[0] for work in works} == {
        "pyodide", *engine.LIBRARIES, "python_flint", "gancode"
    }  # fmt: skip
    assert b"Mozilla Public License" in texts["pyodide/MPL-2.0.txt"]
    for name, text in texts.items():
        assert len(text) > 400 and b"http" in text or b"Copyright" in text, name


# The names of the catalogue are asked for in Chromium.
@pytest.mark.parametrize(
    ("critic", "generator"),
    [
        ("max(0, 1 - a)**2 + max(0, 1 + b)**2", ""),
        ("-a + exp(b)", "-b"),
        ("alpha=1/2", " "),
        ("softplus(b - a)", "softplus(a - b)"),
    ],
)
def test_a_card_is_the_one_that_the_package_prints(critic, generator):
    found = ask(kind="card", critic=critic, generator=generator)
    report = find_objective(critic, generator.strip() or None).report()
    assert found["text"] == str(report)
    assert [tuple(row) for row in found["rows"]] == report.lines()


def test_curves_are_the_weight_and_the_force_at_the_ratios():
    found = ask(kind="card", critic="exponential", generator="")
    for name, factor in (("weight", 1), ("force", 1 / 2)):
        expected = [factor * ratio**-0.5 for ratio in found["ratios"]]
        assert found["curves"][name] == pytest.approx(expected, rel=1e-12)
    assert found["ratios"][0] == pytest.approx(1 / 100) and len(found["ratios"]) == 81


def test_what_jumps_or_does_not_exist_has_no_curve():
    assert ask(kind="card", critic="wasserstein", generator="")["curves"]["force"] == []
    hinge = ask(kind="card", critic="hinge", generator="")["curves"]
    assert set(hinge["weight"]) == {1.0}


def test_losses_that_are_shown_can_be_typed_again():
    for name in ("hinge", "exponential", "relativistic-hinge"):
        losses = ask(kind="card", critic=name, generator="")["losses"]
        again = find_objective(*losses)
        assert (again.critic, again.generator) == (catalog[name].critic, catalog[name].generator)
    assert ask(kind="card", critic="kl", generator="")["losses"] == []  # of an activation's values


def test_a_name_that_stands_for_more_says_so():
    (note,) = ask(kind="card", critic="wgan-gp", generator="")["notes"]
    assert "wgan-gp=10" in note


@pytest.mark.parametrize("critic", ["log(D)", "-log(a)", "softplus(", "wobble", "9**9**9*a+b"])
def test_what_the_package_refuses_is_refused_in_its_words(critic):
    with pytest.raises(Refused) as refused:
        find_objective(critic)
    assert ask(kind="card", critic=critic, generator="") == {"refused": str(refused.value)}


@pytest.mark.parametrize(
    ("status", "statement"),
    [
        ("proved", ("diff(log(1 - D), D)", "-1/(1 - D)", "==", "0 < D < 1")),
        ("refuted", ("diff(log(1 - D), D)", "1/(1 - D)", "==", "0 < D < 1")),
        ("proved", ("sqrt(x**2)", "x", "==", "x > 0")),
        ("proved", ("sqrt(x²)", "x", "==", "1 < x")),
        ("refuted", ("sqrt(x**2)", "x", "==", "x > -1")),
        ("refuted", ("sqrt(x**2)", "x", "==", "")),
        ("proved", ("n*(n + 1)", "2", ">=", "n whole, n > 0")),
        ("refuted", ("n*(n + 1)", "2", ">=", "n > 0")),
        ("proved", ("x", "y", "==", "x = y")),
        ("proved", ("p*log(p/q)", "p - q", ">=", "")),  # positive without being told
        ("refuted", ("s*log(s)", "s", ">=", "s > 0")),
        ("proved", ("sin(x)**2 + cos(x)**2", "1", "==", "")),
        ("proved", ("x", "y", "<", "x < z, z ≤ y")),
    ],
)
def test_a_line_of_a_derivation(status, statement):
    found = derivation(*statement)
    assert found.get("status") == status, found
    assert bool(found["counterexample"]) == (status == "refuted")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (("", "1"), "not an expression"),
        (("x", "__import__('os')"), "may not stand here"),
        (("x.real", "1"), "may not stand here"),
        (("x", "1", "==", "x is nice"), "is no assumption"),
        (("x", "1", "==", "1 < 0"), "no numbers satisfy"),
        (("x", "1", "==", "x < 1, x > 2"), "no value for x"),
        (("x", "1", "~"), "unknown relation"),
        (("diff(x, 2)", "1"), "a derivative is by a name"),
    ],
)
def test_what_is_no_statement_is_refused(statement, words):
    assert words in derivation(*statement)["refused"]


def test_nothing_that_is_asked_raises():
    for request in ("", "[]", '{"kind": "no"}', '{"kind": "card"}', '{"kind": "card", "x": 1}'):
        assert "refused" in json.loads(answers.answer(request))
