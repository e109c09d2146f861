"""The reference: its examples are one session, run from the top of the page to its end, and nothing
public is without one."""

import doctest
import importlib
import inspect
import io
import re
import sys
from collections import defaultdict
from functools import cached_property

import pytest
from sphinx.application import Sphinx
from tree import ROOT

PAGE = ROOT / "chapters" / "appendix" / "api.md"
BLOCK = re.compile(r"```python\n(>>>.*?)```", re.DOTALL)
CALLED = ("function", "method", "property")
GATHERED = ("gancode", "gancode.calculus", "gancode.data", "gancode.metrics")  # say what is public


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """What the page documents: kinds and objects under their names, as autodoc finds them."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "index.md").write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    app = Sphinx(
        folder,
        None,
        folder / "out",
        folder / "doctrees",
        "dummy",
        confoverrides={"extensions": ["myst_parser", "sphinx.ext.autodoc"]},
        status=None,
        warning=io.StringIO(),  # of the links that lead to other pages
    )
    app.build()
    entries = app.env.get_domain("py").objects.items()
    return {name: (entry.objtype, found(name)) for name, entry in entries if not entry.aliased}


def found(name):
    """What a dotted name stands for; a property is found as such."""
    module, *rest = name.split(".")
    value = importlib.import_module(module)
    for k, part in enumerate(rest):
        if inspect.isclass(value):
            value = inspect.getattr_static(value, part)
        elif hasattr(value, part):
            value = getattr(value, part)
        else:
            value = importlib.import_module(".".join([module, *rest[: k + 1]]))
    return value


def codes(name, value):
    """The codes of which one runs when a function, a method or a property is used: its own, and
    those that stand for it in classes derived from its own."""
    owner, _, attribute = name.rpartition(".")
    values, classes = [value], [found(owner)]
    while classes:
        each = classes.pop()
        if inspect.isclass(each):
            classes += each.__subclasses__()
            values.append(vars(each).get(attribute))
    for each in filter(None, values):
        if isinstance(each, property):
            each = each.fget
        elif isinstance(each, cached_property):
            each = each.func
        each = getattr(each, "__func__", each)
        yield (each if inspect.isfunction(each) else inspect.unwrap(each)).__code__


@pytest.fixture(scope="module")
def session(documented, tmp_path_factory):
    """The examples, once they have run: what came of them, their text, and the names of the
    functions, methods and properties that they use, not only what these use in turn."""
    text = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, PAGE.name, 0)
    names, used = defaultdict(set), set()
    for name, (kind, value) in documented.items():
        if kind in CALLED:
            for each in codes(name, value):
                names[id(each)].add(name)

    def notice(frame, event, argument):
        if found := names.get(id(frame.f_code)):
            caller = frame.f_back
            while caller and not caller.f_globals.get("__name__", "").startswith("gancode"):
                if caller.f_globals is test.globs:
                    used.update(found)
                caller = caller.f_back

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("session"))
        before = sys.gettrace()
        sys.settrace(notice)
        try:
            outcome = doctest.DocTestRunner().run(test, out=sys.stderr.write, clear_globs=False)
        finally:
            sys.settrace(before)
    return outcome, text, used


def test_examples_come_out_as_printed(session):
    outcome, _, _ = session
    assert outcome.failed == 0 and outcome.attempted > 60


def test_nothing_documented_is_without_an_example(documented, session):
    """Classes, exceptions and data are named by an example; all else is called by one."""
    _, text, used = session
    named = set(re.findall(r"\w+", text))
    missing = [
        name
        for name, (kind, _) in documented.items()
        if kind != "module" and name not in used
        and (kind in CALLED or name.rpartition(".")[2] not in named)
    ]  # fmt: skip
    assert missing == []


def test_everything_public_is_documented(documented, session):
    """What has no entry, such as a symbol or a registry, is named by an example all the same."""
    _, text, _ = session
    named = set(re.findall(r"\w+", text))
    values = [value for _, value in documented.values()]
    missing = []
    for module in GATHERED:
        for name in importlib.import_module(module).__all__:
            value = found(f"{module}.{name}")
            if inspect.ismodule(value):
                there = any(entry.startswith(f"{value.__name__}.") for entry in documented)
            elif inspect.isclass(value) or inspect.isfunction(value):
                there = any(value is each for each in values)
            else:
                there = name in named
            if not there and name != "__version__":
                missing.append(f"{module}.{name}")
    assert missing == []
