"""Points: unique ids, units of one table, scaling, quality, ranges, deadband, words, places, properties."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from edge.core.batch import dated, encode_events, encode_records
from edge.core.batch_points import PointsDocument, SiteFacts, points_document
from edge.core.clock import ClockEntry, Dating
from edge.core.export_package import point as exported
from edge.core.export_senml import Scale
from edge.core.scaling import through
from edge.core.series import PointInfo
from edge.core.types import PointSpec
from edge.core.units import FIELD, PRIMARY, SECONDARY, is_known
from edge.settings.facts import point_facts
from edge.settings.faults import SettingsError
from edge.settings.load import load, loads
from edge.settings.specs import specs
from hal.sample import BAD, GOOD, UNCERTAIN
from tests.support import ROOT
from tests.unit.rig import Rig, gauge
from tests.unit.settings_good import GOOD as GOOD_FILE
from tests.unit.settings_good import refusal

UTC_MS = 1_795_166_000_000
LAB = 'driver = "sht3x"\nchannel = "temperature"\n'


def document(points: list[PointSpec]) -> tuple[PointsDocument, Any]:
    """Return `up/points` as made and as a server reads it."""
    made = points_document("b0042", SiteFacts("Gymnase Sud", "Europe/Paris", "fr"), points, [])
    return made, json.loads(made.body)


def published(rig: Rig) -> dict[str, Any]:
    """Return the records of a rig as `up/m`."""
    made, _ = document(rig.points)
    dating = Dating()
    dating.add(ClockEntry(1, 0, UTC_MS, "ntp"))
    cut = dated(dating, 1, [record.start_ms for record in rig.records])
    assert cut is not None
    found: dict[str, Any] = json.loads(encode_records(made.origin("b0042", "9f3c21aa"), 1, 1, rig.records, cut))
    assert found["pts"] == made.pts
    return found


def test_a_duplicate_id_and_an_unknown_unit_are_refused_with_their_lines_and_the_site_goes_on() -> None:
    """D1: duplicate id or unknown unit in config → refused with file:line, old config keeps running."""
    running = Rig(*specs(loads(GOOD_FILE))[0])
    wrong = GOOD_FILE.replace('id = "lab.t"', 'id = "door"').replace(LAB, f'{LAB}unit = "Celcius"\n')
    said = refusal(wrong)
    lines = wrong.splitlines()
    assert f"f.toml:{lines.index('bus = ' + chr(34) + 'air' + chr(34))}:6  point" in said
    assert f"f.toml:{lines.index('unit = ' + chr(34) + 'Celcius' + chr(34)) + 1}:8  point" in said
    assert "this id is already used" in said
    running.tick(100)
    assert {"door", "lab.t", "water.cold"} <= running.engine.points.keys()
    assert any(record.point == "lab.t" for record in running.records)


@pytest.mark.parametrize("site", ["demo.toml", "wes.toml"])
def test_every_published_figure_has_a_unit_of_the_table(site: str) -> None:
    """D2: every published value carries a unit from the list; export in SenML unit codes."""
    settings = load(ROOT / "config" / "sites" / site)
    bare = {entry.point.id for entry in settings.points if entry.point.unit == ""}
    points, _ = specs(settings)
    _, told = document(points)
    for row in told["p"]:
        if row["kind"] in {"gauge", "counter"} and row["n"] not in bare:
            assert row.get("u") or row["n"].endswith((".cop", ".starts")), row
            assert is_known(row.get("u", "")), row
    for unit in FIELD:  # what no registry has leaves in a unit that one has
        assert Scale(unit).unit in {*PRIMARY, *SECONDARY}
    assert {"Cel", "%RH", "W", "VA", "J", "Wh", "m3", "A", "V", "lx"} <= {*PRIMARY, *SECONDARY}


def test_two_points_make_a_line_and_its_inverse() -> None:
    """D3: (4,20)→(0,10) with 12 → 5.0; write 5.0 → 12."""
    text = GOOD_FILE.replace(LAB, f"{LAB}scale_points = [[4, 0], [20, 10]]\nmin = 0\n")
    spec = next(point for point in specs(loads(text))[0] if point.id == "lab.t")
    rig = Rig(msgspec.structs.replace(spec, id="p"))
    rig.read(0, 12.0)
    assert rig.engine.points["p"].value == 5.0
    assert through([[4, 0], [20, 10]]).raw(5.0) == 12
    rig.read(1, 3.5)  # a loop below 4 mA: the limit of the input
    assert (rig.engine.points["p"].value, rig.engine.points["p"].reason) == (None, "out_of_range")
    assert through([[0, 20], [100, -5]]).raw(through([[0, 20], [100, -5]]).value(33)) == 33  # falling


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("scale_points = [[4, 0], [4, 10]]\n", "make no line"),
        ("scale_points = [[4, 1], [20, 1]]\n", "make no line"),
        ("scale_points = [[4, 0]]\n", "two pairs"),
        ("scale_points = [[4, 0, 1], [20, 10]]\n", "is expected"),
        ("scale_points = [[4, 0], [20, 10]]\nscale = 2\n", "in place of scale"),
    ],
)
def test_points_that_make_no_line_are_refused(keys: str, why: str) -> None:
    """D3: a wrong scaling is refused with its place."""
    assert why in refusal(GOOD_FILE.replace(LAB, LAB + keys))


def test_an_unplugged_probe_gives_no_value_and_its_reason() -> None:
    """D6: unplug a probe → next record value null + quality, never 0 or last value."""
    rig = Rig(gauge(unit="Cel"))
    rig.each_second(0, *[20.0] * 10, *[None] * 11)
    good, bad = rig.records
    assert (good.value, good.quality) == (20.0, GOOD)
    assert (bad.value, bad.mean, bad.quality, bad.reason) == (None, None, BAD, "no_answer")
    sent = published(rig)
    assert [entry["v"] for entry in sent["e"]] == [20]
    assert [(entry["n"], entry["why"], "v" in entry) for entry in sent["bad"]] == [("p", "no_answer", False)]


@pytest.mark.parametrize("absurd", [85.0001, -41.0, 1e9, float("nan"), float("inf")])
def test_an_impossible_value_is_out_of_range_and_not_in_the_mean(absurd: float) -> None:
    """D8: value beyond limits → quality `out_of_range`, not in mean."""
    rig = Rig(gauge(low=-40.0, high=85.0))
    rig.each_second(0, *[20.0, 22.0] * 4, absurd, absurd)
    assert rig.engine.points["p"].value is None
    assert rig.engine.points["p"].reason in {"out_of_range", "not_a_number"}
    rig.each_second(10, 21.0)
    record = rig.records[0]
    assert (record.mean, record.low, record.high, record.count) == (21.0, 20.0, 22.0, 8)
    assert (record.quality, record.reason) == (UNCERTAIN, "partial")


def test_a_slow_drift_is_recorded_against_the_last_saved_value() -> None:
    """D9: drift 20.0→21.5 by 0.3 with deadband 0.5 → 2 records."""
    rig = Rig(gauge(record_ms=1000, deadband=0.5, heartbeat_ms=3_600_000))
    drift = [20.0, 20.3, 20.6, 20.9, 21.2, 21.5]
    rig.each_second(0, *drift, 21.5)
    assert [record.value for record in rig.records] == [20.0, 20.6, 21.2]
    moves = [record.value for record in rig.records if record.value != drift[0]]
    assert len(moves) == 2  # of the drift, beside the first reading; each 0.5 or more from the one saved before


def test_a_state_is_published_as_its_word_and_as_its_code() -> None:
    """D10: state `en_panne` published as text and as its declared code."""
    words = ("en_service", "en_panne", "maintenance")
    rig = Rig(gauge(kind="state", words=words))
    rig.each_second(0, *[0] * 5, *[1] * 6)
    assert published(rig)["e"][0]["v"] == words.index("en_panne")
    assert document(rig.points)[1]["p"][0]["words"] == list(words)
    made, _ = document(rig.points)
    dating = Dating()
    dating.add(ClockEntry(1, 0, UTC_MS, "ntp"))
    cut = dated(dating, 1, [event.at_ms for event in rig.events])
    assert cut is not None
    sent = json.loads(encode_events(made.origin("b0042", "9f3c21aa"), 1, 1, rig.events, cut))
    (entry,) = sent["e"]
    assert (entry["v"], entry["word"], entry["was_word"]) == (1, "en_panne", "en_service")


def test_site_place_and_equipment_stand_in_the_metadata_of_every_message() -> None:
    """D11: config tree site/zone in every message's metadata."""
    rig = Rig(gauge(place="Bât. A / Cave", equipment="boiler"))
    rig.each_second(0, *[20.0] * 11)
    _, told = document(rig.points)
    assert told["site"] == {"name": "Gymnase Sud", "tz": "Europe/Paris", "lang": "fr"}
    assert (told["p"][0]["place"], told["p"][0]["equipment"]) == ("Bât. A / Cave", "boiler")
    assert published(rig)["pts"] == told["pts"]  # asserted of each batch, also in published()
    moved = document([msgspec.structs.replace(rig.points[0], place="Bât. B")])[1]
    assert moved["pts"] != told["pts"]


def test_properties_of_a_point_go_where_it_is_described() -> None:
    """D13: free keys and values on a point, in up/points, in exports and in /v1."""
    properties = {"serial": "A12", "armoire": "2 – côté cour"}
    text = GOOD_FILE.replace(LAB, f'{LAB}properties = {{ serial = "A12", armoire = "2 – côté cour" }}\n')
    settings = loads(text)
    points, _ = specs(settings)
    row = next(row for row in document(points)[1]["p"] if row["n"] == "lab.t")
    assert row["properties"] == properties
    facts = next(facts for facts in point_facts(settings) if facts.point == "lab.t")
    assert msgspec.to_builtins(facts)["properties"] == properties  # as /v1/history/facts answers
    assert exported(PointInfo("lab.t", "gauge", "Cel", 0, 0), facts)["properties"] == properties


@pytest.mark.parametrize("value", ["{ a = 1 }", "3", '["a"]', '{ a = "x\\ny" }'])
def test_properties_are_texts(value: str) -> None:
    """D13: anything but a text of one line is refused."""
    with pytest.raises(SettingsError):
        loads(GOOD_FILE.replace(LAB, f"{LAB}properties = {value}\n"))
