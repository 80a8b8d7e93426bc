/** Admission: bff/policies/admission.py, in the same whole numbers. */

import { PROBES } from "./breaker.js";

export const WEIGHTS = { high: 8, normal: 3, low: 1 };
export const SHED_ABOVE_PER_MILLE = { high: 1_000_000, normal: 900, low: 750 };
export const START_MARGIN_MS = 100;
export const HOP_MS = 50;
export const HELD_RETRY_MS = 60_000;
export const HELD_MS = 3_600_000;
export const CAME_WITHIN_MS = 10_000;

const WEIGHT_OF_ALL = 12;

/** A service at one moment; members as the Python dataclass has them. */
export class Load {
  constructor(given) {
    Object.assign(this, { max_wait_ms: 0, others: 0, again: 0, open_ms: 0, half_open: false, paused_ms: 0, held: false });
    this.admission = "full";
    Object.assign(this, given);
    this.total = 0;
    for (const priority in this.waiting) this.total += this.waiting[priority];
    this.rests_ms = this.held ? Math.max(this.paused_ms, HELD_MS) : this.paused_ms;
    const slots = this.half_open ? Math.min(this.max_concurrency, PROBES) : this.max_concurrency;
    this.spacing_us = Math.max(1, this.interval_us, Math.ceil(this.service_us / (this.open_ms ? 1 : slots)));
  }
}

/** Of one with `waiting` before it in its lane. */
export function waitMs(load, priority, waiting) {
  let ahead = load.again + Math.ceil(waiting * WEIGHT_OF_ALL / WEIGHTS[priority]);
  const takenPerMille = Math.floor(load.others * load.spacing_us / CAME_WITHIN_MS);
  if (takenPerMille < 1000) ahead = Math.min(ahead, Math.floor(load.total * 1000 / (1000 - takenPerMille)));
  return load.rests_ms + Math.floor(ahead * load.spacing_us / 1000);
}

/** Whether a job may be accepted: {verdict, service, retry_ms, expected_ms, without}. What is `done` waits for nothing. */
export function admit(calls, loads, priority, timeoutMs, done = []) {
  const ends = {}, rests = restsMs(calls, loads), without = [];
  let longest = 0;
  for (const call of calls) {
    const begins = call.after.reduce((latest, name) => Math.max(latest, ends[name]), 0);
    ends[call.name] = done.includes(call.name) ? 0 : begins;
    if (done.includes(call.name)) continue;
    const load = loads[call.service];
    const start = Math.max(begins, waitMs(load, priority, load.waiting[priority]));
    const obstacle = obstacleTo(load, priority, call, start, latestMs(rests[call.name], load, begins, timeoutMs));
    if (obstacle && call.required && !call.fallback) {
      const [verdict, retryMs] = obstacle;
      const expectedMs = verdict === "downstream-unavailable" ? retryMs : start;
      return { verdict, service: call.service, retry_ms: retryMs, expected_ms: expectedMs, without: [] };
    }
    if (obstacle) {
      without.push(call.name);
    } else {
      ends[call.name] = start + Math.ceil(load.service_us / 1000);
      longest = Math.max(longest, ends[call.name]);
    }
  }
  return { verdict: "accepted", service: "", retry_ms: 0, expected_ms: longest, without };
}

/** From the start of each call to the end of its job along the longest required path, each call a slow one. */
export function restsMs(calls, loads) {
  const rests = {};
  for (const call of calls.toReversed()) {
    const later = calls.filter((each) => each.required && each.after.includes(call.name));
    const longest = later.reduce((most, each) => Math.max(most, HOP_MS + rests[each.name]), 0);
    rests[call.name] = Math.ceil(loads[call.service].slow_us / 1000) + longest;
  }
  return rests;
}

function obstacleTo(load, priority, call, startMs, latest) {
  if (load.admission === "none") return null;
  const full = load.admission === "full";
  if (full && load.held) return ["downstream-unavailable", HELD_RETRY_MS];
  if (full && load.open_ms && !call.cached) return ["downstream-unavailable", load.open_ms];
  const crowded = noRoom(load, priority);
  if (crowded) return [crowded[0], Math.ceil(crowded[1] * load.spacing_us / 1000)];
  return full && startMs > latest ? ["deadline-unattainable", startMs - latest] : null;
}

/** Why there is no place, and how many must leave until there is one. */
function noRoom(load, priority) {
  if (load.waiting[priority] >= load.bound) return ["queue-full", load.waiting[priority] - load.bound + 1];
  if (load.admission === "capacity") return null;
  const threshold = load.capacity * SHED_ABOVE_PER_MILLE[priority];
  if (load.total * 1000 >= threshold) return ["shedding", load.total - Math.floor(threshold / 1000) + 1];
  return null;
}

function latestMs(restMs, load, beginsMs, timeoutMs) {
  const latest = timeoutMs - restMs - START_MARGIN_MS;
  return load.max_wait_ms ? Math.min(latest, beginsMs + load.max_wait_ms) : latest;
}
