"""Registers that another version wrote in another form: the box starts, says what begins anew, keeps its indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.core.clock import ClockEntry, Dating, entries_of
from edge.core.engine import Engine
from edge.core.types import Event, EventBatch, RecordBatch
from edge.runtime.other_forms import engine_from
from edge.store.fs import RealFs
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from tests.plant import Plant
from tests.reload_rig import await_readings, reload, told
from tests.support import eventually

ODD: list[Any] = [7, {"a": {"b": [1]}}]


def leave_behind(state: Path, records: dict[str, Any], events: dict[str, Any]) -> None:
    """Leave registers behind, as another version wrote them."""
    fs = RealFs(state)
    kept: Log[Any] = Log(fs, "records", "records", 8 << 20)
    kept.append(RecordBatch(3, [], records))
    kept.close()
    told: Log[Any] = Log(fs, "events", "events", 16 << 20)
    told.append(EventBatch(3, [], events))
    told.close()


@pytest.mark.parametrize("odd", ODD, ids=["number", "table"])
def test_a_box_starts_on_registers_of_any_form_and_says_what_begins_anew(tmp_path: Path, odd: Any) -> None:
    state = tmp_path / "state"
    state.mkdir()
    kinds = ("alarms", "commands", "trials", "outputs", "notifier", "paging", "limit_values", "tariffs", "equipment")
    entry = {"boot": 3, "at_ms": 5, "utc_ms": 1_795_166_000_000, "source": "gnss"}
    records = {"totals/volts": odd, "peaks/volts": odd, "limit_memory/volts": odd, "device/i2c1/ads1115": odd}
    leave_behind(state, records, {**dict.fromkeys(kinds, odd), "clock": [odd, entry], "power_up": odd})
    plant = Plant(tmp_path)
    with plant.box(state) as box:
        eventually(lambda: plant.value(box) is not None, what="it reads")
        plant.chip.volts[0] = 3.0
        eventually(lambda: box.desk.view("alarms"), what="it watches")
        await_readings(box, 5)
        assert [entry.source for entry in box.dating.entries() if entry.boot == 3] == ["person"]
        eventually(lambda: "begins anew" in str(told(box, "fault")), what="it is said")
        assert reload(box).state == "unchanged"
        anew = told(box, "fault")
        assert {values["worker"] for values in anew} == {"start"}
        assert "alarms" in anew[0]["text"]
    plant = Plant(tmp_path)
    with plant.box(state) as box:
        eventually(lambda: plant.value(box) is not None)
        assert told(box, "fault") == anew, "said once: the log has forgotten them"


def test_what_is_understood_stays_and_a_counter_is_never_left_out() -> None:
    def make(records: Any, events: Any) -> Engine:
        if records.get("odd/a") or records.get("odd/b") or events.get("alarms") == "x":
            raise TypeError("a form")
        if records.get("counter/w") == "x":
            raise ValueError("an index")
        made = Engine([], [], boot=1, now_ms=0)
        made.left = {**records, **events}
        return made

    good = {"counter/w": 5, "totals/w": 1, "odd/a": 1, "odd/b": 2}
    engine, left = engine_from(make, good, {"alarms": "x", "paging": 3})
    assert left == (["odd/a", "odd/b"], ["alarms"])
    assert engine.left == {"counter/w": 5, "totals/w": 1, "paging": 3}
    (event,) = engine.take_actions().events
    assert event.kind == "fault"
    assert event.values["text"].endswith("odd, alarms")
    with pytest.raises(ValueError, match="an index"):
        engine_from(make, {**good, "counter/w": "x"}, {})
    engine, left = engine_from(make, {"totals/w": 1}, {})
    assert (engine.take_actions().events, left) == ([], ([], []))


@pytest.mark.parametrize("register", [None, 7, "x", {}, {"clock": []}, [[]], [None], [{"boot": "one"}]])
def test_clock_entries_of_another_form_date_nothing(register: Any) -> None:
    assert entries_of(register) == []


def test_a_word_of_trust_of_a_newer_version_dates_as_the_least_that_does() -> None:
    told = [{"boot": 1, "at_ms": 0, "utc_ms": 5, "source": "gnss", "sats": 9}, {"boot": 2}]
    assert entries_of(told) == [ClockEntry(1, 0, 5, "person")]
    dating = Dating()
    dating.add(*entries_of(told))
    assert dating.utc_ms(1, 10) == 15


def test_a_log_that_forgot_a_register_has_all_others_after_the_next_frame() -> None:
    fs = MemoryFs()
    log: Log[Any] = Log(fs, "events", "events", 16 << 20)
    log.append(EventBatch(1, [], {"good": 1, "odd": 2}))
    log.forget(["odd", "never"])
    assert log.registers == {"good": 1}
    log.append(EventBatch(1, [Event("start", 5)]))
    log.close()
    log = Log(fs, "events", "events", 16 << 20)
    assert log.registers == {"good": 1}
    log.close()
