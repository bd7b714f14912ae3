"""A device that is asked by HTTP: one GET at a time, with a deadline and a bound for the whole answer.

The standard library's client, a connection for each request: small servers keep few. Redirections are not followed and
no proxy of the environment is asked, so that a password goes to the host that the settings name and to no other.
"""

from __future__ import annotations

import base64
import http.client
import io
import os
import socket
import ssl
import time
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from hal.driver import DriverError

CHUNK: Final = 16_384


class _Octets(io.RawIOBase):
    """What a socket brings until a deadline: the library's own time-out begins anew with each byte that drips."""

    def __init__(self, source: socket.socket, end_s: float) -> None:
        self._source, self._end_s = source, end_s
        # a file of its own keeps the socket open: the library closes its connection before a last answer was read
        self._file: Any = source.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, into: Any) -> int:
        """Read what is there. Raises TimeoutError when the time is over."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._source.settimeout(left_s)
        return int(self._file.readinto(into))

    def close(self) -> None:
        """Give the socket back; may be called twice."""
        self._file.close()
        super().close()


class _Source:
    """A socket as `http.client` reads from it."""

    def __init__(self, source: socket.socket, end_s: float) -> None:
        self._octets = _Octets(source, end_s)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return it as a file."""
        return io.BufferedReader(self._octets)


def _answer_by(end_s: float, source: socket.socket, *words: Any, **keys: Any) -> http.client.HTTPResponse:
    """Return the answer that must be whole by `end_s`."""
    return http.client.HTTPResponse(_Source(source, end_s), *words, **keys)  # type: ignore[arg-type]


class HttpSource:
    """One server. Its thread alone may use it."""

    def __init__(self, url: str, user: str, password_file: str, timeout_s: float) -> None:
        """Keep who is asked and how; `timeout_s` is for a whole answer. Touches nothing."""
        parts = urlsplit(url)
        self.name = url.rstrip("/")
        self.requests = 0
        """How many requests were sent since the start."""
        self._failed: dict[str, int] = {}
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._user, self._password_file = user, password_file
        self._timeout_s = timeout_s

    def get(self, path: str, most: int) -> bytes:
        """Return the body of a path, at most `most` bytes. Raises DriverError with what to look at."""
        self.requests += 1
        try:
            return self._got(path, most)
        except DriverError as exc:
            self._failed = {**self._failed, exc.reason: self._failed.get(exc.reason, 0) + 1}
            raise

    def counts(self) -> dict[str, int]:
        """Return the requests since opening and the failed ones by what happened. Any thread may ask."""
        return {"transfers": self.requests, **self._failed}

    def _got(self, path: str, most: int) -> bytes:
        end_s = time.monotonic() + self._timeout_s
        connection = self._connection(end_s)
        try:
            connection.request("GET", path, headers={**self._authorization(), "Connection": "close"})
            with connection.getresponse() as answer:
                body = self._body(answer, path, most)
        except TimeoutError as exc:
            raise DriverError(
                f"{self.name}: no answer within {self._timeout_s:g} s; check its power and network"
            ) from exc
        except http.client.HTTPException as exc:
            why = type(exc).__name__
            raise DriverError(
                f"{self.name}{path}: this is no HTTP ({why}); check address and port", "no_frame"
            ) from exc
        except (OSError, ssl.SSLError) as exc:
            if isinstance(exc, DriverError):
                raise
            raise self._unreached(exc) from exc
        finally:
            connection.close()
        return body

    def _body(self, answer: http.client.HTTPResponse, path: str, most: int) -> bytes:
        if answer.status != http.client.OK:
            raise self._refused(answer.status, path)
        body = bytearray()
        while part := answer.read1(CHUNK):
            body += part
            if len(body) > most:
                raise DriverError(f"{self.name}{path}: more than {most} bytes; is this the right page?", "no_frame")
        if answer.length:
            raise DriverError(f"{self.name}{path}: the answer ends too early; check the network", "no_frame")
        return bytes(body)

    def close(self) -> None:
        """Nothing is kept open."""

    def _connection(self, end_s: float) -> http.client.HTTPConnection:
        made: http.client.HTTPConnection
        if self._is_tls:
            context = ssl.create_default_context()
            made = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        else:
            made = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        made.response_class = partial(_answer_by, end_s)  # type: ignore[assignment]
        return made

    def _authorization(self) -> dict[str, str]:
        """Return the head line of HTTP Basic, none without a user. Raises DriverError."""
        if not self._user:
            return {}
        try:
            password = _first_line(self._password_file)
        except (OSError, UnicodeError) as exc:
            cure = "may the user vigie read it?"
            raise DriverError(f"{self.name}: password_file {self._password_file}: {exc}; {cure}", "bus_error") from exc
        word = base64.b64encode(f"{self._user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {word}"}

    def _refused(self, status: int, path: str) -> DriverError:
        if status in (401, 403):
            cure = "check user and password_file" if self._user else "write user and password_file"
            return DriverError(f"{self.name}: it refuses user {self._user!r} ({status}); {cure}", "bus_error")
        cure = "check the url: the page is not there" if status == 404 else "restart it if it goes on"
        return DriverError(f"{self.name}{path}: it answers {status}; {cure}", "bus_error")

    def _unreached(self, exc: OSError) -> DriverError:
        if isinstance(exc, ConnectionRefusedError):
            return DriverError(f"{self.name}: refused; is it switched on, and is the port right?", "no_answer")
        if isinstance(exc, socket.gaierror):
            return DriverError(
                f"{self.name}: no such name; write the address in numbers, or check the DNS", "no_answer"
            )
        return DriverError(f"{self.name}: {exc}; check its power, address and network", "no_answer")


def _first_line(password_file: str) -> str:
    """Return the first line of a file, "" without one; a name without a slash is a credential of systemd."""
    if not password_file:
        return ""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(folder, password_file) if folder and "/" not in password_file else Path(password_file)
    return next(iter(path.read_text(encoding="utf-8").splitlines()), "")
