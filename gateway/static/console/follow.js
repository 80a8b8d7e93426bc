/** The overview, once a second by WebSocket; every few seconds, and without it, where that cannot be had. */

import { bell, between, sleep, until } from "../client/time.js";

const SILENCE_SECONDS = 5; // it comes every second
const POLL_SECONDS = 5;
const AGAIN_AFTER_POLLS = 3;

/** Yields {live, overview}: `overview` is null where the page has to be looked at. */
export async function* follow() {
  for (;;) {
    yield* overviews();
    for (let polls = 0; polls < AGAIN_AFTER_POLLS; polls += 1) {
      yield { live: false, overview: null };
      await sleep(POLL_SECONDS * between(0.8, 1.2));
    }
  }
}

/** Until the socket is gone, or silent. */
async function* overviews() {
  let newest = null, rung = bell(), over = false;
  const ring = () => {
    const ringing = rung;
    rung = bell();
    ringing.resolve();
  };
  let socket;
  try {
    const answer = await fetch("/admin/v1/ws-tickets", { method: "POST" });
    const { ticket } = await answer.json();
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/ws`, "bff.v1+json");
    socket.onopen = () => socket.send(JSON.stringify({ type: "watch", ticket }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "overview") newest = message;
      ring();
    };
    socket.onclose = () => {
      over = true;
      ring();
    };
    while (!over) {
      const next = rung.promise;
      if (newest) {
        const overview = newest;
        newest = null;
        yield { live: true, overview };
      } else {
        await until(next, SILENCE_SECONDS);
      }
    }
  } catch {
    // No ticket, no socket, or nothing was heard: polling goes on.
  } finally {
    socket?.close();
  }
}
