-- One row a flat and hour, as building managers' tables often have it, from the database of `vigie receive` or
-- `vigie gateway --db`. Say once which point fills which field, then run this file each hour, as often as you like:
--
--   sqlite3 site.db < capture.sql
--   sqlite3 site.db "INSERT INTO capture_point VALUES (1, 12, 'b0117', 'PULS1', 'water.cold', 1)"
--
-- Fields: PULS1 to PULS4 (what a counter moved in the hour), AMP1, AMP2 and TEMP (means; TEMP also gives TEMPMIN and
-- TEMPMAX), INDTI1 (an index at the end of the hour; also gives DIFTI1, what it moved).
-- `heure` counts the hours since local midnight: 0 to 23, to 22 or 24 on the days when the clocks change, so that no
-- hour is lost or there twice. `error_fichier` is 0 when all is well, else the sum of
--   1  a field has no value (it is NULL, never 0)      2  one is uncertain      4  one covers only a part of the hour

CREATE TABLE IF NOT EXISTS capture_point (
    sitId INTEGER, appId INTEGER, box TEXT NOT NULL, field TEXT, point TEXT NOT NULL, factor REAL NOT NULL DEFAULT 1,
    PRIMARY KEY (sitId, appId, field)
);
CREATE TABLE IF NOT EXISTS capture (
    id INTEGER PRIMARY KEY, sitId INTEGER, appId INTEGER, date TEXT, heure INTEGER,
    PULS1 INTEGER, PULS2 INTEGER, PULS3 INTEGER, PULS4 INTEGER, AMP1 INTEGER, AMP2 INTEGER,
    TEMPMIN DOUBLE, TEMP DOUBLE, TEMPMAX DOUBLE, INDTI1 INTEGER, DIFTI1 INTEGER, error_fichier SMALLINT,
    UNIQUE (sitId, appId, date, heure)
);

WITH field AS (
    SELECT c.sitId, c.appId, c.field, d.day AS date, (r.t_ms - d.start_ms) / 3600000 AS heure,
           sum(r.increment) * c.factor AS moved,
           max(CASE WHEN r.quality < 2 THEN r.value END) * c.factor AS reached,
           sum(CASE WHEN r.quality < 2 THEN coalesce(r.mean, r.value) * r.dt_ms END) * c.factor
               / sum(CASE WHEN r.quality < 2 THEN r.dt_ms END) AS mean,
           min(CASE WHEN r.quality < 2 THEN coalesce(r.min, r.value) END) * c.factor AS low,
           max(CASE WHEN r.quality < 2 THEN coalesce(r.max, r.value) END) * c.factor AS high,
           max(r.quality = 1) AS doubtful,
           coalesce(sum(CASE WHEN r.quality < 2 THEN r.dt_ms END), 0) AS covered_ms
    FROM capture_point c
    JOIN box b ON b.name = c.box
    JOIN point p ON p.box = b.id AND p.point = c.point
    JOIN best r ON r.point = p.id AND r.dt_ms <= 3600000
    JOIN day d ON d.box = b.id AND r.t_ms >= d.start_ms AND r.t_ms < d.end_ms
    GROUP BY c.sitId, c.appId, c.field, d.day, heure
),
hour AS (SELECT DISTINCT sitId, appId, date, heure FROM field),
-- every field that is asked for, also one of which nothing came
whole AS (
    SELECT h.sitId, h.appId, h.date, h.heure, c.field, f.moved, f.reached, f.mean, f.low, f.high,
           coalesce(f.doubtful, 0) AS doubtful, coalesce(f.covered_ms, 0) AS covered_ms,
           CASE WHEN c.field LIKE 'PULS%' THEN f.moved
                WHEN c.field = 'INDTI1' THEN CASE WHEN f.moved IS NULL THEN NULL ELSE f.reached END
                ELSE f.mean END AS said
    FROM hour h
    JOIN capture_point c ON c.sitId = h.sitId AND c.appId = h.appId
    LEFT JOIN field f USING (sitId, appId, date, heure, field)
)
INSERT OR REPLACE INTO capture (
    id, sitId, appId, date, heure, PULS1, PULS2, PULS3, PULS4, AMP1, AMP2, TEMPMIN, TEMP, TEMPMAX, INDTI1, DIFTI1,
    error_fichier
)
SELECT (SELECT id FROM capture o WHERE o.sitId = w.sitId AND o.appId = w.appId AND o.date = w.date AND o.heure = w.heure),
       sitId, appId, date, heure,
       CAST(round(max(CASE WHEN field = 'PULS1' THEN moved END)) AS INTEGER),
       CAST(round(max(CASE WHEN field = 'PULS2' THEN moved END)) AS INTEGER),
       CAST(round(max(CASE WHEN field = 'PULS3' THEN moved END)) AS INTEGER),
       CAST(round(max(CASE WHEN field = 'PULS4' THEN moved END)) AS INTEGER),
       CAST(round(max(CASE WHEN field = 'AMP1' THEN mean END)) AS INTEGER),
       CAST(round(max(CASE WHEN field = 'AMP2' THEN mean END)) AS INTEGER),
       max(CASE WHEN field = 'TEMP' THEN low END),
       max(CASE WHEN field = 'TEMP' THEN mean END),
       max(CASE WHEN field = 'TEMP' THEN high END),
       CAST(round(max(CASE WHEN field = 'INDTI1' THEN reached END)) AS INTEGER),
       CAST(round(max(CASE WHEN field = 'INDTI1' THEN moved END)) AS INTEGER),
       max(said IS NULL) + 2 * max(doubtful) + 4 * max(covered_ms > 0 AND covered_ms < 3600000)
FROM whole w
GROUP BY sitId, appId, date, heure;
