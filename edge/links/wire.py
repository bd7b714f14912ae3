"""The socket as paho sees it: reads ahead, counts bytes, and remembers what went wrong.

paho reads a packet byte by byte and forgets the error that ended a connection; both are mended here, behind the few
socket methods it calls.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

READ_AHEAD: Final = 65_536


class Wire:
    """A connected non-blocking socket, plain or TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self.error: OSError | None = None
        """What broke the connection, when a call raised it."""
        self.is_ended = False
        """Whether the peer has closed its side."""
        self.sent = 0
        self.received = 0
        self._sock = sock
        self._ahead = b""
        self._place = 0

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end. Raises BlockingIOError when nothing is there."""
        if self._place >= len(self._ahead):
            try:
                self._ahead = self._sock.recv(READ_AHEAD)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except OSError as exc:
                self.error = exc
                raise
            self._place = 0
            self.is_ended = not self._ahead
            self.received += len(self._ahead)
        taken = self._ahead[self._place : self._place + size]
        self._place += len(taken)
        return taken

    def send(self, chunk: bytes) -> int:
        """Return how many bytes the kernel took. Raises BlockingIOError when it is full."""
        try:
            count = self._sock.send(chunk)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as exc:
            self.error = self._last_words() or exc
            raise
        self.sent += count
        return count

    def _last_words(self) -> OSError | None:
        """Return what the peer said before it hung up: in TLS 1.3 it refuses our certificate after the handshake."""
        try:
            self._sock.recv(READ_AHEAD)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as exc:
            return exc
        return None

    def pending(self) -> int:
        """Return the bytes that were read but not taken: select does not see them."""
        ahead = len(self._ahead) - self._place
        return ahead + (self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the socket's own signature, as paho calls it
        """As socket.setblocking."""
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        """As socket.fileno; -1 when closed."""
        return self._sock.fileno()

    def close(self) -> None:
        """As socket.close."""
        self._sock.close()
