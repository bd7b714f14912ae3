"""The page that draws the log's octets says what the code does."""

from __future__ import annotations

import re

from edge.core.types import Record, RecordBatch
from edge.store import frame
from edge.store.columns import STEPS
from edge.store.cursors import CursorFile, Saved
from edge.store.fs import BLOCK, read_file
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from edge.store.packing import ROWS, ROWS_OCTETS, unpack_records, unpack_registers
from hal.sample import BAD
from tests.support import ROOT

PAGE = (ROOT / "docs" / "reference" / "log-format.md").read_text(encoding="utf-8")
ENTRIES = [
    Record("t.cellar", 61_000, 1000, 20.5),
    Record("e.main", 61_000, 1000, 7, increment=1),
    Record("t.roof", 61_000, 1000, None, BAD, "no_answer", 0),
]


def octets_of_the_page() -> bytes:
    lines = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", PAGE, re.MULTILINE)
    return bytes.fromhex("".join(lines))


def test_the_example_of_the_page_is_what_the_log_writes() -> None:
    fs = MemoryFs()
    log = Log(fs, "records", "records", 64 << 10, 16 << 10, consumers=["mqtt"], stream="9f3c21aa")
    log.append(RecordBatch(3, ENTRIES, {"counter/e.main": {"raw": 7}}))
    written = read_file(fs, "records/9f3c21aa-0000000000000001.seg")[:BLOCK]
    assert written.rstrip(b"\0") == octets_of_the_page()


def test_the_example_of_the_page_is_read_as_it_says() -> None:
    octets = octets_of_the_page() + bytes(BLOCK)
    seed = frame.seed("9f3c21aa", 1)
    head = frame.scan_head(octets[:BLOCK], seed)
    assert head is not None
    assert (head.first, head.count, head.boot, head.t_ms, head.is_snapshot) == (1, 3, 3, 61_000, True)
    parts = frame.body(head, octets, seed)
    assert parts is not None
    assert unpack_registers(parts[0]) == {"counter/e.main": {"raw": 7}}
    assert unpack_records(parts[1]) == ENTRIES


def test_figures_and_names_of_the_page_are_those_of_the_code() -> None:
    assert f"at most {ROWS} that take at most {ROWS_OCTETS} octets" in PAGE
    listed = re.search(r"Steps 0, 1, 2 …: ([0-9, ]+), then", PAGE)
    assert listed
    small = [int(number) for number in listed[1].split(",")]
    assert [*small, *(10**exponent for exponent in range(5, 10))] == [int(step) for step in STEPS]
    assert ", ".join(Record.__struct_fields__) in PAGE.replace("\n", " ")


def test_the_cursor_file_is_as_drawn() -> None:
    fs = MemoryFs()
    fs.mkdir("records")
    file = CursorFile(fs, "records/cursors", "9f3c21aa")
    file.save(Saved(12346, 3, {"mqtt": 12001}, 12033, 143418))
    slot = read_file(fs, "records/cursors")[BLOCK:]
    assert slot[:4] == b"VgCu"
    assert int.from_bytes(slot[8:16], "little") == 1
    length = int.from_bytes(slot[16:20], "little")
    assert slot[20 : 20 + length] == (
        b'{"next":12346,"boot":3,"cursors":{"mqtt":12001},"newest":12033,"reserved":143418}'
    )
    assert CursorFile(fs, "records/cursors", "9f3c21aa").load() == Saved(12346, 3, {"mqtt": 12001}, 12033, 143418)
    assert CursorFile(fs, "records/cursors", "00000000").load() == Saved()
