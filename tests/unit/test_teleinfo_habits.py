"""What a meter itself sends in a form that is not known is no damage: it costs neither index nor time."""

from __future__ import annotations

import random
from typing import Any, Literal

import pytest

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import Rejected, checksum, spaced_group, tabbed_group
from hal.decode.teleinfo.habits import LONG, Habits
from hal.drivers.teleinfo import Teleinfo
from hal.drivers.teleinfo_options import TeleinfoOptions
from hal.fake.meter_frames import Meter
from hal.sample import GOOD
from tests.unit.test_teleinfo_two_meters import Wire


def summed(covered: bytes) -> bytes:
    return covered + bytes((checksum(covered),))


IDLE = [b"\0", b"\xff", b"\xff\0\0", b"\0\0\0", b"\0", b"\xff\xff"]
ADDED = {
    "six labels of a newer meter": [tabbed_group(f"NEWLAB{n}", "0123") for n in range(6)],
    "a horodate of zeros": [tabbed_group("CCASN", "00000", "H000000000000")],
    "a horodate of no month": [tabbed_group("UMOY2", "230", "E261321120000")],
    "a word that is not in the table": [tabbed_group("NTARF", "00")],
    "a label that is no ASCII": [summed("ÉTAT\t1\t".encode("latin-1"))],
    "bytes of an idle line": IDLE,
    "a group with a field too many": [summed(b"EAST\tx\ty\t1\t")],
}
SPACED = {
    "bytes of an idle line": IDLE,
    "six labels of a newer meter": [spaced_group(f"NEWLAB{n}", "0123") for n in range(6)],
    "words that are not in the table": [spaced_group("HHPHC", "B"), spaced_group("DEMAIN", "VERT")],
}


def read(mode: Literal["historique", "standard"], added: list[bytes], frames: int = 60) -> tuple[list[Any], int, Any]:
    """Return the index samples of a meter whose frames hold these groups too, its fixes, and the driver."""
    label = "EAST" if mode == "standard" else "HCHP"
    driver = Teleinfo("/dev/none", {"p": TeleinfoOptions(label=label)})
    wire: Any = Wire()
    driver._line = wire
    meter = Meter(mode)
    meter.set_power(4000.0)
    each_ms = 1000.0 if mode == "standard" else 1500.0
    samples, fixes = [], 0
    for number in range(1, frames + 1):
        more = b"".join(b"\n" + group + b"\r" for group in added)
        wire.waiting = meter.frame(number * each_ms)[:-1] + more + b"\x03"
        samples += driver.read(["p"], round(number * each_ms * 1e6))
        fixes += driver.fix() is not None
    return samples, fixes, driver


@pytest.mark.parametrize(
    ("mode", "added"),
    [("standard", added) for added in ADDED.values()] + [("historique", added) for added in SPACED.values()],
    ids=[*ADDED, *(f"historique: {name}" for name in SPACED)],
)
def test_what_the_meter_itself_sends_costs_neither_index_nor_time(mode: Any, added: list[bytes]) -> None:
    plain, plain_fixes, _ = read(mode, [])
    samples, fixes, driver = read(mode, added)
    assert [sample.quality for sample in samples[4:]] == [GOOD] * (len(samples) - 4)
    assert samples[-1].value == plain[-1].value
    assert abs(fixes - plain_fixes) <= 1
    assert driver.condition()["frame_bad"] == 0, "and vigie doctor calls no line noisy"
    assert driver.condition()["groups_bad"] <= len(added)


def test_damage_is_never_taken_for_the_meters_own() -> None:
    chance = random.Random(7)
    decoder, meter = Decoder(), Meter("standard")
    damaged = own = 0
    for number in range(300):
        frame = bytearray(meter.frame(number * 1000.0))
        for place in range(len(frame)):
            if chance.random() < 0.01:
                frame[place] ^= 1 << chance.randrange(7)
        for event in decoder.feed(bytes(frame), number * 1000.0):
            if isinstance(event, FrameEnd):
                damaged += len(event.rejected)
                own += len(event.own)
    assert damaged > 1000
    assert own <= damaged // 200, "the same bit of the same group, twice within eight frames"


def test_a_group_behind_bytes_of_an_idle_line_is_whole_and_one_with_them_inside_is_not() -> None:
    group = spaced_group("PAPP", "01230")
    (found,) = [
        event for event in Decoder().feed(b"\x02\n\0\0" + group + b"\r\x03", 0.0) if isinstance(event, FrameEnd)
    ]
    assert [each.raw for each in found.groups] == [group]
    for inside in (group[:3] + b"\0" + group[3:], b"\xff\0" + group, group + b"\0", b"\xff" + group):
        (found,) = [
            event for event in Decoder().feed(b"\x02\n" + inside + b"\r\x03", 0.0) if isinstance(event, FrameEnd)
        ]
        assert (found.groups, len(found.rejected)) == ([], 1), inside


def test_what_does_not_come_again_is_forgotten_and_a_wrong_sum_is_damage_each_time() -> None:
    habits = Habits()
    label, other = (Rejected(spaced_group("NEW", value), "label") for value in "12")
    wrong = Rejected(b"EAST 1 x", "checksum")
    assert habits.split([label, wrong]) == ([label, wrong], [])
    assert habits.split([other, wrong]) == ([wrong], [other]), "the same label with another value"
    for _ in range(LONG):
        assert habits.split([wrong]) == ([wrong], [])
    assert habits.split([label]) == ([label], [])
    noise = [Rejected(summed(bytes((9, number % 256)) * 2000), "characters") for number in range(100)]
    noise += [Rejected(b"\x7f" * 9, "characters"), Rejected(b"\x00", "characters"), Rejected(b"", "format")]
    for _ in range(2):
        assert habits.split(noise) == (noise, []), "too long to be remembered, or without a right sum"
