"""What people in France read: each screen whole within 80 columns, and the language that a person is answered in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.cli import explained, printed
from edge.cli.cells import cells, plain
from edge.cli.line import line_of
from edge.cli.main import main
from edge.cli.table import Sight, compose
from edge.cli.trend import Trends
from edge.cli.words import Words, own_words, zone_of
from edge.settings.report import LANGUAGE_VARIABLES, language
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.unit.settings_good import GOOD

FR = Words("fr")
KEYS = [
    ("q", FR("live.key_quit")), ("a", FR("live.key_ack")), ("c", FR("demo.cut")), ("p", FR("demo.unplug")),
    ("h", FR("live.key_help")),
]  # fmt: skip


def live_of(desk: FakeDesk) -> dict[str, Any]:
    desk.lang = "fr"
    answer = {"box": desk.box(), "values": desk.view("values"), "alarms": desk.view("alarms"), "buffer": desk.buffer()}
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return told


def shown(live: dict[str, Any], *, is_help: bool = False, now_ms: int = NOW_MS) -> list[str]:
    trends = Trends()
    for t_s in range(0, 60, 6):
        trends.take(live["values"], t_s)
    sight = Sight(live, trends, keys=KEYS, is_help=is_help)
    return [plain(line) for line in compose(sight, (80, 24), zone_of(live), now_ms, "fr")]


def test_the_live_table_is_whole_in_80_columns() -> None:
    lines = shown(live_of(FakeDesk()))
    assert all(cells(line) == 80 for line in lines)
    assert "…" not in "".join(lines[:16]), "nothing of the banner, the heads or the rows is cut"
    assert lines[0].split("  ")[-2:] == ["ven. 20 nov. 16:20:07", "heure ntp"]
    assert lines[1].startswith("liaison mqtt ok  tampon 0  acquitté 48 213 (il y a 2 s)  ")
    assert lines[2].startswith(" ALARME 12 surchauffe  boiler.flow 92,5 °C > 85  depuis 16:05 (15 min) ")
    assert lines[4].split()[:6] == ["point", "valeur", "unité", "qualité", "âge", "seuil"]
    assert "HAUTE > 85" in lines[5]
    assert "PANNE" in lines[6]
    assert lines[23].rstrip().endswith("  p débrancher une sonde  h aide")


def test_the_longest_date_and_a_clock_that_is_not_set_still_fit() -> None:
    live = live_of(FakeDesk())
    live["box"]["clock"] = "floor"
    lines = shown(live, now_ms=NOW_MS - 58 * 86_400_000)  # Wednesday 23 September
    assert lines[0].endswith("mer. 23 sept. 17:20:07  heure à régler")
    assert lines[0].startswith("vigie 0.1.0  b0042 Gymnase Sud ")


def test_the_page_of_help_is_whole() -> None:
    lines = shown(live_of(FakeDesk()), is_help=True)
    assert "…" not in "".join(lines)


def test_a_link_that_is_down_says_why_and_what_to_do() -> None:
    desk = FakeDesk()
    desk.link |= {"state": "down", "code": "cert_not_yet_valid"}
    live = live_of(desk)
    lines = shown(live)
    assert lines[1].startswith("liaison mqtt coupée 15 min  tampon 0")
    assert lines[2].rstrip() == "  certificat du broker pas encore valable : ce boîtier est-il à l'heure ?"
    status = printed.status(live)
    assert status[-2].startswith(
        "  certificat du broker pas encore valable\u00a0: ce boîtier est-il à l'heure\u00a0? régler"
    )


def test_status_values_and_the_line_for_pipes_are_french_with_decimal_commas() -> None:
    live = live_of(FakeDesk())
    status = printed.status(live)
    assert status[3] == "26 points\u00a0: 24 bons, 1 incertain, 1 mauvais"
    assert status[1] == "en marche depuis ven. 20 nov. 15:15 (1 h 05), démarrage 3"
    assert any("92,5 °C" in line for line in printed.values(live["values"], FR))
    assert "t.cellar no_answer" in line_of(live)
    assert "26 points\u00a0: 24 bons" in line_of(live)
    way = explained.explained(msgspec.json.decode(msgspec.json.encode(FakeDesk().explain("t.cellar"))), FR)
    assert "  appareil  28-3c01f0950a21 sur le bus onewire, pilote ds18b20" in way
    assert FR.age(190_000) == "2 j 4 h"


def test_commands_answer_in_the_language_of_the_site(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = FakeDesk()
    desk.lang = "fr"
    with serving(desk, path):
        assert main(["ack", "99", "--socket", str(path)]) == 1
        assert main(["values", "t.celar", "--socket", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == "Il n'y a pas d'alarme 99 à acquitter.\n"
    assert told.err == "vigie: pas de point t.celar\u00a0; vouliez-vous dire t.cellar\u00a0?\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api.sock"


def test_without_a_box_the_terminal_says_the_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert own_words().lang == "en"
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert main(["status", "--socket", str(tmp_path / "none")]) == 3
    assert capsys.readouterr().err.startswith("vigie: aucun boîtier ne répond sur ")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"), ({"LANG": ""}, "en"), ({"LANG": "C.UTF-8"}, "en"), ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LC_ALL": "en_GB", "LANG": "fr_FR"}, "en"), ({"LANG": "de_DE"}, "en"), ({"LANG": "../../etc"}, "en"),
    ],
)  # fmt: skip
def test_the_environment_says_the_language_where_we_speak_it(environment: dict[str, str], expected: str) -> None:
    assert language(environment) == expected


def test_check_answers_in_the_language_of_the_site_also_where_the_file_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "vigie.toml"
    french = GOOD.replace("[site]", '[site]\nlang = "fr"')
    assert french != GOOD
    file.write_text(french.replace("period_s", "peroid_s"), encoding="utf-8")
    assert main(["check", str(file)]) == 2
    out = capsys.readouterr().out
    assert "   clé inconnue\u00a0; vouliez-vous dire period_s\u00a0?\n" in out
    assert out.endswith("1 défaut.\n")
    file.write_text(french + "\nno toml at all =\n", encoding="utf-8")
    assert main(["check", str(file)]) == 2
    assert capsys.readouterr().out.endswith("1 défaut.\n")
    assert main(["check", str(file), "--lang", "en"]) == 2
    assert capsys.readouterr().out.endswith("1 fault.\n")
    file.write_text(french, encoding="utf-8")
    assert main(["check", str(file)]) == 0
    assert " est bon\u00a0: boîtier b0042 (Gymnase Sud), 3 points sur 2 bus" in capsys.readouterr().out


def test_a_file_that_says_no_language_we_speak_leaves_it_to_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "vigie.toml"
    assert language({"LANG": "fr_FR"}, file) == "fr", "there is no file"
    for octets in (b"", b'lang = "xx"', b"\xff\xfe\x00", b"[site]\nlang = 12", b'# lang = "en"'):
        file.write_bytes(octets)
        assert language({"LANG": "fr_FR"}, file) == "fr"
    file.write_bytes(b'[site]\r\n  lang="en"\r\nbroken = ')
    assert language({"LANG": "fr_FR"}, file) == "en"
