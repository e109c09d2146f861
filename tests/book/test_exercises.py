"""The exercises that answer back in the page: which they are, and that answers are judged right."""

import json
import sys

import pytest
import yaml
from tree import ROOT

from tools import exercises

sys.path.append(str(ROOT / "browser"))

import answers  # noqa: E402

LISTED = yaml.safe_load((ROOT / exercises.LISTED).read_text(encoding="utf-8"))
IN_THE_PAGE = exercises.in_the_page()
# What the reader is to see there is a refutation of the answer asked for.
NOT_ASKED = {"ex-text2-one-log"}


def judged(label, given):
    asked = {name: IN_THE_PAGE[label][name] for name in ("code", "shown")}
    request = {"kind": "exercise", "given": given, **asked}
    return json.loads(answers.answer(json.dumps(request)))


def test_every_exercise_that_asks_prove_answers_back():
    known = exercises.exercises()
    asking = {label for label, exercise in known.items() if exercise.asks}
    assert len(asking) > 60
    assert set(LISTED) == asking - NOT_ASKED


@pytest.mark.parametrize("label", LISTED)
def test_a_right_answer_is_proved_and_a_wrong_one_refuted(label):
    entry = LISTED[label]
    assert set(entry) <= {"setup", "code", "right", "wrong"}
    assert set(entry["right"]) == set(entry["wrong"]) == set(IN_THE_PAGE[label]["fields"])
    assert judged(label, entry["right"])["status"] == "proved"
    wrong = judged(label, entry["wrong"])
    assert wrong["status"] == "refuted"
    assert wrong["evidence"].startswith("refuted at")


def test_an_answer_is_no_program():
    for typed in ("__import__('os').getcwd()", "prove", "x.args", "[x for x in (1,)]", ""):
        assert "refused" in judged("ex-grad-slip", {"yours": typed})


def test_a_derivative_is_the_readers_to_take():
    assert (
        "'diff(R, w)' may not stand" in judged("ex-grad-slip", {"yours": "diff(R, w)"})["refused"]
    )


def test_every_line_that_is_asked_counts():
    """A bound that holds, but is not the best; a constant that every flow keeps."""
    assert judged("gd-ex-logistic", {"yours": "x**2"})["status"] == "refuted"
    assert judged("ex-dyn-two-rates", {"yours": "1"})["status"] == "refuted"
    assert judged("ex-js-total-variation", {"yours": "f"})["status"] == "refuted"
    assert judged("ex-dyn-two-rates", {"yours": "-tau*theta**2 - psi**2"})["status"] == "proved"


@pytest.mark.parametrize(
    ("label", "typed"),
    [
        ("ex-dm-gaussian", "variance/u**2"),
        ("ex-dm-gaussian", "(delta*u**2 + kept*(u/kept - u)**2) / u**2"),
        ("ex-mc-hellinger", "(1 - (1 - affinity**2))**(3/2)"),
        ("ex-mc-hellinger", "sqrt((1 - (1 - affinity**2))**3)"),
        (
            "ex-optimal-discriminator-gaussians",
            "log(exp(-((X - m)**2) / (2*s**2)) / exp(-(X**2)/(2*s**2)))",
        ),
        ("ex-js-unequal", "value"),
        ("ex-cd-shift", "v*phi + psi - (v + w)*phi"),
        ("ex-text4-stable", "-log(1 - sigmoid(t))"),
        (
            "ex-dv-label",
            "y*log(y/D) + (1 - y)*log((1 - y)/(1 - D)) + (-y*log(y) - (1 - y)*log(1 - y))",
        ),
    ],
)
def test_an_answer_that_repeats_the_question_is_told_so(label, typed):
    """What is right is not: it is proved above."""
    assert "repeats the question" in judged(label, {"yours": typed})["refused"]


def test_an_answer_in_other_words_is_an_answer():
    for label, typed in {
        "ex-dm-gaussian": "1/(1 - delta) - 1",
        "ex-mc-hellinger": "affinity*affinity**2",
        "ex-cd-shift": "psi - phi*w",
        "ex-grad-truth": "exp(-b)/(1 + exp(-b))**2",
    }.items():
        assert judged(label, {"yours": typed})["status"] == "proved"
