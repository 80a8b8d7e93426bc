"""One run by recursion over server-free times (Kiefer and Wolfowitz, 1955): the same as by events, where that is exact.

It is where jobs of one kind go through a chain of calls, first come first served, and nothing comes back: each is
followed through the bottleneck before the next is looked at. Whether another call of the chain was ever full, or one
was cut off, is seen on the way; then events have to decide.
"""

from collections.abc import Callable
from heapq import heapreplace
from math import inf

from bff.policies.admission import Admission
from bff.policies.pace import burst_us, interval_us
from scenario.model import Discipline, Pattern
from scenario.stage import StageService
from scenario.tally import Requests, Run
from simulator.engine.course import Course
from simulator.engine.inputs import Inputs
from simulator.engine.plan import MARGIN_SECONDS, PRIORITIES, Plan

Serve = Callable[[float, float, float], float]
"""Of who came when (s), takes how long, and must start by when: the start, infinity where it would be too late."""


def by_recursion(plan: Plan, inputs: Inputs) -> tuple[Requests, Run] | None:
    """None where it would not be exact."""
    if not (_is_one_chain(plan) and _is_in_order(plan) and _nothing_returns(plan, inputs)):
        return None
    course = Course(plan, inputs)
    to_the_end = range(course.gate + 1, len(course.calls))
    if not _reach_the_gate(course) or not all(_go_on(course, k) for k in to_the_end) or course.was_full_elsewhere():
        return None
    return course.requests(), course.run()


def _is_one_chain(plan: Plan) -> bool:
    operation = plan.parts[0][0]
    called = {call.service for call in operation.calls}
    return operation.is_chain and plan.bottleneck in called and all(each is operation for each, _ in plan.parts)


def _is_in_order(plan: Plan) -> bool:
    """First come, first served, up to the bottleneck: of one priority, or by discipline. All bear the same wait."""
    discipline, calls = plan.stage.scenario.queue.discipline, plan.parts[0][0].calls
    priorities = {priority for _, priority in plan.parts}
    if discipline is Discipline.LIFO or (len(priorities) > 1 and discipline is not Discipline.FIFO):
        return False
    waits = [{plan.longest_waits(call.service)[priority] for priority in priorities} for call in calls]
    before = calls[: [call.service for call in calls].index(plan.bottleneck)]
    return max(map(len, waits)) == 1 and all(plan.services[call.service].time.is_constant for call in before)


def _nothing_returns(plan: Plan, inputs: Inputs) -> bool:
    """Nor does what is known of earlier calls decide anything."""
    scenario = plan.stage.scenario
    looks_back = scenario.pattern is Pattern.SYNC or scenario.queue.admission is Admission.FULL
    repeats = scenario.clients.retries > 0 or scenario.clients.cancels or inputs.patience is not None
    fails = any(
        service.error_rate > 0 or max(inputs.seconds[k], default=0.0) > service.service.timeout_seconds
        for k, service in enumerate(plan.services[call.service] for call in plan.parts[0][0].calls)
    )
    return not (looks_back or repeats or fails)


def _line(service: StageService) -> Serve:
    free = [0.0] * service.service.max_concurrency
    spaced_us = interval_us(service.service.rate_per_second)
    interval, burst, next_at = spaced_us / 1_000_000, burst_us(spaced_us) / 1_000_000, 0.0

    def by_slots(came: float, seconds: float, start_by: float) -> float:
        start = free[0]
        if start < came:
            start = came
        if start > start_by:
            return inf
        heapreplace(free, start + seconds)
        return start

    def by_rate(came: float, seconds: float, start_by: float) -> float:
        nonlocal next_at
        start = max(came, free[0], next_at - burst)
        if start > start_by:
            return inf
        heapreplace(free, start + seconds)
        next_at = max(next_at, start) + interval
        return start

    return by_rate if interval else by_slots


def _reach_the_gate(course: Course) -> bool:
    """Admission, and the calls up to the bottleneck's, request by request. False: one would be cut off."""
    priorities = [priority for _, priority in course.plan.parts]
    parts, bounds, gate = course.inputs.part, course.bounds(course.gate), course.gate
    steps = [_step(course, k) for k in range(gate + 1)]
    given_back: list[list[float]] = [[] for _ in PRIORITIES]  # places at the bottleneck, when they were: ascending
    passed = [0] * len(PRIORITIES)
    left, timeout = course.left[gate], course.timeout
    for request, at in enumerate(course.inputs.at):
        priority = priorities[parts[request]]
        places, first = given_back[priority], passed[priority]
        while first < len(places) and places[first] <= at:
            first += 1
        passed[priority] = first
        if len(places) - first >= bounds[priority]:
            course.rejected.append(request)
            continue
        number, deadline, came = course.accept(request), at + timeout, at
        for step in steps:
            came = step(number, request, came, deadline)
            if came > deadline:
                break
        if deadline < came < inf:
            return False
        course.reached.append(came)
        places.append(left[number])
    course.all_have_come()
    return True


def _go_on(course: Course, k: int) -> bool:
    """A call after the bottleneck's, in the order in which jobs come to it. False: one would be cut off."""
    step, reached = _step(course, k), course.reached
    for number in sorted(range(len(reached)), key=reached.__getitem__):
        if reached[number] == inf:
            break
        request = course.who[number]
        deadline = course.inputs.at[request] + course.timeout
        reached[number] = step(number, request, reached[number], deadline)
        if deadline < reached[number] < inf:
            return False
    return True


def _step(course: Course, k: int) -> Callable[[int, int, float, float], float]:
    """One call of each job, in the order in which they come: tells when it ended, infinity where it expired."""
    call = course.calls[k]
    serve = _line(course.plan.services[call.service])
    seconds, left = course.inputs.seconds[k], course.left[k]
    longest, rest = course.longest_wait(k), call.rest
    at_the_gate = k == course.gate
    queued, started = course.queued, course.started

    def step(number: int, request: int, came: float, deadline: float) -> float:
        start_by = deadline - rest - MARGIN_SECONDS
        if came + longest < start_by:
            start_by = came + longest
        takes = seconds[request]
        start = serve(came, takes, start_by)
        if at_the_gate:
            queued[number] = came
            started[number] = start
        if start == inf:
            course.expire(number, k, max(came, start_by))
            return inf
        left[number] = start
        return start + takes

    return step
