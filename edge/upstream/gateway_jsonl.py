"""Messages as JSON lines, from and to any provider: many M2M SIMs can only text a platform.

In, a line a message: `{"id", "from", "octets": base64 or hex, "at": UTC seconds or ISO 8601}` (or `"text"`, which may
be the octets in base64). Out: `{"send", "to", "octets", "valid_s"}`, and `{"done": id}` once a message is dealt with
durably: a line that got no `done` is to be given again. `{"fate", "key"}` in tells what became of one that was sent.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sms.mailbox import Health, Outcome, Outgoing, Received

LINE_MOST: Final = 4000
WAITING_MOST: Final = 1000
FATES: Final = ("sent", "delivered", "failed")

log = logging.getLogger(__name__)


def octets_of(text: str) -> bytes:
    """Return the octets of hexadecimal digits or base64, either alphabet. Raises ValueError for what is neither.

    >>> octets_of("10 00 2a").hex(), octets_of("EAAq").hex(), octets_of("EAAq-_8").hex()
    ('10002a', '10002a', '10002afbff')
    """
    clean = "".join(text.split())
    try:
        return bytes.fromhex(clean)
    except ValueError:
        pass
    try:
        return base64.b64decode(clean.replace("-", "+").replace("_", "/") + "=" * (-len(clean) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError(f"{text[:40]!r} is neither hexadecimal nor base64") from exc


def message_of(line: str) -> Received | Outcome:
    """Return what a line says. Raises ValueError, saying what is wrong with it."""
    try:
        said: Any = json.loads(line, object_hook=_whole)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"no JSON: {exc}") from exc
    if not isinstance(said, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - what stands in a line is no type of ours
    at_s = _utc_s(said.get("at"))
    if "fate" in said:
        if said["fate"] not in FATES or not isinstance(said.get("key"), str):
            raise ValueError(f"fate {said['fate']!r} of key {said.get('key')!r}: one of {', '.join(FATES)} of a key")
        return Outcome(said["key"], "", said["fate"], None, at_s or 0)
    for name in ("id", "from"):
        if not isinstance(said.get(name), str) or not 0 < len(said[name]) <= 100:
            raise ValueError(f"{name} {said.get(name)!r}: a word of 1 to 100 letters is expected")
    if not said["from"].isprintable():  # it is shown to the operator
        raise ValueError(f"from {said['from']!r}: a number is expected")
    text, octets = said.get("text", ""), said.get("octets", "")
    if not isinstance(text, str) or not isinstance(octets, str) or not (text or octets):
        raise ValueError("neither octets nor text")
    if octets:
        return Received(said["id"], said["from"], "", octets_of(octets), at_s)
    try:
        found = octets_of(text)
    except ValueError:
        found = b""
    is_ours = len(found) >= 20 and found[0] >> 4 == 1  # a platform that has only texts gives base64 in one
    return Received(said["id"], said["from"], "" if is_ours else text, found if is_ours else b"", at_s)


def _whole(said: dict[str, Any]) -> dict[str, Any]:
    """Return an object whose words can be written down: of a text that was cut in an emoji half of it is no letter.

    Its id stays as it is: the provider must know it again.
    """
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) and name != "id" else value
        for name, value in said.items()
    }


def _utc_s(at: Any) -> int | None:
    if at is None:
        return None
    if isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at < 2**40:
        return int(at)
    try:
        stamp = datetime.fromisoformat(str(at))
    except ValueError as exc:
        raise ValueError(f"at {at!r}: UTC seconds, or ISO 8601 with its offset") from exc
    if stamp.tzinfo is None:
        raise ValueError(f"at {at!r}: without its offset from UTC nobody knows when that was")
    return int(stamp.timestamp())


class JsonLines:
    """`sms.mailbox.Mailbox` on lines: `feed` takes what came, `write` gets a line to send."""

    def __init__(self, write: Callable[[str], None], wall: Callable[[], float] = time.time) -> None:
        self._write = write
        self._wall = wall
        self._inbox: dict[str, Received] = {}
        self._outcomes: list[Outcome] = []
        self._known: dict[str, None] = {}
        self._rest = b""
        self.refused = 0
        """Lines that could not be read."""
        self._sent = self._received = 0

    def feed(self, octets: bytes) -> None:
        """Take what was read; a line may come in pieces."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        if len(self._rest) > LINE_MOST:
            self._refuse("a line without an end", self._rest[:40])
            self._rest = b""
        for line in lines:
            if line.strip():
                self._line(line)

    def _line(self, line: bytes) -> None:
        try:
            message = message_of(line.decode())
        except ValueError as exc:
            self._refuse(str(exc), line[:60])
            return
        if isinstance(message, Outcome):
            self._outcomes.append(message)
            return
        self._received += 1
        self._inbox.setdefault(message.id, message)

    def _refuse(self, why: str, line: bytes) -> None:
        self.refused += 1
        log.warning("line not taken: %s (%r)", why, line)

    def is_full(self) -> bool:
        """Return whether no more is to be read for now."""
        return len(self._inbox) >= WAITING_MOST

    # -- the port

    def enqueue(self, message: Outgoing) -> None:
        """See Mailbox."""
        if message.key in self._known:
            return
        self._known[message.key] = None
        while len(self._known) > 20_000:
            del self._known[next(iter(self._known))]
        said: dict[str, Any] = {"send": message.key, "to": message.number, "valid_s": message.valid_s}
        said |= {"octets": base64.b64encode(message.octets).decode()} if message.octets else {"text": message.text}
        self._write(json.dumps(said, ensure_ascii=False))
        self._sent += 1
        self._outcomes.append(Outcome(message.key, message.number, "sent", None, int(self._wall())))

    def cancel(self, key: str) -> bool:
        """See Mailbox: what was written has left."""
        return False

    def outcomes(self) -> list[Outcome]:
        """See Mailbox."""
        return list(self._outcomes)

    def noted(self, outcomes: list[Outcome]) -> None:
        """See Mailbox."""
        for outcome in outcomes:
            self._outcomes.remove(outcome)

    def received(self, limit: int = 50) -> list[Received]:
        """See Mailbox."""
        return list(self._inbox.values())[:limit]

    def done(self, ids: list[str]) -> None:
        """See Mailbox: says so to the provider, who forgets them then."""
        for id_ in ids:
            if self._inbox.pop(id_, None) is not None:
                self._write(json.dumps({"done": id_}))

    def health(self) -> Health:
        """See Mailbox."""
        return Health(True, 0.0, None, "", "", "", 0, 0.0, self._sent, self._received)

    def close(self) -> None:
        """See Mailbox."""
