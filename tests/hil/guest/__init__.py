"""A Debian 12 guest under QEMU with the station of this tree in it, in virtual time: see `Guest`."""

from tests.hil.guest.build import missing
from tests.hil.guest.guest import Guest, GuestError, Result

__all__ = ["Guest", "GuestError", "Result", "missing"]
