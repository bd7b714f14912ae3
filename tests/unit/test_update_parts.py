"""The parts of an update at their edges: RAUC's words, its handlers, fetching, sticks, and what the station tells."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge.cli import bundle_handler
from edge.cli.update_usb import bundles, taken
from edge.core.release import version_of
from edge.core.types import EventBatch
from edge.core.usb_choice import MOST_BUNDLES, MOST_NAMES, candidates, newest
from edge.runtime.fetched import OF, PART, WHOLE, fetched, forget, is_url
from edge.runtime.rauc import Rauc, UpdateError
from edge.runtime.slot_files import CMDLINE_MAX, bundle_version, cmdline, target_slot, targets
from edge.runtime.update_news import UpdateNews
from edge.store.update_store import publish, published
from tests.support import ManualClock
from tests.update_rig import Box

INFO = '{"compatible":"vigie-rpi-arm64","version":"0.2.0+5","images":[]}'


# -- RAUC's words


class Program:
    """What RAUC says and ends with."""

    def __init__(self, code: int, out: str = "", told: str = "") -> None:
        self.done = subprocess.CompletedProcess([], code, out, told)
        self.asked: list[str] = []

    def __call__(self, words: list[str], **_how: Any) -> subprocess.CompletedProcess[str]:
        self.asked = words
        return self.done


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "up.raucb"
    found.write_bytes(b"hsqs and more")
    return found


def test_a_bundle_says_its_version_and_for_whom_it_is(file: Path) -> None:
    program = Program(0, f"a line before\n{INFO}\n")
    found = Rauc(["rauc"], Path("ring.pem"), program).info(file)
    assert (str(found.version), found.compatible) == ("0.2.0+5", "vigie-rpi-arm64")
    assert program.asked == ["rauc", "info", "--keyring=ring.pem", "--output-format=json", str(file)]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("signature verification failed: Verify error: self-signed certificate", "foreign_key"),
        ("Invalid bundle format: Signature size (6106527510872787497) exceeds bundle size", "truncated"),
        ("rauc-Message: Reading bundle\nNo such file: up.raucb", "not_read"),
        ("", "failed"),
        ("\udcff\0", "failed"),
    ],
)
def test_what_rauc_says_of_a_file_has_a_word_of_ours(file: Path, told: str, code: str) -> None:
    with pytest.raises(UpdateError) as refused:
        Rauc(run=Program(1, "", told)).info(file)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("LastError: Failed mounting bundle: Check read from dm-verity device failed: Input/output error", "corrupt"),
        ("LastError: update refused: version 0.0.9 is older than 0.1.0: older versions are not taken", "older"),
        ("LastError: Failed updating slot system.0: Failed splicing data: Error reading from file: EIO", "corrupt"),
        ("LastError: Installation error: Failed updating slot system.1: No space left on device", "no_space"),
        ("LastError: Compatible mismatch: Expected 'a' but bundle manifest has 'b'", "other_box"),
        ("LastError: something new", "failed"),
    ],
)  # fmt: skip
def test_an_install_that_failed_says_why(file: Path, told: str, code: str) -> None:
    with pytest.raises(UpdateError) as refused:
        Rauc(run=Program(1, " 0% Installing\n", told)).install(file)
    assert refused.value.code == code
    assert "Installing" not in refused.value.detail
    assert not refused.value.detail.startswith("LastError")


@pytest.mark.parametrize(("octets", "code"), [(b"", "empty"), (b"\0\0\0\0", "not_a_bundle"), (b"hs", "not_a_bundle")])
def test_what_is_no_bundle_is_not_even_shown_to_rauc(tmp_path: Path, octets: bytes, code: str) -> None:
    found = tmp_path / "x"
    found.write_bytes(octets)
    with pytest.raises(UpdateError, match=code):
        Rauc(["/nowhere/rauc"]).info(found)


def test_a_missing_program_a_missing_file_and_an_answer_that_is_none_are_errors_of_ours(file: Path) -> None:
    with pytest.raises(UpdateError, match="no_rauc"):
        Rauc(["/nowhere/rauc"]).install(file)
    with pytest.raises(UpdateError, match="not_read"):
        Rauc(run=Program(0, INFO)).info(file.with_name("none"))
    for answer in ("", "{", '{"version":"new","compatible":"x"}', '{"version":"1.0"}'):
        with pytest.raises(UpdateError, match="not_a_bundle"):
            Rauc(run=Program(0, answer)).info(file)


# -- its handlers

ENVIRONMENT = {
    "RAUC_TARGET_SLOTS": "2 4", "RAUC_SLOT_CLASS_1": "boot", "RAUC_SLOT_CLASS_2": "system", "RAUC_SLOT_CLASS_4": "boot",
    "RAUC_SLOT_DEVICE_1": "/dev/disk/by-partuuid/76696731-02",
    "RAUC_SLOT_DEVICE_2": "/dev/disk/by-partuuid/76696731-06",
    "RAUC_SLOT_DEVICE_4": "/dev/disk/by-partuuid/76696731-03", "RAUC_SLOT_BOOTNAME_2": "b", "RAUC_SLOT_BOOTNAME_4": "",
}  # fmt: skip
MANIFEST = "[update]\ncompatible=vigie-rpi-arm64\nversion={}\n\n[bundle]\nformat=verity\n"


def test_the_handlers_know_which_partitions_are_written() -> None:
    assert {name: path.name for name, path in targets(ENVIRONMENT).items()} == {
        "system": "76696731-06", "boot": "76696731-03",
    }  # fmt: skip
    assert target_slot(ENVIRONMENT) == "b"
    for missing in ({}, {"RAUC_TARGET_SLOTS": "1"}, {"RAUC_TARGET_SLOTS": "x y"}):
        with pytest.raises(ValueError, match="RAUC names no"):
            targets(missing)
        with pytest.raises(ValueError, match="RAUC names no"):
            target_slot(missing)


def allowed(box: Box, tmp_path: Path, version: str, **more: str) -> str:
    """Return why the handler refuses; it always does in a folder, whose partitions are on no disk."""
    (tmp_path / "manifest.raucm").write_text(MANIFEST.format(version))
    environment = {**ENVIRONMENT, "RAUC_BUNDLE_MOUNT_POINT": str(tmp_path), **more}
    with pytest.raises((ValueError, OSError)) as refused:
        bundle_handler.allowed(environment, box.slots())
    return str(refused.value)


def test_the_second_wall_stands_against_a_trial_the_running_slot_and_another_card(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    assert "not on the card that runs" in allowed(box, tmp_path, "0.2.0+5")
    assert "slot a runs" in allowed(box, tmp_path, "0.2.0+5", RAUC_SLOT_BOOTNAME_2="a")
    box.updating().install(box.bundle("0.2.0+5"))
    box.card.start(is_try=True)
    assert "on trial itself" in allowed(box, tmp_path, "0.3.0+5")


def test_the_version_stands_in_the_bundle_and_anything_else_is_refused(tmp_path: Path) -> None:
    for text, why in (("", "names no version"), ("\0" * 50, "names no version"), ("[update]\n", "names no version"),
                      (MANIFEST.format("new"), "no version"), (MANIFEST.format("-1"), "no version"),
                      ("x" * 100_000, "names no version")):  # fmt: skip
        (tmp_path / "manifest.raucm").write_text(text)
        with pytest.raises(ValueError, match=why):
            bundle_version(tmp_path)
    (tmp_path / "manifest.raucm").write_text(MANIFEST.format("0.2.0+5"))
    assert bundle_version(tmp_path) == version_of("0.2.0+5")


def test_a_command_line_keeps_what_the_release_wants_and_is_bounded() -> None:
    before = "root=PARTUUID=76696731-05 vigie.slot=a rauc.slot=a console=tty1 ro panic=10"
    after = cmdline(before, "b", "76696731-06")
    assert after.split() == [
        "console=tty1", "ro", "panic=10", "root=PARTUUID=76696731-06", "vigie.slot=b", "rauc.slot=b",
    ]  # fmt: skip
    assert cmdline(after, "b", "76696731-06") == after
    assert cmdline("", "a", "76696731-05").count("\n") == 1
    with pytest.raises(ValueError, match="characters"):
        cmdline("x" * CMDLINE_MAX, "a", "76696731-05")


# -- fetching

BODY = bytes(range(256)) * 400


class Server:
    """A web server that gives BODY, breaks off where it is told, and remembers what was asked."""

    def __init__(self) -> None:
        self.breaks_at: list[int] = []
        self.ranges: list[str | None] = []
        self.etag = '"one"'
        self.status = 200
        self.location = ""
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mine.answer(self)

            def log_message(self, *_words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/up.raucb"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.ranges.append(asked)
        if self.status != 200:
            handler.send_response(self.status)
            handler.send_header("Location", self.location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start = 0
        if asked and handler.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        handler.send_response(206 if start else 200)
        handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(BODY) - start))
        handler.end_headers()
        end = self.breaks_at.pop(0) if self.breaks_at else len(BODY)
        handler.wfile.write(BODY[start:end])

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def test_a_file_that_breaks_off_is_taken_up_where_it_was(server: Server, tmp_path: Path) -> None:
    server.breaks_at = [30_000, 70_000]
    told: list[tuple[int, int]] = []
    found = fetched(server.url, tmp_path, reserve_bytes=0, tell=lambda got, of: told.append((got, of)), silent_s=5)
    assert found.read_bytes() == BODY
    assert server.ranges == [None, "bytes=30000-", "bytes=70000-"]
    assert told[-1] == (len(BODY), len(BODY))
    assert sorted(path.name for path in tmp_path.iterdir()) == [WHOLE]


def test_another_edition_begins_anew_and_so_does_another_address(server: Server, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(b"x" * 1000)
    (tmp_path / OF).write_bytes(b'{"url":"%s","edition":"\\"zero\\""}' % server.url.encode())
    assert fetched(server.url, tmp_path, reserve_bytes=0, silent_s=5).read_bytes() == BODY
    (tmp_path / PART).write_bytes(b"x" * 1000)
    (tmp_path / OF).write_bytes(b'{"url":"http://127.0.0.1/other","edition":"\\"one\\""}')
    assert fetched(server.url, tmp_path, reserve_bytes=0, silent_s=5).read_bytes() == BODY
    (tmp_path / PART).write_bytes(b"x" * 1000)
    (tmp_path / OF).write_bytes(b"\0broken")
    assert fetched(server.url, tmp_path, reserve_bytes=0, silent_s=5).read_bytes() == BODY


def test_a_file_that_is_too_large_or_finds_no_room_is_refused_and_the_box_keeps_its_reserve(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(UpdateError, match="too_large"):
        fetched(server.url, tmp_path, reserve_bytes=0, largest_bytes=len(BODY) - 1, silent_s=5)
    with pytest.raises(UpdateError, match="no_space"):
        fetched(server.url, tmp_path, reserve_bytes=1 << 60, silent_s=5)


def test_a_server_that_has_none_or_leads_away_is_said(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(UpdateError, match=r"not_fetched.*404"):
        fetched(server.url, tmp_path, reserve_bytes=0, silent_s=5)
    server.status, server.location = 302, "file:///etc/passwd"
    with pytest.raises(UpdateError, match="not allowed"):
        fetched(server.url, tmp_path, reserve_bytes=0, silent_s=5)
    with pytest.raises(UpdateError, match="not_fetched"):
        fetched("http://127.0.0.1:1/x", tmp_path, reserve_bytes=0, silent_s=5)
    forget(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_address_is_one_of_the_web() -> None:
    assert is_url("https://example.org/a.raucb")
    assert not any(map(is_url, ("up.raucb", "/data/up.raucb", "ftp://x/y", "file:///x", "", "https:x", "C:\\up")))


# -- sticks


def test_of_many_names_a_few_are_opened_the_highest_first() -> None:
    names = [f"vigie-0.1.{n:04}.raucb" for n in range(5000)] + ["x" * 250 + ".raucb"]
    found = candidates(iter(names))
    assert len(found) == MOST_BUNDLES
    assert found[0] == f"vigie-0.1.{MOST_NAMES - 1:04}.raucb"
    assert candidates(["._up.raucb", ".raucb", "up.raucb.txt", "", "\udcff.RAUCB"]) == ["\udcff.RAUCB"]


def test_the_newest_that_is_newer_is_taken() -> None:
    found = [("a", version_of("0.1.0")), ("c", version_of("0.10.0")), ("b", version_of("0.9.0"))]
    assert newest(found, version_of("0.1.0")) == ("c", version_of("0.10.0"))
    assert newest(found, version_of("0.10.0")) is None
    assert newest([], version_of("0")) is None


def test_links_folders_pipes_and_other_files_of_a_stick_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "vigie").mkdir()
    (tmp_path / "folder.raucb").mkdir()
    os.mkfifo(tmp_path / "pipe.raucb")
    (tmp_path / "link.raucb").symlink_to("/etc/passwd")
    (tmp_path / "readme.txt").write_text("no")
    (tmp_path / "vigie/up.raucb").write_text("yes")
    assert bundles(tmp_path) == [tmp_path / "vigie/up.raucb"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "vigie").symlink_to(tmp_path / "vigie")
    assert bundles(other) == []
    assert bundles(tmp_path / "none") == []


def test_a_stick_brings_the_newest_and_old_ones_are_no_news(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    stick = tmp_path / "stick"
    stick.mkdir()
    assert taken(stick, box.updating()) is None
    (stick / "z.raucb").write_text("0.0.9+1 vigie-rpi-arm64")
    (stick / "y.raucb").write_text("0.1.0+1795166000 vigie-rpi-arm64")
    assert taken(stick, box.updating()) is None
    assert box.updating().store.load().last is None
    (stick / "b.raucb").write_text("0.3.0+1 vigie-rpi-arm64")
    (stick / "x.raucb").write_text("0.2.0+1 vigie-rpi-arm64")
    (stick / "w.raucb").write_text("")
    assert str(taken(stick, box.updating())) == "0.3.0+1"
    assert box.card.autoboot.tried == "b"


def test_a_stick_that_stays_in_has_no_version_tried_twice_that_was_taken_back(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "x.raucb").write_text("0.3.0+1 vigie-rpi-arm64")
    (stick / "y.raucb").write_text("0.2.0+1 vigie-rpi-arm64")
    (stick / "w.raucb").write_text("damaged, which is said at each start")
    for version in ("0.3.0+1", "0.2.0+1"):
        assert str(taken(stick, box.updating(), is_start=True)) == version
        box.updating().prepare_try()
        box.card.start(is_try=True)
        box.card.start()  # it did not stay
        box.updating().settle()
    for _ in range(3):
        with pytest.raises(UpdateError, match="not_a_bundle"):
            taken(stick, box.updating(), is_start=True)
        box.card.start()
        box.updating().settle()
    assert str(taken(stick, box.updating())) == "0.3.0+1", "put in by somebody"


def test_a_stick_with_wrong_bundles_alone_is_said_and_changes_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "a.raucb").write_text("not one at all, really")
    with pytest.raises(UpdateError, match="not_a_bundle"):
        taken(stick, box.updating())
    last = box.updating().store.load().last
    assert last is not None
    assert (last.outcome, last.why) == ("refused", "not_a_bundle")
    assert box.card.systems["b"] == ""


# -- what the station tells


class Journal:
    def __init__(self) -> None:
        self.batches: list[EventBatch] = []

    def told(self) -> list[str]:
        return [event.kind for batch in self.batches for event in batch.entries]


def news_worker(root: Path, journal: Journal, told: Any = None) -> UpdateNews:
    return UpdateNews(lambda: published(root), ManualClock(), journal.batches.append, told)


def test_each_thing_is_told_once_also_over_restarts(tmp_path: Path) -> None:
    box, journal = Box(tmp_path), Journal()
    worker = news_worker(tmp_path, journal)
    assert worker.step(0.0) == 60.0
    assert journal.told() == []
    box.updating().install(box.bundle("0.2.0+5"))
    worker.step(60.0)
    worker.step(120.0)
    assert journal.told() == ["update_installed"]
    register = journal.batches[-1].registers["update_told"]
    box.card.start()
    box.updating().refuse(UpdateError("older", "", "0.0.1"))
    again = Journal()
    news_worker(tmp_path, again, register).step(0.0)
    assert again.told() == ["update_refused"]
    assert again.batches[0].entries[0].values == {"why": "older", "version": "0.0.1"}


@pytest.mark.parametrize(
    "facts",
    [{}, {"news": None}, {"news": [{"id": 1}]}, {"news": [{"id": "1", "kind": "alarm_begin", "values": {}}]},
     {"news": [{"id": "1", "kind": "update_of_the_future", "values": {}}]}],
)  # fmt: skip
def test_what_another_version_wrote_there_is_no_event(tmp_path: Path, facts: dict[str, Any]) -> None:
    publish(tmp_path, facts)
    journal = Journal()
    news_worker(tmp_path, journal, "damaged").step(0.0)
    assert journal.told() == []
