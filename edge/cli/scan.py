"""`vigie scan`: what is wired to this machine, who reads it, and what to write for what nobody reads yet.

Exit codes: 0 looked everywhere, 1 some bus could not be looked at (each says why), 2 bad input.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.cli.client import DEFAULT_CONFIG, Client, NotRunningError, RefusedError, socket_path
from edge.cli.printed import aligned
from edge.cli.words import Words, own_words
from edge.settings.faults import SettingsError
from edge.settings.load import load
from edge.settings.model import Settings
from hal import scan
from hal.buses import I2c, close_bus, open_bus
from hal.scan import Seen
from hal.tic_listen import listen

I2C_NODE: Final = re.compile(r"i2c-(\d+)")
LISTEN_S: Final = 6.0
MODBUS_S: Final = 120.0
EXIT_NOT_ALL: Final = 1


KIND_OF: Final = {"ds18b20": "onewire", "teleinfo": "serial", "modbus": "modbus"}
"""Driver -> the kind of its bus; all others are on I2C."""


ASK_MORE: Final = {"teleinfo": "a point for each label", "modbus": "a point for each register"}


class Row(msgspec.Struct):
    """Something that is there, and the points of the settings that read it."""

    seen: Seen
    points: list[str] = []
    fault: str = ""
    """Why a place could not be looked at; `seen` then names the place alone."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie scan` takes."""
    parser.add_argument("--config", metavar="FILE", type=Path, default=DEFAULT_CONFIG, help="the site's settings file")
    parser.add_argument("--socket", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--dev", metavar="DIR", type=Path, default=Path("/dev"), help=argparse.SUPPRESS)
    parser.add_argument("--w1", metavar="DIR", type=Path, default=Path("/sys/bus/w1/devices"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--listen",
        metavar="S",
        type=float,
        default=LISTEN_S,
        help="seconds to listen at each serial port, 0 for none (default 6)",
    )
    parser.add_argument("--modbus", metavar="PORT", help="look for Modbus slaves on this serial port, or at HOST[:502]")
    parser.add_argument(
        "--for", dest="seconds", metavar="S", type=float, default=MODBUS_S, help="for at most so long (120)"
    )
    parser.add_argument("--toml", action="store_true", help="print points to paste for what no point reads yet")
    parser.add_argument("--json", action="store_true", help="everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Look around and print."""
    settings, say = _site(args.config)
    rows = [*_i2c(args.dev, settings), *_onewire(args.w1, settings), *_ports(args, settings), *_slaves(args, settings)]
    if args.json:
        print(msgspec.json.encode(rows).decode())
    elif args.toml:
        for line in toml_of(rows, settings):
            print(line)
    else:
        for line in lines_of(rows, say):
            print(line)
    return EXIT_NOT_ALL if any(row.fault for row in rows) else 0


def _site(config: Path) -> tuple[Settings | None, Words]:
    try:
        settings = load(config)
    except SettingsError:
        return None, own_words()
    return settings, Words(settings.site.lang)


def _named(settings: Settings | None, kind: str, of: Callable[[Any, Any], Any]) -> dict[Any, list[str]]:
    """Return the points on buses of a kind by what `of` makes of their bus's and their own options."""
    found: dict[Any, list[str]] = {}
    for entry in settings.points if settings else ():
        bus_kind, bus = settings.buses[entry.point.bus]  # type: ignore[union-attr]
        if bus_kind == kind:
            found.setdefault(of(bus, entry.options), []).append(entry.point.id)
    return found


def _i2c(dev: Path, settings: Settings | None) -> Iterator[Row]:
    named = _named(settings, "i2c", lambda bus, options: (bus.number, getattr(options, "address", None)))
    numbers = sorted(int(match[1]) for path in dev.glob("i2c-*") if (match := I2C_NODE.fullmatch(path.name)))
    for number in numbers:
        where = f"i2c-{number}"
        bus = None
        try:
            bus = open_bus("i2c", I2c(number=number))
            found = scan.i2c(bus, where, [address for at, address in named if at == number])
        except OSError as exc:
            yield Row(Seen(where, ""), fault=str(exc))
            continue
        finally:
            close_bus("i2c", bus)
        for seen in found:
            yield Row(seen, named.get((number, int(seen.device, 16)), []))


def _onewire(folder: Path, settings: Settings | None) -> Iterator[Row]:
    named = _named(settings, "onewire", lambda _bus, options: getattr(options, "probe", None))
    if not folder.is_dir():
        return  # no 1-Wire here, and the settings may want none
    for seen in scan.onewire(folder):
        yield Row(seen, named.get(seen.device, []))


def _ports(args: argparse.Namespace, settings: Settings | None) -> Iterator[Row]:
    """Yield each serial port with what a meter says there; those that a running box reads are left to it."""
    named = _named(settings, "serial", lambda bus, _options: Path(bus.port).resolve())
    is_running = bool(named) and _is_running(args.socket)
    for port in scan.serial_ports(args.dev):
        points = named.get(Path(port).resolve(), [])
        if (points and is_running) or not args.listen:
            yield Row(Seen(port, ""), points)
            continue
        try:
            heard = listen(port, args.listen)
        except OSError as exc:
            yield Row(Seen(port, ""), points, fault=str(exc))
            continue
        what = (f"Téléinfo {heard.mode} {heard.baud} Bd",) if heard.mode else ()
        yield Row(Seen(port, "meter" if heard.mode else "", what, "teleinfo" if heard.mode else ""), points)


def _is_running(socket: str | None) -> bool:
    try:
        Client(socket_path(socket)).get("box")
    except (NotRunningError, RefusedError):
        return False
    return True


def _slaves(args: argparse.Namespace, settings: Settings | None) -> Iterator[Row]:
    """Yield the Modbus slaves that answer on the line asked for."""
    if not args.modbus:
        return
    from hal import modbus_scan

    named = _named(settings, "modbus", lambda _bus, options: getattr(options, "slave", None))
    host, _, port = args.modbus.partition(":")
    search = (
        modbus_scan.search_port(args.modbus, within_s=args.seconds)
        if "/" in args.modbus
        else modbus_scan.search_host(host, int(port or 502), within_s=args.seconds)
    )
    try:
        for answer in search.run():
            how = f"{answer.baud} Bd {answer.parity}" if answer.baud else "TCP"
            names = tuple(name for name in (answer.map, how) if name)
            options: dict[str, Any] = {"slave": answer.slave, **({"map": answer.map} if answer.map else {})}
            yield Row(Seen(args.modbus, f"slave {answer.slave}", names, "modbus", options), named.get(answer.slave, []))
    except OSError as exc:
        yield Row(Seen(args.modbus, ""), fault=str(exc))


def lines_of(rows: list[Row], say: Words) -> list[str]:
    """Return a line for each thing that is there, under the place where it is."""
    if not rows:
        return [say("scan.nothing")]
    table = []
    for row in rows:
        seen = row.seen
        joint = ", " if seen.driver in {"modbus", "teleinfo"} else say("scan.or")
        what = joint.join(seen.names) if seen.names else "" if not seen.device else say("scan.nobody_knows")
        who = ", ".join(row.points) if row.points else _new(seen, say)
        table.append((seen.where, seen.device, row.fault or what, "" if row.fault else who))
    return aligned(table)


def _new(seen: Seen, say: Words) -> str:
    if not seen.device and not seen.names:
        return ""
    return say("scan.new", driver=seen.driver) if seen.driver else say("scan.unread")


def toml_of(rows: list[Row], settings: Settings | None) -> list[str]:
    """Return a [[point]] for each device that no point reads and a driver could; its id is to be corrected."""
    lines: list[str] = []
    kinds: Mapping[str, str] = {name: kind for name, (kind, _options) in settings.buses.items()} if settings else {}
    for row in rows:
        seen = row.seen
        if row.points or not seen.driver:
            continue
        if seen.driver in ASK_MORE:
            lines += [f"# {seen.where}: {seen.device}, driver {seen.driver}: {ASK_MORE[seen.driver]}", ""]
            continue
        kind = KIND_OF.get(seen.driver, "i2c")
        bus = next((name for name, each in kinds.items() if each == kind), kind)
        name = re.sub(r"[^a-z0-9_.-]", "-", seen.device.lower())
        lines += ["[[point]]", f'id = "new.{name}"', f'bus = "{bus}"', f'driver = "{seen.driver}"']
        lines += [f"{key} = {_toml(key, value)}" for key, value in seen.options.items()]
        lines.append("")
    return lines


def _toml(key: str, value: Any) -> str:
    if key == "address":
        return f"0x{value:02x}"
    return f'"{value}"' if isinstance(value, str) else str(value)
