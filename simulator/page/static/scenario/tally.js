/** From what became of each request to the figures of a run: scenario/tally.py. */

import { eachSpike } from "./arrivals.js";
import { ENDS, percentile, percentilePoints, percentiles, sharesOf, thresholds } from "./result.js";

const TIMES = ["accept", "wait", "result", "told"];
const PRIORITIES = ["high", "normal", "low"];

/** Of one run; what was sent in its warm-up is left out. `requests`: columns, NaN where there is no time. */
export function figures(scenario, source, requests, run) {
  const warm = scenario.traffic.warmup_seconds;
  const counted = [...requests.at.keys()].filter((row) => requests.at[row] >= warm);
  const spikes = eachSpike(scenario.traffic).map(([start, spike]) => [start, start + spike.duration_seconds]);
  const inSpike = (at) => spikes.some(([start, stop]) => start <= at && at < stop);
  const within = counted.filter((row) => inSpike(requests.at[row]));
  const counts = countsOf(requests, counted);
  const times = Object.fromEntries(TIMES.map((name) => [name, measured(requests[name], counted)]));
  const sending = scenario.traffic.duration_seconds - warm;
  const first = spikes.length ? spikes[0][0] : 0;
  const last = spikes.length ? spikes.at(-1)[1] : null;
  const shares = sharesOf(counts);
  const drain = last === null || run.emptied_at === null ? null : Math.max(0, run.emptied_at - last);
  const got = {
    success_share: counted.length ? shares.succeeded : null,
    accept_p99_seconds: times.accept.length ? percentile(times.accept, 0.99) : null,
    result_p95_seconds: times.result.length ? percentile(times.result, 0.95) : null,
    drain_seconds: drain,
  };
  return {
    scenario: scenario.name,
    source,
    replications: 1,
    offered: counted.length,
    accepted: run.accepted,
    attempts: run.attempts,
    shares,
    rejected_by_reason: { ...run.rejected_by_reason },
    peak_depth: run.peak_depth,
    first_rejection_seconds: after(run.first_rejection_at, first),
    first_expiry_seconds: after(run.first_expiry_at, first),
    drain_seconds: drain,
    utilisation: run.utilisation,
    goodput_per_second: (counts.succeeded ?? 0) / sending,
    accept_seconds: percentiles(times.accept),
    wait_seconds: percentiles(times.wait),
    result_seconds: percentiles(times.result),
    told_seconds: percentiles(times.told),
    spike: spikes.length ? { shares: sharesOf(countsOf(requests, within)) } : {},
    by_priority: byPriority(scenario, requests, counted),
    interval_95: {},
    slo: thresholds(scenario.slo, got),
    series: run.series,
    polls_per_second: run.polls / sending,
    percentile_points: points(times),
  };
}

/** How many fell into each second from 0 on; what is later counts into the last. */
export function perSecond(instants, seconds) {
  const counts = new Array(seconds).fill(0);
  for (const at of instants) counts[Math.min(seconds - 1, Math.floor(at))] += 1;
  return counts;
}

function byPriority(scenario, requests, counted) {
  const priorities = scenario.traffic.mix.map((part) => part.priority);
  const found = {};
  for (const priority of PRIORITIES.filter((each) => priorities.includes(each))) {
    const rows = counted.filter((row) => priorities[requests.part[row]] === priority);
    found[priority] = {
      offered: rows.length,
      shares: sharesOf(countsOf(requests, rows)),
      wait_seconds: percentiles(measured(requests.wait, rows)),
      result_seconds: percentiles(measured(requests.result, rows)),
    };
  }
  return found;
}

function countsOf(requests, rows) {
  const counts = Object.fromEntries(ENDS.map((end) => [end, 0]));
  for (const row of rows) counts[requests.end[row]] += 1;
  return counts;
}

const points = (times) => Object.fromEntries(
  TIMES.filter((name) => times[name].length).map((name) => [`${name}_seconds`, percentilePoints(times[name])]),
);

/** Ascending. */
function measured(column, rows) {
  const values = [];
  for (const row of rows) if (!Number.isNaN(column[row])) values.push(column[row]);
  return Float64Array.from(values).sort();
}

const after = (at, start) => (at === null ? null : at - start);
