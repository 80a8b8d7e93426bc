/** What the ends of calls say of a service: simulator/engine/health.py. */

import { breaker, noted, stateOf } from "../policies/breaker.js";
import { roundEven } from "../policies/rounding.js";
import { Queue } from "./queue.js";

const FRESH_MS = 10_000;
const PER_FIRST_ATTEMPT = 100, PER_RETRY = 1000, MOST = 10_000;

/** The breaker. What went well is noted late: as long as nothing goes badly it changes nothing. */
export class Health {
  #breaker = breaker();
  #rule;
  #well = new Queue();
  #enough = 1000;

  constructor(service) {
    const policy = service.breaker;
    this.#rule = {
      failure_percent: policy.failure_percent,
      minimum_calls: policy.minimum_calls,
      window_ms: roundEven(policy.window_seconds * 1000),
      open_ms: roundEven(policy.open_seconds * 1000),
    };
  }

  get isClosed() {
    return !this.#breaker.open_until_ms;
  }

  openMs(now) {
    return Math.max(0, this.#breaker.open_until_ms - ms(now));
  }

  isHalfOpen(now) {
    return stateOf(this.#breaker, ms(now)) === "half-open";
  }

  note(now, began, well) {
    if (well && this.isClosed) {
      this.#well.push([began, now]);
      if (this.#well.length > this.#enough) this.#forget(now);
      return;
    }
    for (const [beganThen, then] of this.#well) this.#note(then, beganThen, true);
    this.#well.clear();
    this.#note(now, began, well);
  }

  #note(now, began, well) {
    this.#breaker = noted(this.#breaker, this.#rule, well, ms(began), ms(now));
  }

  /** What lies in neither window any more. */
  #forget(now) {
    while (this.#well.first[1] < now - 2 * this.#rule.window_ms / 1000) this.#well.shift();
    this.#enough = 2 * this.#well.length + 1000;
  }
}

/** Each first attempt earns a tenth of a retry, each 0.1 s too, up to ten. */
export class RetryBudget {
  #atMs = 0;
  #tokens = MOST;

  earn(now) {
    this.#set(now, PER_FIRST_ATTEMPT);
  }

  spend(now) {
    this.#set(now, 0);
    if (this.#tokens < PER_RETRY) return false;
    this.#tokens -= PER_RETRY;
    return true;
  }

  #set(now, more) {
    const nowMs = ms(now);
    this.#tokens = Math.min(MOST, this.#tokens + nowMs - this.#atMs + more);
    this.#atMs = nowMs;
  }
}

/** A moving average, and what 95 of 100 calls do not exceed. In us. */
export class Times {
  #expectedUs;
  #timeoutUs;
  #slowUs;
  #notedMs = -FRESH_MS - 1;

  constructor(service) {
    this.#expectedUs = roundEven(service.expected_seconds * 1_000_000);
    this.#timeoutUs = roundEven(service.timeout_seconds * 1_000_000);
    this.service_us = this.#expectedUs;
    this.#slowUs = this.#expectedUs;
  }

  note(now, took) {
    const tookUs = roundEven(took * 1000) * 1000, slowUs = this.#slow(now);
    const slow = tookUs > slowUs ? slowUs + slowUs * 19 / 400 : Math.max(1000, slowUs - slowUs / 400);
    this.service_us = Math.floor((this.service_us * 15 + tookUs) / 16);
    this.#slowUs = Math.floor(slow);
    this.#notedMs = ms(now);
  }

  slowUs(now) {
    return Math.min(this.#slow(now), this.#timeoutUs);
  }

  #slow(now) {
    return ms(now) - this.#notedMs <= FRESH_MS ? this.#slowUs : this.#expectedUs;
  }
}

const ms = (seconds) => Math.floor(seconds * 1000);
