"""What simulated devices hang on: a serial adapter that can be unplugged, and a TCP port of this machine.

Both stay where they were when they come back, as a reader expects that opens them again by the same name.
"""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import tty
from pathlib import Path


class PtyPort:
    """A pseudo-terminal behind `port`, a link; its device is another one after each `replug`, as with a USB adapter."""

    def __init__(self, port: Path) -> None:
        """Plug it in. Raises OSError where the link can't be made."""
        self.port = port
        self._master: int | None = None
        self._slave: int | None = None
        self.replug()

    def unplug(self) -> None:
        """Take the port away: its reader gets an error, its name is gone."""
        self.port.unlink(missing_ok=True)
        for descriptor in (self._master, self._slave):
            if descriptor is not None:
                os.close(descriptor)
        self._master = self._slave = None

    def replug(self) -> None:
        """Give the port back under its name."""
        if self._master is not None:
            return
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(self._slave))

    def close(self) -> None:
        """Take it away for good."""
        self.unplug()


class TcpDoor:
    """A TCP port on 127.0.0.1 and who has come in, each with what was heard of it so far."""

    def __init__(self) -> None:
        """Open the door, at a port that the kernel chooses."""
        self.port = 0
        self._door: socket.socket | None = None
        self._guests: dict[int, tuple[socket.socket, bytes]] = {}
        self.replug()

    def filenos(self) -> list[int]:
        """Return what wakes it."""
        return ([self._door.fileno()] if self._door else []) + list(self._guests)

    def _let_in(self) -> None:
        """Let in who waits at the door."""
        if self._door is not None:
            with contextlib.suppress(BlockingIOError):
                guest, _ = self._door.accept()
                guest.setblocking(False)
                self._guests[guest.fileno()] = (guest, b"")

    def _came(self, descriptor: int) -> bytes | None:
        """Return what a guest said now; None for nothing yet, b"" where it has gone."""
        try:
            return self._guests[descriptor][0].recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _let_go(self, descriptor: int) -> None:
        """Close a guest's connection."""
        self._guests.pop(descriptor)[0].close()

    def unplug(self) -> None:
        """Close door and connections."""
        for descriptor in list(self._guests):
            self._let_go(descriptor)
        if self._door is not None:
            self._door.close()
            self._door = None

    def replug(self) -> None:
        """Open the door again, at the same port."""
        if self._door is None:
            self._door = socket.socket()
            self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._door.bind(("127.0.0.1", self.port))
            self._door.listen()
            self._door.setblocking(False)
            self.port = self._door.getsockname()[1]

    def close(self) -> None:
        """Take it away for good."""
        self.unplug()
