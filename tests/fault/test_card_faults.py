"""The whole box on a real card: read-only under its feet, full, and cut off at random instants."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edge.cli.client import Client
from edge.store.fs import RealFs
from edge.store.log import Log
from tests.box_rig import BOX, Line, Service, line, point, service, write_site
from tests.disks import BOX_OPTIONS, Disk, clone, cloning_folder, make_ext4, mounted, skip_without_disks
from tests.mqtt_broker import program
from tests.support import eventually

METERS = {17: 0.001, 24: 0.01, 25: 0.01}
CARD_MIB = 96
COMMIT_S = 10
CUTS = 10
SLACK_S = 2.0  # between a pulse and the reading that counts it, and in asking for it

pytestmark = pytest.mark.campaign(reason="whole boxes on real file systems: 3 minutes")


def site(folder: Path, link: dict[str, Any] | None = None, **box: Any) -> Path:
    """Write a site of pulse meters whose every reading is a record."""
    tables: dict[str, Any] = {} if link is None else {"link": link}
    return write_site(
        folder,
        box=box,
        bus={"gpio": {"kind": "gpio"}},
        point=[point(f"m{pin}", "gpio", "pulse", pin=pin, weight=w, weight_unit="m3") for pin, w in METERS.items()],
        **tables,
    )


@contextmanager
def card(folder: Path) -> Iterator[Disk]:
    """Give a card as an installation mounts it, read-only once its file system finds an error."""
    skip_without_disks()
    make_ext4(folder / "card.ext4", CARD_MIB)
    with mounted(folder / "card.ext4", folder / "card", f"{BOX_OPTIONS},errors=remount-ro") as disk:
        yield disk


def indexes(box: Service) -> dict[str, float]:
    """Return the present index of each meter."""
    return {value["point"]: value["value"] for value in Client(box.socket).get("values") if value["value"] is not None}


def is_counting(box: Service) -> bool:
    """Return whether all meters move on within 5 s."""
    before = indexes(box)
    eventually(lambda: all(index > before[name] for name, index in indexes(box).items()), 5, "the meters move")
    return len(before) == len(METERS)


def status(sent: Line) -> dict[str, Any]:
    """Return what stands retained upstream about the box."""
    said = subprocess.run(
        [program("mosquitto_sub", "mosquitto-clients"), "-h", "127.0.0.1", "-p", str(sent.broker.port),
         "-C", "1", "-W", "5", "-t", f"vigie/v1/{BOX}/up/status"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def degraded(box: Service) -> str:
    return str(Client(box.socket).get("buffer")["records"]["degraded"])


def test_a_card_that_turns_read_only_costs_nothing_and_is_said(tmp_path: Path) -> None:
    with card(tmp_path) as disk, line(tmp_path) as sent:
        config = site(tmp_path, sent.link)
        with service(tmp_path, "--demo", "--config", str(config), "--state", str(disk.folder / "state")) as box:
            eventually(lambda: sent.stored.count() > 10, 20, "records arrive")
            disk.fail()
            eventually(lambda: degraded(box) == "EROFS", 10, "the box notices")
            assert is_counting(box), "sampling goes on"
            eventually(lambda: "store_degraded" in json.dumps(status(sent)), 10, "upstream is told")
            assert is_counting(box)
            disk.mount_again()
            eventually(lambda: not degraded(box), 90, "the card is taken again")
            eventually(lambda: sent.stored.events("store_ok"), 20, "the end of it is told")
            eventually(
                lambda: "store_degraded" not in json.dumps(status(sent)), 20, "upstream is told that all is well"
            )
            figures = box.finish()
        assert figures.found["kept"] == figures.found["records"]
        eventually(lambda: sent.stored.count() == figures.found["records"], 10, "nothing is lost")
        assert sent.stored.holes() == sent.stored.gaps() == []
        (restored,) = sent.stored.events("store_ok")
        assert restored["lost"] == 0
        assert [event["why"] for event in sent.stored.events("store_degraded")] == ["EROFS"]


def test_a_full_card_costs_nothing(tmp_path: Path) -> None:
    with card(tmp_path) as disk, line(tmp_path) as sent:
        config = site(tmp_path, sent.link)
        with service(tmp_path, "--demo", "--config", str(config), "--state", str(disk.folder / "state")) as box:
            eventually(lambda: sent.stored.count() > 10, 20, "records arrive")
            fill(disk.folder / "other")
            before = sent.stored.count()
            eventually(lambda: sent.stored.count() > before + 20, 30, "records are still written and sent")
            assert is_counting(box)
            (disk.folder / "other").unlink()
            before = sent.stored.count()
            eventually(lambda: sent.stored.count() > before, 10)
            figures = box.finish()
        assert figures.found["kept"] == figures.found["records"]
        eventually(lambda: sent.stored.count() == figures.found["records"], 10, "nothing is lost")
        assert sent.stored.holes() == sent.stored.gaps() == []
        assert all(event["lost"] == 0 for event in sent.stored.events("store_ok"))


def fill(path: Path) -> None:
    """Write a file until no octet more has room."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


class Seen:
    """The indexes of a running box over time, as its API told them."""

    def __init__(self, box: Service) -> None:
        self._box = box
        self.samples: list[tuple[float, dict[str, float]]] = []

    def look(self) -> bool:
        found = indexes(self._box)
        if len(found) == len(METERS):  # all have been read once
            self.samples.append((time.monotonic(), found))
        return bool(self.samples)

    def until(self, instant_s: float) -> None:
        eventually(lambda: self.look() and time.monotonic() >= instant_s, 60)

    def before(self, instant_s: float) -> dict[str, float]:
        """Return what was seen last before an instant, zeros when nothing was."""
        return next((seen for at_s, seen in reversed(self.samples) if at_s <= instant_s), dict.fromkeys(names(), 0.0))


def names() -> list[str]:
    return [f"m{pin}" for pin in METERS]


def entries(state: Path, kind: Any) -> list[Any]:
    """Return all that a log holds; no number of it is missing."""
    log: Log[Any] = Log(RealFs(state), kind, kind, capacity_bytes=8 << 20)
    found: list[Any] = []
    try:
        while log.first_seq() + len(found) < log.next_seq():
            chunk = log.read(log.first_seq() + len(found), 1000)
            assert chunk.gap is None, chunk
            found += chunk.entries
    finally:
        log.close()
    return found


def kept_indexes(state: Path) -> dict[str, float]:
    """Return the index of each meter's newest record."""
    found = dict.fromkeys(names(), 0.0)
    found.update((entry.point, float(entry.value)) for entry in entries(state, "records") if entry.value is not None)
    return found


def test_a_box_cut_off_at_any_instant_starts_again_with_indexes_at_most_10_s_old(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_disks()
    dice, behind_s = Random(1), []
    config = site(tmp_path, commit_s=COMMIT_S)
    with cloning_folder(tmp_path) as clones:
        make_ext4(clones / "card.ext4", CARD_MIB)
        cuts: list[tuple[float, dict[str, float], dict[str, float]]] = []
        with mounted(clones / "card.ext4", tmp_path / "card") as disk:
            words = ("--demo", "--config", str(config), "--state", str(disk.folder / "state"))
            with service(tmp_path, *words) as box:
                seen = Seen(box)
                seen.until(time.monotonic() + COMMIT_S + 3)
                for number in range(CUTS):
                    seen.until(time.monotonic() + dice.uniform(0.3, 4))
                    at_s = time.monotonic()
                    clone(disk.image, clones / f"cut{number}.ext4")
                    seen.look()
                    cuts.append((at_s, seen.before(at_s - COMMIT_S - SLACK_S), seen.samples[-1][1]))
        for number, (at_s, least, most) in enumerate(cuts):
            with mounted(clones / f"cut{number}.ext4", tmp_path / "cut") as disk:
                kept = kept_indexes(disk.folder / "state")
                assert all(least[name] <= kept[name] <= most[name] for name in names()), (least, kept, most)
                known_s = max(
                    (t for t, of in seen.samples if all(of[name] <= kept[name] for name in names())), default=0
                )
                behind_s.append(at_s - known_s)
                check_restart(tmp_path, config, disk, kept, f"again{number}")
    with capsys.disabled():
        sys.stdout.write(f"\n{CUTS} cuts of a running box: indexes {max(behind_s):.1f} s old at most\n")


def check_restart(folder: Path, config: Path, disk: Disk, kept: dict[str, float], name: str) -> None:
    """Start a box on what a cut left: it counts on from there and says that it was cut off."""
    state = disk.folder / "state"
    with service(folder, "--demo", "--config", str(config), "--state", str(state), name=name) as box:
        eventually(lambda: len(indexes(box)) == len(METERS), 10, "values come")
        first = indexes(box)
        box.finish()
    assert "unclean_stop" in [event.kind for event in entries(state, "events")]
    after = kept_indexes(state)
    assert all(kept[name] <= first[name] <= after[name] for name in names()), (kept, first, after)
