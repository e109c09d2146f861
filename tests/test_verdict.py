import configparser
import math
import re
import zlib
from pathlib import Path

import pytest
import sympy

from gancode.verdict import Measured, Verdict, check_html


def sanitised(text):
    """The text as `pytest --nbval` compares it."""
    rules = configparser.ConfigParser(interpolation=None)
    rules.read(Path(__file__).parent / "sanitize.cfg")
    for section in rules.sections():
        text = re.sub(rules[section]["regex"], rules[section]["replace"], text)
    return text


def example(value=-1.3863, error=0.001, counted=8, shift=0.0):
    return (
        Verdict("A table")
        .near("$V(D^*, G)$", -sympy.log(4), value, 0.01, because="quadrature & rounding")
        .near("V by sampling", 0.5, 0.5 + error / 3, Measured(4 * error), because="4 errors")
        .at_most("bound <", Measured(value + shift), value - 1, because="$JS \\geq 0$")
        .at_least("share", 0.9, 0.95, because="theory")
        .equal("modes", 8, counted, because="the ring")
    )


def test_near_at_most_and_at_least_pass_up_to_their_tolerance():
    def passes(method, measured, tolerance):
        return bool(getattr(Verdict(), method)("x", 1, measured, tolerance, because="y"))

    for method, inside, outside in [
        ("near", [1.25, 0.75, 1], [1.2500001, 0.7499999, math.nan, math.inf]),
        ("at_most", [1.25, -9.0], [1.2500001, math.nan]),
        ("at_least", [0.75, 9.0, math.inf], [0.7499999, math.nan]),
    ]:
        assert all(passes(method, x, 0.25) for x in inside)
        assert not any(passes(method, x, 0.25) for x in outside)


def test_equal_compares_words_counts_and_truth_values():
    assert Verdict().equal("x", True, True, because="y").equal("x", 8, 8, because="y")
    assert not Verdict().equal("x", "saturates", "does not", because="y")


def test_true_only_if_there_are_rows_and_all_pass():
    assert not Verdict()
    assert example()
    assert not example(counted=7)
    assert not example(value=-1.37)
    assert "4 of 5 hold" in repr(example(counted=7)) and "5 of 5 hold" in repr(example())


def test_predictions_are_shown_exactly_and_measurements_with_the_digits_their_mark_needs():
    verdict = Verdict().near("V", -sympy.log(4), -math.log(4) + 3e-9, 1e-8, because="quadrature")
    assert r"\(- \log{\left(4 \right)}\)</span> = -1.38629436112" in verdict._repr_html_()
    assert "predicted -log(4) = -1.38629436112, measured ⟨-1.38629436⟩" in repr(verdict)
    just_above = Verdict().at_most("x", 1, 1 + 1e-12, because="y")
    assert not just_above and "⟨1.000000000001⟩" in repr(just_above)


def test_two_runs_differ_in_nothing_but_measured_numbers():
    first, second = example(), example(-1.38629, 0.0008, shift=0.1)
    assert first._repr_html_() != second._repr_html_() and repr(first) != repr(second)
    assert sanitised(first._repr_html_()) == sanitised(second._repr_html_())
    assert sanitised(repr(first)) == sanitised(repr(second))
    failed = example(counted=7)
    assert sanitised(first._repr_html_()) != sanitised(failed._repr_html_())
    assert sanitised(repr(first)) != sanitised(repr(failed))


def test_text_is_escaped_and_latex_is_marked_as_such():
    page = example()._repr_html_()
    assert "quadrature &amp; rounding" in page and "bound &lt;" in page
    assert r'<span class="math notranslate nohighlight">\(V(D^*, G)\)</span>' in page


def test_a_stored_table_is_checked():
    page = f"<p>1</p>{example()._repr_html_()}<p>2</p>{example(counted=7)._repr_html_()}"
    assert check_html(page) == []
    assert check_html("<table><tr><td>1</td></tr></table>") == []


@pytest.mark.parametrize(
    ("old", "new"), [("-1.3863<", "-1.3864<"), ("0.9<", "0.8<"), ("share", "shore")]
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
        ('measured">-1.3863<', 'measured">-1.4863<', "V(D^*, G)"),
        ('measured">0.004<', 'measured">0.0001<', "V by sampling"),
        ('measured">-2.3863<', 'measured">2.3863<', "bound <"),
        ('measured">0.95<', 'measured">0.85<', "share"),
        ('measured">8<', 'measured">9<', "modes"),
    ],
)
def test_a_mark_must_follow_from_the_numbers_even_under_a_right_checksum(old, new, row):
    page = example()._repr_html_()
    assert old in page and check_html(resealed(page)) == []
    (problem,) = check_html(resealed(page.replace(old, new)))
    assert "mark ✓" in problem and row in problem


def test_a_tolerance_may_be_an_expression():
    page = Verdict().near("x", 1, 1.01, sympy.sqrt(3) / 75, because="y")._repr_html_()
    assert check_html(page) == []
    (problem,) = check_html(resealed(page.replace("= 0.02309", "= 0.00309")))
    assert "mark ✓" in problem


def test_a_table_without_checksum_or_with_an_unreadable_row_is_a_problem():
    page = example()._repr_html_()
    assert "no checksum" in check_html(re.sub(' data-crc="[^"]*"', "", page))[0]
    assert "no rows" in check_html(Verdict()._repr_html_())[0]
    (problem,) = check_html(resealed(page.replace("0.95<", "much<")))
    assert "cannot be read" in problem and "share" in problem


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", sympy.Symbol("r"), 1, 0), "prediction r has no numerical value"),
        (("x", sympy.oo, 1, 0), "prediction must be finite, not inf"),
        (("x", "-log 4", 1, 0), "prediction '-log 4' has no numerical value"),
        (("x", 1, 1, -0.1), "tolerance must not be negative, not -0.1"),
        (("x", 1, 1, Measured(math.nan)), "tolerance must be finite, not nan"),
        (("", 1, 1, 0), "needs a quantity and a reason"),
    ],
)
def test_a_row_that_could_not_be_judged_is_refused(arguments, message):
    verdict = Verdict()
    with pytest.raises(ValueError, match=message):
        verdict.near(*arguments, because="y")
    assert repr(verdict).count("\n") == 1  # no row was added


def test_every_row_needs_its_reason():
    with pytest.raises(TypeError, match="because"):
        Verdict().near("x", 1, 1, 0)
    with pytest.raises(ValueError, match="a reason"):
        Verdict().at_most("x", 1, 1, because="")
