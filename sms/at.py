"""A modem's port, spoken to in AT commands: the few that gammu has no call for, and none that needs a network.

3GPP TS 27.007 and 27.005. Each answer has a deadline of its own, and what the modem says of itself in between (RING,
+CREG) is passed over.
"""

from __future__ import annotations

import re
import time
from types import TracebackType
from typing import Any, Final, Self

ANSWER_S: Final = 3.0
HELLO_S: Final = 1.0
HELLOS: Final = 4
BAUD: Final = 115_200
_END: Final = re.compile(r"^(OK|ERROR|\+CM[ES] ERROR: .*)$")


class AtError(OSError):
    """The modem refused a command, or did not answer. `code` is its +CME or +CMS ERROR where it told one."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class NoAnswerError(AtError):
    """Nothing came."""


class At:
    """An open port. Raises OSError where it can't be opened."""

    def __init__(self, device: str) -> None:
        import serial

        self._port: Any = serial.Serial(device, BAUD, timeout=0.1, write_timeout=ANSWER_S, exclusive=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._port.close()

    def wake(self) -> None:
        """Have the modem answer at all. Raises NoAnswerError."""
        for turn in range(HELLOS):
            try:
                if turn == 0:
                    self._port.write(b"\x1b")  # out of a message that was begun and not ended
                self.ask("ATE0", HELLO_S)
                return
            except NoAnswerError:
                continue
            except AtError:
                return  # an ERROR is an answer
        raise NoAnswerError(f"{self._port.port}: no answer to AT")

    def ask(self, command: str, within_s: float = ANSWER_S) -> list[str]:
        """Return the lines before OK. Raises AtError for a refusal, NoAnswerError when nothing comes in time."""
        import serial

        end_s = time.monotonic() + within_s
        lines: list[str] = []
        buffer = b""
        try:
            self._port.reset_input_buffer()
            self._port.write(command.encode("ascii") + b"\r")
            while time.monotonic() < end_s:
                buffer += self._port.read(self._port.in_waiting or 1)
                *whole, buffer = buffer.split(b"\n")
                for raw in whole:
                    line = raw.decode("ascii", "replace").strip()
                    if line == "OK":
                        return lines
                    if _END.match(line):
                        digits = re.search(r": (\d+)$", line)
                        raise AtError(f"{command}: {line}", int(digits[1]) if digits else None)
                    if line and line != command:
                        lines.append(line)
        except serial.SerialTimeoutException as exc:
            raise NoAnswerError(f"{command}: the port takes nothing") from exc
        except (serial.SerialException, TypeError) as exc:  # TypeError: pyserial, when the device goes while it reads
            raise AtError(f"{command}: {exc}") from exc
        raise NoAnswerError(f"{command}: no answer in {within_s:g} s")

    def value(self, command: str, name: str, within_s: float = ANSWER_S) -> str:
        """Return what stands behind `name:` in the answer. Raises AtError where it does not."""
        for line in self.ask(command, within_s):
            if line.startswith(f"{name}:"):
                return line.partition(":")[2].strip()
        raise AtError(f"{command}: the answer has no {name}")

    def sim(self) -> str:
        """Return READY, SIM PIN, SIM PUK … or absent (TS 27.007, §8.3). Raises AtError."""
        try:
            return self.value("AT+CPIN?", "+CPIN")
        except NoAnswerError:
            raise
        except AtError:  # 10, 13, 14, 15: no card, one that fails, is busy, is the wrong one; or a bare ERROR
            return "absent"

    def is_text_mode(self) -> bool:
        """Return whether messages are texts and numbers now, not PDUs (TS 27.005, §3.2.3). Raises AtError."""
        return self.value("AT+CMGF?", "+CMGF") == "1"

    def pin_tries(self) -> int | None:
        """Return how often a wrong PIN may still be given (TS 27.007, §8.65); None where the modem does not tell."""
        for command, pattern in (("AT+CPINR", r"\+CPINR: SIM PIN,(\d+)"), ("AT+SPIC", r"\+SPIC: (\d+)")):
            try:
                found = re.search(pattern, "\n".join(self.ask(command)))
            except AtError:
                continue
            if found:
                return int(found[1])
        return None

    def card(self) -> str:
        """Return the SIM card's number, empty where the modem does not tell."""
        for command in ("AT+CCID", "AT+ICCID"):
            try:
                found = re.search(r"\d{18,22}", " ".join(self.ask(command)))
            except AtError:
                continue
            if found:
                return found[0]
        return ""

    def stored(self) -> tuple[int, int]:
        """Select the SIM's store in PDU mode; return how many messages it holds and how many it can. Raises AtError."""
        self.ask("AT+CMGF=0")
        fields = self.value('AT+CPMS="SM","SM","SM"', "+CPMS").split(",")
        try:
            return int(fields[0]), int(fields[1])
        except (ValueError, IndexError) as exc:
            raise AtError(f"AT+CPMS: {','.join(fields)}") from exc

    def pdus(self, capacity: int) -> dict[int, str]:
        """Return the raw messages of the store by place, each read alone: one that hurts hides no other."""
        found: dict[int, str] = {}
        for place in range(capacity + 1):
            try:
                lines = self.ask(f"AT+CMGR={place}")
            except NoAnswerError:
                raise
            except AtError:
                continue  # an empty place
            pdu = [line for line in lines if re.fullmatch(r"[0-9A-Fa-f]+", line)]
            if pdu:
                found[place] = pdu[-1].upper()
        return found
