import asyncio

import pytest

from downstream_mock.replay import Replays

pytestmark = pytest.mark.anyio


async def test_the_first_answer_is_remembered() -> None:
    replays = Replays()
    with replays.claim("k"):
        replays.remember("k", b"first")
    assert await replays.first_answer("k") == b"first"
    assert await replays.first_answer("other") is None


async def test_the_oldest_answer_is_forgotten_first() -> None:
    replays = Replays(max_answers=2)
    for key in ("a", "b", "c"):
        with replays.claim(key):
            replays.remember(key, key.encode())
    assert [await replays.first_answer(key) for key in ("a", "b", "c")] == [None, b"b", b"c"]


async def test_a_repeat_waits_for_the_first_and_gets_its_answer_before_the_claim_ends() -> None:
    replays = Replays()
    with replays.claim("k"):
        repeat = asyncio.create_task(replays.first_answer("k"))
        await asyncio.sleep(0)
        assert not repeat.done()
        replays.remember("k", b"first")
        assert await repeat == b"first"


async def test_when_the_first_ends_without_an_answer_one_repeat_claims_and_the_others_wait_on() -> None:
    replays = Replays()
    executed = 0

    async def call() -> bytes:
        nonlocal executed
        if (first := await replays.first_answer("k")) is not None:
            return first
        with replays.claim("k"):
            executed += 1
            await asyncio.sleep(0)
            replays.remember("k", b"second")
        return b"executed"

    with replays.claim("k"):
        repeats = [asyncio.create_task(call()) for _ in range(3)]
        await asyncio.sleep(0)
    assert sorted(await asyncio.gather(*repeats)) == [b"executed", b"second", b"second"]
    assert executed == 1
