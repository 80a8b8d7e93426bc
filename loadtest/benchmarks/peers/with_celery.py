"""Celery, as https://docs.celeryq.dev/ has it (First steps with Celery; Using Redis)."""

import os
from typing import Any

import tally
from celery import Celery

URL = os.environ["REDIS_URL"]
app = Celery("with_celery", broker=URL, backend=URL)


@app.task
def work(document: dict[str, Any]) -> dict[str, Any]:
    return tally.work_blocking(document)


def submit(document: dict[str, Any]) -> str:
    return str(work.delay(document).id)


def submit_and_wait(document: dict[str, Any]) -> None:
    work.delay(document).get(timeout=10)
