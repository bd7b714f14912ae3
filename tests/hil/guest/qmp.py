"""QEMU's monitor (QMP): one JSON object a line, a command answered by "return" or "error", events in between."""

from __future__ import annotations

import json
import socket
from typing import Any

ANSWER_S = 60.0


class QmpError(RuntimeError):
    """QEMU refused a command, or is gone."""


class Qmp:
    """The monitor behind a connected socket. `events` holds the names of what happened, oldest first."""

    def __init__(self, connection: socket.socket) -> None:
        self.events: list[str] = []
        self._connection = connection
        self._connection.settimeout(ANSWER_S)
        self._file = connection.makefile("rb")
        self._line()  # the greeting
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
            answer = self._line()
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        """Let go of the socket."""
        self._file.close()
        self._connection.close()

    def _line(self) -> dict[str, Any]:
        try:
            line = self._file.readline()
        except OSError as exc:
            raise QmpError("QEMU does not answer") from exc
        if not line:
            raise QmpError("QEMU is gone")
        answer: dict[str, Any] = json.loads(line)
        if "event" in answer:
            self.events.append(answer["event"])
        return answer
