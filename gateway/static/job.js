/**
 * Keeps a job's page up to date. Its words come from the server alone: at each change the page is fetched anew, and what
 * differs takes its place. The focus stays where it is, and what is announced is announced once.
 */
import { Bff, ended } from "./client.js";

const ANNOUNCED_EVERY_MS = 1_000;
const ESTIMATED_EVERY_MS = 5_000;

const path = location.pathname;
const state = document.getElementById("state");
let announcing = 0;
let announcedAt = -Infinity;
let asked = 0;
let shown = 0;

async function fetched() {
  const answer = await fetch(path, { headers: { Accept: "text/html" }, cache: "no-store" });
  return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

function show(fresh) {
  document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (now && part.innerHTML !== now.innerHTML) part.innerHTML = now.innerHTML;
  }
  for (const form of document.querySelectorAll(".actions form")) offer(form, !fresh.getElementById(form.id)?.hidden);
}

/** What has the focus is not taken away from under it: it goes when the focus has gone elsewhere. */
function offer(form, offered) {
  const button = form.querySelector("button");
  button.setAttribute("aria-disabled", String(!offered));
  const leave = () => form.hidden = button.getAttribute("aria-disabled") === "true";
  if (offered || !form.contains(document.activeElement)) leave();
  else form.addEventListener("focusout", leave, { once: true });
}

/** At most once a second, the newest state; an end at once. */
function announce(sentence, atOnce) {
  clearTimeout(announcing);
  const say = () => {
    announcedAt = performance.now();
    if (state.textContent !== sentence) state.textContent = sentence;
  };
  const wait = announcedAt + ANNOUNCED_EVERY_MS - performance.now();
  if (atOnce || wait <= 0) say();
  else announcing = setTimeout(say, wait);
}

async function refresh(job) {
  const number = (asked += 1);
  const fresh = await fetched();
  if (!fresh) {
    if (job && ended(job)) throw new Error("nothing will be fetched after this");
    return;
  }
  if (number > shown) { // no newer one has overtaken it
    shown = number;
    show(fresh);
  }
  if (job) announce(fresh.getElementById("state").textContent, ended(job));
}

document.addEventListener("submit", (event) => {
  if (event.target.querySelector("button")?.getAttribute("aria-disabled") === "true") event.preventDefault();
});

if (!document.getElementById("cancel").hidden) {
  const estimating = setInterval(() => refresh(null).catch(() => {}), ESTIMATED_EVERY_MS);
  try {
    for await (const job of new Bff({ url: location.origin }).watch(path.split("/").pop())) await refresh(job);
  } catch {
    announce("The connection is lost. Reload this page to see how it stands.", true);
  }
  clearInterval(estimating);
}
