"""What Modbus words mean, and which requests fetch them."""

from __future__ import annotations

import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.counter import Kept
from hal import modbus_maps
from hal.decode import modbus
from hal.decode.modbus import Block, Register
from hal.decode.register_guard import RegisterGuard


def register(kind: str = "uint16", **keys: Any) -> Register:
    return Register("r", keys.pop("address", 0), type=kind, count=keys.pop("count", modbus.size(kind)), **keys)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("float32", [0x4366, 0x3334], 230.2),  # Eastron, SDM630 protocol V2, §3.7: 43 66 33 34
        ("float32", [0x449C, 0x4000], 1250.0),
        ("float32", [0xC2C8, 0x0000], -100.0),
        ("float32", [0x0000, 0x0000], 0.0),
        ("int16", [0xFFFE], -2),
        ("int16", [0x8000], -32768),
        ("uint16", [0xFFFF], 65535),
        ("int32", [0xFFFF, 0xFFFE], -2),
        ("uint32", [0xFFFF, 0xFFFF], 4_294_967_295),
        ("int64", [0xFFFF, 0xFFFF, 0xFFFF, 0xFF85], -123),
        ("uint64", [0, 1, 0, 0], 4_294_967_296),
        ("float64", [0x4005, 0xBF0A, 0x8B14, 0x5769], math.e),
    ],
)
def test_numbers_of_every_type_with_negative_and_extreme_ones(kind: str, words: list[int], value: float) -> None:
    assert modbus.value_of(register(kind), words) == (value, "")


def test_a_word_order_is_that_of_the_words_and_a_byte_order_that_within_each() -> None:
    # Peacefair, PZEM-016 manual §2.3: current 1 A is 1000 mA, the low word first
    assert modbus.value_of(register("uint32", word_order="little"), [1000, 0])[0] == 1000
    assert modbus.value_of(register("uint32", word_order="little"), [0, 1])[0] == 65536
    assert modbus.value_of(register("uint16", byte_order="little"), [0x0100])[0] == 1
    all_back = register("float32", word_order="little", byte_order="little")
    assert modbus.value_of(all_back, [0x0000, 0xC8C2])[0] == -100.0


@pytest.mark.parametrize(
    "words", [[0x7FC0, 0], [0x7F80, 0], [0xFF80, 0], [0x7F80, 1]], ids=["nan", "inf", "-inf", "snan"]
)
def test_a_float_that_is_no_number_has_no_value(words: list[int]) -> None:
    assert modbus.value_of(register("float32"), words) == (None, "not_a_number")


def test_a_code_for_no_value_is_never_a_value() -> None:
    cold = register("int16", missing=(0x8000, 0x7FFF))
    assert modbus.value_of(cold, [0x8000]) == (None, "not_sent")
    assert modbus.value_of(cold, [0x7FFF]) == (None, "not_sent")
    assert modbus.value_of(cold, [0x8001]) == (-32767, "")
    late = register("float32", missing=(0x497423F0,))
    assert modbus.value_of(late, [0x4974, 0x23F0]) == (None, "not_sent")  # 999999.0
    swapped = register("uint32", missing=(0xFFFF0000,), word_order="little")
    assert modbus.value_of(swapped, [0x0000, 0xFFFF]) == (None, "not_sent")


@pytest.mark.parametrize("kind", ["uint16", "uint32", "uint64", "int32", "float32"])
def test_a_counter_of_ones_alone_is_no_value_and_a_gauge_of_them_is_one(kind: Any) -> None:
    ones = [0xFFFF] * modbus.size(kind)
    counter = msgspec.structs.replace(register(kind), kind="counter")
    assert modbus.value_of(counter, ones) == (None, "not_sent")
    assert modbus.value_of(counter, [*ones[:-1], 0xFFFE])[1] == ("not_a_number" if kind == "float32" else "")
    if kind.startswith("u"):
        assert modbus.value_of(register(kind), ones) == (2 ** (16 * len(ones)) - 1, "")


def test_a_device_that_says_ones_while_it_starts_is_no_rollover() -> None:
    """A guard and an index behind it, as a point of the settings has them."""
    made = modbus_maps.register_of("e", modbus_maps.Row(address=0, type="uint32", kind="counter"))
    guard, kept = RegisterGuard(), Kept(1.0, made.wrap)
    for number, words in enumerate(([0, 500], [0xFFFF, 0xFFFF], [0, 507])):
        value, _ = modbus.value_of(made, words)
        if value is not None and not guard.judge("p", float(value), number * 1000.0, made.wrap):
            kept.advance(float(value))
    assert kept.saved()["pending"] == 7


def test_a_state_is_the_number_of_its_word_and_an_unknown_code_is_none() -> None:
    alarm = register(kind="uint16").__class__("alarm", 9, kind="state", words=("normal", "over"), codes=(0, 0xFFFF))
    assert modbus.value_of(alarm, [0xFFFF]) == (1, "")
    assert modbus.value_of(alarm, [0]) == (0, "")
    assert modbus.value_of(alarm, [7]) == (None, "out_of_range")


def test_bits_are_cut_out_of_their_word() -> None:
    assert modbus.value_of(register("bits", bit=15), [0x8000]) == (1, "")
    assert modbus.value_of(register("bits", bit=0), [0x8000]) == (0, "")
    assert modbus.value_of(register("bits", bit=4, width=3), [0x0050]) == (5, "")
    assert modbus.value_of(register("bool", table="coil"), [1]) == (1, "")


def test_a_text_ends_at_its_first_zero() -> None:
    assert modbus.value_of(register("string", count=4), [0x4142, 0x4300, 0xFFFF, 0x4444]) == ("ABC", "")
    assert modbus.value_of(register("string", count=2), [0, 0]) == ("", "")


def test_too_few_words_are_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1 words instead of 2"):
        modbus.value_of(register("float32"), [1])
    with pytest.raises(ValueError, match="0 words instead of 1"):
        modbus.value_of(register(), [])


ORDERS = st.sampled_from(["big", "little"])


@given(st.integers(-(2**63), 2**63 - 1), ORDERS, ORDERS)
def test_every_order_is_undone_by_the_other_way_round(number: int, word: Any, byte: Any) -> None:
    one = register("int64", word_order=word, byte_order=byte)
    assert modbus.value_of(one, modbus.words_of(one, number)) == (number, "")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_keeps_the_seven_digits_that_it_has(number: float) -> None:
    found, _ = modbus.value_of(register("float32"), modbus.words_of(register("float32"), number))
    assert isinstance(found, float)
    assert found == pytest.approx(number, rel=1e-6, abs=1e-44)
    assert modbus.value_of(register("float32"), modbus.words_of(register("float32"), found))[0] == found


def test_a_value_that_does_not_fit_is_refused_by_the_way_round() -> None:
    with pytest.raises(struct.error):
        modbus.words_of(register("uint16"), -1)


def at(*addresses: int, count: int = 2) -> list[Register]:
    return [Register(f"r{address}", address, count=count, type="float32") for address in addresses]


def test_neighbours_share_a_request_and_far_ones_do_not() -> None:
    assert modbus.plan(at(0, 2, 4)) == [Block("holding", 0, 6)]
    assert modbus.plan(at(0, 6), gap=3) == [Block("holding", 0, 2), Block("holding", 6, 2)]
    assert modbus.plan(at(0, 6), gap=4) == [Block("holding", 0, 8)]
    assert modbus.plan([]) == []


def test_a_request_is_never_longer_than_the_protocol_or_the_device_allows() -> None:
    registers = at(*range(0, 400, 2))
    assert [block.length for block in modbus.plan(registers)] == [124, 124, 124, 28]
    assert max(block.length for block in modbus.plan(registers, most=22)) == 22


def test_no_request_reads_on_into_a_cut_address() -> None:
    assert modbus.plan(at(0, 2, 4), cuts={("holding", 2)}) == [Block("holding", 0, 2), Block("holding", 2, 4)]


def test_tables_are_never_mixed_and_bits_of_one_word_share_it() -> None:
    inputs = Register("i", 0, "input")
    bits = [Register(f"b{bit}", 0, "holding", "bits", bit=bit) for bit in range(16)]
    assert modbus.plan([inputs, *bits]) == [Block("holding", 0, 1), Block("input", 0, 1)]


def test_a_refused_request_is_cut_at_its_gaps_then_at_each_register_then_not_at_all() -> None:
    registers = at(0, 2, 8)
    assert modbus.cuts_for(Block("holding", 0, 10), registers) == {("holding", 8)}
    assert modbus.cuts_for(Block("holding", 0, 4), registers) == {("holding", 2)}
    assert modbus.cuts_for(Block("holding", 8, 2), registers) == set()


@given(st.sets(st.integers(0, 600), min_size=1, max_size=60), st.integers(1, 125), st.integers(0, 40), st.data())
def test_whatever_is_wanted_lies_in_exactly_one_request(addresses: set[int], most: int, gap: int, data: Any) -> None:
    registers = [Register(f"r{address}", address) for address in addresses]
    cuts = {("holding", cut) for cut in data.draw(st.sets(st.integers(0, 600), max_size=5))}
    blocks = modbus.plan(registers, most=most, gap=gap, cuts=cuts)  # type: ignore[arg-type]
    assert all(sum(block.holds(register) for block in blocks) == 1 for register in registers)
    assert max(block.length for block in blocks) <= most
    assert sum(block.length for block in blocks) <= len(registers) * (1 + gap)


def test_a_register_that_falls_is_not_believed_for_five_minutes() -> None:
    guard = RegisterGuard()
    assert guard.judge("p", 12_000, 0) == ""
    said = [guard.judge("p", 7, t_ms) for t_ms in range(1000, 302_000, 10_000)]
    assert set(said[:-1]) == {"unconfirmed"}
    assert said[-1] == ""
    assert guard.last == {"p": 7}


def test_a_meter_that_is_out_of_reach_for_days_and_back_costs_nothing() -> None:
    """Its reporter shows 0 meanwhile; believed, the whole index would be consumption when it is back."""
    guard = RegisterGuard()
    guard.judge("p", 12_000, 0)
    days_ms = range(10_000, 3 * 86_400_000, 600_000)
    assert {guard.judge("p", 0, t_ms) for t_ms in days_ms} == {"unconfirmed"}
    assert guard.judge("p", 12_003, 4 * 86_400_000) == ""


def test_a_new_meter_that_begins_at_0_is_believed_five_minutes_after_it_first_moves() -> None:
    guard = RegisterGuard()
    guard.judge("p", 12_000, 0)
    assert guard.judge("p", 0, 10_000) == "unconfirmed"
    assert guard.judge("p", 0, 7_200_000) == "unconfirmed"
    assert [guard.judge("p", 1 + n, 7_200_000 + n * 150_000) for n in range(3)] == ["unconfirmed", "unconfirmed", ""]


def test_a_first_reading_of_0_may_be_a_device_that_just_starts() -> None:
    guard = RegisterGuard()
    assert [guard.judge("p", 0, t_ms) for t_ms in (0, 10_000)] == ["unconfirmed", "unconfirmed"]
    assert guard.judge("p", 12_000, 20_000) == ""
    assert [guard.judge("unused", 0, t_ms) for t_ms in (0, 150_000, 300_000, 310_000)] == [
        *("unconfirmed",) * 2,
        "",
        "",
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["count", "away", "back", "stale", "restart", "wait"]), st.integers(1, 50)),
        max_size=60,
    )
)
def test_however_a_reporter_loses_its_meter_what_is_counted_is_what_the_meter_counted(
    acts: list[tuple[str, int]],
) -> None:
    """The engine's own counter behind the guard, against the meter itself: never more, and no less in the end."""
    guard, counter, true, t_ms, is_away = RegisterGuard(), Kept(1.0, 0), 12_000, 0, False
    guard.judge("p", true, t_ms)
    counter.advance(true)
    for act, size in [*acts, ("back", 1)]:
        t_ms += size * 60_000 if act == "wait" else 10_000
        true += size if act == "count" else 0
        is_away = act == "away" or (is_away and act != "back")
        if act == "restart":  # of the box: the last believed register is what it remembers
            guard, kept = RegisterGuard(), dict(guard.last)
            guard.last = kept
        stale = [true - size] if act == "stale" else []  # what it knew a little earlier, once
        for raw in [0] if is_away else [*stale, true]:
            if not guard.judge("p", raw, t_ms):
                assert counter.advance(raw) == ""
        assert counter.index is not None
        assert counter.index <= true
    assert counter.index == true


def test_a_device_that_restarts_costs_nothing() -> None:
    guard = RegisterGuard()
    for t_ms, raw, said in [
        (0, 12_000, ""),
        (10_000, 0, "unconfirmed"),
        (20_000, 0, "unconfirmed"),
        (30_000, 12_001, ""),
    ]:
        assert guard.judge("p", raw, t_ms) == said


def test_an_exchanged_meter_counts_on_while_it_is_doubted_and_a_wrap_is_no_doubt() -> None:
    guard = RegisterGuard()
    guard.judge("p", 12_000, 0)
    assert [guard.judge("p", 5 + n, n * 150_000) for n in range(1, 4)] == ["unconfirmed", "unconfirmed", ""]
    assert guard.judge("w", 65_530, 0, 65_536) == ""
    assert guard.judge("w", 3, 1000, 65_536) == ""


def test_a_register_that_falls_again_is_doubted_anew() -> None:
    guard = RegisterGuard()
    guard.judge("p", 12_000, 0)
    assert guard.judge("p", 500, 1000) == "unconfirmed"
    assert guard.judge("p", 2, 200_000) == "unconfirmed"
    assert guard.judge("p", 2, 310_000) == "unconfirmed"
    assert guard.judge("p", 3, 510_000) == ""
