/** How soon to come back: bff/policies/polling.py. */

const POLL_SECONDS = [1, 5];
const RETRY_AFTER_SECONDS = [1, 60];
const JITTER = 0.5;

export function pollAfterSeconds(ageSeconds, expectedSeconds) {
  const [shortest, longest] = POLL_SECONDS;
  return Number(Math.min(longest, Math.max(shortest, expectedSeconds / 2, ageSeconds / 5)).toFixed(1));
}

export function retryAfterSeconds(waitMs, random) {
  const [shortest, longest] = RETRY_AFTER_SECONDS;
  return Math.min(longest, Math.max(shortest, Math.ceil(waitMs / 1000 * (1 + JITTER * random()))));
}
