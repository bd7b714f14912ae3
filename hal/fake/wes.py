"""A simulated WES server on 127.0.0.1: it gives the page data.cgx of a made-up site, or fails as real ones do.

`step(now_s)` serves what was asked until now, without a thread. The page holds every field that a WES has, as it prints
them; what a test or a simulation sets stands in it at the next question.
"""

from __future__ import annotations

import base64
import contextlib
from typing import Final, Literal, TypeAlias

from hal.decode import wes
from hal.fake.adapters import TcpDoor

IDLE_S: Final = 0.2
MOST_HEAD: Final = 8192
Fault: TypeAlias = Literal["", "401", "500", "404", "truncated", "html", "huge", "silent", "slow", "latin", "short"]
_TEXTS: Final = {
    "ADCO": "041876199277", "OPTARIF": "HC..", "PTEC": "H. Pleines", "DEMAIN": "-", "firmware": "V0.84A10",
    "serverversion": "V2.0", "date": "21/11/26", "time": "14:05",
}  # fmt: skip
DRIP_S: Final = 0.05  # between two bytes of a slow answer


def page(texts: dict[str, str] | None = None, *, without: frozenset[str] = frozenset()) -> bytes:
    """Return a whole page; `texts` by field, `without` what the server leaves out."""
    sections: dict[str, list[str]] = {}
    for name, field in wes.fields().items():
        section, _, tag = name.partition(".")
        if name in without:
            continue
        text = (texts or {}).get(name)
        if text is None:
            text = {"text": _TEXTS.get(tag, ""), "counter": "000000000", "gauge": "0.0", "state": "0"}[field.kind]
        sections.setdefault(section, []).append(f"<{tag}>{text}</{tag}>")
    body = "\n".join(f"<{name}>\n" + "\n".join(tags) + f"\n</{name}>" for name, tags in sections.items())
    return f'<?xml version="1.0"?>\n<data>\n{body}\n</data>\n'.encode()


class FakeWes(TcpDoor):
    """One server."""

    def __init__(self, user: str = "", password: str = "") -> None:
        self.texts: dict[str, str] = {}
        """What fields say that are not as in `page`."""
        self.without: frozenset[str] = frozenset()
        self.fault: Fault = ""
        self.asked = 0
        self._wanted = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._leaving: dict[int, tuple[float, bytes]] = {}
        """Slow answers: when the next byte goes, and what is left."""
        super().__init__()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def step(self, now_s: float) -> float:
        """Let guests in and serve them; return when to be called again."""
        self._let_in()
        for descriptor in list(self._guests):
            self._hear(descriptor, now_s)
        for descriptor, (due_s, rest) in list(self._leaving.items()):
            if now_s >= due_s and descriptor in self._guests:
                with contextlib.suppress(OSError):
                    self._guests[descriptor][0].send(rest[:1])
                self._leaving[descriptor] = (now_s + DRIP_S, rest[1:])
        return now_s + (DRIP_S if self._leaving else IDLE_S)

    def _hear(self, descriptor: int, now_s: float) -> None:
        guest, heard = self._guests[descriptor]
        came = self._came(descriptor)
        if came is None:
            return
        heard += came
        if not came or len(heard) > MOST_HEAD:
            self._let_go(descriptor)
        elif b"\r\n\r\n" in heard:
            self.asked += 1
            self._serve(descriptor, heard, now_s)
        else:
            self._guests[descriptor] = (guest, heard)

    def _serve(self, descriptor: int, request: bytes, now_s: float) -> None:
        guest, _ = self._guests[descriptor]
        self._guests[descriptor] = (guest, b"")
        if self.fault == "silent":
            return
        answer = self._answer(request)
        if self.fault == "slow":
            self._leaving[descriptor] = (now_s, answer)
            return
        guest.setblocking(True)  # on loopback a page is taken at once
        guest.settimeout(5)
        with contextlib.suppress(OSError):
            guest.sendall(answer)
        self._let_go(descriptor)

    def _answer(self, request: bytes) -> bytes:
        path = request.split(b" ", 2)[1]
        if self.fault == "401" or (self._wanted and f"Basic {self._wanted}".encode() not in request):
            return _answer(401, b"", 'WWW-Authenticate: Basic realm="WES"\r\n')
        if self.fault in {"500", "404"} or path.lower() != b"/data.cgx":
            return _answer(500 if self.fault == "500" else 404, b"")
        body = page(self.texts, without=self.without)
        if self.fault == "html":
            body = b"<html><body>WES</body></html>"
        elif self.fault == "truncated":
            body = body[: len(body) // 2]
        elif self.fault == "huge":
            body = body + b" " * wes.MOST_BYTES
        elif self.fault == "latin":
            body = body.replace(b"H. Pleines", "H. été".encode("latin-1"))
        answer = _answer(200, body)
        return answer[: len(answer) // 2] if self.fault == "short" else answer

    def _let_go(self, descriptor: int) -> None:
        self._leaving.pop(descriptor, None)
        super()._let_go(descriptor)


def _answer(status: int, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status} WES\r\nContent-Type: text/xml\r\n{more}Content-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body  # as it was asked to
