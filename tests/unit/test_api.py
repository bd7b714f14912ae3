"""The local API over its real socket: shapes, refusals, rights of the file, and an end within a second."""

from __future__ import annotations

import http.client
import os
import socket
import stat
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waitress.trigger import trigger as Trigger  # noqa: N812 - it is a class

from edge.cli.client import Client, NotRunningError
from edge.core.commands import Command, Result
from edge.core.journal_page import Wanted
from edge.core.series import JournalLine
from edge.core.text import Text
from edge.web.api import BODY_MAX, ApiServer, ring
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.support import eventually

HANGS_S = 20.0
FAR_BELOW_S = 8.0  # a busy machine may take some seconds for what takes none


def ask(path: Path, method: str, target: str, body: bytes | None = None) -> tuple[int, str, Any]:
    """Return status, content type and the JSON of one request."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(5)
        connection.sock.connect(os.fspath(path))
        connection.request(method, target, body)
        response = connection.getresponse()
        raw = response.read()
        kind = response.headers.get_content_type()
        return response.status, kind, msgspec.json.decode(raw) if kind == "application/json" else raw
    finally:
        connection.close()


def say(path: Path, raw: bytes) -> bytes:
    """Return what the server says to bytes as they are, until it hangs up or is silent for a second."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1)
        line.connect(os.fspath(path))
        line.sendall(raw)
        heard = b""
        try:
            while part := line.recv(65536):
                heard += part
        except TimeoutError:
            pass
        return heard


def test_each_question_is_answered_as_the_desk_says_it(path: Path, desk: FakeDesk) -> None:
    client = Client(path)
    assert client.get("box")["id"] == "b0042"
    assert client.get("values") == msgspec.to_builtins(desk.view("values"))
    assert client.get("alarms") == msgspec.to_builtins(desk.view("alarms"))
    assert client.get("buffer") == desk.buffer()
    assert client.get("time") == desk.time()
    assert client.get("buses") == desk.buses()
    assert set(client.get("live")) == {"box", "values", "alarms", "costs", "consumption", "buffer"}
    assert set(client.get("points")[0]) == {"point", "kind", "unit", "name", "place"}


def test_a_bad_value_travels_as_null_and_never_as_zero(path: Path) -> None:
    cellar = next(value for value in Client(path).get("values") if value["point"] == "t.cellar")
    assert (cellar["value"], cellar["quality"], cellar["reason"]) == (None, "bad", "no_answer")


def test_a_point_is_explained_and_an_unknown_one_is_a_404_that_says_where_to_look(path: Path) -> None:
    assert ask(path, "GET", "/v1/explain/t.cellar")[2]["wire"]["device"] == "28-3c01f0950a21"
    status, _kind, body = ask(path, "GET", "/v1/explain/t.celar")
    assert status == 404
    assert body == {"error": "no_such_point", "text": "no point t.celar; `vigie points` lists them"}


def lines_of(desk: FakeDesk, count: int) -> None:
    desk.lines = [
        JournalLine("0c77d1e2", seq, 3, NOW_MS - 100_000 + seq, "ntp", "state", "door.north", {"v": 1, "was": 0})
        for seq in range(1, count + 1)
    ]


def test_the_journal_is_told_by_the_page(path: Path, desk: FakeDesk) -> None:
    lines_of(desk, 120)
    page = Client(path).get("journal")
    assert [line["seq"] for line in page["lines"]] == list(range(120, 70, -1))
    assert page["before"] == 71
    assert page["stream"] == "0c77d1e2"
    assert page["lines"][0] == {
        "stream": "0c77d1e2", "seq": 120, "boot": 3, "t_ms": NOW_MS - 99_880, "trust": "ntp", "kind": "state",
        "point": "door.north", "values": {"v": 1, "was": 0},
    }  # fmt: skip
    rest = Client(path).get(f"journal?before={page['before']}&limit=500")
    assert [line["seq"] for line in rest["lines"]] == list(range(70, 0, -1))
    assert rest["before"] is None


def test_what_is_asked_of_the_journal_reaches_the_box(path: Path, desk: FakeDesk) -> None:
    asked = "journal?before=9&limit=3&kinds=start,%20stop,&point=t.cellar&since=1795000000000&text=%C3%A9t%C3%A9"
    assert Client(path).get(asked)["lines"] == []
    wanted = Wanted(frozenset({"start", "stop"}), "t.cellar", 1_795_000_000_000, "été")
    assert desk.journal_asked == [(9, 3, wanted)]


@pytest.mark.parametrize(
    "query",
    [
        "before=0", "before=-1", "before=x", "before=1.5", "before=%D9%A1", "limit=0", "limit=501", "since=-5",
        "before=99999999999999999999", f"point={'x' * 101}", f"kinds={'x,' * 65}{'y' * 101}", "text=%ff", "unknown=1",
        f"kinds={','.join(f'k{n}' for n in range(70))}",
    ],
)  # fmt: skip
def test_a_query_that_is_none_is_refused_and_says_why(path: Path, desk: FakeDesk, query: str) -> None:
    status, _kind, body = ask(path, "GET", f"/v1/journal?{query}")
    assert (status, body["error"]) == (400, "bad_query")
    assert body["text"]
    assert desk.journal_asked == []


def test_a_card_that_cannot_be_read_is_said(path: Path, desk: FakeDesk) -> None:
    desk.fails = OSError(5, "Input/output error")
    status, _kind, body = ask(path, "GET", "/v1/journal")
    assert (status, body["error"]) == (503, "store_unreadable")
    assert "Input/output error" in body["text"]


def test_a_command_gets_its_one_result_and_its_channel_is_not_the_senders_to_choose(path: Path, desk: FakeDesk) -> None:
    order = Command("id-1", "ack", {"number": 12}, author="ada", channel="sms", right="read")
    answer = Client(path).post("commands", order)
    assert answer["done"] is True
    assert desk.orders == [Command("id-1", "ack", {"number": 12}, author="ada", channel="local", right="configure")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_command"),
        (b"null", 400, "bad_command"),
        (b"{", 400, "bad_command"),
        (b'{"id": 1, "verb": "ack"}', 400, "bad_command"),
        (b'{"verb": "ack"}', 400, "bad_command"),
        (b'{"id": "", "verb": "ack"}', 400, "bad_command"),
        (b'{"id": "\xff\xfe", "verb": "ack"}', 400, "bad_command"),
        (b'{"id": "%s", "verb": "ack"}' % (b"x" * 65), 400, "bad_command"),
        (b'{"id": "a", "verb": "ack", "author": "%s"}' % (b"x" * 65), 400, "bad_command"),
        (b'{"id": "a", "verb": "%s"}' % (b"x" * 65), 400, "bad_command"),
        (b"[" * 20_000, 400, "bad_command"),
        (b'{"id": "a", "verb": "ack", "args": {"n": %s%s}}' % (b"[" * 9000, b"]" * 9000), 400, "bad_command"),
        (b'{"id": "a", "verb": "ack", "args": {"n": %s1%s}}' % (b"[" * 9, b"]" * 9), 400, "bad_command"),
        (b" " * (BODY_MAX + 1), 413, "too_long"),
    ],
)
def test_a_body_that_is_no_command_is_refused_with_its_reason(
    path: Path, desk: FakeDesk, body: bytes, status: int, code: str
) -> None:
    answer = ask(path, "POST", "/v1/commands", body)
    assert answer[0] == status
    assert answer[2]["error"] == code
    assert answer[2]["text"]
    assert desk.orders == []


def test_the_longest_body_that_is_allowed_is_read(path: Path, desk: FakeDesk) -> None:
    order = b'{"id": "a", "verb": "ack"'
    assert ask(path, "POST", "/v1/commands", order + b" " * (BODY_MAX - len(order) - 1) + b"}")[0] == 200
    assert len(desk.orders) == 1


def test_a_huge_body_is_refused_unread(path: Path, desk: FakeDesk) -> None:
    head = b"POST /v1/commands HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    assert say(path, head).startswith(b"HTTP/1.1 413")
    assert desk.orders == []


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/", 404, "no_such_path"),
        ("GET", "/v2/values", 404, "no_such_path"),
        ("GET", "/v1/values/", 404, "no_such_path"),
        ("GET", "/v1/explain/", 404, "no_such_path"),
        ("GET", "/v1/explain/a/b", 404, "no_such_path"),
        ("GET", "/v1/../../etc/passwd", 404, "no_such_path"),
        ("DELETE", "/v1/values", 405, "no_such_method"),
        ("GET", "/v1/commands", 405, "no_such_method"),
        ("GET", "/v1/explain/%ff", 404, "no_such_path"),
        ("GET", "/v1/explain/%00", 404, "no_such_point"),
        ("GET", "/v1/explain/eau%20froide%2Fs%C3%A9jour", 404, "no_such_path"),
    ],
)
def test_what_is_not_there_is_said_as_json(path: Path, method: str, target: str, status: int, code: str) -> None:
    answer = ask(path, method, target)
    assert (answer[0], answer[1], answer[2]["error"]) == (status, "application/json", code)


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/box HTTP/9.9\r\n\r\n",
        b"GET /v1/box HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /v1/box HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /v1/box HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"POST /v1/commands HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_malformed_requests_harm_nobody_and_the_next_one_is_answered(path: Path, raw: bytes) -> None:
    try:
        heard = say(path, raw)
    except ConnectionError:  # hung up while we still spoke
        heard = b""
    assert not heard or heard.startswith(b"HTTP/")
    assert Client(path).get("box")["id"] == "b0042"


def test_a_client_that_says_nothing_or_half_a_request_does_not_hold_up_the_others(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as half:
        silent.connect(os.fspath(path))
        half.connect(os.fspath(path))
        half.sendall(b"POST /v1/commands HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        assert Client(path).get("box")["id"] == "b0042"


def test_a_station_that_does_not_answer_is_a_503(path: Path, desk: FakeDesk) -> None:
    desk.fails = TimeoutError("the station does not answer")
    status, _kind, body = ask(path, "GET", "/v1/values")
    assert (status, body["error"]) == (503, "busy")


def test_a_bug_in_one_answer_is_a_500_with_its_traceback_in_the_log_and_the_rest_goes_on(
    path: Path, desk: FakeDesk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.fails = ZeroDivisionError("a bug")
    status, _kind, body = ask(path, "GET", "/v1/values")
    assert (status, body["error"]) == (500, "internal")
    assert "ZeroDivisionError" in caplog.text
    desk.fails = None
    assert ask(path, "GET", "/v1/values")[0] == 200


def test_only_the_owner_and_the_group_may_open_the_socket_whatever_the_umask(tmp_path: Path) -> None:
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            with serving(FakeDesk(), tmp_path / "api.sock") as path:
                assert stat.S_IMODE(path.stat().st_mode) == 0o660
        finally:
            os.umask(before)


def test_a_socket_left_by_a_kill_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    with serving(FakeDesk(), path):
        assert Client(path).get("box")["id"] == "b0042"


def test_a_socket_that_another_box_serves_is_left_alone(path: Path) -> None:
    with pytest.raises(OSError, match=r"api\.sock: another box serves there"):
        ApiServer(FakeDesk(), path).open()
    assert Client(path).get("box")["id"] == "b0042"


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.write_text("mine")
    with pytest.raises(OSError, match="no socket"):
        ApiServer(FakeDesk(), path).open()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["absent/api.sock", "x" * 120])
def test_a_place_that_cannot_be_bound_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=f"local API on {tmp_path / name}"):
        ApiServer(FakeDesk(), tmp_path / name).open()


def test_it_ends_at_once_with_clients_connected_and_leaves_no_socket_and_no_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    before = len(list(Path("/proc/self/fd").iterdir()))
    server = ApiServer(FakeDesk(), path)
    server.open()
    thread = threading.Thread(target=server.run)
    thread.start()
    with socket.socket(socket.AF_UNIX) as idle, socket.socket(socket.AF_UNIX) as half:
        idle.connect(os.fspath(path))
        half.connect(os.fspath(path))
        half.sendall(b"GET /v1/bo")
        assert Client(path).get("box")["id"] == "b0042"
        begin = time.monotonic()
        server.close()
        server.close()
        thread.join(5)
        assert time.monotonic() - begin < FAR_BELOW_S
    assert not path.exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(NotRunningError, match="vigie run"):
        Client(path).get("box")


def test_it_ends_at_once_while_the_desk_hangs(tmp_path: Path) -> None:
    release = threading.Event()

    class Stuck(FakeDesk):
        def order(self, command: Command) -> Result:
            release.wait(HANGS_S)
            return Result(command.id, done=False, text=Text("ack_nothing"))

    path = tmp_path / "api.sock"
    server = ApiServer(Stuck(), path)
    server.open()
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(os.fspath(path))
            asker.sendall(b'POST /v1/commands HTTP/1.1\r\nContent-Length: 25\r\n\r\n{"id": "a","verb": "ack"}')
            eventually(lambda: any(t.name.startswith("waitress") for t in threading.enumerate()))
            begin = time.monotonic()
            server.close()
            thread.join(HANGS_S)
            assert time.monotonic() - begin < FAR_BELOW_S
    finally:
        release.set()
        thread.join(5)


def test_an_answer_that_comes_as_the_server_ends_rings_no_closed_descriptor() -> None:
    """The worker's ring and the loop's end may cross at any line: the second must find the first's lock, or the end."""
    trigger = Trigger({})
    ring(trigger)
    assert trigger.recv(8) == b"x"
    crossing = threading.Thread(target=ring, args=(trigger,))
    with trigger.lock:  # as the loop does while it runs what closes everything
        crossing.start()
        trigger.close()
    crossing.join(5)
    assert not crossing.is_alive()


def test_it_ends_when_closed_before_it_ran_or_before_it_was_opened(tmp_path: Path) -> None:
    server = ApiServer(FakeDesk(), tmp_path / "api.sock")
    server.close()
    server.run()
    server.open()
    server.close()
    server.run()
    assert not (tmp_path / "api.sock").exists()


def test_while_nobody_asks_there_is_no_web_server_and_it_ends_at_once(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    server = ApiServer(FakeDesk(), tmp_path / "api.sock")
    server.open()
    thread = threading.Thread(target=server.run)
    thread.start()
    assert not any(t.name.startswith("waitress") for t in threading.enumerate())
    server.close()
    thread.join(5)
    assert not thread.is_alive()
    assert not (tmp_path / "api.sock").exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_it_ends_when_closed_while_the_first_question_waits(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    path = tmp_path / "api.sock"
    server = ApiServer(FakeDesk(), path)
    server.open()
    thread = threading.Thread(target=server.run)
    with socket.socket(socket.AF_UNIX) as asker:
        asker.connect(os.fspath(path))
        thread.start()  # finds a client at once and loads the web server
        server.close()
        thread.join(5)
        assert not thread.is_alive()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_idle_api_does_not_wake_the_box(path: Path) -> None:
    Client(path).get("box")

    def switches() -> int:
        """Context switches of every thread but ours."""
        found = 0
        for task in Path("/proc/self/task").iterdir():
            if int(task.name) != threading.get_native_id():
                found += sum(
                    int(line.split()[1]) for line in (task / "status").read_text().splitlines() if "ctxt" in line
                )
        return found

    threading.Event().wait(0.2)  # let the last answer finish
    before = switches()
    threading.Event().wait(1.5)
    assert switches() - before == 0
