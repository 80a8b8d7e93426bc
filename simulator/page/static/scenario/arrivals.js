/** When requests are sent, and what each asks for: scenario/arrivals.py. */

import { exponential, stream, Stream } from "./chance.js";

/** Every repetition of a spike with its start, in order of time. */
export function eachSpike(traffic) {
  const starts = [];
  for (const spike of traffic.spikes) {
    for (let at = spike.at_seconds; at < traffic.duration_seconds; at += spike.every_seconds) {
      starts.push([at, spike]);
      if (!spike.every_seconds) break;
    }
  }
  return starts.sort(([a], [b]) => a - b);
}

/** From `start` to `end` (s) the rate goes evenly from `first` to `last` (1/s). */
class Stretch {
  constructor(start, end, first, last) {
    Object.assign(this, { start, end, first, last });
    this.expected = (end - start) * (first + last) / 2; // arrivals within it
  }

  /** By when `share` (0 to 1) of them are expected to have come. */
  when(share) {
    const seconds = this.end - this.start, slope = this.last - this.first;
    if (slope === 0) return this.start + share * seconds;
    const wanted = share * (this.first + this.last) / 2;
    const root = Math.sqrt(Math.max(0, this.first * this.first + 2 * slope * wanted));
    // Both are 0 at the foot of a ramp from nothing.
    return this.first + root ? this.start + seconds * 2 * wanted / (this.first + root) : this.start;
  }

  until(end) {
    if (this.end <= end) return this;
    if (this.start >= end) return null;
    const last = this.first + (this.last - this.first) * (end - this.start) / (this.end - this.start);
    return new Stretch(this.start, end, this.first, last);
  }
}

/** The rate over the whole run, in pieces. */
export function stretches(traffic) {
  const pieces = [], base = traffic.baseline_per_second, end = traffic.duration_seconds;
  let at = 0;
  for (const [start, spike] of eachSpike(traffic)) {
    pieces.push(new Stretch(at, start, base, base));
    const stop = start + spike.duration_seconds, top = spike.rate_per_second, ramp = spike.ramp_seconds;
    pieces.push(new Stretch(start, start + ramp, base, top));
    pieces.push(new Stretch(start + ramp, stop - ramp, top, top));
    pieces.push(new Stretch(stop - ramp, stop, top, base));
    at = stop;
  }
  pieces.push(new Stretch(at, end, base, base));
  return pieces.map((piece) => piece.until(end)).filter((cut) => cut && cut.end > cut.start);
}

export const expectedArrivals = (traffic) => stretches(traffic).reduce((sum, piece) => sum + piece.expected, 0);

/** Seconds from the start of the run, ascending. */
export function* instants(traffic, seed, replication = 0) {
  const rng = stream(seed, Stream.ARRIVALS, replication);
  const poisson = traffic.arrivals === "poisson";
  let due = poisson ? exponential(rng, 1) : 0.5, passed = 0;
  for (const piece of stretches(traffic)) {
    const expected = piece.expected;
    const until = passed + expected;
    while (due < until) {
      yield piece.when((due - passed) / expected);
      due += poisson ? exponential(rng, 1) : 1;
    }
    passed += expected;
  }
}

/** Of one replication: {at, part}, `part` the index of its part of the mix. */
export function* arrivals(scenario, replication = 0) {
  const traffic = scenario.traffic, mix = traffic.mix;
  const rng = stream(scenario.seed, Stream.MIX, replication);
  const last = mix.length - 1;
  for (const at of instants(traffic, scenario.seed, replication)) {
    let left = rng.random(), part = 0;
    while (part < last && left >= mix[part].share) {
      left -= mix[part].share;
      part += 1;
    }
    yield { at, part };
  }
}
