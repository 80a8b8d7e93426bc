/**
 * The gateway's client for browsers: submit, wait by the best channel there is, get the result. No dependencies.
 *
 *     import { Bff } from "https://gateway.example/static/client.js";
 *     const job = await new Bff({ key }).run("echo", { text: "hi" }, { timeout: 30, onProgress: console.log });
 *
 * All times are in seconds. A job is the gateway's own JSON, with its `version` added.
 *
 * Errors: BffError
 *   Answered            the gateway said no: `problem` (RFC 9457), `reason` (its slug), `retryAfter`
 *     Refused           not now: again after `retryAfter`
 *     Invalid           the request is wrong: `problem.errors` lists where
 *     Unauthorized, Forbidden, NotFound (no such job, or no longer kept), NotCancellable
 *     Broken            the gateway, or a proxy before it, failed
 *   JobEnded            the job ended without success: `job`; its `status` says how
 *   TimedOut            the time is over and the job still runs: `job`
 *   Unreachable         nobody answered; `idempotencyKey` repeats the submission
 *
 * @typedef {"websocket" | "sse" | "long_poll" | "poll"} Channel
 * @typedef {"queued" | "running" | "succeeded" | "failed" | "expired" | "cancelled"} JobStatus
 * @typedef {{id: string, operation: string, status: JobStatus,
 *   progress: {done: number, total: number}, approximate_position: number | null, estimated_seconds: number | null,
 *   poll_after_seconds: number | null, partial: boolean, degraded: boolean, calls: Object<string, Object>,
 *   result: Object<string, any> | null, error: Object | null, links: Object<string, string>, version: number}} Job
 * @typedef {{timeout?: number, priority?: "high" | "normal" | "low", idempotencyKey?: string, notify?: string,
 *   signal?: AbortSignal}} SubmitOptions
 * @typedef {SubmitOptions & {onProgress?: (job: Job) => void, channels?: Channel[],
 *   cancelOnTimeout?: boolean}} RunOptions
 * @typedef {{timeout?: number, channels?: Channel[], onChange?: (job: Job) => void, signal?: AbortSignal}} WaitOptions
 */

import { CHANNELS } from "./client/channel.js";
import { events, longPoll, poll } from "./client/channels.js";
import { BffError, JobEnded, TimedOut } from "./client/errors.js";
import { Http, jobIn, pathOf } from "./client/http.js";
import { Ladder } from "./client/ladder.js";
import { Socket } from "./client/socket.js";
import { Deadline, either, PATIENCE, requestTimeout, until } from "./client/time.js";

export { CHANNELS, ended } from "./client/channel.js";
export * from "./client/errors.js";

const HERE = new URL("..", import.meta.url).href;
const CANCEL_SECONDS = 5;

export class Bff {
  #http;
  #socket;
  #channels;
  #ladder;

  /** @param {{url?: string, key?: string | null, channels?: Channel[], attempts?: number, patience?: Object}} options
   *  `url`: by default the gateway that this module came from. Without `key` the browser's session there counts. */
  constructor({ url = HERE, key = null, channels = CHANNELS, attempts = 5, patience = {} } = {}) {
    const patient = { ...PATIENCE, ...patience };
    this.#http = new Http(url.replace(/\/$/, ""), key, patient, attempts);
    this.#socket = new Socket(this.#http, patient);
    this.#channels = channels;
    this.#ladder = new Ladder(patient, {
      websocket: this.#socket.follow.bind(this.#socket),
      sse: events.bind(null, this.#http),
      long_poll: longPoll.bind(null, this.#http),
      poll: poll.bind(null, this.#http),
    });
  }

  /** The job that has succeeded. With `cancelOnTimeout` it is cancelled where the time is over or the signal aborts.
   *  @param {RunOptions} options
   *  @returns {Promise<Job>} */
  async run(operation, parameters, options = {}) {
    const { timeout, onProgress, cancelOnTimeout = false, channels, signal, ...steering } = options;
    const deadline = new Deadline(timeout);
    const given = cancelOnTimeout ? undefined : signal; // a submission that is to be cancelled has to be known first
    const submitting = this.#submit(operation, parameters, { ...steering, signal: given }, deadline);
    try {
      const accepted = await until(submitting, Infinity, signal);
      onProgress?.(accepted);
      const job = await this.#wait(accepted, { channels, onChange: onProgress, signal }, deadline);
      if (job.status !== "succeeded") throw new JobEnded(job);
      return job;
    } catch (error) {
      if (cancelOnTimeout && (error instanceof TimedOut || signal?.aborted)) this.#abandon(submitting);
      throw error;
    }
  }

  /** The accepted job: repeated, under one key, while refused for now or not answered. @param {SubmitOptions} options
   *  @returns {Promise<Job>} */
  submit(operation, parameters, { timeout, ...steering } = {}) {
    return this.#submit(operation, parameters, steering, new Deadline(timeout));
  }

  /** The job once it has ended, however it did. @param {Job | string} job @param {WaitOptions} options
   *  @returns {Promise<Job>} */
  wait(job, { timeout, ...options } = {}) {
    return this.#wait(job, options, new Deadline(timeout));
  }

  /** The job as it is, and at each change. @param {Job | string} job @returns {AsyncGenerator<Job>} */
  async *watch(job, { channels = this.#channels, signal } = {}) {
    if (typeof job !== "string") yield job;
    yield* this.#ladder.follow(idOf(job), typeof job === "string" ? null : job, channels, new Deadline(), signal);
  }

  /** As it is now. @param {Job | string} job @returns {Promise<Job>} */
  async get(job, { signal } = {}) {
    return jobIn(await this.#http.ask("GET", pathOf(idOf(job)), new Deadline(), { signal }));
  }

  /** @param {Job | string} job @returns {Promise<Job>} Rejects with NotCancellable where it has ended otherwise. */
  async cancel(job, { signal } = {}) {
    return jobIn(await this.#http.ask("DELETE", pathOf(idOf(job)), new Deadline(), { signal, keepalive: true }));
  }

  /** End the socket; what still waits goes on by the next channel. */
  close() {
    this.#socket.close();
  }

  async #submit(operation, parameters, { priority, idempotencyKey = randomKey(), notify, signal }, deadline) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey, Prefer: "respond-async" };
    if (priority) headers["Request-Priority"] = priority;
    if (notify) headers["Request-Notify"] = notify;
    const timed = () => (deadline.ends ? { ...headers, "Request-Timeout": requestTimeout(deadline.left()) } : headers);
    const options = { headers: timed, body: JSON.stringify(parameters), signal };
    try {
      return jobIn(await this.#http.ask("POST", `/v1/operations/${encodeURIComponent(operation)}`, deadline, options));
    } catch (error) {
      if (error instanceof BffError) error.idempotencyKey = idempotencyKey;
      throw error;
    }
  }

  async #wait(job, { channels = this.#channels, onChange, signal }, deadline) {
    let last = typeof job === "string" ? null : job;
    const over = deadline.ends ? AbortSignal.timeout(Math.ceil(deadline.left() * 1000)) : undefined;
    try {
      const told = this.#ladder.follow(idOf(job), last, channels, deadline, either(signal, over));
      for await (last of told) onChange?.(last);
    } catch (error) {
      if (over?.aborted && error === over.reason) throw new TimedOut(last);
      throw error;
    }
    return last;
  }

  async #abandon(submitting) {
    try {
      await this.cancel(await submitting, { signal: AbortSignal.timeout(CANCEL_SECONDS * 1000) });
    } catch {
      // It was never accepted, or has ended, or ends at its deadline.
    }
  }
}

const idOf = (job) => (typeof job === "string" ? job : job.id);
/** crypto.randomUUID is there on secure pages only. */
const randomKey = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
