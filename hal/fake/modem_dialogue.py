"""A modem's side of its serial line: octets in, octets out, no port. What it does not know is +CME ERROR: 100."""

from __future__ import annotations

import re
from typing import Final

from hal.fake.modem_faults import Faults
from hal.fake.modem_messages import Messages
from hal.fake.modem_network import Network
from hal.fake.modem_pdu import Content
from hal.fake.modem_radio import SMS_OF, UNKNOWN, Answer, Radio, RefusedError, cme, cms
from hal.fake.modem_sim import Sim

END, ESCAPE = 0x1A, 0x1B
USSD_S: Final = 0.2
_COMMAND = re.compile(r"([+$^&*#]?[A-Z]+)(=\?|\?|=|)(.*)", re.DOTALL)
_FIXED: Final = {
    "": "", "Z": "", "&F": "", "&W": "", "V1": "", "Q0": "", "+CMEE=": "", "+CSDH=": "", "+CSMP=": "", "+CFUN=": "",
    "+CMMS=": "", "+CLIP=": "", "+CRC=": "", "+CGMI": "Fake", "+CGMM": "MODEM-1", "+CGMR": "1.0", "+CPIN=?": "",
    "+CSCS=?": '+CSCS: ("GSM","HEX","UCS2")', "+CPMS=?": '+CPMS: ("SM"),("SM"),("SM")', "+CMGF=?": "+CMGF: (0-1)",
    "+CNMI=?": "+CNMI: (0-2),(0-3),(0,2,3),(0,1),(0,1)", "+CBC": "+CBC: 0,100", "+CGATT?": "+CGATT: 1",
    "+CMGL=?": "+CMGL: (0-4)", "+CFUN?": "+CFUN: 1", "+CMGD=?": "+CMGD: (1-255),(0-4)",
}  # fmt: skip
"""Answers that never change; after = anything is taken."""
_CARDS: Final = ("+CIMI", "+CUSD")
_SERVICE: Final = ("+CPMS", "+CMGL", "+CMGR", "+CMGD", "+CMGS", "+CSCA", "+CNMI=")
"""What the card must be unlocked for: commands of the modem, and of its message service."""


class Dialogue:
    """A modem with its card in a network; `out` holds when octets leave it, and which."""

    def __init__(self, network: Network, sim: Sim, imei: str) -> None:
        self.radio = Radio(network, sim, imei)
        self.faults = Faults()
        self.heard: list[str] = []
        """Every command line."""
        self.out: list[tuple[float, bytes]] = []
        self.messages = Messages(self.radio, self.faults, self._unasked)
        self._answers: dict[str, Answer] = {
            "E": self._echo, "+CUSD": self._cusd, "+CMGS": self._cmgs,
            **self.radio.answers(), **self.messages.answers(),
        }  # fmt: skip
        self.power(0.0)

    def power(self, now_s: float, chatter: bytes = b"") -> None:
        """Power comes, or it restarts by itself: text mode, echo, a card to unlock; `chatter` is what it says then."""
        self.radio.sim.power()
        self.messages.power()
        self._now_s = now_s
        self._line = bytearray()
        self._typed: bytearray | None = None
        self._announced = ""
        self._is_echoing = True
        self._is_hung = False
        self.out = [(now_s, chatter)] if chatter and not self.is_mute else []

    @property
    def is_mute(self) -> bool:
        """It hangs."""
        return self._is_hung or self.faults.mute == "idle"

    def hear(self, octets: bytes, now_s: float) -> None:
        """Take what came through the port."""
        self._now_s = now_s
        for octet in octets:
            if self.is_mute:
                return
            if self._typed is not None:
                self._hear_typed(self._typed, octet)
            else:
                self._hear_line(octet)

    def take(self, sender: str, content: Content, stamp_utc_s: float) -> bool:
        """Take what the network hands over; False: not now."""
        return not self.is_mute and self.messages.take(sender, content, stamp_utc_s)

    def _say(self, text: str, after_s: float = 0.0) -> None:
        self.out.append((self._now_s + after_s, text.encode("latin-1", "replace")))

    def _unasked(self, text: str) -> None:
        if self._typed is None and not self.is_mute:
            self._say(f"\r\n{text}\r\n")

    # lines

    def _hear_line(self, octet: int) -> None:
        if self._is_echoing:
            self.out.append((self._now_s, bytes((octet,))))
        if octet == 0x0D:
            line, self._line = self._line.decode("ascii", "replace").strip(), bytearray()
            if line:
                self.heard.append(line)
            if line[:2].upper() == "AT":
                self._carry_out(line[2:])
        elif octet not in {0x0A, END, ESCAPE}:
            self._line.append(octet)

    def _carry_out(self, command: str) -> None:
        try:
            found = self._answer(command)
        except RefusedError as refused:
            self._reply(command, f"\r\n{refused}\r\n")
            return
        if self._typed is not None:
            self._reply(command, "\r\n> ")
        else:
            self._reply(command, (f"\r\n{found}\r\n" if found else "") + "\r\nOK\r\n")

    def _answer(self, command: str) -> str:
        name, _, value = command.partition("=")
        matched = _COMMAND.fullmatch(name.upper() + command[len(name) :])
        name, operator, value = matched.groups() if matched else (command, "", "")
        whole = name + operator
        if (code := self.radio.locked) and whole.startswith(_SERVICE):
            raise cms(SMS_OF[code])
        if code and whole.startswith(_CARDS):
            raise cme(code)
        if operator != "=?" and name in self._answers:
            return self._answers[name](operator, value)
        found = _FIXED.get(whole if operator == "=" else whole + value)
        if found is None:
            raise cme(UNKNOWN)
        return found

    def _reply(self, command: str, text: str, after_s: float = 0.0) -> None:
        if self.faults.chatter:
            text = f'\r\nRING\r\n\r\n+CREG: 1,"1F2A","0B33"\r\n{text}'
        self._say(self.faults.hurt(command.upper(), text), after_s)

    def _echo(self, operator: str, value: str) -> str:
        self._is_echoing = value != "0"
        return ""

    def _cusd(self, operator: str, value: str) -> str:
        code = value.partition(",")[2].partition(",")[0].strip('"')
        if code:
            self._say(f'\r\n+CUSD: 0,"{self.radio.ussd.get(code, "unknown code")}",15\r\n', USSD_S)
        return ""

    # a message

    def _cmgs(self, operator: str, value: str) -> str:
        self._announced = self.messages.announced(operator, value)
        self._typed = bytearray()
        return ""

    def _hear_typed(self, typed: bytearray, octet: int) -> None:
        if octet not in {END, ESCAPE}:
            typed.append(octet)
            if self._is_echoing:
                self.out.append((self._now_s, bytes((octet,))))
            return
        self._typed = None
        if octet == ESCAPE:
            self._reply("+CMGS", "\r\nOK\r\n")
            return
        self._is_hung = self.faults.mute == "cmgs"
        if self._is_hung:
            return
        try:
            found = self.messages.send(self._announced, typed.decode("ascii", "replace"), self._now_s)
        except RefusedError as refused:
            self._reply("+CMGS", f"\r\n{refused}\r\n")
            return
        if found:
            self._reply("+CMGS", f"\r\n{found}\r\n\r\nOK\r\n", self.faults.send_s)
