"""Queues in closed form. Arrivals are Poisson; waits are before the start; stable for thousands of servers.

`per_second` is the rate of arrivals (1/s), `service_seconds` the mean of one service, `servers` how many work at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


class Unstable(ValueError):
    """As much comes as can be served, or more: the queue has no steady state. Says both rates."""


@dataclass(frozen=True, slots=True)
class Impatient:
    """A queue that some leave unserved. `loss` and `p_wait` are shares of the arrivals.

    `wait_seconds`: the mean, of those who are served (M/M/c+D) or of all (Erlang A), as each function says.
    """

    loss: float
    p_wait: float
    wait_seconds: float


def erlang_b(servers: int, load: float) -> float:
    """Share of the arrivals that M/G/c/c blocks; `load` is arrivals × service time (erlangs, no unit).

    Erlang (1917), by the recursion in the number of servers, which loses no digits.
    """
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(per_second: float, service_seconds: float, servers: int) -> float:
    """Share of the arrivals that wait in M/M/c. Erlang (1917). Raises Unstable."""
    spare_per_second(per_second, service_seconds, servers)
    load = per_second * service_seconds
    blocked = erlang_b(servers, load)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


def spare_per_second(per_second: float, service_seconds: float, servers: int) -> float:
    """cμ − λ: what could be served besides (1/s). Raises Unstable where nothing could."""
    spare = servers / service_seconds - per_second
    if spare <= 0:
        raise Unstable(
            f"{per_second:g}/s arrive and {servers / service_seconds:g}/s can be served by {servers} servers of "
            f"{service_seconds:g} s (load {per_second * service_seconds / servers:.3g}): the queue grows without an end"
        )
    return spare


def mmc_wait_seconds(per_second: float, service_seconds: float, servers: int) -> float:
    """Mean wait of all arrivals in M/M/c (s). Raises Unstable."""
    spare = spare_per_second(per_second, service_seconds, servers)
    return erlang_c(per_second, service_seconds, servers) / spare


def mmc_wait_quantile_seconds(per_second: float, service_seconds: float, servers: int, share: float) -> float:
    """What `share` of all arrivals do not wait longer than in M/M/c (s). Those who wait do so exponentially."""
    spare = spare_per_second(per_second, service_seconds, servers)
    waits = erlang_c(per_second, service_seconds, servers)
    return max(0.0, math.log(waits / (1.0 - share)) / spare) if waits > 0 else 0.0


def mmc_result_beyond(per_second: float, service_seconds: float, servers: int, seconds: float) -> float:
    """Share of the arrivals whose wait and service in M/M/c last longer than `seconds` (s) together."""
    spare = spare_per_second(per_second, service_seconds, servers)
    waits = erlang_c(per_second, service_seconds, servers)
    serving = math.exp(-seconds / service_seconds)
    difference = 1.0 - spare * service_seconds
    if abs(difference) < 1e-9:
        return serving * (1.0 + waits * seconds / service_seconds)
    return serving + waits * (math.exp(-spare * seconds) - serving) / difference


def mmcn_blocked(per_second: float, service_seconds: float, servers: int, places: int) -> float:
    """Share of the arrivals that M/M/c/N turns away; `places` is N, servers and waiting places together."""
    load = per_second * service_seconds
    blocked = 1.0
    for number in range(1, places + 1):
        blocked = load * blocked / (min(number, servers) + load * blocked)
    return blocked


def cobham_wait_seconds(rates_per_second: Sequence[float], service_seconds: float, servers: int) -> list[float]:
    """Mean waits (s) of priority classes, highest first, none interrupted, all of one exponential service time.

    Cobham (1954). Raises Unstable.
    """
    total = sum(rates_per_second)
    ahead = erlang_c(total, service_seconds, servers) * service_seconds / servers
    waits, above = [], 0.0
    for rate in rates_per_second:
        upto = above + rate * service_seconds / servers
        waits.append(ahead / ((1.0 - above) * (1.0 - upto)))
        above = upto
    return waits


def erlang_a(per_second: float, service_seconds: float, servers: int, patience_seconds: float) -> Impatient:
    """M/M/c+M: who waits gives up after an exponential time of mean `patience_seconds`. The wait is of all arrivals.

    Palm (1957). The chain above c is summed from its far end, each state given that there are at least so many: nothing
    can overflow.
    """
    serving, leaving = servers / service_seconds, 1.0 / patience_seconds
    most = max(0.0, (per_second - serving) / leaving) + 12 * math.sqrt(per_second / leaving) + 60
    empty, queue = 1.0, 0.0  # of those states: the share of the lowest, and the mean number above it
    for waiting in range(math.ceil(most), 0, -1):
        ratio = per_second / (serving + waiting * leaving)
        lowest = empty / (empty + ratio)
        empty, queue = lowest, (1.0 - lowest) * (1.0 + queue)
    blocked = erlang_b(servers, per_second * service_seconds)
    p_wait = blocked / (blocked + empty * (1.0 - blocked))
    wait_seconds = p_wait * queue / per_second
    return Impatient(wait_seconds / patience_seconds, p_wait, wait_seconds)


def mmcd(per_second: float, service_seconds: float, servers: int, ttl_seconds: float) -> Impatient:
    """M/M/c+D: who has not been started `ttl_seconds` after the arrival is lost. The wait is of those who are served.

    After Barrer (1957) and Gnedenko and Kovalenko: from c busy servers on the virtual wait w has the density
    λ p e^(−(cμ−λ) w) up to the TTL and λ p e^(−(cμ−λ) τ) e^(−cμ (w−τ)) beyond.
    """
    serving = servers / service_seconds
    spare = serving - per_second
    exponent = spare * ttl_seconds
    blocked = erlang_b(servers - 1, per_second * service_seconds)
    # Both sides of each quotient are divided by e^(−dτ) where that would overflow, as it does in an overload.
    scale = math.exp(min(0.0, exponent))
    beyond = math.exp(min(0.0, -exponent)) / serving
    within = ttl_seconds * _mean_power(exponent)
    norm = scale + per_second * blocked * (within + beyond)
    loss = per_second * blocked * beyond / norm
    waited = per_second * blocked * ttl_seconds * ttl_seconds * _first_moment(exponent) / norm
    p_wait = per_second * blocked * (within + beyond) / norm
    return Impatient(loss, p_wait, waited / (1.0 - loss))


def _mean_power(y: float) -> float:
    """(1 − e^(−y)) / y, of a negative y times e^y: 1 at 0, never above."""
    return -math.expm1(-abs(y)) / abs(y) if y else 1.0


def _first_moment(y: float) -> float:
    """(1 − (1 + y) e^(−y)) / y², of a negative y times e^y: ½ at 0."""
    if abs(y) < 1e-3:
        return (0.5 - y / 3 + y * y / 8) * math.exp(min(0.0, y))
    if y > 0:
        return (1.0 - (1.0 + y) * math.exp(-y)) / (y * y)
    return (math.exp(y) - 1.0 - y) / (y * y)
