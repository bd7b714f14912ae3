"""A whole box and its notebook: acknowledgements, a lost log, a card that does not take it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from edge.core.commands import Command
from edge.store.fs import RealFs
from edge.store.fs_memory import Fault, MemoryFs
from edge.store.notebook import PATH, Notebook
from hal.sample import UNCERTAIN
from tests.meter_rig import Meter, events_of, index, records_of
from tests.support import eventually


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_an_acknowledgement_is_noted(tmp_path: Path, state: Path) -> None:
    meter = Meter(tmp_path)
    with meter.box(state) as box:
        eventually(lambda: box.station.alarm_documents, 10, "the closed door is an alarm")
        box.desk.order(Command("1", "ack", {}, "martin", "local"))
    (ack,) = Notebook(RealFs(state)).acknowledgements()
    assert (ack.limit, ack.author, ack.channel, ack.when.boot) == ("door.open", "martin", "local", 1)
    assert ack.when.utc_ms is not None


def test_what_was_set_above_the_settings_file_is_noted_until_the_default_is_taken_back(
    tmp_path: Path, state: Path
) -> None:
    meter = Meter(
        tmp_path,
        limit=[{"id": "water.much", "point": "water", "kind": "high", "value": 500}],
        program=[{"id": "week", "target": "mode", "slots": ["daily 08:00-09:00"], "to": "on", "outside": "off"}],
        setpoint=[{"id": "mode", "words": ["off", "on"], "initial": "off"}],
    )
    with meter.box(state) as box:
        for number, (target, value) in enumerate((("water.much", "400,5"), ("week", "off"))):
            args = {"target": target, "value": value}
            assert box.desk.order(Command(f"{number}", "set", args, "anna", "local")).done
    made = Notebook(RealFs(state)).settings()
    assert {key: setting.value for key, setting in made.items()} == {
        "limit.water.much.value": 400.5, "program.week.enabled": False,
    }  # fmt: skip
    assert (made["limit.water.much.value"].author, made["limit.water.much.value"].when.boot) == ("anna", 1)
    assert made["limit.water.much.value"].when.utc_ms is not None
    with meter.box(state) as box:
        assert box.station.engine.limits["water.much"].spec.value == 400.5
        order = Command("9", "set", {"target": "water.much", "default": True}, "anna", "local")
        assert box.desk.order(order).done
    assert set(Notebook(RealFs(state)).settings()) == {"program.week.enabled"}


def test_lost_logs_cost_no_index_no_alarm_number_and_no_start(tmp_path: Path, state: Path) -> None:
    meter = Meter(tmp_path)
    with meter.box(state) as box:
        counted = meter.count(box, 300)
        eventually(lambda: box.station.alarm_documents, 10)
    for folder in ("records", "events"):
        shutil.rmtree(state / folder)
    again = Meter(tmp_path)
    with again.box(state) as box:
        assert box.clock.boot == 2
        assert index(box) == counted
        assert box.station.engine.alarms.list.last_number == 1
        assert again.count(box, 5) == round(counted + 0.005, 9)
        assert box.dating.entry(1, 0) is not None, "the first start is still dated"
    found = [event for event in events_of(RealFs(state)) if event.kind == "registers_from_copy"]
    assert [(event.point, event.values) for event in found] == [("water", {"index": counted})]
    first, *rest = [record for record in records_of(RealFs(state), "water") if record.value is not None]
    assert (first.quality, first.reason) == (UNCERTAIN, "power_cut")
    assert {record.reason for record in rest} == {""}


def test_a_card_that_does_not_take_the_notebook_is_a_state_and_it_is_tried_again(tmp_path: Path) -> None:
    meter, disk = Meter(tmp_path), MemoryFs()
    fault = Fault("open", errno.EROFS, path=f"{PATH}.tmp", times=1000)
    disk.fail(fault)
    with meter.box(tmp_path / "state", fs=disk) as box:
        eventually(lambda: box.keeper.degraded == "EROFS", 10, "it is said")
        assert not box.writer.degraded, "the logs go on"
        meter.count(box, 3)
        fault.times = 0
        eventually(lambda: not box.keeper.degraded, 10, "it is saved")
    assert len(Notebook(disk).inventory()) == 2
