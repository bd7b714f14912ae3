"""First boots of one image on QEMU's own board: no two boxes alike, nothing open, nothing writable that need not be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.image import rig
from tests.image.emulated import Card

pytestmark = pytest.mark.image

LISTENING = frozenset({"udp 127.0.0.53:53", "tcp 127.0.0.53:53", "udp 127.0.0.54:53", "tcp 127.0.0.54:53"})
"""All that may listen on a box: systemd-resolved, on the box itself. DHCP's own socket comes and goes."""
DHCP = re.compile(r"udp [0-9.]+:68$")
MOST_EXPOSED = 1.5
OURS = re.compile(r"^(vigie\S*\.service)\s+(\d+\.\d)", re.MULTILINE)


@pytest.fixture(scope="module")
def boxes(card_image: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Three boxes that came from one image, two with the same file, one without: what each is."""
    found = []
    for name in ("first", "second", "bare"):
        with Card(card_image, tmp_path_factory.mktemp(name)) as card:
            if name != "bare":
                card.write("vigie.toml", rig.card_file(1))
            card.start()
            card.shell("until /opt/vigie/bin/vigie status >/dev/null 2>&1; do sleep 1; done", rig.BOOT_S)
            card.shell("systemctl is-system-running --wait >/dev/null || true", rig.BOOT_S)
            card.shell("systemctl start vigie-card-status.service || true", 300)  # its timer would be minutes later
            made = {
                "up_s": card.guest_s(),
                "failed": card.shell("systemctl --failed --no-legend --plain"),
                "machine": card.shell("cat /etc/machine-id").strip(),
                "doctor": card.shell("/opt/vigie/bin/vigie doctor || true", 120),
                "listening": rig.listening(card),
                "root": card.shell("findmnt -no FSTYPE,OPTIONS /; cat /proc/swaps | wc -l; cat /proc/mounts"),
                "writable": card.shell("grep -c '^/dev.* rw' /proc/mounts; touch /usr/x; sync; ls /usr/x"),
                "shadow": card.shell("cut -d: -f1,2 /etc/shadow"),
                "keys": card.shell("ls /etc/ssh /data/etc/ssh /data/ssh 2>/dev/null || true"),
                "secrets": card.shell("cd /etc/vigie && find secrets -type f -exec sha256sum {} + 2>/dev/null || true"),
                "settings": card.shell("cat /etc/vigie/vigie.toml"),
                "modes": rig.modes_of(card, "/var/lib/vigie /etc/vigie"),
                "sms": rig.modes_of(card, "/var/lib/vigie-sms"),
                "exposed": card.shell("systemd-analyze security --no-pager 2>/dev/null || true", 120),
                "usage": card.shell("journalctl --disk-usage; ls -d /var/log/journal 2>/dev/null || true"),
            }
            card.off()
            made["names"] = card.names()
            made["status"] = card.read("vigie-status.txt")
            made["label"] = card.read("vigie-label.svg") if name != "bare" else b""
            found.append(made)
    print()
    for made in found:
        print(f"first boot: up after {made['up_s']:.0f} s of its own time")
    return found


def test_no_two_have_a_secret_or_a_name_in_common(boxes: list[dict[str, Any]]) -> None:
    first, second, bare = boxes
    assert re.fullmatch(r"[0-9a-f]{32}", first["machine"])
    assert len({box["machine"] for box in boxes}) == 3
    made = [dict(reversed(line.split()) for line in box["secrets"].splitlines()) for box in (first, second)]
    assert made[0]
    assert made[0].keys() == made[1].keys()
    assert not set(made[0].values()) & set(made[1].values())
    assert b"b0042" in first["label"]
    assert first["label"] != second["label"]
    assert 'id = "b0042"' in first["settings"]
    assert 'id = "b0042"' not in bare["settings"]


def test_a_box_without_a_file_says_so_and_publishes_nothing(boxes: list[dict[str, Any]]) -> None:
    box = boxes[2]
    assert "[link" not in box["settings"]
    assert "vigie.toml" in box["doctor"]
    status = box["status"].decode("utf-8-sig")
    assert "vigie.toml" in status
    assert status.count("\r\n") == status.count("\n")


def test_nothing_has_failed_and_only_what_is_listed_listens(boxes: list[dict[str, Any]]) -> None:
    for box in boxes:
        assert not box["failed"].strip()
        assert {line for line in box["listening"] if not DHCP.match(line)} <= LISTENING


def test_the_root_is_read_only_and_what_is_written_to_it_is_gone(boxes: list[dict[str, Any]]) -> None:
    for box in boxes:
        assert box["root"].startswith("overlay ")
        assert "1\n" in box["root"], "no swap: the table's head alone"
        slots = [line for line in box["root"].splitlines() if " ext4 " in line and "/data" not in line]
        assert slots
        assert all(" ro," in line or "/var/lib/vigie" in line or "/etc/vigie" in line for line in slots)
        assert all(" ro," in line for line in box["root"].splitlines() if " /boot/cfg " in line)


def test_no_password_opens_it_and_no_key_came_with_the_image(boxes: list[dict[str, Any]]) -> None:
    for box in boxes:
        for line in box["shadow"].splitlines():
            assert line.partition(":")[2] in {"*", "!", "!*", "!!"}, line
        assert "ssh_host" not in box["keys"]


def test_files_are_for_the_box_alone(boxes: list[dict[str, Any]]) -> None:
    for box in boxes:
        for path, (mode, kind) in box["modes"].items():
            if path.startswith("/var/lib/vigie"):
                assert mode == {"d": "700", "f": "600"}[kind], path
            else:
                assert int(mode, 8) & 0o007 == 0, path
        for path, (mode, kind) in box["sms"].items():
            assert mode == {"d": "2770", "f": "660"}[kind], path


def test_each_unit_of_ours_is_as_little_exposed_as_its_work_allows(boxes: list[dict[str, Any]]) -> None:
    exposed = dict(OURS.findall(boxes[0]["exposed"]))
    print("\n" + "\n".join(f"{name}: {figure}" for name, figure in exposed.items()))
    assert float(exposed["vigie.service"]) <= MOST_EXPOSED
    assert all(float(figure) < 6 for figure in exposed.values())


def test_the_journal_is_in_memory_and_small(boxes: list[dict[str, Any]]) -> None:
    for box in boxes:
        assert "/var/log/journal" not in box["usage"]
        size = re.search(r"take up ([0-9.]+)([KMG])", box["usage"])
        assert size is not None
        assert size[2] == "K" or float(size[1]) <= 16
