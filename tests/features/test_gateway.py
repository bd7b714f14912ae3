"""A server for boxes that text: what comes out of its database is what the box measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sms.codec import encode
from sms.schema import Channel, Schema
from sms.wire import Type
from tests.gateway_rig import HOUR, RealFar, Server, account
from tests.sms_link_rig import Rig
from tests.support import ROOT

PARIS = ZoneInfo("Europe/Paris")
CAPTURE = ROOT / "docs" / "receivers" / "capture.sql"
FLAT = Schema(
    "b0117", "Europe/Paris", 3600,
    (
        *(Channel(f"pulse.{place}", "index", "l", 0) for place in range(4)),
        Channel("clamp.1", "mean", "A", 0), Channel("clamp.2", "mean", "A", 0),
        Channel("t.flat", "mean", "Cel", -1), Channel("t.flat", "min", "Cel", -1, 6),
        Channel("t.flat", "max", "Cel", -1, 6),
        Channel("tic.base", "index", "Wh", 0),
    ),
)  # fmt: skip
FIELDS = {
    "PULS1": "pulse.0", "PULS2": "pulse.1", "PULS3": "pulse.2", "PULS4": "pulse.3", "AMP1": "clamp.1",
    "AMP2": "clamp.2", "TEMP": "t.flat", "INDTI1": "tic.base",
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def test_an_hourly_capture_row_comes_through_sms_as_it_was_measured(server: Server) -> None:
    """S4: pulses, amperes, temperatures, index, difference and error flag of each hour fill a manager's table."""
    box = server.box("b0117")
    box.schema = FLAT
    server.bring(box, *box.schema_messages())
    server.step()
    begin = datetime(2026, 10, 24, 22, tzinfo=PARIS)  # the clocks go back in the next night
    starts = [begin + timedelta(hours=place) for place in range(30)]
    base_s = int(begin.timestamp())
    index = [100, 2000, 40, 9_000_000]
    wh = 12_345_678
    columns: list[list[int | None]] = [[] for _ in FLAT.channels]
    want: dict[tuple[str, int], tuple[float | None, ...]] = {}
    for place in range(len(starts)):
        moved = [place % 5, 17, 0, 3]
        index = [one + more for one, more in zip(index, moved, strict=True)]
        wh += 400 + place
        mean = 30 - 4 * place
        row: list[int | None] = [*index, 12, place % 9, mean, mean - 7, mean + 5, wh]
        if place == 20:  # the probe did not answer in this hour
            row[6:9] = [None, None, None]
        for column, value in zip(columns, row, strict=True):
            column.append(value)
        local = datetime.fromtimestamp(base_s + place * 3600, PARIS)
        midnight = datetime(local.year, local.month, local.day, tzinfo=PARIS)
        hour = (base_s + place * 3600 - int(midnight.timestamp())) // 3600
        cells = [None] * 3 if place == 20 else [(mean - 7) / 10, mean / 10, (mean + 5) / 10]
        want[local.date().isoformat(), hour] = (
            *moved, 12, place % 9, *cells, wh, 400 + place, 1 if place == 20 else 0
        )  # fmt: skip
    at = 0
    while at < len(starts):
        part = [column[at:] for column in columns]
        encoded = encode(FLAT, part, full=at == 0)
        head = (FLAT.id, 0, base_s + at * 3600, HOUR, encoded.coder, encoded.count)
        server.bring(box, box.session.seal(Type.REPORT, encoded.body, *head))
        at += encoded.count
    for _ in range(3):
        server.step()
    capture(server, setup=True)
    found = capture(server)
    assert ("2026-10-25", 24) in found, "a day of 25 hours"
    first = min(want)
    assert found.pop(first)[-1] == 1, "nothing was known before the first hour: no increment is made up"
    assert found == {key: row for key, row in want.items() if key != first}
    assert capture(server).keys() == want.keys(), "run again it changes nothing"


def test_lost_doubled_and_reordered_messages_and_a_box_that_is_killed_leave_no_difference(tmp_path: Path) -> None:
    """S3: values by SMS, 8 % lost, 8 % doubled, any order: resent by number, and the database equals the box."""
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


def capture(server: Server, *, setup: bool = False) -> dict[tuple[str, int], tuple[float | None, ...]]:
    """Run the example on the consumer's database and return its rows."""
    db = server.consumer.ledger._db
    db.executescript(CAPTURE.read_text(encoding="utf-8"))
    if setup:
        rows = [(1, 12, "b0117", field, point, 1) for field, point in FIELDS.items()]
        db.executemany("INSERT INTO capture_point VALUES (?,?,?,?,?,?)", rows)
    query = "SELECT date, heure, PULS1, PULS2, PULS3, PULS4, AMP1, AMP2, TEMPMIN, TEMP, TEMPMAX, INDTI1, DIFTI1,"
    query += " error_fichier FROM capture WHERE sitId = 1 AND appId = 12"
    rows = db.execute(query).fetchall()
    return {row[:2]: row[2:] for row in rows}
