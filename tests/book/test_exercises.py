"""The exercises that answer back in the page: which they are, and that answers are judged right."""

import ast
import json
import sys

import pytest
import yaml
from tree import ROOT

from tools import exercises

sys.path.append(str(ROOT / "browser"))

import answers  # noqa: E402
import repeats  # noqa: E402

LISTED = yaml.safe_load((ROOT / exercises.LISTED).read_text(encoding="utf-8"))
IN_THE_PAGE = exercises.in_the_page()
# What the reader is to see there is a refutation of the answer asked for.
NOT_ASKED = {"ex-text2-one-log"}


def judged(label, given):
    asked = {name: IN_THE_PAGE[label][name] for name in ("code", "shown", "without")}
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
    assert set(entry) <= {"setup", "code", "right", "wrong", "without"}
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


class Turned(ast.NodeTransformer):
    """Sums and products in another order, differences and quotients turned round."""

    def visit_BinOp(self, node):  # noqa: N802
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, (ast.Add, ast.Mult)):
            return ast.BinOp(right, node.op, left)
        if isinstance(node.op, ast.Sub):
            return ast.UnaryOp(ast.USub(), ast.BinOp(right, ast.Sub(), left))
        if isinstance(node.op, ast.Div):
            return ast.BinOp(ast.BinOp(ast.Constant(1), ast.Div(), right), ast.Mult(), left)
        return ast.BinOp(left, node.op, right)


def turned(text):
    return ast.unparse(ast.fix_missing_locations(Turned().visit(ast.parse(text, mode="eval"))))


def is_sum(node):
    return isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))


class MultipliedOut(ast.NodeTransformer):
    """Products, quotients and powers of sums as sums, with nothing cancelled."""

    def visit_BinOp(self, node):  # noqa: N802
        left, right, op = self.visit(node.left), self.visit(node.right), node.op
        if isinstance(op, ast.Pow) and is_sum(left) and getattr(right, "value", 0) in (2, 3):
            product = left
            for _ in range(right.value - 1):
                product = ast.BinOp(product, ast.Mult(), left)
            return self.visit(product)
        if isinstance(op, (ast.Mult, ast.Div)) and is_sum(left):
            one, other = (ast.BinOp(each, op, right) for each in (left.left, left.right))
            return self.visit(ast.BinOp(one, left.op, other))
        if isinstance(op, ast.Mult) and is_sum(right):
            one, other = (ast.BinOp(left, op, each) for each in (right.left, right.right))
            return self.visit(ast.BinOp(one, right.op, other))
        return ast.BinOp(left, op, right)


def multiplied_out(text):
    tree = MultipliedOut().visit(ast.parse(text, mode="eval"))
    return ast.unparse(ast.fix_missing_locations(tree))


COPIES = {
    "as it stands": "{question}",
    "in another order": "{turned}",
    "with nothing added": "1*({turned} + 0)",
    "with its sign turned twice": "-(0 - ({question}))",
    "doubled and halved": "2*({turned})/2",
    "with a sum that cancels": "x + {turned} - x",
    "multiplied and divided": "({turned})*x/x",
    "raised": "sqrt(({question})**2)",
    "in a function and its inverse": "log(exp({turned}))",
    "as a part": "3 - x*({turned})",
    "multiplied out": "{out}",
    "multiplied out, as a part": "3 - x*({out})",
    "multiplied out and raised": "sqrt(({out})**2)",
    "multiplied out, multiplied and divided": "({out})*x/x",
    "multiplied out, with a sum that cancels": "x + {out} - x",
    "multiplied out in a function": "log(exp({out}))",
    "with a letter of Greek": "{greek}",
}
ASKING = {
    label: found
    for label, each in IN_THE_PAGE.items()
    if each["shown"] and (found := repeats.questions(each["code"], set(each["fields"])))
}


def test_no_right_answer_repeats_its_question():
    assert len(ASKING) >= 20
    for label, each in IN_THE_PAGE.items():
        right = LISTED[label]["right"]
        assert not each["shown"] or repeats.repeated(each["code"], right) is None
        assert not repeats.names(each["code"], right) & set(each["without"])


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_in_any_order_repeats_the_question(copy):
    for label, questions in ASKING.items():
        each = IN_THE_PAGE[label]
        for question in questions.values():
            spelled = {
                "question": question,
                "turned": turned(question),
                "out": multiplied_out(question),
                "greek": question.replace("pi", "π"),
            }
            typed = COPIES[copy].format(**spelled)
            for name in each["fields"]:
                given = LISTED[label]["right"] | {name: typed}
                assert repeats.repeated(each["code"], given), (label, typed)


REAL = {
    "ex-co-long": ["a**2 + 2*a*b + b**2", "(b + a)*(a + b)", "a*(a + b) + b*(a + b)"],
    "ex-tl-colours": ["w - w**2", "(1 - w)*w", "w*(1 - w)*(1 - w + w)"],
    "ex-ke-modes": ["3 + 4*c**4 - 6*c**4", "3 - c**4 - c**4", "1 + 2*(1 - c**4)"],
    "ex-dm-gaussian": ["1/(1 - delta) - 1", "delta + delta**2/(1 - delta)"],
    "ex-sr-rest": [
        "s**2*w*(c - w)*(c + w)/((w**2 + s**2)*(c**2 + s**2))",
        "w*(c**2 - w**2)*s**2/(w**2*c**2 + w**2*s**2 + s**2*c**2 + s**4)",
    ],
    "ex-an-snr": ["w**2/(v**2 + v*w)", "w/v - w/(v + w)", "(w/v)*(w/(v + w))"],
    "ex-co-half": ["5*w - 5*w**2"],
    "ex-ag-ring": ["1/3 + 2*cos(w)/3"],
    "ex-dm-two": ["abs(a - b)"],
    "ex-optimal-discriminator-gaussians": ["m*(2*X - m)/(2*s**2)", "(X**2 - (X - m)**2)/(2*s**2)"],
}


@pytest.mark.parametrize(("label", "typed"), [(k, each) for k in REAL for each in REAL[k]])
def test_an_answer_in_another_form_is_no_repetition(label, typed):
    """Also one that is multiplied out, or as long as the question: there something is done."""
    assert judged(label, LISTED[label]["right"] | {"yours": typed})["status"] == "proved"


def test_an_answer_that_only_takes_a_factor_out_is_the_shorter_one():
    code = 'yours = ...\nprove(a*b + a*c + a, yours, "==")'
    assert repeats.repeated(code, {"yours": "a*(b + c + 1)"}) is None
    assert repeats.repeated(code, {"yours": "a + a*(b + c)*1"}) == "a * b + a * c + a"
    back = 'yours = ...\nprove(a*(b + c + 1), yours, "==")'
    assert repeats.repeated(back, {"yours": "a*b + a*c + a"}) == "a * (b + c + 1)"
    many = "*".join(f"(a{k} + b{k})" for k in range(30))  # a thousand million terms
    assert repeats.repeated(back, {"yours": many}) is None


@pytest.mark.parametrize("label", IN_THE_PAGE)
def test_what_is_left_to_do_cannot_be_typed(label):
    """The objects that the question is to be rid of: no copy of them is an answer either."""
    name = next(iter(IN_THE_PAGE[label]["fields"]))
    for typed in ("Integral(x, (x, 0, 1))", "Sum(x, (x, 0, 1))", "Limit(x, x, 0)", "diff(x**2, x)"):
        given = LISTED[label]["right"] | {name: typed}
        assert "refused" in judged(label, given)


@pytest.mark.parametrize(
    ("label", "typed"),
    [
        ("ex-ke-modes", "3*(1 - c**2)**2 + c**4 + 6*(1 - c**2)*c*c"),
        ("ex-tl-colours", "w**2*(1 - w) + w*(1 - w)**2"),
        ("ex-dm-gaussian", "((1 - delta)*(u/(1 - delta) - u)**2 + delta*u**2)/u**2 + 0"),
        ("ex-cd-shift", "-((v + w)*phi - (psi + phi*v))"),
        (
            "ex-dv-label",
            "y*log(y/D) - y*log(y) + (1 - y)*log((1 - y)/(1 - D)) - (1 - y)*log(1 - y)",
        ),
        ("ex-an-snr", "-v*w/(v*(v + w)) + (v + w)*w/((v + w)*v)"),
    ],
)
def test_a_copy_by_hand_is_told_so(label, typed):
    assert "repeats the question" in judged(label, {"yours": typed})["refused"]


@pytest.mark.parametrize(
    ("label", "typed", "kept"),
    [
        ("ex-text4-stable", "-log(sigmoid(-t))", "sigmoid"),
        ("ex-optimal-discriminator-gaussians", "log(exp(m*X/s**2 - m**2/(2*s**2)))", "exp and log"),
        ("ex-od1-other", "diff(D, x)/D + log(1)", "log"),
        ("ex-oc-unit", "10*gamma*loss/loss", "loss"),
    ],
)
def test_an_answer_with_what_the_question_is_to_be_rid_of_is_told_so(label, typed, kept):
    said = judged(label, {"yours": typed})["refused"]
    assert said == f"true, but the answer that is asked for is without {kept}"


def test_a_derivative_is_of_the_unknown_function_alone():
    said = judged("ex-od1-other", {"yours": "(1 - D)*diff(logit, x)"})["refused"]
    assert "is one of D itself" in said
