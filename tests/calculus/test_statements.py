"""What a notebook stores of a proof, a derivation and of several statements: picture and data."""

import json

import pytest
from sympy import Float, Function, Integer, atan, log, pi, symbols

from gancode.calculus import Derivation, Proof, Statements, prove
from gancode.notebook import MIME, powers

x, y = symbols("x y", positive=True)
PROVED = prove(x**2 + y, y, ">=")
CHECKED = Proof(atan(x) + atan(1 / x), pi / 2, "==", "checked", points=160)
REFUTED = prove(x + y, x - y)
TAKEN = Proof(x, x, "==", "proved", "identical", assumes="the integrals converge")


def data(result):
    """The data that a notebook stores, as JSON passes them on."""
    return json.loads(json.dumps(result._repr_mimebundle_()[MIME]))


def test_the_data_of_a_proof():
    found = data(PROVED)
    assert found == {
        "kind": "proof",
        "statement": "x**2 + y >= y",
        "latex": r"x^{2} + y \ge y",
        "status": "proved",
        "rule": PROVED.method,
        "assumes": "",
        "counterexample": {},
    }
    assert found["rule"]
    assert (data(CHECKED)["status"], data(CHECKED)["rule"]) == ("checked", "")


def test_a_counterexample_is_words():
    at = data(REFUTED)["counterexample"]
    assert set(at) == {"x", "y"}
    assert all(f"{symbol} = {value}" in REFUTED.evidence for symbol, value in at.items())
    D = Function("D")(x)
    assert all(isinstance(word, str) for item in data(prove(D, 0))["counterexample"].items()
               for word in item)  # fmt: skip


@pytest.mark.parametrize(
    ("proof", "mark"), [(PROVED, r"\checkmark"), (CHECKED, r"\approx"), (REFUTED, r"\times")]
)
def test_a_proof_alone_has_its_mark(proof, mark):
    assert rf"\small {mark}\ " in proof._repr_latex_()


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("1.00000000000000e+300", "10³⁰⁰"),
        ("left side -9.99999e-7, right 5.00250E-07", "left side -9.99999·10⁻⁷, right 5.0025·10⁻⁷"),
        ("3.60000e+21 + 1e-5*I", "3.6·10²¹ + 10⁻⁵*I"),
        ("10e3", "10·10³"),
        ("x2e5 = 1.0, 0.000100, 2e, e-7, 3.5.e", "x2e5 = 1.0, 0.000100, 2e, e-7, 3.5.e"),
    ],
)
def test_powers_of_ten_are_written_as_powers(plain, written):
    assert powers(plain) == written


def test_a_counterexample_is_drawn_with_powers_of_ten():
    proof = prove(x / 10**12, 0, "<=")
    far = Proof(x, y, "==", "refuted", "", 1, {x: Integer(10) ** 300}, Float("1e-9"), Float(0))
    assert "e-12" in proof.evidence and "e+300" in far.evidence
    for refuted, power in (proof, "10⁻¹²"), (far, "10³⁰⁰"):
        together = Statements({"words": refuted})
        for drawn in str(refuted), refuted._repr_latex_(), str(together), together._repr_html_():
            assert power in drawn and "e-12" not in drawn and "e+300" not in drawn


def test_an_assumption_is_said_wherever_the_proof_is_shown():
    assert TAKEN.evidence == "proved (identical), where the integrals converge"
    assert "where the integrals converge" in TAKEN._repr_latex_()
    assert data(TAKEN)["assumes"] == "the integrals converge"
    chain = Derivation(x, name="V").step(x, because="it is")
    assert "where" not in str(chain) + chain._repr_latex_()
    chain.steps[0] = (TAKEN, x, "it is")
    assert "[it is: proved, where the integrals converge]" in str(chain)
    assert "proved, where the integrals converge: it is" in chain._repr_latex_()
    assert data(chain)["steps"][0]["assumes"] == "the integrals converge"
    assert PROVED.evidence == f"proved ({PROVED.method})"
    unsure = Proof(x, y, "==", "checked", points=9, assumes="x is small")
    assert unsure.evidence == "checked to 50 digits at 9 points, where x is small"


def test_the_data_of_a_derivation():
    chain = Derivation(x**2 - x, name="V at D*").step(x * (x - 1), because="factored [x]")
    chain.bound(">=", -x, because="a square is not negative")
    found = data(chain)
    assert [found[key] for key in ("kind", "name", "start", "latex")] == [
        "derivation", "V at D*", "x**2 - x", "x^{2} - x"
    ]  # fmt: skip
    first, second = found["steps"]
    assert first["statement"] == "x**2 - x == x*(x - 1)" and first["because"] == "factored [x]"
    assert second["statement"] == "x*(x - 1) >= -x" and second["status"] == "proved"
    assert first["rule"] and second["rule"]


STATEMENTS = {"a square, $x^2$ & more": PROVED, "arctangents": CHECKED, "a < b": REFUTED}


def test_statements_print_with_mark_words_and_evidence():
    lines = str(Statements(STATEMENTS, "Three")).splitlines()
    assert lines[:3] == ["Three", "✓ a square, $x^2$ & more", f"    {PROVED.evidence}"]
    assert lines[3::2] == ["≈ arctangents", "✗ a < b"] and lines[6] == f"    {REFUTED.evidence}"
    assert str(Statements(STATEMENTS)) == "\n".join(lines[1:])


def test_statements_draw_themselves():
    page = Statements(STATEMENTS, "Three & more")._repr_html_()
    assert "<p>Three &amp; more</p>" in page
    assert r'✓ a square, <span class="math notranslate nohighlight">\(x^2\)</span> &amp;' in page
    assert "✗ a &lt; b<br><small>refuted at " in page
    assert "<p>" not in Statements(STATEMENTS)._repr_html_()


def test_the_data_of_statements_are_those_of_their_proofs():
    found = data(Statements(STATEMENTS, "Three"))
    assert (found["kind"], found["name"]) == ("statements", "Three")
    for statement, (words, proof) in zip(found["statements"], STATEMENTS.items(), strict=True):
        assert statement == {**data(proof), "name": words}


def test_a_statement_without_words_or_proof_is_refused():
    with pytest.raises(ValueError, match="needs words"):
        Statements({"": PROVED})
    for wrong in PROVED.evidence, True, None, Derivation(log(x)):
        with pytest.raises(TypeError, match="'x is x' needs a proof"):
            Statements({"x is x": wrong})
