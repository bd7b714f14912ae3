"""Forms of messages: each comes back as it was, fits 120 octets or is refused with what is too long."""

from __future__ import annotations

import zlib
from base64 import b64encode
from hashlib import sha256, sha512
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.forms import (
    MISSING_MAX,
    TYPE_OF,
    Ack,
    Answer,
    Event,
    Events,
    Form,
    Order,
    Train,
    body,
    fitted,
    form_of,
)
from sms.squeeze import TEXT_MAX
from sms.wire import BODY, COUNTER_MAX, Type, WireError
from sms.words import FORMS as WORDS

NOISE = b64encode(sha256(b"1").digest() + sha512(b"2").digest() + sha512(b"3").digest()).decode()
BEGIN = Event(
    310, "alarm_begin", "boiler.flow", 92.5, "Cel", {"id": 12, "limit": "flow.high", "prio": "high", "at": 85}
)
END = Event(-590, "alarm_end", "boiler.flow", 79.0, "Cel", {"id": 12, "limit": "flow.high"})


@pytest.mark.parametrize(
    "form",
    [
        Events(),
        Events((), is_test=True),
        Events((BEGIN,)),
        Events((BEGIN, END)),
        Events((Event(0, "start", "box"),)),
        Events((Event(0, "state", "door", 0),)),
        Ack(0),
        Ack(COUNTER_MAX, (), 2**32 - 1, is_test=True, train=Train(255, 0, COUNTER_MAX, 255)),
        Ack(100, (101, 102, 103, 200, 300, 301), 1_795_165_500),
        Order("7f", "set", {"limit": "flow.high", "value": -21.5}, 1_795_165_500),
        Order("", "", {}, 0),
        Answer(0, done=False, text=""),
        Answer(COUNTER_MAX, done=True, text="flow.high : 85 → 90 °C"),
    ],
)
def test_a_form_comes_back_as_it_was(form: Form) -> None:
    octets = body(form)
    assert len(octets) <= BODY
    assert form_of(TYPE_OF[type(form)], octets) == form


def test_an_alarm_and_its_end_fit_one_message() -> None:
    assert fitted([BEGIN, END, *[BEGIN] * 40]).events[:2] == (BEGIN, END)


def test_no_value_is_not_zero() -> None:
    without, zero = Event(0, "k", "p", None, "W", {"a": 1}), Event(0, "k", "p", 0, "W", {"a": 1})
    assert form_of(Type.ALARM, body(Events((without, zero)))) == Events((without, zero))


def test_an_event_too_long_for_one_message_loses_its_longest_words_and_says_so() -> None:
    noise = NOISE
    long = Event(0, "alarm_begin", "boiler.flow", 92.5, "Cel", {"id": 12, "text": noise})
    (event,) = fitted([long]).events
    assert event == Event(0, "alarm_begin", "boiler.flow", 92.5, "Cel", {"id": 12, "cut": 1})
    with pytest.raises(WireError, match=r"1 events: .* octets, and a message has 120"):
        body(Events((long,)))
    with pytest.raises(WireError, match="even without words"):
        fitted([Event(0, noise, noise)])
    assert fitted([], is_test=True) == Events((), is_test=True)


def test_an_answer_cuts_its_text_and_never_fails() -> None:
    noise = "".join(chr(200 + n * 7919 % 3000) for n in range(600))
    answer = form_of(Type.REPLY, body(Answer(7, done=True, text=noise)))
    assert isinstance(answer, Answer)
    assert 20 < len(answer.text) < 200
    assert noise.startswith(answer.text)
    assert form_of(Type.REPLY, body(Answer(7, done=True, text="\ud800"))) == Answer(7, done=True, text="?")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Order("1", "set", {"to": NOISE}, 0), "the order set: .* octets"),
        (Order("1", "set", {"to": float("nan")}, 0), "JSON"),
        (Order("1", "set", {"to": b"x"}, 0), "JSON"),
        (Order("1", "set", {"to": "\ud800"}, 0), "JSON"),
        (Ack(10, tuple(range(12, 800, 3))), "262? missing|263 missing"),
        (Ack(10, (10,)), "missing 10 does not ascend"),
        (Ack(10, (12, 11)), "missing 11 does not ascend"),
        (Ack(0, tuple(range(1, MISSING_MAX + 2))), "at most 4096"),
        (Ack(-1), "settled -1"),
        (Ack(1, utc_s=2**32), "time 4294967296"),
        (Ack(1, train=Train(256, 0, 0, 0)), "Train"),
        (Events((Event(2**40, "k", "p"),)), "s from the base time"),
        (Answer(-1, done=True, text=""), "counter -1"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(form: Form, said: str) -> None:
    with pytest.raises(WireError, match=said):
        body(form)


def _deflated(text: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, WORDS)
    return coder.compress(text) + coder.flush()


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        (Type.ALARM, b""),
        (Type.ALARM, b"\x02"),
        (Type.ALARM, b"\x00" + _deflated(b"[[1.5,2,3]]")),
        (Type.ALARM, b"\x00" + _deflated(b'[[true,"k","p"]]')),
        (Type.ALARM, b"\x00" + _deflated(b'[[0,"k","p",NaN]]')),
        (Type.ALARM, b"\x00" + _deflated(b'[[0,"k","p",1e999]]')),
        (Type.ALARM, b"\x00" + _deflated(b'{"a":1}')),
        (Type.ALARM, b"\x00" + _deflated(b"[" * 2000)),
        (Type.ALARM, b"\x00" + _deflated(b'[[0,"k","p"]]') + b"x"),
        (Type.ALARM, b"\x00" + _deflated(b'[[0,"k","p"]]')[:-2]),
        (Type.COMMAND, b""),
        (Type.COMMAND, _deflated(b'["\\ud800","v",0,{}]')),
        (Type.COMMAND, _deflated(b'["i","v",0,[]]')),
        (Type.COMMAND, _deflated(b" " * (TEXT_MAX + 1))),
        (Type.ACK, b""),
        (Type.ACK, b"\x08\0\0\0"),
        (Type.ACK, b"\x02\0\0\0\0"),
        (Type.ACK, b"\0\0\0\0\x05"),
        (Type.ACK, b"\0\0\0\0\0\xff\xff\xff\x01"),
        (Type.ACK, b"\0\0\0\0\xff\xff\xff\xff\xff\x01\0"),
        (Type.REPLY, b"\0\0\0"),
        (Type.REPLY, b"\0\0\0\x02"),
        (Type.REPLY, b"\0\0\0\x01" + _deflated(b"\xff\xfe")),
        (Type.REPORT, b""),
        (Type.HELLO, b""),
        (Type.ACK, bytes(121)),
    ],
)
def test_a_body_that_no_sender_makes_is_refused(kind: Type, octets: bytes) -> None:
    with pytest.raises(WireError):
        form_of(kind, octets)


def test_a_body_never_becomes_more_than_two_kilobytes() -> None:
    bomb = _deflated(b"[" + b"0," * 60_000 + b"0]")
    with pytest.raises(WireError, match=r"more than 2048 octets|at most 120"):
        form_of(Type.COMMAND, bomb[:BODY])


words: st.SearchStrategy[Any] = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20), max_size=4
)
some_event = st.builds(
    Event,
    st.integers(-(2**31), 2**31),
    st.text(max_size=20),
    st.text(max_size=20),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    words,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(some_event, max_size=6), st.booleans())
def test_any_events_come_back_or_are_refused(events: list[Event], is_test: bool) -> None:
    try:
        form = fitted(events, is_test=is_test)
    except WireError:
        return
    assert form_of(Type.ALARM, body(form)) == form
    assert not events or form.events
