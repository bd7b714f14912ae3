"""A real Mosquitto for the tests: on an ephemeral port of 127.0.0.1, with TLS, passwords and ACLs as a case needs them.

And a TCP forwarder to stand before it, whose line can be cut or fall silent.
"""

from __future__ import annotations

import os
import pwd
import selectors
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def program(name: str, package: str) -> str:
    """Return the path of a program; fails the test with the Debian package's name where it is missing."""
    found = shutil.which(name) or next((f"{place}/{name}" for place in PLACES if Path(place, name).exists()), None)
    if found is None:
        pytest.fail(f"{name} is missing: apt-get install {package}")
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Broker:
    """One mosquitto process; `restart` keeps the port, and the store unless it is wiped."""

    def __init__(self, folder: Path, *lines: str, persistent: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self._lines = lines
        self._store = folder / "store"
        self._is_persistent = persistent
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._store.mkdir(exist_ok=True)
        config = self.folder / "mosquitto.conf"
        own = [] if any(line.startswith("allow_anonymous") for line in self._lines) else ["allow_anonymous true"]
        if self._is_persistent:
            own += ["persistence true", f"persistence_location {self._store}/"]
        config.write_text(
            "\n".join(
                [f"listener {self.port} 127.0.0.1", f"user {pwd.getpwuid(os.getuid()).pw_name}", *own, *self._lines, ""]
            )
        )
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("mosquitto", "mosquitto"), "-v", "-c", str(config)], stdout=log, stderr=log
            )
        end = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            if self._process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"mosquitto did not start:\n{self.log()[-2000:]}")
            threading.Event().wait(0.02)

    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def wipe(self) -> None:
        """Kill it and lose all it held: retained messages, sessions and queues."""
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._store)


@contextmanager
def broker(folder: Path, *lines: str, persistent: bool = False) -> Iterator[Broker]:
    """Run a mosquitto for the time of a block."""
    running = Broker(folder / "broker", *lines, persistent=persistent).start()
    try:
        yield running
    finally:
        running.stop()


class Forwarder:
    """A line to a port of 127.0.0.1 that can be cut (`down`), silenced (`hole`: no byte, no RST) and mended."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self.port = free_port()
        self.bytes_up = 0
        self.bytes_per_s = 0
        """How fast the way up is; 0: as fast as it goes."""
        self._mode = "up"
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._uplinks: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        self._selector.register(self._wake_r, selectors.EVENT_READ)
        self._listener: socket.socket | None = None
        self._wish: list[str] = ["up"]
        self._asked = 1
        self._acted = 0
        """Wishes that have come true, not only been taken."""
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
        self._thread.start()
        self._await(1)

    def up(self) -> None:
        self._ask("up")

    def down(self) -> None:
        self._ask("down")

    def hole(self) -> None:
        self._ask("hole")

    def close(self) -> None:
        self._ask("end")
        self._thread.join(5)
        os.close(self._wake_r)
        os.close(self._wake_w)

    def _ask(self, wish: str) -> None:
        with self._lock:
            self._wish.append(wish)
            self._asked += 1
            asked = self._asked
        os.write(self._wake_w, b"x")
        self._await(asked)

    def _await(self, asked: int) -> None:
        end = time.monotonic() + 5
        while self._acted < asked and self._thread.is_alive() and time.monotonic() < end:
            threading.Event().wait(0.005)

    def _run(self) -> None:
        while True:
            with self._lock:
                wishes, self._wish = self._wish, []
            for wish in wishes:
                self._mode = wish
                if wish in {"down", "end"}:
                    self._cut()
                elif self._listener is None:
                    self._listen()
            self._acted += len(wishes)
            if self._mode == "end":
                self._selector.close()
                return
            for key, _ in self._selector.select():
                self._serve(key.fileobj)

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        if self.bytes_per_s:  # a slow line has no room for a megabyte
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def _cut(self) -> None:
        for sock in list(self._pairs):
            self._drop(sock)
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def _serve(self, thing: object) -> None:
        if thing == self._wake_r:
            os.read(self._wake_r, 100)
        elif thing is self._listener and self._listener is not None:
            client, _ = self._listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.to_port), 5)
            except OSError:
                client.close()
                return
            for one, other in ((client, server), (server, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pairs[one] = other
                self._selector.register(one, selectors.EVENT_READ)
            self._uplinks.add(client)
        elif isinstance(thing, socket.socket) and thing in self._pairs:
            self._pass_on(thing)

    def _pass_on(self, sock: socket.socket) -> None:
        try:
            is_slow = self.bytes_per_s and sock in self._uplinks
            piece = sock.recv(2048 if is_slow else 65_536)
            if is_slow:
                threading.Event().wait(len(piece) / self.bytes_per_s)
            if piece and self._mode == "up":  # in the hole everything is swallowed, both ends think all is well
                self._pairs[sock].settimeout(5)
                self._pairs[sock].sendall(piece)
                if sock in self._uplinks:
                    self.bytes_up += len(piece)
        except OSError:
            piece = b""
        if not piece and self._mode == "hole":  # the other end doesn't hear of this one's goodbye either
            self._selector.unregister(sock)
        elif not piece:
            self._drop(sock)

    def _drop(self, sock: socket.socket) -> None:
        for one in (sock, self._pairs.get(sock)):
            if one is not None and self._pairs.pop(one, None) is not None:
                with suppress(KeyError):  # it said goodbye in the hole
                    self._selector.unregister(one)
                self._uplinks.discard(one)
                one.close()


@contextmanager
def forwarder(to_port: int) -> Iterator[Forwarder]:
    """Run a forwarder for the time of a block."""
    line = Forwarder(to_port)
    try:
        yield line
    finally:
        line.close()
