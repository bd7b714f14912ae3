"""The local API: what a running box tells and takes, as JSON over HTTP on a Unix socket.

The command line and the live table use nothing else. Whoever may open the socket (group vigie) may read and operate;
nothing is derived from REMOTE_ADDR, which is "localhost" for everybody here.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
import stat
import threading
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from edge.core.commands import Command, Result
from edge.core.facts import PointFacts
from edge.core.journal_page import Wanted
from edge.core.report import Length
from edge.core.series import HistoryReader
from edge.core.views import VIEWS
from edge.web import history, journal, report
from edge.web.refusal import RefusedError

VERSION: Final = 1
NESTED_MOST: Final = 8
BODY_MAX: Final = 65536
WORD_MAX: Final = 64  # id, verb and author of a command are kept with its result: 256 of them are durable
LIVE: Final = ("values", "alarms", "costs", "consumption")  # the views that the live table asks for each second
WAITING_CLIENTS: Final = 32
WAKE_EVERY_S: Final = 60  # waitress wakes an idle box once a second by default
SILENT_CLIENT_S: Final = 30  # one that connects and asks nothing is dropped
TASK_ENDS_WITHIN_S: Final = 0.5
ANSWERS_WITHIN_S: Final = 0.5

log = logging.getLogger(__name__)


class Desk(Protocol):
    """What the API asks of the running box. Each answer is made of plain values, ready for JSON."""

    def box(self) -> Any:
        """Return id, site, version, start and clock."""

    def view(self, name: str) -> Any:
        """Return one of edge.core.views.VIEWS as it is now."""

    def buffer(self) -> Any:
        """Return what the logs hold, what is acknowledged, and the state of each link."""

    def buses(self) -> Any:
        """Return every bus with its devices: open or why not, how often they were read and had no value, and why."""

    def time(self) -> Any:
        """Return what time the box believes it is, by whom, since when, and its clock entries."""

    def explain(self, point: str) -> Any:
        """Return a point from wire to record; raises KeyError when there is none of that name."""

    def journal(self, before: int | None, limit: int, wanted: Wanted) -> Any:
        """Return a page of the journal, newest first; raises OSError when the card can't be read."""

    def history(self) -> HistoryReader:
        """Return what answers about the past; raises LookupError with why when nothing does."""

    def facts(self) -> list[PointFacts]:
        """Return what a reader of figures must know of each point of the settings."""

    def report(self, length: Length, day: date) -> Any:
        """Return the report of a day or month; raises as `edge.runtime.reporting.report`."""

    def backup(self) -> Any:
        """Return all that a new box needs to go on as this one, without secrets."""

    def reload(self) -> Any:
        """Return what became of the last order to read the settings again."""

    def order(self, command: Command) -> Result:
        """Carry out a command and return its one result; raises TimeoutError when the station does not answer."""


def make_app(desk: Desk) -> Any:
    """Return the WSGI application of a box. Every answer is JSON; one that failed is {"error": code, "text": why}."""
    import bottle

    app = bottle.Bottle()
    app.config["catchall"] = False

    def failed(status: int, code: str, text: str) -> bytes:
        bottle.response.status = status
        return msgspec.json.encode({"error": code, "text": text})

    def answer(make: Callable[[], Any]) -> bytes:
        bottle.response.content_type = "application/json"
        try:
            return msgspec.json.encode(make())
        except RefusedError as exc:
            return failed(exc.status, exc.code, str(exc))
        except TimeoutError:
            return failed(503, "busy", "the station does not answer; see the log")
        except Exception:  # the top of a request: a bug in one answer must not end the API
            log.exception("local API: %s %s failed", bottle.request.method, bottle.request.path)
            return failed(500, "internal", "the box failed to answer; its traceback is in the log")

    def route(path: str, make: Callable[[], Any]) -> None:
        app.route(f"/v{VERSION}/{path}", "GET", lambda: answer(make))

    route("box", desk.box)
    route("points", lambda: [_point(entry) for entry in msgspec.to_builtins(desk.view("values"))])
    for name in VIEWS:
        route(name, partial(desk.view, name))
    route("buffer", desk.buffer)
    route("buses", desk.buses)
    route("time", desk.time)
    route("reload", lambda: desk.reload())  # noqa: PLW0108 - as below
    route("backup", lambda: desk.backup())  # noqa: PLW0108 - a desk may be given its backup later
    route(
        "live",
        lambda: {"box": desk.box(), **{name: desk.view(name) for name in LIVE}, "buffer": desk.buffer()},
    )

    route("report", lambda: report.page(desk, _query(bottle.request)))
    route("journal", lambda: journal.page(desk, _query(bottle.request)))

    def explain(point: str) -> Any:
        try:
            return desk.explain(point)
        except KeyError:
            raise RefusedError(404, "no_such_point", f"no point {point}; `vigie points` lists them") from None

    app.route(f"/v{VERSION}/explain/<point>", "GET", lambda point: answer(lambda: explain(point)))
    history.add_routes(app, f"/v{VERSION}/history", desk, answer)
    app.route(f"/v{VERSION}/commands", "POST", lambda: answer(lambda: desk.order(_command(bottle.request))))

    def refused(error: Any) -> bytes:
        bottle.response.content_type = "application/json"
        code = {404: "no_such_path", 405: "no_such_method"}.get(error.status_code, "bad_request")
        return msgspec.json.encode({"error": code, "text": f"{bottle.request.method} {bottle.request.path}"})

    app.default_error_handler = refused
    return app


def _point(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("point", "kind", "unit", "name", "place")}


def _query(request: Any) -> dict[str, str]:
    """Return the parameters of a request. Raises RefusedError 400 when they are no UTF-8."""
    try:
        return dict(request.query.decode())
    except UnicodeError as exc:
        raise RefusedError(400, "bad_query", f"the query is no UTF-8: {exc}") from exc


def _command(request: Any) -> Command:
    """Return the order in the request's body. Raises RefusedError 400 or 413 when it is none."""
    body = request.body.read(BODY_MAX + 1)
    if len(body) > BODY_MAX:
        raise RefusedError(413, "too_long", f"a command has at most {BODY_MAX} bytes")
    try:
        command = msgspec.json.decode(body, type=Command)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:  # ValidationError is a DecodeError too
        raise RefusedError(400, "bad_command", str(exc)) from exc
    for name in ("id", "verb", "author"):
        if len(getattr(command, name)) > WORD_MAX:
            raise RefusedError(400, "bad_command", f"{name} has at most {WORD_MAX} characters")
    if not command.id:
        raise RefusedError(400, "bad_command", "id is empty: it makes a repeat harmless")
    if _is_deeper(command.args, NESTED_MOST):  # how deep the decoder goes depends on the Python
        raise RefusedError(400, "bad_command", f"args are nested deeper than {NESTED_MOST}")
    # who may open the socket may do everything; no sender says that of himself
    return msgspec.structs.replace(command, channel="local", right="configure")


def _is_deeper(value: Any, most: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (most == 0 or any(_is_deeper(each, most - 1) for each in inner))


class ApiServer:
    """Serves the API on a Unix socket until stopped; `run` blocks the thread that calls it.

    The web server is loaded when somebody asks for the first time: a box that nobody asks saves 1.5 MB and a thread.
    """

    def __init__(self, desk: Desk, socket_path: Path) -> None:
        self._desk = desk
        self._path = socket_path
        self._listener: socket.socket | None = None
        self._bell = -1
        self._server: Any = None
        self._lock = threading.Lock()
        self._is_running = False
        self._is_closed = False

    def open(self) -> None:
        """Bind the socket (0660). Raises OSError, naming the path, when it can't or when another box answers on it."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _clear(self._path)
            # Linux gives the new file the mode of the unbound socket: there is no moment in which all may connect
            os.fchmod(listener.fileno(), 0o660)
            listener.bind(os.fspath(self._path))
            self._path.chmod(0o660)  # whatever the umask took away
            listener.listen(WAITING_CLIENTS)
        except OSError as exc:
            listener.close()
            raise OSError(exc.errno or 0, f"local API on {self._path}: {exc.strerror or exc}") from exc
        self._bell = os.eventfd(0, os.EFD_CLOEXEC)
        self._listener = listener

    def run(self) -> None:
        """Serve until `close`."""
        with self._lock:
            if self._is_closed or self._listener is None:
                return
            self._is_running = True
        if self._is_asked(self._listener):
            self._serve(self._make_server(self._listener))
        else:
            self._listener.close()
        os.close(self._bell)

    def _serve(self, server: Any) -> None:
        with self._lock:
            if self._is_closed:  # while the server was loaded
                self._close_all(server)
            self._server = server
        server.run()
        server.task_dispatcher.shutdown(timeout=TASK_ENDS_WITHIN_S)

    def _is_asked(self, listener: socket.socket) -> bool:
        """Wait until somebody connects, True, or until `close`, False."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        return self._bell not in dict(poll.poll())

    def _make_server(self, listener: socket.socket) -> Any:
        import waitress.server

        # two people who ask at once is no news
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        server = waitress.server.create_server(
            make_app(self._desk),
            sockets=[listener],
            threads=1,
            asyncore_loop_timeout=WAKE_EVERY_S,
            asyncore_use_poll=True,
            channel_timeout=SILENT_CLIENT_S,
            max_request_body_size=16 * BODY_MAX,  # beyond it is refused unread
            max_request_header_size=BODY_MAX,
            log_socket_errors=False,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        server.pull_trigger = partial(ring, server.trigger)
        return server

    def close(self) -> None:
        """Stop serving and remove the socket. Any thread may call it, also twice or without `run`."""
        with self._lock:
            if self._is_closed or self._listener is None:
                return
            self._is_closed = True
            with contextlib.suppress(OSError):  # its folder is another's by now: what serves must end all the same
                self._path.unlink()
            if self._server is not None:
                # closing a descriptor does not wake a poll on it: its own thread has to close everything; under the
                # trigger's lock, or that thread may have closed the trigger before we have rung it
                trigger = self._server.trigger
                with trigger.lock:
                    trigger.thunks.append(partial(self._close_all, self._server))
                    trigger.pull_trigger()
            elif self._is_running:
                os.eventfd_write(self._bell, 1)
            else:
                self._listener.close()
                os.close(self._bell)

    @staticmethod
    def _close_all(server: Any) -> None:
        """Close the listener, the trigger and every client; the loop ends when none is left."""
        from waitress import wasyncore

        server.pull_trigger = _nothing  # what is closed here would ring too, and we may hold the trigger's lock
        wasyncore.close_all(server._map, ignore_all=True)  # noqa: SLF001 - it has no public way to end from outside


def ring(trigger: Any) -> None:
    """Wake the server's loop, unless it has ended: a late answer must not write into a descriptor that is another's."""
    with trigger.lock:  # `_close_all` runs under it
        if not trigger._closed:  # noqa: SLF001 - waitress asks nobody before it writes
            trigger.pull_trigger()


def _nothing() -> None:
    pass


def _clear(path: Path) -> None:
    """Remove a socket that nobody serves any more. Raises OSError when somebody does, or when it is no socket."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(errno.EEXIST, "there is a file of that name that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWERS_WITHIN_S)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)  # left behind by a kill
            return
    raise OSError(errno.EADDRINUSE, "another box serves there")
