"""vigie in a peer bench: copied to its `peers/vigie.py`, where `base` gives each system's life and place.

200 numbered points on four buses, every reading a record, kept on disk; the consumer that acknowledges is
`vigie receive` at the broker's own port (the next after the forwarder's): what the bench counts on the line is the box.
What the consumer's database holds at the end is written to `consumer.json`: the bench counts what passed the broker,
where a batch may rightly pass twice; the database is where it must not.

variants: default = records made durable each 10 s; commit1 = each second
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from .base import VENVS, Peer

PYTHON = f"{VENVS}/vigie/bin/python"
BUSES = 4


class P(Peer):
    """The box under test, and its consumer."""

    name = "vigie"
    variants = ("default", "commit1")
    install_paths = (f"{VENVS}/vigie",)
    consumer: subprocess.Popen[bytes] | None = None

    def setup(self) -> None:
        """Write the settings, and compile every module once, as an installation does."""
        text = [
            '[box]\nid = "bench"\ntrust_clock = true',
            f"commit_s = {1 if self.variant == 'commit1' else 10}",
            '[site]\nname = "Bench"',
            f'[link.mqtt]\nhost = "127.0.0.1"\nport = {self.port}',
            *(f'[bus.b{bus}]\nkind = "own"' for bus in range(BUSES)),
        ]
        text += [
            f'[[point]]\nid = "v{number}"\nbus = "b{number * BUSES // self.n}"\ndriver = "bench_sequence"\n'
            f"number = {number}\nperiod_s = {1 / self.rate:g}\nrecord_s = {1 / self.rate:g}"
            for number in range(self.n)
        ]
        Path(self.dir, "site.toml").write_text("\n".join(text) + "\n", "utf-8")
        subprocess.run([PYTHON, "-m", "compileall", "-q", f"{VENVS}/vigie"], check=False)

    def cmd(self) -> list[str]:
        """Return the box's command line."""
        places = ["--config", "site.toml", "--state", "state", "--socket", "api.sock"]
        return [PYTHON, "-m", "edge.cli.main", "run", *places]

    def start(self, *args: object, **options: object) -> object:
        """Start the consumer once, and the box."""
        if self.consumer is None:
            words = ["receive", "--broker", f"127.0.0.1:{self.port + 1}", "--db", "consumer.db"]
            with Path(self.dir, "consumer.log").open("ab") as log:
                self.consumer = subprocess.Popen(
                    [PYTHON, "-m", "edge.cli.main", *words], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, env=os.environ,
                )  # fmt: skip
        return super().start(*args, **options)

    def stop(self) -> None:
        """End the box, then the consumer, and say what its database holds."""
        super().stop()
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            consumer.terminate()
            consumer.wait(8)
            with closing(sqlite3.connect(Path(self.dir, "consumer.db"))) as database:
                rows, distinct = database.execute(
                    "SELECT count(*), count(DISTINCT point || ':' || value) FROM records WHERE quality <> 'bad'"
                ).fetchone()
                gaps = database.execute("SELECT coalesce(sum(entries), 0) FROM gaps").fetchone()[0]
            found = {"records": rows, "duplicates": rows - distinct, "in_gaps": gaps}
            Path(self.dir, "consumer.json").write_text(json.dumps(found) + "\n", "utf-8")

    def decode(self, topic: str, payload: str) -> list[tuple[int, int, float]]:
        """Return variable, value and stamp of each record of a batch."""
        if not topic.endswith("/up/m"):
            return []
        entries = json.loads(payload).get("e", ())
        return [(int(entry["n"][1:]), int(entry["v"]), entry["t"]) for entry in entries]
