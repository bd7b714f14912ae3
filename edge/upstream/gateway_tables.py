"""The tables of a gateway: one SQLite file is all that it knows. `docs/gateway.md` says which may be read by others.

Times are UTC seconds. A message that came in is one transaction over these tables; so is one that goes out.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

TABLES: Final = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE box (
    id TEXT PRIMARY KEY, number INTEGER UNIQUE NOT NULL, public BLOB NOT NULL, state TEXT NOT NULL,
    phone TEXT NOT NULL, mailbox TEXT NOT NULL, site TEXT NOT NULL DEFAULT '', session TEXT, salt BLOB,
    version TEXT NOT NULL DEFAULT '', asked_s INTEGER NOT NULL, last_s INTEGER,
    every_s INTEGER NOT NULL DEFAULT 86400, signal INTEGER, is_restored INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT -1, told INTEGER NOT NULL DEFAULT -1, told_s INTEGER NOT NULL DEFAULT 0,
    test INTEGER, nacks INTEGER NOT NULL DEFAULT 0, nacked_s INTEGER NOT NULL DEFAULT 0, gap_s INTEGER
) WITHOUT ROWID;
-- another key that asked for an id that is taken
CREATE TABLE claim (
    box TEXT, public BLOB, phone TEXT NOT NULL, at_s INTEGER NOT NULL, PRIMARY KEY (box, public)
) WITHOUT ROWID;
-- came while a restored gateway waits for the box's first word
CREATE TABLE shut (
    id INTEGER PRIMARY KEY, box TEXT NOT NULL, mailbox TEXT NOT NULL, phone TEXT NOT NULL, octets BLOB NOT NULL
);
-- the newest is the one in force
CREATE TABLE schema (
    box TEXT, id INTEGER, at_s INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (box, id)
) WITHOUT ROWID;
CREATE TABLE schema_part (box TEXT, body BLOB, PRIMARY KEY (box, body)) WITHOUT ROWID;
CREATE TABLE prior (
    box TEXT, id INTEGER, schema INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    at_s INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (box, id)
) WITHOUT ROWID;
-- the newest reports of each box, for its next prior
CREATE TABLE report (
    box TEXT, counter INTEGER, schema INTEGER NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (box, counter)
) WITHOUT ROWID;
-- the log: two streams a box, and a new pair after a restore
CREATE TABLE stream (
    id INTEGER PRIMARY KEY, box TEXT NOT NULL, log TEXT NOT NULL, stream TEXT UNIQUE NOT NULL,
    first INTEGER NOT NULL DEFAULT 1, next INTEGER NOT NULL DEFAULT 1, acked INTEGER NOT NULL DEFAULT 0,
    is_open INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX stream_box ON stream (box, log);
CREATE TABLE entry (
    stream INTEGER, seq INTEGER, at_s INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
-- messages above `settled`, and the entries that each made
CREATE TABLE came (
    box TEXT, counter INTEGER, at_s INTEGER NOT NULL, m_stream INTEGER, m_seq INTEGER NOT NULL DEFAULT 0,
    ev_stream INTEGER, ev_seq INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (box, counter)
) WITHOUT ROWID;
-- how often a message above `settled` that did not come was asked for
CREATE TABLE nacked (
    box TEXT, counter INTEGER, times INTEGER NOT NULL, PRIMARY KEY (box, counter)
) WITHOUT ROWID;
-- opened, but not readable yet: a schema, a prior or a full index is still to come
CREATE TABLE unread (
    box TEXT, counter INTEGER, head BLOB NOT NULL, body BLOB NOT NULL, why TEXT NOT NULL, at_s INTEGER NOT NULL,
    PRIMARY KEY (box, counter)
) WITHOUT ROWID;
-- what a counter's index was when a period ended: what the next one's increment begins at
CREATE TABLE reached (
    box TEXT, point TEXT, end_s INTEGER, value INTEGER NOT NULL, exponent INTEGER NOT NULL,
    PRIMARY KEY (box, point, end_s)
) WITHOUT ROWID;
-- records that wait for the message before theirs, to know their increment
CREATE TABLE held (
    box TEXT, point TEXT, since_s INTEGER, start_s INTEGER, dt_s INTEGER, value INTEGER NOT NULL,
    exponent INTEGER NOT NULL, counter INTEGER NOT NULL, at_s INTEGER NOT NULL,
    PRIMARY KEY (box, point, start_s, dt_s)
) WITHOUT ROWID;
-- an index of which a report says only that there was no value, and what it was before is not known yet
CREATE TABLE empty (
    box TEXT, point TEXT, start_s INTEGER, end_s INTEGER NOT NULL, PRIMARY KEY (box, point, start_s)
) WITHOUT ROWID;
-- sealed and to be sent; the counter is in the session, in the same transaction
CREATE TABLE outgoing (
    key TEXT PRIMARY KEY, box TEXT NOT NULL, octets BLOB NOT NULL, purpose TEXT NOT NULL, made_s INTEGER NOT NULL,
    until_s INTEGER NOT NULL, fate TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_s INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
-- orders of the operator, and what the box answered
CREATE TABLE asked (
    id INTEGER PRIMARY KEY, box TEXT NOT NULL, verb TEXT NOT NULL, args TEXT NOT NULL, at_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL, name TEXT NOT NULL, counter INTEGER, fate TEXT NOT NULL, text TEXT NOT NULL DEFAULT ''
);
CREATE TABLE account (
    box TEXT, month TEXT, way TEXT, count INTEGER NOT NULL, PRIMARY KEY (box, month, way)
) WITHOUT ROWID;
CREATE TABLE alarm (box TEXT, id TEXT, point TEXT NOT NULL, at_s INTEGER NOT NULL, PRIMARY KEY (box, id))
    WITHOUT ROWID;
-- what nobody could open or read, at most RAW_MOST of it
CREATE TABLE raw (
    id INTEGER PRIMARY KEY, at_s INTEGER NOT NULL, mailbox TEXT NOT NULL, phone TEXT NOT NULL, octets BLOB NOT NULL,
    text TEXT NOT NULL, why TEXT NOT NULL
);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, at_s INTEGER NOT NULL, box TEXT NOT NULL, kind TEXT NOT NULL, words TEXT NOT NULL
);
"""

ADDED: Final = (
    # indexes that a person set on the box: what they jumped is no consumption
    """CREATE TABLE IF NOT EXISTS shift (
        box TEXT, point TEXT, at_s INTEGER, was REAL, now REAL, PRIMARY KEY (box, point, at_s, was, now)
    ) WITHOUT ROWID""",
    "DELETE FROM shut WHERE id NOT IN (SELECT min(id) FROM shut GROUP BY box, octets)",
    "CREATE UNIQUE INDEX IF NOT EXISTS shut_once ON shut (box, octets)",
)
"""What files made before it lack: made at each opening."""
