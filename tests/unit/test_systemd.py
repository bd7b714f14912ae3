"""What systemd hears, on a real datagram socket: a path or an abstract address."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge.cli.serve import Asked, wait
from edge.runtime.systemd import notify, watchdog_s


@contextmanager
def listener(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(address)
        channel.settimeout(5)
        yield channel


def test_a_state_arrives_on_the_socket_that_systemd_names(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listener(path) as channel:
        assert notify("READY=1", {"NOTIFY_SOCKET": path})
        assert channel.recv(100) == b"READY=1"


def test_an_abstract_address_begins_with_an_at_sign(tmp_path: Path) -> None:
    name = f"vigie-{os.getpid()}-{tmp_path.name}"
    with listener(f"\0{name}") as channel:
        assert notify("WATCHDOG=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert channel.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify", "@nobody-listens-here", "x" * 200])
def test_nobody_who_listens_is_no_error(address: str | None) -> None:
    assert not notify("READY=1", {} if address is None else {"NOTIFY_SOCKET": address})


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(environment: dict[str, str], seconds: float | None) -> None:
    assert watchdog_s(environment) == seconds


def test_the_watchdog_is_fed_only_while_the_box_is_alive(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    stopping = Asked()
    looks: list[bool] = []

    def is_alive() -> bool:
        looks.append(len(looks) not in {2, 3})
        if len(looks) == 6:
            stopping.to_stop()
        return looks[-1]

    box: Any = SimpleNamespace(is_alive=is_alive)
    with listener(path) as channel:
        wait(stopping, box, None, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000"})
        channel.setblocking(False)
        heard = [channel.recv(100) for _ in range(4)]
        with pytest.raises(BlockingIOError):
            channel.recv(100)
    assert looks == [True, True, False, False, True, True]
    assert heard == [b"WATCHDOG=1"] * 4


def test_a_signal_may_come_at_any_moment_of_the_wait_for_it() -> None:
    """A handler runs between two instructions of the thread that waits: as this trace does, at each of them."""
    asked = Asked()

    def handler(_frame: Any, _event: str, _arg: Any) -> Any:
        asked.to_reload()
        return handler

    def wait_for_it() -> None:
        asked.wait(0.01)
        sys.settrace(handler)
        try:
            asked.wait(0.01)
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=wait_for_it, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for itself"
    assert asked.reloads > 2


def test_a_wait_of_years_is_no_fault() -> None:
    asked = Asked()
    asked.to_stop()
    asked.wait(1e12)
    asked.wait(-1.0)
    assert asked.is_stopping
