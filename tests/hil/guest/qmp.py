"""QEMU's monitor (QMP): one JSON object a line, a command answered by "return" or "error", events in between."""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any

ANSWER_S = 60.0


class QmpError(RuntimeError):
    """QEMU refused a command, or is gone."""


class Qmp:
    """The monitor behind a connected socket. `events` holds the names of what happened, oldest first."""

    def __init__(self, connection: socket.socket) -> None:
        self.events: list[str] = []
        self._connection = connection
        self._rest = b""
        self._line(ANSWER_S)  # the greeting
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """Return what QEMU answers to this command; `_` in an argument's name stands for `-`. Raises QmpError."""
        words = {name.replace("_", "-"): value for name, value in arguments.items()}
        request = {"execute": command, "arguments": words} if words else {"execute": command}
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as exc:
            raise QmpError(f"{command}: QEMU is gone") from exc
        while True:
            answer = self._line(ANSWER_S)
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def wait(self, event: str, timeout_s: float) -> None:
        """Return when this has happened, at once when it has before. Raises QmpError."""
        deadline_s = time.monotonic() + timeout_s
        while event not in self.events:
            self._line(deadline_s - time.monotonic())

    def close(self) -> None:
        """Let go of the socket."""
        self._connection.close()

    def _line(self, timeout_s: float) -> dict[str, Any]:
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            if not select.select([self._connection], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
                raise QmpError(f"QEMU does not answer; it told of {', '.join(self.events) or 'nothing'}")
            try:
                received = self._connection.recv(65536)
            except ConnectionResetError:
                received = b""
            if not received:
                raise QmpError("QEMU is gone")
            self._rest += received
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "event" in answer:
            self.events.append(answer["event"])
        return answer
