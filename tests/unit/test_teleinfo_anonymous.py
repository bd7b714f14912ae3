"""A recording without personal numbers decodes as before, whatever its pieces, and holds none of them any more."""

from __future__ import annotations

import random

import pytest

from hal.decode.teleinfo.anonymous import LONGEST, Anonymiser
from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import Group, parse, spaced_group
from hal.fake.meter_frames import Meter, Mode

ADDRESS, PRM = b"041876199277", b"07361794479930"


def without(stream: bytes, piece: int = 0) -> bytes:
    anonymiser = Anonymiser()
    pieces = [stream[at : at + piece] for at in range(0, len(stream), piece)] if piece else [stream]
    return b"".join(anonymiser.feed(each) for each in pieces) + anonymiser.finish()


def groups(stream: bytes) -> list[tuple[str, object]]:
    return [(event.label, event.value) for event in Decoder().feed(stream, 0.0) if isinstance(event, Group)]


@pytest.mark.parametrize("mode", ["historique", "standard", "pmepmi"])
@pytest.mark.parametrize("piece", [0, 1, 7, 4096])
def test_every_other_value_is_what_it_was(mode: Mode, piece: int) -> None:
    meter = Meter(mode)
    stream = b"".join(meter.frame(n * 8000.0) for n in range(3))
    made = without(stream, piece)
    assert len(made) == len(stream)
    assert ADDRESS not in made
    assert PRM not in made
    hidden = {"ADCO", "ADSC", "ADS", "PRM"}
    pairs = list(zip(groups(stream), groups(made), strict=True))
    assert {before == after for before, after in pairs if before[0] not in hidden} == {True}
    assert {before[1] == after[1] for before, after in pairs if before[0] in hidden} == {False}
    ends = [event for event in Decoder().feed(made, 0.0) if isinstance(event, FrameEnd)]
    assert [end.complete for end in ends] == [True] * 3


def test_two_meters_stay_two_and_keep_their_kind() -> None:
    numbers = ["041876199277", "041876199277", "031664001115"]
    made = without(b"".join(b"\n" + spaced_group("ADCO", number) + b"\r" for number in numbers))
    found = [value for _, value in groups(made)]
    assert found == ["041876000001", "041876000001", "031664000002"]


@pytest.mark.parametrize(
    ("raw", "made"),
    [
        (b"ADCO 041876199277 ?", b"ADCO 000000000000 ?"),  # a wrong check character stays wrong
        (b"ADC@ 0418761992771", b"ADC@ 0000000000000"),
        (b"\x00\x0004187619927712345", b"\x00\x0000000000000000000"),
        (b"HCHP 123456789 ?", b"HCHP 123456789 ?"),  # an index is no number of a person
        (b"", b""),
        (b"\xff\x80\x01", b"\xff\x80\x01"),
    ],
)
def test_damaged_groups_stay_damaged_and_lose_their_long_numbers(raw: bytes, made: bytes) -> None:
    assert without(b"\n" + raw + b"\r") == b"\n" + made + b"\r"
    if raw:
        assert isinstance(parse(made), str)


def test_noise_without_an_end_is_let_go_and_nothing_is_lost() -> None:
    noise = bytes(code for code in random.Random(1).randbytes(5000) if chr(code) not in "\x02\x03\x04\n\v\f\r\x0e\x0f")
    anonymiser = Anonymiser()
    made = b"".join(anonymiser.feed(noise[at : at + 50]) for at in range(0, len(noise), 50))
    assert len(noise) - len(made) <= LONGEST
    assert len(made + anonymiser.finish()) == len(noise)
