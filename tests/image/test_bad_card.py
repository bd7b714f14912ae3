"""What an installer, a worn card or a hostile hand leaves on a card: one clear message, and a box that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.settings.catalogue import render
from tests.image import rig
from tests.image.emulated import Card

pytestmark = pytest.mark.image

RUNS = "until /opt/vigie/bin/vigie status >/dev/null 2>&1; do sleep 1; done"
FILES = {
    "broken": b'[box\nid = "b0042"\n',
    "empty": b"",
    "latin1": '[box]\nid = "b0042"\n[site]\nname = "Forêt"\n'.encode("latin-1"),
    "oversized": b"# nothing to read here, for pages and pages\n" * 150_000,
    "hostile": b"a = " + b"[" * 200_000,
    "noise": os.urandom(4096),
}
QUICK = ("broken", "hostile")


def test_a_bad_file_is_told_of_where_the_installer_looks(
    tmp_path: Path, card_image: Path, request: pytest.FixtureRequest
) -> None:
    names = FILES if request.config.getoption("--full") else QUICK
    with Card(card_image, tmp_path) as card:
        for name in names:
            card.write("vigie.toml", FILES[name])
            card.start()
            card.shell(RUNS, rig.BOOT_S)
            verdict = card.shell("cat /run/vigie-card/verdict.json")
            assert '"refused"' in verdict, (name, verdict)
            assert "vigie.toml" in card.shell("/opt/vigie/bin/vigie doctor || true", 120), name
            card.cut()
            page = card.read("vigie-errors.txt").decode("utf-8-sig")
            assert "did NOT take" in page, name
            assert "n'a PAS pris" in page.replace("\u2019", "'"), name
            assert page.count("\r\n") == page.count("\n"), name
            assert len(page) < 4000, name
            print(f"\n{name}: {page.splitlines()[3]}")
        card.write("vigie.toml", rig.card_file(1))
        card.start()
        card.shell(RUNS, rig.BOOT_S)
        assert '"applied"' in card.shell("cat /run/vigie-card/verdict.json")
        card.cut()
        assert "vigie-errors.txt" not in card.names()


@pytest.mark.parametrize("what", ["unformatted", "damaged", "foreign", "full"])
def test_a_data_partition_that_is_not_as_it_should_be(
    tmp_path: Path, card_image: Path, what: str, request: pytest.FixtureRequest
) -> None:
    if what in {"foreign", "full"} and not request.config.getoption("--full"):
        pytest.skip("make image-test FULL=1")
    with Card(card_image, tmp_path) as card:
        start, size = card.part("data")
        card.write("vigie.toml", rig.card_file(1))
        if what in {"foreign", "full"}:  # these begin as a box that has run
            card.start()
            card.shell(RUNS, rig.BOOT_S)
            if what == "full":
                left = "$(df -B1 --output=avail /data | tail -1)"
                card.shell(f"fallocate -l {left} /data/ballast; sync; df /data; [ {left} -lt 4194304 ]")
            else:
                card.shell('sed -i \'s/"layout": *[0-9]*/"layout": 99/\' /data/card.json; sync; cat /data/card.json')
            card.off()
        with card.path.open("r+b") as disk:
            disk.seek(start)
            if what == "unformatted":
                disk.write(bytes(min(size, 64 << 20)))
            elif what == "damaged":
                disk.write(os.urandom(1 << 20))
        card.start()
        card.shell(RUNS, rig.BOOT_S)
        state, _, why = card.shell("cat /run/vigie-card/data").strip().partition("\n")
        verdict = card.shell("cat /run/vigie-card/verdict.json")
        print(f"\n{what}: {state} {why}")
        assert state == {"unformatted": "formatted"}.get(what, what)
        if what == "unformatted":
            assert '"applied"' in verdict
        else:
            assert '"no_data"' in verdict or what == "full", verdict
            found = card.shell("/opt/vigie/bin/vigie doctor --json || true", 120)
            assert ("disk_full" if what == "full" else "card_no_data") in found, found
        card.shell("systemctl start vigie-card-status.service || true", 300)  # its timer would be a minute later
        card.cut()
        page = card.read("vigie-status.txt").decode("utf-8-sig")
        for lang in ("en", "fr"):
            told = render(lang, "doctor.card_no_data", {"data": state})
            assert (told in page) == (what != "unformatted"), (told, page)
        print(page.splitlines()[2:6])


def test_power_that_comes_and_goes_leaves_a_box_that_boots(
    tmp_path: Path, card_image: Path, request: pytest.FixtureRequest
) -> None:
    """Cuts at any second of a boot, the first one with its growing and its making of keys included."""
    cuts = 20 if request.config.getoption("--full") else 4
    longest_s = 60
    with Card(card_image, tmp_path) as card:
        card.write("vigie.toml", rig.card_file(1))
        written: list[int] = []
        for number in range(cuts):
            with rig.counted(card) as octets:
                rig.wait_s(1 + longest_s * ((number * 7) % cuts) / cuts)
            written.append(octets())
        card.start()
        card.shell(RUNS, rig.BOOT_S)
        assert card.shell("cat /run/vigie-card/data").strip() == "ok"
        assert card.shell("cat /run/vigie-card/verdict.json").count('"unchanged"') <= 1
        used = card.shell("du -sm /data | cut -f1; df -m /data | tail -1")
        print(f"\n{cuts} boots cut after 1 to {longest_s} s: written each {[n // 1024 for n in written]} KiB; {used}")
        assert max(written[2:]) < 40 << 20
