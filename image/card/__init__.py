"""How the card of a Raspberry Pi is made."""
