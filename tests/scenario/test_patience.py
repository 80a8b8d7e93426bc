from itertools import islice
from random import Random

from scenario.model import Clients, Wait
from scenario.patience import looks, pause_seconds, retry_seconds


def test_a_client_that_backs_off_looks_after_one_second_and_in_the_end_every_five() -> None:
    pauses = list(islice(looks(Clients(wait=Wait.BACKOFF, poll_seconds=2)), 7))
    assert pauses == [1, 1.5, 2.25, 3.375, 5, 5, 5]


def test_one_that_polls_does_so_evenly() -> None:
    assert list(islice(looks(Clients(wait=Wait.POLL, poll_seconds=0.3)), 3)) == [0.3, 0.3, 0.3]


def test_no_look_is_sooner_than_the_gateway_asked_for() -> None:
    listens, does_not = Clients(), Clients(honours_retry_after=False)
    assert pause_seconds(2, 5, listens) == 5
    assert pause_seconds(2, 1, listens) == 2
    assert pause_seconds(2, None, listens) == 2
    assert pause_seconds(2, 5, does_not) == 2


def test_another_attempt_comes_when_asked_for_else_later_each_time_and_not_all_at_once() -> None:
    clients, rng = Clients(retry_backoff_seconds=1), Random(1)
    assert retry_seconds(1, 7, clients, rng) == 7
    for attempt, middle in [(1, 1), (2, 2), (3, 4), (9, 60)]:
        pauses = [retry_seconds(attempt, None, clients, rng) for _ in range(200)]
        assert middle * 0.5 <= min(pauses) < middle * 0.6
        assert middle * 1.4 < max(pauses) <= middle * 1.5
    assert retry_seconds(1, 7, Clients(honours_retry_after=False), rng) <= 1.5
    assert retry_seconds(1, 0, clients, rng) >= 0.5
