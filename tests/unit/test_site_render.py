"""`vigie site render`: fifty sites of one template, each with an identity of its own and none in the template."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.settings.access_code import is_code
from edge.settings.load import of_card
from edge.settings.model import Settings
from edge.settings.model_card import Modem

TEMPLATE = """\
# one card for each site
[box]
id = "{id}"  # from the list
[site]
name = "Gymnase {site}"
lang = "fr"
[bus.gpio]
kind = "gpio"
[[point]]
id = "water"
bus = "gpio"
driver = "pulse"
pin = "{=pin}"
weight = "{=weight}"
weight_unit = "l"
properties = { meter = "PRM {prm}" }
[link.mqtt]
host = "mqtt.example.org"
username = "{id}"
"""
HEAD = "id;site;pin;weight;prm;number;place"
PRM = "00000000000042"
CANARY = "12345678"


def load(file: Path) -> Settings:
    """Return what a box reads on its card."""
    return of_card(file.read_bytes(), file.name)[0]


class Office:
    """A folder with a template and a list, and what `vigie site render` says of them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.template, self.sites, self.out = folder / "template.toml", folder / "sites.csv", folder / "cards"
        self.template.write_text(TEMPLATE, encoding="utf-8")
        self._capsys = capsys

    def render(self, sites: str | bytes, *options: str, template: str = TEMPLATE) -> tuple[int, str]:
        self.template.write_text(template, encoding="utf-8")
        self.sites.write_bytes(sites if isinstance(sites, bytes) else sites.encode())
        arguments = ["site", "render", str(self.template), str(self.sites), "--out", str(self.out), "--lang", "en"]
        code = main([*arguments, *options])
        told = self._capsys.readouterr()
        return code, told.out + told.err

    def codes(self) -> dict[str, str]:
        return {
            path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))["access"]["code"]
            for path in self.out.glob("*/vigie.toml")
        }


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def line(box: str, *, site: str = "Sud", pin: str = "17", weight: str = "0,5", number: str = "") -> str:
    return f"{box};{site};{pin};{weight};{PRM};{number};chaufferie"


def sites(*lines: str) -> str:
    return "\n".join([HEAD, *lines, ""])


def test_fifty_sites_are_fifty_cards_with_ids_and_codes_of_their_own(office: Office) -> None:
    rows = [line(f"b{n:04}", site=f"n° {n}", pin=str(4 + n % 20), number=f"+336000{n:05}") for n in range(50)]
    code, told = office.render("\n".join([HEAD, *rows]).replace("\n", "\r\n").encode("latin-1"))
    assert (code, "50 card files" in told, "50 labels, pages of A4: 9" in told) == (0, True, True)
    codes = office.codes()
    assert len(codes) == len(set(codes.values())) == 50
    assert all(map(is_code, codes.values()))
    text = (office.out / "b0007" / "vigie.toml").read_text(encoding="utf-8")
    assert '[box]\nid = "b0007"  # from the list\n' in text
    found = tomllib.loads(text)
    assert (found["site"]["name"], found["point"][0]["weight"], found["point"][0]["pin"]) == ("Gymnase n° 7", 0.5, 11)
    assert {stat.S_IMODE(path.stat().st_mode) for path in office.out.rglob("*") if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (office.out, *office.out.glob("b*"))} == {0o700}


def test_a_card_file_is_good_as_a_box_takes_it(office: Office) -> None:
    assert office.render(sites(line("b0042")))[0] == 0
    settings = load(office.out / "b0042" / "vigie.toml")
    assert (settings.box.id, settings.site.name) == ("b0042", "Gymnase Sud")


def test_the_sheet_shows_what_the_office_knows_and_no_key_and_no_meter_number(office: Office) -> None:
    assert office.render(sites(line("b0042", number="+33600000042"), line("b0043")))[0] == 0
    sheet = (office.out / "labels.html").read_text(encoding="utf-8")
    own = load(office.out / "b0042/vigie.toml").one(Modem).number
    assert (own, load(office.out / "b0043/vigie.toml").one(Modem).number) == ("+33600000042", "")
    for wanted in ("vigie b0042", "Gymnase Sud, chaufferie", "06 00 00 00 42", *office.codes().values()):
        assert sheet.count(wanted) >= 2, wanted  # both languages
    assert PRM not in sheet
    assert "____-____<" in sheet  # the print of the box's key is written in by hand
    assert sheet.count("<svg") == 2
    assert sheet.count('class="page"') == 1


def test_a_card_file_that_somebody_saved_in_another_alphabet_keeps_its_code_too(office: Office) -> None:
    assert office.render(sites(line("b0042")))[0] == 0
    before, file = office.codes(), office.out / "b0042/vigie.toml"
    file.write_bytes(file.read_bytes() + "# été\n".encode("latin-1"))
    code, told = office.render(sites(line("b0042")))
    assert (code, "--force" in told) == (1, True)
    assert office.render(sites(line("b0042")), "--force")[0] == 0
    assert office.codes() == before


def test_rendered_again_each_box_keeps_the_code_of_its_printed_label(office: Office) -> None:
    assert office.render(sites(line("b0042")))[0] == 0
    before = office.codes()
    assert office.render(sites(line("b0042"), line("b0043")))[0] == 0
    assert office.codes()["b0042"] == before["b0042"]
    changed = sites(line("b0042", pin="4"), line("b0043"))
    code, told = office.render(changed)
    assert (code, "--force" in told, load(office.out / "b0042/vigie.toml").points[0].options.pin) == (1, True, 17)
    assert office.render(changed, "--force")[0] == 0
    assert (office.codes()["b0042"], load(office.out / "b0042/vigie.toml").points[0].options.pin) == (
        before["b0042"],
        4,
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([line("b0042"), line("b0043"), line("b0042")], ["sites.csv:4  column id", "stands in line 2 already"]),
        ([line("B0042")], ["sites.csv:2  column id", "no id of a box"]),
        ([line("")], ["sites.csv:2  column id", "no id of a box"]),
        ([line("../../etc")], ["no id of a box"]),
        ([line("b1", pin="99")], ["sites.csv:2  column pin", "template.toml:13:7", 'point "water".pin', "27"]),
        ([line("b1", pin="x")], ['sites.csv:2  column pin = "x"', "a number"]),
        ([line("b1", pin="")], ["sites.csv:2  column pin", "a number"]),
        ([line("b1", weight="0,5,5")], ["column weight", "a number"]),
        ([line("b1", number="3,36E+10")], ["column number", "make the column a text"]),
        ([line("b1", number="+33600000042"), line("b2", number="+33600000042")], ["sites.csv:3", "line 2 already"]),
        ([line("b1") + ";more"], ["sites.csv:2", "8 cells for 7 columns"]),
        ([line("b1", site='"a\nb"')], ["column site", "line break"]),
        ([line("b1", site='"a')], ["no CSV"]),
        ([], ["no site"]),
    ],
)  # fmt: skip
def test_a_fault_has_its_row_and_column_and_then_nothing_is_written(
    office: Office, rows: list[str], said: list[str]
) -> None:
    code, told = office.render(sites(*rows))
    assert not office.out.exists()
    assert code == 2
    assert [word for word in said if word not in told] == [], told


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (HEAD.replace("pin", "broche"), ["column pin", "line 13"]),
        (HEAD.replace("prm", "prn"), ["did you mean prm?"]),
        (HEAD + ";colour", ["column colour", "nothing asks for this column"]),
        (HEAD.replace("prm", "site"), ["two columns"]),
        (HEAD.replace("prm", "1 2"), ["no name of a column"]),
        (HEAD.replace("id;", "box;"), ["column id"]),
    ],
)
def test_columns_that_do_not_fit_the_template_are_named(office: Office, head: str, said: list[str]) -> None:
    code, told = office.render("\n".join([head, line("b0042") + ";" * (head.count(";") - 6)]))
    assert (code, [word for word in said if word not in told], office.out.exists()) == (2, [], False), told


@pytest.mark.parametrize("octets", [b"", b"\n\r\n", b"\xef\xbb\xbf", b";;;\n;;;\n", b"\0\1\2PK\3\4", b"id" * 3_000_000])
def test_what_is_no_list_is_refused_with_a_reason(office: Office, octets: bytes) -> None:
    code, told = office.render(octets)
    assert code == 2
    assert "Traceback" not in told
    assert not office.out.exists()


@pytest.mark.parametrize(
    "octets",
    [
        sites(line("b0042", site="Évry")).encode("utf-8-sig"),
        sites(line("b0042", site="Évry")).encode("utf-16"),
        sites(line("b0042", site="Évry")).encode("cp1252"),
        ("sep=;\n" + sites(line("b0042", site="Évry"))).encode(),
        sites(line("b0042", site="Évry", weight="0.5")).replace(";", ",").encode(),
        sites(line("b0042", site="Évry")).replace(";", "\t").replace("\n", "\r\n").encode(),
        (sites(line("b0042", site='"Évry"')).replace("\n", ";;\n") + ";;;;;;;;\n\n").encode(),
        sites(line("b0042", site="Évry")).replace("\n", "\r").encode(),
    ],
)
def test_what_a_spreadsheet_writes_is_taken_as_it_comes(office: Office, octets: bytes) -> None:
    code, told = office.render(octets)
    assert code == 0, told
    assert load(office.out / "b0042" / "vigie.toml").site.name == "Gymnase Évry"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('id = "{id}"  #', 'id = "b0001"  #'), ["never from the template"]),
        (('id = "{id}"  #', 'id = "x-{id}"  #'), ["never from the template"]),
        (("[link.mqtt]", '[access]\ncode = "K7QM-4XPD-92TH"\n[link.mqtt]'), ["each card gets one of its own"]),
        (("[link.mqtt]", f'[network]\nkind = "wifi"\nssid = "x"\npassword = "{CANARY}"\n[link.mqtt]'), ["a secret"]),
        (("[link.mqtt]", f'[modem]\npin = "{CANARY}"\n[link.mqtt]'), ["a secret in the template"]),
        (("Gymnase {site}", "-----BEGIN PRIVATE KEY-----"), ["a secret in the template"]),
        (("Gymnase {site}", "Gymnase {site"), ["a brace that names no column"]),
        (("Gymnase {site}", "Gymnase {=site}"), ["stands alone"]),
        (('name = "Gymnase {site}"', "name = Gymnase"), ["template.toml:5:8"]),
        (("[site]", "[sites]"), ["template"]),
    ],
)  # fmt: skip
def test_a_template_with_an_identity_or_a_secret_of_its_own_is_refused(
    office: Office, change: tuple[str, str], said: list[str]
) -> None:
    code, told = office.render(sites(line("b0042")), template=TEMPLATE.replace(*change))
    assert CANARY not in told
    assert (code, [word for word in said if word not in told], office.out.exists()) == (2, [], False), told


def test_a_fault_of_the_template_is_told_once_and_not_for_every_row(office: Office) -> None:
    code, told = office.render(
        sites(*(line(f"b{n}") for n in range(9))), template=TEMPLATE.replace('driver = "pulse"', 'driver = "pules"')
    )
    assert code == 2
    assert told.count("pules") == 1
    assert "every other line" in told


def test_texts_of_a_list_never_become_settings(office: Office) -> None:
    hostile = '"Sud""\n[link.mqtt]\nhost = ""x"'
    assert office.render(sites(line("b0042", site=hostile)))[0] == 2
    assert office.render(sites(line("b0042", site='"a"" # \\u0041 {id} \'\'\' ]"')))[0] == 0
    assert load(office.out / "b0042" / "vigie.toml").site.name == "Gymnase a\" # \\u0041 {id} ''' ]"


def test_placeholders_of_the_houses_own_templates_are_left_to_them(office: Office) -> None:
    inner = """
[[template]]
id = "flat"
[[template.point]]
id = "flat{n}.water"
bus = "gpio"
driver = "pulse"
pin = "{pin}"
weight = "{weight}"
weight_unit = "l"
[[use]]
template = "flat"
values = [{ n = 1, pin = 5, weight = "{=weight}" }, { n = 2, pin = 6, weight = 1 }]
"""
    code, told = office.render(sites(line("b0042")), template=TEMPLATE + inner)
    assert code == 0, told
    points = load(office.out / "b0042" / "vigie.toml").points
    assert [(entry.point.id, entry.options.weight) for entry in points] == [
        ("water", 0.5), ("flat1.water", 0.5), ("flat2.water", 1),
    ]  # fmt: skip


def test_a_template_from_windows_is_taken_as_it_comes(office: Office) -> None:
    code, told = office.render(sites(line("b0042")), template="\ufeff" + TEMPLATE.replace("\n", "\r\n"))
    assert code == 0, told
    assert load(office.out / "b0042" / "vigie.toml").site.name == "Gymnase Sud"


@pytest.mark.parametrize("octets", [b"", b"\xff\xfeb\0", b"[box", b"\xe9", b"x" * 5_000_000, b"id = 5"])
def test_what_is_no_template_is_refused_with_its_place(office: Office, octets: bytes, capsys: Any) -> None:
    office.sites.write_text(sites(line("b0042")), encoding="utf-8")
    office.template.write_bytes(octets)
    assert main(["site", "render", str(office.template), str(office.sites), "--out", str(office.out)]) == 2
    assert "template.toml" in capsys.readouterr().out
    assert not office.out.exists()


def test_check_says_what_a_template_is_and_json_says_what_was_made(office: Office, capsys: Any) -> None:
    assert office.render(sites(line("b0042")), "--check")[0] == 0
    assert not office.out.exists()
    code, told = office.render(sites(line("b0042")), "--json")
    assert (code, json.loads(told)["boxes"], json.loads(told)["written"]) == (0, ["b0042"], True)
    assert not re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}-", told)  # no code on the screen
    assert main(["check", str(office.template), "--lang", "en"]) == 2
    assert "vigie site render" in capsys.readouterr().err
