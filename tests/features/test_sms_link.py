"""Values and alarms by SMS within a budget, and beside MQTT, by the acceptance lines of S5 and S6."""

from __future__ import annotations

import itertools

from edge.core.types import PointSpec
from edge.settings.model_sms import SmsLink
from tests.sms_link_rig import DAY_S, Rig, hours_of

GAUGES = [PointSpec(f"t{number}", "gauge", "Cel") for number in range(7)]
COUNTERS = [PointSpec(name, "counter", "l") for name in ("tic.base", "water", "w2")]


def test_with_three_messages_a_day_the_days_are_sent_and_alarms_still_leave_at_once() -> None:
    """S5: SMS budget 3/day, 10 channels → daily summary sent, alarms still immediate."""
    rig = Rig(SmsLink(plan="daily", step_s=86_400, per_day=3, per_month=90), points=[*COUNTERS, *GAUGES], poll_s=300.0)
    rig.run(3 * DAY_S)
    for day in range(6):
        rig.run(DAY_S / 3)
        rig.happen("alarm_begin", "t0", id=day, kind="high", v=92.5, u="Cel", at=85.0)
        rig.run(120)
        assert len(rig.gateway.events) == day + 1, "the alarm left at once"
        rig.run(DAY_S * 2 / 3 - 120)
    sent = [day.sent for day in rig.queue.account.days.values()]
    assert max(sent) <= 3
    days = sorted({t_s for point, _, t_s in rig.gateway.values() if point == "water"})
    assert len(days) >= 7
    assert [later - earlier for earlier, later in itertools.pairwise(days)] == [86_400] * (len(days) - 1)


def test_values_go_by_sms_only_while_mqtt_is_away() -> None:
    """S6: cut IP → after delay SMS; IP back → backlog by MQTT only."""
    rig = Rig(SmsLink(plan="hourly", after_s=3600, per_day=60, per_month=900))
    rig.silent_s = 0.0
    rig.run(DAY_S / 2)
    assert rig.gateway.reports == []
    for minutes in range(0, 8 * 60, 20):  # IP is cut
        rig.silent_s = 60.0 * minutes
        rig.run(1200)
        if rig.silent_s < 3600:
            assert rig.gateway.reports == [], "before the delay is over nothing goes by SMS"
    during = hours_of(rig)
    assert during == list(range(during[0], during[-1] + 1))
    assert 11 <= during[0] <= 12
    rig.silent_s = 0.0  # IP is back: what was measured meanwhile comes by MQTT
    before = len(rig.mailbox.left)
    rig.run(DAY_S)
    assert len(rig.mailbox.left) == before
