"""Opening a bus: what is handed to the drivers, and what a person is told when it is not there."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from smbus2 import i2c_msg

from hal import buses
from hal.fake.i2c import Ads1115Chip, FakeI2c
from tests.support import ROOT, eventually


def test_an_absent_i2c_bus_says_what_to_switch_on() -> None:
    with pytest.raises(OSError, match=r"i2c-97: /dev/i2c-97 does not exist; switch I2C on"):
        buses.open_bus("i2c", buses.I2c(97))


def test_an_absent_onewire_folder_says_what_to_switch_on(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="dtoverlay=w1-gpio"):
        buses.open_bus("onewire", buses.OneWire(str(tmp_path / "nothing")))
    assert buses.open_bus("onewire", buses.OneWire(str(tmp_path))).folder == tmp_path


def test_a_onewire_master_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    for master in ("w1_bus_master1", "w1_bus_master2"):
        (tmp_path / master).mkdir()
    opened = buses.open_bus("onewire", buses.OneWire(str(tmp_path), "w1_bus_master2"))
    assert opened.folder == tmp_path / "w1_bus_master2"
    with pytest.raises(OSError, match=r"no w1_bus_master3; masters in .*: w1_bus_master1, w1_bus_master2"):
        buses.open_bus("onewire", buses.OneWire(str(tmp_path), "w1_bus_master3"))


def test_a_serial_bus_is_its_port_and_an_own_bus_is_nothing() -> None:
    assert buses.open_bus("serial", buses.Serial("/dev/serial/by-id/x")) == "/dev/serial/by-id/x"
    assert buses.open_bus("own", buses.Own()) is None


def test_an_unknown_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        buses.open_bus("canbus", None)


def test_modbus_without_its_library_says_what_to_install() -> None:
    code = (
        f"{without('pymodbus')}\nfrom hal import buses\n"
        "try:\n buses.open_bus('modbus', buses.Modbus(host='127.0.0.1'))\nexcept OSError as e:\n print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "modbus: the library pymodbus is missing; install vigie[modbus] (install.sh --modbus)\n"


@pytest.mark.parametrize("kind", sorted(buses.KINDS))
def test_closing_never_raises_twice_or_without_handle(kind: str) -> None:
    buses.close_bus(kind, None)
    handle = FakeI2c() if kind == "i2c" else None
    buses.close_bus(kind, handle)
    buses.close_bus(kind, handle)


def opened_gpio(tmp_path: Path, factory: str = "", chip: str = "", before: str = "") -> str:
    """Open a gpio bus in a process of its own, since the factory is the process's; return what it said."""
    opening = f"print(buses.open_bus('gpio', buses.Gpio({chip!r})))"
    code = f"{before}\nfrom hal import buses\ntry:\n {opening}\nexcept OSError as e:\n print(e)"
    variables = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"} | (
        {"GPIOZERO_PIN_FACTORY": factory} if factory else {}
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def without(*libraries: str) -> str:
    """Return a statement after which these can't be imported, as where their package is not installed."""
    return f"import sys; sys.modules.update(dict.fromkeys({libraries!r}))"


def test_gpio_without_a_board_is_an_error_of_gpiod_that_names_the_cure_and_never_the_native_factory(
    tmp_path: Path,
) -> None:
    if any(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO lines")
    said = opened_gpio(tmp_path)
    assert said.startswith(
        "gpio: no GPIO controller of a Raspberry Pi's header: there is no /dev/gpiochip*; check that"
    )
    assert opened_gpio(tmp_path, "gpiod") == said


def test_the_chip_of_the_settings_is_the_one_that_is_looked_for(tmp_path: Path) -> None:
    assert 'gpio: no GPIO chip is named "gpiochip77": ' in opened_gpio(tmp_path, chip="gpiochip77")


def test_lgpio_is_taken_where_gpiod_is_missing(tmp_path: Path) -> None:
    if find_spec("lgpio") is None:
        pytest.skip("lgpio has no build for this Python")
    if any(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO lines")
    said = opened_gpio(tmp_path, before=without("gpiod"))
    assert said.startswith("gpio: /dev/gpiochip0: ")
    assert opened_gpio(tmp_path, "lgpio") == said


def test_gpio_without_any_library_says_what_to_install(tmp_path: Path) -> None:
    said = opened_gpio(tmp_path, before=without("gpiod", "lgpio"))
    assert said == "gpio: the libraries gpiod and lgpio are missing; install vigie[gpio]\n"


@pytest.mark.parametrize("factory", ["native", "pigpio", "NATIVE"])
def test_factories_that_would_do_harm_are_refused(tmp_path: Path, factory: str) -> None:
    assert "can't be used here" in opened_gpio(tmp_path, factory)


def test_a_factory_that_would_do_harm_is_refused_also_when_it_is_there_already(tmp_path: Path) -> None:
    planted = (
        "from gpiozero import Device\n"
        "class Planted: __module__ = 'gpiozero.pins.native'; close = lambda self: None; _reservations = {}\n"
        "import threading; Planted._res_lock = threading.Lock(); Device.pin_factory = Planted()"
    )
    assert "can't be used here" in opened_gpio(tmp_path, before=planted)


def test_a_second_chip_is_refused(tmp_path: Path) -> None:
    planted = (
        "from gpiozero import Device; from hal.fake.gpiochip import ChipGpio\n"
        "Device.pin_factory = ChipGpio().factory; Device.pin_factory.wanted = 'gpiochip0'"
    )
    assert "gpiochip4: another chip is in use" in opened_gpio(tmp_path, chip="gpiochip4", before=planted)
    assert opened_gpio(tmp_path, chip="gpiochip0", before=planted) == "None\n"
    assert opened_gpio(tmp_path, before=planted) == "None\n"


def test_a_mock_factory_named_by_the_environment_is_taken(tmp_path: Path) -> None:
    assert opened_gpio(tmp_path, "mock") == "None\n"


def test_a_blocked_i2c_bus_holds_the_call_until_it_is_released() -> None:
    bus = FakeI2c({0x48: Ads1115Chip()})
    bus.block()
    answers: list[object] = []
    caller = threading.Thread(target=lambda: answers.append(bus.read_i2c_block_data(0x48, 1, 2)), name="caller")
    caller.start()
    assert not answers
    bus.release()
    caller.join(5)
    assert answers == [[0x85, 0x83]]


def test_a_blocked_i2c_bus_lets_go_at_close() -> None:
    bus = FakeI2c({0x48: Ads1115Chip()})
    bus.block()
    errors: list[int | None] = []

    def call() -> None:
        try:
            bus.write_byte(0x48, 0)
        except OSError as exc:
            errors.append(exc.errno)

    caller = threading.Thread(target=call, name="caller")
    caller.start()
    bus.close()
    eventually(lambda: errors == [110])
    caller.join(5)


def test_the_fake_bus_speaks_smbus2_messages() -> None:
    bus = FakeI2c({0x48: Ads1115Chip(1.0)})
    answer = i2c_msg.read(0x48, 2)
    bus.i2c_rdwr(i2c_msg.write(0x48, [1]), answer)
    assert bytes(answer) == b"\x85\x83"
    bus.unplug(0x48)
    with pytest.raises(OSError, match="Remote I/O error"):
        bus.i2c_rdwr(i2c_msg.write(0x48, [1]))
    bus.replug(0x48)
    bus.i2c_rdwr(i2c_msg.write(0x48, [1]))
