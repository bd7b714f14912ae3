"""A committed system that can't be started: counted, then the other one takes its place, and no card is worn out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from edge.core.autoboot import Autoboot, Slot, octets, other, parsed
from tests.unit.early_rig import NEEDS_TOOLS, EarlyCard, busybox, written

pytestmark = NEEDS_TOOLS
MIB: Final = 1 << 20
KERNEL: Final = """
mount() { case $* in *"$broken") return 1 ;; esac; }
umount() { :; }
runs_systemd() { [ -s "$1/systemd" ]; }
broken=${broken:-nothing}
"""
FAILS = KERNEL + 'not_started; echo "$pause_s"'
STARTS = KERNEL + 'started; cat "$run/vigie-card/lost" 2>/dev/null; true'


class TwoSystems(EarlyCard):
    """A card whose two systems are whole, and what the firmware reads of it."""

    def __init__(self, root: Path, programs: Path) -> None:
        super().__init__(root, programs, data_mib=1)
        for number in (1, 2, 3, 5, 6):
            self.partition(number, MIB)
        for name in ("cfg", "boot", "system"):
            (root / "mnt" / name).mkdir(parents=True)
        self.boot = root / "mnt/boot"
        for name in ("vmlinuz", "initrd.img", "config.txt"):
            (self.boot / name).write_text("whole")
        (root / "mnt/system/systemd").write_text("whole")
        self.autoboot = root / "mnt/cfg/autoboot.txt"
        self.autoboot.write_bytes(octets(Autoboot("a", "b")))

    def fails(self, slot: Slot = "a", *, of: Slot | None = None, **more: str) -> int:
        """Start a system that can't be; return how many seconds later it starts again. `of`: who the other is."""
        (self.boot / "cmdline.txt").write_text(f"console=tty1 vigie.slot={of or other(slot)} rauc.slot=x ro\n")
        return int(self.run(FAILS, slot=slot, **more)[0])

    def starts(self, slot: Slot) -> list[str]:
        """Start a system that is well; return which was lost."""
        (self.root / "run/vigie-card/lost").unlink(missing_ok=True)
        return self.run(STARTS, slot=slot)

    @property
    def committed(self) -> Slot:
        assert self.autoboot.stat().st_size == 512
        return parsed(self.autoboot.read_bytes()).primary


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busybox(tmp_path_factory.mktemp("busybox"))


@pytest.fixture
def card(tmp_path: Path, programs: Path) -> TwoSystems:
    return TwoSystems(tmp_path, programs)


def test_the_other_system_is_taken_at_the_third_failure_and_that_is_said(card: TwoSystems) -> None:
    assert [card.fails(), card.fails()] == [10, 10]
    assert card.committed == "a"
    assert card.fails() == 10
    assert card.autoboot.read_bytes() == octets(Autoboot("b", "b"))
    assert card.starts("b") == ["a"]
    assert card.starts("b") == ["a"], "until it is whole again"


def test_two_failures_are_forgotten_by_a_start_that_succeeds(card: TwoSystems) -> None:
    for _ in range(3):
        card.fails()
        card.fails()
        assert card.starts("a") == []
    assert card.committed == "a"


def test_a_system_that_was_written_anew_is_lost_no_more(card: TwoSystems) -> None:
    for _ in range(3):
        card.fails()
    assert card.starts("b") == ["a"]
    assert card.starts("a") == []
    assert card.starts("b") == []


def test_a_start_that_is_well_writes_nothing(card: TwoSystems) -> None:
    before = card.disk.stat().st_mtime_ns
    assert card.starts("a") == card.starts("b") == []
    assert card.disk.stat().st_mtime_ns == before


def test_a_try_that_fails_is_counted_against_nobody(card: TwoSystems) -> None:
    before = card.disk.stat().st_mtime_ns
    assert [card.fails("b") for _ in range(5)] == [10] * 5
    assert card.committed == "a"
    assert card.disk.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "what", ["empty boot", "no kernel", "kernel of none", "of this slot", "not mounted", "boot", "damaged", "none"]
)
def test_without_another_whole_system_it_tries_seldom_and_writes_no_more(card: TwoSystems, what: str) -> None:
    broken = {"not mounted": str(card.root / "mnt/system"), "boot": str(card.root / "mnt/boot")}.get(what, "nothing")
    if what == "empty boot":
        for file in card.boot.iterdir():
            file.unlink()
    elif what == "no kernel":
        (card.boot / "vmlinuz").unlink()
    elif what == "kernel of none":
        (card.boot / "vmlinuz").write_text("")
    elif what == "damaged":
        (card.root / "mnt/system/systemd").unlink()
    elif what == "none":
        (card.root / "sys/p6").unlink()
    of: Slot = "a" if what == "of this slot" else "b"
    assert [card.fails(of=of, broken=broken) for _ in range(9)] == [10] * 2 + [600] * 7
    before = written(card.disk), card.autoboot.read_bytes()
    assert [card.fails(of=of, broken=broken) for _ in range(2)] == [600, 600]
    assert (written(card.disk), card.autoboot.read_bytes()) == before
    assert card.committed == "a"


def test_a_version_that_was_taken_back_or_is_half_written_is_the_last_resort(card: TwoSystems) -> None:
    card.autoboot.write_bytes(octets(Autoboot("a", "a")))
    assert [card.fails() for _ in range(8)] == [10] * 2 + [600] * 6
    assert card.committed == "a"
    assert card.fails() == 10
    assert card.committed == "b"


def test_two_systems_that_fail_in_turn_do_not_chase_each_other(card: TwoSystems) -> None:
    assert [card.fails("a") for _ in range(3)] == [10, 10, 10]
    card.autoboot.write_bytes(octets(Autoboot("b", "b")))
    assert [card.fails("b") for _ in range(8)] == [10] * 2 + [600] * 6
    assert card.committed == "b"
    assert card.fails("b") == 600, "the way back is not gone each minute"
    assert card.committed == "a"
    assert card.starts("a") == ["b"]


@pytest.mark.parametrize("octets_", [b"", b"[all]\n", b"boot_partition=2\n", b"\xff" * 512, b"boot_partition=9\n" * 9])
def test_a_broken_autoboot_txt_is_not_touched(card: TwoSystems, octets_: bytes) -> None:
    card.autoboot.write_bytes(octets_)
    for _ in range(4):
        card.fails()
    assert card.autoboot.read_bytes() == octets_


def test_a_card_without_the_drive_for_people_restarts_as_before(card: TwoSystems) -> None:
    assert card.fails(broken=str(card.root / "mnt/cfg")) == 10
    (card.root / "sys/p1").unlink()
    assert card.fails() == 10
    assert card.starts("a") == []


def test_what_another_image_left_in_the_sector_is_no_failure(card: TwoSystems) -> None:
    for line in ("", "vigie: not started: c 3", "vigie: not started: a 33", "\xff\xfe", "vigie: not started: b 3 a x"):
        card.run(f"note p1 '{line}'")
        assert card.starts("a") == []
        assert card.fails() == 10
        assert card.starts("a") == []
