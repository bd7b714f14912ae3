"""Short messages as they go over the air and lie on a SIM: 3GPP TS 23.040 §9.2 (TPDUs) and TS 23.038 (alphabets).

What a modem is handed (SUBMIT) is read with every length checked; what it stores and reports (DELIVER, STATUS-REPORT)
is made. All octets, without the text in hexadecimal around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, Literal, TypeAlias

Coding: TypeAlias = Literal["gsm7", "8bit", "ucs2"]

ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""TS 23.038 §6.2.1 in its order; 0x1b leads to the extension table."""
EXTENSION: Final = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
_ESCAPED: Final = {letter: septet for septet, letter in EXTENSION.items()}
USER_DATA: Final = 140
SEPTETS: Final = 160
_DCS: Final[dict[Coding, int]] = {"gsm7": 0x00, "8bit": 0x04, "ucs2": 0x08}


class PduError(ValueError):
    """A message that breaks the standard: says where."""


def septets_of(text: str) -> bytes:
    """Return one septet an octet. Raises PduError for a letter that the alphabet lacks."""
    found = bytearray()
    for letter in text:
        if letter in _ESCAPED:
            found += bytes((0x1B, _ESCAPED[letter]))
        elif letter in ALPHABET and letter != "\x1b":
            found.append(ALPHABET.index(letter))
        else:
            raise PduError(f"{letter!r} is not in the GSM 7-bit alphabet")
    return bytes(found)


def text_of(septets: bytes) -> str:
    """Return the letters; an escape before a septet that the extension table lacks is a space (TS 23.038 §6.2.1.1)."""
    letters: list[str] = []
    is_escaped = False
    for septet in septets:
        if is_escaped:
            letters.append(EXTENSION.get(septet, " "))
            is_escaped = False
        elif septet == 0x1B:
            is_escaped = True
        else:
            letters.append(ALPHABET[septet])
    return "".join(letters)


def packed(septets: bytes, fill_bits: int = 0) -> bytes:
    """Return septets side by side, the first in the low bits, after so many empty bits."""
    bits = sum(septet << 7 * at for at, septet in enumerate(septets)) << fill_bits
    return bits.to_bytes((7 * len(septets) + fill_bits + 7) // 8, "little")


def unpacked(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """Return so many septets."""
    bits = int.from_bytes(octets, "little") >> fill_bits
    return bytes(bits >> 7 * at & 0x7F for at in range(count))


@dataclass(frozen=True, slots=True)
class Content:
    """What a message carries, as the octets of TP-UD: the network hands it over unchanged."""

    coding: Coding
    length: int
    """TP-UDL: septets of gsm7, octets of the others."""
    user_data: bytes
    has_header: bool = False

    @property
    def header(self) -> bytes:
        """The user data header with its length octet; b"" where there is none."""
        return self.user_data[: self.user_data[0] + 1] if self.has_header else b""

    @property
    def octets(self) -> bytes:
        """The 8-bit data after the header; b"" for a text."""
        return self.user_data[len(self.header) :] if self.coding == "8bit" else b""

    @property
    def text(self) -> str:
        """The letters; empty for 8-bit data."""
        at = len(self.header)
        if self.coding == "ucs2":
            return self.user_data[at:].decode("utf-16-be", "replace")
        if self.coding == "8bit":
            return ""
        skipped, fill_bits = -(-8 * at // 7), -8 * at % 7
        return text_of(unpacked(self.user_data[at:], self.length - skipped, fill_bits))


def content_of(what: str | bytes | Content, header: bytes = b"") -> Content:
    """Return a text or octets as one message. Raises PduError when it does not fit.

    >>> content_of("°C").coding, content_of(b"12").octets
    ('ucs2', b'12')
    """
    if isinstance(what, Content):
        return what
    at = len(header)
    coding: Coding = "8bit"
    octets = what if isinstance(what, bytes) else b""
    if isinstance(what, str):
        try:
            septets = septets_of(what)
        except PduError:
            coding, octets = "ucs2", what.encode("utf-16-be")
        else:
            length = -(-8 * at // 7) + len(septets)
            if length > SEPTETS:
                raise PduError(f"{length} septets do not fit one message of {SEPTETS}")
            return Content("gsm7", length, header + packed(septets, -8 * at % 7), bool(header))
    if at + len(octets) > USER_DATA:
        raise PduError(f"{at + len(octets)} octets do not fit one message of {USER_DATA}")
    return Content(coding, at + len(octets), header + octets, bool(header))


# addresses, TS 23.040 §9.1.2.5


def semi_octets(digits: str) -> bytes:
    """Return digits, two an octet, swapped."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))


def address(number: str) -> bytes:
    """Return TP-OA or TP-DA: length in semi-octets, type, number; a name of at most 11 letters as a name."""
    digits = number.removeprefix("+")
    if digits.isascii() and digits.isdigit():
        return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + semi_octets(digits)
    septets = septets_of(number)
    if len(septets) > 11:
        raise PduError(f"{number!r} is neither a number nor a name of at most 11 letters")
    return bytes((-(-len(septets) * 7 // 4), 0xD0)) + packed(septets)


def _address_of(octets: bytes, at: int) -> tuple[str, int]:
    length, kind = octets[at], octets[at + 1]
    end = at + 2 + (length + 1) // 2
    held = octets[at + 2 : end]
    if length > 20 or len(held) < (length + 1) // 2:
        raise PduError(f"an address of {length} semi-octets does not fit")
    if kind & 0x70 == 0x50:
        return text_of(unpacked(held, length * 4 // 7)), end
    digits = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in held)[:length]
    if not digits.isdecimal():
        raise PduError(f"address {digits!r} is no number")
    return ("+" if kind & 0x70 == 0x10 else "") + digits, end


def sca(number: str) -> bytes:
    """Return the service centre's address as it stands before a TPDU: its length in octets."""
    held = address(number)[1:]
    return bytes((len(held),)) + held


# times, TS 23.040 §9.2.3.11 and §9.2.3.12


def stamp(utc_s: float, quarters: int) -> bytes:
    """Return TP-SCTS: local time of a zone that many quarters of an hour east of UTC."""
    local = datetime.fromtimestamp(utc_s, timezone(timedelta(minutes=15 * quarters)))
    zone = f"{abs(quarters):02}"
    octets = bytearray(semi_octets(local.strftime("%y%m%d%H%M%S") + zone))
    if quarters < 0:
        octets[6] |= 0x08
    return bytes(octets)


def valid_s_of(relative: int) -> int:
    """Return the validity period of a TP-VP in relative form, in seconds: 5 minutes to 63 weeks."""
    if relative < 144:
        return (relative + 1) * 300
    if relative < 168:
        return 43_200 + (relative - 143) * 1800
    return (relative - 166) * 86_400 if relative < 197 else (relative - 192) * 604_800


# TPDUs


@dataclass(frozen=True, slots=True)
class Submit:
    """What a modem is asked to send."""

    number: str
    content: Content
    valid_s: int | None
    wants_report: bool


def _coding_of(dcs: int) -> Coding:
    group = dcs >> 4
    if group < 4 and not dcs & 0x20:
        kind = dcs >> 2 & 3
        if kind != 3:
            return ("gsm7", "8bit", "ucs2")[kind]
    if group == 15:
        return "8bit" if dcs & 4 else "gsm7"
    raise PduError(f"data coding scheme 0x{dcs:02x} is not known here")


def submit_of(pdu: bytes, length: int | None = None) -> Submit:
    """Return a SUBMIT with its service centre before it; `length`: of the TPDU alone, as AT+CMGS says it.

    Raises PduError for any octet too few or too many.
    """
    try:
        at = 1 + pdu[0]
        if length is not None and len(pdu) - at != length:
            raise PduError(f"{len(pdu) - at} octets after the service centre, {length} were announced")
        first = pdu[at]
        if first & 3 != 1:
            raise PduError(f"message type {first & 3} is no SUBMIT")
        number, at = _address_of(pdu, at + 2)
        coding = _coding_of(pdu[at + 1])
        at += 2
        period = {0: 0, 2: 1}.get(first >> 3 & 3, 7)
        valid_s = valid_s_of(pdu[at]) if period == 1 else None
        at += period
        count, user_data = pdu[at], pdu[at + 1 :]
    except IndexError:
        raise PduError(f"{len(pdu)} octets end too early") from None
    wanted = (count * 7 + 7) // 8 if coding == "gsm7" else count
    if len(user_data) != wanted or wanted > USER_DATA:
        raise PduError(
            f"{len(user_data)} octets of user data where {count} {coding} need {wanted}, at most {USER_DATA}"
        )
    has_header = bool(first & 0x40)
    if has_header and (not user_data or user_data[0] + 1 > len(user_data)):
        raise PduError("the user data header is longer than the user data")
    return Submit(number, Content(coding, count, user_data, has_header), valid_s, bool(first & 0x20))


def submit(number: str, content: Content, relative: int = 0xAB, *, wants_report: bool = False) -> bytes:
    """Return a SUBMIT for the SIM's own service centre, as a modem is handed it."""
    first = 0x11 | 0x20 * wants_report | 0x40 * content.has_header
    head = bytes((0, first, 0)) + address(number) + bytes((0, _DCS[content.coding], relative, content.length))
    return head + content.user_data


def deliver(centre: str, sender: str, content: Content, at: bytes) -> bytes:
    """Return a DELIVER as a SIM stores it, its service centre before it; `at`: a `stamp`."""
    head = sca(centre) + bytes((0x04 | 0x40 * content.has_header,)) + address(sender)
    return head + bytes((0, _DCS[content.coding])) + at + bytes((content.length,)) + content.user_data


def status_report(centre: str, reference: int, number: str, sent: bytes, settled: bytes, status: int) -> bytes:
    """Return a STATUS-REPORT: 0 delivered, 0x46 validity over (TS 23.040 §9.2.3.15); times as `stamp`s."""
    return sca(centre) + bytes((0x06, reference)) + address(number) + sent + settled + bytes((status,))
