"""The installer's file becomes the box's settings, once and whole; what is secret leaves the card."""

from __future__ import annotations

import pytest

from edge.settings.card_bare import is_bare
from edge.settings.load import loads
from tests.card_rig import GOOD, Rig, Under


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_good_file_is_taken_and_its_secrets_leave_the_card(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD)
    verdict = rig.take()
    assert (verdict.state, verdict.file, verdict.faults, verdict.is_configured) == ("applied", "vigie.toml", 0, True)
    settings = loads(rig.on_box())
    assert settings.box.id == "b0042"
    assert settings.links.mqtt is not None
    assert settings.links.mqtt.password_file == "/etc/vigie/secrets/mqtt-password"
    assert rig.on_box("etc/vigie/secrets/mqtt-password") == "mqtt-secret"
    assert rig.on_box("etc/vigie/secrets/network-password") == "wifi-secret"
    card = rig.on_card()
    assert 'password_file = "/etc/vigie/secrets/mqtt-password"   # of the broker' in card
    assert "# the card of b0042\n" in card
    assert "secret" not in card.replace("/etc/vigie/secrets/", "")
    assert rig.everything().count(b"mqtt-secret") == 1, "also the octets of the file that was replaced are gone"


def test_a_card_that_did_not_change_writes_nothing(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD)
    rig.take()
    before, opened = rig.octets_written(), rig.opened
    assert rig.take().state == "unchanged"
    assert (rig.octets_written(), rig.opened) == (before, opened)


def test_without_a_file_the_box_runs_on_settings_of_its_own(rig: Rig) -> None:
    verdict = rig.take()
    assert (verdict.state, verdict.is_configured) == ("absent", False)
    assert is_bare(rig.on_box())
    settings = loads(rig.on_box())
    assert (settings.links.mqtt, settings.links.sms, settings.points, list(settings.buses)) == (None, None, [], ["box"])
    before = rig.octets_written()
    rig.take()
    assert rig.octets_written() == before
    assert Rig().take().state == "absent"


def test_two_boxes_without_a_file_have_different_ids(rig: Rig) -> None:
    rig.take()
    other = Rig()
    other.take()
    assert loads(rig.on_box()).box.id != loads(other.on_box()).box.id


PEM = "-----BEGIN X-----\r\n{0}\r\n-----END X-----\r\n"
TLS = 'tls = true\nca_file = "ca.pem"\ncert_file = "b0042.pem"\nkey_file = "key.pem"\nhost = '


def test_the_broker_s_certificates_beside_the_file_are_moved_and_the_key_is_erased(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD.replace("host = ", TLS))
    verdict = rig.take()
    assert (verdict.state, verdict.faults) == ("refused", 3)
    assert 'link.mqtt.ca_file: "ca.pem" does not lie beside this file' in verdict.first["en"]
    for name in ("ca.pem", "b0042.pem", "key.pem"):
        rig.put(name, PEM.format(f"of {name}"))
    assert rig.take().state == "applied"
    mqtt = loads(rig.on_box()).links.mqtt
    assert mqtt is not None
    assert (mqtt.ca_file, mqtt.key_file) == ("/etc/vigie/secrets/mqtt-ca.pem", "/etc/vigie/secrets/mqtt-key.pem")
    assert rig.on_box("etc/vigie/secrets/mqtt-key.pem") == PEM.format("of key.pem")
    assert "key.pem" not in rig.boot.listdir("")
    assert rig.everything().count(b"of key.pem") == 1
    before = rig.octets_written()
    assert rig.take().state == "unchanged"
    assert rig.octets_written() == before
    other = Rig()
    other.put("vigie.toml", rig.on_card())
    assert other.take().faults == 5, "two passwords and three files are on the other box"


class Fat(Under):
    """A folder that finds a file by its name in any case of letters, as the card's first partition does."""

    def _at(self, path: str) -> str:
        names = self.disk.listdir(self.folder) if path else []
        return super()._at(next((name for name in names if name.lower() == path.lower()), path))


def test_a_key_that_is_named_in_other_letters_is_erased_too(rig: Rig) -> None:
    rig.boot = Fat(rig.disk, "boot")
    for name in ("ca.pem", "b0042.pem", "Key.PEM"):
        rig.put(name, PEM.format(f"of {name}"))
    rig.put("vigie.toml", GOOD.replace("host = ", TLS))
    assert rig.take().state == "applied"
    assert rig.boot.listdir("") == ["b0042.pem", "ca.pem", "vigie.toml"]
    assert rig.everything().count(b"of Key.PEM") == 1, "on the box"


def test_a_cut_behind_the_erased_key_ends_well(rig: Rig) -> None:
    text = GOOD.replace("host = ", TLS)
    rig.put("vigie.toml", text)
    for name in ("ca.pem", "b0042.pem", "key.pem"):
        rig.put(name, PEM.format(name))
    rig.take()
    rig.put("vigie.toml", text)  # as it lay there when the key was erased and the power went
    assert rig.take().state == "unchanged"
    assert 'key_file = "/etc/vigie/secrets/mqtt-key.pem"' in rig.on_card()


def test_a_large_or_foreign_file_is_no_certificate(rig: Rig) -> None:
    rig.put("vigie.toml", GOOD.replace("host = ", 'tls = true\nca_file = "ca.pem"\nhost = '))
    for content in (b"\0" * 100, b"-----BEGIN " + b"x" * 70_000, b""):
        rig.put("ca.pem", content)
        assert rig.take().faults == 1
