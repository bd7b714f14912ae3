"""What a gateway keeps: boxes, numbered logs, what could not be read; all of it in one file that survives."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.core.batch import Origin, encode_records
from edge.core.batch_parse import parse_records
from edge.core.types import Event, Record
from edge.links.cutter import Cutter, Prepared
from edge.upstream.gateway_log import KEPT_S, GatewayLog, dating
from edge.upstream.gateway_store import RAW_MOST, USED_UP, GatewayStore, StoreError

NOW_S = 1_795_166_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GatewayStore]:
    made = GatewayStore(tmp_path / "gateway.db")
    yield made
    made.close()


def records(count: int, first: int = 0) -> list[Record]:
    return [Record("t.cellar", (NOW_S + (first + place) * 3600) * 1000, 3_600_000, 12.5) for place in range(count)]


def test_entries_are_numbered_without_holes_and_come_out_as_a_batch_that_says_sms(store: GatewayStore) -> None:
    log = GatewayLog(store)
    with store:
        assert log.append("b0042", "m", records(3), NOW_S)[1] == 3
        assert log.append("b0042", "m", records(2, 3), NOW_S)[1] == 5
        assert log.append("b0042", "ev", [Event("start", NOW_S * 1000)], NOW_S)[1] == 1
        assert log.append("b0043", "m", records(1), NOW_S)[1] == 1
    m, ev, other = log.streams()
    assert (m.next, ev.next, other.next) == (6, 2, 2)
    assert len({m.stream, ev.stream, other.stream}) == 3
    cutter = Cutter(log.reader(m), lambda record: record.start_ms, encode_records, dating(), "json")
    found = cutter.prepare(Origin("b0042", m.stream, "abc", {"t.cellar": "Cel"}, via="sms"), 2, 2**62)
    assert isinstance(found, Prepared)
    batch = parse_records(found.payload)
    assert (batch.seq, batch.n, batch.via, batch.tq, batch.dt) == (2, 4, "sms", "person", 3600)
    assert [entry.t for entry in batch.e] == [NOW_S + place * 3600 for place in range(1, 5)]
    assert not any(entry.why for entry in batch.e)


def test_what_a_transaction_began_is_undone_by_an_exception(store: GatewayStore) -> None:
    log = GatewayLog(store)

    def half() -> None:
        with store:
            log.append("b0042", "m", records(3), NOW_S)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert log.streams() == []
    with store:
        assert log.append("b0042", "m", records(1), NOW_S)[1] == 1


def test_a_cursor_goes_forward_only_and_what_it_passed_goes_after_a_month(store: GatewayStore) -> None:
    log = GatewayLog(store)
    with store:
        log.append("b0042", "m", records(10), NOW_S)
    reader = log.reader(log.streams()[0])
    reader.acknowledge("x", 4)
    reader.acknowledge("x", 2)
    reader.acknowledge("x", 0)
    assert reader.cursor("x") == log.streams()[0].acked == 4
    with store:
        assert log.forget(NOW_S + KEPT_S) == 0
        assert log.forget(NOW_S + KEPT_S + 1) == 4
    reader.refresh(log.streams()[0])
    assert (reader.first_seq(), reader.next_seq()) == (5, 11)
    assert reader.read(1, 100).first == 5
    assert len(reader.read(1, 100).entries) == 6
    reader.acknowledge("x", 99)
    with store:
        log.forget(NOW_S + KEPT_S + 1)
    assert (log.streams()[0].first, log.streams()[0].acked) == (11, 10)


def test_after_a_restore_no_number_is_given_twice(store: GatewayStore) -> None:
    log = GatewayLog(store)
    with store:
        log.append("b0042", "m", records(2), NOW_S)
        log.close_all()
        assert log.append("b0042", "m", records(1), NOW_S)[1] == 1
    old, new = log.streams()
    assert old.stream != new.stream
    assert (old.next, old.is_open, new.next, new.is_open) == (3, False, 2, True)


def asks(store: GatewayStore, id_: str, *, is_paired: bool = False) -> int:
    """Let a box ask to join; return its number."""
    box = store.add_box(id_, id_.encode() * 16, "+33600000042", "", "1.0", NOW_S)
    if is_paired:
        box.session = "{}"
        store.update(box)
    return box.number


def test_boxes_have_the_lowest_number_that_none_ever_sealed_with(store: GatewayStore) -> None:
    with store:
        assert [asks(store, f"b{place}", is_paired=place == 2) for place in range(4)] == [1, 2, 3, 4]
        store.forget("b1")
        assert asks(store, "b8") == 2, "nobody was ever told that number"
        store.forget("b2")
        store.forget("b3")
    with store:
        assert asks(store, "b9") == 4
        assert asks(store, "b2") == 5, "3 was sealed with: nobody gets it again, nor the box itself"
    assert [box.id for box in store.boxes()] == ["b0", "b2", "b8", "b9"]
    assert store.box_of(3) is None
    assert store.box_of(5) == store.box("b2")
    assert store.box("b1") is None
    assert store.box_of(0) is None


def test_a_number_is_over_together_with_the_box_that_had_it_or_not_at_all(tmp_path: Path) -> None:
    with closing(GatewayStore(tmp_path / "g.db")) as store:
        with store:
            asks(store, "b0", is_paired=True)
        store.db.execute("BEGIN")
        store.forget("b0")
        store.db.execute("ROLLBACK")  # the power is cut
    with closing(GatewayStore(tmp_path / "g.db")) as store:
        assert [box.number for box in store.boxes()] == [1]
        with store:
            store.forget("b0")
    with closing(GatewayStore(tmp_path / "g.db")) as store, store:
        assert asks(store, "b0") == 2


def test_when_all_numbers_are_used_up_that_is_said(store: GatewayStore) -> None:
    with store:
        store.keep(USED_UP, 65_534)
        assert asks(store, "b0") == 65_535
        with pytest.raises(StoreError, match="no number is free"):
            asks(store, "b1")


def test_a_file_of_before_gets_what_it_lacks_and_keeps_what_came_once(tmp_path: Path) -> None:
    with closing(GatewayStore(tmp_path / "g.db")) as store:
        store.db.execute("DROP INDEX shut_once")
        store.db.execute("DROP TABLE shift")
        for octets in (b"one", b"one", b"two"):
            store.db.execute("INSERT INTO shut (box, mailbox, phone, octets) VALUES ('b0', 'a', '', ?)", (octets,))
    with closing(GatewayStore(tmp_path / "g.db")) as store:
        assert store.db.execute("SELECT octets FROM shut ORDER BY id").fetchall() == [(b"one",), (b"two",)]
        assert store.db.execute("SELECT count(*) FROM shift").fetchone() == (0,)
        with pytest.raises(sqlite3.IntegrityError):
            store.db.execute("INSERT INTO shut (box, mailbox, phone, octets) VALUES ('b0', 'b', '', ?)", (b"one",))


def test_a_file_that_lacks_a_table_is_refused_and_given_back(tmp_path: Path) -> None:
    with closing(GatewayStore(tmp_path / "g.db")) as store:
        store.db.execute("DROP TABLE shut")
    with pytest.raises(StoreError, match="no table shut"):
        GatewayStore(tmp_path / "g.db")


def test_what_could_not_be_read_is_kept_up_to_a_limit(store: GatewayStore) -> None:
    with store:
        for place in range(RAW_MOST + 5):
            store.add_raw(NOW_S, "a", "+33600000666", place.to_bytes(2), "", "foreign")
    rows = store.db.execute("SELECT octets FROM raw ORDER BY id").fetchall()
    assert len(rows) == RAW_MOST
    assert rows[0][0] == (5).to_bytes(2)


def test_a_file_that_is_none_of_ours_is_refused_with_what_to_do(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    for path, said in ((other, "another program's"), (damaged, "restore"), (tmp_path / "no" / "x.db", "name a file")):
        with pytest.raises(StoreError, match=said):
            GatewayStore(path)


def test_the_file_that_holds_the_key_is_for_its_owner_only(store: GatewayStore, tmp_path: Path) -> None:
    assert (tmp_path / "gateway.db").stat().st_mode & 0o777 == 0o600
