"""A dead box replaced without a terminal: a backup on the card, or on a stick, at a first start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.cli.main import main
from edge.runtime.card_restore import CardRestore, restore_from
from edge.runtime.card_secrets import STATE, keep_secret
from edge.runtime.card_start import start_from_card
from edge.runtime.restore import MAGIC, VERSION, planned, target
from edge.runtime.restore_signs import RESTORING, is_looked_for
from edge.runtime.sticks import mounted, on_usb, sticks
from edge.settings.catalogue import has, written
from edge.settings.load import load
from edge.store.backup_file import encode
from edge.store.checked import replace_file, sealed
from edge.store.fs import RealFs
from tests.disks import said, skip_without_disks
from tests.meter_rig import Meter, events_of, index
from tests.unit.test_restore import NOW, SETTINGS, backup

CARD = "vigie.toml"


class Machine:
    """A new machine: its FAT, a stick, its data."""

    def __init__(self, folder: Path) -> None:
        self.fat, self.stick, self.state = folder / "cfg", folder / "stick", folder / "state"
        self.config = folder / "etc" / CARD
        for made in (self.fat, self.stick, self.state, self.config.parent):
            made.mkdir(parents=True)

    def start(self, **how: Any) -> CardRestore:
        return restore_from([self.fat, self.stick], self.state, self.config, **how)

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.state.parent.rglob("*") if path.is_file()}


def test_a_dead_box_goes_on_from_a_backup_beside_the_card_file_and_only_once(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    meter = Meter(tmp_path / "old")
    with meter.box(tmp_path / "old" / "state") as box:
        counted = meter.count(box, 120)
    machine = Machine(tmp_path / "new")
    (machine.config).write_bytes(meter.config.read_bytes())  # what was taken from the card
    where = ("--state", str(tmp_path / "old" / "state"), "--config", str(meter.config))
    assert main(["backup", str(machine.fat / "b0042.vigie"), *where]) == 0

    found = machine.start()
    assert (found.outcome, found.box, found.counters, found.is_mistake) == ("restored", "b0042", 1, False)
    again = Meter(tmp_path / "new")
    again.config = machine.config
    with again.box(machine.state) as box:
        assert index(box) == counted
        assert again.count(box, 5) == round(counted + 0.005, 9)
    kinds = [event.kind for event in events_of(RealFs(machine.state))]
    assert kinds[:2] == ["restored", "restored_index"]
    assert "unclean_stop" not in kinds

    before = machine.files()
    assert machine.start().outcome == "already"
    assert machine.start(named="b0042.vigie").outcome == "already"
    assert machine.files() == before  # an unchanged card writes nothing


@pytest.mark.parametrize("name", ["b0042.vigie", "B0042.VIGIE"])
def test_a_stick_does_as_well_as_the_card_and_its_settings_are_taken_where_there_are_none(
    tmp_path: Path, name: str
) -> None:
    machine = Machine(tmp_path)
    (machine.stick / name).write_bytes(encode(backup(blanked=["point.panel.token"])))
    found = machine.start()
    assert (found.outcome, found.blanked) == ("restored", ["point.panel.token"])
    assert machine.config.read_text(encoding="utf-8") == SETTINGS
    assert machine.config.stat().st_mode & 0o777 == 0o640
    assert "point.panel.token" in written("fr", found.text)


def test_secrets_that_had_left_the_dead_box_s_card_are_named_as_what_is_to_be_filled_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path)
    files = {"password_file": "mqtt-password", "ca_file": "mqtt-ca.pem"}
    link = "".join(f'{key} = "/etc/vigie/secrets/{file}"\n' for key, file in files.items())
    settings = f'{SETTINGS}[link.mqtt]\nhost = "h.example"\nusername = "b"\ntls = true\n{link}'
    keep_secret(machine.config.parent / "secrets", "mqtt-ca.pem", b"-----BEGIN X-----")
    (machine.fat / "b0042.vigie").write_bytes(encode(backup(settings=settings)))
    found = machine.start()
    assert (found.outcome, found.blanked) == ("restored", ["link.mqtt.password"])
    assert found.text is not None
    assert "fill in link.mqtt.password." in written("en", found.text)
    where = ("--state", str(tmp_path / "other"), "--config", str(tmp_path / "b" / CARD))
    assert main(["restore", str(machine.fat / "b0042.vigie"), *where]) == 0
    assert "link.mqtt.password, link.mqtt.ca_file" in capsys.readouterr().out


def test_a_new_key_that_the_gateway_does_not_know_is_told_with_its_print(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.config.write_text(
        SETTINGS + '[link.sms]\ngateway = "+33600000100"\ngateway_key = "' + "A" * 43 + '"\n'
        '[[recipient]]\nid = "a"\nnumber = "+33600000001"\n', encoding="utf-8",
    )  # fmt: skip
    (machine.fat / "b0042.vigie").write_bytes(encode(backup()))
    found = machine.start()
    assert found.outcome == "restored"
    assert len(found.print) == 9
    assert found.print in written("en", found.text)


def test_two_replacements_of_one_box_have_different_keys(tmp_path: Path) -> None:
    from edge.runtime.card_secrets import own_print

    prints = set()
    for name in ("one", "other"):
        machine = Machine(tmp_path / name)
        (machine.fat / "b0042.vigie").write_bytes(encode(backup()))
        assert machine.start().outcome == "restored"
        prints.add(own_print(machine.state))
    assert len(prints) == 2


def test_a_file_that_was_forgotten_on_the_card_turns_no_index_of_a_box_that_ran(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    meter = Meter(tmp_path)
    machine.config.write_bytes(meter.config.read_bytes())
    with meter.box(machine.state) as box:
        counted = meter.count(box, 7)
    (machine.fat / "b0042.vigie").write_bytes(encode(backup()))
    assert machine.start().outcome == "not_new"
    with meter.box(machine.state) as box:
        assert index(box) == counted
    assert machine.start(named="b0042.vigie").outcome == "restored"  # an act that somebody wrote is done


def test_another_boxs_backup_and_what_is_none_are_refused_by_name_and_change_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.config.write_text(SETTINGS, encoding="utf-8")
    before = machine.files()
    assert machine.start().outcome == "nothing"
    assert machine.start(named="b0042.vigie").outcome == "missing"
    whole = encode(backup(box="b0007"))
    for octets, outcome in (
        (whole, "other_box"), (b"", "no_backup"), (whole[:-9], "no_backup"), (b"\xff\xfe" * 99, "no_backup"),
        (whole.replace(b"b0007", b"b0042", 1), "no_backup"),
    ):  # fmt: skip
        (machine.fat / "b0042.vigie").write_bytes(octets)
        found = machine.start()
        assert (found.outcome, found.file, found.is_mistake) == (outcome, "b0042.vigie", True)
        assert has("fr", f"card_restore.{outcome}")
    (machine.fat / "b0042.vigie").unlink()
    (machine.fat / "._b0042.vigie").write_bytes(whole)  # a Mac's shadow of a file
    os.mkfifo(machine.stick / "b0042.vigie")
    (machine.fat / "B0042.vigie").symlink_to("other.vigie")
    assert machine.start().outcome == "nothing"
    (machine.fat / "other.vigie").write_bytes(whole)
    assert machine.start().outcome == "other_box"
    assert machine.start(named="b0042.vigie").outcome == machine.start(named="B0042.vigie").outcome == "missing"
    for gone in (machine.stick / "b0042.vigie", machine.fat / "B0042.vigie"):
        gone.unlink()
    (machine.fat / "other.vigie").unlink()
    (machine.fat / "._b0042.vigie").unlink()
    assert machine.files() == before


def test_the_only_backup_of_a_new_box_is_taken_by_any_name_and_a_stick_with_many_is_no_guess(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.config.write_text(SETTINGS, encoding="utf-8")
    lone, other = machine.fat / "b0042 (1).vigie", machine.stick / "sauvegarde.VIGIE"
    lone.write_bytes(encode(backup()))
    other.write_bytes(encode(backup()))
    assert machine.start().outcome == "nothing"
    other.unlink()
    assert machine.start().outcome == "restored"
    other.write_bytes(encode(backup()))
    lone.unlink()
    assert machine.start().outcome == "nothing", "it has run: a forgotten file is not even opened"


def test_without_settings_two_backups_are_too_many_to_guess(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (machine.fat / "b0042.vigie").write_bytes(encode(backup()))
    (machine.stick / "b0043.vigie").write_bytes(encode(backup(box="b0043")))
    found = machine.start()
    assert (found.outcome, found.file) == ("several", "b0042.vigie, b0043.vigie")
    assert machine.start(named="b0043.vigie").box == "b0043"


def test_a_restore_that_was_cut_is_finished_at_the_next_start_even_where_the_file_is_gone(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.config.write_text(SETTINGS, encoding="utf-8")
    with target(RealFs(machine.state)) as onto:  # the first step, and no further
        plan = planned(backup(), onto, NOW)
        replace_file(onto.fs, RESTORING, sealed(MAGIC, VERSION, msgspec.json.encode(plan)))
    found = machine.start()
    assert (found.outcome, found.box) == ("restored", "b0042")
    assert not (machine.state / RESTORING).exists()
    with target(RealFs(machine.state)) as onto:
        assert onto.restored == backup().id
    assert machine.start().outcome == "nothing"


def test_a_damaged_plan_is_replaced_by_the_file_and_without_one_nothing_is_raised(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.config.write_text(SETTINGS, encoding="utf-8")
    (machine.state / RESTORING).write_bytes(b"vigie-restoring 1 5 0000")
    assert machine.start().outcome == "nothing"
    (machine.fat / "b0042.vigie").write_bytes(encode(backup()))
    assert machine.start().outcome == "restored"
    assert not (machine.state / RESTORING).exists()


def usb(root: Path, *names: str) -> None:
    """Have these block devices, each as the kernel shows it: sda1 below sda, behind a USB port or not."""
    for name in names:
        bus, _, device = name.rpartition("/")
        disk = device.rstrip("0123456789")
        place = root / "sys/devices" / (bus or "platform/usb1/1-1") / "block" / disk
        own = place if disk == device else place / device
        own.mkdir(parents=True)
        if disk != device:
            (own / "partition").write_text("1")
        (root / "sys/class/block").mkdir(parents=True, exist_ok=True)
        (root / "sys/class/block" / device).symlink_to(own)


def test_a_stick_that_is_in_the_box_is_looked_at_and_let_go(tmp_path: Path) -> None:
    usb(tmp_path, "sda", "sda1", "sdb", "platform/mmc0/mmcblka", "platform/mmc0/mmcblka1", "sdc")
    assert on_usb(tmp_path) == ["sda1", "sdb", "sdc"]
    held: list[str] = []

    @contextmanager
    def mount(device: Path, folder: Path) -> Iterator[None]:
        if device.name == "sdb":
            raise OSError(None, "sdb: wrong fs type")
        held.append(device.name)
        (folder / "b0042.vigie").write_bytes(encode(backup()))
        yield
        held.remove(device.name)

    machine = Machine(tmp_path / "box")
    assert is_looked_for(machine.state)
    with sticks(tmp_path, mount) as folders:
        assert [folder.name for folder in folders] == held == ["sda1", "sdc"]
        assert restore_from([machine.fat, *folders], machine.state, machine.config).outcome == "restored"
    assert held == []
    assert not is_looked_for(machine.state)
    assert is_looked_for(machine.state, "b0042.vigie")
    with sticks(tmp_path / "no such", mount) as folders:
        assert folders == []


def test_a_real_stick_is_mounted_for_reading_only(tmp_path: Path) -> None:
    skip_without_disks()
    image = tmp_path / "stick.img"
    image.write_bytes(b"")
    os.truncate(image, 1 << 20)
    said("mkfs.ext4", "-q", image)
    device = Path(said("losetup", "--find", "--show", image))
    folder = tmp_path / "folder"
    folder.mkdir()
    try:
        with mounted(device, folder):
            assert os.statvfs(folder).f_flag & (os.ST_RDONLY | os.ST_NOEXEC) == os.ST_RDONLY | os.ST_NOEXEC
        assert not os.path.ismount(folder)
    finally:
        said("losetup", "--detach", device)
    with pytest.raises(OSError, match="gone"), mounted(tmp_path / "gone", folder):
        pass


def test_settings_that_no_person_can_read_fail_by_name_and_never_raise(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.config.write_bytes(b"\xff\xfe\x00")
    (machine.fat / "b0042.vigie").write_bytes(encode(backup()))
    assert machine.start().outcome == "failed"
    assert restore_from([tmp_path / "gone"], tmp_path / "none", tmp_path / "none" / CARD).outcome == "nothing"


@pytest.mark.parametrize("with_file", [True, False])
def test_a_start_takes_the_backup_from_a_stick_with_or_without_a_file_on_the_card(
    tmp_path: Path, *, with_file: bool
) -> None:
    root, boot, stick = tmp_path / "root", tmp_path / "cfg", tmp_path / "stick"
    for made in (root / "etc/vigie", root / STATE, root / "run", boot, stick):
        made.mkdir(parents=True)
    (stick / "b0042.vigie").write_bytes(encode(backup()))
    if with_file:
        (boot / CARD).write_text(SETTINGS, encoding="utf-8")
    looks: list[Path] = []

    @contextmanager
    def look(where: Path) -> Iterator[list[Path]]:
        looks.append(where)
        yield [stick]

    for _ in range(2):
        verdict = start_from_card(boot, root, utc_s=1, open_boot=lambda _: nullcontext(), look=look)
    assert (verdict.is_configured, verdict.restore) == (True, {})
    assert looks == [root]  # a box that has run looks at no stick
    with target(RealFs(root / STATE)) as onto:
        assert onto.restored == backup().id
    assert load(root / "etc/vigie" / CARD).box.id == "b0042"
    assert "b0042" in (boot / "vigie-label.svg").read_text(encoding="utf-8")
