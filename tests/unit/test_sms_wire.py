"""The head of a message: every field at its ends, and what is refused by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.wire import EPOCH_S, Header, Type, WireError, header_of

FULL = Header(Type.REPORT, 0xB042, 0x01E240, 0x7C, 0x1E, EPOCH_S + 600 * 0x1ABCDE, 6, 1, 12)


def test_the_head_is_these_twelve_octets() -> None:
    assert FULL.packed().hex(" ") == "11 b0 42 01 e2 40 7c 1e d5 e6 f3 4c"
    assert header_of(FULL.packed() + b"body") == FULL


@given(
    st.builds(
        Header,
        st.sampled_from(Type),
        st.integers(0, 65535),
        st.integers(0, 2**24 - 1),
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 2**21 - 1).map(lambda units: EPOCH_S + 600 * units),
        st.integers(0, 15),
        st.integers(0, 1),
        st.integers(0, 63),
    )
)
def test_every_head_comes_back_as_it_was(head: Header) -> None:
    assert header_of(head.packed()) == head


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"box": 65536}, "box 65536"), ({"counter": 2**24}, "counter"), ({"counter": -1}, "counter -1"),
        ({"base_s": EPOCH_S + 1}, "base remainder 1"), ({"base_s": EPOCH_S - 600}, "base -1"), ({"count": 64}, "count"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change: dict[str, int], why: str) -> None:
    with pytest.raises(WireError, match=why):
        replace(FULL, **change).packed()


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "0 octets"),
        (b"\x11" * 11, "11 octets"),
        (b"\x21" + bytes(11), "version 2"),
        (b"\x1f" + bytes(11), "type 15"),
    ],
)
def test_what_is_no_message_is_named_not_guessed(octets: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        header_of(octets)
