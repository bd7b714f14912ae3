"""What the initramfs makes of a card, whatever lies on it: hands over to systemd in its bound, or gives way.

Each start goes as far as the hand-over (half a minute of guest time); then the power is taken away.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.autoboot import Autoboot, octets, parsed
from image.card import layout
from image.card.build import BLANK_DATA
from image.card.host import PATH, run
from tests.image import emulated
from tests.image.emulated import Card

HANDED_OVER = r"systemd\[1\]: systemd \d+"
WITHIN_S = 400  # of a machine that does other things too
GUEST_S = 60

pytestmark = pytest.mark.image

DATA = layout.named(layout.parts(), "data")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Card]:
    found = emulated.image()
    if found is None or emulated.needs():
        pytest.skip(f"no image (make image), or missing: {' '.join(emulated.needs())}")
    folder = tmp_path_factory.mktemp("card")
    # no larger than the image: what lies on the data partition is not grown
    with Card(found, folder, size_bytes=layout.disk_bytes(layout.parts())) as made:
        made.has_shell = False
        yield made
    shutil.rmtree(folder)


def lay(card: Card, at: int, content: bytes) -> bytes:
    """Write into the card; return what stood there."""
    card.cut()
    with card.path.open("r+b") as opened:
        opened.seek(at)
        before = opened.read(len(content))
        opened.seek(at)
        opened.write(content)
    return before


def lay_file_system(card: Card, folder: Path, tmp_path: Path) -> None:
    """Fill the data partition with an ext4 that holds folder."""
    held = tmp_path / "data.ext4"
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-d", folder, held, f"{DATA.size_bytes >> 20}M")
    card.cut()
    at = f"seek={DATA.start_bytes >> 20}"
    run("dd", f"if={held}", f"of={card.path}", "bs=1M", at, "conv=notrunc", "status=none")


def said_of_data(card: Card) -> str:
    """Start the card, wait for the hand-over, and return what was said of the data."""
    card.start()
    said = card.wait_for(r"vigie-card: data: [^\r\n]*", WITHIN_S).removeprefix("vigie-card: data: ")
    card.wait_for(HANDED_OVER, WITHIN_S)
    assert card.guest_s() < GUEST_S
    card.cut()
    return said


def test_empty_partition_is_made_and_found_at_the_next_start(card: Card) -> None:
    lay(card, DATA.start_bytes, bytes(1 << 20))
    assert said_of_data(card) == "formatted"
    assert said_of_data(card) == "ok"


def test_partition_that_was_being_made_when_the_power_went_is_made_anew(card: Card) -> None:
    lay(card, DATA.start_bytes, b"\x01" * (1 << 20))
    lay(card, DATA.start_bytes - layout.SECTOR_BYTES, b"vigie: the data partition is being made\n".ljust(512, b"\0"))
    assert said_of_data(card) == "formatted"
    assert said_of_data(card) == "ok"


def test_lost_first_superblock_is_taken_from_a_copy(card: Card) -> None:
    lay(card, DATA.start_bytes, BLANK_DATA)
    assert said_of_data(card) == "formatted"
    lay(card, DATA.start_bytes, bytes(2048))
    assert said_of_data(card) == "ok"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"\xeb\x52\x90NTFS    " + b"\x11" * 65000, "formatted on a PC"),
        (b"\xff" * (1 << 20), "formatted on a PC"),
        # the magic of an ext4, and nothing else of one
        (b"\x01" * 1080 + b"\x53\xef" + b"\x01" * 65000, "left as it is|left as it was"),
    ],
)
def test_partition_of_somebody_else_is_left_as_it_is_and_said(card: Card, head: bytes, reason: str) -> None:
    lay(card, DATA.start_bytes, bytes(DATA.size_bytes))  # no copies of a superblock of ours either
    lay(card, DATA.start_bytes, head)
    said = said_of_data(card)
    assert said.startswith("damaged: ")
    assert any(part in said for part in reason.split("|"))
    assert lay(card, DATA.start_bytes, head) == head  # not a byte was changed


def test_card_of_another_generation_is_named(card: Card, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/card.json").write_text('{"layout": 2, "more": []}\n')
    lay_file_system(card, tmp_path / "data", tmp_path)
    assert "generation 2" in said_of_data(card)


def test_full_partition_is_told(card: Card, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/fills").write_bytes(b"x" * (DATA.size_bytes - (12 << 20)))
    lay_file_system(card, tmp_path / "data", tmp_path)
    assert said_of_data(card).startswith("full: ")


def test_card_without_a_data_partition_starts(card: Card) -> None:
    ebr = DATA.ebr * layout.SECTOR_BYTES
    before = lay(card, ebr, bytes(512))
    try:
        assert said_of_data(card).startswith("missing: ")
    finally:
        lay(card, ebr, before)


def test_damaged_partition_for_people_does_not_hold_the_start(card: Card) -> None:
    cfg = layout.named(layout.parts(), "cfg").start_bytes
    lay(card, DATA.start_bytes, BLANK_DATA)
    # the firmware's part still reads autoboot.txt: only what Linux looks at is broken
    before = lay(card, cfg + 11, b"\xff\xff")
    try:
        card.start_from = 2
        said = said_of_data(card)
        assert said in {"formatted", "ok"}
        assert "VIGIE cannot be mounted" in card.said()
    finally:
        card.start_from = 0
        lay(card, cfg + 11, before)


def test_system_that_is_not_there_restarts_and_waits_for_nobody(card: Card) -> None:
    system = layout.named(layout.parts(), "system_a").start_bytes
    before = lay(card, system, bytes(4096))
    try:
        card.start()
        card.wait_for("cannot be mounted; restarting in 10 s", WITHIN_S)
        card.ended(WITHIN_S)
        assert "reboot: Restarting system" in card.said()
    finally:
        lay(card, system, before)


def test_committed_system_that_fails_three_times_gives_way_to_the_other(card: Card) -> None:
    for name in ("boot", "system"):
        (start, size), (target, _) = card.part(f"{name}_a"), card.part(f"{name}_b")
        blocks = (f"skip={start >> 20}", f"seek={target >> 20}", f"count={size >> 20}", "bs=1M", "status=none")
        run("dd", f"if={card.path}", f"of={card.path}", *blocks, "conv=notrunc,sparse")
    card.write("cmdline.txt", card.read("cmdline.txt", 2).replace(b"-05", b"-06").replace(b"slot=a", b"slot=b"), 3)
    card.write("autoboot.txt", octets(Autoboot("a", "b")))  # as after a commit: the other one was good
    before = lay(card, layout.named(layout.parts(), "system_a").start_bytes, bytes(1 << 20))
    try:
        for failures in (1, 2, 3):
            card.start()
            card.wait_for("cannot be mounted; restarting in 10 s", WITHIN_S)
            card.ended(WITHIN_S)
            assert parsed(card.read("autoboot.txt")) == Autoboot("a" if failures < 3 else "b", "b")
        card.start()
        card.wait_for("vigie-card: system b on", WITHIN_S)
        card.wait_for(HANDED_OVER, WITHIN_S)
    finally:
        lay(card, layout.named(layout.parts(), "system_a").start_bytes, before)
        card.write("autoboot.txt", octets(Autoboot("a", "a")))


@pytest.mark.skipif(shutil.which("dumpe2fs", path=PATH) is None, reason="e2fsprogs is not installed here")
def test_data_grows_to_the_end_of_a_larger_card(card: Card) -> None:
    lay(card, DATA.start_bytes, BLANK_DATA)
    assert said_of_data(card) == "formatted"
    with card.path.open("r+b") as opened:
        opened.truncate(4 << 30)
    card.start()
    card.wait_for(HANDED_OVER, WITHIN_S)
    grown_mib = ((4 << 30) - DATA.start_bytes) >> 20
    assert f"the data partition has {grown_mib} MiB" in card.said()
    assert "vigie-card: data: ok" in card.said()
    card.cut()
