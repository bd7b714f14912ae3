"""What a modem says about itself, its card and the network: 3GPP TS 27.007; and how it refuses.

An answer is a function of the operator (`=`, `?` or none) and what stands after it; it gives the lines before OK.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from hal.fake.modem_network import Network
from hal.fake.modem_sim import Sim

Answer: TypeAlias = Callable[[str, str], str]
SIM_PIN, SIM_PUK, SIM_FAILURE, UNKNOWN = 11, 12, 13, 100
WRONG_PASSWORD, BAD_PARAMETER = 16, 50
SMS_OF: Final = {SIM_PIN: 311, SIM_PUK: 316, SIM_FAILURE: 313}
"""+CMS ERROR of a locked card by +CME ERROR (TS 27.005 §3.2.5)."""


class RefusedError(Exception):
    """The final line of a command that fails."""


def cme(code: int) -> RefusedError:
    """Return a refusal of the modem."""
    return RefusedError(f"+CME ERROR: {code}")


def cms(code: int) -> RefusedError:
    """Return a refusal of its message service."""
    return RefusedError(f"+CMS ERROR: {code}")


@dataclass(slots=True)
class Radio:
    """A modem with its card, where it stands."""

    network: Network
    sim: Sim
    imei: str
    signal: int = 21
    """AT+CSQ: 0 to 31; 99: not known."""
    registration: int = 1
    """AT+CREG?: 1 home, 2 searching, 3 denied, 5 roaming."""
    operator: str = "20801"
    operator_name: str = "Fake mobile"
    ussd: dict[str, str] = field(default_factory=lambda: {"*123#": "Credit 4.20 EUR"})
    alphabet: str = "GSM"
    """AT+CSCS: of names."""
    _format: int = 0

    @property
    def is_registered(self) -> bool:
        """It is in a network, its own or another's; none takes a locked card."""
        return self.registration in {1, 5} and not self.locked

    @property
    def locked(self) -> int:
        """The +CME ERROR while the card is not to be used; 0: it is."""
        return {"SIM PIN": SIM_PIN, "SIM PUK": SIM_PUK, "": SIM_FAILURE}.get(self.sim.state, 0)

    def answers(self) -> dict[str, Answer]:
        """Return the answers by command."""
        return {
            "+CGSN": lambda *_: self.imei,
            "+CIMI": lambda *_: self.sim.imsi,
            "+CSQ": lambda *_: f"+CSQ: {self.signal},99",
            "+CREG": lambda operator, _: self._creg("+CREG", operator),
            "+CGREG": lambda operator, _: self._creg("+CGREG", operator),
            "+COPS": self._cops,
            "+CSCS": self._cscs,
            "+CPIN": self._cpin,
            "+CPINR": self._cpinr,
            "+CLCK": self._clck,
        }

    def _creg(self, name: str, operator: str) -> str:
        if operator == "=":
            return ""
        return f"{name}: 2,{0 if self.locked else self.registration}" + (',"1F2A","0B33"' if self.is_registered else "")

    def _cops(self, operator: str, value: str) -> str:
        if operator == "=":
            self._format = 2 if value.endswith(",2") else 0
            return ""
        if not self.is_registered:
            return "+COPS: 0"
        name = self.operator_name.encode().hex().upper() if self.alphabet == "HEX" else self.operator_name
        return f'+COPS: 0,{self._format},"{self.operator if self._format else name}"'

    def _cscs(self, operator: str, value: str) -> str:
        if operator == "?":
            return f'+CSCS: "{self.alphabet}"'
        self.alphabet = value.strip('"')
        return ""

    def _cpin(self, operator: str, value: str) -> str:
        if operator == "?":
            if not self.sim.state:
                raise cme(SIM_FAILURE)
            return f"+CPIN: {self.sim.state}"
        code, _, new = (part.strip().strip('"') for part in value.partition(","))
        if self.sim.state == "READY" or not self.sim.enter(code, new):
            raise cme(WRONG_PASSWORD)
        return ""

    def _cpinr(self, operator: str, value: str) -> str:
        return f"+CPINR: SIM PIN,{self.sim.pin_tries},3\r\n+CPINR: SIM PUK,{self.sim.puk_tries},10"

    def _clck(self, operator: str, value: str) -> str:
        facility, mode, pin = (part.strip('" ') for part in f"{value},,".split(",")[:3])
        if facility != "SC" or mode not in {"0", "1", "2"}:
            raise cme(BAD_PARAMETER)
        if mode == "2":
            return f"+CLCK: {int(self.sim.asks)}"
        if pin != self.sim.pin:
            raise cme(WRONG_PASSWORD)
        self.sim.asks = mode == "1"
        return ""
