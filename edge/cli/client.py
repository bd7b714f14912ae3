"""The command line's side of the local API: HTTP over the box's Unix socket."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.cli.defaults import DEFAULT_CONFIG, DEFAULT_SOCKET, DEFAULT_STATE, socket_path
from edge.cli.words import own_words

__all__ = [
    "DEFAULT_CONFIG", "DEFAULT_SOCKET", "DEFAULT_STATE", "Client", "NotRunningError", "RefusedError", "socket_path",
]  # fmt: skip
DEADLINE_S: Final = 5.0


class NotRunningError(OSError):
    """No box answers on the socket."""


class RefusedError(LookupError):
    """The box answered and refused; `code` is its short word for why, such as no_such_point or busy."""

    def __init__(self, status: int, answer: Any) -> None:
        body: dict[str, Any] = answer if isinstance(answer, dict) else {}
        super().__init__(body.get("text", f"refused ({status})"))
        self.status = status
        self.code: str = body.get("error", "")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, deadline_s: float) -> None:
        super().__init__("localhost", timeout=deadline_s)
        self._path = path
        self._deadline_s = deadline_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._deadline_s)
        self.sock.connect(os.fspath(self._path))


class Client:
    """Asks a running box. Raises NotRunningError when there is none."""

    def __init__(self, path: Path, deadline_s: float = DEADLINE_S) -> None:
        self._path = path
        self._deadline_s = deadline_s

    def get(self, name: str) -> Any:
        """Return what the API tells under /v1/<name>; raises RefusedError with its text."""
        return self._request("GET", name, None)

    def post(self, name: str, body: Any) -> Any:
        """Hand a JSON body over and return the answer."""
        return self._request("POST", name, msgspec.json.encode(body))

    def _request(self, method: str, name: str, body: bytes | None) -> Any:
        connection = _UnixConnection(self._path, self._deadline_s)
        try:
            connection.request(method, f"/v1/{name}", body)
            response = connection.getresponse()
            octets = response.read()
            if not octets:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))  # it ended midway
            answer = msgspec.json.decode(octets)
        except http.client.IncompleteRead as exc:
            why = os.strerror(errno.ECONNRESET)
            raise NotRunningError(own_words()("console.no_box", socket=self._path, why=why)) from exc
        except TimeoutError as exc:  # it runs: to start it would not help
            told = own_words()("console.silent", socket=self._path, seconds=f"{self._deadline_s:g}")
            raise NotRunningError(told) from exc
        except OSError as exc:
            key = "console.no_right" if exc.errno == errno.EACCES else "console.no_box"
            raise NotRunningError(own_words()(key, socket=self._path, why=str(exc.strerror or exc))) from exc
        except (http.client.HTTPException, msgspec.DecodeError) as exc:  # something else listens
            raise NotRunningError(own_words()("console.not_a_box", socket=self._path, why=repr(exc))) from exc
        finally:
            connection.close()
        if response.status >= 400:
            raise RefusedError(response.status, answer)
        return answer
