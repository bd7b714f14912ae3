"""The tables and views of the reference consumer: everything once by (box, stream, seq), and what people ask of it.

Times are UTC milliseconds at the beginning of a period. `docs/receive.md` explains the views.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE box (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, site TEXT, tz TEXT, lang TEXT);
CREATE TABLE stream (
    id INTEGER PRIMARY KEY, box INTEGER NOT NULL REFERENCES box, stream TEXT NOT NULL, log TEXT NOT NULL,
    UNIQUE (box, stream)
);
-- a point whose unit changes is another row: what was stored keeps its unit
CREATE TABLE point (
    id INTEGER PRIMARY KEY, box INTEGER NOT NULL REFERENCES box, point TEXT NOT NULL, unit TEXT NOT NULL,
    name TEXT, kind TEXT, place TEXT, equipment TEXT, role TEXT, words TEXT, UNIQUE (box, point, unit)
);
CREATE TABLE record (
    stream INTEGER NOT NULL, seq INTEGER NOT NULL, point INTEGER NOT NULL,
    t_ms INTEGER NOT NULL, dt_ms INTEGER NOT NULL,
    value, quality INTEGER NOT NULL, why TEXT, mean REAL, min REAL, max REAL, count INTEGER, increment REAL,
    duration_ms INTEGER, changes INTEGER, tq TEXT, PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
CREATE INDEX record_time ON record (point, dt_ms, t_ms);
CREATE TABLE event (
    stream INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, point TEXT, t_ms INTEGER NOT NULL,
    alarm INTEGER, words TEXT NOT NULL, tq TEXT, PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
CREATE INDEX event_alarm ON event (stream, alarm) WHERE alarm IS NOT NULL;
-- the seqs that are settled: stored, or known to be gone
CREATE TABLE held (stream INTEGER, first INTEGER, last INTEGER, PRIMARY KEY (stream, first)) WITHOUT ROWID;
CREATE TABLE gap (
    stream INTEGER, first INTEGER, last INTEGER, why TEXT NOT NULL, noticed_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, first)
) WITHOUT ROWID;
-- the local days of a box: 23 and 25 hours included
CREATE TABLE day (box INTEGER, day TEXT, start_ms INTEGER, end_ms INTEGER, PRIMARY KEY (box, day)) WITHOUT ROWID;
-- the lengths of period that a point has records of
CREATE TABLE period (point INTEGER, dt_ms INTEGER, PRIMARY KEY (point, dt_ms)) WITHOUT ROWID;

CREATE VIEW records AS
SELECT b.name AS box, p.point, p.name, p.unit, strftime('%Y-%m-%dT%H:%M:%fZ', r.t_ms / 1000.0, 'unixepoch') AS t,
       r.dt_ms / 1000.0 AS dt_s, r.value,
       CASE r.quality WHEN 0 THEN 'good' WHEN 1 THEN 'uncertain' ELSE 'bad' END AS quality, r.why,
       r.mean, r.min, r.max, r.count, r.increment,
       CASE WHEN p.kind = 'state' AND r.quality < 2 THEN coalesce(r.duration_ms, r.dt_ms) END AS duration_ms,
       CASE WHEN p.kind = 'state' AND r.quality < 2 THEN coalesce(r.changes, 0) END AS changes,
       r.tq, s.stream, r.seq, r.t_ms
FROM record r JOIN stream s ON s.id = r.stream JOIN point p ON p.id = r.point JOIN box b ON b.id = s.box;

CREATE VIEW gaps AS
SELECT b.name AS box, s.stream, s.log, g.first, g.last, g.last - g.first + 1 AS entries, g.why,
       strftime('%Y-%m-%dT%H:%M:%SZ', g.noticed_ms / 1000.0, 'unixepoch') AS noticed
FROM gap g JOIN stream s ON s.id = g.stream JOIN box b ON b.id = s.box;

-- of records of different length for one point: the finest that cover a period completely
CREATE VIEW best AS
SELECT r.* FROM record r
WHERE NOT EXISTS (
    SELECT 1 FROM period q WHERE q.point = r.point AND q.dt_ms < r.dt_ms AND r.dt_ms <= (
        SELECT sum(f.dt_ms) FROM record f
        WHERE f.point = r.point AND f.dt_ms = q.dt_ms AND f.t_ms >= r.t_ms AND f.t_ms < r.t_ms + r.dt_ms
          AND f.quality < 2))
AND NOT EXISTS (
    SELECT 1 FROM period q JOIN record c
        ON c.point = r.point AND c.dt_ms = q.dt_ms AND c.t_ms <= r.t_ms AND c.t_ms > r.t_ms - q.dt_ms AND c.quality < 2
    WHERE q.point = r.point AND q.dt_ms > r.dt_ms AND c.dt_ms > (
        SELECT sum(f.dt_ms) FROM record f
        WHERE f.point = r.point AND f.dt_ms = r.dt_ms AND f.t_ms >= c.t_ms AND f.t_ms < c.t_ms + c.dt_ms
          AND f.quality < 2));

CREATE VIEW consumption_day AS
SELECT b.name AS box, d.day, p.point, p.name, p.unit, round(sum(r.increment), 6) AS consumption,
       min(r.value) AS index_low, max(r.value) AS index_high,
       round(1.0 * sum(r.dt_ms) / (d.end_ms - d.start_ms), 4) AS share,
       sum(r.quality = 1) AS uncertain, count(*) AS records
FROM best r JOIN point p ON p.id = r.point JOIN box b ON b.id = p.box
JOIN day d ON d.box = p.box AND r.t_ms >= d.start_ms AND r.t_ms < d.end_ms
WHERE r.increment IS NOT NULL
GROUP BY p.id, d.day;

CREATE VIEW alarms AS
SELECT b.name AS box, e.alarm, e.point, json_extract(e.words, '$.limit') AS "limit",
       json_extract(e.words, '$.prio') AS priority,
       strftime('%Y-%m-%dT%H:%M:%SZ', e.t_ms / 1000.0, 'unixepoch') AS began,
       json_extract(e.words, '$.v') AS value, json_extract(e.words, '$.at') AS "at",
       json_extract(e.words, '$.u') AS unit,
       strftime('%Y-%m-%dT%H:%M:%SZ', f.t_ms / 1000.0, 'unixepoch') AS ended,
       json_extract(f.words, '$.peak') AS peak,
       strftime('%Y-%m-%dT%H:%M:%SZ', a.t_ms / 1000.0, 'unixepoch') AS acknowledged,
       json_extract(a.words, '$.author') AS author, f.seq IS NULL AS active
FROM event e JOIN stream s ON s.id = e.stream JOIN box b ON b.id = s.box
LEFT JOIN event f ON f.stream = e.stream AND f.alarm = e.alarm AND f.kind = 'alarm_end'
LEFT JOIN event a ON a.stream = e.stream AND a.seq = (
    SELECT min(k.seq) FROM event k WHERE k.stream = e.stream AND k.alarm = e.alarm AND k.kind = 'alarm_ack'
)
WHERE e.kind = 'alarm_begin';
"""
