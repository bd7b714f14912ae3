"""`vigie journal` as people and programs call it: of a running box, of one that does not run, of none."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.cli.cells import cells
from edge.cli.journal_lines import Sheet
from edge.cli.main import main
from edge.cli.words import Words
from edge.core.journal_words import KINDS
from edge.core.series import JournalLine
from edge.core.types import Event, EventBatch
from edge.store.fs import RealFs
from edge.store.historian import Historian
from edge.store.history import History
from edge.store.history_file import HistoryFile
from edge.store.log import Log
from edge.store.offline import stored_logs
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.support import ROOT, ManualClock, eventually

PARIS = ZoneInfo("Europe/Paris")
BEGUN = {"id": 12, "limit": "boiler.hot", "kind": "high", "prio": "high", "v": 92.5, "u": "Cel", "at": 85.0,
         "diagnosis": "overheating"}  # fmt: skip
SEEN = {"id": 12, "limit": "boiler.hot", "kind": "high", "prio": "high", "active": True, "author": "ada",
        "channel": "local", "before": "unacknowledged", "after": "acknowledged"}  # fmt: skip
T_MS = NOW_MS - 907_000
CHANGE = "active, not acknowledged -> active, acknowledged"


def line(
    seq: int, kind: str, t_ms: int | None = T_MS, point: str = "", trust: str = "ntp", /, **values: Any
) -> JournalLine:
    return JournalLine("0c77d1e2", seq, 3, t_ms, trust if t_ms else "none", kind, point, values)


LINES = [
    line(5, "unclean_stop", T_MS - 200_000, "", "floor", boot=2, seen_ms=T_MS - 300_000, seen_trust="ntp"),
    line(6, "start", None, version="0.1.0", boot=3),
    line(7, "alarm_begin", T_MS, "boiler.flow", **BEGUN),
    line(8, "gap", None, first=8, last=19, why="damaged"),
    line(20, "alarm_ack", T_MS + 360_000, "boiler.flow", **SEEN),
    line(21, "command", T_MS + 360_000, id="a1", verb="ack", author="ada", channel="local", done=True, text="ack_done",
         args="number=12"),
    line(22, "state", T_MS + 400_250, "door.north", v=1, was=0, word="open", was_word="closed"),
]  # fmt: skip


@pytest.fixture
def vigie(path: Path, desk: FakeDesk, capsys: pytest.CaptureFixture[str]) -> Any:
    desk.lines = list(LINES)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["journal", *words, "--socket", str(path)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_lines_are_in_peoples_words_newest_last_with_local_time_and_doubt_marked(vigie: Any) -> None:
    code, out, err = vigie()
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "~Fri 20 Nov 16:01:40  unclean stop, last seen Fri 20 Nov 16:00:00: power cut or crash",
        "start 3, no time      started (start 3, version 0.1.0)",
        "Fri 20 Nov 16:05:00   boiler.flow: alarm 12 HIGH 92.5 °C > 85 °C (overheating)",
        "                      entries 8 to 19 are no longer held: damaged on the card",
        f"Fri 20 Nov 16:11:00   boiler.flow: alarm 12 HIGH acknowledged by ada (at the box): {CHANGE}",
        "Fri 20 Nov 16:11:00   command ack number=12 by ada (at the box): done",
        "Fri 20 Nov 16:11:40   door.north: changed: closed -> open (0 -> 1)",
    ]


def test_a_french_site_reads_its_journal_in_french(vigie: Any, desk: FakeDesk) -> None:
    desk.lang = "fr"
    out = vigie("-n", "6")[1].splitlines()
    assert out[1] == "ven. 20 nov. 16:05:00    boiler.flow : alarme 12 HAUTE 92,5 °C > 85 °C (surchauffe)"
    assert out[0] == "démarrage 3, sans heure  démarrage 3 (version 0.1.0)"
    assert out[4].endswith("ordre ack number=12 par ada (sur place) : fait")


def test_the_newest_lines_and_those_of_a_kind_are_asked_of_the_box(vigie: Any, desk: FakeDesk) -> None:
    assert vigie("-n", "1")[1].splitlines()[0].endswith("closed -> open (0 -> 1)")
    assert desk.journal_asked[-1][1] == 1
    assert len(vigie("--kind", "alarm")[1].splitlines()) == 3
    wanted = desk.journal_asked[-1][2]
    assert wanted.kinds == {kind for kind in KINDS if kind.startswith("alarm_")}
    vigie("--kind", "state", "--kind", "link_up", "--point", "p", "--text", "é w", "--since", "2h")
    wanted = desk.journal_asked[-1][2]
    assert (wanted.kinds, wanted.point, wanted.text) == ({"state", "link_up"}, "p", "é w")
    assert wanted.since_ms == NOW_MS - 7_200_000
    vigie("--equipment", "boiler", "--until", "yesterday")
    wanted = desk.journal_asked[-1][2]
    assert (wanted.equipment, wanted.until_ms) == ("boiler", NOW_MS - (16 * 3600 + 20 * 60 + 7 + 86_400) * 1000)
    vigie("--since", "2026-11-20T16:05")
    assert desk.journal_asked[-1][2].since_ms == NOW_MS - 907_000


def test_more_than_a_page_is_asked_for_page_by_page(vigie: Any, desk: FakeDesk) -> None:
    desk.lines = [line(seq, "stop") for seq in range(1, 1201)]
    assert len(vigie("-n", "1100")[1].splitlines()) == 1100
    assert [asked[:2] for asked in desk.journal_asked] == [(None, 500), (701, 500), (201, 100)]


def test_json_is_the_apis_own_answer(vigie: Any) -> None:
    told = json.loads(vigie("--json", "-n", "2")[1])
    assert [found["seq"] for found in told["lines"]] == [22, 21]
    assert (told["stream"], told["before"], told["newest"]) == ("0c77d1e2", 21, 22)


def test_a_wrong_option_is_said_with_what_would_be_right(vigie: Any, desk: FakeDesk) -> None:
    assert vigie("--kind", "alarm_begn")[::2] == (
        2,
        "vigie: no kind alarm_begn; did you mean alarm_begin, alarm_end, alarm_shelve?\n",
    )
    code, out, err = vigie("--since", "lately")
    assert (code, out) == (2, "")
    assert err.startswith("vigie: lately is no instant; write 2026-11-20, ")
    for words in (["-n", "0"], ["-n", "x"], ["-n", "-3"]):
        with pytest.raises(SystemExit) as told:
            vigie(*words)
        assert told.value.code == 2
    assert vigie("--kind", "of_another_package")[0] == 0, "a driver may have kinds of its own"


def test_an_empty_journal_says_so(vigie: Any, desk: FakeDesk) -> None:
    desk.lines = []
    assert vigie() == (0, "", "vigie: nothing is written there\n")


def test_a_card_that_cannot_be_read_is_said(vigie: Any, desk: FakeDesk) -> None:
    desk.fails = OSError(5, "Input/output error")
    code, out, err = vigie()
    assert (code, out) == (1, "")
    assert "the journal can't be read: Input/output error" in err


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100])
def test_lines_break_to_fit_a_terminal_and_go_on_under_their_text(width: int) -> None:
    printed = Sheet(Words("en"), PARIS, NOW_MS, width).lines(LINES)
    assert all(cells(text) <= width for text in printed)
    whole = Sheet(Words("en"), PARIS, NOW_MS).lines(LINES)
    assert " ".join(" ".join(printed).split()) == " ".join(" ".join(whole).split())
    if width == 80:
        assert printed[-4:-2] == [
            "Fri 20 Nov 16:11:00   boiler.flow: alarm 12 HIGH acknowledged by ada (at the",
            "                        box): active, not acknowledged -> active, acknowledged",
        ]  # fmt: skip


def test_another_year_is_written() -> None:
    old = line(1, "stop", NOW_MS - 400 * 86_400_000)
    assert Sheet(Words("en"), PARIS, NOW_MS).lines([old]) == ["Thu 16 Oct 2025 17:20:07  stopped"]


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    evil = line(1, "fault", T_MS, worker="bus:\x1b[2J", text="a\nb\u202e")
    text = Sheet(Words("en"), PARIS, NOW_MS).lines([evil])[0]
    assert text.isprintable()
    assert "bus:?[2J (a b?)" in text


# -- no box runs


def state_in(folder: Path, count: int = 3) -> None:
    log: Log[Event] = Log(RealFs(folder), "events", "events", 1 << 20, 64 << 10)
    clock = {"boot": 1, "at_ms": 0, "utc_ms": T_MS, "source": "ntp"}
    entries = [Event("state", n * 1000, "door", {"v": n % 2, "was": 1 - n % 2}) for n in range(count)]
    log.append(EventBatch(1, entries, {"clock": [clock]}))
    log.close()
    Log(RealFs(folder), "records", "records", 1 << 20, 64 << 10).close()


def test_where_no_box_runs_the_card_is_read_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state_in(tmp_path / "state")
    config = tmp_path / "vigie.toml"
    config.write_text('[box]\nid = "b"\n[site]\nname = "x"\nlang = "fr"\n', encoding="utf-8")
    code = main(["journal", "--state", str(tmp_path / "state"), "--config", str(config)])
    assert code == 0
    assert capsys.readouterr().out.splitlines()[-1] == "ven. 20 nov. 16:05:02  door : changement (1 -> 0)"
    code = main(
        ["journal", "--state", str(tmp_path / "state"), "--config", "/missing", "-n", "1", "--text", "(1 -> 0)"]
    )
    assert (code, capsys.readouterr().out) == (0, "Fri 20 Nov 15:05:02  door: changed (1 -> 0)\n")


def test_what_the_log_let_go_is_read_from_the_history_on_the_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    state_in(state, 40)
    with stored_logs(state) as logs:  # the historian of a box that ran has taken all of it
        history = History(state, logs.records, logs.events, logs.dating, zone=PARIS, points={}, boot=1)
        historian = Historian(history, ManualClock(), raw_days=9, max_mb=64)
        historian.step(0.0)
        historian.close()
    log: Log[Event] = Log(RealFs(state), "events", "events", 128 << 10, 64 << 10)
    while log.first_seq() < 30:
        dice = random.Random(log.next_seq())
        log.append(EventBatch(1, [Event("fault", 10**6, "", {"worker": "w", "text": dice.randbytes(9000).hex()})]))
    first = log.first_seq()
    log.close()
    assert main(["journal", "--state", str(state), "--config", "/missing", "--kind", "state", "-n", "99"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([text for text in lines if "door: changed" in text]) == 40, f"the log begins at {first}"
    assert lines[-1].startswith("Fri 20 Nov 15:05:39")


def test_a_history_that_cannot_be_read_costs_no_line_of_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state_in(tmp_path / "state")
    HistoryFile(tmp_path / "state").path.write_bytes(b"no database at all" * 1000)
    assert main(["journal", "--state", str(tmp_path / "state"), "--config", "/missing"]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 3
    assert "history" in told.err


def test_neither_a_box_nor_a_card_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "--state", str(tmp_path / "none")]) == 3
    assert "no box has kept anything here" in capsys.readouterr().err
    state_in(tmp_path / "state")
    running: Log[Event] = Log(RealFs(tmp_path / "state"), "events", "events", 1 << 20, 64 << 10)
    assert main(["journal", "--state", str(tmp_path / "state")]) == 3
    assert "a running box has this log open" in capsys.readouterr().err
    running.close()
    assert main(["journal", "--follow", "--socket", str(tmp_path / "no.sock")]) == 3
    assert "no box answers on" in capsys.readouterr().err


# -- follow


def test_follow_prints_what_happens_then_once_and_survives_a_box_that_is_away(tmp_path: Path) -> None:
    path, desk = tmp_path / "api.sock", FakeDesk()
    desk.lines = [line(1, "start", version="1", boot=3)]
    out, err = tmp_path / "out", tmp_path / "err"
    words = ["journal", "--follow", "--every", "0.2", "--socket", str(path)]
    with serving(desk, path), out.open("wb") as said, err.open("wb") as complained:
        follower = subprocess.Popen(
            [sys.executable, "-m", "edge.cli.main", *words], cwd=ROOT, stdout=said, stderr=complained
        )
        try:
            eventually(lambda: out.read_text().count("\n") == 1, 10, "the line that is there")
            desk.lines.append(line(2, "stop"))
            eventually(lambda: out.read_text().count("\n") == 2, 10, "the new one")
            asked = len(desk.journal_asked)
            eventually(lambda: len(desk.journal_asked) > asked + 1, 10, "it is asked again")
            assert desk.journal_asked[-1][2].after == 2
        except BaseException:
            follower.kill()
            raise
    try:
        eventually(lambda: "no box answers" in err.read_text(), 10, "it is said that the box is away")
        desk.lines.append(line(3, "start", version="1", boot=4))
        with serving(desk, path):
            eventually(lambda: out.read_text().count("\n") == 3, 10, "it goes on")
        assert [text.split("  ")[-1] for text in out.read_text().splitlines()] == [
            "started (start 3, version 1)", "stopped", "started (start 4, version 1)",
        ]  # fmt: skip
        follower.send_signal(signal.SIGINT)
        assert follower.wait(5) == 130
        assert err.read_text().count("no box answers") == 1
    finally:
        follower.kill()
        follower.wait()


def test_on_a_terminal_of_80_columns_no_line_is_longer(path: Path, desk: FakeDesk) -> None:
    desk.lines = list(LINES)
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-m", "edge.cli.main", "journal", "--socket", str(path)],
        cwd=ROOT, stdout=slave, stderr=slave, env=environment,
    ) as asking:  # fmt: skip
        os.close(slave)
        assert asking.wait(10) == 0
        told = os.read(master, 65536).decode()
    os.close(master)
    lines = told.replace("\r\n", "\n").splitlines()
    assert len(lines) == len(LINES) + 2
    assert max(map(cells, lines)) <= 80
