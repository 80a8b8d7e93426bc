/** How long clients pause: scenario/patience.py. */

const BACKOFF_SECONDS = [1, 5];
const BACKOFF_FACTOR = 1.5;
export const HOLD_SECONDS = 30;
const LONGEST_RETRY_SECONDS = 60;

/** Pauses before the first look, the second …, as the client itself would have them. */
export function* looks(clients) {
  const backsOff = clients.wait === "backoff", [shortest, longest] = BACKOFF_SECONDS;
  for (let pause = backsOff ? shortest : clients.poll_seconds; ; pause = backsOff ? Math.min(longest, pause * BACKOFF_FACTOR) : pause) {
    yield pause;
  }
}

/** No look is sooner than the gateway asked for, where the client listens to that. */
export const pauseSeconds = (own, retryAfter, clients) =>
  (retryAfter && clients.honours_retry_after ? Math.max(own, retryAfter) : own);

/** After the attempt of that number (from 1): what the gateway asked for, else twice as long each time, more or less by half. */
export function retrySeconds(attempt, retryAfter, clients, random) {
  if (retryAfter && clients.honours_retry_after) return retryAfter;
  const longest = Math.min(LONGEST_RETRY_SECONDS, clients.retry_backoff_seconds * 2 ** (attempt - 1));
  return longest * (0.5 + random());
}
