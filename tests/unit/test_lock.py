"""The lock gives an installation its part, and its drift from pyproject.toml is found without a network."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT

LOCK_TOOL = ROOT / "image" / "lock.py"
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PURE_SIX = {"gpiozero", "smbus2", "w1thermsensor", "pyserial", "paho-mqtt", "tinydb"}
HASH = "    --hash=sha256:" + "0" * 64


def run(*arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LOCK_TOOL), *arguments, "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def selected(*arguments: str) -> set[str]:
    done = run("select", *arguments)
    assert done.returncode == 0, done.stderr
    return {line.partition("==")[0] for line in done.stdout.splitlines() if "==" in line}


def planted(folder: Path, lock: str, project: str | None = None) -> subprocess.CompletedProcess[str]:
    """Return what `check` says of this lock beside our (or that) pyproject.toml."""
    (folder / "requirements.lock").write_text(lock, encoding="utf-8")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8") if project is None else project
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return run("check", root=folder)


def without(lock: str, name: str) -> str:
    """Return the lock without one package: its line, its hashes, its notes."""
    kept, inside = [], False
    for line in lock.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            inside = line.startswith(f"{name}==")
        if not inside:
            kept.append(line)
    return "".join(kept)


def test_lock_is_in_step_with_pyproject() -> None:
    done = run("check")
    assert (done.returncode, done.stderr) == (0, "")


def test_base_installation_gets_the_pure_six_and_no_tool() -> None:
    base = selected()
    assert base >= PURE_SIX | {"msgspec", "bottle", "waitress", "tomlkit"}
    assert not base & {"pytest", "mypy", "ruff", "gpiod", "python-gammu", "cryptography", "hatchling"}


def test_what_a_package_needs_comes_with_it_and_only_when_asked_for() -> None:
    assert selected("--extra", "gsm") - selected() == {"python-gammu", "cryptography", "cffi", "pycparser"}
    assert selected("--extra", "gpio") - selected() == {"gpiod", "lgpio"}
    assert selected("--only", "hatchling") >= {"hatchling", "pluggy", "pathspec", "trove-classifiers"}
    assert "msgspec" not in selected("--only", "hatchling")


def test_selected_lines_carry_their_hashes_and_markers() -> None:
    text = run("select", "--extra", "gpio").stdout
    assert text.count("--hash=sha256:") > 2 * text.count("==")
    assert "lgpio==0.2.2.0 ; python_full_version < '3.13' \\" in text
    # pip reads a backslash as "goes on": the last line of a package must not have one
    blocks = text.replace("\\\n", "").splitlines()
    assert all("==" in block for block in blocks)


def test_lock_covers_both_machines_for_what_is_compiled() -> None:
    # a release with wheels for two machines and two Pythons has at least four files, abi3 ones two and an archive
    sizes: dict[str, int] = {}
    name = ""
    for line in LOCK.splitlines():
        if "==" in line:
            name = line.partition("==")[0]
        sizes[name] = sizes.get(name, 0) + line.count("--hash=")
    assert {
        name: sizes[name] for name in ("msgspec", "gpiod", "python-gammu", "cryptography", "cffi") if sizes[name] < 4
    } == {}


@pytest.mark.parametrize("extra", ["nope", "", "gpio,gsm"])
def test_unknown_extra_is_refused_by_name(extra: str) -> None:
    done = run("select", "--extra", extra)
    assert done.returncode == 2
    assert repr(extra) in done.stderr


def test_locked_version_below_the_stated_one_is_found(tmp_path: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace('"msgspec>=0.19"', '"msgspec>=99"')
    done = planted(tmp_path, LOCK, project)
    assert done.returncode == 1
    assert "msgspec>=99 is locked at " in done.stderr
    assert "make lock" in done.stderr


def test_stated_package_that_is_not_locked_is_found(tmp_path: Path) -> None:
    assert "waitress>=3 is not locked" in planted(tmp_path, without(LOCK, "waitress")).stderr


def test_package_that_nobody_asks_for_any_more_is_found(tmp_path: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace('  "waitress>=3",\n', "")
    assert "waitress is locked for us, but pyproject.toml does not ask" in planted(tmp_path, LOCK, project).stderr


def test_orphan_of_a_removed_parent_is_found(tmp_path: Path) -> None:
    assert "colorzero is locked for gpiozero, which is not" in planted(tmp_path, without(LOCK, "gpiozero")).stderr


def test_package_without_a_hash_is_found(tmp_path: Path) -> None:
    done = planted(tmp_path, LOCK + "bare==1.0\n    # via vigie (pyproject.toml)\n")
    assert "bare has no hash" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.example/simple",
        "--extra-index-url http://index.example/simple",
        "-i https://index.example/simple",
        "--find-links /srv/wheels",
        "#    uv pip compile pyproject.toml -o /home/somebody/requirements.lock",
        "-e ./vigie",
        "vigie @ file:///home/somebody/vigie",
    ],
)
def test_address_or_folder_of_one_machine_is_found(tmp_path: Path, line: str) -> None:
    done = planted(tmp_path, f"{line}\n{LOCK}")
    assert done.returncode == 1
    assert "of one machine" in done.stderr


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        ("", "is not locked"),
        ("\0\0\0", "neither a pinned package nor its hash"),
        ("msgspec>=0.19 \\\n" + HASH, "neither a pinned package nor its hash"),
        ("msgspec==0.22.0 \\\n" + HASH[:-1], "neither a pinned package nor its hash"),
        (LOCK + "msgspec==0.22.0 \\\n" + HASH, "msgspec stands twice"),
    ],
    ids=["empty", "damaged", "unpinned", "short hash", "twice"],
)
def test_what_is_no_lock_is_refused(tmp_path: Path, lock: str, said: str) -> None:
    done = planted(tmp_path, lock)
    assert done.returncode == 1
    assert said in done.stderr


def test_licence_is_whole_and_is_the_one_that_is_stated() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    project: dict[str, Any] = PROJECT["project"]
    assert project["license"] == "EUPL-1.2"
    assert "EUROPEAN UNION PUBLIC LICENCE v. 1.2" in text
    articles = [
        line.partition(".")[0] for line in text.splitlines() if line[:2].strip(".").isdigit() and ". " in line[:4]
    ]
    assert articles == [str(number) for number in range(1, 16)]
    assert "Appendix" in text
