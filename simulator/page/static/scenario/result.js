/** What came of a scenario, in the shape of scenario/result.py. */

export const ENDS = ["succeeded", "expired", "rejected", "failed", "timed_out", "lost"];
const NOTHING = { mean: 0, p50: 0, p95: 0, p99: 0 };

/** The smallest value that `share` of them does not exceed (nearest rank); 0 of none. */
export function percentile(ascending, share) {
  return ascending.length ? ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)] : 0;
}

/** Of ascending values: {mean, p50, p95, p99}. */
export function percentiles(ordered) {
  if (!ordered.length) return NOTHING;
  const mean = ordered.reduce((sum, value) => sum + value, 0) / ordered.length;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(ordered, share));
  return { mean, p50, p95, p99 };
}

const TAIL = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999];
const BEYOND = 10;

/** Of ascending values [share, value], as far into the tail as there are ten values beyond; and the greatest, as 1. */
export function percentilePoints(ordered) {
  const far = TAIL.filter((share) => Number(((1 - share) * ordered.length).toFixed(6)) >= BEYOND);
  return [...far, 1].map((share) => [share, percentile(ordered, share)]);
}

/** `counts` by end; of their sum, all 0 of nothing. */
export function sharesOf(counts) {
  const total = ENDS.reduce((sum, end) => sum + (counts[end] ?? 0), 0);
  return Object.fromEntries(ENDS.map((end) => [end, total ? (counts[end] ?? 0) / total : 0]));
}

/** `got` has each threshold's name; a share is to be reached, seconds are not to be exceeded. */
export function thresholds(slo, got) {
  return Object.entries(slo).filter(([, wanted]) => wanted !== null && wanted !== undefined).map(([name, wanted]) => {
    const value = got[name];
    const met = value !== null && (name.endsWith("_share") ? value >= wanted : value <= wanted);
    return { name, wanted, got: value, met };
  });
}
