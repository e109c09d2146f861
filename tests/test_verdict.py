import configparser
import json
import math
import re
import zlib
from pathlib import Path

import pytest
import sympy

from gancode.notebook import MIME
from gancode.verdict import KINDS, Measured, Verdict, check_html


def sanitised(text):
    """The text as `pytest --nbval` compares it."""
    rules = configparser.ConfigParser(interpolation=None)
    rules.read(Path(__file__).parent / "sanitize.cfg")
    for section in rules.sections():
        text = re.sub(rules[section]["regex"], rules[section]["replace"], text)
    return text


def data(verdict):
    """The data that a notebook stores, as JSON passes them on."""
    return json.loads(json.dumps(verdict._repr_mimebundle_()[MIME]))


def example(value=-1.3863, error=0.001, counted=8, shift=0.0):
    return (
        Verdict("A table")
        .near("$V(D^*, G)$", -sympy.log(4), value, 0.01, because="rounding: trapezia & more")
        .near("V by sampling", 0.5, 0.5 + error / 3, Measured(4 * error), because="standard error")
        .at_most("bound <", Measured(value + shift), value - 1, because="theorem: $JS \\geq 0$")
        .at_least("share", 0.9, 0.95, because="observed before")
        .equal("modes", 8, counted, because="theorem: the ring")
    )


def test_near_at_most_and_at_least_pass_up_to_their_tolerance():
    def passes(method, measured, tolerance):
        return bool(getattr(Verdict(), method)("x", 1, measured, tolerance, because="theorem"))

    for method, inside, outside in [
        ("near", [1.25, 0.75, 1], [1.2500001, 0.7499999, math.nan, math.inf]),
        ("at_most", [1.25, -9.0], [1.2500001, math.nan]),
        ("at_least", [0.75, 9.0, math.inf], [0.7499999, math.nan]),
    ]:
        assert all(passes(method, x, 0.25) for x in inside)
        assert not any(passes(method, x, 0.25) for x in outside)


def test_equal_compares_words_counts_and_truth_values():
    assert Verdict().equal("x", True, True, because="theorem").equal("x", 8, 8, because="theorem")
    assert not Verdict().equal("x", "saturates", "does not", because="theorem")


def test_true_only_if_there_are_rows_and_all_pass():
    assert not Verdict()
    assert example()
    assert not example(counted=7)
    assert not example(value=-1.37)


def test_the_last_line_counts_what_holds():
    for verdict, summary in (example(), "5 of 5 hold"), (example(counted=7), "4 of 5 hold"):
        assert repr(verdict).endswith(summary)
        assert f'<tfoot><tr><td colspan="5">{summary}</td>' in verdict._repr_html_()


@pytest.mark.parametrize(
    ("predicted", "measured", "tolerance", "shown"),
    [
        # Two digits of the tolerance say where the numbers end.
        (2 / sympy.sqrt(3), 1.15470999, 0.0115, ("2*sqrt(3)/3 ≈ 1.155", "1.155", "0.0115")),
        (1.15470053838, 1.149, 0.01, ("1.155", "1.149", "0.01")),
        (0.25, 0.25000000013, 1e-9, ("0.25", "0.2500000001", "10⁻⁹")),
        (sympy.Rational(1, 2), 0.49987, 0.001, ("1/2 = 0.5", "0.4999", "0.001")),
        (123.456789, 124.6, 2, ("123.5", "124.6", "2")),
        (sympy.pi / 10**7, 3.1416e-7, 2e-9, ("pi/10000000 ≈ 3.142·10⁻⁷", "3.142·10⁻⁷", "2·10⁻⁹")),
        (sympy.pi, math.pi, 1e-12, ("pi ≈ 3.14159265359", "3.1415926535898", "10⁻¹²")),
        # What is exact has no zeros at its end, what is rounded keeps them.
        (1.29968, 1.324, 0.05, ("1.300", "1.324", "0.05")),
        (1.3, 1.324, 0.05, ("1.3", "1.324", "0.05")),
        # What is far below the tolerance keeps two digits.
        (0, 3.21e-16, 1e-12, ("0", "3.2·10⁻¹⁶", "10⁻¹²")),
        (0, -0.0, 1e-12, ("0", "0", "10⁻¹²")),
        # An integer is whole, and where nothing says how much matters a few digits do.
        (302_000, 302_000, 0, ("302000", "302000", "0")),
        (sympy.Rational(21, 8), 2.625, 0, ("21/8 = 2.625", "2.625", "0")),
        (0.1, math.nan, 0.01, ("0.1", "nan", "0.01")),
        # What was measured shows as many digits as its mark needs.
        (1, 1.25000001, 0.25, ("1", "1.25000001", "0.25")),
        (1, 0.75000001, 0.25, ("1", "0.75", "0.25")),
    ],
)
def test_numbers_are_rounded_to_the_tolerance(predicted, measured, tolerance, shown):
    verdict = Verdict().near("x", predicted, measured, tolerance, because="theorem")
    row = repr(verdict).splitlines()[1]
    assert row[2:] == "x: predicted {}, measured ⟨{}⟩, tolerance {} (theorem)".format(*shown)
    page = verdict._repr_html_()
    assert f'<span class="measured">{shown[1]}</span>' in page and check_html(page) == []


@pytest.mark.parametrize(
    ("bound", "measured", "tolerance", "shown"),
    [
        (5.12, 19.4982, 0, ("5.12", "19")),
        (10, 2685.33, 0, ("10", "2685")),
        (-sympy.log(4), 2.0, 0, ("-log(4) ≈ -1.3863", "2")),
        (sympy.log(2), 0.67718, 0, ("log(2) ≈ 0.69315", "0.677")),
        (1.001, 1.000312, 0, ("1.001", "1.00031")),
        (1, 0.9448172681, 1e-9, ("1", "0.945")),
        (1, 1 - 1e-12, 0, ("1", "0.9999999999990")),
        (0, -4.249e-4, 1e-12, ("0", "-4.2·10⁻⁴")),
        (sympy.log(4), math.log(4), 0, ("log(4) ≈ 1.3863", "1.3862943611")),
    ],
)
def test_beside_a_bound_numbers_show_the_distance_from_it(bound, measured, tolerance, shown):
    for method, sign in ("at_least", "≥"), ("at_most", "≤"):
        verdict = getattr(Verdict(), method)("x", bound, measured, tolerance, because="theorem")
        start = f"x: predicted {sign} {shown[0]}, measured ⟨{shown[1]}"
        assert repr(verdict).splitlines()[1][2:].startswith(start)
        assert check_html(verdict._repr_html_()) == []


def test_the_prediction_does_not_hang_on_a_measured_tolerance():
    for error in 0.3, 0.0021, 1e-7:
        verdict = Verdict().near("x", sympy.pi, 3.1416, Measured(error), because="standard error")
        assert "predicted pi ≈ 3.1416, measured" in repr(verdict)
        assert check_html(verdict._repr_html_()) == []


@pytest.mark.parametrize("value", [0.99995, 9.9999e-5, 1 - 1e-13, 123456.5, 1e15 + 0.5, 4e-320])
@pytest.mark.parametrize("tolerance", [0, 1e-300, 1e-16, 0.0999999, 3, 1e30])
def test_every_mark_follows_from_what_is_shown(value, tolerance):
    for measured in value - tolerance, value + tolerance, value + 1.000001 * tolerance, value / 2:
        for method in ("near", "at_most", "at_least"):
            for number in (float, Measured):
                known = number(value), measured, number(tolerance)
                page = getattr(Verdict(), method)("x", *known, because="theorem")._repr_html_()
                assert check_html(page) == []


def test_two_runs_differ_in_nothing_but_measured_numbers():
    first, second = example(), example(-1.38629, 0.0008, shift=0.1)
    assert first._repr_html_() != second._repr_html_() and repr(first) != repr(second)
    assert sanitised(first._repr_html_()) == sanitised(second._repr_html_())
    assert sanitised(repr(first)) == sanitised(repr(second))
    assert data(first) == data(second)
    failed = example(counted=7)
    assert sanitised(first._repr_html_()) != sanitised(failed._repr_html_())
    assert sanitised(repr(first)) != sanitised(repr(failed))
    assert data(first) != data(failed)


def test_its_data_say_all_but_what_was_measured():
    found = data(example(counted=7))
    assert (found["kind"], found["name"]) == ("verdict", "A table")
    assert found["rows"][0] == {
        "quantity": "$V(D^*, G)$",
        "relation": "near",
        "predicted": -1.38629436112,
        "tolerance": 0.01,
        "kind": "rounding",
        "because": "rounding: trapezia & more",
        "mark": "✓",
    }
    rest = [[row[k] for k in ("relation", "predicted", "tolerance", "kind", "mark")]
            for row in found["rows"][1:]]  # fmt: skip
    assert rest == [
        ["near", 0.5, None, "standard error", "✓"],
        ["at-most", None, 0, "theorem", "✓"],
        ["at-least", 0.9, 0, "observed before", "✓"],
        ["equal", "8", "exact", "theorem", "✗"],
    ]


def test_text_is_escaped_and_latex_is_marked_as_such():
    page = example()._repr_html_()
    assert "trapezia &amp; more" in page and "bound &lt;" in page
    assert r'<span class="math notranslate nohighlight">\(V(D^*, G)\)</span>' in page


def test_a_stored_table_is_checked():
    page = f"<p>1</p>{example()._repr_html_()}<p>2</p>{example(counted=7)._repr_html_()}"
    assert check_html(page) == []
    assert check_html("<table><tr><td>1</td></tr></table>") == []


@pytest.mark.parametrize(
    ("old", "new"), [("-1.386<", "-1.387<"), (">≥ 0.9<", ">≥ 0.8<"), ("share", "shore")]
)
def test_an_edited_row_breaks_the_checksum(old, new):
    page = example()._repr_html_()
    assert old in page
    (problem,) = check_html(page.replace(old, new))
    assert "checksum" in problem


def resealed(page):
    crc = zlib.crc32(re.search("<tbody>(.*)</tbody>", page)[1].encode())
    return re.sub('data-crc="[^"]*"', f'data-crc="{crc:08x}"', page)


@pytest.mark.parametrize(
    ("old", "new", "row"),
    [
        ('measured">-1.386<', 'measured">-1.486<', "V(D^*, G)"),
        ('data-value="-1.38629436112"', 'data-value="-1.48629436112"', "V(D^*, G)"),
        ('data-value="0.01"', 'data-value="1e-06"', "V(D^*, G)"),
        ('measured">0.0040<', 'measured">1.0·10⁻⁵<', "V by sampling"),
        ('measured">-2.4<', 'measured">2.4<', "bound <"),
        ('measured">0.950<', 'measured">0.850<', "share"),
        ('measured">8<', 'measured">9<', "modes"),
    ],
)
def test_a_mark_must_follow_from_the_numbers_even_under_a_right_checksum(old, new, row):
    page = example()._repr_html_()
    assert old in page and check_html(resealed(page)) == []
    (problem,) = check_html(resealed(page.replace(old, new)))
    assert "mark ✓" in problem and row in problem


def test_a_table_without_checksum_or_with_an_unreadable_row_is_a_problem():
    page = example()._repr_html_()
    assert "no checksum" in check_html(re.sub(' data-crc="[^"]*"', "", page))[0]
    assert "no rows" in check_html(Verdict()._repr_html_())[0]
    (problem,) = check_html(resealed(page.replace("0.950<", "much<")))
    assert "cannot be read" in problem and "share" in problem


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", sympy.Symbol("r"), 1, 0), "prediction r has no numerical value"),
        (("x", sympy.oo, 1, 0), "prediction must be finite, not inf"),
        (("x", "-log 4", 1, 0), "prediction '-log 4' has no numerical value"),
        (("x", 1, 1, -0.1), "tolerance must not be negative, not -0.1"),
        (("x", 1, 1, Measured(math.nan)), "tolerance must be finite, not nan"),
        (("", 1, 1, 0), "needs a quantity"),
    ],
)
def test_a_row_that_could_not_be_judged_is_refused(arguments, message):
    verdict = Verdict()
    with pytest.raises(ValueError, match=message):
        verdict.near(*arguments, because="theorem")
    assert repr(verdict).count("\n") == 1  # no row was added


@pytest.mark.parametrize(
    ("because", "kind"),
    [
        ("theorem", "theorem"),
        ("theorem: a sum of squares", "theorem"),
        ("standard error", "standard error"),
        ("4 standard errors", "standard error"),
        ("12 standard errors: of 32 games", "standard error"),
        ("rounding: of float32: seven times", "rounding"),
        ("observed before: a theorem is lacking", "observed before"),
    ],
)
def test_the_kind_of_a_row_is_read_from_its_reason(because, kind):
    for verdict in (
        Verdict().near("x", 1, 1, 0, because=because),
        Verdict().equal("x", 1, 1, because=because),
    ):
        assert data(verdict)["rows"][0]["kind"] == kind and kind in KINDS
        assert because in repr(verdict) and because in verdict._repr_html_()


@pytest.mark.parametrize(
    "because",
    ["", "it is", "a theorem", "theorems", "theorem, of course", "theorem:", "rounding: ",
     "four standard errors", "4 roundings", "observed", "Theorem", None, 4],
)  # fmt: skip
def test_a_reason_without_a_kind_is_refused(because):
    verdict = Verdict()
    for add in (
        lambda: verdict.near("x", 1, 1, 0, because=because),
        lambda: verdict.at_most("x", 1, 1, because=because),
        lambda: verdict.at_least("x", 1, 1, because=because),
        lambda: verdict.equal("x", 1, 1, because=because),
    ):
        with pytest.raises(ValueError, match="begin it with one of 'theorem', 'standard error'"):
            add()
    assert not verdict


def test_every_row_needs_its_reason():
    with pytest.raises(TypeError, match="because"):
        Verdict().near("x", 1, 1, 0)
