"""dramatiq, as https://dramatiq.io/ has it (User guide; Results)."""

import os
from typing import Any

import dramatiq
import tally
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

URL = os.environ["REDIS_URL"]
broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def work(document: dict[str, Any]) -> dict[str, Any]:
    return tally.work_blocking(document)


def submit(document: dict[str, Any]) -> str:
    return work.send(document).message_id


def submit_and_wait(document: dict[str, Any]) -> None:
    work.send(document).get_result(block=True, timeout=10_000)
