"""Pulses on sixteen lines of a real GPIO character device: how many the station's driver counts, and other ways beside.

The kernel's timers make the pulses (modules/pulse_gen.c), so that sending costs next to nothing, and the guest's time
is virtual: an instruction takes 2 ns however busy the host is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.hil.guest import Guest
from tests.hil.modules.build import build
from tests.hil.results import Results

pytestmark = pytest.mark.hil

SHIFT = 1  # 2 ns an instruction
LINES = 16
BOUNCES, BOUNCE_US, DEBOUNCE_US = 1, 1500, 1750
"""Each edge bounces for 3 ms; at 100 Hz that leaves 2 ms of a steady level."""
WAYS = {
    "gpiod": "the station's driver on gpiod",
    "lgpio": "the station's driver on lgpio",
    "gpiozero": "a gpiozero Button each, on lgpio",
}
RATES = (50, 100, 200, 300, 400, 600, 800, 1200, 1600)


RUNS = ((16, 10, 30, True), (16, 50, 30, True), (16, 100, 30, True), (1, 500, 60, False))
"""Lines, pulses a second and line, seconds, with bounce; 106,800 pulses."""


class Counted(msgspec.Struct):
    """What `inside/pulses.py` prints."""

    sent: int
    edges: int
    counted: list[int]
    troubles: list[str]
    cpu_s: float
    took_s: float

    @property
    def lost(self) -> int:
        """Pulses that were sent and not counted; negative where more were counted than sent."""
        return self.sent - sum(self.counted)


@pytest.fixture(scope="module")
def guest(guest_folder: Path) -> Iterator[Guest]:
    files = {file.name: file for file in build(Guest.release())}
    made = Guest(guest_folder, modules=[files["pulse_gen.ko"]], shift=SHIFT)
    try:
        made.boot()
        # gpiozero on lgpio only works on a Raspberry Pi: it looks for the board's revision here
        made.run(
            "{ cat /proc/cpuinfo; echo 'Revision : c03115'; } >/run/cpuinfo; mount --bind /run/cpuinfo /proc/cpuinfo"
        )
        yield made
    finally:
        made.close()


def count(guest: Guest, way: str, lines: int, pulses: int, hertz: int, *, bounce: bool) -> Counted:
    """Return what was counted of so many pulses a line."""
    bounces = (BOUNCES, BOUNCE_US, DEBOUNCE_US) if bounce else (0, 0, 0)
    words = " ".join(map(str, (way, lines, pulses, hertz, *bounces)))
    said = guest.run(
        f"cd /tmp; exec /opt/vigie/bin/python /opt/vigie/tree/tests/hil/inside/pulses.py {words}", 120 + 0.2 * pulses
    )
    return msgspec.json.decode(said.lines[-1], type=Counted)


def test_no_pulse_of_sixteen_meters_is_lost(guest: Guest, results: Results, is_full: bool) -> None:
    """S0 allows 16.7 pulses a second a meter; here 10, 50 and 100, each edge bouncing for 3 ms, and 500 on one line."""
    total = 0
    for lines, hertz, seconds, bounce in (
        (16, 10, 30, True),
        (16, 50, 30, True),
        (16, 100, 30, True),
        (1, 500, 60, False),
    ):
        pulses = hertz * (seconds if is_full else max(2, seconds // 10))
        done = count(guest, "gpiod", lines, pulses, hertz, bounce=bounce)
        results.add(
            "Pulses counted by the station's driver", lines=lines, a_second_and_line=hertz, sent=done.sent,
            edges=done.edges, lost=done.lost, CPU_us_a_pulse=f"{done.cpu_s / done.sent * 1e6:.0f}",
        )  # fmt: skip
        assert done.sent == lines * pulses
        assert done.counted == [pulses] * lines
        assert done.troubles == []
        total += done.sent
    assert total >= (100_000 if is_full else 6_000)


def test_the_default_factory_counts_no_worse_than_the_others(guest: Guest, results: Results, is_full: bool) -> None:
    lost = dict.fromkeys(WAYS, 0)
    for lines, hertz, bounce in ((16, 50, True), (16, 100, True), (1, 500, False))[0 if is_full else 1 :]:
        for way, words in WAYS.items():
            done = count(guest, way, lines, hertz * (10 if is_full else 1), hertz, bounce=bounce)
            lost[way] += abs(done.lost)
            results.add(
                "Ways to count beside each other", way=words, lines=lines, a_second_and_line=hertz,
                bounce="3 ms" if bounce else "none", sent=done.sent, counted=sum(done.counted),
                CPU_us_a_pulse=f"{done.cpu_s / done.sent * 1e6:.0f}",
            )  # fmt: skip
    assert lost["gpiod"] == 0
    assert lost["gpiod"] <= min(lost.values())


def test_the_highest_rate_of_sixteen_lines(guest: Guest, results: Results, is_full: bool) -> None:
    """Without bounce; beyond this rate the processor is too slow, and then the loss is said."""
    if not is_full:
        pytest.skip("takes minutes: make hil FULL=1")
    for way, words in WAYS.items():
        best = 0
        for hertz in RATES:
            done = count(guest, way, LINES, hertz * 5, hertz, bounce=False)
            if done.lost:
                assert way != "gpiod" or "lost_edges" in done.troubles
                break
            best = hertz
        results.add("Highest rate on sixteen lines without loss", way=words, a_second_and_line=best or "below 50")
        assert way != "gpiod" or best >= 200
