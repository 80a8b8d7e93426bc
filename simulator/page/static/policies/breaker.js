/** The circuit breaker of a service: bff/policies/breaker.py, without the word of operators. */

export const PROBES = 3;
export const MAX_OPEN_MS = 60_000;

/** `rule`: failure_percent, minimum_calls, window_ms, open_ms. */
export const breaker = (changed = {}) => ({
  open_until_ms: 0,
  since_ms: 0,
  opened: 0,
  window_at_ms: 0,
  good: 0,
  bad: 0,
  earlier_good: 0,
  earlier_bad: 0,
  ...changed,
});

export function stateOf(breaker, nowMs) {
  if (!breaker.open_until_ms) return "closed";
  const stillMs = breaker.open_until_ms - nowMs;
  return 0 < stillMs && stillMs <= MAX_OPEN_MS ? "open" : "half-open";
}

/** After a call has ended. */
export function noted(now, rule, well, beganMs, nowMs) {
  if (beganMs < now.since_ms && now.since_ms <= nowMs + MAX_OPEN_MS) return now;
  if (now.open_until_ms) return probed(now, rule, well, nowMs);
  const at = rolled(now, rule.window_ms, nowMs);
  const counted = { ...at, good: at.good + (well ? 1 : 0), bad: at.bad + (well ? 0 : 1) };
  return tooBad(counted, rule, nowMs) ? opened(counted, rule, nowMs) : counted;
}

function probed(now, rule, well, nowMs) {
  if (!well) return opened(now, rule, nowMs);
  if (now.good + 1 < PROBES) return { ...now, good: now.good + 1 };
  return breaker({ since_ms: nowMs, window_at_ms: nowMs });
}

function opened(now, rule, nowMs) {
  const untilMs = nowMs + Math.min(MAX_OPEN_MS, rule.open_ms * 2 ** Math.min(now.opened, 10));
  return breaker({ open_until_ms: untilMs, since_ms: untilMs, opened: now.opened + 1 });
}

function rolled(now, windowMs, nowMs) {
  const ageMs = nowMs - now.window_at_ms;
  if (ageMs < windowMs) return now;
  const begun = { ...now, window_at_ms: nowMs - ageMs % windowMs, good: 0, bad: 0, earlier_good: 0, earlier_bad: 0 };
  return ageMs < 2 * windowMs ? { ...begun, earlier_good: now.good, earlier_bad: now.bad } : begun;
}

function tooBad(now, rule, nowMs) {
  const earlierMs = rule.window_ms - (nowMs - now.window_at_ms); // of the earlier window, in the sliding one
  const bad = now.bad * rule.window_ms + now.earlier_bad * earlierMs;
  const all = bad + now.good * rule.window_ms + now.earlier_good * earlierMs;
  return all >= rule.minimum_calls * rule.window_ms && bad * 100 >= all * rule.failure_percent;
}
