"""The SMS link of a running box: over gammu-smsd's database, with the people, the gateway and the modem's watchdog."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.links.modem_hands import FileHands
from edge.links.sms import SmsLink
from edge.links.sms_ports import Member
from edge.links.sms_queue import Queue
from edge.links.sms_secret import MAGIC, PATH, secret_of
from edge.links.sms_watch import SmsWatch
from edge.runtime.desk import product_version
from edge.runtime.feed import feed_of
from edge.runtime.office import StationOffice
from edge.runtime.sms_parts import FOLDER, Upstream, silence_of, sms_link_of, tell_damage
from edge.runtime.sms_worker import SmsWorker
from edge.runtime.texted import box_facts, desk_of
from edge.runtime.texting import life_of, people_of
from edge.settings.model import Settings
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.settings.sms_answers import BoxFacts
from edge.settings.sms_pages import LifeFacts
from edge.store.kept_file import KeptFile
from hal.sample import Notice
from sms.mailbox import Mailbox

if TYPE_CHECKING:
    from edge.runtime.box import Box

ANSWERS: Final = (Path("/run/vigie-modem"), Path("/run/vigie-modem-reset"))
"""Where the two units that may touch the modem leave their answers."""


def gammu(sms: SmsSettings) -> Mailbox:
    """Return the mailbox on the database of gammu-smsd."""
    from sms.smsd import Smsd  # only a box that texts loads it

    return Smsd(sms.database)


def sms_worker_of(box: Box, settings: Settings, sms: SmsSettings) -> SmsWorker:
    """Return the worker of a box's SMS link; it makes the link when it is stepped first."""
    return SmsWorker(partial(_made, box, settings, sms), box.clock)


def _made(box: Box, settings: Settings, sms: SmsSettings) -> SmsLink:
    feed = feed_of(settings, box.station, box.clock, box.dating, records=box.records, events=box.events)
    office = StationOffice(box.station.post, box.clock, box.dating)
    office.wake = lambda: box.link_bells["sms"]()  # noqa: PLW0108 - a reload brings another bell
    mqtt = box.links.get("mqtt")
    status = None if mqtt is None else mqtt.status
    upstream = Upstream(feed, box.history, office, lambda: silence_of(status, box.clock.utc_ms))
    mailbox = box.open_mailbox(sms)
    fs = box.stores.fs
    codes = KeptFile(fs, PATH, MAGIC)
    secret = secret_of(codes)
    tell_damage(feed, codes, "codes")
    tries = KeptFile(fs, f"{FOLDER}/tries", "vigie-sms-tries")

    def say(kind: str, **values: Any) -> None:
        box.station.post(Notice(kind, box.clock.monotonic_ns(), {"link": "sms"} | values))

    def others(queue: Queue) -> Sequence[Member]:
        now_s = box.clock.monotonic_ns() / 1e9

        def life(month: date) -> LifeFacts:
            return life_of(settings, queue.account, month, box.links["sms"].status().get("signal"))

        def facts() -> BoxFacts:
            return box_facts(
                box.links["sms"].status(), clock=box.clock, version=product_version(),
                started_ms=round(now_s * 1000), waiting=box.waiting() if "mqtt" in box.links else None,
                problems={code for link in list(box.links.values()) for code in link.status()["problems"]},
            )  # fmt: skip

        return [
            SmsWatch(mailbox, say=say, hands=hands_of(sms, os.environ), now_s=now_s, sends=queue),
            people_of(settings, feed, queue, say=say, secret=secret, report=box.desk.report, life=life),
            desk_of(
                settings, office, queue, clock=box.clock, say=say, secret=secret, report=box.desk.report, facts=facts,
                tries=tries,
            ),
        ]  # fmt: skip

    return sms_link_of(
        settings, sms, upstream, mailbox=mailbox, fs=fs, version=product_version(), others=others,
        poll_s=box.mailbox_poll_s,
    )  # fmt: skip


def hands_of(sms: SmsSettings, environment: Mapping[str, str]) -> FileHands | None:
    """Return what has the modem woken; None where no service manager gave this process a runtime folder."""
    folder = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return FileHands(Path(folder), ANSWERS, partial(pin_of, sms, environment)) if folder else None


def pin_of(sms: SmsSettings, environment: Mapping[str, str]) -> str:
    """Return the SIM's PIN: from a file, or from the credential of this name; empty where there is none."""
    if not sms.pin_file:
        return ""
    path = Path(sms.pin_file)
    if not path.is_absolute():
        path = Path(environment.get("CREDENTIALS_DIRECTORY", "/")) / path
    try:
        return path.read_text(encoding="ascii").strip()[:8]
    except (OSError, ValueError):
        return ""
