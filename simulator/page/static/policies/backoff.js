/** How long to wait before the next attempt: bff/policies/backoff.py. */

/** Full jitter: evenly from 0 up to `baseMs` after attempt 1, doubling after each one, never past `maxMs`. */
export function delayMs(baseMs, maxMs, attempt, random) {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 53));
  return Math.floor(random() * (ceiling + 1));
}
