"""The examples of the reference: one session, run from the top of the page to its end."""

import doctest
import re
import sys

from tree import ROOT

PAGE = ROOT / "chapters" / "appendix" / "api.md"


def test_examples_come_out_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(>>>.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, PAGE.name, 0)
    assert len(session.examples) > 60
    failed, _ = doctest.DocTestRunner().run(session, out=sys.stderr.write)
    assert failed == 0
