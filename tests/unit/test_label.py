"""What a box makes for itself at its first start, and the label that it leaves on its card."""

from __future__ import annotations

import os
import re
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from edge.runtime.card_label import FILE, leave_label
from edge.runtime.card_secrets import ACCESS, SECRETS, STATE, access_code, keep_secret, own_print, secret_in
from edge.settings.access_code import LETTERS, is_code, new_code
from edge.settings.catalogue import has
from edge.settings.label import HALF_MM, LAMPS, WIDTH_MM, Label, label_svg
from edge.settings.lamp import lamp_table
from edge.settings.load import loads

SETTINGS = '[modem]\nnumber = "+33600000042"\n[box]\nid = "b0042"\n[site]\nname = "Gymnase Sud"\nlang = "fr"\n'
SETTINGS_AT = "etc/vigie"
SVG = "{http://www.w3.org/2000/svg}"


def machine(folder: Path) -> tuple[Path, Path]:
    """Return a root folder as the card mounts it, and the folder of the FAT partition."""
    for name in ("etc/vigie", STATE, "boot/cfg"):
        (folder / name).mkdir(parents=True)
    return folder, folder / "boot/cfg"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def drawing(svg: str) -> ET.Element:
    """Return our own drawing; raises ParseError for what is no sound XML."""
    return ET.fromstring(svg)  # noqa: S314 - nobody else wrote it


def texts(svg: str) -> list[str]:
    return [found.text or "" for found in drawing(svg).iter(f"{SVG}text")]


def test_ten_thousand_codes_are_ten_thousand_different_ones_of_sixty_bits() -> None:
    codes = {new_code() for _ in range(10_000)}
    assert len(codes) == 10_000
    assert len(set(LETTERS)) == 32
    assert not set("01IO") & set(LETTERS)
    assert all(is_code(code) and len(code) == 14 for code in codes)
    # every letter stands at every place: none follows from a number of the device
    assert all(len({code[at] for code in codes}) == 32 for at in range(14) if at not in {4, 9})


@pytest.mark.parametrize(
    "text", ["", "K7QM-4XPD", "k7qm-4xpd-92th", "K7QM-4XPD-92TH\n", "K7QM 4XPD 92TH", "passwordpass"]
)
def test_what_is_short_or_typed_otherwise_is_no_code(text: str) -> None:
    assert not is_code(text)


def test_two_first_starts_of_one_image_share_no_password_and_no_key(tmp_path: Path) -> None:
    one, other = (machine(tmp_path / name)[0] for name in ("one", "other"))
    assert access_code(one) != access_code(other)
    assert own_print(one / STATE) != own_print(other / STATE)
    # and the second start of a box changes neither
    before = {path: path.stat().st_mtime_ns for path in one.rglob("*") if path.is_file()}
    assert (access_code(one), own_print(one / STATE)) == (access_code(one), own_print(one / STATE))
    assert {path: path.stat().st_mtime_ns for path in one.rglob("*") if path.is_file()} == before


def test_secrets_are_for_root_and_the_service_alone(tmp_path: Path) -> None:
    root, _ = machine(tmp_path)
    access_code(root)
    own_print(root / STATE)
    assert mode(root / SECRETS) == 0o750
    assert mode(root / SECRETS / ACCESS) == 0o640
    assert {mode(path) for path in (root / STATE / "sms").iterdir()} == {0o600}
    assert mode(root / STATE / "sms") == 0o700


def test_what_root_makes_at_a_start_is_the_services_to_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    root, boot = machine(tmp_path)
    os.chown(root / "etc/vigie", 0, 4322)
    os.chown(root / STATE, 4321, 4322)
    own_print(root / STATE)
    os.chown(root / STATE / "sms/identity", 0, 0)  # as a cut between the two left it
    assert leave_label(root, boot, loads(SETTINGS))
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (root / STATE).rglob("*")}
    assert owners == {(4321, 4322)}
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (root / SETTINGS_AT).rglob("*")}
    assert owners == {(0, 4322)}


def test_the_code_of_the_office_is_kept_and_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    root, _ = machine(tmp_path)
    keep_secret(root / SECRETS, ACCESS, b"K7QM-4XPD-92TH\n")
    assert access_code(root) == "K7QM-4XPD-92TH"
    for damaged in (b"", b"\0" * 14, b"K7QM-4XPD-92", b"\xff\xfe", b"changeme-changeme"):
        keep_secret(root / SECRETS, ACCESS, damaged)
        made = access_code(root)
        assert is_code(made)
        assert made != "K7QM-4XPD-92TH"
        assert secret_in(root / SECRETS, ACCESS) == made.encode() + b"\n"


def test_a_secret_that_was_cut_while_it_was_written_or_is_a_link_is_never_taken(tmp_path: Path) -> None:
    root, _ = machine(tmp_path)
    keep_secret(root / SECRETS, "pin", b"0000")
    (root / SECRETS / "pin.tmp").write_bytes(b"99")
    (root / SECRETS / "pin.tmp").chmod(0o666)
    keep_secret(root / SECRETS, "pin", b"1234")
    assert (secret_in(root / SECRETS, "pin"), mode(root / SECRETS / "pin")) == (b"1234", 0o640)
    assert [path.name for path in (root / SECRETS).iterdir()] == ["pin"]
    (root / SECRETS / "link").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="link"):
        secret_in(root / SECRETS, "link")


def test_the_label_is_left_once_with_what_people_need_and_without_a_key(tmp_path: Path) -> None:
    root, boot = machine(tmp_path)
    settings = loads(SETTINGS)
    assert leave_label(root, boot, settings)
    svg = (boot / FILE).read_text(encoding="utf-8")
    said = " ".join(texts(svg))
    for wanted in (
        "vigie b0042",
        "Gymnase Sud",
        access_code(root),
        own_print(root / STATE),
        "empreinte",
        "print",
        "TEST au 06 00 00 00 42",
    ):
        assert wanted in said
    secret = (root / STATE / "sms/identity").read_text(encoding="ascii")
    key = re.search(r'"private":"([0-9a-f]{64})"', secret)
    assert key is not None
    assert key[1] not in svg
    left = (boot / FILE).stat()
    assert not leave_label(root, boot, settings)
    assert (boot / FILE).stat().st_ino == left.st_ino
    (boot / FILE).unlink()  # the installer printed it
    assert not leave_label(root, boot, settings)
    assert not (boot / FILE).exists()


def test_another_id_or_code_is_another_label_and_a_newer_version_is_not(tmp_path: Path) -> None:
    root, boot = machine(tmp_path)
    assert leave_label(root, boot, loads(SETTINGS))
    assert leave_label(root, boot, loads(SETTINGS.replace("b0042", "b0043")))
    keep_secret(root / SECRETS, ACCESS, b"K7QM-4XPD-92TH\n")
    assert leave_label(root, boot, loads(SETTINGS.replace("b0042", "b0043")))
    assert "K7QM-4XPD-92TH" in (boot / FILE).read_text(encoding="utf-8")


def test_a_label_that_could_not_be_written_is_left_at_the_next_start(tmp_path: Path) -> None:
    root, boot = machine(tmp_path)
    with pytest.raises(OSError, match="gone"):
        leave_label(root, boot / "gone", loads(SETTINGS))
    (boot / f"{FILE}.tmp").write_bytes(b"<svg")  # cut while it was written
    assert leave_label(root, boot, loads(SETTINGS))
    assert sorted(path.name for path in boot.iterdir()) == [FILE]
    drawing((boot / FILE).read_text(encoding="utf-8"))


def test_both_languages_stand_on_a_label_at_its_size_on_paper() -> None:
    label = Label("b0042", "Gymnase Sud", "chaufferie", "+33600000042", "K7QM-4XPD-92TH", "7K3Q-PM4D", "0.1.0", "Pi 3")
    drawn = drawing(label_svg(label, "fr"))
    assert (drawn.get("width"), drawn.get("height")) == (f"{WIDTH_MM}mm", f"{2 * HALF_MM}mm")
    said = texts(label_svg(label, "fr"))
    assert said.count("K7QM-4XPD-92TH") == said.count("7K3Q-PM4D") == 2
    assert said.index("TEST au 06 00 00 00 42") < said.index("TEST to 06 00 00 00 42")
    assert {found.get("fill") for found in drawn.iter()} <= {None, "#000", "#fff", "none"}
    halves = [found for found in drawn if found.tag == f"{SVG}g"]
    assert len(halves) == 1  # the second half, moved down


def test_the_lamps_of_the_label_are_the_lamps_table() -> None:
    assert set(LAMPS) == {state.name for state in lamp_table().state}
    assert all(has(lang, f"label.lamp_{name}") for name in LAMPS for lang in ("en", "fr"))


@pytest.mark.parametrize("name", ["<b>&\"'", "\x07\x1b[31m\0", "é" * 60, "温度" * 30, "]]>"])
def test_any_name_of_a_site_gives_a_sound_drawing_that_keeps_within_its_frame(name: str) -> None:
    for found in drawing(label_svg(Label("x" * 32, name, name, "112", help=name), "en")).iter(f"{SVG}text"):
        room = 0 if found.get("text-anchor") == "end" else float(found.get("textLength", "0"))
        assert float(found.get("x", "0")) + room <= WIDTH_MM
        assert all(letter.isprintable() for letter in found.text or "")


def test_the_qr_code_says_what_a_phone_needs_and_a_person_would_type() -> None:
    label = Label("b0042", 'Gymnase; "Sud"', number="+33600000042", code="K7QM-4XPD-92TH", print="7K3Q-PM4D")
    assert label.qr_text == (
        "WIFI:T:WPA;S:vigie-b0042;P:K7QM-4XPD-92TH;BOX:b0042;PAGE:http\\://10.42.0.1;SMS:+33600000042;PRINT:7K3Q-PM4D;;"
    )
    assert Label("b0042").qr_text == "BOX:b0042;PAGE:http\\://10.42.0.1;;"
    assert len(Label("x" * 32).wifi.encode()) == 32
