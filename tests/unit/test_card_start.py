"""A start with the card as a whole: what it writes, what it survives, and when the card can be written."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.cli.card_console import CLEAR, console
from edge.cli.card_settle import SETTLED, addresses_in, settle
from edge.core.trial import Failing
from edge.core.trial import Verdict as TrialVerdict
from edge.runtime.boot_partition import writable
from edge.runtime.card_secrets import STATE
from edge.runtime.card_start import data_state, start_from_card
from edge.runtime.card_take import SETTINGS
from edge.settings.card_choice import ERRORS, STATUS
from edge.settings.card_verdict import DATA, Verdict, verdict_of
from edge.settings.load import load
from edge.settings.trial_text import TrialFacts, trial_page
from edge.store.backup_file import encode
from edge.store.update_store import publish
from tests.card_rig import GOOD, NOW_S
from tests.unit.test_restore import backup


class Machine:
    """Two folders: the card's first partition and the machine's root."""

    def __init__(self, folder: Path) -> None:
        self.boot, self.root = folder / "cfg", folder / "root"
        self.boot.mkdir()
        (self.root / "proc/sys/kernel").mkdir(parents=True)
        (self.root / "proc/sys/kernel/hostname").write_text("vigie", "ascii")

    def start(self) -> Verdict:
        return start_from_card(
            self.boot, self.root, utc_s=NOW_S, open_boot=lambda _: nullcontext(), look=lambda _: nullcontext([])
        )

    def lasting(self) -> dict[str, tuple[int, int]]:
        """Return each file that outlasts the power, and when it was written."""
        found = {}
        for path in (*self.boot.rglob("*"), *(self.root / "etc").rglob("*"), *(self.root / "var").rglob("*")):
            if path.is_file():
                about = path.stat()
                found[str(path)] = (about.st_ino, about.st_mtime_ns)
        return found

    def data(self, text: str) -> None:
        path = self.root / DATA
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_start_takes_the_file_names_the_machine_and_leaves_the_label_and_the_next_writes_nothing(
    machine: Machine,
) -> None:
    (machine.boot / "vigie.toml").write_text(GOOD[: GOOD.index("[start]")], "utf-8")
    assert machine.start().state == "applied"
    assert (machine.boot / "vigie-label.svg").stat().st_size > 1000
    assert (machine.root / "proc/sys/kernel/hostname").read_text("ascii") == "b0042"
    assert (machine.root / "run/vigie-card/wpa_supplicant-wlan0.conf").stat().st_mode & 0o777 == 0o600
    before = machine.lasting()
    verdict = machine.start()
    assert verdict.state == "unchanged"
    assert verdict_of(machine.root) == verdict
    assert machine.lasting() == before, "0 octets at a start of a card that did not change"


def test_a_refused_file_and_a_missing_one_write_nothing_at_the_next_start_either(machine: Machine) -> None:
    for content in (None, "[box"):
        if content is not None:
            (machine.boot / "vigie.toml").write_text(content, "utf-8")
        machine.start()
        before = machine.lasting()
        machine.start()
        assert machine.lasting() == before
    assert (machine.boot / ERRORS).exists()
    assert not (machine.boot / "vigie-label.svg").exists(), "a box without settings has no label"


@pytest.mark.parametrize(
    ("text", "state"),
    [("ok\n\n", "ok"), ("formatted\nblank\n", "formatted"), ("full\n", "full"), ("odd", "damaged"), ("", "damaged")],
)
def test_the_initramfs_says_in_its_first_line_what_became_of_the_data(machine: Machine, text: str, state: str) -> None:
    assert data_state(machine.root) == "ok", "a machine whose start does not say"
    machine.data(text)
    assert data_state(machine.root) == state


def test_a_damaged_data_partition_leaves_secrets_on_the_card_and_a_box_that_runs(machine: Machine) -> None:
    (machine.boot / "vigie.toml").write_text(GOOD, "utf-8")
    machine.data("damaged\nfsck gave up\n")
    verdict = machine.start()
    assert (verdict.state, verdict.data, verdict.is_kept) == ("no_data", "damaged", False)
    assert (machine.boot / "vigie.toml").read_text("utf-8") == GOOD
    assert load(machine.root / "etc/vigie/vigie.toml").box.id == "b0042"
    assert not (machine.boot / "vigie-label.svg").exists(), "its key would be another at the next start"


def test_a_disk_that_keeps_nothing_and_a_card_that_is_gone_stop_no_start(machine: Machine) -> None:
    (machine.root / "etc").write_text("a file where a folder should be", "utf-8")
    assert machine.start().state == "no_data"
    (machine.root / "etc").unlink()
    shutil.rmtree(machine.boot)
    verdict = machine.start()
    assert (verdict.state, verdict.is_configured) == ("absent", False)
    assert (machine.root / "run/systemd/network/10-vigie.network").exists()


def test_what_is_to_be_done_waits_while_no_box_answers(machine: Machine, tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"addresses": list, "wired": dict, "now_s": lambda: NOW_S}
    assert settle(machine.boot, machine.root, tmp_path / "none.sock", **nothing) == 0, "no machine of a card"
    (machine.boot / "vigie.toml").write_text(GOOD, "utf-8")
    machine.start()
    before = machine.lasting()
    assert settle(machine.boot, machine.root, tmp_path / "none.sock", up_s=lambda: 599.0, **nothing) == 1
    assert machine.lasting() == before


def test_a_box_that_does_not_run_is_told_on_its_card_once_and_no_more_when_it_does(
    machine: Machine, tmp_path: Path
) -> None:
    nothing: dict[str, Any] = {"addresses": list, "wired": dict, "now_s": lambda: NOW_S, "up_s": lambda: 600.0}
    (machine.boot / "vigie.toml").write_text(GOOD, "utf-8")
    machine.start()
    for _ in range(2):
        assert settle(machine.boot, machine.root, tmp_path / "none.sock", **nothing) == 1
        assert not (machine.root / SETTLED).exists(), "it is asked again"
    parts = page(machine).split("\r\n--\r\n")
    assert "THE BOX DOES NOT RUN" in parts[0]
    assert "LE BOÎTIER NE TOURNE PAS" in parts[1]
    assert "Waits: index of water.cold: 482.137" in parts[0]
    before = machine.lasting()
    machine.start()
    assert settle(machine.boot, machine.root, tmp_path / "none.sock", **nothing) == 1
    assert machine.lasting() == before
    assert settled(machine, Running()) == 1, "its test runs"
    assert "THE BOX DOES NOT RUN" not in page(machine)


# -- the box's own page tells what became of things


class Running:
    """A box that does what it is asked, with a test of the whole chain that takes its time."""

    def __init__(self) -> None:
        self.trial = "none"

    def get(self, name: str) -> Any:
        return {"box": {"clock": "ntp"}, "trial": {"state": self.trial}}[name]

    def post(self, _name: str, command: Any) -> Any:
        if command.verb == "test":
            self.trial = "running"
        return {"done": True, "text": {"key": "meter_number", "values": {}}}


def settled(machine: Machine, box: Running) -> int:
    (machine.root / SETTLED).unlink(missing_ok=True)
    return settle(
        machine.boot, machine.root, machine.root / "none.sock", open_boot=lambda _: nullcontext(), box=box,
        addresses=list, wired=dict, now_s=lambda: NOW_S,
    )  # fmt: skip


def page(machine: Machine) -> str:
    return (machine.boot / STATUS).read_bytes().decode("utf-8-sig")


def failed_test() -> str:
    verdict = TrialVerdict(
        passed=False, points=3, failing=[Failing("t.flow", "no_answer")] * 90, stored_s=None, link="",
        author="card", channel="card", at_ms=0,
    )  # fmt: skip
    return trial_page(verdict, TrialFacts("b0042", "Gymnase", "20/11/2026 10:36"))


def test_the_page_tells_the_outcome_of_the_test_in_both_languages_once_it_is_over(machine: Machine) -> None:
    (machine.boot / "vigie.toml").write_text(GOOD, "utf-8")
    machine.start()
    box = Running()
    assert settled(machine, box) == 1, "the test runs"
    assert "Do not leave yet" not in page(machine)
    report = machine.root / "var/lib/vigie/vigie-report.txt"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_bytes(failed_test().encode())
    box.trial = "failed"
    assert settled(machine, box) == 0
    english, french = page(machine).split("\r\n--\r\n")
    assert "Test of box b0042, Gymnase, 20/11/2026 10:36" in english
    assert "0 of 3" not in french
    assert "Essai" in french
    assert page(machine).count("\r\n") == page(machine).count("\n")
    assert page(machine).count("\n") < 90, "a page, not a list"
    before = machine.lasting()
    box.trial = "none"  # the next start
    assert settled(machine, box) == 0
    assert machine.lasting() == before


@pytest.mark.parametrize(
    "octets", [b"", b"\xff\xfe\0", b"--\r\n", b"one\r\n--\r\ntwo\r\n--\r\nthree\r\n", b"x" * 100_000]
)
def test_a_report_that_is_none_is_left_out(machine: Machine, octets: bytes) -> None:
    machine.start()
    report = machine.root / "var/lib/vigie/vigie-report.txt"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_bytes(octets)
    assert settled(machine, Running()) == 0
    assert len(page(machine)) < 1500
    assert "three" not in page(machine)


UPDATE: dict[str, Any] = {
    "version": "0.1.0+5", "slot": "a", "is_try": False, "trial": None, "last": None, "lost": None, "news": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "english", "french"),
    [
        ({"last": {"outcome": "committed", "version": "0.2.0+6", "why": "", "utc_ms": 1}},
         "last update: 0.2.0+6, committed", "dernière mise à jour\u00a0: 0.2.0+6, validée"),
        ({"last": {"outcome": "rolled_back", "version": "0.2.0+6", "why": "points_lost", "utc_ms": 1}},
         "last update: 0.2.0+6, taken back: fewer points", "0.2.0+6, retirée\u00a0: moins de voies"),
        ({"last": {"outcome": "refused", "version": "", "why": "foreign_key", "utc_ms": 1}},
         "last update not taken: it is signed by a key", "dernière mise à jour refusée\u00a0: "),
        ({"trial": {"version": "0.2.0+6", "slot": "b", "phase": "installed"}}, "waits to be tried", "attend son essai"),
        ({"lost": "b"}, "system b can't be started any more; 0.1.0+5 runs", "le système b ne démarre plus"),
    ],
)  # fmt: skip
def test_the_page_tells_what_became_of_an_update(
    machine: Machine, facts: dict[str, Any], english: str, french: str
) -> None:
    machine.start()
    assert settled(machine, Running()) == 0
    assert "update" not in page(machine)
    publish(machine.root, {**UPDATE, **facts})
    assert settled(machine, Running()) == 0
    parts = page(machine).split("\r\n--\r\n")
    assert english in parts[0]
    assert french in parts[1]
    before = machine.lasting()
    assert settled(machine, Running()) == 0
    assert machine.lasting() == before


def test_the_machines_addresses_are_told_with_their_interface_and_nothing_else_is() -> None:
    dhcp = (
        b'[{"ifname":"lo","addr_info":[]},{"ifname":"eth0","flags":["UP"],"addr_info":[{"family":"inet",'
        b'"local":"192.168.1.40","prefixlen":24,"metric":1024},{"local":"10.0.0.1","peer":"10.0.0.2"}]},{}]'
    )
    assert addresses_in(dhcp) == ["eth0 192.168.1.40", "eth0 10.0.0.1"]
    assert addresses_in(b"[]") == []
    for broken in (b"", b"eth0 UP 192.168.1.40/24", b'{"ifname": 3}', b'[{"addr_info": 1}]'):
        with pytest.raises(msgspec.DecodeError):
            addresses_in(broken)


def test_why_the_box_refused_an_act_stands_beside_it_in_both_languages(machine: Machine) -> None:
    class Refusing(Running):
        def post(self, _name: str, command: Any) -> Any:
            values = {"point": "water.cold", "value": "482.137"}
            return {"done": False, "text": {"key": "meter_number", "values": values}}

    (machine.boot / "vigie.toml").write_text(GOOD, "utf-8")
    machine.start()
    assert settled(machine, Refusing()) == 0
    parts = page(machine).split("\r\n--\r\n")
    assert "REFUSED 20/11/2026 10:13: index of water.cold: 482.137\r\n  water.cold: 482.137 is no index;" in parts[0]
    assert "\r\n  water.cold\u00a0: 482.137 n'est pas un index" in parts[1]
    before = machine.lasting()
    machine.start()
    assert settled(machine, Refusing()) == 0
    assert machine.lasting() == before


def test_a_version_on_trial_writes_no_page_before_it_is_committed(machine: Machine) -> None:
    machine.start()
    trial = {"version": "0.1.0+5", "slot": "a", "phase": "tried"}
    publish(machine.root, {**UPDATE, "is_try": True, "trial": trial})
    before = machine.lasting()
    assert settled(machine, Running()) == 1
    assert machine.lasting() == before
    publish(machine.root, {**UPDATE, "last": {"outcome": "committed", "version": "0.1.0+5", "why": "", "utc_ms": 1}})
    assert settled(machine, Running()) == 0
    assert "0.1.0+5, committed" in page(machine)


def test_a_restore_that_nobody_asked_for_is_told_too(machine: Machine) -> None:
    (machine.boot / "b0042.vigie").write_bytes(encode(backup(blanked=["link.mqtt.password"])))
    machine.start()
    assert settled(machine, Running()) == 0
    told = page(machine).split("\r\n--\r\n")[0].split("restore from b0042.vigie\r\n")[1]
    assert told.startswith("  b0042.vigie: this box goes on as b0042; 2 counters taken over. Compare them")
    assert "Secrets are not in a backup: fill in link.mqtt.password." in told
    before = machine.lasting()
    machine.start()
    assert settled(machine, Running()) == 0
    assert machine.lasting() == before


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"b0042.vigie": b"nonsense"}, "no sound backup"),
        ({"b0042.vigie": encode(backup()), "b0077.vigie": encode(backup())}, "several backups"),
        ({"._b0042.vigie": b"of a Mac"}, ""),
    ],
)
def test_a_box_without_settings_keeps_its_own_id_whatever_backup_can_not_be_taken(
    machine: Machine, files: dict[str, bytes], told: str
) -> None:
    machine.start()
    own = (machine.root / SETTINGS).read_text("utf-8")
    for name, octets in files.items():
        (machine.boot / name).write_bytes(octets)
    before = machine.lasting()
    assert told in machine.start().restore.get("en", "")
    assert (machine.root / SETTINGS).read_text("utf-8") == own
    assert machine.lasting() == before


def test_a_box_that_ran_without_settings_still_takes_the_backup_that_comes_then(machine: Machine) -> None:
    assert not machine.start().is_configured
    (machine.root / STATE).mkdir(parents=True)
    (machine.root / STATE / "history.db").write_bytes(b"")  # the service has been here
    (machine.boot / "b0042.vigie").write_bytes(encode(backup()))
    assert machine.start().is_configured
    assert load(machine.root / SETTINGS).box.id == "b0042"
    before = machine.lasting()
    assert machine.start().is_configured
    assert machine.lasting() == before


@pytest.mark.parametrize(
    "name", [b"\xe9t\xe9.vigie", b"vigie \xe9t\xe9.toml", b"vigie\n\x1b[31m.toml", b"\xff" * 200 + b".vigie"]
)
def test_a_name_in_another_alphabet_stops_neither_the_start_nor_the_page(machine: Machine, name: bytes) -> None:
    with open(os.path.join(os.fsencode(machine.boot), name), "wb") as file:  # noqa: PTH118, PTH123 - octets
        file.write(b"x")
    assert machine.start().state == "absent"
    assert settled(machine, Running()) == 0
    (line,) = [line for line in page(machine).split("\r\n--\r\n")[0].split("\r\n") if "?" in line]
    assert line.isprintable()


def test_a_backup_that_was_left_alone_is_told_on_the_card_and_nobody_has_to_look(machine: Machine) -> None:
    (machine.boot / "vigie.toml").write_text('[box]\nid = "b0042"\n[site]\nname = "Gymnase Sud"\n', "utf-8")
    (machine.root / STATE).mkdir(parents=True)
    (machine.root / STATE / "history.db").write_bytes(b"")
    (machine.boot / "b0042.vigie").write_bytes(encode(backup()))
    assert machine.start().is_sound
    assert settled(machine, Running()) == 0
    parts = page(machine).split("\r\n--\r\n")
    assert "b0042.vigie: left alone, as this box has run before." in parts[0]
    assert 'écrire [start] restore = "b0042.vigie"' in parts[1]


# -- the partition


def test_a_partition_is_read_only_but_for_the_moment_of_a_write(tmp_path: Path) -> None:
    image, folder = tmp_path / "image", tmp_path / "mount"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("only root mounts")
    with image.open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", str(image)], check=True, timeout=20)
    # for writing first: the loop device of a mount for reading is write-protected itself
    if subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False, timeout=20).returncode:
        pytest.skip("no loop devices here")
    try:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, timeout=20)
        with pytest.raises(OSError, match="Read-only"):
            (folder / "a").write_text("1", "ascii")
        with writable(folder):
            (folder / "a").write_text("1", "ascii")
        assert os.statvfs(folder).f_flag & os.ST_RDONLY
        with pytest.raises(ZeroDivisionError), writable(folder):
            _ = 1 // 0
        assert os.statvfs(folder).f_flag & os.ST_RDONLY, "also where the write failed"
        assert sorted(path.name for path in folder.glob("?")) == ["a"]
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=20)


# -- the screen


def typed(text: str) -> Any:
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    return os.fdopen(read, "r", encoding="utf-8")


def test_the_screen_shows_doctor_again_at_each_enter_and_explains_a_code() -> None:
    asked: list[list[str]] = []
    screen = io.StringIO()

    def vigie(words: list[str]) -> int:
        asked.append(words)
        if len(asked) == 2:
            raise SystemExit(2)
        return 1

    with typed("\ncard_refused\n; rm -rf /\n") as keys:
        assert console(keys, screen, vigie) == 0
    assert asked == [["doctor"], ["doctor"], ["doctor", "card_refused"], ["doctor", "rmrf"]]
    assert screen.getvalue().count(CLEAR) == 4
    assert "Enter: look again" in screen.getvalue() or "Entrée" in screen.getvalue()


def test_a_doctor_that_fails_does_not_end_the_screen() -> None:
    def vigie(_words: list[str]) -> int:
        raise RuntimeError("out of order")

    screen = io.StringIO()
    with typed("\n") as keys:
        console(keys, screen, vigie, looks=2)
    assert screen.getvalue().count("out of order") == 2
