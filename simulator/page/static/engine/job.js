/** A job while it is simulated: simulator/engine/job.py. */

// Of a call. Up to PARKED it is open: it has a waiting place.
export const WAITING = 0; // for those before it
export const QUEUED = 1;
export const PARKED = 2; // for its next attempt
export const RUNNING = 3;
export const SUCCEEDED = 4;
export const FALLBACK = 5;
export const FAILED = 6;
export const EXPIRED = 7;
export const SKIPPED = 8;

export class Job {
  constructor(request, attempt, operation, priority, submitted) {
    this.request = request;
    this.attempt = attempt;
    this.operation = operation;
    this.priority = priority;
    this.submitted = submitted;
    this.deadline = submitted + operation.timeout;
    this.states = operation.calls.map(() => WAITING);
    this.tries = operation.calls.map(() => 0);
    this.gives_up = Infinity;
    this.wait = NaN;
    this.ended = NaN;
    this.left = false;
  }

  get isOver() {
    return !Number.isNaN(this.ended);
  }
}
