"""More messages than a box holds while its gateway is away: the values of those that had no place go again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.links.sms_dropped import KEPT, MANY
from edge.links.sms_memory import HELD, Outbound
from edge.settings.model_sms import SmsLink as SmsSettings
from sms.wire import LOCAL_DAY, STEPS, Header, Type
from tests.gateway_rig import RealFar
from tests.memory_kept import MemoryKept
from tests.sms_link_rig import DAY_S, Rig
from tests.unit.test_gateway_sync import judge

HOUR_MS = 3_600_000
BASE_S = 1_795_132_800


class Nobody:
    """A queue that takes nothing."""

    def offer(self, *_: Any) -> None: ...

    def room(self, *_: Any) -> int:
        return 0


def outbound(kept: MemoryKept) -> Outbound:
    return Outbound(kept, "key", "+33600000100", Nobody())


def sealed(counter: int, type_: Type = Type.REPORT, step: int = STEPS.index(3600), hours: int = 1) -> bytes:
    head = Header(type_, 1, counter, 0, 0, BASE_S + counter * 3600, step, 0, hours)
    return head.packed() + bytes(20)


def hold(out: Outbound, counters: range, **more: Any) -> None:
    for counter in counters:
        out.hold(counter, sealed(counter, **more), "report", 0)


def hours(*ranges: tuple[int, int]) -> list[tuple[int, int]]:
    return [((BASE_S + first * 3600) * 1000, (BASE_S + last * 3600) * 1000) for first, last in ranges]


def test_what_had_no_place_goes_again_once_the_gateway_says_that_it_misses_it() -> None:
    kept = MemoryKept()
    out = outbound(kept)
    hold(out, range(HELD + 40))
    assert (len(out.memory.held), len(out.memory.dropped)) == (HELD, 40)
    assert out.memory.backlog == [], "nothing is paid for before"
    out.save()
    out = outbound(kept)
    out.acknowledged(9, (10, 11, 12, 20))
    assert [one[0] for one in out.memory.dropped] == [10, 11, 12, *range(20, 40)], "of those above nothing is known"
    assert out.newly_gone((10, 11, 12, 20)) == [(10, 12), (20, 20)]
    assert out.memory.backlog == hours((10, 13), (20, 40))
    assert out.memory.dropped == []
    assert out.newly_gone((10, 11, 12, 20)) == [], "told once"


def test_what_the_gateway_had_after_all_does_not_go_again() -> None:
    out = outbound(MemoryKept())
    hold(out, range(HELD + 40))
    out.acknowledged(HELD + 39, ())
    assert (out.memory.dropped, out.memory.backlog, out.memory.held) == ([], [], [])


def test_alarms_are_not_made_again_days_cover_their_25_hours_and_a_foreign_head_stops_nothing() -> None:
    out = outbound(MemoryKept())
    out.hold(0, sealed(0, Type.ALARM), "alarm", 0)
    out.hold(1, b"", "report", 0)
    out.hold(2, sealed(2, Type.REPORT, 13), "report", 0)
    out.hold(3, sealed(3, Type.DAILY, LOCAL_DAY, 2), "report", 0)
    hold(out, range(4, HELD + 4))
    ((counter, begin_ms, end_ms),) = out.memory.dropped
    assert (counter, begin_ms) == (3, (BASE_S + 3 * 3600) * 1000)
    assert 49 * HOUR_MS <= end_ms - begin_ms < 72 * HOUR_MS


def test_a_gateway_that_is_gone_for_years_costs_the_box_no_more_memory() -> None:
    out = outbound(MemoryKept())
    hold(out, range(HELD + KEPT + 7))
    assert len(out.memory.dropped) == KEPT
    assert out.memory.dropped[0][0] == 7


class Away:
    """Nobody at the other end."""

    def take(self, octets: bytes, utc_s: int) -> list[bytes]:
        return []

    def step(self, utc_s: int) -> list[bytes]:
        return []


def away(folder: Path, days: float, settings: SmsSettings | None = None) -> tuple[int, int, int, int]:
    """Let a gateway be away, and judge two days after; return messages held, dropped and sent since, and hours."""
    rig = Rig(settings, poll_s=900.0)
    far = RealFar(rig, folder)
    rig.air._far = far
    rig.run(DAY_S)
    rig.air._far = Away()
    rig.run(days * DAY_S)
    memory = rig.sync._out.memory
    held, dropped, sent = len(memory.held), len(memory.dropped), len(rig.mailbox.left)
    rig.air._far = far
    rig.run(2 * DAY_S)
    got = judge(rig, far)
    assert min(got) == 0
    assert max(got) >= 24 * (days + 3) - 8
    assert far.server.journal("given_up") == []
    assert not memory.backlog
    far.server.close()
    return held, dropped, len(rig.mailbox.left) - sent, len(got)


def test_after_days_without_a_gateway_the_consumer_has_every_hour_by_few_messages(tmp_path: Path) -> None:
    held, dropped, sent, hours = away(tmp_path, 4)
    assert (held > 90, dropped, hours >= 7 * 24 - 2) == (True, 0, True)
    assert sent <= 48 + 96 // 8


def test_a_few_messages_go_again_as_they_were(tmp_path: Path) -> None:
    held, _, sent, _ = away(tmp_path, 4, SmsSettings(plan="6-hourly", per_day=60, per_month=1000))
    assert 16 <= held < MANY
    assert 8 + 16 <= sent <= 8 + 20, "new ones, and those of four days"


@pytest.mark.campaign(reason="30 days without a gateway, by the hour")
def test_after_thirty_days_without_a_gateway_the_consumer_has_every_hour_once(tmp_path: Path) -> None:
    held, dropped, sent, hours = away(tmp_path, 30)
    print(
        f"30 days without a gateway, by the hour: {held} messages held, {dropped} had no place; two days and {sent}"
        f" messages later all {hours} hours are there, once"
    )
    assert dropped > 150
    assert sent <= 48 + 30 * 24 // 8
