"""A history that is lost or damaged is made again from the log, with what can still be read of the old file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from edge.core.series import HistoryRecord
from edge.core.types import Event, Record
from tests.history_rig import HOUR, T0, HistoryRig, counter, gauge

DAYS = 4


def day(number: int) -> list[Record]:
    """Return a day's records of two points, a minute each, and one record of the whole day."""
    dice = Random(number)
    made: list[Record] = []
    for at in range(number * 1440, (number + 1) * 1440):
        made += [gauge(at * 60_000, dice.random()), counter(at * 60_000, at + 1.0, 1.0)]
    return [*made, Record("daily", number * 86_400_000, 86_400_000, float(number), increment=1.0)]


def filled(folder: Path, **options: int) -> HistoryRig:
    """Return a rig whose file holds several days, and whose log holds the last of them only."""
    rig = HistoryRig(folder, capacity=48 << 10, segment=16 << 10, **options)
    rig.journal(Event("start", 0))
    for number in range(DAYS):
        rig.save(*day(number))
        rig.records.acknowledge("mqtt", rig.records.next_seq() - 1)
        rig.turn()
    rig.flush()
    return rig


def answers(rig: HistoryRig) -> dict[str, object]:
    """Return all that a history answers."""
    found: dict[str, object] = {}
    for info in rig.history.points():
        found[info.point] = rig.held(info.point)
        for length in ("hour", "day", "month"):
            found[f"{info.point} {length}"] = [
                msgspec.structs.replace(period, mean=None if period.mean is None else round(period.mean, 9))
                for period in rig.history.periods(info.point, length, 0, 2**59)
            ]
    return {**found, "journal": [(line.seq, line.kind, line.t_ms) for line in rig.history.journal(None, 100)]}


def lost(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_bytes(b"# a text file\n" * 1000)


def cut_in_half(path: Path) -> None:
    octets = path.read_bytes()
    path.write_bytes(octets[: len(octets) // 2])


def no_head(path: Path) -> None:
    octets = path.read_bytes()
    path.write_bytes(bytes(4096) + octets[4096:])


def closed_without(rig: HistoryRig, table: str) -> None:
    """Close it with one table less, as damage to the schema leaves it: the next start makes the file anew."""
    connection = rig.history.file.connection
    assert connection is not None
    connection.execute(f"DROP TABLE {table}")
    rig.close()


def again(rig: HistoryRig) -> HistoryRig:
    made = rig.again(dated=[], boot=rig.boot, capacity=48 << 10, segment=16 << 10)
    made.work()
    made.flush()
    return made


@pytest.mark.parametrize("harm", [lost, emptied, foreign, cut_in_half, no_head])
def test_it_is_made_again_from_all_that_the_log_holds(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    rig = filled(tmp_path)
    assert rig.records.first_seq() > 2881, "the log has not all of it"
    newest = rig.expected("t.flow")
    rig.close()
    harm(tmp_path / "history.db")
    made = again(rig)
    held = made.held("t.flow")
    assert held[-len(newest) :] == newest
    assert made.records.cursor("history") == made.records.next_seq() - 1
    if harm is not emptied:  # a file without a single octet is one that was just being made
        assert [kind for kind, _ in made.told] == ["history_rebuilt"]
        assert "made again from the log" in made.history.notes[-1]
        assert made.told[0][1]["first"] == made.records.first_seq()
    by_hour = made.history.periods("e.main", "hour", newest[0].t_ms + HOUR, 2**59)
    assert {period.increment for period in by_hour} == {60.0}
    made.close()
    after = made.again(dated=[], boot=rig.boot, capacity=48 << 10, segment=16 << 10)
    assert after.told == [], "it is said once"
    after.close()


def test_a_damaged_page_loses_what_stood_on_it_and_no_more(tmp_path: Path) -> None:
    rig = filled(tmp_path)
    before = answers(rig)
    rig.close()
    path = tmp_path / "history.db"
    octets = bytearray(path.read_bytes())
    pages = len(octets) // 4096
    dice = Random(3)
    for page in dice.sample(range(8, pages), 2):
        octets[page * 4096 : (page + 1) * 4096] = dice.randbytes(4096)
    path.write_bytes(octets)
    made = again(rig)
    after = answers(made)
    (kind, words), *more = made.told
    assert (kind, words["why"], more) == ("history_rebuilt", "damaged", [])
    assert words["unreadable"] > 0
    assert words["blocks"] > 0
    was, now = before["t.flow"], after["t.flow"]
    assert isinstance(was, list)
    assert isinstance(now, list)
    assert len(now) > 0.8 * len(was)
    assert {record.t_ms for record in now} <= {record.t_ms for record in was}
    assert len({record.t_ms for record in now}) == len(now), "nothing twice"
    assert after["journal"] == before["journal"]
    assert list(tmp_path.glob("history.db.bad-*"))
    made.close()


def test_what_is_carried_over_and_what_comes_from_the_log_make_the_same_answers_as_before(tmp_path: Path) -> None:
    """The damage lies where nothing is kept, so that all of the old file can be read."""
    rig = filled(tmp_path)
    before = answers(rig)
    closed_without(rig, "salvage")
    made = again(rig)
    assert [kind for kind, _ in made.told] == ["history_rebuilt"]
    assert made.told[0][1]["unreadable"] == 0
    after = answers(made)
    assert {key: value for key, value in after.items() if value != before[key]} == {}
    made.close()


def test_damage_that_is_met_while_it_works_sets_the_file_aside_then(tmp_path: Path) -> None:
    rig = filled(tmp_path)
    newest = rig.expected("e.main")
    path = tmp_path / "history.db"
    connection = rig.history.file.connection
    assert connection is not None
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        for offset in range(4096, size, 4096):
            file.seek(offset)
            file.write(b"\xff" * 4096)
    while rig.history.file._idle:
        rig.history.file._idle.pop().close()
    with pytest.raises(OSError, match="can't be used"):
        rig.held("e.main")
    assert rig.history.is_suspect
    rig.flush()
    rig.flush()
    assert rig.told[-1][0] == "history_rebuilt"
    held = rig.held("e.main")
    assert held == newest
    rig.close()


def test_a_block_with_a_wrong_check_sum_is_left_out_and_counted(tmp_path: Path) -> None:
    rig = filled(tmp_path)
    count = len(rig.held("t.flow"))
    connection = rig.history.file.connection
    assert connection is not None
    key = connection.execute("SELECT key FROM block WHERE n = 60 LIMIT 1").fetchone()[0]
    connection.execute(
        "UPDATE block SET body = CAST(substr(body, 1, 20) || zeroblob(length(body) - 20) AS BLOB) WHERE key = ?", (key,)
    )
    names = ("t.flow", "e.main")
    assert sum(len(rig.held(name)) for name in names) == 2 * count - 60
    assert rig.history.status()["damaged"] > 0
    rig.close()


def test_a_salvage_that_is_interrupted_goes_on_at_the_next_start(tmp_path: Path) -> None:
    rig = filled(tmp_path)
    before = answers(rig)
    closed_without(rig, "gap")
    made, told = rig, rig.told
    for steps in (1, 2, 3, 4):
        made = made.again(dated=[], boot=rig.boot, capacity=48 << 10, segment=16 << 10)
        for _ in range(steps):
            made.historian.step(made.now_s)
            made.now_s += 0.01
        told += made.told
        made.give_back()
    made = again(made)
    after = answers(made)
    assert {key: value for key, value in after.items() if value != before[key]} == {}
    ((kind, words),) = [*told, *made.told]
    assert kind == "history_rebuilt"
    assert words["blocks"] > 40, "counted over all starts"
    made.close()


@pytest.mark.parametrize("harm", [foreign, cut_in_half, no_head, lost])
def test_damage_to_the_new_file_while_the_old_one_is_carried_over_costs_nothing(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    rig = filled(tmp_path)
    before = answers(rig)
    closed_without(rig, "gap")
    made = rig.again(dated=[], boot=rig.boot, capacity=48 << 10, segment=16 << 10)
    for _ in range(3):
        made.historian.step(made.now_s)
        made.now_s += 0.01
    made.give_back()
    harm(tmp_path / "history.db")
    made = again(made)
    after = answers(made)
    assert {key: value for key, value in after.items() if value != before[key]} == {}
    made.close()
    assert len(list(tmp_path.glob("history.db.bad-*"))) == 1


def test_records_of_before_the_epoch_of_the_log_stay_in_order(tmp_path: Path) -> None:
    rig = filled(tmp_path)
    held: list[HistoryRecord] = rig.held("t.flow")
    assert held == sorted(held, key=lambda record: record.t_ms)
    assert held[0].t_ms == T0
    rig.close()
