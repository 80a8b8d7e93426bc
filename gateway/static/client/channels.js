/** The channels by HTTP: asking again and again, asking and being held, and one stream for each job. */

import { ChannelFailed, ended, failed, failing } from "./channel.js";
import { jobIn, parsed, pathOf } from "./http.js";
import { between, either, sleep, until } from "./time.js";

export async function* poll(http, jobId, _after, deadline, signal) {
  const seconds = Math.max(0.1, deadline.share(http.patience.answerSeconds, 1 / 3));
  const job = await failing(async () => jobIn(await http.once("GET", pathOf(jobId), { seconds, signal })));
  yield job;
  if (!ended(job)) await sleep(Math.min(5, Math.max(1, job.poll_after_seconds ?? 1)) * between(1, 1.1), signal);
}

export async function* longPoll(http, jobId, after, deadline, signal) {
  const held = Math.max(0.1, deadline.share(http.patience.holdSeconds, 1 / 3));
  const seconds = held + Math.min(http.patience.marginSeconds, held); // we read for longer than the gateway holds
  const headers = { Prefer: `wait=${held.toFixed(3)}`, "If-None-Match": `"${after}"` };
  const asked = performance.now();
  const answer = await failing(() => http.once("GET", pathOf(jobId), { seconds, headers, signal }));
  if (answer.response.status !== 304) yield await failing(() => jobIn(answer));
  else if (performance.now() - asked < held * 500) throw new ChannelFailed("the gateway holds no more requests", 5);
}

export async function* events(http, jobId, after, deadline, signal) {
  const trial = deadline.share(http.patience.trialSeconds, 1 / 4);
  const leaving = new AbortController();
  const path = `${pathOf(jobId)}/events`;
  const headers = { Accept: "text/event-stream", ...(after && { "Last-Event-ID": String(after) }) };
  const left = either(signal, leaving.signal);
  const options = { seconds: trial, headers, signal: left, part: (response) => response.body };
  try {
    const { response, taken: body } = await failing(() => http.once("GET", path, options));
    if (response.status === 204) { // there is nothing after what was seen
      yield* poll(http, jobId, after, deadline, signal);
      return;
    }
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new ChannelFailed("the answer is no event stream");
    }
    for await (const job of jobsIn(body.getReader(), trial, http.patience.silenceSeconds, signal)) {
      yield job;
      if (ended(job)) return;
    }
    await sleep(between(0, 1), signal); // a gateway that drains ends all its streams at once
  } finally {
    leaving.abort();
  }
}

async function* jobsIn(reader, firstSeconds, silenceSeconds, signal) {
  const decoder = new TextDecoder();
  let rest = "", event = {}, seconds = firstSeconds;
  for (;;) {
    const { done, value } = await until(reader.read(), seconds, signal).catch(failed);
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines.map((each) => each.replace(/\r$/, ""))) {
      const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (line) event[field] = field === "data" ? (event.data ?? "") + text : text;
      else if (event.event === "job" && event.data) yield await failing(() => parsed(event.data, Number(event.id)));
      if (!line) event = { id: event.id };
    }
    seconds = silenceSeconds;
  }
}
