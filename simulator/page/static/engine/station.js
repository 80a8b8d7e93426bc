/** One service in a simulation: simulator/engine/station.py. */

import { delayMs } from "../policies/backoff.js";
import { PROBES } from "../policies/breaker.js";
import { burstUs, intervalUs } from "../policies/pace.js";
import { roundEven } from "../policies/rounding.js";
import { drawing } from "../scenario/chance.js";
import { ENDS, EXPIRES, STARTS } from "./agenda.js";
import { Health, RetryBudget, Times } from "./health.js";
import { EXPIRED, FAILED, PARKED, QUEUED, RUNNING, SUCCEEDED } from "./job.js";
import { AGAIN, alive, Lanes } from "./lanes.js";
import { Newcomers } from "./newcomers.js";
import { MARGIN_SECONDS, PRIORITIES } from "./plan.js";

const sum = (counts) => counts[0] + counts[1] + counts[2];

export class Station {
  graph = null; // whoever goes on with a job when one of its calls has ended
  booked = PRIORITIES.map(() => 0);
  queued = 0;
  running = 0;
  #nextAt = 0;
  #wakesAt = Infinity;
  #sweeping = new Array(AGAIN + 1).fill(false);
  #latest = new Array(AGAIN + 1).fill(0);
  #budget = new RetryBudget();

  /** `meter`, `journal`: where this is the bottleneck, whose figures are kept; else null. */
  constructor({ scenario, plan, number, agenda, inputs, chance, meter, journal }) {
    const service = plan.services[number];
    this.service = service;
    this.bounds = service.bounds;
    this.health = new Health(service);
    this.times = scenario.queue.admission === "full" ? new Times(service) : null;
    this.newcomers = new Newcomers();
    this.one_priority = new Set(plan.parts.map(({ priority }) => priority)).size === 1;
    this.interval_us = intervalUs(service.rate_per_second);
    this.interval = this.interval_us / 1_000_000;
    this.burst = burstUs(this.interval_us) / 1_000_000;
    this.slots = service.max_concurrency;
    this.longest_ms = service.longest_waits.map((seconds) => (seconds < Infinity ? roundEven(seconds * 1000) : 0));
    this.sync = scenario.pattern === "sync";
    this.lanes = new Lanes(this.sync ? "fifo" : scenario.queue.discipline);
    this.draw = drawing(service.time);
    Object.assign(this, { agenda, inputs, chance, meter, journal });
  }

  /** Between two starts with all slots busy, while the breaker is closed. */
  get spacing_us() {
    return Math.max(1, this.interval_us, Math.ceil(this.service_us / this.slots));
  }

  /** What a call takes on average: as measured, where admission goes by that. */
  get service_us() {
    return this.times ? this.times.service_us : roundEven(this.service.expected_seconds * 1_000_000);
  }

  /** What 95 of 100 calls do not exceed. */
  slowUs(now) {
    return this.times.slowUs(now);
  }

  noteTime(now, took) {
    if (this.times) this.times.note(now, took);
  }

  /** How many came to the lanes of other priorities of late. */
  others(now, priority) {
    return this.one_priority ? 0 : this.newcomers.others(Math.floor(now * 1000), priority);
  }

  noteNewcomer(now, priority) {
    this.newcomers.note(Math.floor(now * 1000), priority);
  }

  book(now, priority) {
    this.booked[priority] += 1;
    this.journal?.booked(now, priority);
  }

  /** That so many places are booked: once who came and could start at once has. */
  seen() {
    if (this.meter) this.meter.booked(sum(this.booked));
  }

  /** Start at once, where there is room and nobody waits; else wait in a lane, until the start-by at most. */
  enter(now, job, k, again = false) {
    const call = job.operation.calls[k];
    const startBy = Math.min(job.deadline - call.rest - MARGIN_SECONDS, now + this.service.longest_waits[job.priority]);
    job.states[k] = QUEUED;
    this.queued += 1;
    if (this.sync) this.book(now, job.priority);
    if (!this.lanes.waiting && this.#mayStart(now) && startBy >= now) {
      this.#start(now, job, k, now);
      return;
    }
    if (startBy <= now) {
      this.#leave(now, job, EXPIRED, k);
      return;
    }
    if (this.meter) this.meter.waits(now);
    const lane = again && !this.sync ? AGAIN : this.lanes.lane_of[job.priority];
    this.#wait(lane, { job, k, queued: now, start_by: startBy });
    if (!this.health.isClosed) this.take(now);
  }

  #wait(lane, entry) {
    this.lanes.put(lane, entry);
    this.seen();
    if (!this.#sweeping[lane]) {
      this.#sweeping[lane] = true;
      this.agenda.put(entry.start_by, EXPIRES, this.#sweep, lane);
    } else if (entry.start_by < this.#latest[lane]) { // before one that stands before it
      this.agenda.put(entry.start_by, EXPIRES, this.#expire, entry);
    }
    this.#latest[lane] = Math.max(this.#latest[lane], entry.start_by);
  }

  /** Start what waits, as far as there is room. */
  take(now) {
    while (this.lanes.waiting && this.#mayStart(now)) {
      const entry = this.lanes.take();
      if (!entry) return;
      this.#start(now, entry.job, entry.k, entry.queued);
    }
  }

  #mayStart(now) {
    if (this.running >= this.slots || !(this.health.isClosed || this.#probes(now))) return false;
    if (this.interval && now < this.#nextAt - this.burst) {
      this.#wake(this.#nextAt - this.burst);
      return false;
    }
    return true;
  }

  /** Whether another call may be in flight while the breaker is not closed. */
  #probes(now) {
    if (!this.health.isHalfOpen(now)) {
      this.#bar(now);
      this.#wake(now + this.health.openMs(now) / 1000 + 0.001);
      return false;
    }
    return this.running < Math.min(this.slots, PROBES);
  }

  /** What can do without an answer of a service that is not called is ended without one. */
  #bar(now) {
    for (let lane = 0; lane <= AGAIN; lane += 1) {
      for (let entry = this.lanes.oldest(lane); entry; entry = this.lanes.oldest(lane)) {
        const call = entry.job.operation.calls[entry.k];
        if (call.required && !call.fallback) break;
        this.#leave(now, entry.job, FAILED, entry.k);
      }
    }
  }

  #wake(at) {
    if (at >= this.#wakesAt) return;
    this.#wakesAt = at;
    this.agenda.put(at, STARTS, this.#awake);
  }

  #awake = (now) => {
    this.#wakesAt = Infinity;
    this.take(now);
  };

  #start(now, job, k, queued) {
    job.states[k] = RUNNING;
    job.tries[k] += 1;
    this.booked[job.priority] -= 1;
    this.queued -= 1;
    this.running += 1;
    if (this.interval) this.#nextAt = Math.max(this.#nextAt, now) + this.interval;
    if (this.service.error_rate && job.tries[k] === 1) this.#budget.earn(now);
    const first = job.attempt === 1 && job.tries[k] === 1;
    const ends = now + (first ? this.inputs.seconds[k][job.request] : this.draw(this.chance));
    const last = Math.min(job.deadline, now + this.service.timeout_seconds);
    if (this.meter) {
      job.wait = now - queued;
      this.meter.worked(now, Math.min(ends, last));
      if (!this.queued) this.meter.emptied(now);
      this.journal.started(now, job.priority);
    }
    const failing = this.service.error_rate;
    if (ends > last) this.agenda.put(last, ENDS, this.#cutOff, job, k, now);
    else if (failing && this.chance.random() < failing) this.agenda.put(ends, ENDS, this.#failed, job, k, now);
    else this.agenda.put(ends, ENDS, this.#succeeded, job, k, now);
  }

  #free(now, job) {
    this.running -= 1;
    this.journal?.freed(now, job.priority);
  }

  #succeeded = (now, job, k, began) => {
    this.#free(now, job);
    this.health.note(now, began, true);
    this.noteTime(now, now - began);
    if (!job.isOver) this.graph.ended(now, job, k, SUCCEEDED);
    if (this.lanes.waiting) this.take(now);
  };

  /** By its time-out, or by the job's deadline: no evidence where that left it hardly the time that it takes. */
  #cutOff = (now, job, k, began) => {
    this.#goneWrong(now, job, k, began, job.deadline - began >= 2 * this.service.expected_seconds);
  };

  #failed = (now, job, k, began) => this.#goneWrong(now, job, k, began, true);

  #goneWrong(now, job, k, began, evident) {
    this.#free(now, job);
    if (!job.isOver) {
      if (evident) this.health.note(now, began, false);
      if (!this.#parked(now, job, k)) this.graph.ended(now, job, k, FAILED);
    }
    this.take(now);
  }

  /** Whether another attempt is made, once the worker has waited. */
  #parked(now, job, k) {
    const call = job.operation.calls[k], retry = this.service.retry;
    if (job.tries[k] >= retry.attempts || !call.repeatable) return false;
    const baseMs = roundEven(retry.base_seconds * 1000), maxMs = roundEven(retry.max_seconds * 1000);
    const due = now + delayMs(baseMs, maxMs, job.tries[k], () => this.chance.random()) / 1000;
    if (due > job.deadline - call.rest - MARGIN_SECONDS || !this.#budget.spend(now)) return false;
    job.states[k] = PARKED;
    if (!this.sync) {
      this.book(now, job.priority);
      this.seen();
    }
    this.agenda.put(due, STARTS, this.#due, job, k);
    return true;
  }

  #due = (now, job, k) => {
    if (job.states[k] === PARKED) this.enter(now, job, k, true);
  };

  /** Expire who has waited longest, and look again when the next one would be too late. */
  #sweep = (now, lane) => {
    let entry = this.lanes.oldest(lane);
    while (entry && entry.start_by <= now) {
      this.#leave(now, entry.job, EXPIRED, entry.k);
      entry = this.lanes.oldest(lane);
    }
    this.#sweeping[lane] = entry !== null;
    if (entry) this.agenda.put(entry.start_by, EXPIRES, this.#sweep, lane);
  };

  #expire = (now, entry) => {
    if (alive(entry)) this.#leave(now, entry.job, EXPIRED, entry.k);
  };

  #leave(now, job, state, k) {
    this.gone(now, job, k);
    this.graph.ended(now, job, k, state);
  }

  /** An open call gives its place back. */
  gone(now, job, k) {
    const queued = job.states[k] === QUEUED;
    if (queued || !this.sync) {
      this.booked[job.priority] -= 1;
      this.journal?.left(now, job.priority);
    }
    if (queued) {
      this.queued -= 1;
      if (this.meter && !this.queued) this.meter.emptied(now);
    }
    job.states[k] = FAILED;
  }
}
