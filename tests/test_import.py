import subprocess
import sys

import pytest

import gancode


def run_python(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_gancode_loads_no_large_library_and_little_else():
    out = run_python(
        "import sys\n"
        "before = set(sys.modules)\n"
        "import gancode\n"
        "assert set(gancode.__all__) <= set(dir(gancode))\n"
        "new = set(sys.modules) - before\n"
        "print(len(new))\n"
        "print(*{'torch', 'sympy', 'matplotlib', 'numpy', 'scipy'} & new)"
    )
    count, loaded = out.split("\n")[:2]
    assert int(count) < 40  # of the standard library: milliseconds
    assert loaded == ""


def test_a_verdict_needs_no_torch():
    loaded = run_python(
        "import sys, gancode\n"
        "v = gancode.Verdict().near('x', 1, 1, 0, because='theorem')\n"
        "v._repr_html_(), v._repr_mimebundle_()\n"
        "print(*{'torch', 'sympy', 'matplotlib'} & set(sys.modules))"
    )
    assert loaded.strip() == ""


def test_the_digits_are_read_without_pandas():
    loaded = run_python(
        "import sys, gancode; gancode.data.mnist_5k(); print('pandas' in sys.modules)"
    )
    assert loaded.strip() == "False"


@pytest.mark.parametrize("name", gancode.__all__)
def test_every_public_name_is_there(name):
    assert getattr(gancode, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'gancode' has no attribute 'trian'"):
        gancode.trian  # noqa: B018
