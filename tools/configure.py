"""Write the public address of the repository everywhere it must stand.

    python tools/configure.py owner/name

The address in use is read from `[project.urls] Repository` in pyproject.toml. It is replaced in
that file, the book's configuration and pages, every notebook, the README and CITATION.cff, and the
launch buttons (Binder, Colab) of the book are switched on. Running it again, with the same or
another name, is safe. It needs nothing but Python.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "OWNER/REPO"
# pyproject.toml comes last: a run that was cut short is then completed by running it again.
FILES = (
    "_config.yml",
    "CITATION.cff",
    "*.md",
    "chapters/**/*.md",
    "chapters/**/*.ipynb",
    "notebooks/**/*.ipynb",
    "pyproject.toml",
)
# GitHub's own rules: an owner is letters, digits and single inner hyphens, at most 39 long.
OWNER = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}"
NAME = r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}(?<!\.git)"


def address(root: Path) -> str:
    """The repository as `owner/name`, as it stands in pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removeprefix("https://github.com/")


def pages(root: Path) -> str:
    """Where the built book is public."""
    owner, name = address(root).split("/")
    return f"https://{owner}.github.io/{name}"


def configure(root: Path, new: str) -> None:
    """Replace the address in use by `new` (`owner/name`) in the tree at `root`.

    Raises ValueError, before any file is touched, where `new` is not a repository's name.
    """
    if new == PLACEHOLDER or not re.fullmatch(f"{OWNER}/{NAME}", new):
        raise ValueError(
            f"REPO={new!r} is not the name of a GitHub repository. "
            "Give owner/name as it stands in its address, for instance REPO=ada/gans "
            "for https://github.com/ada/gans."
        )
    old = address(root)
    for pattern in FILES:
        for path in sorted(root.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            changed = _replace(text, old, new)
            if path.name == "_config.yml":
                changed = _switch_on(changed)
            if changed != text:
                path.write_text(changed, encoding="utf-8")


def _replace(text: str, old: str, new: str) -> str:
    """`text` with both forms of the address changed: that of the repository (which Binder, Colab
    and badges hold too) and that of the pages built from it."""
    for form in ("{0}/{1}", "{0}.github.io/{1}"):
        before, after = form.format(*old.split("/")), form.format(*new.split("/"))
        text = re.sub(rf"(?<![\w.-]){re.escape(before)}(?![\w-]|\.(?!git\b)\w)", after, text)
    return text


def _switch_on(config: str) -> str:
    """`config` with the block that a comment marks with `make configure` no longer commented."""
    lines = config.splitlines(keepends=True)
    inside = False
    for index, line in enumerate(lines):
        if "`make configure" in line:
            inside = True
        elif not line.strip():
            inside = False
        elif inside:
            lines[index] = line.removeprefix("# ")
    return "".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("Give the name of the repository: make configure REPO=owner/name")
    try:
        configure(ROOT, sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
    print(f"The address of the repository is now https://github.com/{sys.argv[1]}")
