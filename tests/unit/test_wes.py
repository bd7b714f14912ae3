"""A WES server as a source: its page read whole or refused, its failures named, its indexes believed with care."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.core import units
from edge.settings.load import loads
from hal.decode import wes
from hal.driver import DriverError
from hal.drivers.wes import Wes, WesOptions
from hal.fake.wes import FakeWes, Fault, page
from hal.http_source import HttpSource
from hal.sample import BAD, GOOD, UNCERTAIN, Sample
from tests.served import Served
from tests.support import shared_data
from tests.unit.settings_good import refusal

SITE = '[box]\nid = "a"\n[site]\nname = "x"\n[bus.flat]\nkind = "http"\nurl = "http://192.168.1.30"\n'
POINT = '[[point]]\nid = "p"\nbus = "flat"\ndriver = "wes"\nperiod_s = 30\n'


class Rig:
    """A server, and a driver of some of its fields."""

    def __init__(self) -> None:
        self.server = FakeWes()
        self.served = Served(self.server)
        self.source = HttpSource(self.server.url, "", "", 0.3)

    def driver(self, *fields: str, **texts: str) -> Wes:
        self.server.texts = {name.replace("_", ".", 1): text for name, text in texts.items()}
        return Wes(self.source, {name: WesOptions(field=name) for name in fields})


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.served.close()


def read(driver: Wes, at_s: float = 0.0) -> dict[str, Sample]:
    return {sample.point: sample for sample in driver.read(list(driver._fields), round(at_s * 1e9))}


def one(driver: Wes, at_s: float = 0.0) -> Sample:
    return next(iter(read(driver, at_s).values()))


def test_the_field_table_is_what_servers_in_the_field_send() -> None:
    known = wes.fields()
    missing = set()
    for row in csv.DictReader(shared_data("wes", "cgx_fields.csv").read_text(encoding="utf-8").splitlines()):
        if row["source_repo"].endswith("plugin-wescontrol"):
            name = f"{row['xml_path'].removeprefix('data/')}.{row['tag']}"
            missing |= {name} - known.keys()
    assert not missing
    assert len(known) > 300


def test_every_field_has_a_unit_that_is_known() -> None:
    assert all(units.is_known(field.unit) for field in wes.fields().values())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("tic1.PAP", "1230", 1230),
        ("tic1.BASE", "012345678", 12_345_678),
        ("tic2.H_CREUSE", "000000000", 0),
        ("tic3.INJECTION", "999999999", 999_999_999),
        ("temp.SONDE1", "-10.5", -10.5),
        ("temp.SONDE30", "0,1", 0.1),
        ("impulsion.INDEX1", "1234.056", 1234.056),
        ("pince.I1", "-0.25", -0.25),
        ("tic1.PTEC", "H. Creuse BLEU", "H. Creuse BLEU"),
        ("tic1.DEMAIN", "Jour BLEU", "Jour BLEU"),
        ("relais.RELAIS1", "ON", 1),
        ("entree.ENTREE2", "0", 0),
        ("switch_virtuel.SWITCH24", "1", 1),
    ],
)
def test_what_a_field_says(name: str, text: str, value: object) -> None:
    assert wes.value_of(wes.named(name), text) == (value, "")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("tic1.PAP", None, "not_sent"),
        ("tic1.PAP", "", "not_sent"),
        ("tic1.PAP", "nan", "not_a_number"),
        ("tic1.PAP", "1e9", "not_a_number"),
        ("tic1.BASE", "12 345", "not_a_number"),
        ("tic1.BASE", "9" * 40, "not_a_number"),
        ("temp.SONDE1", "-127.0", "out_of_range"),
        ("temp.SONDE1", "--", "not_a_number"),
        ("relais.RELAIS1", "2", "out_of_range"),
    ],
)
def test_what_is_no_value_has_a_reason_and_is_never_zero(name: str, text: str | None, reason: str) -> None:
    assert wes.value_of(wes.named(name), text) == (None, reason)


def test_85_degrees_may_be_a_probe_that_lost_its_supply() -> None:
    assert wes.value_of(wes.named("temp.SONDE1"), "85.0") == (85.0, "suspect")
    assert wes.value_of(wes.named("temp.SONDE1"), "84.9") == (84.9, "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no whole XML"),
        (b"<data><tic1><PAP>12", "no whole XML"),
        (b"<html><body>login</body></html>", "its root is <html>"),
        (b"\x00\xff\xfe", "no whole XML"),
        (b'<!DOCTYPE d [<!ENTITY a "aaaa">]><data><x>&a;</x></data>', "document type"),
        (b"<data>" + b"<a>" * 20 + b"</a>" * 20 + b"</data>", "nested deeper"),
        (b"<data>" + b"<a/>" * 5000 + b"</data>", "more than 4000 tags"),
        (b"<data>" + b" " * wes.MOST_BYTES + b"</data>", "longer than"),
        (b"<data>&boom;</data>", "no whole XML"),
        (b'<?xml version="1.0" encoding="utf-9"?><data/>', "an encoding that no WES has"),
        (b'<?xml version="1.0" encoding="shift_jis"?><data/>', "an encoding that no WES has"),
    ],
)
def test_a_page_that_is_none_is_refused_whole(content: bytes, said: str) -> None:
    with pytest.raises(wes.DocumentError, match=said):
        wes.document(content)


def test_a_page_in_an_encoding_that_it_does_not_name_is_read() -> None:
    assert wes.document("<data><tic1><PTEC>été</PTEC></tic1></data>".encode("latin-1")) == {"tic1.PTEC": "été"}
    assert wes.document(b"<data/>") == {}


def test_a_page_damaged_anywhere_gives_a_page_or_a_refusal() -> None:
    whole = page()
    for place in range(0, len(whole), 37):
        for damaged in (whole[:place], whole[:place] + b"\x01" + whole[place + 1 :]):
            try:
                found = wes.document(damaged)
            except wes.DocumentError:
                continue
            assert set(found) <= set(wes.fields()) | {name for name in found if "." not in name}


def test_one_question_serves_all_points_of_a_tick(rig: Rig) -> None:
    driver = rig.driver("tic1.PAP", "tic1.PTEC", "temp.SONDE3", "relais.RELAIS1", tic1_PAP="870", relais_RELAIS1="ON")
    samples = read(driver)
    assert {name: sample.value for name, sample in samples.items()} == {
        "tic1.PAP": 870,
        "tic1.PTEC": "H. Pleines",
        "temp.SONDE3": 0.0,
        "relais.RELAIS1": 1,
    }
    assert rig.server.asked == rig.source.requests == 1
    assert driver.raw("tic1.PAP") == "tic1.PAP: '870' (the server's clock: 21/11/26 14:05)"
    assert driver.trace().startswith(b"<?xml")
    assert driver.trace() == b""


def test_a_server_that_closes_after_its_answer_is_read_to_the_end(rig: Rig) -> None:
    """Asked to close, most do say so; the library then closes its side before the body was read."""
    assert len(page()) > 8192, "more than one buffer of the library"
    assert rig.source.get(wes.PATH, wes.MOST_BYTES) == page()


def test_a_field_that_a_server_leaves_out_is_bad_alone(rig: Rig) -> None:
    driver = rig.driver("tic1.PAP", "tic2.PAP")
    rig.server.without = frozenset({"tic2.PAP"})
    samples = read(driver)
    assert samples["tic1.PAP"].quality == GOOD
    assert samples["tic2.PAP"] == Sample("tic2.PAP", 0, None, BAD, "not_sent")
    assert "absent" in driver.raw("tic2.PAP")


@pytest.mark.parametrize(
    ("fault", "reason", "said"),
    [
        ("401", "bus_error", r"it refuses user '' \(401\); write user and password_file"),
        ("404", "bus_error", "it answers 404; check the url"),
        ("500", "bus_error", "it answers 500"),
        ("truncated", "no_frame", "this is no page of a WES: no whole XML"),
        ("html", "no_frame", "its root is <html>"),
        ("huge", "no_frame", "more than 262144 bytes"),
        ("short", "no_frame", "ends too early|this is no HTTP"),
        ("silent", "no_answer", "no answer within 0.3 s"),
        ("slow", "no_answer", "no answer within 0.3 s"),
    ],
)
def test_each_way_of_failing_has_its_reason_and_its_cure(rig: Rig, fault: Fault, reason: str, said: str) -> None:
    driver = rig.driver("tic1.PAP")
    rig.server.fault = fault
    began_s = time.monotonic()
    with pytest.raises(DriverError, match=rf"127\.0\.0\.1:\d+.*({said}).*; |({said})") as caught:
        driver.read(["tic1.PAP"], 0)
    assert caught.value.reason == reason
    assert time.monotonic() - began_s < 3
    came_whole = fault in {"truncated", "html"}
    assert rig.source.counts() == ({"transfers": 1} if came_whole else {"transfers": 1, reason: 1})
    rig.server.fault = ""
    assert one(driver).quality == GOOD


def test_a_server_that_has_gone_is_no_answer(rig: Rig) -> None:
    driver = rig.driver("tic1.PAP")
    rig.served.unplug()
    with pytest.raises(DriverError, match="refused; is it switched on"):
        driver.open()


def test_the_password_is_read_from_its_file_each_time_and_never_told(tmp_path: Path) -> None:
    secret = tmp_path / "word"
    secret.write_text("wrong\n", encoding="utf-8")
    server = FakeWes("reader", "Sesame-42")
    with Served(server):
        source = HttpSource(server.url, "reader", str(secret), 1.0)
        with pytest.raises(DriverError, match="check user and password_file") as caught:
            source.get("/data.cgx", 1 << 18)
        assert "wrong" not in str(caught.value)
        secret.write_text("Sesame-42\n", encoding="utf-8")
        assert b"<data>" in source.get("/data.cgx", 1 << 18)
        secret.unlink()
        with pytest.raises(DriverError, match="may the user vigie read it"):
            source.get("/data.cgx", 1 << 18)


def test_an_index_that_falls_while_the_server_starts_is_doubted_and_costs_nothing(rig: Rig) -> None:
    driver = rig.driver("tic1.BASE", tic1_BASE="012345678")
    assert one(driver) == Sample("tic1.BASE", 0, 12_345_678, GOOD)
    state = driver.state()
    assert state is not None
    rig.server.texts = {"tic1.BASE": "000000000"}
    assert one(driver, 30) == Sample("tic1.BASE", 30_000_000_000, 0, UNCERTAIN, "unconfirmed")
    after_a_power_cut = rig.driver("tic1.BASE", tic1_BASE="000000000")
    after_a_power_cut.restore(state)
    assert one(after_a_power_cut, 60).reason == "unconfirmed"
    rig.server.texts = {"tic1.BASE": "012345690"}
    assert one(after_a_power_cut, 90) == Sample("tic1.BASE", 90_000_000_000, 12_345_690, GOOD)


def test_another_meter_is_believed_after_five_minutes(rig: Rig) -> None:
    driver = rig.driver("tic1.BASE", tic1_BASE="012345678")
    one(driver)
    rig.server.texts = {"tic1.BASE": "000000100"}
    assert [one(driver, at_s).reason for at_s in range(30, 361, 30)] == ["unconfirmed"] * 10 + ["", ""]


def test_a_server_that_is_asked_too_often_is_said_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    driver = rig.driver("tic1.PAP")
    with caplog.at_level(logging.WARNING):
        for at_s in range(10):
            read(driver, at_s)
        assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
            "asked more often than each 30 s; write period_s = 30 for its points"
        ]
        caplog.clear()
        calm = rig.driver("tic1.PAP")
        for at_s in range(0, 300, 30):
            read(calm, at_s)
        assert not caplog.records


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("tic1.PAPP", "is it 'tic1.PAP'"),
        ("TIC1.pap", "is it 'tic1.PAP'"),
        ("temp.SONDE31", "is it 'temp.SONDE3"),
        ("x", "SECTION.TAG"),
        ("", "SECTION.TAG"),
    ],
)
def test_check_refuses_an_unknown_field_with_the_nearest_one(field: str, said: str) -> None:
    assert said in refusal(f'{SITE}{POINT}field = "{field}"\n')
    if field:
        assert "f.toml:13:9" in refusal(f'{SITE}{POINT}field = "{field}"\n')


@pytest.mark.parametrize("url", ["192.168.1.30", "ftp://x", "http://a:b@x", "http://x/data.cgx", "http://x?y", ""])
def test_a_url_is_a_server_and_nothing_more(url: str) -> None:
    assert "url" in refusal(SITE.replace("http://192.168.1.30", url))
    for good in ("http://wes.lan:8080", "https://10.0.0.7/"):
        loads(SITE.replace("http://192.168.1.30", good))


@pytest.mark.parametrize("state", ["", "{", '{"registers":[]}'])
def test_a_damaged_memory_is_ignored(rig: Rig, state: str) -> None:
    driver = rig.driver("tic1.BASE", tic1_BASE="000000100")
    driver.restore(state)
    assert one(driver).quality == GOOD


def options(**keys: Any) -> WesOptions:
    return msgspec.convert(keys, WesOptions)


def test_a_pulse_input_has_the_unit_that_its_point_says() -> None:
    assert Wes.channel(options(field="impulsion.INDEX1")).unit == ""
    site = loads(f'{SITE}{POINT}field = "impulsion.INDEX1"\nunit = "m3"\n')
    assert site.points[0].point.unit == "m3"
