"""Expressions typed by a user, and the command that reads them."""

import pytest
import sympy

from gancode.calculus import ExpressionError, a, b, parse, sigmoid, softplus
from gancode.calculus.expression import IN_DERIVATIONS
from gancode.cli import main


@pytest.mark.parametrize(
    "text, expected",
    [
        ("softplus(-a) + softplus(b)", softplus(-a) + softplus(b)),
        ("0.1*a", a / 10),
        ("-a**2/2", -(a**2) / 2),
        ("max(0, 1 - a)", sympy.Max(0, 1 - a)),
        ("relu(b)", sympy.Max(0, b)),
        ("Max(0, b) + Abs(a)", sympy.Max(0, b) + abs(a)),  # as SymPy prints them
        ("sigmoid(a)", sigmoid(a)),
        (" 1e-3 * b ", b / 1000),
        ("−a·2 + b", b - 2 * a),
        ("(a − 1)² + b¹²", (a - 1) ** 2 + b**12),
        ("(1 + a)⁻¹ × 3", 3 / (1 + a)),
        ("ln(b)/pi - e*π", sympy.log(b) / sympy.pi - sympy.E * sympy.pi),
        ("e**(−a)", sympy.exp(-a)),
    ],
)
def test_expressions_are_read_exactly(text, expected):
    assert parse(text) == expected


REFUSED = [
    ("__import__('os')", "may not stand here"),
    ("__import__('os').system('touch hacked')", "may not stand here"),
    ("a.real", "may not stand here"),
    ("a if b else 1", "may not stand here"),
    ("[a]", "may not stand here"),
    ("lambda: 1", "may not stand here"),
    ("'a'", "may not stand here"),
    ("True + a", "may not stand here"),
    ("a ^ 2", "may not stand here"),
    ("a + c", "'c' may not stand here; allowed are the symbols a, b"),
    ("exec(a)", "may not stand here"),
    ("log(D) + log(1 - D)", r"'D' may not stand here.*sigmoid\(a\), with its logit a"),
    ("-log(D(x)) - log(1 - D(G(z)))", r"D\(x\) of a real sample is sigmoid\(a\).*sigmoid\(b\)"),
    ("e**(1000)", "is too large; its argument"),
    ("exp(a, b)", "exp takes 1"),
    ("max(a)", "max takes 2"),
    ("9**9**9", "must be a number of at most 64"),
    ("a**b", "must be a number"),
    ("((2**60)**60)**60", "too large a power"),
    ("(a**64)**64", "too large a power"),
    ("exp(exp(exp(1000)))*b", "too large"),
    ("1e400*a", "too large"),
    ("1/0", "divides by zero"),
    ("log(0)*a", "divides by zero"),
    ("sqrt(-1)*a", "not real"),
    ("a +", "not an expression"),
    ("", "not an expression"),
    ("a\0b", "not an expression"),
    ("(" * 900 + "a" + ")" * 900, "not an expression"),
    ("-" * 1500 + "a", "parts"),
    ("a" * 10_000_000, "10,000,000 characters"),
]


@pytest.mark.parametrize("text, message", REFUSED, ids=[text[:20] for text, _ in REFUSED])
def test_everything_else_is_refused_with_a_reason(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExpressionError, match=message):
        parse(text)
    assert not list(tmp_path.iterdir())


def test_analyze_prints_the_card_of_a_name_and_of_an_expression(capsys):
    assert main(["analyze", "minimax"]) == 0
    by_name = capsys.readouterr().out
    assert main(["analyze", "softplus(-a) + softplus(b)"]) == 0
    by_expression = capsys.readouterr().out
    assert by_name.splitlines()[1:] == by_expression.splitlines()[1:]
    assert "2·JS(p‖q) − log 4" in by_name and "log(p/q)" in by_name
    assert main(["analyze", "softplus(-a) + softplus(b)", "--generator=-b"]) == 0
    assert "generator minimises      -b" in capsys.readouterr().out


def test_analyze_takes_a_loss_on_pairs(capsys):
    assert main(["analyze", "softplus(b - a)", "--generator", "softplus(a - b)"]) == 0
    assert "optimal critic           log(p/q)" in capsys.readouterr().out


def test_an_expression_may_begin_with_a_minus(capsys):
    assert main(["analyze", "--generator=-b", "--", "-a+exp(b)"]) == 0
    assert "KL(p‖q) − 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["minimaxx"], "unknown objective 'minimaxx'; it must be one of minimax"),
        (["__import__('os')"], "may not stand here"),
        (["minimax", "--generator", "b"], "has a generator's loss already"),
        (["softplus(-a) + b", "--generator", "a"], "contains a"),
    ],
)
def test_analyze_refuses_with_one_line_and_exit_code_2(arguments, message, capsys):
    assert main(["analyze", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and message in captured.err and captured.err.count("\n") == 1


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as info:
        main(["analyze", "--help"])
    assert info.value.code == 0
    assert 'gancode analyze "softplus(-a) + softplus(b)"' in capsys.readouterr().out


def test_symbols_are_those_of_the_calculus():
    assert parse("a + b").free_symbols == {a, b}


def test_names_may_stand_for_expressions_and_functions_be_given():
    x = sympy.Symbol("x", real=True)
    names = {"inner": sympy.tanh(x), "x": x}
    assert parse("1 - inner**2", names) == 1 - sympy.tanh(x) ** 2
    assert parse("diff(sin(x), x)", names, IN_DERIVATIONS) == sympy.Derivative(sympy.sin(x), x)
    with pytest.raises(ExpressionError, match="allowed are the symbols inner, x"):
        parse("sin(x)", names)
    with pytest.raises(ExpressionError, match="a derivative is by a name"):
        parse("diff(x, inner)", names, IN_DERIVATIONS)
