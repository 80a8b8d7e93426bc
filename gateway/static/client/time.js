/** How long to wait for what, in seconds. */

/** When an answer is taken for lost; each is at most a share of what is left of the caller's own time. */
export const PATIENCE = {
  answerSeconds: 10, // for a request that is not held
  trialSeconds: 4, // until a WebSocket or a stream has said its first word
  silenceSeconds: 20, // until one that has worked is taken for dead
  holdSeconds: 20, // how long a long poll is asked to be held
  marginSeconds: 5, // by how much we wait longer than that
  restSeconds: 60, // how long a channel that failed is left alone
  unreachableSeconds: 60, // how long a wait goes on while no channel brings anything
};

/** The caller's own, for all that one call of theirs does. */
export class Deadline {
  #at;
  constructor(seconds = undefined) {
    if (seconds !== undefined && !(seconds > 0)) throw new RangeError(`a timeout is more than 0 s, not ${seconds}`);
    this.ends = seconds !== undefined;
    this.#at = this.ends ? performance.now() + seconds * 1000 : Infinity;
  }
  left() { return Math.max(0, (this.#at - performance.now()) / 1000); }
  share(seconds, part) { return Math.min(seconds, this.left() * part); }
}

/** So that the gateway's verdict on a job that came too late still comes in time. */
export const requestTimeout = (left) => Math.max(0.001, left - Math.min(1, left * 0.1)).toFixed(3);

export const pauseSeconds = (attempt, retryAfter) =>
  retryAfter === null ? between(0.05, Math.min(10, 0.5 * 2 ** Math.min(attempt, 10))) : retryAfter * between(1, 1.25);

export const between = (low, high) => low + Math.random() * (high - low);

export const either = (...signals) => AbortSignal.any(signals.filter(Boolean));

/** What the promise brings. Rejects when it takes longer than so many seconds, and when the signal aborts. */
export async function until(promise, seconds, signal) {
  signal?.throwIfAborted();
  let timer, stop;
  const late = new Promise((_, reject) => {
    stop = () => reject(signal.reason);
    const tooLate = () => reject(new Error(`nothing was heard for ${seconds} s`));
    if (seconds !== Infinity) timer = setTimeout(tooLate, seconds * 1000);
    signal?.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

export function sleep(seconds, signal) {
  const over = bell();
  setTimeout(over.resolve, seconds * 1000);
  return until(over.promise, Infinity, signal);
}

export function bell() {
  let resolve;
  return { promise: new Promise((done) => (resolve = done)), resolve };
}
