"""`vigie scan`: what is wired to this machine, who reads it, and what to write for what nobody reads yet.

Exit codes: 0 looked everywhere, 1 some bus could not be looked at (each says why), 2 bad input.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.cli import scan_modem
from edge.cli.client import DEFAULT_CONFIG, Client, NotRunningError, RefusedError, socket_path
from edge.cli.console import screen_width
from edge.cli.scanned import Row, lines_of, named, toml_of
from edge.cli.site_file import settings_of
from edge.cli.words import Words, own_words
from edge.settings.model import Settings
from hal import scan
from hal.buses import I2c, close_bus, open_bus
from hal.scan import Seen
from hal.tic_listen import listen

I2C_NODE: Final = re.compile(r"i2c-(\d+)")
LISTEN_S: Final = 6.0
MODBUS_S: Final = 120.0
EXIT_NOT_ALL: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie scan` takes."""
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="the site's settings file (default: the one that the box runs on)"
    )
    parser.add_argument("--socket", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--dev", metavar="DIR", type=Path, default=Path("/dev"), help=argparse.SUPPRESS)
    parser.add_argument("--proc", metavar="DIR", type=Path, default=Path("/proc"), help=argparse.SUPPRESS)
    parser.add_argument("--w1", metavar="DIR", type=Path, default=Path("/sys/bus/w1/devices"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--listen",
        metavar="S",
        type=_seconds,
        default=LISTEN_S,
        help="seconds to listen at each serial port, 0 for none (default 6)",
    )
    parser.add_argument(
        "--modbus", metavar="PORT", type=_place, help="look for Modbus slaves on this serial port, or at HOST[:502]"
    )
    parser.add_argument(
        "--for", dest="seconds", metavar="S", type=_seconds, default=MODBUS_S, help="for at most so long (120)"
    )
    parser.add_argument("--toml", action="store_true", help="print points to paste for what no point reads yet")
    parser.add_argument("--json", action="store_true", help="everything as JSON")


def _seconds(words: str) -> float:
    try:
        seconds = float(words)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{words!r}: a number of seconds is expected, such as 30")
    return seconds


def _place(words: str) -> str:
    """Return a serial port, or a host with a port that there can be. Raises ArgumentTypeError."""
    _host, colon, port = words.partition(":")
    if colon and "/" not in words and not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{words!r}: /dev/… or HOST:502 is expected")
    return words


def run(args: argparse.Namespace) -> int:
    """Look around and print."""
    box = _box(args.socket)
    settings = settings_of(args.config or Path(box.get("settings") or DEFAULT_CONFIG)).settings
    say = Words(settings.site.lang) if settings else own_words()
    rows = looked(args, settings, say, is_running=bool(box))
    if args.json:
        print(msgspec.json.encode(rows).decode())
        return _exit_code(rows)
    for line in toml_of(rows, settings, say) if args.toml else lines_of(rows, say, screen_width()):
        print(line)
    return _exit_code(rows)


def looked(args: argparse.Namespace, settings: Settings | None, say: Words, *, is_running: bool) -> list[Row]:
    """Return what is wired, place by place."""
    return [
        *_i2c(args.dev, settings), *_onewire(args.w1, settings), *_ports(args, settings, say, is_running=is_running),
        *_slaves(args, settings),
    ]  # fmt: skip


def _exit_code(rows: list[Row]) -> int:
    return EXIT_NOT_ALL if any(row.fault for row in rows) else 0


def _box(socket: str | None) -> dict[str, Any]:
    """Return what a running box says of itself; empty where none answers."""
    try:
        found: dict[str, Any] = Client(socket_path(socket)).get("box")
    except (NotRunningError, RefusedError):
        return {}
    return found


def _sms(socket: str | None) -> dict[str, Any]:
    """Return the status of a running box's SMS link; empty where there is none."""
    try:
        found: dict[str, Any] = Client(socket_path(socket)).get("buffer")["links"].get("sms", {})
    except (NotRunningError, RefusedError, KeyError):
        return {}
    return found


def _points(settings: Settings | None, kind: str, of: Callable[[Any, Any], Any]) -> dict[Any, list[str]]:
    """Return the points on buses of a kind by what `of` makes of their bus's and their own options."""
    found: dict[Any, list[str]] = {}
    for bus, options, point in named(settings, kind):
        found.setdefault(of(bus, options), []).append(point)
    return found


def _lost(where: str, kind: str, exc: OSError, points: list[str] | None = None) -> Row:
    """Return the row of a place that can't be looked at."""
    return Row(Seen(where, ""), points or [], str(exc), getattr(exc, "reason", "bus_error"), kind)


def _i2c(dev: Path, settings: Settings | None) -> Iterator[Row]:
    """Yield who answers on each I2C bus that the machine has or the settings want, and who should and does not."""
    known = _points(settings, "i2c", lambda bus, options: (bus.number, getattr(options, "address", None)))
    if settings and settings.display is not None:
        kept = settings.buses[settings.display.bus][1].number, settings.display.address
        known.setdefault(kept, []).append("[display]")
    there = {int(match[1]) for path in dev.glob("i2c-*") if (match := I2C_NODE.fullmatch(path.name))}
    for number in sorted(there | {at for at, _address in known}):
        where = f"i2c-{number}"
        wanted = {address: points for (at, address), points in known.items() if at == number and address is not None}
        bus = None
        try:
            bus = open_bus("i2c", I2c(number=number))
            found = scan.i2c(bus, where, list(wanted))
        except OSError as exc:
            yield _lost(where, "i2c", exc, [point for points in wanted.values() for point in points])
            continue
        finally:
            close_bus("i2c", bus)
        rows = [Row(seen, wanted.pop(int(seen.device, 16), []), kind="i2c") for seen in found]
        rows += [
            Row(Seen(where, f"0x{address:02x}"), points, kind="i2c", is_missing=True)
            for address, points in wanted.items()
        ]
        yield from sorted(rows, key=lambda row: row.seen.device) or [Row(Seen(where, ""), kind="i2c")]


def _onewire(folder: Path, settings: Settings | None) -> Iterator[Row]:
    known = _points(settings, "onewire", lambda _bus, options: getattr(options, "probe", None))
    if not folder.is_dir():
        if known:
            yield Row(Seen("1-Wire", ""), [], f"{folder} does not exist", "not_open", "onewire")
        return  # no 1-Wire here, and the settings may want none
    rows = [Row(seen, known.pop(seen.device, []), kind="onewire") for seen in scan.onewire(folder)]
    place = rows[0].seen.where if rows else "1-Wire"
    rows += [Row(Seen(place, probe), points, kind="onewire", is_missing=True) for probe, points in known.items()]
    yield from rows or [Row(Seen(place, ""), kind="onewire")]


def _ports(args: argparse.Namespace, settings: Settings | None, say: Words, *, is_running: bool) -> Iterator[Row]:
    """Yield each serial port with what a meter says there; those that a running box reads are left to it."""
    known = _points(settings, "serial", lambda bus, _options: bus.port)
    by_node = {Path(port).resolve(): points for port, points in known.items()}
    there = scan.serial_ports(args.dev)
    nodes = {Path(port).resolve() for port in there}
    for port in [*there, *(port for port in known if Path(port).resolve() not in nodes)]:
        points = by_node.get(Path(port).resolve(), [])
        if not points and port in there and scan_modem.is_modem(port, args.dev, settings):
            taken = scan_modem.daemon_runs(args.proc)
            yield scan_modem.row_of(port, say, settings, _sms(args.socket) if taken else {}, is_taken=taken)
            continue
        is_held = bool(points) and is_running
        if (is_held or not args.listen) and Path(port).exists():
            yield Row(Seen(port, ""), points, is_held=is_held)
            continue
        try:
            heard = listen(port, args.listen)
        except OSError as exc:
            yield _lost(port, "serial", exc, points)
            continue
        what = (f"Téléinfo {heard.mode} {heard.baud} Bd",) if heard.mode else ()
        seen = Seen(port, "meter" if heard.mode else "", what, "teleinfo" if heard.mode else "")
        yield Row(seen, points, kind="serial")


def _slaves(args: argparse.Namespace, settings: Settings | None) -> Iterator[Row]:
    """Yield the Modbus slaves that answer on the line asked for."""
    if not args.modbus:
        return
    from hal import modbus_scan

    known = _points(settings, "modbus", lambda _bus, options: getattr(options, "slave", None))
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
            yield Row(
                Seen(args.modbus, f"slave {answer.slave}", names, "modbus", options),
                known.get(answer.slave, []),
                kind="modbus",
            )
    except OSError as exc:
        yield _lost(args.modbus, "modbus", exc)
