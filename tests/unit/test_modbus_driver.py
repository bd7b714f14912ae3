"""The Modbus driver against slaves that answer, refuse, fall silent, damage and delay, by RTU and by TCP."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.settings.load import loads
from hal import buses, modbus_maps
from hal.decode.modbus import Register
from hal.driver import DriverError
from hal.drivers.modbus import Modbus, ModbusOptions
from hal.fake.modbus import FakeSlave, RtuSlaves, TcpSlaves, crc16, slave_of
from hal.modbus_line import ModbusLine, Refused
from hal.modbus_wire import RtuWire, TcpWire
from hal.sample import BAD, GOOD, UNCERTAIN, Sample
from tests.served import Served
from tests.unit.settings_good import refusal

TIMEOUT_S = 0.05
PORT = '[box]\nid = "a"\n[site]\nname = "x"\n[bus.m]\nkind = "modbus"\n'


class Rig:
    """Slaves on one line and drivers for them."""

    def __init__(self, folder: Path, wire: str, *slaves: int, retries: int = 1, timeout_s: float = TIMEOUT_S) -> None:
        self.slaves = {number: FakeSlave() for number in slaves}
        self.fake = TcpSlaves(self.slaves) if wire == "tcp" else RtuSlaves(self.slaves, folder / "rs485")
        self.served = Served(self.fake)
        self.line = ModbusLine(
            TcpWire("127.0.0.1", int(str(self.fake.port)), timeout_s=timeout_s)
            if wire == "tcp"
            else RtuWire(str(self.fake.port), 115200, "N", 1, timeout_s=timeout_s, gap_s=0),
            timeout_s=timeout_s,
            retries=retries,
        )
        self.drivers: list[Modbus] = []

    def driver(self, slave: int = 1, **points: dict[str, Any]) -> Modbus:
        options = {name: msgspec.convert({"slave": slave, **keys}, ModbusOptions) for name, keys in points.items()}
        made = Modbus(self.line, options)
        made.open()
        return made

    def hold(self, slave: int = 1, **words: int) -> None:
        """Let input registers a0, a1 … hold these words."""
        for name, word in words.items():
            self.slaves[slave].words["holding", int(name[1:])] = word

    def close(self) -> None:
        self.line.close()
        self.served.close()


@pytest.fixture(params=["rtu", "tcp"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, request.param, 1, 2)
    yield made
    made.close()


@pytest.fixture
def rtu(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, "rtu", 1, 2)
    yield made
    made.close()


def read(driver: Modbus, *points: str, at_s: float = 0.0) -> dict[str, Sample]:
    return {sample.point: sample for sample in driver.read(points, round(at_s * 1e9))}


def values(samples: dict[str, Sample]) -> dict[str, object]:
    return {name: sample.reason or sample.value for name, sample in samples.items()}


def said(driver: Modbus, point: str) -> object:
    """Return a point's value, or the reason why the device gave none."""
    try:
        return read(driver, point)[point].value
    except DriverError as exc:
        return exc.reason


def words(*addresses: int) -> dict[str, dict[str, Any]]:
    return {f"r{address}": {"register": address} for address in addresses}


def test_the_crc_is_that_of_the_standard() -> None:
    # Modbus over Serial Line V1.02, appendix B: 02 07 -> 41 12; Eastron's own example request
    assert crc16(bytes.fromhex("02 07")) == bytes.fromhex("41 12")
    assert crc16(bytes.fromhex("01 04 00 00 00 02")) == bytes.fromhex("71 cb")
    assert crc16(b"") == b"\xff\xff"


def test_fifty_registers_of_a_meter_cost_few_requests(rig: Rig) -> None:
    registers = modbus_maps.load("sdm630").registers
    names = list(registers)[-50:]
    rig.slaves[1].words.update(dict.fromkeys((("input", address) for address in range(400)), 0x3F80))
    rig.slaves[1].most = 80
    driver = rig.driver(1, **{name: {"map": "sdm630", "register": name} for name in names})
    before = rig.line.requests
    samples = read(driver, *names)
    print(f"{len(samples)} registers in {rig.line.requests - before} requests")
    assert {sample.quality for sample in samples.values()} == {GOOD}
    assert len(samples) == 50
    assert rig.line.requests - before <= 5


def test_a_request_over_a_gap_that_is_refused_is_split_and_that_is_remembered(rig: Rig) -> None:
    registers = modbus_maps.load("sdm120").registers
    raw = {"voltage": 230.5, "current": -1.25, "power": 0.0}
    rig.slaves[1].words.update(slave_of(registers.values(), raw).words)
    driver = rig.driver(1, **{name: {"map": "sdm120", "register": name} for name in raw})
    rig.slaves[1].asked.clear()
    assert values(read(driver, *raw)) == raw
    assert rig.slaves[1].asked == [("input", 0, 14), ("input", 0, 2), ("input", 6, 2), ("input", 12, 2)]
    rig.slaves[1].asked.clear()
    assert values(read(driver, *raw)) == raw
    assert len(rig.slaves[1].asked) == 3
    state = driver.state()
    assert state is not None
    again = Modbus(rig.line, driver._points)
    again.restore(state)
    rig.slaves[1].asked.clear()
    again.open()
    assert values(read(again, *raw)) == raw
    assert len(rig.slaves[1].asked) == 4, "one to open, three to read"


def test_a_register_that_the_device_does_not_have_is_bad_alone_named_and_asked_for_each_hour(rig: Rig) -> None:
    rig.hold(a0=1, a1=2, a3=4)
    driver = rig.driver(1, **words(0, 1, 2, 3))
    assert values(read(driver, "r0", "r1", "r2", "r3")) == {"r0": 1, "r1": 2, "r2": "not_sent", "r3": 4}
    assert driver.raw("r2") == (
        "exception 2 (illegal data address): it has no holding register 0x0002 (register 2); correct the point"
    )
    rig.slaves[1].asked.clear()
    read(driver, "r0", "r1", "r2", "r3", at_s=60)
    assert all(start > 2 or start + count <= 2 for _, start, count in rig.slaves[1].asked)
    rig.hold(a2=3)
    assert read(driver, "r2", at_s=3599)["r2"].reason == "not_sent"
    assert read(driver, "r2", at_s=3601)["r2"].value == 3


def test_a_device_that_refuses_everything_still_gives_each_point_its_sample(rig: Rig) -> None:
    driver = rig.driver(1, **words(*range(0, 60, 2)))
    rig.slaves[1].exception = 2
    names = [f"r{address}" for address in range(0, 60, 2)]
    for at_s in range(8):
        before = rig.line.requests
        samples = read(driver, *names, at_s=at_s)
        assert {sample.reason for sample in samples.values()} == {"not_sent"}
        assert rig.line.requests - before <= 40, "others wait for the line"
    assert rig.line.requests == before, "nothing is left to ask for"


@pytest.mark.parametrize(("code", "reason"), [(1, "not_sent"), (4, "bus_error"), (6, "bus_error")])
def test_exceptions_are_bad_with_their_reason_and_the_device_stays_open(rig: Rig, code: int, reason: str) -> None:
    rig.hold(a0=7)
    driver = rig.driver(1, **words(0))
    rig.slaves[1].exception = code
    sample = read(driver, "r0")["r0"]
    assert (sample.quality, sample.value, sample.reason) == (BAD, None, reason)
    assert f"exception {code} (" in driver.raw("r0")


def test_a_gateway_without_an_answer_is_a_lost_device(rig: Rig) -> None:
    rig.hold(a0=7)
    driver = rig.driver(1, **words(0))
    rig.slaves[1].exception = 11
    with pytest.raises(DriverError, match="gateway target device failed to respond"):
        read(driver, "r0")


def test_a_silent_slave_is_no_answer_within_its_time_and_the_other_goes_on(rig: Rig) -> None:
    rig.hold(1, a0=7)
    rig.hold(2, a0=8)
    first, second = rig.driver(1, **words(0)), rig.driver(2, **words(0))
    rig.slaves[1].is_silent = True
    with pytest.raises(DriverError, match=r"Modbus slave 1 on .*: no answer within 0.05 s; check its power") as caught:
        read(first, "r0")
    assert caught.value.reason == "no_answer"
    assert read(second, "r0")["r0"].value == 8
    before = rig.line.requests
    with pytest.raises(DriverError):
        first.open()
    assert rig.line.requests == before + 1, "a dead slave costs one request each time it is tried"


def test_a_slave_that_falls_silent_half_way_keeps_what_it_said(rtu: Rig) -> None:
    rtu.hold(a0=1, a100=2, a200=3, a300=4)
    driver = rtu.driver(1, **words(0, 100, 200, 300))
    rtu.slaves[1].words.pop(("holding", 100))
    samples = values(read(driver, "r0", "r100", "r200", "r300"))
    assert samples == {"r0": 1, "r100": "not_sent", "r200": 3, "r300": 4}


def test_a_wrong_crc_is_never_a_value(rtu: Rig) -> None:
    rtu.hold(a0=7)
    driver = rtu.driver(1, **words(0))
    rtu.slaves[1].has_wrong_crc = True
    with pytest.raises(DriverError, match=r"a damaged answer \(01 03 02 00 07 .*\); check termination") as caught:
        read(driver, "r0")
    assert caught.value.reason == "crc"
    rtu.slaves[1].has_wrong_crc = False
    assert rtu.line.counts() == {"transfers": 3, "crc": 2}
    assert read(driver, "r0")["r0"].value == 7


def test_garbage_before_a_request_is_thrown_away(rtu: Rig) -> None:
    rtu.hold(a0=7)
    driver = rtu.driver(1, **words(0))
    for noise in (b"\x00", b"\xff" * 300, bytes.fromhex("01 03 02 00 09 00 00")):
        rtu.fake.send(noise)  # type: ignore[union-attr]
        assert read(driver, "r0")["r0"].value == 7


@pytest.mark.parametrize("garbage", [b"\x00", b"\xff\xff", bytes.fromhex("02 03 02 00 08 fd 82"), b"\x01\x03\xff"])
def test_garbage_before_an_answer_gives_the_value_or_none_and_never_another(rtu: Rig, garbage: bytes) -> None:
    rtu.hold(a0=7)
    driver = rtu.driver(1, **words(0))
    rtu.slaves[1].garbage = garbage
    assert said(driver, "r0") in {7, "crc"}
    rtu.slaves[1].garbage = b""
    assert read(driver, "r0")["r0"].value == 7


@pytest.mark.parametrize("wire", ["rtu", "tcp"])
def test_an_answer_that_comes_late_is_never_taken_for_that_of_another_question(tmp_path: Path, wire: str) -> None:
    timeout_s = (
        4 * TIMEOUT_S
    )  # by RTU a miss is heard out for as long again: a busy machine must not be later than that
    rig = Rig(tmp_path, wire, 1, timeout_s=timeout_s)
    try:
        rig.hold(a0=7, a100=9)
        driver = rig.driver(1, **words(0, 100))
        rig.slaves[1].delay_s = 1.4 * timeout_s
        for point, right in (("r0", 7), ("r100", 9), ("r0", 7), ("r100", 9)):
            assert said(driver, point) in {right, "no_answer", "crc", "unplugged"}
        rig.slaves[1].delay_s = 0.0
        assert read(driver, "r0", at_s=1)["r0"].value == 7
        assert read(driver, "r100", at_s=1)["r100"].value == 9
    finally:
        rig.close()


def test_an_answer_that_a_gateway_hands_on_to_the_next_connection_is_not_taken(tmp_path: Path) -> None:
    """After a miss the connection is a new one; what was asked over the old one must not look like its first answer."""
    rig = Rig(tmp_path, "tcp", 1, retries=0)
    try:
        assert isinstance(rig.fake, TcpSlaves)
        rig.fake.hands_on = True
        rig.hold(a0=7, a100=9)
        rig.slaves[1].delay_s = 1.5 * TIMEOUT_S
        with pytest.raises(DriverError, match="no answer within"):
            rig.line.read(1, "holding", 0, 1)
        with contextlib.suppress(DriverError):  # its own answer may come just in time
            assert rig.line.read(1, "holding", 100, 1) == [9]
        assert rig.line.trace()  # the late one came
        rig.slaves[1].delay_s = 0.0
        assert rig.line.read(1, "holding", 100, 1) == [9]
    finally:
        rig.close()


def test_a_gateway_that_hands_rtu_frames_on_is_told_from_a_bad_cable() -> None:
    """Answers of RTU over TCP look damaged: termination and shield would be looked at in vain."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = ModbusLine(TcpWire("127.0.0.1", listening.getsockname()[1], timeout_s=0.1), timeout_s=0.1, retries=0)
        try:
            line.open()
            gateway, _ = listening.accept()
            with gateway:
                gateway.sendall(bytes.fromhex("01 03 02 00 07 f9 86"))  # it waits in the kernel: no time is missed
                with pytest.raises(DriverError, match="check that it speaks Modbus TCP, not RTU over TCP") as caught:
                    line.read(1, "holding", 0, 1)
        finally:
            line.close()
    assert caught.value.reason == "crc"


def test_an_answer_damaged_anywhere_is_the_value_or_none(rtu: Rig) -> None:
    """One byte wrong, one left out or one too many, at every place of an answer."""
    rtu.hold(a0=0x1234, a1=0x5678)
    line = ModbusLine(RtuWire(str(rtu.fake.port), 115200, "N", 1, timeout_s=0.02), retries=0)
    assert isinstance(rtu.fake, RtuSlaves)
    whole = bytes.fromhex("01 03 04 12 34 56 78")
    whole += crc16(whole)
    got = []
    for place in range(len(whole)):
        damaged = whole[:place] + bytes((whole[place] ^ 0x41,)) + whole[place + 1 :]
        for frame in (damaged, whole[:place] + whole[place + 1 :], whole[:place] + b"\x03" + whole[place:]):
            rtu.slaves[1].instead = frame
            try:
                got.append(line.read(1, "holding", 0, 2))
            except (DriverError, Refused):
                continue
    line.close()
    assert all(found == [0x1234, 0x5678] for found in got)
    rtu.slaves[1].instead = whole
    assert rtu.line.read(1, "holding", 0, 2) == [0x1234, 0x5678]


def test_an_adapter_that_hears_itself_is_understood_once_it_is_said(rtu: Rig) -> None:
    rtu.hold(a0=7)
    assert isinstance(rtu.fake, RtuSlaves)
    rtu.fake.has_echo = True
    deaf = ModbusLine(RtuWire(str(rtu.fake.port), 115200, "N", 1, timeout_s=TIMEOUT_S, has_echo=True))
    for _ in range(3):
        assert deaf.read(1, "holding", 0, 1) == [7]
    deaf.close()


def test_a_refused_register_of_a_map_is_told_with_the_map(rig: Rig) -> None:
    rig.hold(a0=0)
    driver = rig.driver(1, v={"map": "sdm120", "register": "voltage"})
    assert read(driver, "v")["v"].reason == "not_sent"
    assert "no input register 0x0000 (voltage); correct the map sdm120" in driver.raw("v")


def test_what_came_on_the_line_is_handed_over_once(rtu: Rig) -> None:
    rtu.hold(a0=7)
    driver = rtu.driver(1, **words(0))
    driver.trace()
    read(driver, "r0")
    answer = bytes.fromhex("01 03 02 00 07")
    assert driver.trace() == answer + crc16(answer)
    assert driver.trace() == b""
    assert driver.raw("r0") == "slave 1 holding 0x0000: 0007"


def test_a_counter_that_falls_to_zero_is_doubted_also_across_a_restart(rig: Rig) -> None:
    rig.hold(a0=0, a1=12_000)
    keys = {"kwh": {"register": 0, "type": "uint32", "kind": "counter"}}
    driver = rig.driver(1, **keys)
    assert read(driver, "kwh")["kwh"] == Sample("kwh", 0, 12_000, GOOD)
    state = driver.state()
    assert state is not None
    assert driver.state() is None
    rig.hold(a1=0)
    assert read(driver, "kwh", at_s=10)["kwh"] == Sample("kwh", 10_000_000_000, 0, UNCERTAIN, "unconfirmed")
    again = rig.driver(1, **keys)
    again.restore(state)
    assert read(again, "kwh", at_s=20)["kwh"].reason == "unconfirmed"
    rig.hold(a1=12_001)
    assert read(again, "kwh", at_s=30)["kwh"].quality == GOOD


@pytest.mark.parametrize("state", ["", "{", '{"registers":7}', '{"registers":{"kwh":"x"}}', "\udcff"])
def test_a_damaged_memory_is_ignored(rig: Rig, state: str) -> None:
    rig.hold(a0=0, a1=12_000)
    driver = rig.driver(1, kwh={"register": 0, "type": "uint32", "kind": "counter"})
    driver.restore(state)
    assert read(driver, "kwh")["kwh"].quality == GOOD


def test_coils_and_contacts_are_read_as_bits(rig: Rig) -> None:
    rig.slaves[1].words.update({("coil", 3): 1, ("coil", 4): 0, ("coil", 12): 1, ("discrete", 0): 1})
    rig.slaves[1].words.update({("coil", address): 0 for address in range(5, 12)})
    driver = rig.driver(
        1,
        pump={"register": 3, "table": "coil"},
        valve={"register": 4, "table": "coil"},
        far={"register": 12, "table": "coil"},
        door={"register": 0, "table": "discrete"},
    )
    assert values(read(driver, "pump", "valve", "far", "door")) == {"pump": 1, "valve": 0, "far": 1, "door": 1}
    assert Modbus.channel(driver._points["pump"]).words == ("off", "on")


def test_an_unplugged_line_is_said_and_used_again_when_it_is_back(rig: Rig) -> None:
    rig.hold(a0=7)
    driver = rig.driver(1, **words(0))
    rig.served.unplug()
    with pytest.raises(DriverError) as caught:
        read(driver, "r0")
    assert caught.value.reason in {"unplugged", "no_answer"}
    assert "; check" in str(caught.value) or "; is " in str(caught.value)
    rig.served.replug()
    rig.line.close()
    assert read(driver, "r0")["r0"].value == 7


def test_a_line_that_cannot_be_opened_is_not_tried_again_for_a_second(tmp_path: Path) -> None:
    line = ModbusLine(RtuWire(str(tmp_path / "absent"), 9600, "N", 1, timeout_s=0.05, gap_s=0))
    with pytest.raises(DriverError, match="there is no such port; check the plug") as first:
        line.open()
    with pytest.raises(DriverError) as second:
        line.read(1, "holding", 0, 1)
    assert second.value is first.value
    line.close()


def test_what_waits_costs_no_looking(rtu: Rig) -> None:
    """The library's own client would look 1,000 times a second at this speed: the CPU of waiting is the measure."""
    rtu.hold(a0=7)
    driver = rtu.driver(1, **words(0))
    rtu.slaves[1].is_silent = True
    before = time.thread_time()
    for _ in range(5):
        with pytest.raises(DriverError):
            read(driver, "r0")
    spent_s = time.thread_time() - before
    print(f"{1000 * spent_s / 5:.2f} ms of CPU for a missed answer")
    assert spent_s < 5 * 0.010


def test_a_bus_is_a_serial_port_or_a_host_and_never_both(tmp_path: Path) -> None:
    for keys, said in [
        ("", "write `port`, a serial port"),
        ('host = "10.0.0.7"\nport = "/dev/ttyUSB0"\n', "with `host`, `port` is a TCP port"),
        ("port = 502\n", "write `port`, a serial port"),
        ('port = "/dev/ttyUSB0"\nbaud = 9601\n', "baud"),
    ]:
        assert said in refusal(PORT + keys)
    assert loads(PORT + 'host = "10.0.0.7"\n').buses["m"][1].port == ""


def test_two_buses_on_one_line_are_refused() -> None:
    for keys in ('port = "/dev/ttyUSB0"\n', 'host = "10.0.0.7"\n'):
        twice = PORT + keys + '[bus.n]\nkind = "modbus"\n' + keys
        assert "already uses this device" in refusal(twice)
    loads(PORT + 'host = "10.0.0.7"\n[bus.n]\nkind = "modbus"\nhost = "10.0.0.8"\n')


def test_a_line_that_is_asked_for_more_than_it_can_carry_is_refused() -> None:
    row = '[[point]]\nid = "p{0}"\nbus = "m"\ndriver = "modbus"\nslave = 1\nregister = {0}\ntype = "float32"\n'
    rows = "".join(row.format(address) for address in range(0, 1000, 2))
    assert "takes 2.3 s, more than their periods leave" in refusal(PORT + 'port = "/dev/ttyUSB0"\n' + rows)
    loads(PORT + 'port = "/dev/ttyUSB0"\nbaud = 57600\n' + rows)
    loads(PORT + 'host = "10.0.0.7"\n' + rows)


def test_a_line_is_opened_as_the_settings_say(rig: Rig) -> None:
    is_tcp = isinstance(rig.fake, TcpSlaves)
    keys = {"host": "127.0.0.1", "port": rig.fake.port} if is_tcp else {"port": str(rig.fake.port), "baud": 115200}
    rig.hold(a0=7)
    handle = buses.open_bus("modbus", msgspec.convert(keys, buses.Modbus))
    assert handle.read(1, "holding", 0, 1) == [7]
    buses.close_bus("modbus", handle)
    buses.close_bus("modbus", handle)


def test_a_port_that_another_program_holds_is_said(rtu: Rig) -> None:
    rtu.line.open()
    other = ModbusLine(RtuWire(str(rtu.fake.port), 9600, "N", 1, timeout_s=0.05, gap_s=0))
    with pytest.raises(DriverError, match="another program holds it"):
        other.open()


def test_a_register_knows_its_own_name() -> None:
    assert Register("r", 3).end == 4
