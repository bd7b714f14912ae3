"""Short messages as octets: fixed vectors, round trips over all alphabets, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.fake.modem_pdu import (
    ALPHABET,
    EXTENSION,
    PduError,
    address,
    content_of,
    deliver,
    packed,
    septets_of,
    stamp,
    status_report,
    submit,
    submit_of,
    text_of,
    unpacked,
    valid_s_of,
)

PORTS = bytes.fromhex("0605040FED0FED")


def test_hellohello_is_packed_as_everybody_writes_it() -> None:
    assert packed(septets_of("hellohello")).hex().upper() == "E8329BFD4697D9EC37"  # the worked example of every text


def test_the_alphabet_has_128_places_and_the_escape_at_1b() -> None:
    assert len(ALPHABET) == 128
    assert ALPHABET[0x1B] == "\x1b"
    assert len(set(ALPHABET)) == 128
    assert text_of(septets_of("€[]{}~^|\\")) == "€[]{}~^|\\"
    assert len(septets_of("€")) == 2


def test_an_escape_before_what_the_extension_lacks_is_a_space_and_at_the_end_nothing() -> None:
    assert text_of(bytes((0x1B, 0x41, 0x1B))) == " "


@given(st.text(st.sampled_from([letter for letter in ALPHABET if letter != "\x1b"] + list(EXTENSION.values()))))
@settings(max_examples=50)
def test_letters_come_back(text: str) -> None:
    septets = septets_of(text)
    for fill_bits in (0, 3):
        assert text_of(unpacked(packed(septets, fill_bits), len(septets), fill_bits)) == text


@given(st.one_of(st.binary(max_size=140), st.text(max_size=70)), st.booleans())
@settings(max_examples=100)
def test_what_is_submitted_is_what_is_read(what: str | bytes, wants_report: bool) -> None:
    try:
        content = content_of(what)
    except PduError:
        assert isinstance(what, str)  # letters of two units, or escapes, that do not fit
        assert len(what.encode("utf-16-be", "surrogatepass")) > 140
        return
    except UnicodeEncodeError:
        return  # half a surrogate pair is no letter
    pdu = submit("+33600000002", content, wants_report=wants_report)
    found = submit_of(pdu, len(pdu) - 1)
    assert (found.number, found.content, found.wants_report) == ("+33600000002", content, wants_report)
    assert (found.content.text, found.content.octets) == (("", what) if isinstance(what, bytes) else (what, b""))


def test_a_header_of_ports_is_kept_apart_in_every_alphabet() -> None:
    for what in ("x" * 152, bytes(range(133)), "°" * 66):
        content = content_of(what, PORTS)
        found = submit_of(submit("0600000002", content)).content
        assert found.header == PORTS
        assert (found.octets or found.text) == what


def test_one_more_than_fits_is_refused() -> None:
    for what in ("x" * 161, "€" * 81, "°" * 71, bytes(141)):
        with pytest.raises(PduError, match="do not fit"):
            content_of(what)
    assert content_of("x" * 160).length == 160
    assert content_of("").user_data == b""


def test_every_octet_too_few_or_too_many_is_refused() -> None:
    pdu = submit("+33600000002", content_of(bytes(range(140))))
    assert len(pdu) - 1 == 154
    for cut in range(len(pdu)):
        with pytest.raises(PduError):
            submit_of(pdu[:cut])
    with pytest.raises(PduError, match="141 octets of user data"):
        submit_of(pdu + b"\0")
    with pytest.raises(PduError, match="153 were announced"):
        submit_of(pdu, 153)


@pytest.mark.parametrize(
    ("pdu", "match"),
    [
        ("", "end too early"),
        ("0004", "message type 0 is no SUBMIT"),
        ("001100ff91", "does not fit"),
        ("0011000b91336000000020f00004ab00", "end|SUBMIT|number|fit|user"),
        ("0011000191f1002caB00", "data coding scheme 0x2c"),
        ("0011000191f10004ab0141ff", "2 octets of user data where 1"),
        ("0051000191f10004ab0105", "header is longer"),
        ("0051000191f10004ab00", "header is longer"),
        ("0011000291aa0004ab00", "is no number"),
    ],
)
def test_what_breaks_the_standard_is_named(pdu: str, match: str) -> None:
    with pytest.raises(PduError, match=match):
        submit_of(bytes.fromhex(pdu))


def test_names_and_numbers_of_senders() -> None:
    assert address("+33600000001").hex() == "0b913306000000f1"
    assert address("12345").hex() == "05812143f5"
    assert address("Orange").hex() == "0bd0" + packed(septets_of("Orange")).hex()  # 6 letters: 42 bits, 11 semi-octets
    with pytest.raises(PduError, match="neither"):
        address("twelve letters")


def test_times_are_local_with_their_zone_and_also_west_of_greenwich() -> None:
    utc_s = 1_795_166_000  # 2026-11-20T09:13:20Z
    assert stamp(utc_s, 0).hex() == "62110290310200"
    assert stamp(utc_s, 4).hex() == "62110201310240"
    assert stamp(utc_s, -20).hex() == "6211024031020a"


def test_validity_ends_between_five_minutes_and_63_weeks() -> None:
    assert [valid_s_of(code) for code in (0, 11, 143, 144, 167, 168, 196, 197, 255)] == [
        300, 3600, 43_200, 45_000, 86_400, 172_800, 2_592_000, 3_024_000, 38_102_400,
    ]  # fmt: skip


def test_what_a_card_stores_and_a_receipt() -> None:
    at = stamp(1_795_166_000, 0)
    stored = deliver("+33600009000", "+33600000001", content_of(b"\x01\xff"), at)
    assert stored.hex() == "07913306009000f0" + "04" + "0b913306000000f1" + "0004" + at.hex() + "02" + "01ff"
    receipt = status_report("+33600009000", 7, "+33600000001", at, at, 0x46)
    assert receipt.hex() == "07913306009000f0" + "0607" + "0b913306000000f1" + 2 * at.hex() + "46"
