"""What fails is said, from the wire to the consumer's database, and costs nothing else: every other point goes on.

A probe unplugged, a bus that blocks, a driver with a bug, at the same time; and a card that can't be written.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.runtime.box import Box
from edge.store.fs_memory import Fault, MemoryFs
from hal.fake.gpio import FakeGpio
from hal.fake.i2c import Ads1115Chip, FakeI2c, Sht3xChip
from hal.fake.onewire import FakeOneWire
from tests.box_rig import Bench, Line, Row, Stored, box_here, is_even, line, point, scripted_driver, write_site
from tests.support import eventually
from tests.thirdparty import importable

PROBES = {"flow": "28-3c01f0950a21", "cellar": "28-3c01f0950c13"}
UNTOUCHED = ("cellar", "pressure", "door", "water", "water.flow", "sound")
REASONS = {
    "flow": {"unplugged"},
    "air.temperature": {"bus_blocked", "stale"},
    "air.humidity": {"bus_blocked", "stale"},
    "buggy": {"driver_error"},
}
"""What is broken, and what is said of it. Nobody knows that a call hangs before it has for 5 s."""
BLOCKED_WITHIN_S = 7.0  # a call counts as hanging after 5 s, and that is looked at once a second
PERIOD_MS = 1000


class Site(NamedTuple):
    """A running box with a hand on its devices."""

    box: Box
    sent: Line
    probes: FakeOneWire
    blocked: FakeI2c
    script: Path

    @property
    def stored(self) -> Stored:
        return self.sent.stored

    def since(self, name: str, t_ms: int) -> list[Row]:
        """Return what the consumer has of a point from that instant on."""
        return [row for row in self.stored.records(name) if row.t_ms >= t_ms]


def settings(folder: Path, sent: Line) -> Path:
    """Write the site: two buses of each trouble, so that something is left to go on."""
    scripts = {name: folder / f"{name}.script" for name in ("buggy", "sound")}
    for script in scripts.values():
        script.write_text("21.5", encoding="ascii")
    return write_site(
        folder,
        bus={
            "w1": {"kind": "onewire", "path": str(folder / "w1")},
            "i2c1": {"kind": "i2c", "number": 1},
            "i2c2": {"kind": "i2c", "number": 2},
            "gpio": {"kind": "gpio"},
            "own": {"kind": "own"},
        },
        point=[
            *(point(name, "w1", "ds18b20", probe=probe, resolution=9) for name, probe in PROBES.items()),
            *(
                point(f"air.{what}", "i2c1", "sht3x", address=0x44, channel=what)
                for what in ("temperature", "humidity")
            ),
            point("pressure", "i2c2", "ads1115", address=0x48, input="AIN0"),
            point("door", "gpio", "contact", pin=7),
            point("water", "gpio", "pulse", pin=17, weight=0.001, weight_unit="m3"),
            point("water.flow", "gpio", "pulse", pin=17, weight=0.001, weight_unit="m3", channel="flow"),
            *(point(name, "own", "scripted", script=str(path)) for name, path in scripts.items()),
        ],
        link=sent.link,
    )


def run(folder: Path, act: Callable[[Site], None], **options: Any) -> Site:
    """Run the site, do something with it, end it; return it for what the consumer has."""
    probes = FakeOneWire(folder / "w1")
    for probe in PROBES.values():
        probes.set(probe, 55.5)
    blocked = FakeI2c({0x44: Sht3xChip(20.6, 47.0)}, "i2c1")
    board = FakeGpio()
    devices = Bench(i2c1=blocked, i2c2=FakeI2c({0x48: Ads1115Chip(1.25)}, "i2c2"), gpio=board.factory)
    with importable(scripted_driver(folder)), line(folder) as sent:
        with box_here(settings(folder, sent), folder / "state", hardware=lambda _: devices, **options) as box:
            site = Site(box, sent, probes, blocked, folder / "buggy.script")
            points = box.station.engine.points
            read = [name for name in points if name != "water.flow"]  # no pulse comes: its flow is not known
            eventually(lambda: all(points[name].value is not None for name in read), 15, "every point is read")
            act(site)
        eventually(lambda: site.stored.count() == box.station.records_made, 10, "the last records are stored")
    return site


def assert_bad_and_never_a_value(rows: list[Row], why: set[str]) -> None:
    assert rows
    for row in rows:
        assert (row.value, row.quality) == (None, "bad"), row
        assert row.why in why, row


def begun(rows: list[Row]) -> list[Row]:
    """Return the records from the first reading on: on a busy machine a period may end before it."""
    return rows[next(at for at, row in enumerate(rows) if row.quality == "good") :]


def assert_the_others_kept_their_period(site: Site) -> None:
    """Check that no other point has a hole, a bad record, or fewer records than periods."""
    counts = {}
    for name in UNTOUCHED:
        rows = site.stored.records(name)
        assert is_even(rows, PERIOD_MS), (name, rows)
        if name != "water.flow":
            assert all(row.quality == "good" for row in begun(rows)), (name, rows)
        counts[name] = len(rows)
    assert max(counts.values()) - min(counts.values()) <= 1, counts  # the ends of a run are not whole periods


def trouble(site: Site, seconds: float) -> dict[str, list[Row]]:
    """Break three devices at once, for so long; return what the consumer has of them by then."""
    site.probes.unplug(PROBES["flow"])
    site.blocked.block()
    site.script.write_text("none", encoding="ascii")  # no number: the driver's own float() raises
    from_ms = time.time_ns() // 1_000_000 + PERIOD_MS  # the tick that goes on now may have been read before
    eventually(
        lambda: "bus_blocked" in {row.why for row in site.since("air.humidity", from_ms)},
        BLOCKED_WITHIN_S + 5,
        "the blocked bus is said",
    )
    eventually(lambda: time.time_ns() // 1_000_000 > from_ms + seconds * 1000, seconds + 1)
    return {name: site.since(name, from_ms) for name in REASONS}


def check_troubles(site: Site, seen: dict[str, list[Row]]) -> None:
    """Check what the consumer had of the broken devices while they were broken, and what it has of all in the end."""
    for name, why in REASONS.items():
        assert_bad_and_never_a_value(seen[name], why)
        rows = site.stored.records(name)
        assert begun(rows)[0].t_ms < seen[name][0].t_ms, "it was read before it broke"
        assert all(one.t_ms + one.dt_ms == other.t_ms for one, other in pairwise(rows)), name
    assert_the_others_kept_their_period(site)
    assert site.stored.holes() == site.stored.gaps() == []
    lost = {event["device"] for event in site.stored.events("device_lost")}
    assert str(site.script) in lost


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, dict[str, list[Row]]]:
    """Run the site once, with everything broken at the same time; for the short tests."""
    seen: dict[str, list[Row]] = {}
    disk = MemoryFs()

    def act(site: Site) -> None:
        disk.fail(Fault("pwrite", errno.EIO))
        seen.update(trouble(site, 0.0))
        site.blocked.release()

    return run(tmp_path_factory.mktemp("troubled"), act, fs=disk), seen


@pytest.mark.slow(reason="a call that hangs is only told from a slow one after 5 s")
def test_a_probe_a_bus_and_a_driver_that_fail_are_bad_with_their_reason_and_never_have_a_value(
    troubled: tuple[Site, dict[str, list[Row]]],
) -> None:
    check_troubles(*troubled)


def test_what_does_not_fail_keeps_its_period_meanwhile(troubled: tuple[Site, dict[str, list[Row]]]) -> None:
    assert_the_others_kept_their_period(troubled[0])


def test_a_card_that_fails_meanwhile_is_said_and_costs_no_record(troubled: tuple[Site, dict[str, list[Row]]]) -> None:
    assert_the_card_was_said(troubled[0].stored, errno.EIO, 1)


@pytest.mark.campaign(reason="three devices broken for 60 s, and good again within 40 s: 2 minutes")
def test_what_failed_for_a_minute_comes_back_good_by_itself(tmp_path: Path) -> None:
    seen: dict[str, list[Row]] = {}

    def act(site: Site) -> None:
        seen.update(trouble(site, 60.0))
        site.blocked.release()
        site.probes.replug(PROBES["flow"])
        site.script.write_text("-3.25", encoding="ascii")
        eventually(
            lambda: all(site.stored.records(name)[-1].quality == "good" for name in REASONS), 40, "all are good again"
        )

    site = run(tmp_path, act)
    check_troubles(site, seen)
    assert all(len(rows) >= 55 for rows in seen.values()), "a bad record for each period"
    assert site.stored.records("buggy")[-1].value == -3.25
    assert {event["device"] for event in site.stored.events("device_back")} >= {str(site.script)}


@pytest.mark.campaign(reason="four tries of the full card, each later than the one before: half a minute")
def test_a_card_that_stays_full_for_a_while_is_said_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.script").write_text("21.5", encoding="ascii")
    disk = MemoryFs()
    with importable(scripted_driver(tmp_path)), line(tmp_path) as sent:
        config = write_site(
            tmp_path,
            bus={"own": {"kind": "own"}},
            point=[point("one", "own", "scripted", script=str(tmp_path / "one.script"), period_s=0.1, record_s=0.1)],
            link=sent.link,
        )
        with box_here(config, tmp_path / "state", fs=disk) as box:
            eventually(lambda: sent.stored.count() > 5, 10, "records arrive")
            disk.fail(Fault("pwrite", errno.ENOSPC, times=7))
            eventually(lambda: box.writer.degraded == "ENOSPC", 5, "the full card is noticed")
            assert box.is_alive(), "a failing card is no reason for a restart"
            eventually(lambda: sent.stored.events("store_ok"), 60, "the card is written again")
            assert not box.writer.degraded
        eventually(lambda: sent.stored.count() == box.station.records_made, 10, "all records are stored")
    assert_the_card_was_said(sent.stored, errno.ENOSPC, 15)
    assert is_even(sent.stored.records("one"), 100)


def assert_the_card_was_said(stored: Stored, error: int, lasted_s: int) -> None:
    degraded, restored = stored.events("store_degraded", "store_ok")
    assert (degraded["event"], degraded["why"]) == ("store_degraded", errno.errorcode[error])
    assert (restored["event"], restored["lost"]) == ("store_ok", 0)
    assert restored["lasted_s"] >= lasted_s
    assert stored.holes() == stored.gaps() == []
