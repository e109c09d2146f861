"""What the book takes from package registries: pinned, whole, fetched once."""

import json
import re
import subprocess

import pytest
from tree import ROOT

from tools import fetch

TOOLS = ROOT / "tools"


@pytest.fixture
def without_network(monkeypatch, tmp_path):
    """Nothing fetched yet, and no registry that answers."""
    monkeypatch.setattr(fetch, "KEPT", tmp_path / "kept")
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def test_every_npm_package_has_an_exact_version_and_a_checksum_and_no_host():
    text = (TOOLS / fetch.LOCK).read_text(encoding="utf-8")
    asked = json.loads((TOOLS / "package.json").read_text(encoding="utf-8"))
    locked = json.loads(text)["packages"]
    own = locked.pop("")
    assert {key: own[key] for key in own if key.lower().endswith("dependencies")} == {
        key: asked[key] for key in asked if key != "private"
    }
    for name, package in locked.items():
        assert re.fullmatch(r"[\d.]+", package["version"]), name
        assert re.fullmatch(r"sha512-[\w+/]{86}==", package["integrity"]), name
    for name, version in (asked["dependencies"] | asked["devDependencies"]).items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert "resolved" not in text and "//" not in re.sub(r'"sha512-.*"', "", text)


def test_a_wheel_for_browsers_has_the_version_of_the_package():
    text = (TOOLS / fetch.WHEELS).read_text(encoding="utf-8")
    pinned = re.findall(r"^(\S+==\S+) --hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert len(pinned) == 1 and set(pinned) <= set(lines)


def test_what_is_there_is_not_fetched_again(monkeypatch):
    packages, wheels = fetch.npm_packages(), fetch.wheels()
    assert (packages / "pyodide" / "pyodide.asm.wasm").is_file() and len(wheels) == 1

    def refuse(*_, **__):
        raise AssertionError("fetched again")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert (fetch.npm_packages(), fetch.wheels()) == (packages, wheels)


@pytest.mark.parametrize("what", [fetch.npm_packages, fetch.wheels])
def test_without_a_network_the_error_says_so_and_nothing_is_left(without_network, what):
    with pytest.raises(fetch.FetchError, match="first build of the book needs a network"):
        what()
    assert list(fetch.KEPT.iterdir()) == []


def test_a_wrong_checksum_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "KEPT", tmp_path / "kept")
    for name in ("package.json", fetch.LOCK, fetch.WHEELS):
        text = (TOOLS / name).read_text(encoding="utf-8")
        text = re.sub(r"(sha512-|sha256:)....", r"\g<1>0000", text)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for what in (fetch.npm_packages, fetch.wheels):
        with pytest.raises(fetch.FetchError, match="EINTEGRITY|DO NOT MATCH"):
            what(tmp_path)
