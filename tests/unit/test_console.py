"""The commands over the real local API: what they print, their exit codes, and what they say when nobody answers."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.cli.cells import cells
from edge.cli.client import Client, NotRunningError, RefusedError, socket_path
from edge.cli.doctor import _why
from edge.cli.main import main
from tests.fake_desk import FakeDesk, serving
from tests.support import ROOT


def test_status_says_who_since_when_what_is_bad_which_alarms_and_what_is_acknowledged(vigie: Any) -> None:
    code, out, _err = vigie("status")
    assert code == 0
    assert out.splitlines() == [
        "b0042 Gymnase Sud  vigie 0.1.0  demo: simulated",
        "running since Fri 20 Nov 15:15 (1 h 05), start 3",
        "clock ntp: Fri 20 Nov 16:20:07",
        "26 points: 24 good, 1 uncertain, 1 bad",
        "  ? t.cellar: no answer from the device (last sample 3 min ago)",
        "2 alarms",
        "  ALARM #12 overheating  boiler.flow 92.5 °C > 85  since Fri 20 Nov 16:05 (15 min)  vigie ack 12",
        "  ALARM #11 FAULT  t.cellar  since Fri 20 Nov 16:17 (3 min)  acknowledged",
        "link mqtt ok (15 min)",
        "  acknowledged 48 213, buffer 0",
    ]


def test_status_says_why_a_link_is_down_and_that_the_card_fails(vigie: Any, desk: FakeDesk) -> None:
    desk.link |= {"state": "down", "code": "nobody_listens"}
    desk.waiting = 1214
    _code, out, _err = vigie("status")
    assert out.splitlines()[-3:] == [
        "link mqtt down (15 min)",
        "  no broker listens on this port: look at host and port in [link.mqtt], and whether the broker runs",
        "  acknowledged 48 213, buffer 1 214",
    ]


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_terminal_gets_lines_of_its_width_and_a_pipe_whole_ones(desk: FakeDesk, tmp_path: Path, lang: str) -> None:
    desk.lang = lang
    master, slave = pty.openpty()
    with serving(desk, tmp_path / "narrow.sock") as path:
        for words in (["status"], ["explain", "t.cellar"]):
            subprocess.run(
                [sys.executable, "-m", "edge.cli.main", *words, "--socket", str(path)],
                stdout=slave, check=True, cwd=ROOT, env={**os.environ, "COLUMNS": "60"},
            )  # fmt: skip
    told = os.read(master, 65_536).decode().splitlines()
    os.close(slave)
    os.close(master)
    assert max(map(cells, told)) <= 60
    assert any("ALARM" in line for line in told)
    assert any(line.startswith("            ") for line in told), "what goes on stands under its column"


def test_values_mark_alarm_bad_and_uncertain_and_show_no_number_for_a_bad_one(vigie: Any) -> None:
    code, out, _err = vigie("values")
    assert code == 0
    lines = {line.split()[1] if line[0] in "!?~" else line.split()[0]: line for line in out.splitlines()[1:]}
    assert lines["boiler.flow"].split() == ["!", "boiler.flow", "92.5", "°C", "good", "1", "s"]
    assert lines["t.cellar"].split() == ["?", "t.cellar", "-", "bad", "no_answer", "3", "min"]
    assert lines["rh.hall"].split() == ["~", "rh.hall", "41.0", "%", "uncertain", "suspect", "1", "s"]


def test_values_of_some_points_come_in_the_order_asked_for(vigie: Any) -> None:
    code, out, _err = vigie("values", "water.cold", "tic.papp")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["water.cold", "tic.papp"]


def test_a_misspelt_point_is_answered_with_the_nearest_names_and_exit_2(vigie: Any) -> None:
    for words in (("values", "t.celar"), ("explain", "t.celar"), ("watch", "t.celar")):
        code, out, err = vigie(*words)
        assert (code, out) == (2, "")
        assert err == "vigie: no point t.celar; did you mean t.cellar?\n"


@pytest.mark.parametrize("point", ["zzzzzz", "", "é/…?x=%00#", "../box"])
def test_a_point_like_nothing_here_leads_to_the_list(vigie: Any, point: str) -> None:
    code, _out, err = vigie("values", point)
    assert (code, err) == (2, f"vigie: no point {point}; `vigie points` lists them\n")
    assert vigie("explain", point)[0] == 2


def test_json_is_the_apis_own_answer(vigie: Any, path: Path) -> None:
    client = Client(path)
    for verb, name in (("status", "live"), ("points", "points"), ("alarms", "alarms"), ("buffer", "buffer")):
        code, out, _err = vigie(verb, "--json")
        assert (code, json.loads(out)) == (0, client.get(name))
    assert json.loads(vigie("values", "t.cellar", "--json")[1])[0]["value"] is None
    assert json.loads(vigie("explain", "t.cellar", "--json")[1]) == client.get("explain/t.cellar")


def test_points_say_kind_wire_unit_name_and_place(vigie: Any) -> None:
    _code, out, _err = vigie("points")
    assert "t.cellar        gauge    Cel   Cellar          cellar" in out.splitlines()


def test_points_show_what_is_plugged_in_and_not_named_with_what_to_write(vigie: Any, desk: FakeDesk) -> None:
    stranger = {
        "device": "28-3c01f0950002", "driver": "ds18b20", "options": {"probe": "28-3c01f0950002"}, "since_s": 12.0,
        "value": -3.5, "unit": "Cel", "quality": "good", "reason": "",
    }  # fmt: skip
    desk.strangers = [stranger, {**stranger, "device": "28-3c01f0950003", "value": None, "quality": "bad"}]
    _code, out, _err = vigie("points")
    assert out.splitlines()[-2:] == [
        (
            "unknown 28-3c01f0950002 on onewire, now -3.5 °C: a point records it with "
            'driver = "ds18b20", probe = "28-3c01f0950002"'
        ),
        'unknown 28-3c01f0950003 on onewire: a point records it with driver = "ds18b20", probe = "28-3c01f0950002"',
    ]


def test_explain_goes_from_the_wire_to_the_record(vigie: Any) -> None:
    before = (
        "  before    Fri 20 Nov 16:17:03, when t.cellar turned bad (no answer from the device): "
        "the last 2 of 2 readings of the bus; --json gives all"
    )
    code, out, _err = vigie("explain", "t.cellar")
    assert code == 0
    assert out.splitlines() == [
        "t.cellar  Cellar  cellar",
        "  device    28-3c01f0950a21 on bus onewire, driver ds18b20",
        "  options   resolution = 12",
        "  state     not open: DS18B20 28-3c01f0950a21: no answer; check data wire and pull-up",
        "  raw       50 05 4b 46 7f ff 0c 10 1c",
        "  sample    -  bad no_answer: no answer from the device",
        "  rules     possible from -55 up; read every 1 s; a record covers 1 min; stale after 5 s",
        "  value     -  bad no_answer: no answer from the device (last sample 3 min ago)",
        "  do        check supply, wiring and address",
        "  limit     cellar.lost: fault  IN ALARM",
        before,
        "        -2.0 s  28-3c01f0950a21  91 01 4b 46 7f ff 0c 10 1c",
        "        -1.0 s  28-3c01f0950a99  43 t=25062↵",
    ]


def test_explain_of_a_point_that_no_driver_serves_says_so(vigie: Any) -> None:
    assert "no driver serves this point" in vigie("explain", "boiler.flow")[1]


def test_ack_is_done_once_by_name_and_a_second_time_says_there_is_nothing(vigie: Any, desk: FakeDesk) -> None:
    assert vigie("ack", "99")[:2] == (1, "There is no alarm 99 to acknowledge.\n")
    assert vigie("ack", "12")[:2] == (0, "Acknowledged: 12.\n")
    assert vigie("ack")[:2] == (1, "No alarm waits for an acknowledgement.\n")
    assert {order.channel for order in desk.orders} == {"local"}
    assert len({order.id for order in desk.orders}) == 3
    assert all(order.author for order in desk.orders)


@pytest.mark.parametrize("word", ["twelve", "0", "#", "1.5", "-1", "", "99999999999"])
def test_ack_wants_a_number_and_nothing_else_means_all(vigie: Any, desk: FakeDesk, word: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        vigie("ack", word)
    assert desk.orders == []


def test_ack_of_all_is_said_in_words_or_by_none(vigie: Any, desk: FakeDesk) -> None:
    for words in ([], ["all"], ["tout"], ["12", "all"]):
        vigie("ack", *words)
    assert [order.args for order in desk.orders] == [{}] * 4
    vigie("ack", "#12")
    assert desk.orders[-1].args == {"number": 12}


def test_no_alarm_is_said_and_not_an_empty_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Quiet(FakeDesk):
        def alarms(self) -> list[Any]:
            return []

    with serving(Quiet(), tmp_path / "quiet.sock") as quiet:
        assert main(["alarms", "--socket", str(quiet)]) == 0
        assert main(["alarms", "--json", "--socket", str(quiet)]) == 0
        assert main(["status", "--socket", str(quiet)]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["no alarm", "[]"]


def test_buffer_shows_each_log_and_an_empty_one_as_a_dash(vigie: Any) -> None:
    _code, out, _err = vigie("buffer")
    lines = out.splitlines()
    assert lines[1].split() == ["records", "9f3c21aa", "40", "001", "48", "213", "0", "mqtt", "48", "213"]
    assert lines[2].split() == ["events", "0c77d1e2", "1", "31", "0", "mqtt", "31"]


@pytest.mark.parametrize("words", [["status"], ["values"], ["watch"], ["explain", "x"], ["ack"], []])
def test_without_a_box_every_command_says_what_to_start_and_exits_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    if not words:  # bare `vigie` asks the installed box, by the environment
        environment = {**os.environ, "VIGIE_SOCKET": str(tmp_path / "none.sock")}
        done = subprocess.run(
            [sys.executable, "-m", "edge.cli.main"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        code, complaint = done.returncode, done.stderr
    else:
        code = main([*words, "--socket", str(tmp_path / "none.sock")])
        complaint = capsys.readouterr().err
    assert code == 3
    assert "none.sock" in complaint
    assert "vigie run" in complaint


def test_a_busy_station_and_a_bug_are_failures_with_a_sentence(vigie: Any, desk: FakeDesk) -> None:
    desk.fails = TimeoutError()
    assert vigie("values")[::2] == (1, "vigie: the station does not answer; see the log\n")
    desk.fails = ZeroDivisionError()
    assert vigie("values")[0] == 1


def test_something_else_behind_the_socket_is_no_box(tmp_path: Path) -> None:
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen()

        def answer(raw: bytes) -> None:
            line, _ = listener.accept()
            with line:
                line.recv(4096)
                line.sendall(raw)

        for raw in (
            b"",
            b"220 mail ready\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<p>x",
            b"HTTP/1.1 200 OK\r\n",
        ):
            server = threading.Thread(target=answer, args=(raw,))
            server.start()
            with pytest.raises(NotRunningError, match=r"other\.sock"):
                Client(path).get("box")
            server.join(5)


def test_a_box_that_hangs_is_not_told_to_be_started(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)
        with pytest.raises(
            NotRunningError, match=r"does not answer within 0\.05 s.*may still be carried out"
        ) as failure:
            Client(tmp_path / "s", 0.05).post("commands", {})
    assert _why(failure.value) == "silent"


def test_a_refusal_carries_its_status_and_code(path: Path) -> None:
    with pytest.raises(RefusedError, match="no point x") as refusal:
        Client(path).get("explain/x")
    assert (refusal.value.status, refusal.value.code) == (404, "no_such_point")


def test_the_socket_is_the_one_given_before_the_environments() -> None:
    assert socket_path("/a.sock") == Path("/a.sock")


def test_watch_prints_a_line_when_a_point_changes_and_ends_with_ctrl_c(path: Path, desk: FakeDesk) -> None:
    command = [sys.executable, "-m", "edge.cli.main", "watch", "--socket", str(path)]
    with (
        subprocess.Popen([*command, "tic.papp", "t.cellar"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as watching,
        subprocess.Popen([*command, "tic.papp", "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as machine,
    ):
        try:
            assert watching.stdout is not None
            assert machine.stdout is not None
            assert watching.stdout.readline().split()[1:] == ["tic.papp", "1", "780", "VA", "good"]
            assert watching.stdout.readline().split()[1:] == ["?t.cellar", "-", "bad", "no_answer"]
            first = msgspec.json.decode(machine.stdout.readline())
            desk.t_s = 11.0
            assert watching.stdout.readline().split()[1:] == ["tic.papp", "2", "180", "VA", "good"]
            second = msgspec.json.decode(machine.stdout.readline())
            assert (first["value"], second["value"]) == (1780, 2180)
            assert second["t_utc_ms"] > first["t_utc_ms"]
        finally:
            watching.send_signal(signal.SIGINT)
            machine.send_signal(signal.SIGINT)
        assert watching.wait(5) == 130
        assert machine.wait(5) == 130


def test_output_cut_off_by_a_pipe_is_no_error(path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m edge.cli.main values --socket {path} | head -1"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["point", "value", "quality", "age"]
    assert done.stderr == ""


def test_streams_that_are_closed_are_no_reason_to_fail(tmp_path: Path) -> None:
    ours = f"{sys.executable} -m edge.cli.main"
    done = subprocess.run(
        ["sh", "-c", f"{ours} check config/vigie.toml >&- && {ours} wipe --state {tmp_path} <&- >&-; echo $? >&2"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.endswith(": vigie: not confirmed: nothing was erased\n2\n")


@pytest.mark.parametrize("words", [["check", "config/vigie.toml"], ["schema"]], ids=["little", "much"])
def test_output_that_finds_no_room_is_a_sentence_and_exit_1(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edge.cli.main", *words],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "vigie: what is printed can't be written: No space left on device\n")


def test_a_pipe_gets_utf_8_whatever_the_locale_says_and_letters_that_are_none_as_a_question_mark() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli.main", "check", "--lang", "fr", b"/none/\xff"],
        cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, b"")
    assert done.stdout.decode("utf-8").splitlines()[0] == "/none/?"
    assert "1 défaut." in done.stdout.decode("utf-8")


@pytest.mark.parametrize("words", [["explain", "caf\udce9"], ["history", "caf\udce9"], ["check", "--json", "\udcff"]])
def test_octets_that_are_no_letters_are_bad_input(
    path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asking = [] if words[0] == "check" else ["--socket", str(path)]
    assert main([*words, *asking]) == 2
    assert "write it in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "near"), [("stauts", "; did you mean status?"), ("caf\udce9", ""), ("--stauts", None)]
)
def test_a_word_that_is_no_command_is_answered_with_the_nearest(
    word: str, near: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if near is None:
        with pytest.raises(SystemExit, match="2"):
            main([word])
        return
    assert main([word]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("vigie: there is no command ")
    assert near in complaint
    assert complaint.endswith("`vigie --help` lists all\n")


@pytest.mark.parametrize(
    "words", [["backup", "FILE"], ["gateway", "boxes", "--state", "FILE"], ["sms", "forget", "--state", "FILE"]]
)
def test_a_file_that_cannot_be_looked_at_is_named_with_why(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / ("x" * 300))
    assert main([file if word == "FILE" else word for word in words]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"vigie: {file}")
    assert said.endswith(": File name too long\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
def test_who_may_not_look_at_a_file_is_told_of_sudo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    assert main(["gateway", "boxes", "--state", str(tmp_path / "locked" / "gateway.db")]) == 1
    assert capsys.readouterr().err.endswith("gateway.db: Permission denied; try it with sudo\n")


@pytest.mark.parametrize("words", [["report"], ["report", "--bill", "2026-01-01", "2026-02-01"], ["sms"], ["meter"]])
def test_a_box_that_fails_to_say_who_it_is_fails_with_a_sentence(vigie: Any, desk: FakeDesk, words: list[str]) -> None:
    desk.box_fails = ZeroDivisionError()
    assert vigie(*words)[::2] == (1, "vigie: the box failed to answer; its traceback is in the log\n")


def test_the_sms_link_is_told_without_naming_an_act(vigie: Any, desk: FakeDesk) -> None:
    assert vigie("sms") == vigie("sms", "status") == (2, "", "vigie: this box has no [link.sms]\n")


@pytest.mark.parametrize("words", [["meter", "peaks"], ["sms", "pair"]])
def test_the_socket_may_stand_before_the_act_or_after_it(
    path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *act = words
    code, before = main([verb, "--socket", str(path), *act]), capsys.readouterr()
    assert (main([verb, *act, "--socket", str(path)]), capsys.readouterr()) == (code, before)
    assert code != 3, before.err


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_box_that_ends_midway_is_one_that_does_not_answer(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)

        def end_midway() -> None:
            asking, _ = listener.accept()
            with asking:
                asking.recv(4096)
                asking.sendall(answer)

        thread = threading.Thread(target=end_midway)
        thread.start()
        with pytest.raises(NotRunningError, match="no box answers"):
            Client(tmp_path / "s").get("box")
        thread.join()
