"""The exercises that can be answered in the page: their fields, and the code that asks `prove`.

`chapters/exercises.yml` lists them; their code stands in the chapters.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
LISTED = "chapters/exercises.yml"
EXERCISE = re.compile(
    r"^(?P<fence>:{3,})\{exercise\}[^\n]*\n:label: (?P<label>\S+)\n(?P<body>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)
CODE = re.compile(r"^(?P<fence>~~~|```)python\n(?P<code>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE)
ASKS = re.compile(r"`prove\b|\bprove\(")


@dataclass(frozen=True)
class Exercise:
    """An exercise as a chapter has it."""

    page: str
    label: str
    body: str

    @property
    def asks(self) -> bool:
        """Whether it has `prove` judge an answer."""
        return bool(ASKS.search(self.body))

    @property
    def code(self) -> str:
        """The first piece of code in it."""
        found = CODE.search(self.body)
        return found["code"] if found else ""


def exercises(root: Path = ROOT) -> dict[str, Exercise]:
    """All exercises of the book, by their labels."""
    found = {}
    for path in sorted(root.glob("chapters/*/*.ipynb")):
        page = path.relative_to(root).with_suffix("").as_posix()
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for each in EXERCISE.finditer(cell.source):
                    found[each["label"]] = Exercise(page, each["label"], each["body"])
    return found


def fields(code: str, names: list[str]) -> dict[str, str]:
    """The names that a reader gives a value, each with what the code remarks of it."""
    lines = code.splitlines()
    remarks = {
        target.id: lines[node.lineno - 1].partition("#")[2].strip()
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return {name: remarks[name] for name in names}


def in_the_page(root: Path = ROOT) -> dict[str, dict]:
    """What the page needs to know of each exercise that can be answered there, by its label."""
    known = exercises(root)
    listed = yaml.safe_load((root / LISTED).read_text(encoding="utf-8"))
    found = {}
    for label, entry in listed.items():
        code = entry.get("code", known[label].code)
        found[label] = {
            "page": known[label].page,
            "code": f"{entry.get('setup', '').strip()}\n{code}".strip(),
            "fields": fields(code, list(entry["right"])),
            "shown": "code" not in entry,
            "without": entry.get("without", []),
        }
    return found
