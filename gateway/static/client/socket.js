/** The channel of the WebSocket. */

import { ChannelFailed, ended, failed, failing, FINAL } from "./channel.js";
import { answered, isOne } from "./errors.js";
import { bell, between, sleep, until } from "./time.js";

const NOT_AGAIN = [4400, 4401, 4403, 4406, 4408, 4429];
const RECONNECTS = 3;
const MAX_TOPICS = 1000;
const IDLE_SECONDS = 30;
/** One job that is followed; `on` is the connection that its subscription was sent on. */
const NEW_TOPIC = { newest: null, failure: null, on: null, followers: 0 };

/** One WebSocket for all waits of a client. Followers see the newest state of their job, not every one in between. */
export class Socket {
  #http;
  #patience;
  #topics = new Map();
  #socket = null;
  #serving = false;
  #idle;

  constructor(http, patience) {
    this.#http = http;
    this.#patience = patience;
  }

  close() {
    this.#fail(new ChannelFailed("the socket was closed", 1));
    this.#socket?.close();
  }

  async *follow(jobId, after, deadline, signal) {
    if (!this.#topics.has(jobId) && this.#topics.size >= MAX_TOPICS) throw new ChannelFailed("the socket is full", 1);
    const topic = this.#topics.get(jobId) ?? { ...NEW_TOPIC, id: jobId, bell: bell() };
    this.#topics.set(jobId, topic);
    clearTimeout(this.#idle);
    topic.followers += 1;
    try {
      if (!this.#serving) this.#keepConnected();
      this.#subscribe(topic);
      for (;;) {
        const rung = topic.bell.promise;
        if (topic.failure) throw topic.failure;
        if (topic.newest?.version > after) {
          after = topic.newest.version;
          yield topic.newest;
          continue;
        }
        if (ended(topic.newest)) return;
        const works = this.#socket && topic.newest;
        await until(rung, works ? Infinity : deadline.share(this.#patience.trialSeconds, 1 / 4), signal).catch(failed);
      }
    } finally {
      topic.followers -= 1;
      if (!topic.followers) this.#leave(topic);
    }
  }

  #leave(topic) {
    if (this.#topics.get(topic.id) === topic) this.#topics.delete(topic.id);
    if (!this.#topics.size) this.#idle = setTimeout(() => this.close(), IDLE_SECONDS * 1000);
    if (topic.on && topic.on === this.#socket && !ended(topic.newest)) {
      send(topic.on, { type: "unsubscribe", id: topic.id });
    }
  }

  /** Until connecting fails. The first time shows whether there is a way at all; what was lost is tried again. */
  async #keepConnected() {
    this.#serving = true;
    let why = new ChannelFailed("the socket was closed", 1);
    try {
      let connection = await this.#open();
      for (;;) {
        const code = await connection.closed;
        this.#socket = null;
        if (NOT_AGAIN.includes(code)) throw new ChannelFailed(`the socket was closed with ${code}`);
        if (!this.#topics.size) return;
        this.#topics.forEach(ring);
        connection = await this.#openAgain();
      }
    } catch (error) {
      why = error instanceof ChannelFailed ? error : new ChannelFailed(error.message);
    } finally {
      this.#serving = false;
      this.#socket = null;
      this.#fail(why);
    }
  }

  #fail(why) {
    for (const topic of this.#topics.values()) {
      topic.failure ??= why;
      ring(topic);
    }
    this.#topics.clear();
  }

  /** After a pause by chance, so that not all who were on a gateway that ended come back in the same moment. */
  async #openAgain() {
    for (let attempt = 1; attempt <= RECONNECTS; attempt += 1) {
      await sleep(between(0, 0.5 * 2 ** attempt));
      try {
        return await this.#open();
      } catch {
        // The next attempt, or the next channel.
      }
    }
    throw new ChannelFailed(`no connection in ${RECONNECTS} attempts`);
  }

  /** A connection that has welcomed us, with all topics subscribed to. */
  async #open() {
    const seconds = this.#patience.trialSeconds;
    const { taken } = await failing(() => this.#http.once("POST", "/v1/ws-tickets", { seconds }));
    const socket = new WebSocket(this.#http.url.replace(/^http/, "ws") + "/v1/ws", "bff.v1+json");
    const heard = bell(), lost = bell();
    let heardAt = performance.now(), beating;
    const lose = ({ code }) => {
      clearInterval(beating);
      socket.close(); // which waits for the other end, for long perhaps: so nobody waits for it
      lost.resolve(code);
    };
    socket.onclose = lose;
    socket.onopen = () => send(socket, { type: "hello", ticket: JSON.parse(taken).ticket });
    socket.onmessage = ({ data }) => {
      heardAt = performance.now();
      heard.resolve();
      try {
        this.#take(data);
      } catch {
        lose({ code: 4400 }); // what speaks here is no gateway
      }
    };
    const code = await until(Promise.race([heard.promise, lost.promise]), seconds).catch(() => "nothing was heard");
    if (code !== undefined) {
      lose({ code });
      throw new ChannelFailed(`the socket could not be opened: ${code}`);
    }
    const silence = this.#patience.silenceSeconds * 1000;
    beating = setInterval(() => {
      if (performance.now() - heardAt > silence) lose({ code: 1006 });
      else send(socket, { type: "ping" });
    }, silence / 3);
    this.#socket = socket;
    this.#topics.forEach((topic) => this.#subscribe(topic));
    return { closed: lost.promise };
  }

  #take(data) {
    const message = JSON.parse(data);
    const topic = this.#topics.get(message.type === "job" ? message.job.id : message.id);
    if (message.type === "job" && topic && message.version > (topic.newest?.version ?? 0)) {
      topic.newest = { ...message.job, version: message.version };
      ring(topic);
    } else if (message.type === "error" && topic) {
      topic.failure = answered(message.problem);
      if (!isOne(topic.failure, FINAL)) topic.failure = new ChannelFailed(topic.failure.message);
      ring(topic);
    }
  }

  /** Once on each connection; after what was heard on the last one. */
  #subscribe(topic) {
    if (!this.#socket || topic.on === this.#socket) return;
    topic.on = this.#socket;
    send(topic.on, { type: "subscribe", id: topic.id, ...(topic.newest && { after: topic.newest.version }) });
  }
}

/** Wake all who wait for news of this topic. */
function ring(topic) {
  const rung = topic.bell;
  topic.bell = bell();
  rung.resolve();
}

function send(socket, message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
