/** The clients of a simulation: simulator/engine/crowd.py, without a budget for what they may try again. */

import { CLIENTS } from "./agenda.js";
import { Job } from "./job.js";
import { Looks } from "./looks.js";
import { retrySeconds } from "../scenario/patience.js";

const NONE_DONE = [];

export class Crowd {
  jobs = null;
  open = 0; // requests that have not ended, and jobs that go on although their client has left

  constructor({ scenario, plan, inputs, agenda, door, inline, meter, journal, chance }) {
    const count = inputs.at.length;
    this.sync = scenario.pattern === "sync";
    this.parts = plan.parts;
    this.clients = scenario.clients;
    this.watched = scenario.clients.retries > 0 || scenario.clients.cancels;
    this.looks = new Looks(scenario.clients);
    const inlined = plan.parts.some(({ operation }) => operation.calls.some((call) => call.inline));
    this.has_inline = inlined && !this.sync;
    Object.assign(this, { inputs, agenda, door, inline, meter, journal, chance });
    this.end = new Array(count).fill(null);
    for (const column of ["accept", "wait", "result", "told"]) this[column] = new Float64Array(count).fill(NaN);
  }

  arrive = (now, request) => {
    this.open += 1;
    this.#attempt(now, request, 1);
  };

  requests() {
    const { at, part } = this.inputs, { end, accept, wait, result, told } = this;
    return { at, part, end, accept, wait, result, told };
  }

  #counts(request) {
    return this.inputs.at[request] >= this.meter.warm;
  }

  #attempt = (now, request, attempt) => {
    this.meter.arrived_at.push(now);
    if (this.#counts(request)) this.meter.attempts += 1;
    const { operation, priority } = this.parts[this.inputs.part[request]];
    const job = new Job(request, attempt, operation, priority, now);
    if (this.has_inline) {
      const [seconds, done] = this.inline.make(now, operation, request);
      if (seconds) {
        this.agenda.put(now + seconds, CLIENTS, this.#submit, job, done);
        return;
      }
    }
    this.#submit(now, job, NONE_DONE);
  };

  #submit = (now, job, done) => {
    const answer = this.door.answer(now, job, done);
    if (answer.reason) {
      this.#turnedAway(now, job, answer);
      return;
    }
    const { meter } = this, { request, submitted: sent } = job;
    meter.accepted_at.push(now);
    if (this.#counts(request)) meter.accepted += 1;
    if (now > sent) { // there were inline calls to make
      job.submitted = now;
      job.deadline = now + job.operation.timeout;
    }
    job.gives_up = sent + this.clients.timeout_seconds;
    this.accept[request] = this.sync ? NaN : now - this.inputs.at[request];
    this.result[request] = this.told[request] = NaN;
    this.open += 1;
    if (this.sync) this.#hold(job, 1);
    if (this.watched) this.agenda.put(job.gives_up, CLIENTS, this.#giveUp, job);
    this.jobs.submit(now, job, answer.without, done);
  };

  #hold(job, more) {
    const { held } = this.door, { name } = job.operation;
    held[name] = (held[name] ?? 0) + more;
  }

  #turnedAway(now, job, answer) {
    const { meter } = this, { request } = job;
    meter.rejected_at.push(now);
    this.journal.rejected(now, job.priority);
    if (this.#counts(request)) meter.rejected_by_reason[answer.reason] = (meter.rejected_by_reason[answer.reason] ?? 0) + 1;
    this.accept[request] = now - this.inputs.at[request];
    this.wait[request] = NaN;
    if (!this.#again(now, job, answer.retryAfter)) this.#ends(request, "rejected");
  }

  #giveUp = (now, job) => {
    if (job.isOver) return;
    job.left = true;
    this.#polled(job, now);
    if (!this.#again(now, job, 0)) this.#ends(job.request, "timed_out");
    if (this.clients.cancels) this.jobs.cancel(now, job);
  };

  /** Whether it tries again, in a while. */
  #again(now, job, retryAfter) {
    const { clients } = this;
    if (job.attempt > clients.retries) return false;
    const pause = retrySeconds(job.attempt, retryAfter, clients, () => this.chance.random());
    this.agenda.put(now + pause, CLIENTS, this.#attempt, job.request, job.attempt + 1);
    return true;
  }

  jobEnded(now, job, end) {
    this.open -= 1;
    if (this.sync) this.#hold(job, -1);
    if (end === "succeeded") this.meter.served_at.push(now);
    else if (end === "expired") this.meter.expired_at.push(now);
    if (job.left) return;
    this.#polled(job, now);
    const { request } = job;
    const inTime = now < job.gives_up || (now === job.gives_up && end === "succeeded");
    this.wait[request] = job.wait;
    if (inTime && this.sync) this.accept[request] = now - this.inputs.at[request];
    if (inTime && end === "succeeded") this.#knows(now, job);
    this.#ends(request, inTime ? end : "timed_out");
  }

  #knows(now, job) {
    const at = this.inputs.at[job.request];
    this.result[job.request] = now - at;
    const told = this.sync ? now : Math.min(job.gives_up, job.submitted + this.looks.told(now - job.submitted));
    this.told[job.request] = told - at;
  }

  #polled(job, until) {
    if (!this.sync && this.#counts(job.request)) this.meter.polls += this.looks.polls(until - job.submitted);
  }

  #ends(request, end) {
    this.end[request] = end;
    this.open -= 1;
  }
}
