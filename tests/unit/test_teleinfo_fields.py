"""Horodates, the status register, relays, day profiles: against the standard's tables and decoded real frames."""

from __future__ import annotations

import csv

import pytest

from hal.decode.teleinfo import fields
from hal.decode.teleinfo.groups import Group, parse, spaced_group, tabbed_group
from tests.support import shared_data


def group(raw: bytes) -> Group:
    found = parse(raw)
    assert isinstance(found, Group), found
    return found


def test_status_registers_of_real_meters_decode_to_their_examples() -> None:
    examples = list(csv.DictReader(shared_data("teleinfo", "stge_examples.csv").read_text().splitlines()))
    assert len(examples) == 10
    for example in examples:
        register = fields.register(group(tabbed_group("STGE", example["stge"])))
        for part in fields.STGE:
            assert part.number(register) == int(example[part.name]), (example["stge"], part.name)


def test_the_fields_of_the_status_register_lie_where_the_table_says() -> None:
    rows = list(csv.DictReader(shared_data("teleinfo", "stge_bits.csv").read_text().splitlines()))
    used = [(row["field"], int(row["bit_lsb"]), int(row["bit_msb"])) for row in rows if "unused" not in row["field"]]
    assert [(part.name, part.lsb, part.msb) for part in fields.STGE] == used
    for part in fields.STGE:
        assert len(part.words) == 1 << (part.msb - part.lsb + 1)


@pytest.mark.parametrize(
    ("text", "iso", "utc_s", "is_degraded"),
    [
        ("H230301091834", "2023-03-01T09:18:34+01:00", 1_677_658_714, False),
        ("E180716063417", "2018-07-16T06:34:17+02:00", 1_531_715_657, False),
        ("e261025030015", "2026-10-25T03:00:15+02:00", 1_792_890_015, True),
        ("h000101000000", "2000-01-01T00:00:00+01:00", 946_681_200, True),
        (" 200214060000", "2020-02-14T06:00:00", None, False),
    ],
)
def test_horodates_become_utc_by_their_season(text: str, iso: str, utc_s: int | None, is_degraded: bool) -> None:
    found = fields.horodate(text)
    assert (found.iso(), found.utc_s, found.is_degraded) == (iso, utc_s, is_degraded)


def test_a_day_that_the_calendar_does_not_have_is_refused_and_shown_as_sent() -> None:
    with pytest.raises(ValueError, match="day"):
        fields.horodate("H230231091834")
    impossible = group(tabbed_group("DATE", "", "H230231091834"))
    assert fields.clock_s(impossible) is None
    assert fields.decoded(impossible) == "H230231091834"


def test_relays_are_closed_where_their_bit_is_set() -> None:
    decoded = fields.decoded(group(tabbed_group("RELAIS", "140")))
    assert [name for name, word in decoded.items() if word == "closed"] == ["relay_3", "relay_4", "relay_8"]
    assert set(fields.decoded(group(tabbed_group("RELAIS", "000"))).values()) == {"open"}


def test_day_profiles_have_their_contacts_and_indexes() -> None:
    data = " ".join(["00004003", "06308011", "220047F0", *["NONUTILE"] * 8])
    first, second, third = fields.decoded(group(tabbed_group("PJOURF+1", data)))
    assert (first.at, first.dry_contact, first.virtual_contacts, first.tariff) == ("00:00", "tempo", (), 3)
    assert (second.at, second.dry_contact, second.virtual_contacts, second.tariff) == ("06:30", "open", (1,), 1)
    assert (third.at, third.dry_contact, third.virtual_contacts, third.tariff) == (
        "22:00",
        "tempo",
        (1, 2, 3, 4, 5, 6, 7),
        0,
    )
    assert fields.day_profile(" ".join(["NONUTILE"] * 11)) == ()


def test_an_index_number_above_ten_changes_nothing() -> None:
    assert [slot.tariff for slot in fields.day_profile("0000000B 0100000A 0200000F 03000000")] == [0, 10, 0, 0]


def test_moments_of_pme_pmi_meters_are_iso() -> None:
    assert fields.decoded(group(spaced_group("DATE", "26/08/16 10:29:04"))) == "2016-08-26T10:29:04"
    assert fields.decoded(group(spaced_group("DATEPA1", "30/02/16 10:29:04"))) == "30/02/16 10:29:04"


def test_mobile_peaks_are_told_by_their_horodate() -> None:
    assert fields.decoded(group(tabbed_group("DPM1", "00", " 261025070000"))) == "2026-10-25T07:00:00"


def test_plain_values_stay_as_they_are() -> None:
    assert fields.decoded(group(spaced_group("PAPP", "01234"))) == 1234
    assert fields.decoded(group(tabbed_group("LTARF", "   HC  BLANC    "))) == "HC  BLANC"
    assert fields.parts("PAPP") == ()
