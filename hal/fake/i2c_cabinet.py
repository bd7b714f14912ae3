"""Simulated chips of the cabinet on an I2C bus: the supply's INA219 and the DS3231 battery clock."""

from __future__ import annotations

from hal.decode import ds3231, ina219
from hal.pace import Pace


class Ina219Chip:
    """An INA219 with a settable supply, its current flowing through `shunt_ohm`. With a `pace` it takes its time."""

    def __init__(
        self, volt: float = 12.0, ampere: float = 0.5, *, shunt_ohm: float = 0.1, pace: Pace | None = None
    ) -> None:
        self.volt = volt
        self.ampere = ampere
        self.shunt_ohm = shunt_ohm
        self.never_ready = False
        self._pace = pace
        self.power_up()

    def power_up(self) -> None:
        """Forget the settings, as after a loss of the supply."""
        self._pointer = 0
        self._config = ina219.RESET_CONFIG
        self._shunt = self._bus = bytes(2)
        self._done_s = 0.0

    def write(self, octets: bytes) -> None:
        """Take a register's number and, for the configuration, its word."""
        self._pointer = octets[0]
        if self._pointer == ina219.CONFIG and len(octets) == 3:
            self._config = int.from_bytes(octets[1:], "big")
            range_mv = ina219.RANGES_MV[self._config >> 11 & 3]
            self._shunt, self._bus = ina219.registers_from(self.ampere * self.shunt_ohm, self.volt, range_mv)
            code = self._config >> 3 & 15
            if self._pace is not None:
                self._done_s = self._pace.monotonic_s() + 2 * ina219.AVERAGED[1 << (code & 7) if code & 8 else 1]

    def read(self, length: int) -> bytes:
        """Return the register that was named last; those of an INA226 are empty."""
        if self._pointer == ina219.CONFIG:
            return self._config.to_bytes(2, "big")[:length]
        if self._pointer == ina219.SHUNT:
            return self._shunt[:length]
        if self._pointer == ina219.BUS:
            is_done = self._pace is None or self._pace.monotonic_s() >= self._done_s
            return (
                self._bus[:length]
                if is_done and not self.never_ready
                else bytes((self._bus[0], self._bus[1] & ~2))[:length]
            )
        return bytes(length)


class Ds3231Chip:
    """A DS3231. Its time goes on by `pace`; without one it stands still, as a test or a driver set it."""

    def __init__(self, utc_s: int = 1_795_166_000, temperature_c: float = 24.25, *, pace: Pace | None = None) -> None:
        self._pace = pace
        self._begun_s = 0.0 if pace is None else pace.monotonic_s() - utc_s
        self.registers = bytearray(0x13)
        self.registers[0:7] = ds3231.octets_from(utc_s)
        self.registers[0x11:0x13] = ds3231.temperature_octets(temperature_c)
        self._pointer = 0

    def stop(self) -> None:
        """Let the battery run out: the oscillator stood still since."""
        self.registers[ds3231.STATUS] |= ds3231.STOPPED

    def write(self, octets: bytes) -> None:
        """Take a register's number and the bytes from there on; OSF can only be cleared."""
        self._pointer = octets[0]
        if len(octets) > 1:
            self._set(octets[0], octets[1:])
            stood_still = self.registers[ds3231.STATUS] & ds3231.STOPPED
            self.registers[self._pointer : self._pointer + len(octets) - 1] = octets[1:]
            if not stood_still:
                self.registers[ds3231.STATUS] &= ~ds3231.STOPPED

    def _set(self, register: int, octets: bytes) -> None:
        """Go on from the time that is written."""
        utc_s = ds3231.utc_s(octets) if register == ds3231.TIME else None
        if self._pace is not None and utc_s is not None:
            self._begun_s = self._pace.monotonic_s() - utc_s

    def read(self, length: int) -> bytes:
        """Return the registers from the one named last on."""
        if self._pace is not None and not self.registers[ds3231.STATUS] & ds3231.STOPPED:
            self.registers[0:7] = ds3231.octets_from(int(self._pace.monotonic_s() - self._begun_s))
        return bytes(self.registers[self._pointer : self._pointer + length])
