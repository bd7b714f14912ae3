"""What systemd and udev make of the units and rules that a card has: each is read by the program that will read it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from image.update import files as update
from tests.support import ROOT

UNITS = [path for ending in ("service", "timer", "path") for path in (ROOT / "image").rglob(f"vigie*.{ending}")]
RULES = sorted([*ROOT.glob("config/*.rules"), *ROOT.glob("image/**/*.rules")])
ELSEWHERE = {"/opt/vigie/bin/vigie", "/opt/vigie/bin/python", "/sbin/wpa_supplicant", "vigie-modem-reset"}
"""Programs of the card that are no files of this folder."""
ASSIGNED = r"(ATTR\{[\w/]+\}|ENV\{\w+\}|TAG|SYMLINK|MODE|GROUP|OWNER|RUN|OPTIONS|GOTO|LABEL|PROGRAM|IMPORT\{\w+\})"
MATCHED = r"(ACTION|KERNELS?|SUBSYSTEMS?|DRIVERS?|DEVPATH|ATTRS?\{[\w/]+\}|ENV\{\w+\}|TAGS?|TEST(\{\d+\})?|NAME|RESULT)"
TOKEN = re.compile(rf'({MATCHED}(==|!=)|{ASSIGNED}(=|\+=|-=|:=))e?"[^"]*"')


def programs_of_the_card() -> set[str]:
    root = ROOT / "image/card/root"
    own = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.stat().st_mode & 0o100 and path.is_file()}
    return ELSEWHERE | own | {f"/{placed.target}" for placed in update.FILES if placed.mode & 0o100}


def test_systemd_understands_every_unit_and_each_program_of_them_is_on_the_card(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        assert not os.environ.get("CI"), "CI installs systemd for this gate"
        pytest.skip("no systemd-analyze on this machine")
    names = []
    for path in UNITS:
        copy = tmp_path / path.name
        shutil.copyfile(path, copy)
        if "@." in path.name:  # a template is read as one of its instances
            copy = tmp_path / path.name.replace("@.", "@sda1.")
            shutil.copyfile(path, copy)
        names.append(str(copy))
    assert any(name.endswith("vigie-usb@sda1.service") for name in names)
    done = subprocess.run(
        ["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False, timeout=60
    )
    said = (done.stderr + done.stdout).splitlines()
    missing = {found[1] for line in said if (found := re.search(r"Command (\S+) is not executable", line))}
    assert [line for line in said if "is not executable" not in line and "gammu-smsd" not in line] == []
    assert missing <= programs_of_the_card()


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.name)
def test_each_line_of_the_rules_is_made_of_words_that_udev_has(rules: Path) -> None:
    joined = rules.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    assert lines
    for line in lines:
        for token in re.split(r'(?<="),\s*', line.strip().rstrip(",")):
            assert TOKEN.fullmatch(token.strip()), f"{rules.name}: {token}"


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.name)
def test_udev_understands_the_rules(rules: Path) -> None:
    program = shutil.which("udevadm")
    words = [program or "", "verify", str(rules)]
    if program is None or "Unknown" in subprocess.run(
        [program, "verify", "--help"], capture_output=True, text=True, check=False, timeout=20
    ).stderr:  # fmt: skip
        pytest.skip("no udevadm here that verifies: systemd 254 and later")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
