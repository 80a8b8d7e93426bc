"""One history of a cell: each step's answer is held against what was seen of the broker, and told to it, before."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bff.broker.dead_letters import DeadLetter, DeadLetters, Kind, NotReplayed
from bff.broker.expiry import Expiry
from bff.broker.job import CallStatus, Ended, Mode, Source, decode_ended
from bff.broker.jobs import Accepted, Bound, Cancellation, Notify, QuotaExceeded, Replayed
from bff.broker.keys import Keys
from bff.broker.lanes import End, Entry, Health, Noted, Supply
from bff.broker.outbox import Turn
from bff.broker.pipeline import Pipeline
from bff.broker.requeue import Requeue
from bff.broker.synchronous import Beginning, begin
from bff.catalog.model import Priority
from bff.policies.breaker import PROBES, State
from tests.broker.fake import FakeRuns
from tests.broker.past import CATALOG, CLIENTS, FIRST_TOKENS, MOST_LOST, SLOTS, SYNC_SLOTS, Past
from tests.broker.snapshot import ALWAYS, PLANS, SERVICES, UNDOES, Snapshot, held_as, snapshot
from tests.broker.turned import Fault, Turned
from tests.broker.world import BAD, GOOD, World

START_MARGIN_MS = 100
ROUNDS_TO_REST = 60
STANDS_IN = replace(GOOD, status=CallStatus.FALLBACK, effect=False, source=Source.STATIC, http_status=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Another attempt, please: the call went ill, or nothing was done (a 429, or the worker does not know the call)."""

    delay_ms: int
    effect: bool = False
    pushed_back: bool = False
    attempted: bool = True


class History:
    def __init__(self, redis: Pipeline | FakeRuns, faults: Sequence[Fault] = ()) -> None:
        keys = Keys(uuid.uuid4().hex)
        self.clock = Turned(redis, keys, faults)
        self.world = World(self.clock, CATALOG, keys)
        self.past = Past()
        self._dead = DeadLetters(self.world.cell)
        self._began_ms = self.clock.now_ms

    async def begin(self) -> None:
        await self.clock.turn(0)
        await self.world.cell.configure()
        for service in SERVICES:
            await self._set(service, retry_tokens=FIRST_TOKENS, retry_at=self._began_ms)

    async def submit(
        self,
        operation: str,
        priority: Priority,
        timeout_ms: int,
        client: str,
        key: str | None,
        notify: Notify | None,
        mode: Mode,
    ) -> None:
        wish = (client, operation, key or "")
        answer = await self.world.submit(
            operation,
            priority=priority,
            timeout_ms=timeout_ms,
            client=client,
            idempotency_key=key,
            quota=CLIENTS[client],
            notify=notify,
            mode=mode,
        )
        match answer:
            case Accepted(job=job, ended=ended):
                assert key is None or wish not in self.past.keyed
                self.past.ids.append(job.id)
                self.past.keyed[wish] = job.id
                self.past.accepted[client] += 1
                self._told(ended)
            case Replayed(job_id):
                assert self.past.keyed[wish] == job_id
            case QuotaExceeded(bound=Bound.IN_FLIGHT):
                assert (await self.now()).in_flight[client] >= CLIENTS[client].max_in_flight

    async def cancel(self, number: int, client: str) -> None:
        if not self.past.ids:
            return
        job_id = self.past.ids[number % len(self.past.ids)]
        job = (await self.now()).jobs[job_id]
        word, ended = await self.world.jobs.cancel(job_id, client)
        self._told(ended)
        if job.fields["client"] != client:
            assert word is Cancellation.UNKNOWN
        else:
            assert (word in (Cancellation.CANCELLED, Cancellation.IN_FLIGHT)) != job.status.terminal

    async def take(self, service: str, wanted: int) -> list[tuple[str, Entry]]:
        held = (await self.now()).slots_held(service)
        state, rests = await self._state(service)
        taken = await self.world.lanes(service).take(wanted)
        self._told(taken.ended)
        room = max(0, (PROBES if state is State.HALF_OPEN else SLOTS[service]) - held)
        assert len(taken.entries) <= wanted
        if state is not State.OPEN:
            assert len(taken.entries) <= (0 if rests else room)
            if taken.supply in (Supply.FULL, Supply.LIMITED):
                assert rests or len(taken.entries) == room, "work waits, and a slot is free"
        for entry in taken.entries:
            self._took(service, entry, state)
        return [(service, entry) for entry in taken.entries]

    async def begin_synchronous(self, number: int) -> list[tuple[str, Entry]]:
        """By the gateway that holds its answer: one of those whose turn it is."""
        now = await self.now()
        if not (waiting := now.to_begin()):
            return []
        service, job_id, call = waiting[number % len(waiting)]
        held = now.slots_held(service)
        state, rests = await self._state(service)
        begun = await begin(self.world.cell, job_id, call)
        self._told(begun.ended)
        entry = begun.entry
        if entry is None:
            if begun.beginning is Beginning.LIMITED:
                synchronous = sum(f"lane:{service}:sync" in each for each in now.held)
                full = held >= (PROBES if state is State.HALF_OPEN else SLOTS[service])
                assert rests or full or synchronous >= SYNC_SLOTS[service], "a slot is free"
            return []
        if state is not State.OPEN:
            assert not rests
            assert held < (PROBES if state is State.HALF_OPEN else SLOTS[service])
        self._took(service, entry, state)
        return [(service, entry)]

    def _took(self, service: str, entry: Entry, state: State) -> None:
        place = (entry.job_id, entry.call)
        assert entry.barred == (state is State.OPEN)
        assert self.past.losses[place] < MOST_LOST, "three workers were lost with it"
        if entry.call not in UNDOES:
            assert entry.remaining_ms > START_MARGIN_MS, "it starts too late"
        if entry.barred:
            synchronous = entry.mode is Mode.SYNC and entry.call not in UNDOES
            assert synchronous or _can_do_without(entry)
            as_held = held_as(self.world, service, entry.id) if synchronous else f"{entry.lane} {entry.id}"
            self.past.barred.add(as_held)
        elif place not in self.past.begun:
            self.past.begun.add(place)
            self.past.first_attempts[service] += 1

    async def conclude(self, service: str, entry: Entry, fate: End | Again) -> None:
        """Told by whoever took it, be it once more, or after it was reclaimed."""
        if isinstance(fate, Again):
            await self._retry(service, entry, fate)
        elif entry.barred or fate.status is CallStatus.FALLBACK:
            await self._finish(
                service, entry, replace(STANDS_IN if _can_do_without(entry) else BAD, health=fate.health)
            )
        else:
            await self._finish(service, entry, fate)

    async def _finish(self, service: str, entry: Entry, end: End) -> None:
        in_flight = await self._is_in_flight(entry)
        noted, ended = await self.world.lanes(service).finish(entry, end)
        self._told(ended)
        assert (noted is not Noted.STALE) == in_flight
        place = (entry.job_id, entry.call)
        if in_flight and end.effect:
            self.past.effects.add(place)
        if in_flight and end.status is CallStatus.FAILED and entry.call in UNDOES:
            self.past.letters.add(place)

    async def _retry(self, service: str, entry: Entry, fate: Again) -> None:
        in_flight = await self._is_in_flight(entry)
        free = fate.pushed_back or not fate.attempted
        noted = await self.world.lanes(service).retry(
            entry,
            delay_ms=fate.delay_ms,
            effect=fate.effect,
            error="t",
            http_status=429 if fate.pushed_back else None,
            pause_ms=fate.delay_ms if fate.pushed_back else 0,
            attempted=fate.attempted,
            budgeted=not free,
            health=Health.SILENT if free else Health.ILL,
        )
        assert (noted is not Noted.STALE) == in_flight
        place = (entry.job_id, entry.call)
        match noted:
            case Noted.TOO_LATE | Noted.NO_BUDGET:
                await self._finish(service, entry, replace(BAD, effect=fate.effect))
            case Noted.PARKED | Noted.LATE:
                if fate.effect:
                    self.past.effects.add(place)
                if not fate.attempted:
                    self.past.begun.discard(place)
                if noted is Noted.PARKED and not free and entry.call not in UNDOES:
                    self.past.retries[service] += 1

    async def reclaim(self, service: str, limit: int = 100) -> None:
        """Whoever holds the oldest entries, so many of each lane, was silent for long enough."""
        lanes = self.world.lanes(service)
        synchronous = [f"{member.decode()}" for member in await self._make_over(service, limit)]
        held = (await self.now()).held
        keys = [self.world.keys.service(service), *lanes.keys]
        count, ended = await self.world.cell.run("reclaim", keys, [limit])
        self._told(decode_ended(ended))
        oldest = [entry for lane in lanes.keys for entry in [e for e in held if e.startswith(f"{lane} ")][:limit]]
        oldest += [entry for entry in held if "sync " in entry and ":".join(held[entry]) in synchronous]
        assert count == len(oldest)
        lost = [held[entry] for entry in oldest if entry not in self.past.barred]
        self.past.effects.update(lost)
        self.past.losses.update(lost)
        now = await self.now()
        for job_id, call in lost:
            poisonous = self.past.losses[job_id, call] == MOST_LOST and now.jobs[job_id].call(call) == "failed"
            if poisonous and (call in UNDOES or now.jobs[job_id].status == "failed"):
                self.past.letters.add((job_id, call))

    async def _make_over(self, service: str, limit: int) -> list[bytes]:
        """Synchronous calls, so many: as if each had had its time."""
        key = self.world.keys.sync(service)
        members: list[bytes] = await self.clock.execute("ZRANGE", key, 0, limit - 1)
        for member in members:
            await self.clock.execute("ZADD", key, "XX", 0, member)
        return members

    async def duties(self) -> None:
        await Expiry(self.world.cell, self._told).run_once()
        await Requeue(self.world.cell).run_once()

    async def claim(self, number: int) -> None:
        """A client reads how its job ended before it is told."""
        outbox = (await self.now()).outbox
        job_id = outbox[number % len(outbox)]
        await self.world.jobs.claim(job_id)
        now = await self.now()
        assert (job_id in now.outbox) == (now.jobs[job_id].fields["notify_when"] == "always")

    async def notify(self, told: list[str | None]) -> None:
        """Some of what is due is handed over; what is not told (None) was lost on the way."""
        for turn, word in zip(await self.world.outbox.hand_over(len(told)), told, strict=False):
            self.past.turns.append(turn)
            before = await self._notification(turn)
            assert (await self.world.outbox.begin(turn) is not None) == (before != ("pending", "unclaimed", "1"))
            assert await self.world.outbox.begin(turn) is None, "a turn is one attempt"
            if word is not None:
                await self._tell(turn, word)
            else:  # its lease is over
                await self.world.make_due(turn.job_id)

    async def tell_of_an_old_turn(self, number: int, word: str) -> None:
        """By a worker that was frozen meanwhile."""
        if self.past.turns:
            await self._tell(self.past.turns[number % len(self.past.turns)], word)

    async def _tell(self, turn: Turn, word: str) -> None:
        before = await self._notification(turn)
        last = await self.clock.execute("HGET", self.world.keys.job(turn.job_id), "notify_turn")
        counts = before[0] == "pending" and (int(last) == turn.number or word == "delivered")
        outbox = self.world.outbox
        match word:
            case "delivered":
                await outbox.delivered(turn)
            case "drop":
                await outbox.drop(turn)
            case "again":
                await outbox.again(turn, 1_000)
            case "buried":
                await outbox.bury(turn, medium="webhook", receiver="https://a.example", error="HTTP 500")
        after = await self._notification(turn)
        states = {"delivered": "delivered", "drop": "dropped", "again": "pending", "buried": "buried"}
        assert after[0] == (states[word] if counts else before[0])
        if counts and word == "buried":
            self.past.letters.add((turn.job_id, ""))

    async def _notification(self, turn: Turn) -> tuple[str, ...]:
        """Its state, when it is wanted, and whether its job is claimed."""
        fields = ("notify_state", "notify_when", "claimed")
        read = await self.clock.execute("HMGET", self.world.keys.job(turn.job_id), *fields)
        return tuple((value or b"").decode() for value in read)

    async def look_after_a_dead_letter(self, number: int, again: bool) -> None:
        letters = [letter async for letter in self._dead.all()]
        if not letters:
            return
        letter = letters[number % len(letters)]
        if again:
            await self._replay(letter)
        else:
            assert await self._dead.discard(letter)
            self.past.letters.discard((letter.job_id, letter.call))

    async def _replay(self, letter: DeadLetter) -> None:
        place = (letter.job_id, letter.call)
        try:
            job_id = await self._dead.replay(letter)
        except NotReplayed:
            assert letter.kind is Kind.CALL
            return
        self.past.letters.discard(place)
        if letter.kind is Kind.CALL:
            self.past.ids.append(job_id)
        else:
            assert job_id == letter.job_id
            self.past.losses[place] = 0
            self.past.begun.discard(place)

    async def force_the_breaker(self, service: str, state: State) -> None:
        until_ms = {State.CLOSED: 0, State.HALF_OPEN: self.clock.now_ms, State.OPEN: self.clock.now_ms + 2_000}[state]
        await self._set(service, **{"breaker.open_until": until_ms, "breaker.since": 0, "breaker.good": 0})

    async def now(self) -> Snapshot:
        return await snapshot(self.world, self.past.ids, self.past.barred, tuple(CLIENTS))

    async def check(self) -> Snapshot:
        """What must hold after every step."""
        now = await self.now()
        for holds in ALWAYS:
            holds(now)
        self.past.check(now, self.clock.now_ms - self._began_ms)
        return now

    async def come_to_rest(self) -> None:
        """Whatever happened: duties, a good worker and an operator bring every job to its one end; nothing is left."""
        rounds = 0
        while not (now := await self.check()).at_rest:
            await self.clock.turn(1_000)
            await self.duties()
            for service in SERVICES:
                await self.reclaim(service)
                for _, entry in await self.take(service, 100):
                    await self.conclude(service, entry, replace(GOOD, health=Health.WELL))
            for number in range(len(now.to_begin())):
                for service, entry in await self.begin_synchronous(number):
                    await self.conclude(service, entry, replace(GOOD, health=Health.WELL))
            await self.world.deliver()
            await self.look_after_a_dead_letter(0, again=False)
            rounds += 1
            assert rounds < ROUNDS_TO_REST, await self.world.leftovers()
        assert await self.world.leftovers() == {}
        for job_id, job in now.jobs.items():
            assert job.status.terminal
            for undo, call in UNDOES.items():
                had_effect = (job_id, call) in self.past.effects and job.status != "succeeded"
                assert (job.call(undo) in ("succeeded", "failed")) == had_effect, (job_id, undo)

    def _told(self, ended: Iterable[Ended]) -> None:
        self.past.told.update(each.job_id for each in ended)

    async def _is_in_flight(self, entry: Entry) -> bool:
        named = await self.clock.execute("HGET", self.world.keys.job(entry.job_id), f"{entry.call}.entry")
        return bool(named == entry.id.encode())

    async def _state(self, service: str) -> tuple[State, bool]:
        """The breaker's, and whether the service was paused."""
        read = await self.clock.execute("HMGET", self.world.keys.service(service), "breaker.open_until", "paused_until")
        open_until_ms, paused_until_ms = (int(value or 0) for value in read)
        rests = self.clock.now_ms < paused_until_ms
        if not open_until_ms:
            return State.CLOSED, rests
        return State.OPEN if self.clock.now_ms < open_until_ms else State.HALF_OPEN, rests

    async def _set(self, service: str, **fields: int) -> None:
        flat: list[Any] = [part for pair in fields.items() for part in pair]
        await self.clock.execute("HSET", self.world.keys.service(service), *flat)


def _can_do_without(entry: Entry) -> bool:
    call = PLANS[entry.operation].by_name.get(entry.call)
    return call is not None and not (call.required and call.fallback is None and not call.cache_seconds)
