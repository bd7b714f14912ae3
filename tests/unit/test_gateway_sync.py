"""A box's own SMS link and the gateway, through an air that loses, doubles and reorders; history as the account."""

from __future__ import annotations

import itertools
import random
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from edge.settings.model_sms import SmsLink as SmsSettings
from edge.upstream.gateway_orders import ask
from edge.upstream.gateway_store import GatewayStore
from sms.wire import header_of
from tests.gateway_rig import RealFar, account
from tests.sms_link_rig import Rig


def test_what_the_box_measured_is_what_the_consumer_has_and_increments_add_up(tmp_path: Path) -> None:
    rig = Rig()
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.past.holes = {10, 11, 12, 25}
    rig.run(4.5 * 86_400)
    got = far.hours("tic.base")
    want = account(rig, "tic.base", range(min(got), max(got) + 1))
    assert {hour: value for hour, (value, _) in got.items()} == want
    assert len(want) > 90
    judge(rig, far)
    far.server.close()


def judge(rig: Rig, far: RealFar) -> dict[int, tuple[float, float | None]]:
    """Fail where the consumer's records are not history's, increments included: over hours without a value the sum."""
    for point in ("tic.base", "water"):
        got = far.hours(point)
        want = account(rig, point, range(min(got), max(got) + 1))
        want = {hour: value for hour, value in want.items() if (point, hour) not in rig.past.dark}
        assert {hour: value for hour, (value, _) in got.items()} == want
        moved = [later - value for value, later in itertools.pairwise(want[hour] for hour in sorted(want))]
        assert [got[hour][1] for hour in sorted(got)] == [None, *moved]
    return got


def live(dice: random.Random, folder: Path, days: int) -> None:
    """Let a box live with hours without a value, of all points or one, power cuts, and time off; then judge."""
    plan: Literal["hourly", "6-hourly", "daily"] = dice.choice(("hourly", "6-hourly", "daily"))
    rig = Rig(SmsSettings(plan=plan, per_day=60, per_month=1000), seed=dice.randrange(999), poll_s=900.0)
    far = RealFar(rig, folder)
    rig.air._far = far
    hours = days * 24
    for _ in range(dice.randrange(6)):
        begin = dice.randrange(2, hours)
        rig.past.holes |= set(range(begin, begin + dice.choice((1, 2, 5, 30))))
    rig.past.dark = {(dice.choice(("tic.base", "water")), dice.randrange(2, hours)) for _ in range(12)}
    past_h = 0
    while past_h < hours:
        awake_h = dice.randrange(1, 30)
        rig.run(awake_h * 3600)
        off_h = dice.choice((0, 0, 1, 3, 20, 70))
        if dice.random() < 0.5:
            rig.link.close()
        rig.kill()
        rig.past.holes |= set(range(past_h + awake_h, past_h + awake_h + off_h))
        rig.run(off_h * 3600)
        rig.start()
        past_h += awake_h + off_h
    rig.run(2.2 * 86_400)  # twice the longest plan
    got = judge(rig, far)
    assert min(got) == 0
    assert max(got) >= past_h + 24, "all of before the last start is there"
    far.server.close()


def test_after_hours_without_a_value_values_and_increments_come_at_once_and_are_those_of_history(
    tmp_path: Path,
) -> None:
    # 0: an empty message overtakes the one before; 18: an index moves more than 65,536 while the box is off
    for number in (0, 18):
        (tmp_path / str(number)).mkdir()
        live(random.Random(number), tmp_path / str(number), days=4)


@pytest.mark.campaign(reason="150 boxes that live two weeks with outages")
def test_150_boxes_with_outages_have_the_increments_of_their_history(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / str(number)).mkdir()
        live(random.Random(number), tmp_path / str(number), days=14)


def test_alarms_are_in_the_consumers_events_and_orders_are_carried_out(tmp_path: Path) -> None:
    rig = Rig()
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.run(86_400)
    rig.happen("alarm_begin", "t.flow", id=7, limit="t.flow.high", kind="high", prio="high", v=92.5, u="Cel", at=85)
    rig.run(1800)
    rig.happen("alarm_end", "t.flow", id=7, limit="t.flow.high", kind="high", prio="high", v=80.0, u="Cel")
    with closing(GatewayStore(far.server.path)) as other:
        ask(
            other,
            "b0117",
            "set",
            {"setpoint": "heating", "value": 19},
            rig.clock.utc_ms() // 1000,
            86_400,
        )
    rig.run(2 * 3600)
    kinds = [kind for kind, _, _ in far.server.events("b0117")]
    assert [kind for kind in kinds if kind.startswith("alarm")] == ["alarm_begin", "alarm_end"]
    (row,) = far.server.gateway.store.db.execute("SELECT fate, text FROM asked").fetchall()
    assert row[0] == "done", row
    assert rig.office.done[0].verb == "set"
    assert "sms_answer" in kinds
    assert "sms_box" not in kinds
    box = far.server.gateway.store.box("b0117")
    assert box is not None
    assert (box.site, box.signal) == ("Test", 63), "what the operator's table shows came with the alarm"
    far.server.close()


def test_once_the_gateway_has_enough_reports_get_shorter_and_stay_right(tmp_path: Path) -> None:
    rig = Rig(SmsSettings(plan="6-hourly", per_day=60, per_month=1000), poll_s=1800.0)
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.run(8 * 86_400)
    assert rig.sync._out.memory.prior, "the weekly acknowledgement asked for one, and both came to the same"
    rig.kill()
    rig.start()
    rig.run(86_400)
    heads = [header_of(octets) for octets in rig.sync._out.memory.lessons]
    assert (heads[0].prior, heads[-1].prior > 0, heads[-1].coder) == (0, True, 1)
    got = far.hours("tic.base")
    want = account(rig, "tic.base", range(min(got), max(got) + 1))
    assert {hour: value for hour, (value, _) in got.items()} == want
    assert len(want) > 200
    far.server.close()
