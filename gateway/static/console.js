/**
 * Keeps the console up to date, and does what its forms ask for without leaving it. Its words come from the server alone: the
 * page is fetched anew, and what differs takes its place. The focus stays where it is.
 */
import { Asking } from "./console/asking.js";
import { follow } from "./console/follow.js";
import { morph } from "./console/morph.js";

const said = document.getElementById("done");
const link = document.getElementById("link");
let asked = 0;
let shown = 0;

/** The page as it is now; null where it cannot be had. Whoever is no longer signed in is asked to sign in. */
async function fetched(path, options = {}) {
  const answer = await fetch(path, { headers: { Accept: "text/html" }, cache: "no-store", ...options });
  if (answer.status === 401) location.reload();
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function show(fresh) {
  for (const part of [...document.querySelectorAll("[data-live]"), document.getElementById("summary")]) {
    const now = fresh.getElementById(part.id);
    if (now) morph(part, now);
  }
}

/** Dead letters may be large: they are fetched when there are more or fewer of them. */
async function refresh(overview) {
  if (document.hidden) return;
  const number = (asked += 1);
  const query = new URLSearchParams(location.search);
  if (String(overview?.dead_letters) === document.getElementById("letters").dataset.count) query.set("letters", "no");
  const fresh = await fetched(`${location.pathname}?${query}`);
  if (!fresh.getElementById("as-of")) throw new Error("this is not the console");
  if (number <= shown) return; // a newer one has overtaken it
  shown = number;
  show(fresh);
}

const asking = new Asking(document.getElementById("dialog"));

async function act(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  said.textContent = "";
  try {
    const fresh = await fetched(form.getAttribute("action"), { method: "POST", body });
    if (fresh.getElementById("ask")) return asking.ask(fresh.getElementById("ask"));
    asking.close();
    shown = asked += 1;
    const left = leaving(fresh);
    show(fresh);
    left?.querySelector("h2").focus();
    said.textContent = (fresh.getElementById("done") ?? fresh.querySelector("main")).textContent.trim();
  } catch {
    asking.close();
    said.textContent = "The gateway did not answer: whether it was done is not known. Look, and try again.";
  }
}

/** Where the focus was, if what has it goes by what it did itself: it may go at once, and the focus to its section's heading. */
function leaving(fresh) {
  const row = document.activeElement.closest("tr[id]");
  if (!row || fresh.getElementById(row.id)) return null;
  document.activeElement.blur();
  return row.closest("section");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.getAttribute("action") !== "/console") return;
  event.preventDefault();
  act(form, event.submitter);
});

/** Once, however often it is so: what is written again is read aloud again. */
function tell(sentence) {
  if (link.textContent !== sentence) link.textContent = sentence;
}

for await (const news of follow()) {
  try {
    await refresh(news.overview);
    tell(news.live ? "" : "The live connection is lost; the page is still brought up to date, every few seconds.");
  } catch {
    tell("The gateway does not answer. What is shown here is old.");
  }
}
