/** Whether a simulated request is let in: simulator/engine/door.py. */

import { admit, Load } from "../policies/admission.js";
import { retryAfterSeconds } from "../policies/polling.js";
import { PRIORITIES } from "./plan.js";
import { predicted } from "./prediction.js";

const HELD_RETRY_SECONDS = 5;
const NOTHING = [];
const COME_IN = { reason: "", retryAfter: 0, without: NOTHING };

/** Answers {reason, retryAfter, without}: `reason` of a refusal, or empty. */
export class Door {
  held = {}; // synchronous jobs of each operation

  constructor(scenario, stations, chance) {
    this.stations = stations;
    this.room = scenario.gateway_concurrency;
    this.full = scenario.queue.admission === "full";
    this.random = () => chance.random();
    const rules = { none: () => COME_IN, capacity: this.#byCapacity, full: this.#byLoad };
    this.answer = scenario.pattern === "sync" ? this.#byHeld : rules[scenario.queue.admission];
  }

  #byHeld = (now, job) => {
    const openMs = this.full ? this.#openMs(now, job.operation) : 0;
    if (openMs) return this.#refused("downstream-unavailable", openMs);
    if ((this.held[job.operation.name] ?? 0) < this.room) return COME_IN;
    return { reason: "queue-full", retryAfter: HELD_RETRY_SECONDS, without: NOTHING };
  };

  #openMs(now, operation) {
    let longest = 0;
    for (const call of operation.calls) {
      const { health } = this.stations[call.service];
      if (call.required && !call.fallback && !health.isClosed) longest = Math.max(longest, health.openMs(now));
    }
    return longest;
  }

  #byCapacity = (now, job, done) => {
    const without = [];
    const { calls } = job.operation;
    for (let k = 0; k < calls.length; k += 1) {
      const call = calls[k], station = this.stations[call.service];
      if (station.booked[job.priority] < station.bounds[job.priority] || done.includes(k)) continue;
      if (call.required && !call.fallback) return this.#refused("queue-full", Math.ceil(station.spacing_us / 1000));
      without.push(k);
    }
    return without.length ? { ...COME_IN, without } : COME_IN;
  };

  #byLoad = (now, job, done) => {
    const { operation, priority } = job, { stations } = this;
    let without = NOTHING, obstacle;
    if (operation.is_chain && operation.calls.every((call) => stations[call.service].health.isClosed)) {
      obstacle = predicted(now, stations, operation, priority);
    } else {
      const decided = this.#decided(now, operation, priority, done);
      obstacle = decided.verdict === "accepted" ? null : [decided.verdict, decided.retry_ms];
      without = [...operation.calls.keys()].filter((k) => decided.without.includes(operation.calls[k].name));
    }
    if (obstacle) return this.#refused(...obstacle);
    operation.calls.forEach((call, k) => {
      if (!without.includes(k) && !done.includes(k)) stations[call.service].noteNewcomer(now, priority);
    });
    return without.length ? { ...COME_IN, without } : COME_IN;
  };

  #decided(now, operation, priority, done) {
    const loads = {};
    operation.planned.forEach((each, k) => {
      loads[each.service] ??= loadOf(now, this.stations[operation.calls[k].service], priority);
    });
    const finished = done.map((k) => operation.calls[k].name);
    return admit(operation.planned, loads, PRIORITIES[priority], operation.timeout_ms, finished);
  }

  #refused(reason, retryMs) {
    return { reason, retryAfter: retryAfterSeconds(retryMs, this.random), without: NOTHING };
  }
}

/** A station as admission sees it. */
function loadOf(now, station, priority) {
  const closed = station.health.isClosed;
  return new Load({
    waiting: { high: station.booked[0], normal: station.booked[1], low: station.booked[2] },
    bound: station.bounds[priority],
    capacity: station.service.capacity,
    interval_us: station.interval_us,
    service_us: station.service_us,
    slow_us: station.slowUs(now),
    max_concurrency: station.service.max_concurrency,
    max_wait_ms: station.longest_ms[priority],
    others: station.others(now, priority),
    again: station.lanes.begunBefore,
    open_ms: closed ? 0 : station.health.openMs(now),
    half_open: !closed && station.health.isHalfOpen(now),
  });
}
