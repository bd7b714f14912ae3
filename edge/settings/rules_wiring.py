"""Rules between tables, of the wiring: one use for each pin, address, port and channel, and each driver on its bus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from edge.core.text import Text
from edge.settings.draft import BusRow, Draft, PointRow, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.hints import nearest
from edge.settings.pins import HEADER, lines_of, pin_words
from edge.settings.places import KeyPath
from edge.settings.rules_load import check_load

DISPLAY_ADDRESS: Final = 0x3C  # model.Display's own, when the file says nothing
SHARED: Final = ("pull", "active_low", "debounce_ms", "weight", "weight_unit", "max_per_s")
"""What two points on one pin must say alike."""
_PLACES: Final = {
    "i2c": ("number",), "serial": ("port",), "onewire": ("path",), "modbus": ("host", "port"), "http": ("url",)
}  # fmt: skip


def check_wiring(draft: Draft, faults: Faults) -> None:
    """Note what is wired twice or to the wrong bus."""
    _check_buses(draft, faults)
    for row in draft.points:
        _check_bus_of(row, draft, faults)
    _check_pins(draft, faults)
    _check_addresses(draft, faults)
    _check_channels(draft, faults)
    _check_devices(draft, faults)
    check_load(draft, faults)
    for output in draft.outputs:
        _check_bus_of_output(output, draft, faults)
    led, display = draft.single.get("led"), draft.single.get("display")
    if led is not None:
        _check_led(led, draft, faults)
    if (test := draft.single.get("test")) is not None:
        _check_pin_and_bus(test, draft, faults)
    if display is not None:
        _check_display(display, draft, faults)


def _check_buses(draft: Draft, faults: Faults) -> None:
    """Note two buses on one device: each has its own thread, and they would read each other's bytes."""
    seen: dict[tuple[str, Any], BusRow] = {}
    for row in draft.buses.values():
        kind = row.good.get("kind")
        if row.options is None or kind not in _PLACES:
            continue
        name = next(name for name in _PLACES[kind] if getattr(row.options, name) not in {"", None})  # i2c-0 is one
        line = "serial" if kind == "modbus" and name == "port" else kind  # one port, whoever speaks on it
        place = (getattr(row.options, name), row.options.port) if name == "host" else getattr(row.options, name)
        first = seen.setdefault((line, place), row)
        if first is not row and kind == "onewire":
            _check_masters(row, draft, faults)
        elif first is not row:
            faults.at_value(row.key(name), "fault.bus_twice", bus=first.name, line=LineOf(first.path))


def _check_masters(row: BusRow, draft: Draft, faults: Faults) -> None:
    """Note a 1-Wire bus that reads a master of an earlier one, or all of them beside it."""
    for first in draft.buses.values():
        if first is row:
            return
        if first.good.get("kind") == "onewire" and first.options is not None and first.options.path == row.options.path:
            masters = {first.options.master, row.options.master}
            if len(masters) == 1 or "" in masters:
                key = row.key("master" if row.options.master else "path")
                faults.at_value(key, "fault.bus_twice", bus=first.name, line=LineOf(first.path))
                return


def _check_bus_of(row: PointRow, draft: Draft, faults: Faults) -> None:
    named = getattr(row.options, "of", "")  # of a point of the box: the bus whose errors are counted
    if named and named not in draft.buses:
        _note_no_bus(row, named, draft, faults, "of")
    name = row.good.get("bus")
    if name is None:
        return
    bus = draft.buses.get(name)
    if bus is None:
        _note_no_bus(row, name, draft, faults)
    elif row.driver is not None and bus.good.get("kind") not in {None, row.driver.bus_kind}:
        faults.at_value(
            row.key("bus"),
            "fault.wrong_bus_kind",
            driver=row.good.get("driver"),
            kind=row.driver.bus_kind,
            bus=name,
            found=bus.good["kind"],
            line=LineOf(bus.path),
        )


def _note_no_bus(row: Row, name: str, draft: Draft, faults: Faults, key: str = "bus") -> None:
    near = nearest(name, draft.buses)
    if faults.is_partial:
        return
    if near:
        faults.at_value(row.key(key), "fault.no_bus_near", near=near, line=LineOf(draft.buses[near].path))
    elif draft.buses:
        faults.at_value(row.key(key), "fault.no_bus", known=sorted(draft.buses))
    else:
        faults.at_value(row.key(key), "fault.no_buses")


def _check_bus_of_output(row: Row, draft: Draft, faults: Faults) -> None:
    name = row.good.get("bus")
    if name is None:
        return
    bus = draft.buses.get(name)
    if bus is None:
        _note_no_bus(row, name, draft, faults)
    elif bus.good.get("kind") not in {None, "gpio"}:
        faults.at_value(row.key("bus"), "fault.output_bus", found=bus.good["kind"], line=LineOf(bus.path))


def _check_led(led: Row, draft: Draft, faults: Faults) -> None:
    """Note a lamp on a pin without its bus, or a name beside the pin: only one can be lit."""
    _check_pin_and_bus(led, draft, faults)
    if "pin" in led.raw and led.good.get("bus") and led.good.get("name"):
        faults.at_key(led.key("name"), "fault.led_name")


def _check_pin_and_bus(row: Row, draft: Draft, faults: Faults) -> None:
    """Note a pin without its bus, or a bus without a pin."""
    if "pin" in row.raw and not row.good.get("bus"):
        faults.missing(row.path, "fault.led_bus")
    elif "pin" in row.raw:
        _check_bus_of_output(row, draft, faults)
    elif row.good.get("bus"):
        faults.at_key(row.key("bus"), "fault.led_pin")


def _check_display(display: Row, draft: Draft, faults: Faults) -> None:
    """Note a display on no I2C bus, at a sensor's address, or of points that are not there."""
    name, address = display.good.get("bus"), display.good.get("address", DISPLAY_ADDRESS)
    bus = draft.buses.get(name or "")
    if name is not None and bus is None:
        _note_no_bus(display, name, draft, faults)
    elif bus is not None and bus.good.get("kind") not in {None, "i2c"}:
        faults.at_value(display.key("bus"), "fault.display_bus", found=bus.good["kind"], line=LineOf(bus.path))
    for row in draft.points:
        if row.good.get("bus") == name and getattr(row.options, "address", None) == address:
            _note_address(display.key("address"), address, row, faults)
            break
    known = {row.good.get("id"): row for row in draft.points}
    for place, point in enumerate(display.good.get("points", [])):
        if point not in known and not faults.is_partial:
            faults.at_value((*display.path, "points", place), "fault.no_point", known=sorted(map(str, known))[:8])


def _check_pins(draft: Draft, faults: Faults) -> None:
    """Note a pin used twice; the index and the flow of one pulse meter share theirs."""
    held: dict[int, tuple[Row, str]] = {}
    _check_power_pins(draft, held, faults)
    outputs = [(row, key) for row in draft.outputs for key in ("pin", "readback_pin")]
    single = [draft.single[name] for name in ("led", "test") if name in draft.single]
    others = [(row, "pin") for row in (*draft.points, *single)]
    for row, key in [*others, *outputs]:
        pin = row.good.get(key)
        if isinstance(row, PointRow) and (row.driver is None or row.driver.bus_kind != "gpio"):
            continue
        if not isinstance(pin, int):
            continue
        if pin not in HEADER:
            faults.at_value(row.key(key), "fault.no_such_pin", pin=pin)
            continue
        first, first_key = held.setdefault(pin, (row, key))
        if isinstance(first, PointRow) and isinstance(row, PointRow) and _share_pin(first, row):
            _check_shared(first, row, faults)
        elif (first, first_key) != (row, key):
            at = LineOf(first.key(first_key))
            faults.at_value(row.key(key), "fault.pin_used", **pin_words(pin), owner=_owner(first), line=at)
        for bus, line in _buses_on(draft, pin):
            faults.at_value(row.key(key), "fault.pin_of_bus", **pin_words(pin), bus=bus.name, line=line)


def _check_power_pins(draft: Draft, held: dict[int, tuple[Row, str]], faults: Faults) -> None:
    """Note a pin that powers two buses, or carries one itself; the others are held from here on."""
    for bus in draft.buses.values():
        pin = getattr(bus.options, "power_pin", None)
        if pin is None:
            continue
        first, first_key = held.setdefault(pin, (bus, "power_pin"))
        if first is not bus:
            at = LineOf(first.key(first_key))
            faults.at_value(bus.key("power_pin"), "fault.pin_used", **pin_words(pin), owner=_owner(first), line=at)
        for of_bus, line in _buses_on(draft, pin):
            faults.at_value(bus.key("power_pin"), "fault.pin_of_bus", **pin_words(pin), bus=of_bus.name, line=line)


def _check_shared(first: PointRow, second: PointRow, faults: Faults) -> None:
    """Note what the index and the flow of one pin say differently of its wiring or of a pulse."""
    for name in SHARED:
        if getattr(first.options, name, None) != getattr(second.options, name, None):
            faults.at_value(second.key(name), "fault.pin_options", owner=_owner(first), line=LineOf(first.key(name)))


def _share_pin(first: PointRow, second: PointRow) -> bool:
    if first is second or first.driver is not second.driver or first.options is None or second.options is None:
        return False
    channels = [getattr(row.options, "channel", None) for row in (first, second)]
    return first.device == second.device and channels[0] != channels[1]


def _buses_on(draft: Draft, pin: int) -> Iterator[tuple[BusRow, LineOf]]:
    for bus in draft.buses.values():
        if bus.options is not None and pin in lines_of(bus.good.get("kind", ""), bus.options):
            yield bus, LineOf(bus.path)


def _check_addresses(draft: Draft, faults: Faults) -> None:
    """Note an I2C address that two different drivers claim."""
    claimed: dict[tuple[str, int], PointRow] = {}
    for row in draft.points:
        address = getattr(row.options, "address", None)
        if row.driver is None or row.driver.bus_kind != "i2c" or not isinstance(address, int):
            continue
        first = claimed.setdefault((row.good.get("bus", ""), address), row)
        if first.driver is not row.driver:
            _note_address(row.key("address"), address, first, faults)


def _note_address(path: KeyPath, address: int, owner: PointRow, faults: Faults) -> None:
    faults.at_value(
        path, "fault.address_used", address=f"0x{address:02x}", owner=_owner(owner),
        driver=owner.good.get("driver", ""), line=LineOf(owner.key("address")),
    )  # fmt: skip


def _check_channels(draft: Draft, faults: Faults) -> None:
    """Note two points that read the very same thing."""
    read: dict[tuple[Any, ...], PointRow] = {}
    for row in draft.points:
        if row.options is None or row.device is None:
            continue
        # options are frozen structs, but one of another package may hold a list: compared by their text
        first = read.setdefault((row.good.get("bus"), row.good.get("driver"), row.device, repr(row.options)), row)
        if first is not row and not _is_noted_by_pin(row):
            faults.at_key(row.path, "fault.read_twice", owner=_owner(first), line=LineOf(first.path), device=row.device)


def _check_devices(draft: Draft, faults: Faults) -> None:
    """Note what two points say differently of the device that they share: one of them would not be heard."""
    said: dict[tuple[Any, ...], PointRow] = {}
    for row in draft.points:
        names = getattr(row.driver, "one_each", ()) if row.device is not None and row.options is not None else ()
        for name in (name for name in names if name in row.raw):
            first = said.setdefault((row.good.get("bus"), row.device, name), row)
            if getattr(first.options, name) != getattr(row.options, name):
                at = LineOf(first.key(name))
                faults.at_value(row.key(name), "fault.device_options", owner=_owner(first), device=row.device, line=at)


def _is_noted_by_pin(row: PointRow) -> bool:
    return row.driver is not None and row.driver.bus_kind == "gpio" and isinstance(row.good.get("pin"), int)


def _owner(row: Row) -> Any:
    """Return how a table is called in a sentence about another: its id in quotes, or its place in the file."""
    name = row.name if isinstance(row, BusRow) else row.good.get("id")
    return f'"{name}"' if name else Text("fault.another_table")
