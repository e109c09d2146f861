"""Find the Chromium that the tests of the book drive.

    python tools/chromium.py        print its path, or say how to get one and fail

Looked for in this order: the path in the environment variable CHROMIUM, Chromium or Chrome on the
PATH, the one that Playwright downloads for itself (which is tried here when there is no other).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HELP = """\
The tests of the book need Chromium, and none was found. Any of these provides it:
  apt-get install chromium                        (Debian; on Ubuntu and macOS use the next)
  .venv/bin/python -m playwright install chromium
  CHROMIUM=/path/to/chrome make test              (one that is installed elsewhere)"""


def find() -> str | None:
    """The path of the first Chromium found, or None.

    Raises FileNotFoundError where CHROMIUM names a file that is not there.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if not shutil.which(named):
            raise FileNotFoundError(
                f"CHROMIUM={named} is not a program. Set it to the path of Chromium or Chrome, "
                "or unset it to have one looked for."
            )
        return named
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


if __name__ == "__main__":
    try:
        if not find():
            subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])
        path = find()
    except FileNotFoundError as error:
        sys.exit(str(error))
    if path is None:
        sys.exit(HELP)
    print(path)
