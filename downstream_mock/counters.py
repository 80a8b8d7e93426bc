"""What a service counts. It referees tests of others, so each counter is defined here to the letter."""

from dataclasses import asdict, dataclass

# A key forgotten here could hide a second effect, so far more are remembered than of answers.
MAX_KEYS = 1_000_000


@dataclass(slots=True)
class Counters:
    """Once nothing runs or waits: calls = succeeded + failed + rejected_concurrency + rejected_rate."""

    calls: int = 0  # all that arrived: refused, malformed and replayed ones too
    succeeded: int = 0  # answered 2xx and whole, replays included
    failed: int = 0  # every other end: errors, faults, deadlines, malformed calls
    rejected_concurrency: int = 0
    rejected_rate: int = 0
    in_flight: int = 0  # started and not over; refused, replayed and waiting repeats never start
    max_in_flight: int = 0
    max_started_per_second: int = 0
    effects: int = 0  # POSTs whose work was done, whatever became of the answer; never replays
    repeated_keys: int = 0  # calls that got the first answer of their key
    max_effects_per_key: int = 0  # the most effects of any one key: 1 where all is well

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class EffectsPerKey:
    """Counts by itself, knowing nothing of replays: that is how it can tell when those are broken."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._effects: dict[str, int] = {}
        self._max_keys = max_keys

    def add(self, key: str) -> int:
        """The effects of `key` with this one."""
        effects = self._effects.pop(key, 0) + 1
        self._effects[key] = effects
        if len(self._effects) > self._max_keys:
            del self._effects[next(iter(self._effects))]
        return effects
