"""What was asked for on the command line, and what a part of the benchmark answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.benchmarks.bench.contestants import PEERS_PYTHON, Contestant, Gateway, Peer
from loadtest.benchmarks.bench.figures import Rounds, Table
from loadtest.benchmarks.bench.processes import NotMeasured

OURS = "bff"


@dataclass(frozen=True, slots=True)
class Asked:
    """`seconds`: about so long for each contestant in each round."""

    rounds: int
    seconds: int
    only: Sequence[str] = ()
    against: Path | None = None

    def gateways(self) -> list[Gateway]:
        """This one, and another checkout of it where one is given."""
        ours = [Gateway(OURS)]
        return [*ours, Gateway(self.theirs, self.against.resolve())] if self.against else ours

    @property
    def theirs(self) -> str:
        """The name of that other one."""
        return f"{OURS} ({self.against.resolve().name})" if self.against else ""

    def wanted(self, *contestants: Contestant) -> list[Contestant]:
        """All, or those whose name begins as asked for. Raises NotMeasured where they are not installed."""
        found = [each for each in contestants if not self.only or each.name.startswith(tuple(self.only))]
        if any(isinstance(each, Peer) and each.python == PEERS_PYTHON for each in found) and not PEERS_PYTHON.exists():
            raise NotMeasured("the others are not installed: make bench does it, or leave them out with --only")
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """`rounds` by name of the table."""

    rounds: dict[str, Rounds]
    tables: Sequence[Table]
