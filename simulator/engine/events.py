"""One run of a scenario by discrete events: everything that the live stack decides is decided here, in its order."""

from scenario.chance import Stream, stream
from scenario.tally import Requests, Run
from simulator.engine.agenda import LOOKS, Agenda
from simulator.engine.crowd import Crowd, RetryBudget
from simulator.engine.door import Door
from simulator.engine.graph import Jobs
from simulator.engine.inline import Inline
from simulator.engine.inputs import Inputs
from simulator.engine.meter import Meter, meter_of
from simulator.engine.plan import Plan
from simulator.engine.station import Station


def by_events(plan: Plan, inputs: Inputs, budget: RetryBudget | None = None) -> tuple[Requests, Run]:
    """`budget`: of what clients may try again, none by default."""
    return Simulation(plan, inputs, budget or RetryBudget()).run()


class Simulation:
    """One run, and all that takes part in it."""

    def __init__(self, plan: Plan, inputs: Inputs, budget: RetryBudget) -> None:
        scenario = plan.stage.scenario
        workers = stream(scenario.seed, Stream.WORKERS, inputs.replication)
        clients = stream(scenario.seed, Stream.CLIENTS, inputs.replication)
        self.agenda = Agenda()
        self.meter = meter_of(plan)
        self.stations = [
            Station(plan, number, self.agenda, inputs, workers, self.meter if number == plan.bottleneck else None)
            for number in range(len(plan.services))
        ]
        self.door = Door(scenario, self.stations, clients)
        inline = Inline(plan, self.stations, self.agenda, inputs, workers)
        self.crowd = Crowd(plan, inputs, self.agenda, self.door, inline, self.meter, clients, budget)
        self.crowd.jobs = Jobs(self.stations, self.stations[plan.bottleneck], self.crowd, scenario.pattern)
        self._plan = plan
        self._inputs = inputs

    def run(self) -> tuple[Requests, Run]:
        bottleneck = self.stations[self._plan.bottleneck]
        last = max([self._plan.stage.scenario.traffic.duration_seconds, *self._inputs.at[-1:]])
        _Looking(self.agenda, bottleneck, self.crowd, self.meter).begin(last)
        self.agenda.run(self._inputs.at, self.crowd.arrive)
        return self.crowd.requests(), self.meter.run()


class _Looking:
    """At the end of each second, how deep the bottleneck's queue is; the run is over when there is nothing to see."""

    def __init__(self, agenda: Agenda, station: Station, crowd: Crowd, meter: Meter) -> None:
        self._agenda = agenda
        self._station = station
        self._crowd = crowd
        self._meter = meter

    def begin(self, last: float) -> None:
        """Nobody comes after `last`."""
        self._last = last
        self._agenda.put(1.0, LOOKS, self._look)
        if self._meter.calm_from is not None:
            self._agenda.put(self._meter.calm_from, LOOKS, self._calm)

    def _look(self, now: float, _a: None, _b: None, _c: None) -> None:
        oldest = self._station.lanes.oldest_of_all()
        self._meter.looked(sum(self._station.booked), 0.0 if oldest is None else now - oldest.queued)
        if now >= self._last and not self._crowd.open:
            self._agenda.stopped = True
        else:
            self._agenda.put(now + 1.0, LOOKS, self._look)

    def _calm(self, now: float, _a: None, _b: None, _c: None) -> None:
        if not self._station.queued:
            self._meter.emptied(now)
