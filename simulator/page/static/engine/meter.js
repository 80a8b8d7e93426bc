/** What is noted of a run beside its requests: simulator/engine/meter.py. */

import { eachSpike } from "../scenario/arrivals.js";
import { perSecond } from "../scenario/tally.js";

export class Meter {
  attempts = 0;
  accepted = 0;
  polls = 0;
  rejected_by_reason = {};
  peak = 0;
  busy_seconds = 0;
  emptied_at = null;
  arrived_at = [];
  accepted_at = [];
  served_at = [];
  expired_at = [];
  rejected_at = [];
  depth = [];
  oldest_age = [];

  /** `warm` to `sent` (s): the time in which what is counted was sent. `calm_from`: an empty queue counts from then on. */
  constructor({ warm, sent, calm_from, slots }) {
    Object.assign(this, { warm, sent, calm_from, slots });
  }

  booked(places) {
    if (places > this.peak) this.peak = places;
  }

  /** A slot of the bottleneck. */
  worked(start, end) {
    const within = Math.min(end, this.sent) - Math.max(start, this.warm);
    if (within > 0) this.busy_seconds += within;
  }

  emptied(now) {
    if (this.emptied_at === null && this.calm_from !== null && now >= this.calm_from) this.emptied_at = now;
  }

  /** Somebody does again; at the same instant it was not empty for any time. */
  waits(now) {
    if (this.emptied_at === now) this.emptied_at = null;
  }

  looked(depth, oldestAge) {
    this.depth.push(depth);
    this.oldest_age.push(oldestAge);
  }

  run() {
    const seconds = this.depth.length;
    return {
      attempts: this.attempts,
      accepted: this.accepted,
      rejected_by_reason: this.rejected_by_reason,
      peak_depth: this.peak,
      first_rejection_at: this.rejected_at[0] ?? null,
      first_expiry_at: this.expired_at[0] ?? null,
      emptied_at: this.emptied_at,
      utilisation: this.busy_seconds / ((this.sent - this.warm) * this.slots),
      polls: this.polls,
      series: {
        seconds: this.depth.map((_, second) => second),
        depth: this.depth,
        oldest_age: this.oldest_age,
        arrived: perSecond(this.arrived_at, seconds),
        accepted: perSecond(this.accepted_at, seconds),
        served: perSecond(this.served_at, seconds),
        expired: perSecond(this.expired_at, seconds),
        rejected: perSecond(this.rejected_at, seconds),
      },
    };
  }
}

export function meterOf(scenario, plan) {
  const { traffic } = scenario, ends = eachSpike(traffic).map(([start, spike]) => start + spike.duration_seconds);
  return new Meter({
    warm: traffic.warmup_seconds,
    sent: traffic.duration_seconds,
    calm_from: ends.length ? Math.min(ends.at(-1), traffic.duration_seconds) : null,
    slots: plan.services[plan.bottleneck].max_concurrency,
  });
}
