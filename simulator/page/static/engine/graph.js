/** How a simulated job moves along its operation's graph of calls: simulator/engine/graph.py. */

import { EXPIRED, FAILED, FALLBACK, PARKED, QUEUED, RUNNING, SKIPPED, SUCCEEDED, WAITING } from "./job.js";
import { MARGIN_SECONDS } from "./plan.js";

export class Jobs {
  /** `owner` is told how a job ended: jobEnded(now, job, end). */
  constructor(stations, bottleneck, owner, pattern) {
    this.stations = stations;
    this.bottleneck = bottleneck;
    this.owner = owner;
    this.sync = pattern === "sync";
    for (const station of stations) station.graph = this;
  }

  /** `without`: the calls that get no place; `done`: those that the gateway has made already. */
  submit(now, job, without, done) {
    const { calls, is_chain } = job.operation;
    for (let k = 0; k < calls.length; k += 1) {
      if (done.length && done.includes(k)) job.states[k] = SUCCEEDED;
      else if (without.length && without.includes(k)) job.states[k] = calls[k].fallback ? FALLBACK : SKIPPED;
      else if (!this.sync) this.stations[calls[k].service].book(now, job.priority);
    }
    if (is_chain) this.stations[calls[0].service].enter(now, job, 0);
    else this.#advance(now, job);
    this.bottleneck.seen();
  }

  ended(now, job, k, state) {
    const { calls } = job.operation, { states } = job, call = calls[k];
    if (state === FAILED && call.required && now >= job.deadline - MARGIN_SECONDS) {
      states[k] = FAILED;
      this.#runOut(now, job);
      return;
    }
    states[k] = call.fallback && (state === FAILED || state === EXPIRED) ? FALLBACK : state;
    if (states[k] > FALLBACK) {
      this.#advance(now, job);
    } else if (call.before.length) {
      for (const later of call.before) {
        if (states[later] === WAITING && isReady(job, later)) this.stations[calls[later].service].enter(now, job, later);
      }
    } else if (states.every((each) => each >= SUCCEEDED)) {
      this.#end(now, job, "succeeded");
    }
  }

  cancel(now, job) {
    this.#settle(now, job, "timed_out");
  }

  /** Start what waited for an ended call, skip what can no longer run, end the job when nothing is left. */
  #advance(now, job) {
    const { states } = job, { calls } = job.operation;
    let goingOn = false;
    for (let k = 0; k < calls.length; k += 1) {
      const call = calls[k];
      let state = states[k];
      if (state === WAITING) {
        if (call.after.some((each) => states[each] > FALLBACK)) this.#skip(now, job, k);
        else if (call.after.every((each) => states[each] >= SUCCEEDED)) {
          this.stations[call.service].enter(now, job, k);
          if (job.isOver) return; // it could do without an answer, and that was the last one
        }
        state = states[k];
      }
      if (state > FALLBACK && call.required) {
        this.#settle(now, job, state === EXPIRED ? "expired" : "failed");
        return;
      }
      goingOn ||= state < SUCCEEDED;
    }
    if (!goingOn) this.#settle(now, job, "succeeded");
  }

  #skip(now, job, k) {
    const call = job.operation.calls[k];
    this.stations[call.service].gone(now, job, k);
    job.states[k] = call.fallback ? FALLBACK : SKIPPED;
  }

  /** Past the deadline: what is required and not done decides, but for what has static data to fall back on. */
  #runOut(now, job) {
    const good = job.operation.calls.every((call, k) =>
      !call.required || call.fallback || job.states[k] === SUCCEEDED || job.states[k] === FALLBACK);
    this.#settle(now, job, good ? "succeeded" : "expired");
  }

  #settle(now, job, end) {
    job.operation.calls.forEach((call, k) => {
      const state = job.states[k];
      if (state === WAITING || state === QUEUED || state === PARKED) {
        this.stations[call.service].gone(now, job, k);
        job.states[k] = SKIPPED;
      } else if (state === RUNNING) { // it keeps its slot: to hang up does not stop every service
        job.states[k] = SKIPPED;
      }
    });
    this.#end(now, job, end);
  }

  #end(now, job, end) {
    job.ended = now;
    this.owner.jobEnded(now, job, end);
  }
}

function isReady(job, k) {
  const { after } = job.operation.calls[k];
  return after.length === 1 || after.every((each) => job.states[each] >= SUCCEEDED && job.states[each] <= FALLBACK);
}
