"""Secrets that were planted on a card are in their files and nowhere else: no answer, page, label, backup or log."""

from __future__ import annotations

import logging
import stat
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.runtime.card_label import FILE, LEFT
from edge.runtime.card_secrets import SECRETS, STATE
from edge.runtime.card_start import start_from_card
from hal.fake.gpio import FakeGpio
from tests.box_rig import Bench, box_here
from tests.support import eventually

CODE = "KANA-RYKA-NARY"
PIN = "73914682"
WIFI = "canary-7f3a91-wifi"
BROKER = "canary-7f3a91-broker"
CANARIES = (CODE, PIN, WIFI, BROKER)
CARD = f"""\
[box]
id = "b0042"
buffer_mb = 8
[site]
name = "Gymnase Sud"
[network]
kind = "wifi"
ssid = "site"
country = "FR"
password = "{WIFI}"
[modem]
pin = "{PIN}"
[access]
code = "{CODE}"
[bus.gpio]
kind = "gpio"
[[point]]
id = "water"
bus = "gpio"
driver = "pulse"
pin = 17
weight = 1
weight_unit = "l"
[link.mqtt]
host = "127.0.0.1"
port = 1
username = "b0042"
password = "{BROKER}"
[link.sms]
device = "/dev/null"
[[recipient]]
id = "caretaker"
number = "+33600000001"
"""
COMMANDS = (
    "status", "points", "values", "explain water", "buffer", "alarms", "journal", "doctor", "sms status",
    "meter", "export --out {tmp}/export --from -1h", "history water", "backup {tmp}/b0042.vigie", "report",
)  # fmt: skip


class Machine:
    """A root folder, its FAT, and a running box on both."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.boot = folder, folder / "root", folder / "cfg"
        for made in (self.root / "etc/vigie", self.root / STATE, self.root / "run", self.boot):
            made.mkdir(parents=True)
        self.root.joinpath(STATE).chmod(0o700)

    def take(self, text: str) -> str:
        (self.boot / "vigie.toml").write_text(text, encoding="utf-8")
        return start_from_card(self.boot, self.root, utc_s=1_795_166_000, open_boot=lambda _: nullcontext()).state


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return a machine that took the card, ran and stopped."""
    made = Machine(tmp_path_factory.mktemp("canary"))
    assert made.take(CARD) == "applied"
    return made


def leaks(text: str, known: tuple[str, ...] = CANARIES) -> list[str]:
    return [canary for canary in known if canary in text]


def test_secrets_leave_the_card_for_files_of_their_own_and_no_answer_of_a_running_box_holds_one(
    machine: Machine, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    kept = {path.name: path.read_text(encoding="utf-8").strip() for path in (machine.root / SECRETS).iterdir()}
    kept.pop(LEFT)  # a mark, and no secret
    assert set(kept.values()) == set(CANARIES)
    config = machine.root / "etc/vigie/vigie.toml"
    assert not leaks((machine.boot / "vigie.toml").read_text(encoding="utf-8") + config.read_text(encoding="utf-8"))
    socket, board, told = machine.folder / "api.sock", FakeGpio(), ""
    bench = Bench(gpio=board.factory)
    with box_here(config, machine.root / STATE, socket=socket, hardware=lambda _: bench) as box:
        eventually(lambda: box.station.engine.points["water"].value is not None, 10)
        for command in COMMANDS:
            for more in ([], ["--json"]):
                words = [*command.format(tmp=machine.folder).split(), *more, "--socket", str(socket)]
                try:
                    main(words)
                except SystemExit:  # a command without one of the two
                    continue
                said = capsys.readouterr()
                told += said.out + said.err
    assert "b0042" in told
    assert "water" in told
    assert not leaks(told + caplog.text)
    for path in (*(machine.root / STATE).rglob("*"), *machine.folder.glob("export/*"), machine.folder / "b0042.vigie"):
        if path.is_file():
            assert not leaks(path.read_bytes().decode("latin-1")), path


def test_the_files_of_a_box_that_ran_are_its_users_alone(machine: Machine) -> None:
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in (machine.root / STATE).rglob("*")}
    assert len(found) > 8
    wrong = {str(path): oct(mode) for path, mode in found.items() if mode != (0o700 if path.is_dir() else 0o600)}
    assert not wrong
    secrets = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (machine.root / SECRETS).iterdir()}
    assert set(secrets.values()) == {0o640}
    assert stat.S_IMODE((machine.root / SECRETS).stat().st_mode) == 0o750


def test_the_label_shows_the_code_and_nothing_else_of_them(machine: Machine) -> None:
    assert leaks((machine.boot / FILE).read_text(encoding="utf-8")) == [CODE]


@pytest.mark.parametrize(
    "fault",
    [
        ('kind = "wifi"', 'kind = "wlan"'), (f'pin = "{PIN}"', f'pin = "{PIN}x"'), (f'"{CODE}"', f'"{CODE}!"'),
        (f'"{WIFI}"', f'"{WIFI}\\u00e9"'), (f'"{BROKER}"', f'["{BROKER}"]'), ("country", "contry"),
        (f'password = "{WIFI}"', f'pasword = "{WIFI}"'), (f'code = "{CODE}"', f'cod = "{CODE}"'),
    ],
)  # fmt: skip
def test_a_fault_of_a_card_is_told_without_the_secret_that_it_is_in(
    tmp_path: Path, capsys: Any, fault: tuple[str, str]
) -> None:
    made = Machine(tmp_path)
    assert CARD.replace(*fault) != CARD
    assert made.take(CARD.replace(*fault)) == "refused"
    told = (made.boot / "vigie-errors.txt").read_text(encoding="utf-8")
    assert main(["check", str(made.boot / "vigie.toml")]) == 2
    told += capsys.readouterr().out
    assert main(["check", "--json", str(made.boot / "vigie.toml")]) == 2
    told += capsys.readouterr().out + (made.root / "run/vigie-card/verdict.json").read_text(encoding="utf-8")
    assert not leaks(told), told
