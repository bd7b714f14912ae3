"""A search of a Modbus line finds who is there, at which speed, and what it is, within its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal import modbus_maps
from hal.decode.modbus import Register
from hal.driver import DriverError
from hal.fake.modbus import FakeSlave, RtuSlaves, TcpSlaves, slave_of
from hal.modbus_scan import Answer, Search, search_host, search_port
from tests.served import Served

ANSWER_S = 0.03


def meters() -> dict[int, FakeSlave]:
    sdm = slave_of(modbus_maps.load("sdm120").registers.values(), {"voltage": 230.0})
    sdm.words["holding", 0xFC02] = 0x0020
    registers = modbus_maps.load("pzem016").registers.values()
    pzem = slave_of(registers, {register.name: 0 for register in registers} | {"voltage": 2301, "frequency": 500})
    mute = FakeSlave(is_silent=True)
    return {1: sdm, 7: pzem, 40: FakeSlave(), 41: mute}


def ids(search: Search) -> list[tuple[int, str, bool]]:
    return [(answer.slave, answer.map, answer.is_sure) for answer in search.run()]


def test_who_answers_is_found_with_its_map_and_who_refuses_is_there_too(tmp_path: Path) -> None:
    with Served(RtuSlaves(meters(), tmp_path / "rs485")):
        search = search_port(str(tmp_path / "rs485"), bauds=(115200,), answer_s=ANSWER_S, slaves=(1, 2, 7, 40, 41))
        assert ids(search) == [(1, "sdm120", True), (7, "pzem016", False), (40, "", False)]


def test_a_gateway_is_searched_as_a_line_is() -> None:
    fake = TcpSlaves({1: meters()[1], 3: FakeSlave(exception=1), 4: FakeSlave(exception=11)})
    with Served(fake):
        search = search_host("127.0.0.1", fake.port, answer_s=ANSWER_S, slaves=range(1, 6))
        assert ids(search) == [(1, "sdm120", True), (3, "", False)]


def test_the_ids_that_people_give_come_first_and_time_is_kept(tmp_path: Path) -> None:
    slaves = {slave: FakeSlave(exception=2) for slave in (16, 200)}
    with Served(RtuSlaves(slaves, tmp_path / "rs485")):
        search = search_port(str(tmp_path / "rs485"), bauds=(9600, 115200), answer_s=0.01, within_s=0.0)
        assert (list(search.run()), search.asked, search.left) == ([], 0, 494)
        search = search_port(str(tmp_path / "rs485"), bauds=(115200,), answer_s=0.01, within_s=1.5)
        assert next(search.run()) == Answer(16, 115200, "N")
        assert search.asked == 16


def test_an_answer_that_comes_late_is_given_to_who_sent_it(tmp_path: Path) -> None:
    late = FakeSlave({("input", 0): 1, ("input", 1): 1}, delay_s=1.5 * ANSWER_S)
    with Served(RtuSlaves({5: late}, tmp_path / "rs485")):
        search = search_port(str(tmp_path / "rs485"), bauds=(115200,), answer_s=ANSWER_S, slaves=range(1, 9))
        assert [slave for slave, _, _ in ids(search)] == [5]


def test_a_damaged_answer_is_nobody(tmp_path: Path) -> None:
    with Served(RtuSlaves({5: FakeSlave(has_wrong_crc=True)}, tmp_path / "rs485")):
        search = search_port(str(tmp_path / "rs485"), bauds=(115200,), answer_s=ANSWER_S, slaves=range(1, 9))
        assert ids(search) == []


def test_a_port_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="there is no such port"):
        list(search_port(str(tmp_path / "absent")).run())


def test_values_that_do_not_look_like_the_mains_are_no_guess(tmp_path: Path) -> None:
    slaves = meters()
    slaves[7].set(modbus_maps.load("pzem016").registers["frequency"], 12)
    slaves[7].set(Register("x", 0, "input"), 0)
    with Served(RtuSlaves(slaves, tmp_path / "rs485")):
        search = search_port(str(tmp_path / "rs485"), bauds=(115200,), answer_s=ANSWER_S, slaves=(7,))
        assert ids(search) == [(7, "", False)]
