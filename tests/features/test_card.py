"""The card: I5, a folder in place of the first partition, a box that starts from what lies in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli.card_settle import SETTLED, settle
from edge.cli.main import main
from edge.settings.card_choice import STATUS
from edge.settings.load import load
from tests.box_rig import box_here
from tests.card_rig import NOW_S
from tests.meter_rig import Meter, index
from tests.support import eventually

START = '\n[start]\ntest = true\n\n[[start.meter]]\nmeter = "water"\nindex = "482,137"\n'


class Card:
    """Folders as a card's first partition and as the machine, and a site with a meter."""

    def __init__(self, folder: Path) -> None:
        self.boot, self.root, self.socket = folder / "cfg", folder / "root", folder / "api.sock"
        (self.root / "etc/vigie").mkdir(parents=True)
        self.boot.mkdir()
        self.meter = Meter(folder)
        self.text = self.meter.config.read_text("utf-8")
        self.meter.config = self.root / "etc/vigie/vigie.toml"

    def take(self) -> int:
        return main(["card", "take", "--boot", str(self.boot), "--root", str(self.root)])

    def settle(self) -> int:
        return settle(
            self.boot, self.root, self.socket, addresses=lambda: ["eth0 192.168.1.40"],
            wired=lambda: {"en": ["/dev/i2c-1", "0x44 sht3x"], "fr": ["/dev/i2c-1", "0x44 sht3x"]},
            now_s=lambda: NOW_S,
        )  # fmt: skip

    def status(self) -> str:
        return (self.boot / STATUS).read_bytes().decode("utf-8")


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_a_file_on_the_boot_partition_gives_the_box_its_id_and_its_acts_are_done_once(card: Card) -> None:
    """I5: box id and site from one file on the boot partition: the service starts with that id."""
    (card.boot / "vigie.toml").write_text(card.text + START, "utf-8")
    wanted = load(card.boot / "vigie.toml").box.id
    assert card.take() == 0
    with card.meter.box(card.root / "state", socket=card.socket) as box:
        assert box.settings.box.id == wanted
        assert card.settle() == 1, "the test runs; its outcome is to be told"
        eventually(lambda: index(box) == 482.137, what="the index of the card")
        card.meter.count(box, 3)
        assert (card.settle(), index(box)) == (1, 482.14), "and not once more"
    struck = (card.boot / "vigie.toml").read_text("utf-8")
    assert struck.count("# done ") == 4
    told = card.status()
    assert told.startswith("\ufeffvigie-status.txt, ")
    assert f"Box {wanted}" in told
    assert "index of water: 482.137\r\n" in told
    assert "index de water\u00a0: 482.137\r\n" in told
    assert "Addresses: eth0 192.168.1.40\r\n" in told
    assert not (card.root / SETTLED).exists()


def test_without_a_file_the_box_runs_unconfigured_and_publishes_nothing(card: Card) -> None:
    """I5: file absent: the box starts in unconfigured mode, publishes nothing, and says on the card what to do."""
    assert card.take() == 1
    with box_here(card.meter.config, card.root / "state", socket=card.socket) as box:
        assert box.links == {}
        assert box.settings.box.id.startswith("vigie-")
        (card.boot / "vigie.txt").write_text(card.text, "utf-8")
        assert card.settle() == 0
    told = card.status()
    assert "There is no vigie.toml on this card: the box has no settings and sends nothing.\r\n" in told
    assert '"vigie.txt" does not count: name it vigie.toml.\r\n' in told
    assert '"vigie.txt" ne compte pas\u00a0: le nommer vigie.toml.\r\n' in told
    assert "What is wired:\r\n  /dev/i2c-1\r\n  0x44 sht3x\r\n" in told
    octets = (card.boot / STATUS).stat().st_mtime_ns
    assert card.settle() == 0
    assert (card.boot / STATUS).stat().st_mtime_ns == octets, "an unchanged page is not written again"


@pytest.mark.parametrize("act", ["take", "settle"])
def test_a_machine_that_was_not_started_from_a_card_is_left_as_it_is(
    card: Card, act: str, capsys: pytest.CaptureFixture[str]
) -> None:
    card.boot.rmdir()
    before = sorted(card.root.rglob("*"))
    assert main(["card", act, "--boot", str(card.boot), "--root", str(card.root)]) == 1
    assert "not started from a card" in capsys.readouterr().err
    assert sorted(card.root.rglob("*")) == before


def test_a_card_whose_first_partition_is_gone_starts_a_box_all_the_same(card: Card) -> None:
    card.boot.rmdir()
    (card.root / "proc").mkdir()
    (card.root / "proc/cmdline").write_text("console=tty1 vigie.slot=a rauc.slot=a ro\n")
    assert card.take() == 1
    assert load(card.root / "etc/vigie/vigie.toml").links.mqtt is None
