"""From a name to an open socket, off the link's thread: resolving, TCP and TLS each can block for long.

One short-lived thread an attempt. `getaddrinfo` can't be interrupted: an attempt that is given up leaves it behind to
end by itself, with nothing in its hands.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from typing import Any, Final, TypeAlias

import msgspec

CONNECT_S: Final = 5.0  # per address
HANDSHAKE_S: Final = 10.0
UNSENT_MOST: Final = 32_768  # bytes
JOIN_S: Final = 0.05
JOIN_TRIES: Final = 10
Socket: TypeAlias = socket.socket
SocketAddress: TypeAlias = tuple[socket.AddressFamily, Any]


class Files(msgspec.Struct, frozen=True):
    """The PEM files of a TLS connection; empty: the system's authorities, no certificate of our own."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    def context(self) -> ssl.SSLContext:
        """Return a context that verifies chain and name, TLS 1.2 at least. Raises OSError for a file it can't use."""
        context = ssl.create_default_context(cafile=self.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Python 3.13 began to ask for extensions that a site's own authority often leaves out: a box that was fine on
        # Debian 12 would lose its link on 13. Chain, dates and name are checked as before.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.cert:
            context.load_cert_chain(self.cert, self.key or None, password=_no_passphrase)
        return context


def _no_passphrase() -> str:
    """Answer for a key that is encrypted: openssl would ask on the terminal and hang."""
    return ""


class Dial:
    """One attempt to reach a host. `outcome` stays None until the socket is there, or the error."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, known: list[SocketAddress] | None = None
    ) -> None:
        self.outcome: Socket | Exception | None = None
        self.addresses: list[SocketAddress] = list(known or [])
        """Where the name led; those of an earlier attempt when the name server does not answer this time."""
        self._host = host
        self._port = port
        self._context = context
        self._lock = threading.Lock()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._current: Socket | None = None
        self._is_given_up = False
        self._thread = threading.Thread(target=self._run, name="vigie-dial", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when the outcome is there."""
        return self._bell

    def take(self) -> Socket | Exception | None:
        """Return the outcome and let go of everything else; None while it is not there."""
        with self._lock:
            outcome = self.outcome
        if outcome is not None:
            self.give_up()
        return outcome

    def give_up(self) -> None:
        """End the attempt. May be called at any time, and twice."""
        with self._lock:
            if self._is_given_up:
                return
            self._is_given_up = True
        for _ in range(JOIN_TRIES):  # between TCP and TLS the socket changes hands: the next try meets the new one
            if self.outcome is None and self._current is not None:
                _shut(self._current)
            self._thread.join(JOIN_S)
            if not self._thread.is_alive():
                break
        with self._lock:
            os.close(self._bell)
            self._bell = -1

    def _run(self) -> None:
        outcome: Socket | Exception
        try:
            outcome = self._connected()
        except (OSError, ValueError) as exc:
            outcome = exc
        with self._lock:
            if self._is_given_up:
                if isinstance(outcome, socket.socket):
                    outcome.close()
            else:
                self.outcome = outcome
            if self._bell >= 0:
                os.eventfd_write(self._bell, 1)

    def _connected(self) -> Socket:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self.addresses = [(family, address) for family, _, _, _, address in found]
        except OSError:
            if not self.addresses:
                raise
        error: OSError = ConnectionError("no address")
        for family, address in self.addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                return self._opened(sock, address)
            except ssl.SSLError:
                sock.close()  # it was the broker: another address of it would say the same
                raise
            except OSError as exc:
                sock.close()
                error = exc
                if self._is_given_up:
                    break
        raise error

    def _opened(self, sock: Socket, address: Any) -> Socket:
        with self._lock:
            self._current = sock
        sock.settimeout(CONNECT_S)
        sock.connect(address)
        # without it a batch waits for the acknowledgement of the one before: 40 ms each (Nagle, delayed ACK)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # the kernel would take megabytes on a slow link: the newest batch, and the ping, would wait behind them
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_MOST)
        if self._context is None:
            return sock
        sock.settimeout(HANDSHAKE_S)
        wrapped = self._context.wrap_socket(sock, server_hostname=self._host, do_handshake_on_connect=False)
        with self._lock:
            self._current = wrapped
        try:
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return wrapped


def _shut(sock: Socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
