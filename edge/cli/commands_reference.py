"""What each order takes, who may give it and what people call it: `docs/reference/commands.md` and `vigie help VERB`.

Both are made from the one table of orders; the page by `python -m edge.cli.commands_reference`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect as types

from edge.core.commands import Verb
from edge.core.verbs import VERBS
from edge.settings.reference import BAR, key_rows
from sms.commands import EXAMPLES

HEAD: Final = """\
# Orders

Made from the program's own declarations by `python -m edge.cli.commands_reference`; a test keeps it true.

Every channel gives the same orders through one registry: the command line, the local API, and
[texts from phones](../sms-commands.md). An order is
`{"id", "verb", "args", "author"}` at `POST /v1/commands`; its one answer is `{"id", "done", "text", "values"}`, where
`text` is a key of the text catalogue with its values. It is given once what the order changed is on the card.

- **Once**: the same `id` again is answered as before, and nothing is done a second time, also after a power cut between
  effect and answer. The newest 256 orders that were done are remembered for 31 days.
- **Right**: read < operate < configure. The channel says what a sender may do, never the sender: whoever may open the
  local socket (group vigie) may configure; an unknown sender of another channel may read.
- **Two steps**: where anybody could have written an order (SMS), it is answered by what would change and a code of four
  characters; it is done when that code comes back from the same sender within 15 minutes (`confirm`). Five wrong
  codes, a newer order of that sender or a restart forget it.
- **Taken back**: what can cut off who ordered it from afar (`reload`) is taken back after 15 minutes unless that sender
  says `keep`. A restart or a power cut meanwhile gives as long again, the third one nothing; what was taken back
  stays so at each start until the settings file is another or somebody reloads it on the spot.
- **Refused orders** change nothing and say what was wrong. The first of a sender stands in the journal, further ones
  are counted and told once a minute.
- Each order is in the journal with author, channel, args (secrets left out), what was and what is.

| verb | right | two steps | people write (en) | (fr) |
|---|---|---|---|---|
"""


def words(verb: Verb, lang: str) -> str:
    """Return what people write for a verb, with commas."""
    return ", ".join(verb.words[lang])


def unit_of(kind: type[msgspec.Struct], name: str) -> str:
    """Return the unit of an argument, empty where it has none."""
    field = next(field for field in msgspec.structs.fields(kind) if field.encode_name == name)
    return _unit(types.type_info(field.type))


def _unit(info: Any) -> str:
    if isinstance(info, types.Metadata):
        return str((info.extra or {}).get("unit", "")) or _unit(info.type)
    if isinstance(info, types.UnionType):
        return next((found for part in info.types if (found := _unit(part))), "")
    return ""


def rows(verb: Verb) -> Iterator[tuple[str, str, str, str]]:
    """Yield of each argument its name, what it takes with its unit, what holds without it, its meaning."""
    for name, takes, absent, meaning in key_rows(verb.args):
        unit = unit_of(verb.args, name)
        yield name, f"{takes} ({unit})" if unit else takes, absent, meaning


def page() -> str:
    """Return the page of all orders."""
    parts = [HEAD]
    for name, verb in VERBS.items():
        steps = "yes" if verb.two_step else ""
        cells = (f"[`{name}`](#{_anchor(name)})", verb.right, steps, words(verb, "en"), words(verb, "fr"))
        parts.append(f"| {' | '.join(cells)} |\n")
    for name, verb in VERBS.items():
        parts.append(f"\n## {name}\n\n{inspect.cleandoc(verb.args.__doc__ or '')}\n")
        if name in EXAMPLES:
            parts.append(f"\nBy SMS: {_by_sms(name)}\n")
        found = list(rows(verb))
        if found:
            parts.append("\n| argument | takes | where absent | meaning |\n|---|---|---|---|\n")
        for row in found:
            told = " | ".join((f"`{row[0]}`", *(cell.replace("|", BAR) for cell in row[1:])))
            parts.append(f"| {told} |\n")
    return "".join(parts)


def _by_sms(name: str) -> str:
    return ", ".join(f"`{text}`" for text in dict.fromkeys(EXAMPLES[name].values()))


def _anchor(name: str) -> str:
    return name.replace(".", "").lower()


def help_lines(name: str) -> list[str]:
    """Return what `vigie help` tells of an order. Raises KeyError."""
    verb = VERBS[name]
    lines = [inspect.cleandoc(verb.args.__doc__ or ""), ""]
    lines.append(f"right: {verb.right}" + ("; by SMS in two steps" if verb.two_step else ""))
    lines.append(f"words: {words(verb, 'en')}; fr: {words(verb, 'fr')}")
    for argument, takes, absent, meaning in rows(verb):
        default = "" if absent in {"", "must be written"} else f" (where absent: {absent.strip('`')})"
        lines.append(f"  {argument}: {takes}{default}" + (f"; {meaning}" if meaning else ""))
    return lines


if __name__ == "__main__":
    sys.stdout.write(page())
