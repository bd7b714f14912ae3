"""A box's own SMS link and the gateway, through an air that loses, doubles and reorders; history as the account."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

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
    for hour, (value, increment) in got.items():
        if hour - 1 in got:
            assert increment == value - got[hour - 1][0]
        else:
            assert increment is None, "no increment is made up over hours without a value"
    assert [hour for hour, (_, increment) in sorted(got.items()) if increment is None] == [min(got), 13, 26]
    far.server.close()


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
