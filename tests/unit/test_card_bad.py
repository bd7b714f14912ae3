"""Whatever lies on the card: one clear message where the installer looks, and a box that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.runtime.card_state import CardMemory
from edge.runtime.card_take import Taking
from edge.settings.card_choice import ERRORS
from edge.settings.load import loads
from edge.store.fs import RealFs
from tests.card_rig import GOOD, Rig

BAD = {
    "broken": (GOOD.replace("pin = 17", "pin 17"), "Line 26: ", "equals sign"),
    "a misspelt key": (GOOD.replace("pin = 17", "pni = 17"), "Line 26: ", "did you mean pin?"),
    "empty": ("", "Line 1: ", "the file is empty"),
    "a mark alone": (b"\xef\xbb\xbf\r\n", "Line 1: ", "the file is empty"),
    "Latin-1": (GOOD.replace("Gymnase Sud", "Piscine d'été").encode("latin-1"), "Line 6: ", "is not UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "Line 1: ", "saved as UTF-16"),
    "oversized": (b"#" * 4_000_001, "", "larger than 1 MB"),
    "NUL octets": (b"\0" * 600, "Line 1: ", "eject the card"),
    "half written": (GOOD.encode()[:300] + b"\0" * 300, "Line 23: ", "eject the card"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-be"), "Line 1: ", "saved as UTF-16"),
    "a spreadsheet": (b"PK\x03\x04" + b"\0\x08\x21" * 90, "Line 1: ", "is no text"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "Line 1: ", "is not UTF-8"),
    "deep nesting": ("a = " + "[" * 100_000, "Line 1: ", "nested too deeply"),
    "deep tables": ("[" + ".".join(["a"] * 50_000) + "]", "Line 1: ", "nested too deeply"),
    "a number without end": ("a = " + "9" * 100_000, "Line 1: ", "no value that TOML knows"),
    "a key without end": ("k" * 50_000 + " = 1", "Line 1: ", ""),
    "many faults": ("\n".join(f"k{n} = 1" for n in range(300)), "Line 1: ", "… and"),
}


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_changes_nothing_and_is_explained_on_the_card(name: str, rig: Rig) -> None:
    content, line, message = BAD[name]
    rig.put("vigie.toml", GOOD)
    rig.take()
    kept = rig.on_box()
    rig.put("vigie.toml", content)
    rig.now_s += 86_400
    verdict = rig.take()
    assert (verdict.state, verdict.file, verdict.is_configured) == ("refused", "vigie.toml", True)
    assert verdict.faults >= 1
    assert rig.on_box() == kept
    page = rig.on_card(ERRORS)
    english, french = page.split("\r\n--\r\n")
    head = "\ufeffvigie-errors.txt, 21/11/2026 10:13, box b0042 (clock not checked yet)\r\n"
    assert english.startswith(f"{head}The box did NOT take vigie.toml.")
    assert "It runs on the settings of 20/11/2026 10:13." in english
    assert line in english
    assert message in english
    assert "Le boîtier n'a PAS pris vigie.toml." in french
    assert verdict.first["fr"] in french
    assert len(page) < 9000
    assert all(len(told) < 400 and "\n" not in told for told in page.split("\r\n"))
    before = rig.octets_written()
    assert rig.take().state == "refused"
    assert rig.octets_written() == before, "it is said once"


def test_a_bad_file_at_the_first_start_leaves_a_box_that_runs_on_its_own_settings(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD.replace("pin = 17", "pin = 99"))
    verdict = rig.take()
    assert (verdict.state, verdict.is_configured) == ("refused", False)
    assert loads(rig.on_box()).links.mqtt is None
    page = rig.on_card(ERRORS)
    assert "It runs on: nothing yet (no older settings)." in page
    assert "Il fonctionne avec\u00a0: rien encore" in page
    rig.put("vigie.toml", GOOD)
    assert rig.take().state == "applied"
    assert not rig.boot.exists(ERRORS)


@pytest.mark.parametrize(
    "name", ["vigie.toml", "VIGIE.TOML", "vigie.toml.txt", "Vigie.toml.TXT", "vigie (1).toml", "vigie(2).toml"]
)
def test_the_names_that_browsers_and_windows_make_count(name: str, rig: Rig) -> None:
    rig.put(name, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert rig.take().state == "applied"
    assert rig.on_card(name).startswith("\ufeff# the card of b0042\r\n")
    assert rig.on_card(name).count("\r\n") == rig.on_card(name).count("\n")
    assert rig.take().state == "unchanged"


@pytest.mark.parametrize("name", ["vigie.toml.bak", "vigie-example.toml", "myvigie.toml", "vigie.txt", "vigie ().toml"])
def test_other_names_do_not(name: str, rig: Rig) -> None:
    rig.put(name, GOOD)
    assert rig.take().state == "absent"
    assert rig.on_card(name) == GOOD


def test_of_two_files_the_one_that_was_not_taken_yet_counts(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD)
    rig.take()
    rig.put("vigie (1).toml", GOOD.replace("b0042", "b0043"))
    verdict = rig.take()
    assert (verdict.state, verdict.file) == ("applied", "vigie (1).toml")
    assert loads(rig.on_box()).box.id == "b0043"
    before = rig.octets_written()
    assert rig.take().state == "unchanged"
    assert rig.octets_written() == before
    rig.disk.unlink("boot/vigie (1).toml")
    assert rig.take().state == "applied", "the older one lies there alone again: it is meant"
    assert loads(rig.on_box()).box.id == "b0042"


def test_of_two_copies_each_is_cleaned_and_what_either_asks_for_is_done(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD.replace("test = true\n", ""))
    rig.put("vigie (1).toml", GOOD)  # the same settings, with one thing more to be done
    assert rig.take().state == "applied"
    for name in ("vigie.toml", "vigie (1).toml"):
        assert "mqtt-secret" not in rig.on_card(name)
    assert [act.verb for act in CardMemory(rig.root).load().acts.values()] == ["meter.set", "test"]
    before = rig.octets_written()
    assert rig.take().state == "unchanged"
    assert rig.octets_written() == before
    taking = Taking(rig.boot, rig.root, utc_s=rig.now_s, open_boot=rig.open_boot)
    for name in taking.waiting():
        taking.conclude(name, is_done=True, when="20/11/2026 10:31")
    taking.strike()
    assert "# done 20/11/2026 10:31: test = true" in rig.on_card("vigie (1).toml")
    before = rig.octets_written()
    assert rig.take().state == "unchanged"
    assert rig.octets_written() == before


def test_between_two_new_files_nobody_guesses(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD)
    rig.put("vigie (1).toml", GOOD.replace("b0042", "b0043"))
    verdict = rig.take()
    assert (verdict.state, verdict.file, verdict.faults) == ("refused", "", 1)
    assert "vigie.toml, vigie (1).toml. Keep one" in rig.on_card(ERRORS)
    rig.put("vigie (1).toml", GOOD)
    assert rig.take().state == "applied", "two of one content are one"
    assert rig.everything().count(b"mqtt-secret") == 1, "on the box, and in neither file"


def test_the_card_of_another_box_lacks_its_secrets_and_says_so(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD)
    rig.take()
    other = Rig()
    other.put("vigie.toml", rig.on_card())
    verdict = other.take()
    assert (verdict.state, verdict.faults) == ("refused", 2)
    page = other.on_card(ERRORS)
    assert "Line 12: network.password_file: this box does not have it" in page
    assert 'write password = "…" in its place' in page


@pytest.mark.parametrize("file", ["mqtt.txt", "secrets/mqtt.txt", "/etc/vigie/mqtt.txt", "/boot/cfg/mqtt.txt"])
def test_a_password_in_a_file_that_the_service_would_not_find_is_refused(file: str, rig: Rig) -> None:
    rig.put("vigie.toml", GOOD.replace('password = "mqtt-secret"', f'password_file = "{file}"'))
    rig.put("mqtt.txt", "mqtt-secret")
    rig.root.mkdir("boot/cfg")
    rig.disk.open("root/boot/cfg/mqtt.txt", create=True).close()
    assert rig.take().state == "refused"
    assert "link.mqtt.password_file: this box does not have it" in rig.on_card(ERRORS)


def test_certificates_in_a_folder_of_the_card_are_refused_and_those_of_the_system_are_not(rig: Rig) -> None:
    named = GOOD.replace('username = "b0042"', 'username = "b0042"\ntls = true\nca_file = "certs/ca.pem"')
    rig.put("vigie.toml", named)
    assert rig.take().state == "refused"
    assert 'link.mqtt.ca_file: "certs/ca.pem" does not lie beside this file' in rig.on_card(ERRORS)
    rig.root.mkdir("etc/ssl")
    rig.disk.open("root/etc/ssl/ca.pem", create=True).close()
    rig.put("vigie.toml", named.replace("certs/ca.pem", "/etc/ssl/ca.pem"))
    assert rig.take().state == "applied"


def test_a_folder_of_that_name_is_said_to_be_one(tmp_path: Path, rig: Rig) -> None:
    (tmp_path / "vigie.toml").mkdir()
    taking = Taking(RealFs(tmp_path), rig.root, utc_s=rig.now_s, open_boot=rig.open_boot)
    verdict = taking.take()
    assert (verdict.state, verdict.file) == ("refused", "vigie.toml")
    assert "this is a folder, not a file" in (tmp_path / ERRORS).read_text("utf-8")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=200), st.text(max_size=120).map(str.encode)))
def test_any_octets_are_one_message_and_never_an_exception(content: bytes) -> None:
    rig = Rig()
    rig.put("vigie.toml", content)
    verdict = rig.take()
    assert verdict.state == "refused"
    assert verdict.first["en"]
    assert rig.on_card(ERRORS).count("\r\n--\r\n") == 1
    assert loads(rig.on_box())


def test_the_page_names_the_box_and_the_hour_of_its_settings_however_they_are_written(rig: Rig) -> None:
    point, rest = GOOD[GOOD.index("[[point]]") : GOOD.index("[start]")], GOOD[: GOOD.index("[[point]]")]
    head = rest.replace('id = "b0042"', "id='b0042'").replace('lang = "fr"', "lang = 'fr'\ntz='Indian/Reunion'")
    rig.put("vigie.toml", point + head)
    assert rig.take().state == "applied"
    rig.put("vigie.toml", "broken")
    rig.take()
    assert rig.on_card(ERRORS).startswith(
        "\ufeffvigie-errors.txt, 20/11/2026 13:13, box b0042 (clock not checked yet)\r\n"
    )
