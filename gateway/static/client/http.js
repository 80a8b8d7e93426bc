/** The gateway by HTTP: one request, or one repeated where that does no harm. */

import { answered, BffError, Broken, isOne, Refused, Unreachable } from "./errors.js";
import { either, pauseSeconds, sleep } from "./time.js";

const REPEATABLE = [Refused, Broken, Unreachable];

export class Http {
  constructor(url, key, patience, attempts) {
    Object.assign(this, { url, patience, attempts, headers: key ? { Authorization: `Bearer ${key}` } : {} });
  }

  /** One request, answered within so many seconds; `part` takes what is wanted of the response in that time. */
  async once(method, path, { seconds, headers = {}, body, signal, keepalive, part = (response) => response.text() }) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no answer in ${seconds} s`)), seconds * 1000);
    const sent = { method, headers: { ...this.headers, ...headers }, body, keepalive, cache: "no-store" };
    let response, taken;
    try {
      response = await fetch(this.url + path, { ...sent, signal: either(signal, late.signal) });
      taken = response.ok || response.status === 304 ? await part(response) : await response.text();
    } catch (error) {
      signal?.throwIfAborted();
      throw new Unreachable(error.message);
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok && response.status !== 304) throw errorIn(response, taken);
    return { response, taken };
  }

  /** Repeated while it is refused or lost: after Retry-After, within the deadline. `headers` are made each time. */
  async ask(method, path, deadline, { headers = () => ({}), ...options } = {}) {
    for (let attempt = 1; ; attempt += 1) {
      let pause;
      try {
        const seconds = deadline.share(this.patience.answerSeconds, 1);
        return await this.once(method, path, { seconds, headers: headers(), ...options });
      } catch (error) {
        pause = pauseSeconds(attempt, error.retryAfter ?? null);
        if (!isOne(error, REPEATABLE) || attempt >= this.attempts || pause >= deadline.left()) throw error;
      }
      await sleep(pause, options.signal);
    }
  }
}

/** Also of an id that came from a stranger. */
export const pathOf = (jobId) => `/v1/jobs/${encodeURIComponent(jobId)}`;

export function parsed(text, version) {
  try {
    return { ...JSON.parse(text), version };
  } catch (error) {
    throw new Unreachable(`this is no job: ${error.message}`);
  }
}

/** The job of an answer, with the version that its ETag says; 0 where it says none. */
export function jobIn({ response, taken }) {
  return parsed(taken, Number(/^(?:W\/)?"(\d+)"$/.exec(response.headers.get("etag") ?? "")?.[1] ?? 0));
}

/** What an answer that is no success means; a proxy's own page has no problem in it. */
function errorIn(response, text) {
  let document = {};
  if (response.headers.get("content-type")?.startsWith("application/problem+json")) {
    try {
      document = JSON.parse(text);
    } catch {
      // Cut off on the way.
    }
  }
  const retryAfter = /^\d+$/.exec(response.headers.get("retry-after") ?? "");
  const problem = { title: response.statusText, ...document, status: response.status };
  return answered(problem, retryAfter && Number(retryAfter));
}
