"""Restoring a backup: where indexes go on, that nothing is counted twice or goes back, and power cuts at each call."""

from __future__ import annotations

import errno
from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest

from edge.core.clock import ClockEntry
from edge.core.notes import Acknowledgement, Calibration, Device, MadeSetting, Moment
from edge.core.types import Event, EventBatch, RecordBatch
from edge.runtime.joining import joined, registers_after, restored_in
from edge.runtime.recalled import counters, index_of
from edge.runtime.restore import Plan, Target, carry_out, plan_for, target
from edge.runtime.restore_signs import RESTORING
from edge.runtime.stores import Stores
from edge.settings.load import loads
from edge.store.backup_file import Backup, LogState, decode, encode
from edge.store.checked import replace_file
from edge.store.fs import FormatError, StoreError, read_file
from edge.store.fs_memory import MODELS, Fault, MemoryFs, prefixes
from edge.store.notebook import Notebook

SMALL = 16 << 10
TAKEN_MS = 1_795_166_000_000
NOW = Moment(0, 77_000, TAKEN_MS + 7_200_000, "ntp")
CONFIG = "vigie.toml"
SETTINGS = '[box]\nid = "b0042"\nbuffer_mb = 8\n\n[site]\nname = "Gymnase Sud"\n'
WATER = {"base": 1000.0, "count": 250, "scale": 0.001, "pending": 0.003}
ENERGY = {"raw": 81_234_567, "index": 81_234.567, "pending": 0.1}
ALARMS = {"last": 12, "alarms": []}
CLOCK = [{"boot": 41, "at_ms": 5, "utc_ms": TAKEN_MS - 9000, "source": "ntp"}]


def backup(**changes: Any) -> Backup:
    facts: dict[str, Any] = {
        "box": "b0042", "site": "Gymnase Sud", "version": "0.1.0", "taken": Moment(41, 9, TAKEN_MS, "ntp"), "boot": 41,
        "settings": SETTINGS, "blanked": [], "notes": [], "indexes": {},
        "records": {"counter/water": WATER, "counter/energy": ENERGY, "device/m/tic": '{"identity":"0418"}'},
        "events": {"alarms": ALARMS, "clock": CLOCK, "commands": []},
        "logs": {"records": LogState("aaaaaaaa", 900, 41), "events": LogState("bbbbbbbb", 90, 41)},
        "inventory": [Device("m/tic", "m", "serial", "teleinfo", "tic", ["energy"], Moment(1, 1), "0418")],
        "calibrations": {"water": [Calibration(Moment(1, 1), 0.001, 0.0, "m3", 0.001)]},
        "made": [MadeSetting("limit.hot.value", 85.0, Moment(7, 7))],
        "acknowledgements": [Acknowledgement(3, "hot", "t", Moment(7, 9))], "outputs": {"lamp": False},
    }  # fmt: skip
    return Backup(**{**facts, **changes})


def restore(fs: MemoryFs, of: Backup, settings: str | None = None, *, again: bool = False) -> Plan | None:
    with target(fs, SMALL) as onto:
        plan = plan_for(of, onto, NOW, settings, again=again)
        if plan is not None:
            carry_out(plan, onto, fs, CONFIG)
        return plan


def run(fs: MemoryFs, registers: dict[str, Any], utc_ms: int | None = None) -> None:
    """Let a box start here, make these registers durable, and stop."""
    with target(fs, SMALL) as onto:
        boot = max(onto.records.boot, onto.events.boot) + 1
        onto.records.append(RecordBatch(boot, [], registers))
        clock = onto.events.registers.get("clock", [])
        if utc_ms is not None:
            clock = [*clock, msgspec.to_builtins(ClockEntry(boot, 5, utc_ms, "ntp"))]
        onto.events.append(EventBatch(boot, [Event("start", 5)], {"clock": clock, "alarms": {"last": 1, "alarms": []}}))


def registers(fs: MemoryFs) -> dict[str, Any]:
    with target(fs, SMALL) as onto:
        return onto.records.registers


def index(fs: MemoryFs, point: str = "water") -> float:
    return index_of(counters(registers(fs))[point])


def told(fs: MemoryFs) -> list[Event]:
    with target(fs, SMALL) as onto:
        log, found, seq = onto.events, list[Event](), 1
        while seq < log.next_seq():
            chunk = log.read(seq, 100)
            found += chunk.entries
            seq = chunk.gap.last + 1 if chunk.gap else seq + len(chunk.entries)
        return found


def pulses(count: int, base: float = 0.0) -> dict[str, Any]:
    return {"counter/water": {"base": base, "count": count, "scale": 0.001, "pending": 0.0}}


# -- a new box


def test_a_new_box_goes_on_where_the_old_one_stood() -> None:
    fs = MemoryFs()
    restore(fs, backup(), settings=SETTINGS)
    found = registers(fs)
    assert index_of(found["counter/water"]) == 1000.25
    assert found["counter/energy"] == {**ENERGY, "pending": 0}, "its increment covers the gap: the meter kept counting"
    assert found["device/m/tic"] == '{"identity":"0418"}'
    first, *rest = told(fs)
    assert first.kind == "restored"
    assert first.values["from"] == "b0042"
    assert first.values["gap_ms"] == 7_200_000
    assert [(event.point, event.values["how"], event.values["index"]) for event in rest] == [
        ("energy", "new", 81_234.567), ("water", "new", 1000.25),
    ]  # fmt: skip
    assert read_file(fs, CONFIG).decode() == SETTINGS
    assert not fs.exists(RESTORING)


def test_tariffs_and_what_was_priced_by_day_go_on_in_a_new_box() -> None:
    fs = MemoryFs()
    days = {"cost/water": {"day": "2026-11-21", "moved": {"": ["1.25", 43200]}}}
    made = {
        "known": {"water": [77, 0]},
        "changes": [{"id": "water", "valid_from": "2027-02-01", "prices": {"w": "4.3"}}],
    }
    held = backup()
    restore(fs, backup(records={**held.records, **days}, events={**held.events, "tariffs": made}))
    assert registers(fs)["cost/water"] == days["cost/water"]
    with target(fs, SMALL) as onto:
        assert onto.events.registers["tariffs"] == made


def test_what_was_set_by_order_goes_on_in_a_new_box() -> None:
    fs = MemoryFs()
    made = {"value": 21.5, "boot": 41, "at_ms": 5, "author": "anna", "channel": "local"}
    written = {"setpoint/hall.wanted": made, "limit_values": {"hot": made}, "program/week": {"made": made}}
    restore(fs, backup(events={**backup().events, **written}))
    with target(fs, SMALL) as onto:
        assert written.items() <= onto.events.registers.items()


def test_its_starts_go_on_above_the_old_ones_and_its_logs_are_its_own(tmp_path: Any) -> None:
    fs = MemoryFs()
    restore(fs, backup())
    stores = Stores(loads(SETTINGS), tmp_path / "state", fs)
    assert stores.boot == 43, "42 was the restore"
    assert stores.records.stream != "aaaaaaaa"
    assert stores.events.stream not in {"bbbbbbbb", stores.records.stream}
    assert stores.recalled.events["alarms"] == ALARMS
    assert stores.dating().utc_ms(41, 5) == TAKEN_MS - 9000, "the old alarms are still dated"
    assert stores.dating().utc_ms(42, NOW.at_ms) == NOW.utc_ms
    assert stores.recalled.doubtful(43) == ["water"], "its pulses since the backup are not known; the meter's are"
    assert stores.recalled.doubtful(44) == []
    assert [device.serial for device in stores.notebook.inventory()] == ["0418"]
    assert stores.notebook.calibrations()["water"][0].pulse_weight == 0.001
    assert set(stores.notebook.settings()) == {"limit.hot.value"}
    assert [ack.number for ack in stores.notebook.acknowledgements()] == [3]
    assert stores.notebook.box() == {"id": "b0042", "site": "Gymnase Sud"}
    stores.close()


def test_a_box_that_ran_without_this_counter_takes_the_backups_index() -> None:
    fs = MemoryFs()
    run(fs, {})
    restore(fs, backup())
    assert index(fs) == 1000.25
    with target(fs, SMALL) as onto:
        assert onto.events.registers["alarms"] == {"last": 1, "alarms": []}, "its own alarms stay"


def test_an_empty_backup_restores_to_a_box_that_has_nothing() -> None:
    fs = MemoryFs()
    empty = backup(records={}, events={}, inventory=[], calibrations={}, made=[], acknowledgements=[], settings="")
    restore(fs, empty)
    assert counters(registers(fs)) == {}
    assert [event.kind for event in told(fs)] == ["restored"]


# -- a box that has already counted


def test_what_a_new_box_has_counted_since_its_first_start_is_added() -> None:
    fs = MemoryFs()
    run(fs, pulses(40), TAKEN_MS + 3_600_000)
    run(fs, pulses(50))
    restore(fs, backup())
    assert index(fs) == 1000.3
    first, _energy, water = [event for event in told(fs) if event.kind.startswith("restored")]
    assert water.values == {"backup": 1000.25, "here": 0.05, "index": 1000.3, "how": "gap"}
    assert first.values["gap_ms"] == 3_600_000, "until its first start"


@pytest.mark.parametrize("first_ms", [None, TAKEN_MS - 1000, TAKEN_MS])
@pytest.mark.parametrize(("count", "base", "wanted"), [(50, 0.0, 1000.25), (1, 2000.0, 2000.001)])
def test_where_both_may_have_counted_the_same_the_larger_counts_and_both_are_told(
    first_ms: int | None, count: int, base: float, wanted: float
) -> None:
    fs = MemoryFs()
    run(fs, pulses(count, base), first_ms)
    restore(fs, backup())
    assert index(fs) == wanted
    water = next(event for event in told(fs) if event.point == "water")
    assert water.values == {
        "backup": 1000.25, "here": round(base + count * 0.001, 9), "index": wanted, "how": "overlap",
    }  # fmt: skip


def test_a_backup_without_a_trusted_time_is_never_added() -> None:
    fs = MemoryFs()
    run(fs, pulses(50), TAKEN_MS + 3_600_000)
    restore(fs, backup(taken=Moment(41, 9)))
    assert index(fs) == 1000.25
    assert "taken_ms" not in told(fs)[1].values


def test_the_same_box_never_goes_back_to_its_backup() -> None:
    fs = MemoryFs()
    run(fs, pulses(50), TAKEN_MS + 3_600_000)
    with target(fs, SMALL) as onto:
        streams = {"records": LogState(onto.records.stream, 1, 1), "events": LogState(onto.events.stream, 1, 1)}
    older = backup(logs=streams, records=pulses(20), boot=1)
    restore(fs, older)
    assert index(fs) == 0.05
    assert next(event for event in told(fs) if event.point == "water").values["how"] == "overlap"


def test_a_meter_that_keeps_its_register_is_left_as_it_is() -> None:
    fs = MemoryFs()
    newer = {**ENERGY, "raw": 81_300_000, "index": 81_300.0}
    run(fs, {"counter/energy": newer}, TAKEN_MS + 3_600_000)
    restore(fs, backup())
    assert registers(fs)["counter/energy"] == newer
    energy = next(event for event in told(fs) if event.point == "energy")
    assert energy.values == {"backup": 81_234.567, "here": 81_300.0, "index": 81_300.0, "how": "kept"}


def test_restoring_twice_or_another_backup_of_the_same_box_counts_nothing_twice() -> None:
    fs = MemoryFs()
    run(fs, pulses(50), TAKEN_MS + 3_600_000)
    restore(fs, backup())
    assert restore(fs, backup()) is None
    restore(fs, backup(), again=True)
    assert index(fs) == 1000.3
    run(fs, {"counter/water": {**registers(fs)["counter/water"], "count": 7}})
    assert index(fs) == 1000.307
    restore(fs, backup(), again=True)
    assert index(fs) == 1000.307
    later = backup(records={"counter/water": {**WATER, "count": 300}}, taken=Moment(41, 99, TAKEN_MS + 60_000, "ntp"))
    restore(fs, later)
    assert index(fs) == 1000.357, "50 pulses more in the later backup, 57 counted here"


@pytest.mark.parametrize("order", [0, 1])
def test_a_new_box_that_got_two_backups_one_after_the_other_ends_with_the_newer_index(order: int) -> None:
    fs = MemoryFs()
    both = [backup(), backup(records={"counter/water": {**WATER, "count": 300}}, boot=50)]
    for of in (both[order], both[1 - order]):
        restore(fs, of)
    assert index(fs) == 1000.3


def test_a_register_that_is_not_understood_takes_nothing_away() -> None:
    assert joined(backup(records={}), {}, later=True) == []
    assert restored_in({}) is None
    assert restored_in({"restored": {"id": 5}}) is None
    (one,) = joined(backup(records=pulses(5)), {"counter/water": ENERGY}, later=True)
    assert (one.how, one.register) == ("kept", ENERGY)


# -- the file


def test_a_backup_comes_back_as_it_was_and_every_damage_is_seen() -> None:
    octets = encode(backup())
    assert decode(octets) == backup()
    assert decode(octets).id == backup().id != backup(boot=42).id
    for place in range(0, len(octets), 7):
        spoiled = bytearray(octets)
        spoiled[place] ^= 4
        with pytest.raises((ValueError, FormatError)):
            decode(bytes(spoiled))
    for length in (0, 1, 30, len(octets) - 1):
        with pytest.raises(ValueError, match="wrong"):
            decode(octets[:length])


def test_a_backup_of_a_newer_version_and_one_of_another_shape_are_refused() -> None:
    from edge.store.checked import sealed

    with pytest.raises(FormatError, match="newer vigie"):
        decode(sealed("vigie-backup", 2, b"{}"))
    with pytest.raises(ValueError, match="does not hold"):
        decode(sealed("vigie-backup", 1, b'{"box":"b1"}'))


# -- power cuts


def test_register_maps_of_the_installer_are_put_back_and_one_that_is_there_stays() -> None:
    fs = MemoryFs()
    fs.mkdir("modbus")
    replace_file(fs, "modbus/mine.toml", b"here")
    restore(fs, backup(maps={"mine.toml": "backup", "pump.toml": "title = 1", "../x.toml": "never"}))
    assert sorted(fs.listdir("modbus")) == ["mine.toml", "pump.toml"]
    assert read_file(fs, "modbus/mine.toml") == b"here"
    assert read_file(fs, "modbus/pump.toml") == b"title = 1"


def test_a_start_after_a_restore_that_was_cut_short_says_to_restore_again(tmp_path: Any) -> None:
    fs = MemoryFs()
    fs.open(RESTORING, create=True)
    with pytest.raises(OSError, match="run `vigie restore FILE` again"):
        Stores(loads(SETTINGS), tmp_path / "state", fs)


def is_old(onto: Target, fs: MemoryFs, before: dict[str, Any]) -> bool:
    return onto.records.registers == before and not onto.restored and not fs.exists(CONFIG)


def test_another_backup_is_not_restored_over_one_that_was_cut_short_unless_told_to() -> None:
    fs = MemoryFs()
    with target(fs, SMALL) as onto:
        plan = plan_for(backup(), onto, NOW)
        assert plan is not None
        fs.faults.append(Fault("unlink", errno.EIO))
        with pytest.raises(OSError, match="Input/output"):
            carry_out(plan, onto, fs, CONFIG)
    with pytest.raises(StoreError, match="another backup was cut short"):
        restore(fs, backup(box="b0043"))
    restore(fs, backup(box="b0043", records={"counter/water": {**WATER, "count": 251}}), again=True)
    assert index(fs) == 1000.251
    assert not fs.exists(RESTORING)


@pytest.mark.parametrize("counted", [None, 50])
def test_a_power_cut_at_any_call_leaves_the_old_state_the_restored_or_restore_again(counted: int | None) -> None:
    """Whatever it leaves, restoring the same backup again gives the one right end."""
    start = MemoryFs(keep_cuts=True)
    if counted is not None:
        run(start, pulses(counted), TAKEN_MS + 3_600_000)
        start.settle()
    first = start.after_cut("kept")
    first.calls = []
    before = registers(start.after_cut("kept"))
    restore(first, backup(), settings=SETTINGS)
    wanted = index(first.after_cut("kept"))
    states = dict.fromkeys(("old", "again", "restored"), 0)
    for disk in prefixes(first.calls or [], start.after_cut("kept")):
        for model, seed in product(MODELS, range(2)):
            found = disk.after_cut(model, seed)
            with target(found, SMALL) as onto:
                if found.exists(RESTORING):
                    states["again"] += 1
                elif is_old(onto, found, before):
                    states["old"] += 1
                else:
                    assert onto.restored == backup().id, f"neither old nor restored, after {model}"
                    assert read_file(found, CONFIG).decode() == SETTINGS
                    assert Notebook(found).inventory()
                    states["restored"] += 1
            restore(found, backup(), settings=SETTINGS)
            assert index(found) == wanted
            assert [event.kind for event in told(found)].count("restored") == 1
            assert not found.exists(RESTORING)
            assert read_file(found, CONFIG).decode() == SETTINGS
    assert min(states.values()) >= len(MODELS), states
    assert sum(states.values()) > 300, states


# -- any order of counting and restoring


@pytest.mark.parametrize("seed", range(40))
def test_in_any_order_of_counting_and_restoring_the_index_is_the_newest_backup_and_what_was_counted_here(
    seed: int,
) -> None:
    """Later by a trusted clock: exactly that, after each step. Else: never back, and never more than that."""
    dice = Random(seed)
    later = seed % 2 == 0
    here: dict[str, Any] = {}
    counted, newest, last, boot = 0.0, 0.0, 0.0, 1
    for _ in range(30):
        if dice.random() < 0.5:
            register = here.get("counter/water", pulses(0)["counter/water"])
            pulses_now = dice.randrange(50)
            counted = round(counted + pulses_now * 0.001, 9)
            here["counter/water"] = {**register, "count": register["count"] + pulses_now}
        else:
            of = backup(records=pulses(dice.randrange(5000)), boot=boot)
            found = joined(of, here, later=later)
            here |= registers_after(of, here, found, boot, is_new=False)
            newest, boot = max(newest, index_of(of.records["counter/water"])), boot + 1
        index_now = index_of(here.get("counter/water", pulses(0)["counter/water"]))
        assert index_now >= last, "never back"
        assert index_now <= round(newest + counted, 9), "nothing counted twice"
        if later:
            assert index_now == round(newest + counted, 9)
        last = index_now


# -- what people did at meters, and sums


def test_an_index_that_a_person_set_on_this_box_is_not_touched_by_a_backup() -> None:
    here = {"base": 482.0, "count": 37, "scale": 0.001, "pending": 0.0, "set": True, "act": 2}
    for later in (True, False):
        (_, water) = joined(backup(), {"counter/water": here}, later=later)
        assert (water.how, water.index, water.register) == ("kept", 482.037, here)
        after = registers_after(backup(), {"counter/water": here}, [water], 50, is_new=False)
        assert after["counter/water"] == here
        assert after["restored"]["added"] == {}


def test_the_acts_that_an_index_holds_stay_known_when_a_backup_moves_it() -> None:
    here = {"base": 0.0, "count": 37, "scale": 0.001, "pending": 0.002, "act": 2}
    (_, water) = joined(backup(), {"counter/water": here}, later=True)
    assert (water.how, water.index) == ("gap", 1000.287)
    assert water.register == {"base": 1000.287, "count": 0, "scale": 0.001, "pending": 0.002, "act": 2}


def test_an_index_in_another_unit_is_no_part_of_a_sum_and_the_unit_stays_known() -> None:
    here = {"base": 0.0, "count": 37, "scale": 0.001, "pending": 0.0, "unit": "m3"}
    of = backup(records={"counter/water": {"base": 0.0, "count": 1000, "scale": 1.0, "pending": 0.0, "unit": "l"}})
    for later in (True, False):
        (water,) = joined(of, {"counter/water": here}, later=later)
        assert (water.how, water.register) == ("kept", here)
    of = backup(records={"counter/water": {**WATER, "unit": "m3"}})
    (water,) = joined(of, {"counter/water": here}, later=True)
    assert (water.how, water.index, water.register["unit"]) == ("gap", 1000.287, "m3")


def test_a_new_box_has_the_sums_of_the_backup_and_its_index_is_not_of_its_own_setting() -> None:
    sums = {"totals/water": {"hours": [], "day": [739_942, "1.5"]}, "totals/water/2026-10": [[31, "2"]]}
    water = {**WATER, "set": True, "act": 1}
    of = backup(records={"counter/water": water, **sums}, events={"meters": {"n": 1}, "clock": CLOCK})
    fs = MemoryFs()
    assert restore(fs, of) is not None
    found = registers(fs)
    assert {name: found[name] for name in sums} == sums
    assert found["counter/water"] == {**WATER, "pending": 0, "act": 1}
    with target(fs, SMALL) as onto:
        assert onto.events.registers["meters"] == {"n": 1}
    other = MemoryFs()
    run(other, {"counter/water": {"base": 0.0, "count": 5, "scale": 0.001, "pending": 0.0}})
    restore(other, of)
    assert "totals/water" not in registers(other), "a box that counted has sums of its own"
