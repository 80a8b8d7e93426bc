/** Falling back from one channel to the next. */

import { ChannelFailed, CHANNELS, ended } from "./channel.js";
import { Unreachable } from "./errors.js";
import { between, sleep } from "./time.js";

/** Which channel a wait listens on: the best that has not failed lately, and the next one when it fails. */
export class Ladder {
  #restedAt = {};
  constructor(patience, channels) { Object.assign(this, { patience, channels }); }

  async *follow(jobId, last, chosen, deadline, signal) {
    if (!chosen.length || chosen.some((name) => !CHANNELS.includes(name))) {
      throw new RangeError(`channels are some of ${CHANNELS}`);
    }
    let failures = 0, since = 0;
    while (!ended(last)) {
      const name = chosen.find((each) => (this.#restedAt[each] ?? 0) <= performance.now()) ?? chosen.at(-1);
      try {
        for await (const job of this.channels[name](jobId, last?.version ?? 0, deadline, signal)) {
          failures = 0;
          const news = isNews(job, last);
          if (news || !last?.version) last = job;
          if (news) yield job;
        }
        failures = 0;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof ChannelFailed)) throw error;
        const now = performance.now();
        since = failures ? since : now;
        failures += 1;
        const pause = Math.max(between(0.5, Math.min(5, 1.5 ** Math.min(failures - 1, 10))), error.restSeconds ?? 0);
        this.#restedAt[name] = now + 1000 * (error.restSeconds === undefined ? this.patience.restSeconds : pause);
        if (name !== chosen.at(-1)) continue;
        if (now - since > this.patience.unreachableSeconds * 1000) throw new Unreachable(error.message);
        await sleep(pause, signal);
      }
    }
  }
}

/** A later state; where a version is not known, one that is different. */
function isNews(job, last) {
  if (last && job.version && last.version) return job.version > last.version;
  return !last || JSON.stringify({ ...job, version: 0 }) !== JSON.stringify({ ...last, version: 0 });
}
