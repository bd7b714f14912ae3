"""The label tables against the facts that they were written from."""

from __future__ import annotations

import csv

import pytest

from hal.decode.teleinfo.labels import Label, named, names, spaced, tabbed
from tests.support import shared_data


@pytest.mark.parametrize(
    ("file", "mode"),
    [("labels_historique.csv", "historique"), ("labels_standard.csv", "standard"), ("labels_pmepmi.csv", "pmepmi")],
)
def test_every_label_of_the_facts_is_known_with_its_length_and_unit(file: str, mode: str) -> None:
    table = tabbed() if mode == "standard" else spaced()
    known = {key.decode(): label for key, label in table.items() if label.mode == mode}
    facts = list(csv.DictReader(shared_data("teleinfo", file).read_text().splitlines()))
    assert known.keys() == {fact["label"] for fact in facts}
    for fact in facts:
        label = known[fact["label"]]
        if mode == "standard":
            assert label.horodate == (fact["horodate"] == "1"), label.name
        if mode != "pmepmi":
            assert label.length in (0, int(fact["data_len"])), label.name
            if "dal" not in fact["unit"]:
                assert label.unit.lower() == fact["unit"].lower(), label.name
        is_index = fact["kind"] == "index"
        # The index at the end of a past period stands still: it is steady, not a register that grows.
        assert (label.role == "index") == (is_index and "-1_" not in label.name), label.name


def test_labels_without_a_fixed_length_are_those_whose_words_or_pattern_say_it() -> None:
    free = {label.name for table in (tabbed(), spaced()) for label in table.values() if not label.length}
    assert all(one(name).characters in ("words", "pattern") for name in free - {"DATE"})


def one(name: str) -> Label:
    return named(name)[0]


def test_historique_and_pmepmi_share_no_label() -> None:
    modes = [label.mode for label in spaced().values()]
    assert len(modes) == len({(label.mode, label.name) for label in spaced().values()})
    assert len(named("DATE")) == 2
    assert named("PAPE") == []
    assert "ADCO" in names()


@pytest.mark.parametrize(
    ("label", "data", "fault"),
    [
        ("ADCO", b"041876199277", ""),
        ("ADCO", b"04187619927", "length"),
        ("ADCO", b"04187619927A", "characters"),
        ("OPTARIF", b"BBR(", ""),
        ("OPTARIF", b"BBR@", "value"),
        ("OPTARIF", b"", "length"),
        ("PTEC", b"TH..", ""),
        ("HHPHC", b"B", "value"),
        ("STGE", b"003A0001", ""),
        ("STGE", b"003a0001", "characters"),
        ("NJOURF", b"09", ""),
        ("NJOURF", b"10", "value"),
        ("PTCOUR1", b"HPE", ""),
        ("PTCOUR1", b"HP3", "value"),
        ("EAP_s", b"1234567890kWh", "value"),
        ("EAP_s", b"kWh", "value"),
        ("TGPHI_s", b"-0,39", ""),
        ("TGPHI_s", b"-0.39", "value"),
    ],
)
def test_data_is_held_to_length_characters_and_words(label: str, data: bytes, fault: str) -> None:
    assert one(label).fault(data) == fault
