"""How long the buffer lasts: said from the settings, and not more than frames really allow."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from edge.core.types import Record, RecordBatch
from edge.settings.load import load, loads
from edge.settings.model import Settings
from edge.settings.report import summary
from edge.settings.room import buffer_days, events_bytes, frame_octets
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from tests.support import ROOT
from tests.unit.settings_good import GOOD


def sized(buffer_mb: int, commit_s: float = 10.0, copies: int = 1, record_s: float = 60.0) -> Settings:
    settings = loads(GOOD)
    box = msgspec.structs.replace(settings.box, buffer_mb=buffer_mb, commit_s=commit_s)
    points = [
        msgspec.structs.replace(entry, point=msgspec.structs.replace(entry.point, record_s=record_s))
        for entry in settings.points
    ]
    return msgspec.structs.replace(settings, box=box, points=points * copies)


def test_the_default_buffer_holds_a_month() -> None:
    settings = load(ROOT / "config" / "vigie.toml")
    assert settings.box.buffer_mb == 1024
    assert buffer_days(settings) > 30


def test_a_demonstration_leaves_room_in_tmp() -> None:
    settings = load(ROOT / "config" / "sites" / "demo.toml")
    assert (settings.box.buffer_mb << 20) + events_bytes(settings) <= 96 << 20


@pytest.mark.parametrize(
    ("buffer_mb", "commit_s", "days"),
    [(1024, 10, 30.3), (256, 10, 7.6), (1024, 1, 3.0), (1024, 60, 182.0), (8, 10, 0.24), (65536, 60, 11650.8)],
)
def test_a_frame_each_commit_is_a_block_at_least(buffer_mb: int, commit_s: float, days: float) -> None:
    assert frame_octets(sized(buffer_mb, commit_s)) == 4096
    assert buffer_days(sized(buffer_mb, commit_s)) == pytest.approx(days, rel=0.02)


@pytest.mark.parametrize("points", [3, 30, 200])
@pytest.mark.parametrize("commit_s", [1, 10, 60])
def test_what_is_said_is_not_more_than_frames_of_such_a_site_take(points: int, commit_s: int) -> None:
    log: Log[Record] = Log(MemoryFs(), "records", "records", 8 << 20)
    dice = Random(1)
    entries = [
        Record(f"room{n}.temp", 1000 * s, 1000, 20 + dice.randrange(40) / 16)
        for s in range(commit_s)
        for n in range(points)
    ]
    (packed,) = log.pack(RecordBatch(1, entries, {f"point/{n}": n for n in range(3)}))
    said = frame_octets(sized(1024, commit_s, points // 3, record_s=1.0))
    really = -(-(packed.size + 100) // 4096) * 4096
    assert really <= said <= 4 * really


def test_the_events_log_holds_a_thousand_urgent_events_a_day_for_a_month() -> None:
    assert events_bytes(sized(1024)) == 128 << 20
    assert events_bytes(sized(1024)) / 4096 / 30 > 1000
    assert events_bytes(sized(8)) == 16 << 20


@pytest.mark.parametrize(("lang", "said"), [("en", "about 30 days of records"), ("fr", "environ 30 jours")])
def test_check_says_how_many_days_that_is(lang: str, said: str) -> None:
    assert said in summary("site.toml", sized(1024), lang)


@pytest.mark.parametrize(("lang", "said"), [("en", "about 0.2 days"), ("fr", "environ 0,2 jour")])
def test_a_small_buffer_is_said_as_it_is(lang: str, said: str) -> None:
    assert said in summary("site.toml", sized(8), lang)
