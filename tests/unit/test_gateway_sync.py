"""A box's own SMS link and the gateway, through an air that loses, doubles and reorders; history as the account."""

from __future__ import annotations

from pathlib import Path

from edge.upstream.gateway_orders import ask
from edge.upstream.gateway_store import GatewayStore
from tests.gateway_rig import Server
from tests.sms_link_rig import BEGIN_MS, HOUR_MS, Rig


class RealFar:
    """The far end of the air: a real gateway and its consumer."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        store = GatewayStore(folder / "gateway.db")
        with store:
            store.keep("identity", rig.gateway.own.saved())
        store.close()
        self.server = Server(folder)
        self.number = "+33600000117"
        self._taken = 0

    def take(self, octets: bytes, utc_s: int) -> list[bytes]:
        self.server.mailboxes["a"].bring(self.number, octets=octets)
        return self.step(utc_s)

    def step(self, utc_s: int) -> list[bytes]:
        self.server.utc_s = float(utc_s)
        self.server.gateway.step(utc_s)
        if any(box.state == "new" for box in self.server.gateway.store.boxes()):
            self.server.accept("b0117")
            self.server.gateway.step(utc_s)
        self.server.consumer.step(utc_s)
        self.server.gateway.step(utc_s)
        mailbox = self.server.mailboxes["a"]
        while mailbox.leave() is not None:
            pass
        left = [sent.octets for sent in mailbox.left[self._taken :]]
        self._taken = len(mailbox.left)
        return left

    def hours(self, point: str) -> dict[int, tuple[float, float | None]]:
        """Return what the consumer has of an index, by hour from the beginning. Fails when one is there twice."""
        query = (
            "SELECT r.t_ms, r.value, r.increment FROM record r JOIN point p ON p.id = r.point WHERE p.point = ?"
            " AND r.value IS NOT NULL"
        )
        rows = self.server.consumer.ledger._db.execute(query, (point,)).fetchall()
        found = {(t_ms - BEGIN_MS) // HOUR_MS: (value, increment) for t_ms, value, increment in rows}
        assert len(found) == len(rows)
        return found


def account(rig: Rig, point: str, hours: range) -> dict[int, float]:
    """Return what the box measured: the index at the end of each hour."""
    found = {}
    for hour in hours:
        t_ms = BEGIN_MS + hour * HOUR_MS
        period = rig.past.period(point, t_ms, t_ms + HOUR_MS)
        if period is not None and period.last is not None and hour not in rig.past.holes:
            found[hour] = float(int(period.last))
    return found


def test_what_the_box_measured_is_what_the_consumer_has_and_increments_add_up(tmp_path: Path) -> None:
    rig = Rig()
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.past.holes = {30, 31, 32, 55}
    rig.run(7 * 86_400)
    got = far.hours("tic.base")
    want = account(rig, "tic.base", range(min(got), max(got) + 1))
    assert {hour: value for hour, (value, _) in got.items()} == want
    assert len(want) > 100
    for hour, (value, increment) in got.items():
        if hour - 1 in got:
            assert increment == value - got[hour - 1][0]
        else:
            assert increment is None, "no increment is made up over hours without a value"
    assert [hour for hour, (_, increment) in sorted(got.items()) if increment is None] == [min(got), 33, 56]
    assert rig.sync.status()["acked"]["messages"] > 0
    far.server.close()


def test_lost_doubled_and_reordered_messages_and_a_box_that_is_killed_leave_no_difference(tmp_path: Path) -> None:
    rig = Rig(seed=3, loss=0.08, double=0.08, transit_s=(2.0, 1200.0))
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.run(3 * 86_400)
    rig.kill()
    rig.start()
    rig.run(86_400)
    rig.air._loss = 0.0
    rig.run(3 * 86_400)
    far.step(rig.clock.utc_ms() // 1000)
    got = far.hours("tic.base")
    want = account(rig, "tic.base", range(min(got), max(got) + 1))
    assert {hour: value for hour, (value, _) in got.items()} == want
    assert sum(increment or 0 for _, increment in got.values()) == got[max(got)][0] - got[min(got)][0]
    assert rig.air.lost > 3
    assert len(got) > 150
    assert not far.server.journal("given_up")
    assert rig.air.to_box < 25
    far.server.close()


def test_alarms_are_in_the_consumers_events_and_orders_are_carried_out(tmp_path: Path) -> None:
    rig = Rig()
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.run(86_400)
    rig.happen("alarm_begin", "t.flow", id=7, limit="t.flow.high", kind="high", prio="high", v=92.5, u="Cel", at=85)
    rig.run(1800)
    rig.happen("alarm_end", "t.flow", id=7, limit="t.flow.high", kind="high", prio="high", v=80.0, u="Cel")
    ask(
        far.server.gateway.store,
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
