"""The one registry: checks an order, carries it out once, remembers the answer.

In this order: a repeat is answered as before; an unknown verb, a sender without the right, args of the wrong form are
refused; a verb of two steps may be proposed first; then whoever knows the subject carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from edge.core.answers import Answers
from edge.core.bad_args import Expected, why
from edge.core.commands import WHY_MAX, Command, Result, Verb, told
from edge.core.on_trial import OnTrial
from edge.core.proposals import EXPIRES_MS, Proposals, RandomBelow
from edge.core.refusals import Refusals
from edge.core.text import Text
from edge.core.types import Event

CONFIRM: Final = "confirm"
KEEP: Final = "keep"

Handler: TypeAlias = Callable[[Command, Any], Result]
Would: TypeAlias = Callable[[Command, Any], Result]
"""Like a handler, and changes nothing: its text says what would change, or why that is refused."""


class Confirm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Do what was proposed: the code is the one that was told with it."""

    code: str


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let stand what this sender's orders changed and would be taken back: he is not cut off by it."""


class Done(NamedTuple):
    """What became of a command."""

    result: Result
    order: Command | None
    """What the journal keeps as done or refused; None for a repeat, a proposal, one more refusal of many."""


class _Hands(NamedTuple):
    handler: Handler
    would: Would | None


class Registry:
    """Checks, carries out once, remembers the answer."""

    def __init__(self, verbs: Mapping[str, Verb], saved: list[Any] | None = None, trials: Any = None) -> None:
        """`saved`, `trials`: the registers of the answers, and of what is on trial."""
        self.verbs = verbs
        self.random_below: RandomBelow | None = None
        """Where codes come from; without it no channel can propose."""
        self.expected: Expected | None = None
        """Says what an argument takes; without it a refusal quotes the check's own words."""
        self.utc_s: Callable[[int], int] = lambda _now_ms: 0
        """Dates answers: monotonic ms -> UTC in s, 0 while nothing does."""
        self._hands: dict[str, _Hands] = {}
        self._answers = Answers(saved)
        self._proposals = Proposals()
        self._refusals = Refusals()
        self.on_trial = OnTrial(trials)
        """What may cut off who ordered it from afar: its handler puts it there before it comes into force."""

    def on(self, verb: str, handler: Handler, *, would: Would | None = None) -> None:
        """Say who carries out a verb. Raises KeyError when the table has none of that name.

        `would` says what an order would change.
        """
        if verb not in self.verbs:
            raise KeyError(verb)
        self._hands[verb] = _Hands(handler, would)

    def off(self, verbs: Iterable[str]) -> None:
        """Have nobody carry out these verbs any more: who did has left the site."""
        for verb in verbs:
            self._hands.pop(verb, None)

    @property
    def due_ms(self) -> float:
        """When `step` has something to do."""
        return min(self._proposals.due_ms, self._refusals.due_ms, self.on_trial.due_ms)

    @property
    def carried(self) -> set[str]:
        """The verbs that somebody carries out."""
        return set(self._hands)

    # -- orders

    def carry_out(self, command: Command, now_ms: int = 0) -> Done:
        """Return the result, and what the journal keeps of it."""
        known = self._answers.get(command.id)
        if known is not None:
            return Done(known, None)
        if command.verb == CONFIRM:
            return self._confirm(command, now_ms)
        if command.verb == KEEP:
            return self._keep(command, now_ms)
        args = self._checked(command)
        if isinstance(args, Result):
            return self._finished(command, args, now_ms)
        if command.proposes and self.verbs[command.verb].two_step:
            return self._propose(command, args, now_ms)
        return self._do(command, args, now_ms)

    def _checked(self, command: Command) -> Any:
        """Return the args, or the Result that says why this can't be done."""
        verb = self.verbs.get(command.verb)
        if verb is None or command.verb not in self._hands:
            return Result(command.id, done=False, text=Text("command_unknown", {"verb": command.verb[:WHY_MAX]}))
        if not command.may(verb.right):
            return no_right(command, command.verb, verb.right)
        try:
            return msgspec.convert(command.args, verb.args)
        except msgspec.ValidationError as exc:
            # it quotes what was sent, and is kept: a stranger's key may be as long as the message
            said: Text | str | None = None if self.expected is None else why(str(exc), verb.args, self.expected)
            text = Text("command_bad_args", {"verb": command.verb, "why": said or str(exc)[:WHY_MAX]})
            return Result(command.id, done=False, text=text)

    def _do(self, command: Command, args: Any, now_ms: int) -> Done:
        return self._finished(command, self._hands[command.verb].handler(command, args), now_ms)

    def _finished(self, command: Command, result: Result, now_ms: int) -> Done:
        """Remember the answer; a refusal that is one of many is counted, and durable with the next that is told."""
        is_told = result.done or self._refusals.admit(command.author, command.channel, now_ms)
        self._answers.keep(result, self.utc_s(now_ms))
        return Done(result, command if is_told else None)

    # -- in two steps

    def _propose(self, command: Command, args: Any, now_ms: int) -> Done:
        """Answer with what would change and a code; nothing is done and nothing is kept over a restart."""
        would = self._hands[command.verb].would
        what = Text("command_would", {"verb": command.verb, "args": told(command, self.verbs)})
        if would is not None:
            found = would(command, args)
            if not found.done:
                return self._finished(command, found, now_ms)
            what = found.text
        if self.random_below is None:
            return self._finished(command, Result(command.id, done=False, text=Text("command_no_codes")), now_ms)
        made = self._proposals.add(_sender(command), command, now_ms, self.random_below)
        values = {"what": what, "code": made.code, "expires_ms": EXPIRES_MS}
        return Done(Result(command.id, done=True, text=Text("command_proposed", values), values=values), None)

    def _confirm(self, command: Command, now_ms: int) -> Done:
        """Carry out what waits for this code; the answer is remembered for both messages."""
        args = self._checked_confirm(command)
        waits = None if args is None else self._proposals.take(_sender(command), args.code, now_ms)
        if waits is None:
            result = Result(command.id, done=False, text=Text("command_no_proposal"))
            return self._finished(command, result, now_ms)
        order = waits.order
        assert isinstance(order, Command)  # noqa: S101 - only _propose adds
        known = self._answers.get(order.id)
        args = self._checked(order)
        done = (
            Done(known, None) if known is not None
            else self._finished(order, args, now_ms) if isinstance(args, Result)
            else self._do(order, args, now_ms)
        )  # fmt: skip
        self._answers.keep(msgspec.structs.replace(done.result, id=command.id), self.utc_s(now_ms))
        return done

    @staticmethod
    def _checked_confirm(command: Command) -> Confirm | None:
        try:
            return msgspec.convert(command.args, Confirm)
        except msgspec.ValidationError:
            return None

    # -- time

    def _keep(self, command: Command, now_ms: int) -> Done:
        """Let stand all of this sender that is on trial."""
        is_kept = self.on_trial.keep(_sender(command))
        result = Result(command.id, done=is_kept, text=Text("command_kept" if is_kept else "command_nothing_to_keep"))
        return self._finished(command, result, now_ms)

    def step(self, now_ms: int) -> list[Event]:
        """Let codes expire and take back what nobody kept; return what the journal hears."""
        self._proposals.step(now_ms)
        return [*self._refusals.step(now_ms), *self.on_trial.step(now_ms)]

    def register(self) -> list[Any]:
        """Return what must be durable: the answers already given."""
        return self._answers.register()


def no_right(command: Command, what: str, right: str) -> Result:
    """Return the refusal of an order whose sender may not give it."""
    text = Text("command_no_right", {"what": what, "needs": right, "granted": command.granted})
    return Result(command.id, done=False, text=text)


def _sender(command: Command) -> tuple[str, str]:
    return command.author, command.channel
