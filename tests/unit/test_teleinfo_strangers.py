"""Meters that are not read are named and never give a value; several meters on one line are told apart by number."""

from __future__ import annotations

import csv
import random

import pytest

from hal.decode.teleinfo.foreign import ICE, Strangers
from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import spaced_group, tabbed_group
from hal.decode.teleinfo.labels import names
from hal.decode.teleinfo.lineup import Lineup, number_of
from hal.fake.meter_frames import Meter, Mode
from tests.support import shared_data


def ends(data: bytes) -> list[FrameEnd]:
    decoder = Decoder()
    found = [*decoder.feed(data, 0.0), *decoder.finish()]
    return [event for event in found if isinstance(event, FrameEnd)]


def spaced(*pairs: tuple[str, str]) -> bytes:
    return b"\x02" + b"".join(b"\n" + spaced_group(*pair) + b"\r" for pair in pairs) + b"\x03"


# The labels are of a public list; the data are made up: no document says their form.
ICE_FRAME = spaced(
    ("CONTRAT", "HTA5"),
    ("DATECOUR", "21/11/26 10:20:00"),
    ("EA", "17kWh"),
    ("ERP", "3kvarh"),
    ("PTCOUR", "HPE"),
    ("DATEPA1", "21/11/26 10:20:00"),
    ("PA1", "101kW"),
    ("PA1MN", "99kW"),
    ("DEBUTp", "01/11/26 00:00:00"),
    ("EApHPE", "12345kWh"),
)


def test_ice_labels_are_those_of_the_list_that_no_other_meter_has() -> None:
    path = shared_data("teleinfo", "labels_ice.csv")
    listed = {row["label"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())} - {"*P*"}
    ours = set(names())
    assert {label for label in listed - ours if not ICE.fullmatch(label)} == set()
    assert not [label for label in ours if ICE.fullmatch(label)]


def test_an_ice_meter_is_named_with_its_labels_and_none_of_its_frames_is_believed() -> None:
    strangers = Strangers()
    for end in ends(ICE_FRAME * 3):
        assert strangers.see(end), "also the first one, before the verdict"
    assert strangers.kind == "ICE"
    assert strangers.labels().startswith("CONTRAT, DATECOUR, EA")
    assert "PA1MN" not in strangers.labels(), "known, and of no use here"


def test_whole_groups_of_unknown_labels_are_an_unknown_meter() -> None:
    frame = b"\x02" + b"".join(b"\n" + tabbed_group(f"SAPH{n}", f"{n:05}") + b"\r" for n in range(9)) + b"\x03"
    strangers = Strangers()
    verdicts = [strangers.see(end) for end in ends(frame * 3)]
    assert verdicts == [False, True, True]
    assert strangers.kind == "unknown"


@pytest.mark.parametrize("mode", ["historique", "standard", "pmepmi"])
def test_a_meter_that_is_read_is_no_stranger(mode: Mode) -> None:
    meter = Meter(mode)
    strangers = Strangers()
    extra = b"\n" + (tabbed_group("NEWLABEL", "1") if mode == "standard" else spaced_group("NEWLABEL", "1")) + b"\r\x03"
    for n in range(50):
        for end in ends(meter.frame(n * 1000.0).replace(b"\x03", extra)):
            assert not strangers.see(end)
    assert strangers.kind == ""


def test_noise_is_no_stranger() -> None:
    rng = random.Random(1)
    strangers = Strangers()
    for _ in range(200):
        for end in ends(rng.randbytes(2000)):
            strangers.see(end)
    assert strangers.kind == ""
    assert not [end for end in ends(b"") if strangers.see(end)]


def test_the_right_meter_in_its_place_is_believed_again() -> None:
    strangers = Strangers()
    for end in ends(ICE_FRAME * 3):
        strangers.see(end)
    meter = Meter("pmepmi")
    taken = [strangers.see(end) for n in range(12) for end in ends(meter.frame(n * 8000.0))]
    assert strangers.kind == ""
    assert taken[0] is True
    assert taken[-1] is False


def test_a_number_is_read_from_the_frame_that_holds_one() -> None:
    assert [number_of(end) for end in ends(Meter().frame(0.0))] == ["041876199277"]
    assert [number_of(end) for end in ends(spaced(("PAPP", "00100")))] == [""]


def heard(*numbers: str, each_ms: float = 1400.0) -> list[tuple[str, ...]]:
    lineup = Lineup()
    return [lineup.see(number, n * each_ms) for n, number in enumerate(numbers)]


def test_meters_that_take_turns_are_several_and_an_exchanged_one_is_not() -> None:
    assert heard(*("a", "b") * 5)[-1] == ("a", "b")
    assert heard(*("a", "a", "a", "b", "b", "b") * 3)[-1] == ("a", "b")
    assert heard(*("a",) * 20, *("b",) * 20)[-1] == ()
    assert heard() == []
    assert heard("", "", "a", "") == [(), (), (), ()]


def test_a_number_that_damage_made_is_not_another_meter() -> None:
    row = ["a"] * 100
    for place in range(7, 100, 9):
        row[place] = "x"
    assert set(heard(*row)) == {()}


def test_when_the_other_one_falls_silent_there_is_one_again() -> None:
    row = heard(*("a", "b") * 10, *("a",) * 50)
    assert ("a", "b") in row
    assert row[-1] == ()
