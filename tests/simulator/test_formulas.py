"""Closed forms against the values that the simulator is held to, and against other ways to the same."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.theory import deterministic
from simulator.theory.formulas import (
    Impatient,
    Unstable,
    cobham_wait_seconds,
    erlang_a,
    erlang_b,
    erlang_c,
    mmc_result_beyond,
    mmc_wait_quantile_seconds,
    mmc_wait_seconds,
    mmcd,
    mmcn_blocked,
)
from tests.simulator.chain import above, stationary

SAME = settings(deadline=None, derandomize=True)
LOADS = st.floats(0.05, 0.97)
SERVERS = st.integers(1, 40)


@pytest.mark.parametrize(
    ("got", "digits"),
    [
        (erlang_c(8, 1, 10), ".4091801508"),
        (mmc_wait_seconds(8, 1, 10), ".2045900754"),
        (mmc_wait_quantile_seconds(8, 1, 10, 0.95), "1.05106626"),
        (mmc_wait_quantile_seconds(8, 1, 10, 0.99), "1.855785216"),
        (erlang_c(118.75, 0.8, 100), ".5064568539"),
        (mmc_wait_seconds(118.75, 0.8, 100), ".08103309663"),
        (mmc_wait_quantile_seconds(118.75, 0.8, 100, 0.99), ".6279766468"),
        (deterministic.wait_seconds(0.8, 1, 1), "2.0000000000"),
        (deterministic.wait_quantile_seconds(0.8, 1, 1, 0.95), "6.620325"),
        (deterministic.wait_quantile_seconds(0.8, 1, 1, 0.99), "10.355887"),
        (deterministic.wait_seconds(8, 1, 10), ".10982779"),
        (deterministic.p_wait(8, 1, 10), ".38471739"),
        (erlang_a(10, 1, 10, 2).loss, ".1039132123"),
        (erlang_a(10, 1, 10, 2).p_wait, ".6196552309"),
        (mmcd(8, 1, 10, 1).loss, ".01158869555"),
        (mmcd(8, 1, 10, 1).wait_seconds, ".1286494667"),
        (mmcd(12, 1, 10, 2).loss, ".1680455071"),
        (mmcd(12, 1, 10, 2).wait_seconds, "1.524165043"),
        (mmcd(150, 0.8, 100, 45).loss, ".1666666667"),
        (mmcd(150, 0.8, 100, 45).wait_seconds, "44.96"),
        (mmcn_blocked(12, 1, 10, 15), ".2032608989"),
        (cobham_wait_seconds([2, 3, 3], 1, 10)[0], ".0511475"),
        (cobham_wait_seconds([2, 3, 3], 1, 10)[1], ".1022950"),
        (cobham_wait_seconds([2, 3, 3], 1, 10)[2], ".4091802"),
    ],
)
def test_every_digit_that_is_known(got: float, digits: str) -> None:
    decimals = len(digits.partition(".")[2])
    assert abs(got - float(digits)) <= 0.5000001 * 10**-decimals


@SAME
@given(load=LOADS, servers=SERVERS)
def test_mmc_is_the_birth_death_chain(load: float, servers: int) -> None:
    per_second = load * servers
    chain = stationary(lambda n: per_second, lambda n: min(n, servers), servers + math.ceil(60 / (1 - load)))
    assert erlang_c(per_second, 1, servers) == pytest.approx(math.fsum(chain[servers:]), rel=1e-9)
    assert mmc_wait_seconds(per_second, 1, servers) == pytest.approx(above(chain, servers) / per_second, rel=1e-9)


@SAME
@given(load=st.floats(0.05, 3), servers=SERVERS, waiting=st.integers(0, 60))
def test_what_mmcn_and_erlang_b_turn_away_is_what_finds_the_chain_full(load: float, servers: int, waiting: int) -> None:
    per_second, places = load * servers, servers + waiting
    chain = stationary(lambda n: per_second, lambda n: min(n, servers), places)
    assert mmcn_blocked(per_second, 1, servers, places) == pytest.approx(chain[-1], rel=1e-9)
    chain = stationary(lambda n: per_second, lambda n: n, servers)
    assert erlang_b(servers, per_second) == pytest.approx(chain[-1], rel=1e-9)


@SAME
@given(load=st.floats(0.05, 3), servers=SERVERS, patience=st.floats(0.05, 20))
def test_erlang_a_is_the_chain_that_is_left_from_the_queue_too(load: float, servers: int, patience: float) -> None:
    per_second = load * servers
    most = servers + math.ceil(per_second * patience * 2 + 12 * math.sqrt(per_second * patience) + 60)
    chain = stationary(lambda n: per_second, lambda n: min(n, servers) + max(0, n - servers) / patience, most)
    got = erlang_a(per_second, 1, servers, patience)
    assert got.p_wait == pytest.approx(math.fsum(chain[servers:]), rel=1e-8)
    assert got.wait_seconds == pytest.approx(above(chain, servers) / per_second, rel=1e-8)
    assert got.loss == pytest.approx(got.wait_seconds / patience, rel=1e-12)


def waits_until(ttl: float, per_second: float, servers: int, arrivals: int) -> Impatient:
    """M/M/c+D of so many arrivals, by the times at which servers are free."""
    rng, free, at = Random(5), [0.0] * servers, 0.0
    waits: list[float] = []
    for _ in range(arrivals):
        at += rng.expovariate(per_second)
        server = free.index(min(free))
        wait = max(0.0, free[server] - at)
        if wait <= ttl:
            free[server] = at + wait + rng.expovariate(1)
            waits.append(wait)
    lost = arrivals - len(waits)
    waited = sum(wait > 0 for wait in waits) + lost
    return Impatient(lost / arrivals, waited / arrivals, sum(waits) / len(waits))


@pytest.mark.parametrize(("ttl", "per_second", "servers"), [(0.5, 5.0, 4), (2.0, 3.0, 3), (1.0, 2.5, 3), (3.0, 0.9, 1)])
def test_mmcd_is_what_a_simulation_of_it_shows(ttl: float, per_second: float, servers: int) -> None:
    seen = waits_until(ttl, per_second, servers, 100_000)
    said = mmcd(per_second, 1, servers, ttl)
    assert said.loss == pytest.approx(seen.loss, rel=0.05)
    assert said.p_wait == pytest.approx(seen.p_wait, rel=0.02)
    assert said.wait_seconds == pytest.approx(seen.wait_seconds, rel=0.03)


@SAME
@given(load=st.floats(0.05, 0.95), servers=SERVERS)
def test_a_ttl_that_is_never_reached_changes_nothing(load: float, servers: int) -> None:
    said = mmcd(load * servers, 1, servers, 2000)
    assert said.loss < 1e-12
    assert said.wait_seconds == pytest.approx(mmc_wait_seconds(load * servers, 1, servers), rel=1e-9)
    assert said.p_wait == pytest.approx(erlang_c(load * servers, 1, servers), rel=1e-9)


@SAME
@given(servers=SERVERS, ttl=st.floats(0.1, 50))
def test_mmcd_has_no_step_where_as_much_comes_as_is_served(servers: int, ttl: float) -> None:
    below, at, beyond = (mmcd(servers * load, 1, servers, ttl) for load in (1 - 1e-7, 1.0, 1 + 1e-7))
    for name in ("loss", "p_wait", "wait_seconds"):
        low, middle, high = sorted((getattr(below, name), getattr(at, name), getattr(beyond, name)))
        assert high - low < 1e-4 * (1 + middle)


@SAME
@given(load=LOADS, servers=SERVERS, share=st.floats(0.5, 0.999))
def test_a_quantile_of_mmc_is_where_the_tail_has_what_is_left(load: float, servers: int, share: float) -> None:
    wait = mmc_wait_quantile_seconds(load * servers, 1, servers, share)
    waits = erlang_c(load * servers, 1, servers)
    tail = waits * math.exp(-servers * (1 - load) * wait)
    assert tail == pytest.approx(1 - share, rel=1e-9) if wait else waits <= 1 - share


@pytest.mark.parametrize(("per_second", "servers"), [(0.5, 1), (8.0, 10), (9.0, 10), (95.0, 100)])
def test_wait_and_service_together_are_the_sum_that_is_integrated(per_second: float, servers: int) -> None:
    spare, waits, steps = servers - per_second, erlang_c(per_second, 1, servers), 20_000
    for seconds in (0.1, 1.0, 4.0):
        middles = ((k + 0.5) * seconds / steps for k in range(steps))
        short = sum(waits * spare * math.exp(-spare * w) * math.exp(-(seconds - w)) for w in middles) * seconds / steps
        beyond = (1 - waits) * math.exp(-seconds) + short + waits * math.exp(-spare * seconds)
        assert mmc_result_beyond(per_second, 1, servers, seconds) == pytest.approx(beyond, rel=1e-6)


def deterministic_waits(per_second: float, servers: int, arrivals: int) -> list[float]:
    """M/D/c by who is c arrivals ahead, whose server one gets."""
    rng, at = Random(3), 0.0
    ends, waits = [0.0] * servers, []
    for number in range(arrivals):
        at += rng.expovariate(per_second)
        start = max(at, ends[number % servers])
        ends[number % servers] = start + 1.0
        waits.append(start - at)
    return sorted(waits)


@pytest.mark.parametrize(("per_second", "servers"), [(0.7, 1), (2.4, 3), (26.0, 30), (190.0, 200)])
def test_mdc_is_what_a_simulation_of_it_shows(per_second: float, servers: int) -> None:
    waits = deterministic_waits(per_second, servers, 400_000)
    assert deterministic.wait_seconds(per_second, 1, servers) == pytest.approx(sum(waits) / len(waits), rel=0.06)
    waited = sum(wait > 0 for wait in waits) / len(waits)
    assert deterministic.p_wait(per_second, 1, servers) == pytest.approx(waited, rel=0.02)
    for share in (0.9, 0.99):
        seen = waits[int(share * len(waits))]
        assert deterministic.wait_quantile_seconds(per_second, 1, servers, share) == pytest.approx(seen, rel=0.09)


@SAME
@given(load=st.floats(0.1, 0.9), servers=st.integers(1, 12), share=st.floats(0.05, 0.995))
def test_a_quantile_of_mdc_is_where_the_distribution_has_the_share(load: float, servers: int, share: float) -> None:
    wait = deterministic.wait_quantile_seconds(load * servers, 1, servers, share)
    longer = deterministic.waits_longer(load * servers, 1, servers, wait)
    assert longer == pytest.approx(1 - share, abs=1e-8) if wait else longer <= 1 - share + 1e-12


@SAME
@given(load=st.floats(0.1, 0.9))
def test_of_one_server_it_is_pollaczek_and_khinchine(load: float) -> None:
    assert deterministic.wait_seconds(load, 1, 1) == pytest.approx(load / (2 * (1 - load)), rel=1e-9)
    assert deterministic.p_wait(load, 1, 1) == pytest.approx(load, rel=1e-9)


def test_of_one_priority_cobham_is_erlang_c_and_of_several_the_mean_is_the_same() -> None:
    assert cobham_wait_seconds([8.0], 1, 10) == [pytest.approx(mmc_wait_seconds(8, 1, 10))]
    rates = [2.0, 3.0, 3.0]
    mean = sum(rate * wait for rate, wait in zip(rates, cobham_wait_seconds(rates, 1, 10), strict=True)) / sum(rates)
    assert mean == pytest.approx(mmc_wait_seconds(8, 1, 10))


def test_thousands_of_servers_lose_no_digits() -> None:
    """Half as many again as are needed, as many as are needed, and a tenth of it: nothing overflows."""
    assert 0 < erlang_b(6_000, 5_000) < 1e-40
    assert erlang_b(5_000, 5_000) == pytest.approx(math.sqrt(2 / (math.pi * 5_000)), rel=0.02)
    assert erlang_b(5_000, 50_000) == pytest.approx(0.9, rel=1e-3)
    assert mmcd(5, 1, 5_000, 45) == Impatient(0.0, 0.0, 0.0)
    assert mmcd(50_000, 1, 5_000, 45).loss == pytest.approx(0.9)
    assert erlang_a(50_000, 1, 5_000, 45).loss == pytest.approx(0.9)
    assert erlang_a(5, 1, 5_000, 45).loss == 0
    chain = stationary(lambda n: 4_950.0, lambda n: min(n, 5_000), 12_000)
    assert mmc_wait_seconds(4_950, 1, 5_000) == pytest.approx(above(chain, 5_000) / 4_950, rel=1e-9)


@pytest.mark.parametrize("formula", [erlang_c, mmc_wait_seconds, deterministic.wait_seconds, deterministic.p_wait])
def test_without_a_steady_state_it_says_what_comes_and_what_can_be_served(formula: object) -> None:
    assert callable(formula)
    with pytest.raises(Unstable, match=r"50/s arrive and 50/s can be served by 10 servers of 0\.2 s"):
        formula(50, 0.2, 10)
