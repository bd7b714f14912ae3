"""A SIM card: who its subscriber is, its PIN with three tries, its PUK with ten, and the messages that lie on it."""

from __future__ import annotations

from dataclasses import dataclass, field

PIN_TRIES = 3
PUK_TRIES = 10


@dataclass(slots=True)
class Slot:
    """A message on the card: as a PDU, its service centre before it, and as text mode shows it."""

    pdu: bytes
    sender: str = ""
    text: str = ""
    is_read: bool = False


@dataclass(slots=True)
class Sim:
    """It survives the modem's power cycles, but has to be unlocked again where `asks`."""

    number: str
    imsi: str = "208010000000001"
    pin: str = "1234"
    puk: str = "12345678"
    asks: bool = False
    """A PIN is asked for after power comes."""
    capacity: int = 20
    slots: dict[int, Slot] = field(default_factory=dict)
    pin_tries: int = PIN_TRIES
    puk_tries: int = PUK_TRIES
    is_unlocked: bool = True
    tried: list[str] = field(default_factory=list)
    """Every PIN and PUK that was ever tried on it."""

    def __post_init__(self) -> None:
        self.power()

    def power(self) -> None:
        """Power comes."""
        self.is_unlocked = not self.asks

    @property
    def state(self) -> str:
        """What AT+CPIN? says; empty: broken for good, its PUK was wrong too often."""
        if not self.puk_tries:
            return ""
        if not self.pin_tries:
            return "SIM PUK"
        return "READY" if self.is_unlocked else "SIM PIN"

    def enter(self, code: str, new: str = "") -> bool:
        """Try a PIN, or the PUK with a new PIN where that is asked for; False when it was wrong."""
        state = self.state
        self.tried.append(code)
        if state == "SIM PUK":
            if code != self.puk or not new:
                self.puk_tries -= 1
                return False
            self.pin = new
        elif state != "SIM PIN" or code != self.pin:
            self.pin_tries -= state == "SIM PIN"
            return False
        self.pin_tries, self.puk_tries, self.is_unlocked = PIN_TRIES, PUK_TRIES, True
        return True

    def store(self, pdu: bytes, sender: str = "", text: str = "") -> int | None:
        """Put a message into the first free slot, whose number from 1 is returned; None when it is full."""
        free = next((at for at in range(1, self.capacity + 1) if at not in self.slots), None)
        if free is not None:
            self.slots[free] = Slot(pdu, sender, text)
        return free
