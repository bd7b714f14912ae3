"""A card is updated in an emulated board: A to B and committed, back by itself, refusals, and power cuts on the way.

The firmware is played by `tests.image.emulated`; RAUC, dm-verity, systemd, units and programs are the card's own. The
health check's five minutes are shortened by a drop-in in the systems of the bundles.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.core.autoboot import PARTITIONS, Autoboot, parsed
from edge.core.release import Release, version_of
from image.card.system import COMPATIBLE
from image.update import keys
from image.update.bundle import bundle
from image.update.keys import Pair
from tests.image import emulated
from tests.image.cuts import Cuts
from tests.image.emulated import Card, CardError

pytestmark = pytest.mark.image

FAST = "-comp zstd -Xcompression-level 1"
UP_S = 900  # a start, on a machine with other things to do
WRITTEN_S = 1800
GOOD, SICK, OLDER = "9.1.0", "9.2.0", "0.0.1"
POINTS = 20
BUILD = 1_700_000_000
CONFIRM = "etc/systemd/system/vigie-update-confirm.service.d/test.conf"
SHORT = "[Service]\nEnvironment=VIGIE_UPDATE_HOLD_S=20 VIGIE_UPDATE_WITHIN_S={within_s}\n"
BROKEN = "[Unit]\nDescription=does not start\n[Service]\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"
SITE = b"""[box]
id = "emul-1"
buffer_mb = 64
[site]
name = "Emulation"
[bus.self]
kind = "box"
[[point]]
id = "box.uptime"
bus = "self"
driver = "box"
measure = "uptime"
period_s = 5
[[calculated]]
id = "box.on"
kind = "counter"
expression = "integral(box.uptime > 0)"
unit = "s"
period_s = 5
"""


class Bundles:
    """The bundles of this test, in a folder that the guest reaches by the network."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder = folder
        self._system, self._boot = image.with_name("system.ext4"), image.with_name("boot.vfat")
        self.pair = Pair(keys.FOLDER / "development-key.pem", keys.FOLDER / "development-cert.pem")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def url(self, version: str) -> str:
        return f"http://10.0.2.2:{self.server.server_address[1]}/{self.made(version).name}"

    def made(self, version: str, pair: Pair | None = None, *, unit: str = "", name: str = "") -> Path:
        """Return the bundle of this version, made once; `unit` replaces vigie.service in it."""
        out = self.folder / (name or f"vigie-{version}.raucb")
        if out.exists():
            return out
        system = self.folder / "system.ext4"
        subprocess.run(["cp", "--sparse=always", self._system, system], check=True)
        release = f"VERSION={version}\nBUILD={BUILD}\nCOMPATIBLE={COMPATIBLE}\n"
        _put(system, "etc/vigie-release", release)
        _put(system, CONFIRM, SHORT.format(within_s=60 if unit else 300))
        if unit:
            _put(system, "etc/systemd/system/vigie.service", unit)
        wanted = Release(version_of(f"{version}+{BUILD}"), COMPATIBLE)
        return bundle(system, self._boot, wanted, pair or self.pair, out, FAST)

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: Any) -> None:
        pass


def _put(system: Path, name: str, text: str) -> None:
    """Put a file into a file system that is not mounted."""
    held = system.with_name("held")
    held.write_text(text)
    parts = name.split("/")
    lines = [f"mkdir {'/'.join(parts[:n])}" for n in range(1, len(parts))]
    lines += [f"rm {name}", f"write {held} {name}"]
    subprocess.run(
        ["debugfs", "-w", "-f", "-", system], input="\n".join(lines), text=True, capture_output=True, check=True
    )


@pytest.fixture(scope="module")
def image() -> Path:
    found = emulated.image()
    if found is None:
        pytest.skip("no image: make image")
    if lacking := [*emulated.needs(), *(name for name in ("rauc", "debugfs") if shutil.which(name) is None)]:
        pytest.skip(f"this machine lacks {', '.join(lacking)}")
    if not (keys.FOLDER / "development-key.pem").exists():
        pytest.skip("the image was made with a key of its own, which is not here")
    return found


@pytest.fixture(scope="module")
def bundles(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundles]:
    found = Bundles(image, tmp_path_factory.mktemp("bundles"))
    yield found
    found.close()


def up(card: Card) -> dict[str, Any]:
    """Start the card, wait until the service answers or has given up, and return what it says of updates."""
    card.start()
    card.shell("until [ -s /run/vigie-update/state.json ]; do sleep 1; done", UP_S)
    return facts(card)


def facts(card: Card) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(card.shell("cat /run/vigie-update/state.json", UP_S))
    return found


def answers(card: Card) -> dict[str, Any]:
    """Return the service's buffer once it answers: stream and numbers go on over updates."""
    card.shell("until vigie buffer --json >/run/buffer.json 2>/dev/null; do sleep 2; done", UP_S)
    found: dict[str, Any] = json.loads(card.shell("cat /run/buffer.json", UP_S))
    return dict(found["records"])


def index_s(card: Card) -> float:
    """Return the index of the counter once it is there: for how long the service has ever read the box, in seconds."""
    ask = "vigie values box.on --json 2>/dev/null >/run/index.json && grep -q '\"value\":[ 0-9.]*[1-9]' /run/index.json"
    card.shell(f"until {ask}; do sleep 2; done", UP_S)
    told = json.loads(card.shell("cat /run/index.json"))
    return float(told[0]["value"])


def first_start(image: Path, folder: Path) -> Card:
    card = Card(image, folder)
    card.write("vigie.toml", SITE)
    return card


def update(card: Card, bundles: Bundles, version: str) -> None:
    """Install this version and let the box restart into the try of it."""
    card.shell(f"vigie update {bundles.url(version)}", WRITTEN_S)
    card.shell("vigie update --reboot >/dev/null 2>&1 &", UP_S)
    card.ended(UP_S)
    assert card.wants_try, 'the kernel was told "0 tryboot"'


def test_a_good_bundle_is_committed_wrong_ones_are_refused_and_a_sick_one_is_left_by_itself(
    image: Path, bundles: Bundles, tmp_path: Path
) -> None:
    with first_start(image, tmp_path) as card:
        before = up(card)
        assert (before["slot"], card.booted) == ("a", PARTITIONS["a"])
        kept, index = answers(card), index_s(card)

        update(card, bundles, GOOD)
        tried = up(card)
        assert (tried["slot"], tried["version"], tried["is_try"]) == ("b", f"{GOOD}+{BUILD}", True)
        assert parsed(card.read("autoboot.txt")) == Autoboot("a", "b")
        card.shell("until grep -q committed /run/vigie-update/state.json; do sleep 2; done", UP_S)
        now = answers(card)
        assert (now["stream"], now["next"] >= kept["next"]) == (kept["stream"], True), "the same log goes on"
        assert index <= index_s(card) < index + 3600
        print(f"A to B and committed: guest {card.guest_s():.0f} s")

        refused(card, bundles)

        bundles.made(SICK, unit=BROKEN)
        update(card, bundles, SICK)
        assert up(card)["slot"] == "a"
        card.ended(UP_S)  # its health check fails, and systemd restarts it
        assert not card.wants_try
        back = up(card)
        assert (back["slot"], back["last"]["outcome"], back["last"]["version"]) == (
            "b",
            "rolled_back",
            f"{SICK}+{BUILD}",
        )
        assert answers(card)["stream"] == kept["stream"]
        card.off(UP_S)
        assert parsed(card.read("autoboot.txt")) == Autoboot("b", "b")


def refused(card: Card, bundles: Bundles) -> None:
    """Hand over what must not be taken, in the running guest."""
    foreign = bundles.made("9.3.0", keys.made(bundles.folder, "foreign", "foreign"), name="foreign.raucb")
    flipped = bundles.folder / "flipped.raucb"
    text = bytearray(bundles.made(SICK, unit=BROKEN).read_bytes())
    text[len(text) // 2] ^= 1
    flipped.write_bytes(text)
    base = bundles.url(GOOD).rpartition("/")[0]
    bundles.made(OLDER)
    for name, why in ((foreign.name, "foreign_key"), (flipped.name, "corrupt"), (f"vigie-{OLDER}.raucb", "older")):
        told = card.shell(f"vigie update --json {base}/{name} 2>/dev/null || true", WRITTEN_S)
        assert json.loads(told)["refused"] == why, told
        assert parsed(card.read("autoboot.txt")).primary == "b"


class Moments(NamedTuple):
    """The card at twenty moments of one update: while it is fetched, written, shut down, tried and committed."""

    cards: list[tuple[Cuts, int]]
    stream: str
    next_seq: int
    index_s: float


@pytest.fixture(scope="module")
def moments(image: Path, bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Moments:
    folder = tmp_path_factory.mktemp("cuts")
    with first_start(image, folder / "order") as card:
        order = Cuts(card, folder / "order")
        up(card)
        index = index_s(card)
        kept = answers(card)
        while (durable := answers(card))["next"] == kept["next"]:  # the index that was read is on the card then
            card.shell("sleep 5")
        card.shell(f"vigie update {bundles.url(GOOD)} --reboot >/run/update.log 2>&1 </dev/null &")
        while not card.is_off(2):
            try:
                order.keep()
            except (OSError, CardError):
                assert card.is_off(10), "a layer is refused only where the board has just gone off"
        assert card.wants_try
    found = [(order, n) for n in range(1, len(order))]
    with Card(order.card(-1, folder / "written.img"), folder / "try") as card:
        (folder / "written.img").unlink()
        trial = Cuts(card, folder / "try")
        card.wants_try = True
        card.start()
        card.shell("true", UP_S)
        while "committed" not in card.shell("sleep 2; cat /run/vigie-update/state.json 2>/dev/null || true", UP_S):
            trial.keep()
        trial.keep()
    found += [(trial, n) for n in range(1, len(trial))]
    return Moments(
        [found[n * (len(found) - 1) // (POINTS - 1)] for n in range(POINTS)],
        durable["stream"], durable["next"], index,
    )  # fmt: skip


@pytest.mark.parametrize("point", range(POINTS))
def test_power_cut_at_a_point_of_the_update_leaves_one_system_that_starts(
    moments: Moments, tmp_path: Path, point: int, request: pytest.FixtureRequest
) -> None:
    if point % 10 != 4 and not request.config.getoption("--full"):
        pytest.skip("one of twenty points; make image-test FULL=1")
    print(f"power cut {point}: {started_after_a_cut(moments, point, tmp_path)}")


def started_after_a_cut(moments: Moments, point: int, folder: Path) -> str:
    """Start the card of a moment; return what it was in the middle of."""
    cuts, moment = moments.cards[point]
    with Card(cuts.card(moment, folder / "cut.img"), folder / "card") as card:
        (folder / "cut.img").unlink()
        found, now, index = up(card), answers(card), index_s(card)
        card.cut()
        autoboot = parsed(card.read("autoboot.txt"))
        assert (found["slot"], found["is_try"]) == (autoboot.primary, False), "what starts is what autoboot.txt says"
        is_installed = found["trial"] is not None and found["trial"]["phase"] == "installed"
        is_committed = found["last"] is not None and found["last"]["outcome"] == "committed"
        assert (found["slot"] == "b") == is_committed
        assert found["trial"] is None or is_installed, "what was cut short is settled"
        assert (autoboot.tried != autoboot.primary) == (is_installed or is_committed), "a try leads to a whole system"
        assert now["stream"] == moments.stream, "the log goes on"
        assert now["next"] >= moments.next_seq
        assert moments.index_s <= index < moments.index_s + 1800, "the index goes on, and does not jump"
        return f"{found['slot']} starts, {found['last'] or found['trial'] or 'nothing was begun'}"
