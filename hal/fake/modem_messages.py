"""A modem's message service: 3GPP TS 27.005, in PDU mode as gammu-smsd speaks it.

In text mode, where a reboot leaves it, it takes what comes as real ones do: the length that AT+CMGS announces is a
number, the PDU's hexadecimal digits a text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hal.fake.modem_faults import Faults
from hal.fake.modem_network import NoCreditError
from hal.fake.modem_pdu import SEPTETS, Content, content_of, deliver, stamp, status_report, submit_of
from hal.fake.modem_radio import Answer, Radio, cms
from hal.fake.modem_sim import Slot

BAD_PARAMETER, BAD_PDU, BAD_TEXT, BAD_INDEX, NO_NETWORK, REJECTED = 303, 304, 305, 321, 331, 21
KEPT_S: Final = 172_800.0
"""Validity of a message that says none."""


class Messages:
    """`say` is told what goes out unasked."""

    def __init__(self, radio: Radio, faults: Faults, say: Callable[[str], None]) -> None:
        self.sends = 0
        """Messages that the network took."""
        self._radio = radio
        self._faults = faults
        self._say = say
        self.power()

    def power(self) -> None:
        """Power comes."""
        self._is_text_mode = True
        self._reports = 0
        self._reference = 0

    def answers(self) -> dict[str, Answer]:
        """Return the answers by command; AT+CMGS has `announced` and `send`."""
        return {
            "+CSCA": self._csca, "+CMGF": self._cmgf, "+CNMI": self._cnmi, "+CPMS": self._cpms, "+CMGL": self._cmgl,
            "+CMGR": self._cmgr, "+CMGD": self._cmgd,
        }  # fmt: skip

    def _csca(self, operator: str, value: str) -> str:
        return f'+CSCA: "{self._radio.network.centre}",145' if operator == "?" else ""

    def _cmgf(self, operator: str, value: str) -> str:
        if operator == "?":
            return f"+CMGF: {int(self._is_text_mode)}"
        self._is_text_mode = value.strip() == "1"
        return ""

    def _cnmi(self, operator: str, value: str) -> str:
        if operator == "?":
            return f"+CNMI: 2,1,0,{self._reports},0"
        reports = [*value.split(","), "0", "0", "0"][3].strip()
        if reports not in {"0", "1"}:
            raise cms(BAD_TEXT)
        self._reports = int(reports)
        return ""

    def _cpms(self, operator: str, value: str) -> str:
        counts = f"{len(self._radio.sim.slots)},{self._radio.sim.capacity}"
        return "+CPMS: " + ",".join((f'"SM",{counts}' if operator == "?" else counts,) * 3)

    # what lies on the card

    def _cmgl(self, operator: str, value: str) -> str:
        wanted = value.strip()
        words = ('"ALL"', '"REC UNREAD"', '"REC READ"') if self._is_text_mode else ("4", "0", "1")
        if wanted not in words:
            raise cms(BAD_TEXT if self._is_text_mode else BAD_PARAMETER)
        lines = [
            f"+CMGL: {at},{self._listed(slot)}"
            for at, slot in sorted(self._radio.sim.slots.items())
            if wanted in {words[0], words[1 + slot.is_read]}
        ]
        return "\r\n".join(lines)

    def _cmgr(self, operator: str, value: str) -> str:
        slot = self._radio.sim.slots[self._place(value)]
        listed, slot.is_read = self._listed(slot), True
        return f"+CMGR: {listed}"

    def _cmgd(self, operator: str, value: str) -> str:
        places = list(self._radio.sim.slots) if value.endswith(",4") else [self._place(value)]
        if not self._faults.undeletable:
            for at in places:
                del self._radio.sim.slots[at]
        return ""

    def _listed(self, slot: Slot) -> str:
        if self._is_text_mode:
            return (
                f'"REC {"READ" if slot.is_read else "UNREAD"}","{slot.sender}",,"26/11/21,12:00:00+00"\r\n{slot.text}'
            )
        return f"{int(slot.is_read)},,{len(slot.pdu) - 1 - slot.pdu[0]}\r\n{slot.pdu.hex().upper()}"

    def _place(self, value: str) -> int:
        at = value.partition(",")[0].strip()
        if not at.isdecimal() or int(at) not in self._radio.sim.slots:
            raise cms(BAD_INDEX)
        return int(at)

    # sending

    def announced(self, operator: str, value: str) -> str:
        """Return what AT+CMGS announces: the length of a PDU, or in text mode a number."""
        if operator != "=" or not value or (not self._is_text_mode and not value.strip().isdecimal()):
            raise cms(BAD_PDU)
        return value.strip()

    def send(self, announced: str, typed: str, now_s: float) -> str:
        """Hand what was typed to the network; return the answer, empty where it gets lost."""
        if self._is_text_mode:
            number = announced.partition(",")[0].strip('"')
            content, valid_s, wants_report = content_of(typed.lstrip("\r\n")[:SEPTETS]), None, False
        else:
            try:
                asked = submit_of(bytes.fromhex(typed), int(announced))
            except ValueError as error:
                raise cms(BAD_PDU) from error
            number, content, valid_s, wants_report = asked.number, asked.content, asked.valid_s, asked.wants_report
        if not self._radio.is_registered:
            raise cms(NO_NETWORK)
        if code := self._faults.refusal():
            raise cms(code)
        self._reference = (self._reference + 1) % 256
        told = self._receipt(self._reference, number) if wants_report else None
        try:
            self._radio.network.send(self._radio.sim.number, number, content, now_s, valid_s or KEPT_S, told)
        except NoCreditError as error:
            raise cms(REJECTED) from error
        self.sends += 1
        return "" if self._faults.loses_ack() else f"+CMGS: {self._reference}"

    def _receipt(self, reference: int, number: str) -> Callable[[int, float, float], None]:
        def told(status: int, taken_utc_s: float, settled_utc_s: float) -> None:
            network = self._radio.network
            times = stamp(taken_utc_s, network.quarters), stamp(settled_utc_s, network.quarters)
            pdu = status_report(network.centre, reference, number, *times, status)
            if self._reports:
                self._say(f"+CDS: {len(pdu) - 1 - pdu[0]}\r\n{pdu.hex().upper()}")

        return told

    # receiving

    def take(self, sender: str, content: Content, stamp_utc_s: float) -> bool:
        """Store what the network hands over; False where there is no room for it, or no network here."""
        if not self._radio.is_registered or self._radio.locked:
            return False
        network = self._radio.network
        pdu = deliver(network.centre, sender, content, stamp(stamp_utc_s, network.quarters))
        at = self._radio.sim.store(pdu, sender, content.text or content.octets.hex().upper())
        if at is None:
            return False
        self._say(f'+CMTI: "SM",{at}')
        return True
