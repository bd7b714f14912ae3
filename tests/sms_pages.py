"""The examples of docs/sms-commands.md and its French page: `python -m tests.sms_pages` writes the answers anew.

In a block of code a line that begins with "> " is a text; what follows is its answer. YES or OUI alone gets the code of
the answer before it, which the page shows as 2M8P: codes are random.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from edge.settings.model_sms import Recipient
from tests.sms_desk_rig import BOSS, Texted

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = {"en": ROOT / "docs/sms-commands.md", "fr": ROOT / "docs/fr/commandes-sms.md"}
SHOWN: Final = "2M8P"
_BLOCK: Final = re.compile(r"```\n(> .*?)```", re.DOTALL)
_CODE: Final = re.compile(r"(YES|OUI) ([2-9A-Z]{4})")


def answered(page: str, lang: str) -> str:
    """Return the page with the answers that the box gives now."""
    right: dict[str, Any] = {"number": BOSS, "lang": lang, "right": "configure"}
    person = Recipient(id="gardien" if lang == "fr" else "caretaker", **right)

    def replaced(block: re.Match[str]) -> str:
        box, code, lines = Texted(people=[person]), "2222", ["```"]
        for pulses in (0, 1.82):
            box.temperature(pulses, "water.cold")
        for line in block[1].splitlines():
            if not line.startswith("> "):
                continue
            text = line[2:]
            is_bare = text.split()[0] in {"YES", "OUI"} and text.split()[1:] in ([], [SHOWN])
            box.clock.advance(7)
            box.temperature(20.0)
            box.temperature(1.82, "water.cold")
            answer = box.text(f"{text.split()[0]} {code}" if is_bare else text)
            assert answer, f"no answer to {text}"
            lines.append(f"> {text.split()[0]} {SHOWN}" if is_bare else line)
            if found := _CODE.search(answer):
                code = found[2]
                answer = answer.replace(code, SHOWN)
            lines += answer.splitlines()
            lines.append("")
            box.clock.advance(10 if _CODE.search(box.outlet.sent[-1].text) else 1200)
        return "\n".join([*lines[:-1], "```"])

    return _BLOCK.sub(replaced, page)


if __name__ == "__main__":
    for lang, path in PAGES.items():
        path.write_text(answered(path.read_text(encoding="utf-8"), lang), encoding="utf-8")
