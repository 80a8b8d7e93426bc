"""A job while it is simulated."""

from math import inf, nan

from simulator.engine.plan import OperationPlan

# Of a call. Up to PARKED it is open: it has a waiting place.
WAITING = 0  # for those before it
QUEUED = 1
PARKED = 2  # for its next attempt
RUNNING = 3
SUCCEEDED = 4
FALLBACK = 5
FAILED = 6
EXPIRED = 7
SKIPPED = 8


class Job:
    """`request` and `attempt` (from 1) say whose it is; `states` and `tries` are by call. Times in seconds.

    `wait`: before its start at the bottleneck. `ended`: nan until then.
    `gives_up`: when its client does; `left`: it has.
    """

    __slots__ = (
        "attempt", "deadline", "ended", "gives_up", "left", "operation", "priority", "request", "states", "submitted",
        "tries", "wait",
    )  # fmt: skip

    def __init__(self, request: int, attempt: int, operation: OperationPlan, priority: int, submitted: float) -> None:
        self.request = request
        self.attempt = attempt
        self.operation = operation
        self.priority = priority
        self.submitted = submitted
        self.deadline = submitted + operation.timeout
        self.states = [WAITING] * len(operation.calls)
        self.tries = [0] * len(operation.calls)
        self.gives_up = inf
        self.wait = nan
        self.ended = nan
        self.left = False

    @property
    def is_over(self) -> bool:
        return self.ended == self.ended  # not nan
