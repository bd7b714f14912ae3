"""Every place of the state folder × all that can be wrong with a file: one message, nothing lost but that file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.bad_state import (
    ACKNOWLEDGED,
    BASES,
    DAMAGES,
    EACH,
    LAST,
    STREAMS,
    Turned,
    copied,
    make_state,
    newer,
    read_back,
    segment,
    site,
)

SEGMENTS = {"first": 0, "middle": 1, "last": 2}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    make_state(folder)
    return folder


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    print("\n" + "\n".join(rows))


@pytest.fixture
def state(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "state", copy_function=copied)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "edge.runtime.findings"]


def lost_with(place: int, damage: str) -> tuple[int, int]:
    """Return the old entries that a damaged segment may cost: a frame, two, or where it is the last what is behind."""
    first = BASES[place]
    if damage == "a bit flipped":
        return first, first + EACH - 1
    if damage == "cut short":
        return first + EACH, first + 2 * EACH - 1
    return first, first + 2 * EACH - 1


USUAL_OF_EVENTS = {("last", "NUL"), ("middle", "a pipe"), ("first", "a bit flipped")}
CELLS = [
    pytest.param(log, place, damage, marks=[] if is_usual else pytest.mark.campaign(reason="the same code, other log"))
    for log in STREAMS
    for place in SEGMENTS
    for damage in DAMAGES
    for is_usual in [log == "records" or (place, damage) in USUAL_OF_EVENTS]
]
BESIDE = ("notebook.json", "notebook.json.bak", "history.db", "history.db-wal", "history.reserve")


@pytest.mark.parametrize(("log", "place", "damage"), CELLS)
def test_a_bad_segment_costs_what_is_in_it_and_is_said_once(
    log: str, place: str, damage: str, state: Path, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, table: list[str],
) -> None:  # fmt: skip
    path = segment(log, SEGMENTS[place])
    DAMAGES[damage](state / path)
    turned = Turned(site(tmp_path), state)
    turned.turn(3)
    found = read_back(getattr(turned.box, log))
    turned.turn(3)
    first, last = lost_with(SEGMENTS[place], damage)

    assert found.wrong == []
    assert set(range(1, LAST + 1)) - set(found.old) == set(range(first, last + 1))
    assert found.new, "the station runs and keeps"
    assert min(found.new) > LAST, "no number is given twice"
    assert turned.box.records.registers["index"] in {LAST, first - 1}, (
        "a counter stands where its last sound frame said"
    )
    covered = {seq for begin, end, _ in found.gaps for seq in range(begin, min(end, LAST) + 1)}
    assert covered == set(range(first, last + 1)), "what is gone is declared"
    said = messages(caplog)
    events = [entry.values for entry in turned.box.events.read(turned.began["events"], 100).entries
              if entry.kind == "store_damaged"]  # fmt: skip
    if (place, damage) == ("first", "missing"):
        assert (said, events) == ([], []), "as when the ring is full: upstream is told by `first`"
    else:
        assert len(said) == len(events) == 1, said
        assert segment(log, SEGMENTS[place])[:-4] in said[0] or (place, damage) == ("middle", "missing")
        assert events[0]["log"] == log
    table.append(f"{log:8} {place:7} {damage:23} lost {last - first + 1:2}  {said[0] if said else ''}")
    turned.end()
    caplog.clear()
    again = Turned(site(tmp_path), state)
    again.turn(2)
    again.end()
    assert messages(caplog) == []


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["cursors", "lock", "reserved", "set aside", "stranger"])
def test_what_lies_beside_the_segments_costs_no_entry(
    place: str, damage: str, state: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, table: list[str]
) -> None:
    """A stranger: a file with a segment's name that never was one, in the middle of what a true one holds."""
    path = {
        "cursors": state / "records/cursors",
        "lock": state / "records/lock",
        "reserved": state / f"records/{STREAMS['records']}-0003.new",
        "set aside": state / f"records/{STREAMS['records']}-0000000000000003.bad",
        "stranger": state / f"records/{STREAMS['records']}-000000000000000d.seg",
    }[place]
    if not path.exists():
        path.write_bytes(bytes(4 << 20))
    DAMAGES[damage](path)
    turned = Turned(site(tmp_path), state)
    turned.turn(3)
    found = read_back(turned.box.records)
    assert (found.old, found.wrong, found.gaps) == (list(range(1, LAST + 1)), [], [])
    assert found.new == list(range(LAST + 1, turned.box.records.next_seq()))
    assert turned.box.records.cursor("mqtt") == ACKNOWLEDGED
    said = messages(caplog)
    is_in_the_way = damage in {"a folder", "a link", "a dangling link", "a pipe"}
    is_said = {
        "cursors": damage not in {"cut short", "a bit flipped"},  # the other slot is sound
        "lock": is_in_the_way,
        "reserved": is_in_the_way,
        "set aside": False,
        "stranger": damage != "missing",
    }
    assert len(said) == is_said[place]
    assert all(path.name.rpartition(".")[0] in line for line in said)
    table.append(f"{'records':8} {place:7} {damage:23} lost  0  {said[0] if said else ''}")
    turned.end()


@pytest.mark.parametrize("damage", ["random text", "a dangling link", "a pipe"])
@pytest.mark.parametrize("log", STREAMS)
def test_what_stands_in_the_place_of_a_logs_folder_is_set_aside(
    log: str, damage: str, state: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, table: list[str]
) -> None:
    shutil.rmtree(state / log)
    (state / log).touch()
    DAMAGES[damage](state / log)
    turned = Turned(site(tmp_path), state)
    turned.turn(3)
    assert getattr(turned.box, log).stream != STREAMS[log], "a new log, whose numbers nobody mixes up with the old ones"
    assert read_back(getattr(turned.box, log)).new
    assert messages(caplog) == [f"{log} is no folder: set aside as {log}.bad"]
    table.append(f"{log:8} folder  {damage:23} all      {messages(caplog)[0]}")
    turned.end()


@pytest.mark.parametrize("log", STREAMS)
@pytest.mark.parametrize("place", SEGMENTS)
def test_a_newer_versions_files_are_refused_by_name_and_not_touched(
    log: str, place: str, state: Path, tmp_path: Path, table: list[str]
) -> None:
    path = state / segment(log, SEGMENTS[place])
    newer(path, STREAMS[log], BASES[SEGMENTS[place]])
    before = path.read_bytes()
    for _ in range(2):  # the refusal let go of the locks
        with pytest.raises(OSError, match=f"{path.name}.*newer vigie") as refused:
            Turned(site(tmp_path), state)
    assert path.read_bytes() == before
    assert sorted(found.name for found in state.rglob("*.bad")) == []
    table.append(f"{log:8} {place:7} {'a newer version':23} refused: {refused.value.strerror}")


def test_a_folder_that_is_not_there_is_made_and_one_that_is_a_file_is_refused_in_one_sentence(
    tmp_path: Path, table: list[str]
) -> None:
    turned = Turned(site(tmp_path), tmp_path / "deep" / "state")
    turned.turn(2)
    assert turned.box.records.next_seq() > 1
    turned.end()
    for damage in ("random text", "a dangling link", "a pipe"):
        state = tmp_path / damage
        state.touch()
        DAMAGES[damage](state)
        with pytest.raises(OSError, match="is no folder; move it away") as refused:
            Turned(site(tmp_path), state)
        table.append(f"{'state':8} folder  {damage:23} refused: {refused.value.strerror}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with notebook and history, after a stop."""
    folder = tmp_path_factory.mktemp("whole")
    turned = Turned(site(folder), folder / "state")
    turned.turn(30)
    for worker in (turned.box.keeper, turned.box.historian):
        worker.step(turned.moved.monotonic_ns() / 1e9)
        worker.close()
    turned.end()
    return folder / "state"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", BESIDE)
def test_whatever_lies_in_the_place_of_notebook_or_history_the_box_runs_and_keeps(
    name: str, damage: str, whole: Path, tmp_path: Path, table: list[str]
) -> None:
    state = shutil.copytree(whole, tmp_path / "state", copy_function=copied)
    if not (state / name).exists():
        (state / name).write_bytes(bytes(8192))
    DAMAGES[damage](state / name)
    turned = Turned(site(tmp_path), state)
    turned.turn(3)
    turned.box.historian.step(turned.moved.monotonic_ns() / 1e9)
    turned.turn(3)
    said = [
        event.kind for event in turned.box.events.read(turned.began["events"], 100).entries
        if event.kind.startswith(("notebook", "history", "store"))
    ]  # fmt: skip
    assert turned.box.records.next_seq() >= turned.began["records"] + 5
    assert len(said) <= 1, "one message at most"
    assert said or (name, damage) not in {("notebook.json", "NUL"), ("history.db", "NUL"), ("history.db", "a pipe")}
    table.append(f"{name:17} {damage:22} lost  0  {', '.join(said)}")
    turned.box.historian.close()
    turned.end()
