"""What the machine lacks is named before it is installed, and where it cannot be installed the run goes on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

NEED = ROOT / ".ci" / "need"
TOOLS = ("sh", "env", "mktemp", "tail", "rm", "cat")


class Machine:
    """A PATH with these programs and no others; apt-get writes down what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = folder / "asked"
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name in TOOLS:
            (self.programs / name).symlink_to(str(shutil.which(name)))
        self.program("id", "echo 1000")

    def program(self, name: str, *lines: str) -> None:
        path = self.programs / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
        path.chmod(0o755)

    def has_python(self) -> None:
        self.program("python3", "exit 0")

    def has_apt(self, *lines: str) -> None:
        self.program("apt-get", f'echo "$DEBIAN_FRONTEND $*" >>{self.asked}', *lines)

    def need(self, *programs: str, python: str = "python3") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(NEED), python, *programs],
            env={"PATH": str(self.programs), "TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_said_or_asked_when_nothing_is_missing(machine: Machine) -> None:
    machine.has_python()
    machine.has_apt()
    machine.program("a-broker")
    done = machine.need("a-broker", "env")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not machine.asked.exists()


def test_missing_packages_are_named_and_then_installed_without_a_question(machine: Machine) -> None:
    machine.has_python()
    machine.program("sudo", 'exec "$@"')
    machine.has_apt(f"[ $DEBIAN_FRONTEND = noninteractive ] && : >{machine.programs}/a-broker")
    done = machine.need("a-broker", "mosquitto_sub_")
    assert done.stdout == "installing Debian packages: a-broker mosquitto_sub_\n"
    asked = machine.asked.read_text(encoding="utf-8").splitlines()
    assert [line.split()[-1] for line in asked] == ["update", "mosquitto_sub_"]
    assert all(line.startswith("noninteractive -qq") for line in asked)
    assert "--no-install-recommends a-broker mosquitto_sub_" in asked[1]


def test_python_without_venv_brings_both_packages(machine: Machine) -> None:
    machine.program("python3", "exit 1")
    machine.program("id", "echo 0")
    machine.has_apt(f"printf '#!/bin/sh\\n' >{machine.programs}/python3")
    done = machine.need()
    assert done.stdout == "installing Debian packages: python3 python3-venv\n"
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("reason", ["no apt", "no sudo", "apt fails"])
def test_program_that_cannot_be_had_is_named_and_the_run_goes_on(machine: Machine, reason: str) -> None:
    machine.has_python()
    if reason == "no sudo":
        machine.has_apt()
    if reason == "apt fails":
        machine.program("sudo", 'exec "$@"')
        machine.has_apt("echo E: no network >&2", "exit 100")
    done = machine.need("a-broker")
    assert done.returncode == 0
    assert "missing: a-broker (Debian: a-broker)" in done.stderr
    assert ("E: no network" in done.stderr) == (reason == "apt fails")


def test_without_a_python_nothing_can_run(machine: Machine) -> None:
    done = machine.need("a-broker")
    assert done.returncode == 1
    assert "missing: python3 (Debian: python3 python3-venv)" in done.stderr
    assert "nothing can run without python3" in done.stderr


def test_too_old_a_python_is_named_with_its_version(machine: Machine) -> None:
    machine.program("python3", 'case "$*" in -V) echo Python 3.9.2 ;; *version_info*) exit 1 ;; esac')
    done = machine.need()
    assert done.returncode == 1
    assert "python3 is Python 3.9.2, and 3.11 or later is needed" in done.stderr


def test_no_file_is_left_in_the_temporary_folder(machine: Machine) -> None:
    machine.has_python()
    machine.program("id", "echo 0")
    machine.has_apt("exit 1")
    machine.need("a-broker")
    assert list(machine.folder.glob("tmp*")) == []
