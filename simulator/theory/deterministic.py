"""M/D/1 and M/D/c, exactly: Poisson arrivals, every service as long as the other. Raises formulas.Unstable.

With equal service times every c-th arrival goes to the same server, so what waits is the maximum of a random walk: n
services of all c servers against the Poisson number N_n of arrivals meanwhile. Spitzer's identity (1956) sums it, in
positive terms: with b_j = Σ P(N_n = nc + j) / n, E z^waiting = exp(−Σ b_j (1 − z^j)). The sums for mean and P(wait) are
Crommelin's (1932, 1934), the distribution of waits is Franx's (2001). They grow with 1 / c (1 − load)³: of a hundred
servers at a load of .99 they take seconds.
"""

import math
from functools import lru_cache

from simulator.theory.formulas import spare_per_second

_NEGLIGIBLE = 1e-14


def p_wait(per_second: float, service_seconds: float, servers: int) -> float:
    """Share of the arrivals that wait."""
    spare_per_second(per_second, service_seconds, servers)
    return -math.expm1(-math.fsum(_walk(per_second * service_seconds, servers)))


def wait_seconds(per_second: float, service_seconds: float, servers: int) -> float:
    """Mean wait of all arrivals (s); of one server it is Pollaczek and Khinchine's."""
    spare_per_second(per_second, service_seconds, servers)
    walk = _walk(per_second * service_seconds, servers)
    return math.fsum(j * weight for j, weight in enumerate(walk)) / per_second


def waits_longer(per_second: float, service_seconds: float, servers: int, seconds: float) -> float:
    """Share of the arrivals that wait longer than `seconds`."""
    spare_per_second(per_second, service_seconds, servers)
    rounds = math.floor(seconds / service_seconds) + 1
    queue = _waiting_at_most(per_second * service_seconds, servers, rounds * servers - 1)
    return max(0.0, 1.0 - _started_within(queue, per_second * (rounds * service_seconds - seconds)))


def wait_quantile_seconds(per_second: float, service_seconds: float, servers: int, share: float) -> float:
    """What `share` of the arrivals do not wait longer than (s)."""
    if 1.0 - p_wait(per_second, service_seconds, servers) >= share:
        return 0.0
    load, rounds = per_second * service_seconds, 1
    queue = _waiting_at_most(load, servers, servers - 1)
    while queue[-1] < share:
        rounds *= 2
        queue = _waiting_at_most(load, servers, rounds * servers - 1)
    # Within `rounds` services `share` have been started: find the first such, then how much of it is left.
    rounds = next(number for number in range(1, rounds + 1) if queue[number * servers - 1] >= share)
    queue, least, most = queue[: rounds * servers], 0.0, load
    for _ in range(60):
        left = (least + most) / 2
        least, most = (least, left) if _started_within(queue, left) < share else (left, most)
    return rounds * service_seconds - least / per_second


def _started_within(queue: list[float], left: float) -> float:
    """Franx: nobody waits longer than k services less `left` / λ where those who wait, with those who come in that
    time, are fewer than k times the servers. `queue` is P(at most j wait) for each j below that number.
    """
    if left == 0:
        return queue[-1]
    last, logarithm = len(queue) - 1, math.log(left)
    return math.fsum(math.exp(j * logarithm - left - math.lgamma(j + 1)) * queue[last - j] for j in range(last + 1))


def _waiting_at_most(load: float, servers: int, most: int) -> list[float]:
    """P(at most j wait) for j from 0 to `most`: the coefficients of the exponential of a power series, summed up."""
    walk = _walk(load, servers)
    steps = [j * walk[j] if j < len(walk) else 0.0 for j in range(most + 1)]
    chances = [math.exp(-math.fsum(walk[1:]))]
    for j in range(1, most + 1):
        chances.append(sum(map(float.__mul__, steps[1 : j + 1], reversed(chances))) / j)
    total, cumulative = 0.0, []
    for chance in chances:
        total += chance
        cumulative.append(total)
    return cumulative


@lru_cache(maxsize=16)
def _walk(load: float, servers: int) -> list[float]:
    """b_j, j from 0; `load` is arrivals × service time."""
    weights: list[float] = []
    n, left = 0, math.inf
    while left > _NEGLIGIBLE:
        n += 1
        mean, number, j = n * load, n * servers, 0
        term = math.exp(number * math.log(mean) - mean - math.lgamma(number + 1)) / n
        left = 0.0
        while term > _NEGLIGIBLE * left:
            if j == len(weights):
                weights.append(0.0)
            weights[j] += term
            left += term
            j += 1
            term *= mean / (number + j)
    return weights
