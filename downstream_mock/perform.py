"""A call to a service, from its arrival to its end, counted as success, failure or one of two rejections.

Real services keep working when a caller hangs up, and so does this one; Request-Timeout is what stops it.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Scope

from downstream_mock.behaviour import Fault
from downstream_mock.endpoints import answer_of, find
from downstream_mock.exchange import Answer, Exchange, Refused, Terms, error, read_terms
from downstream_mock.service import Service

_GARBAGE = b"<html>502 Bad Gateway</html>"


@dataclass(frozen=True, slots=True)
class Call:
    terms: Terms
    key: str | None
    """The Idempotency-Key with the path: a refund is no repeat of the charge that had the same key."""
    body: bytes
    """Of the answer, once the work is done."""
    has_effect: bool


async def perform(service: Service, scope: Scope, path: str, exchange: Exchange) -> None:
    service.counters.calls += 1
    try:
        call = await _understand(service, scope, path, exchange)
    except Refused as refused:
        await _fail(service, exchange, refused.answer)
        return
    if call.key is not None and service.settings.honours_idempotency_key:
        await _perform_once(service, call, call.key, exchange)
    else:
        await _start(service, call, exchange)


async def _understand(service: Service, scope: Scope, path: str, exchange: Exchange) -> Call:
    endpoint, user = find(service.name, scope["method"], path)
    terms = read_terms(scope)
    has_effect = endpoint.method == "POST"
    body = await exchange.read_body() if has_effect else b""
    answer = answer_of(endpoint, user, body, service.name, path, terms.key)
    return Call(terms, terms.key and f"{path} {terms.key}", answer, has_effect)


async def _perform_once(service: Service, call: Call, key: str, exchange: Exchange) -> None:
    """A repeat is the first call's work: it takes no slot, no place in the rate, and meets no fault."""
    terms = call.terms
    try:
        async with asyncio.timeout(terms.timeout_seconds):
            first = await service.replays.first_answer(key)
    except TimeoutError:
        await _fail(service, exchange, _deadline())
        return
    if first is None:
        with service.replays.claim(key):
            await _start(service, call, exchange)
        return
    service.counters.repeated_keys += 1
    service.counters.succeeded += 1
    await exchange.reply(Answer(HTTPStatus.OK, first, ((b"idempotency-replayed", b"true"),)))


async def _start(service: Service, call: Call, exchange: Exchange) -> None:
    if call.terms.remaining_seconds <= 0:
        await _fail(service, exchange, _deadline())
    elif refusal := service.refusal():
        await exchange.reply(refusal)
    else:
        await _run(service, call, exchange)


async def _run(service: Service, call: Call, exchange: Exchange) -> None:
    """The slot is free before the answer leaves, so that who gets it may call again; a drip keeps it."""
    answer = Answer(HTTPStatus.OK, call.body)
    latency_seconds = service.draws.latency_seconds(service.settings.latency)
    fault = service.draws.fault(service.settings)
    with service.slot():
        if fault is Fault.HANG:
            await exchange.caller_leaves(call.terms.remaining_seconds)
            in_time = False
        else:
            in_time = await _work(latency_seconds, call.terms)
        if in_time and fault is not Fault.ERROR:
            _take_effect(service, call)
        if in_time and fault is Fault.DRIP:
            _count_end(service, whole=await exchange.drip(answer, call.terms))
            return
    if not in_time:
        await _fail(service, exchange, _deadline())
    else:
        await _deliver(service, answer, fault, exchange)


async def _work(latency_seconds: float, terms: Terms) -> bool:
    """Whether it was done before the caller's deadline."""
    remaining_seconds = terms.remaining_seconds
    if latency_seconds > 0:
        await asyncio.sleep(min(latency_seconds, remaining_seconds))
    return latency_seconds < remaining_seconds and terms.remaining_seconds > 0


def _take_effect(service: Service, call: Call) -> None:
    if call.has_effect:
        service.count_effect(call.key)
    if call.key is not None:
        service.replays.remember(call.key, call.body)


async def _deliver(service: Service, answer: Answer, fault: Fault | None, exchange: Exchange) -> None:
    _count_end(service, whole=fault is None)
    match fault:
        case Fault.RESET:
            await exchange.reset(answer)
        case Fault.GARBAGE:
            await exchange.reply(Answer(HTTPStatus.OK, _GARBAGE))
        case Fault.ERROR:
            await exchange.reply(_ordered_error(service))
        case _:
            await exchange.reply(answer)


def _count_end(service: Service, *, whole: bool) -> None:
    if whole:
        service.counters.succeeded += 1
    else:
        service.counters.failed += 1


async def _fail(service: Service, exchange: Exchange, answer: Answer) -> None:
    _count_end(service, whole=False)
    await exchange.reply(answer)


def _ordered_error(service: Service) -> Answer:
    status = service.settings.error_status
    headers = (service.retry_after(),) if status in (429, 503) else ()
    return error(status, "ordered", *headers)


def _deadline() -> Answer:
    return error(504, "deadline")
