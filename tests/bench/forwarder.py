"""A TCP forwarder between the station and the broker that counts what passes: bytes on the wire, both ways."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import Final

PIECE: Final = 65_536


class Forwarder:
    """Listens on a port of its own and passes everything on; one thread, ended by `close`."""

    def __init__(self, broker_port: int) -> None:
        self.up = 0
        self.down = 0
        """Bytes from the station to the broker, and back."""
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._other: dict[socket.socket, tuple[socket.socket, bool]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stop_read, self._stop_write = socket.socketpair()
        self._selector.register(self._stop_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="forwarder")
        self._thread.start()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                ready = key.fileobj
                if ready is self._stop_read:
                    return
                if ready is self._listener:
                    self._join()
                elif isinstance(ready, socket.socket) and ready in self._other:
                    self._pass_on(ready)

    def _join(self) -> None:
        station, _ = self._listener.accept()
        broker = socket.create_connection(("127.0.0.1", self._broker_port))
        for side, other, is_up in ((station, broker, True), (broker, station, False)):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._other[side] = (other, is_up)
            self._selector.register(side, selectors.EVENT_READ)

    def _pass_on(self, side: socket.socket) -> None:
        other, is_up = self._other[side]
        try:
            piece = side.recv(PIECE)
            if piece:
                other.sendall(piece)
        except OSError:
            piece = b""
        if not piece:
            self._part(side, other)
        elif is_up:
            self.up += len(piece)
        else:
            self.down += len(piece)

    def _part(self, *sides: socket.socket) -> None:
        for side in sides:
            if self._other.pop(side, None) is not None:
                self._selector.unregister(side)
                side.close()

    def close(self) -> None:
        """Break all connections and end."""
        self._stop_write.send(b"x")
        self._thread.join()
        self._part(*self._other)
        self._selector.close()
        for side in (self._listener, self._stop_read, self._stop_write):
            with contextlib.suppress(OSError):
                side.close()
