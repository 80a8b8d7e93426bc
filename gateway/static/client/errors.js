/** What can go wrong; the tree of it stands in client.js. */

export class BffError extends Error {
  /** @type {string | undefined} */
  idempotencyKey;
  get name() { return this.constructor.name; }
}
export class Answered extends BffError {
  constructor(problem, retryAfter = null) {
    const reason = (problem.type ?? "").split("/").pop();
    super(`${reason} (${problem.status}): ${problem.detail ?? problem.title}`);
    Object.assign(this, { problem, reason, retryAfter });
  }
}
export class Refused extends Answered {}
export class Invalid extends Answered {}
export class Unauthorized extends Answered {}
export class Forbidden extends Answered {}
export class NotFound extends Answered {}
export class NotCancellable extends Answered {}
export class Broken extends Answered {}
export class JobEnded extends BffError {
  constructor(job) {
    super(`job ${job.id} ended ${job.status}: ${job.error?.detail}`);
    this.job = job;
  }
}
export class TimedOut extends BffError {
  constructor(job) {
    super(`job ${job?.id ?? ""} was still ${job?.status ?? "unknown"} when the time was over`);
    this.job = job;
  }
}
export class Unreachable extends BffError {}

const BY_SLUG = {
  "unknown-job": NotFound,
  "job-gone": NotFound,
  "job-not-cancellable": NotCancellable,
  "request-in-progress": Refused,
};
const BY_STATUS = { 401: Unauthorized, 403: Forbidden, 408: Refused, 429: Refused, 503: Refused };

export function answered(problem, retryAfter = null) {
  const slug = (problem.type ?? "").split("/").pop();
  const kind = BY_SLUG[slug] ?? BY_STATUS[problem.status] ?? (problem.status >= 500 ? Broken : Invalid);
  return new kind(problem, retryAfter);
}

export const isOne = (error, kinds) => kinds.some((kind) => error instanceof kind);
