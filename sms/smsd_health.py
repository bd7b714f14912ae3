"""How the modem and gammu-smsd are, by what the daemon and `sms.smsd` last wrote."""

from __future__ import annotations

import sqlite3
from itertools import takewhile
from pathlib import Path
from typing import Final

from sms.mailbox import Health
from sms.smsd_age import Ages
from sms.smsd_log import unreadable

RECEIPT_S: Final = 600
FRESH_S: Final = 180.0
"""A heartbeat older than this is none: three of its periods (statusfrequency = 60)."""


def health(db: sqlite3.Connection, ages: Ages, now_s: int, log: Path) -> Health:
    """Return what the database holds of it; `now_s` is the wall clock's UTC. Raises sqlite3.Error."""
    phone = db.execute(
        "SELECT TimeOut, Signal, NetCode, NetName, IMEI, IMSI FROM phones ORDER BY TimeOut DESC LIMIT 1"
    ).fetchone()
    sent, received = db.execute("SELECT total(Sent), total(Received) FROM phones").fetchone()
    waiting = db.execute("SELECT ID, InsertIntoDB, Priority, StatusCode FROM outbox ORDER BY ID").fetchall()
    newest = db.execute(
        "SELECT noted, code FROM vigie_message WHERE noted NOT IN ('', 'cancelled') ORDER BY id DESC LIMIT 10"
    ).fetchall()
    unconfirmed = db.execute(
        "SELECT count(*) FROM vigie_message WHERE wants_report = 1 AND noted = 'sent' AND handed_utc_s < ?"
        " AND id > (SELECT max(id) FROM vigie_message WHERE wants_report = 1 AND noted = 'delivered')",
        (now_s - RECEIPT_S,),
    ).fetchone()[0]
    beat, signal, code, name, imei, imsi = (None, -1, "", "", "", "")
    if phone is not None:
        beat, (signal, code, name, imei, imsi) = ages.heartbeat(phone[0]), phone[1:]
    codes = [code for *_, code in reversed(waiting) if code is not None and code > 0]
    refused = len(codes)
    codes += [code for _, code in takewhile(lambda row: row[0] == "failed", newest)]
    oldest_s, urgent_s = ages.waiting([row[:3] for row in waiting])
    return Health(
        is_running=beat is not None and beat <= FRESH_S,
        heartbeat_age_s=beat,
        signal=signal if 0 <= signal <= 100 else None,
        operator=operator(code, name),
        imei=imei,
        imsi=imsi,
        waiting=len(waiting),
        oldest_waiting_s=oldest_s,
        sent=int(sent),
        received=int(received),
        urgent_waiting_s=urgent_s,
        refused=refused,
        failed_in_a_row=len(codes),
        failed_code=codes[0] if codes else None,
        unconfirmed=unconfirmed,
        unreadable=unreadable(log),
    )


def operator(code: str | None, name: str | None) -> str:
    """Return what the network calls itself, its code where it does not; empty without a network.

    >>> operator("208 01", "Orange F"), operator("208 01", ""), operator("ERROR", "ERROR"), operator(None, None)
    ('Orange F', '208 01', '', '')
    """
    words = [word.strip() for word in (name, code) if word and word.strip() not in {"", "ERROR"}]
    return words[0] if words else ""
