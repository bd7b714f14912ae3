"""Boxes and their gateway over a network that loses, doubles and reorders: the consumer's database equals the accounts.

Virtual time; link, queue, seal, codec, gateway and consumer are the ones that run on boxes and servers.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hal.fake.modem_network import Network
from sms.wire import header_of
from tests.sms_fleet import OFFICE, Box, Fleet, RealFleet
from tests.sms_link_rig import BEGIN_MS, HOUR_MS, POINTS
from tests.sms_rig import Air

RESOLUTION = {"tic.base": 1.0, "water": 1.0, "tic.papp": 0.5, "t.flow": 0.05, "door": 0.0}
"""How far what was sent may be from what was measured: an index is cut, never rounded up."""
SETTLE_STEP_S = 6 * 3600.0
STILL_S = 6 * 86_400.0


def hours_that_differ(fleet: Fleet, box: Box, from_ms: int, to_ms: int) -> list[str]:
    """Return where the consumer's database and the box's own account differ, hour by hour and point by point."""
    rows = fleet.server.rows(
        "SELECT p.point, r.t_ms, r.dt_ms, r.value, r.mean FROM record r JOIN point p ON p.id = r.point"
        " JOIN box b ON b.id = p.box WHERE b.name = ? AND r.quality < 2",
        box.id,
    )
    held: dict[tuple[str, int], float] = {}
    found = []
    for point, t_ms, dt_ms, value, mean in rows:
        if (point, t_ms) in held or dt_ms != HOUR_MS:
            found.append(f"{point} {t_ms}: twice, or over {dt_ms} ms")
        held[point, t_ms] = value if mean is None else mean
    for point, resolution in RESOLUTION.items():
        for t_ms in range(from_ms, to_ms, HOUR_MS):
            period = box.past.period(point, t_ms, t_ms + HOUR_MS)
            assert period is not None
            true = period.last if period.mean is None else period.mean
            told = held.pop((point, t_ms), None)
            if told is None or true is None or abs(told - true) > resolution + 1e-6:
                found.append(f"{point} hour {(t_ms - BEGIN_MS) // HOUR_MS}: {told}, was {true}")
    return found + [f"{point} {t_ms}: never measured" for point, t_ms in held if t_ms < from_ms]


def first_hour_ms(box: Box, fleet: Fleet) -> int:
    rows = fleet.server.rows(
        "SELECT min(r.t_ms) FROM record r JOIN point p ON p.id = r.point JOIN box b ON b.id = p.box WHERE b.name = ?",
        box.id,
    )
    assert rows[0][0] is not None, "nothing came"
    return max(int(rows[0][0]), BEGIN_MS)  # an hour before is told as missing


def alarms_told(fleet: Fleet) -> list[tuple[Any, ...]]:
    """Return box, kind and how often, of alarms in the consumer's database."""
    return fleet.server.rows(
        "SELECT b.name, e.kind, count(*) FROM event e JOIN stream s ON s.id = e.stream JOIN box b ON b.id = s.box"
        " WHERE e.kind IN ('alarm_begin', 'alarm_end') GROUP BY b.name, e.kind ORDER BY b.name, e.kind"
    )


def settle(fleet: Fleet, boxes: list[Box], days: int, upto_ms: int) -> float:
    """Let time pass until the accounts are equal, or nothing has come nearer to that for long; return how much."""
    wanted = [(box.id, kind, days) for box in boxes for kind in ("alarm_begin", "alarm_end")]
    passed_s = still_s = 0.0
    before = -1
    while still_s < STILL_S:
        fleet.run(SETTLE_STEP_S)
        passed_s += SETTLE_STEP_S
        left = sum(len(hours_that_differ(fleet, box, first_hour_ms(box, fleet), upto_ms)) for box in boxes)
        left += sum(alarm not in alarms_told(fleet) for alarm in wanted)
        if not left:
            break
        still_s = still_s + SETTLE_STEP_S if left == before else 0.0
        before = left
    return passed_s


def two_boxes(fleet: Fleet, days: int, settle_s: float | None = None) -> tuple[Counter[str], float]:
    """Let two boxes join, report by the hour and tell an alarm each day; return what was sent, by type, and how long.

    Fails where the consumer's database is not what the boxes measured and told, each once. `settle_s`: how long they
    go on then; None: until all is there.
    """
    boxes = [
        fleet.box(f"b000{at}", f"+3360000000{at}", POINTS, plan="hourly", per_day=200, per_month=5000) for at in (1, 2)
    ]
    fleet.run(8 * 3600)
    for day in range(days):
        for box in boxes:
            box.happen("alarm_begin", "t.flow", limit="high", v=61.5 + day, u="Cel")
        fleet.run(20 * 3600.0)
        for box in boxes:
            box.happen("alarm_end", "t.flow", limit="high")
        fleet.run(4 * 3600.0)
    upto_ms = fleet.clock.utc_ms() // HOUR_MS * HOUR_MS - HOUR_MS
    if settle_s is None:  # what was lost at the end is asked for with what comes then
        settle_s = settle(fleet, boxes, days, upto_ms)
    else:
        fleet.run(settle_s)
    taken = list(fleet.network.taken)
    up = {(each.sender, each.content.octets) for each in taken if each.to == OFFICE}
    kinds = Counter(header_of(each.content.octets).type.name for each in taken)
    print(
        f"\n{len(taken)} messages both ways, {len(up)} different ones up; {dict(fleet.network.counts)}; {dict(kinds)};"
        f" {settle_s / 86_400:.2f} days until all was there"
    )
    for box in boxes:
        first_ms = first_hour_ms(box, fleet)
        assert first_ms <= BEGIN_MS + 26 * HOUR_MS  # a hello may get lost, and is said again the next day
        differ = hours_that_differ(fleet, box, first_ms, upto_ms)
        assert not differ, (len(differ), differ[:10], box.sync.status(), fleet.server.journal(box.id))
        assert box.sync.status()["acked"]["messages"] > 0
    assert alarms_told(fleet) == [(box.id, kind, days) for box in boxes for kind in ("alarm_begin", "alarm_end")]
    return kinds, settle_s


@pytest.mark.campaign("1,000 messages of two boxes: three weeks of virtual time, twice")
def test_a_thousand_messages_through_a_bad_network_leave_the_accounts_equal(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    settle_s = None
    for name, loss, duplication in (("bad", 0.05, 0.05), ("good", 0.0, 0.0)):
        (tmp_path / name).mkdir()
        network = Network(6, loss=loss, duplication=duplication, delay_s=(1.0, 600.0))
        fleet = Fleet(tmp_path / name, network)
        try:
            kinds, settle_s = two_boxes(fleet, 21, settle_s)
            sent[name] = kinds.total()
        finally:
            fleet.close()
    assert sent["good"] >= 1000
    print(f"messages both ways, bad over good: {sent['bad'] / sent['good']:.3f}")
    assert sent["bad"] <= 1.15 * sent["good"]


LAPSE = 900.0
"""An hour in 4 s: a daemon needs 1 s for a message, and up to 3 s to read one."""
REAL_DAYS = 18


@pytest.mark.campaign("1,000 messages through real gammu-smsd: three quarters of an hour")
def test_a_thousand_messages_through_real_daemons_leave_the_accounts_equal(tmp_path: Path) -> None:
    network = Network(8, loss=0.05, duplication=0.05, delay_s=(0.0, 0.3))
    with Air(tmp_path, network) as air:
        fleet = RealFleet(tmp_path, air, LAPSE)
        try:
            kinds, settle_s = two_boxes(fleet, REAL_DAYS)
        finally:
            locked = [post.log().count("database is locked") for post in air.posts]
            print(f"database is locked: {locked}; watchdogs: {[each.said for each in fleet.watched]}")
            fleet.close()
    (tmp_path / "clean").mkdir()
    clean = Fleet(tmp_path / "clean", Network(8, delay_s=(0.0, 0.3)))
    try:
        least = two_boxes(clean, REAL_DAYS, settle_s)[0].total()
    finally:
        clean.close()
    sent = kinds.total()
    print(f"real daemons: {sent} messages, {least} in a network without faults: {sent / least:.3f}")
    assert sent >= 1000
    assert sent <= 1.15 * least


@pytest.mark.campaign("300 boxes for a day: two minutes of CPU")
def test_three_hundred_boxes_do_not_wait_for_the_gateways_modem(tmp_path: Path) -> None:
    network = Network(7, loss=0.01, duplication=0.01, delay_s=(2.0, 60.0))
    fleet = Fleet(tmp_path, network, each_s=1.0, poll_s=300.0)
    try:
        for at in range(300):  # installers come one after the other, test, and leave a quarter of an hour later
            fleet.box(f"b{at:04}", f"+3360001{at:04}", POINTS, plan="hourly", per_day=100, per_month=3000)
            fleet.run(60.0)
            fleet.boxes[-1].happen("test_begin")
            for box in fleet.boxes[-15:]:
                box.sync.ask_stored(1)
        fleet.run(6 * 3600.0)
        office = fleet.modems[0]
        joining_s, office.longest_s = office.longest_s, 0.0
        before = len(network.taken)
        fleet.run(12 * 3600.0)
        (boxes,) = fleet.server.rows("SELECT count(DISTINCT p.box) FROM record r JOIN point p ON p.id = r.point")[0]
        print(
            f"\n300 boxes, hourly: {len(network.taken) - before} messages in 12 hours through one modem;"
            f" longest wait {office.longest_s:.0f} s, {joining_s:.0f} s on the day they joined"
        )
        left_by = sum(box.log.acknowledged >= 1 for box in fleet.boxes)
        print(f"{boxes} boxes are heard of, {left_by} had their test acknowledged")
        assert boxes >= 297  # who tests a second time, or waits a day, hears of it
        assert office.longest_s <= 60
    finally:
        fleet.close()
