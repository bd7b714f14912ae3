"""The SMS link put together, the same for a box and for virtual time: queue, gateway, and whoever else has a say.

sms/queue      what waits before the modem, and the counts of the budget
sms/gateway    the conversation with the gateway: counters, what it has not acknowledged
sms/identity   the key of this box, made here
sms/forget     where it is, the keys shared with the gateway are given up at this start
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from edge.core.series import HistoryReader
from edge.links.retained import Feed
from edge.links.sms import POLL_S, SmsLink
from edge.links.sms_account import Budget
from edge.links.sms_ports import Member
from edge.links.sms_queue import Queue
from edge.runtime.office import StationOffice
from edge.settings.model import Settings
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.store.fs import Fs
from edge.store.kept_file import KeptFile
from hal.sample import Notice
from sms.mailbox import Mailbox

if TYPE_CHECKING:
    from edge.links.sms_sync import Sync

FOLDER: Final = "sms"
FORGET: Final = f"{FOLDER}/forget"

log = logging.getLogger(__name__)


class Upstream(NamedTuple):
    """What the link is given of its station: `mqtt_silent_s` as `silence_of` tells it."""

    feed: Feed
    history: HistoryReader
    office: StationOffice
    mqtt_silent_s: Callable[[], float | None]


def sms_link_of(
    settings: Settings,
    sms: SmsSettings,
    upstream: Upstream,
    *,
    mailbox: Mailbox,
    fs: Fs,
    version: str = "",
    others: Callable[[Queue], Sequence[Member]] = lambda _queue: (),
    poll_s: float = POLL_S,
) -> SmsLink:
    """Return the link over this mailbox; `others` makes the members beside the gateway's.

    Raises OSError when the card can't be read.
    """
    feed = upstream.feed

    def say(kind: str, **values: Any) -> None:
        feed.post(Notice(kind, feed.clock.monotonic_ns(), {"link": "sms"} | values))

    kept = KeptFile(fs, f"{FOLDER}/queue", "vigie-sms-queue")
    queue = Queue(
        mailbox, Budget(sms.per_day, sms.per_month), clock=feed.clock, zone=ZoneInfo(settings.site.tz), kept=kept,
        say=say,
    )  # fmt: skip
    damaged = tell_damage(feed, kept, "queue")
    sync = _sync(settings, sms, upstream, queue, fs, version, damaged) if sms.gateway else None
    members = [*([] if sync is None else [sync]), *others(queue)]
    return SmsLink(
        sms, mailbox, queue, members, clock=feed.clock, say=say, poll_s=poll_s, replies=upstream.office.step,
        speaking=sync, damaged=damaged,
    )  # fmt: skip


def _sync(
    settings: Settings, sms: SmsSettings, upstream: Upstream, queue: Queue, fs: Fs, version: str, damaged: list[str]
) -> Sync | None:
    """Return the part that speaks with the gateway.

    None, and said in the log, where sealing can't be had, or a key is none.
    """
    try:
        from edge.links.sms_sealing import Pairing  # a box without a gateway loads no cryptography
        from edge.links.sms_sync import Sync
        from sms.keys import Identity
    except ImportError as exc:
        log.error("sms: nothing goes to the gateway: %s; install vigie with the extra gsm", exc)
        return None
    kept = KeptFile(fs, f"{FOLDER}/gateway", "vigie-sms-gateway")
    kept.load()  # before `is_older` is asked
    damaged += tell_damage(upstream.feed, kept, "gateway")
    kept_identity = KeptFile(fs, f"{FOLDER}/identity", "vigie-sms-identity")
    is_to_forget = fs.exists(FORGET)
    try:
        identity = Identity.kept(kept_identity)
        damaged += tell_damage(upstream.feed, kept_identity, "identity")
        sync = Sync(
            sms, upstream.feed, upstream.history, pairing=Pairing(identity, kept, kept.is_older or is_to_forget),
            outlet=queue, office=upstream.office, zone=ZoneInfo(settings.site.tz), version=version,
            mqtt_silent_s=upstream.mqtt_silent_s,
        )  # fmt: skip
    except ValueError as exc:  # people are texted all the same
        log.error("sms: nothing goes to the gateway: %s", exc)
        return None
    if is_to_forget:
        sync.keep()  # a cut before the next line forgets once more
        fs.unlink(FORGET)
        fs.fsync_dir(FOLDER)
        log.warning("sms: the keys shared with the gateway are given up, as was asked; hello is said again")
    return sync


def ask_to_forget(fs: Fs) -> None:
    """Have the next start give up the keys shared with the gateway: of a card's image, or of a box set up anew.

    Counters of such a state may have been used since. Raises OSError.
    """
    fs.open(FORGET, create=True).close()
    fs.fsync_dir(FOLDER)


def tell_damage(feed: Feed, kept: KeptFile, name: str) -> list[str]:
    """Have the journal say that a file was damaged, and what was taken instead; return the name of such a file."""
    if kept.taken:
        values: dict[str, float | int | str] = {
            "log": "sms",
            "file": f"{FOLDER}/{name}",
            "what": "damaged",
            "done": kept.taken,
        }
        feed.post(Notice("store_damaged", feed.clock.monotonic_ns(), values))
    return [name] if kept.taken else []


def silence_of(status: Callable[[], dict[str, Any]] | None, utc_ms: Callable[[], int]) -> float | None:
    """Return for how many seconds MQTT has not carried, by the link's own status: 0 while its consumer acknowledges."""
    if status is None:
        return None
    told = status()
    since_ms: int = told["since_utc_ms"]
    if told["state"] == "up":
        if not {"unacknowledged", "acl", "acl_ack"} & set(told["problems"]):
            return 0.0
        since_ms = told["last_ack_utc_ms"] or since_ms
    return max(0.0, (utc_ms() - since_ms) / 1000)
