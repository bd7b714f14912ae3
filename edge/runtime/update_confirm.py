"""The health check of a try: looks at the box until it has been well for long enough, or until time is up.

Told apart from `edge.core.update_health`, which judges, and from systemd, which reboots when this fails, hangs or ends
with an error: there is no way out of here that keeps a sick version running.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from edge.core.update_health import Before, Health, Observation, observed
from edge.runtime.updating import Live, Updating

LOOK_EACH_S: Final = 10.0
HOLD_S: Final = 300.0
WITHIN_S: Final = 840.0

log = logging.getLogger(__name__)


def confirm(
    updating: Updating,
    live: Live,
    *,
    now_s: Callable[[], float],
    wait: Callable[[float], object],
    hold_s: float = HOLD_S,
    within_s: float = WITHIN_S,
) -> bool:
    """Return whether the version that runs was committed; False: write down why and let it go back.

    Nothing to do where nothing is on trial: True. Raises OSError when the commit can't be written.
    """
    slot, _release = updating.here()
    if updating.slots.autoboot().primary == slot:
        return True
    trial = updating.store.load().trial
    before = trial.before if trial is not None else None
    began_s = now_s()
    # without what was written down, at least a station must answer
    health = Health(before or Before(ran=True), hold_s=hold_s, within_s=within_s, began_s=began_s)
    told: tuple[str, ...] = ()
    while True:
        answer = live()
        at_s = now_s()
        verdict = health.judge(Observation(at_s) if answer is None else observed(answer, at_s))
        if verdict.faults != told:
            told = verdict.faults
            log.warning("the new version: %s", ", ".join(told) or "all is as before")
        if verdict.state == "well":
            updating.commit()
            return True
        if verdict.state == "ill":
            updating.give_up(verdict.faults[0] if verdict.faults else "not_held")
            return False
        wait(min(LOOK_EACH_S, hold_s / 4))
