/** A channel: one way to hear of a job, an async generator of its states. */

import { BffError, Forbidden, isOne, NotFound, Unauthorized } from "./errors.js";

/** The best first. @type {Channel[]} */
export const CHANNELS = ["websocket", "sse", "long_poll", "poll"];

/** What another channel would only say again. */
export const FINAL = [NotFound, Unauthorized, Forbidden];

export class ChannelFailed extends Error {
  constructor(why, restSeconds = undefined) {
    super(why);
    this.restSeconds = restSeconds;
  }
}

/** @param {Job | null} job */
export const ended = (job) => job !== null && !["queued", "running"].includes(job.status);

/** What another channel may be luckier with becomes ChannelFailed. */
export async function failing(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BffError) || isOne(error, FINAL)) throw error;
    throw new ChannelFailed(error.message, error.retryAfter ?? undefined);
  }
}

export function failed(error) {
  throw new ChannelFailed(error.message);
}
