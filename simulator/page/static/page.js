/** The page put together: a form, two workers, and what is shown of their runs. */

import { chosen, csv, save } from "./page/files.js";
import { Form } from "./page/form.js";
import { Player } from "./page/player.js";
import { Report } from "./page/report.js";
import { Runs } from "./page/runs.js";
import { facts, planOf, Refused, resultIn, scenarioIn, servicesOf, tomlOf } from "./page/server.js";
import { fromFragment, toFragment } from "./page/share.js";
import { Advice } from "./page/advice.js";
import { Verdict } from "./page/verdict.js";
import { element } from "./page/element.js";
import { count, number } from "./page/words.js";

const RECOMPUTED_AFTER_MS = 100;

const find = (id) => document.getElementById(id);
const known = await facts();
const verdict = new Verdict(find), report = new Report(find("charts")), player = new Player(find);
const advice = new Advice(find, () => scenario);
const runs = new Runs(heard);
const form = new Form(find("fields"), known, changed);

let scenario, staged, laid = null;
let found = {}, took = {};
let asking = new AbortController(), waiting = 0;

/** After a change in the form. What the server is still to say is of before it. */
function changed(now) {
  asking.abort();
  scenario = now;
  clearTimeout(waiting);
  waiting = setTimeout(recompute, RECOMPUTED_AFTER_MS);
}

/** A scenario from elsewhere, which has not been looked at yet. */
async function take(given, from = "") {
  scenario = given;
  find("preset").value = from;
  find("about").textContent = known.presets.find((preset) => preset.scenario.name === from)?.about ?? "";
  if (await recompute()) form.show(scenario);
}

/** Ask the server what the scenario means, then simulate it; false where it cannot be. */
async function recompute() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    if (form.complaints.length) return false;
    const now = await planOf(scenario, signal);
    if (signal.aborted) return false;
    complain("");
    begin(now);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    if (!(error instanceof Refused)) throw error;
    complain(error);
    return false;
  }
}

function begin(now) {
  staged = now;
  scenario = structuredClone(now.scenario);
  form.scenario = scenario;
  found = {};
  verdict.capacity(now.demands, now.asked);
  find("working").textContent = "Simulating …";
  find("progress").value = 0;
  runs.start(now.scenario, now.plan);
  toFragment(scenario).then((fragment) => fragment !== location.hash && history.replaceState(null, "", fragment));
  advice.changed();
}

function complain(error) {
  const shown = error && form.complain(error.key, error.complaint);
  if (!error) form.clear();
  find("complaint").textContent = error ? `${shown ? "" : `${error.key}: `}${error.complaint}. What is shown is of before.` : "";
}

function heard({ pattern, progress, scale, figures, log, ms, broken }) {
  if (broken) {
    find("working").textContent = `The simulation has stopped: ${broken}`;
    return;
  }
  if (progress !== undefined) {
    find("progress").value = Math.max(find("progress").value, progress);
    return;
  }
  if (scale < 1 && found[pattern]?.scale === 1) return;
  found[pattern] = { figures, scale };
  took[pattern] = ms;
  const seconds = figures.series.seconds.length;
  player.show(pattern, log, { scenario: staged.scenario, plan: staged.plan, seconds, scale });
  if (found.async && found.sync) show();
}

function show() {
  const rough = Math.min(found.async.scale, found.sync.scale) < 1;
  const shown = figuresShown();
  verdict.show(shown, rough);
  report.show(shown, staged.demands);
  find("progress").value = rough ? find("progress").value : 1;
  const ms = Math.max(took.async, took.sync);
  find("working").textContent = rough
    ? `Rough so far: the same system at ${number(100 * Math.min(found.async.scale, found.sync.scale))} % of its size.`
    : `${count(found.async.figures.offered)} requests, each way, in ${number(ms / 1000)} s.`;
}

function figuresShown() {
  return { async: found.async.figures, sync: found.sync.figures, ...(laid ? { laid } : {}) };
}

function said(sentence) {
  find("file-complaint").textContent = "";
  find("done").textContent = sentence;
}

/** Does it, and says in words why it could not. */
async function tried(work) {
  try {
    said(await work());
  } catch (error) {
    find("done").textContent = "";
    find("file-complaint").textContent = error.message;
  }
}

function pressed(id, work) {
  find(id).addEventListener("click", () => tried(work));
}

function saved(name, type, text) {
  save(name, type, text);
  return `${name} is saved.`;
}

pressed("share", async () => {
  history.replaceState(null, "", await toFragment(scenario));
  await navigator.clipboard.writeText(location.href);
  return "The link is copied: it holds the whole scenario.";
});
pressed("export-toml", async () => saved(`${scenario.name}.toml`, "application/toml", await tomlOf(scenario)));
pressed("export-services", async () => saved("services.toml", "application/toml", await servicesOf(scenario)));
pressed("export-result", async () => {
  const { figures } = found[scenario.pattern];
  return saved(`${scenario.name}.json`, "application/json", JSON.stringify(figures));
});
pressed("export-series", async () => saved(`${scenario.name}.csv`, "text/csv", csv(figuresShown())));
pressed("remove-laid-over", async () => {
  laid = null;
  find("remove-laid-over").hidden = true;
  find("lay-over").focus();
  show();
  return "It is removed.";
});
chosen(find("import"), find("scenario-file"), (file) => tried(async () => {
  await take(await scenarioIn(file));
  return `${file.name} is read.`;
}));
chosen(find("lay-over"), find("result-file"), (file) => tried(async () => {
  laid = await resultIn(file);
  find("remove-laid-over").hidden = false;
  show();
  return `${file.name} is laid over: ${laid.scenario}, ${laid.source === "load" ? "driven" : "simulated"}.`;
}));

find("preset").append(
  element("option", { value: "" }, "a scenario of your own"),
  ...known.presets.map(({ scenario: { name } }) => element("option", { value: name }, name)),
);
find("preset").addEventListener("change", () => {
  const preset = known.presets.find((each) => each.scenario.name === find("preset").value);
  if (preset) take(preset.scenario, preset.scenario.name);
});
find("scenario").addEventListener("submit", (event) => event.preventDefault());

async function fromAddress() {
  try {
    return await fromFragment(location.hash);
  } catch {
    find("file-complaint").textContent = "The link is damaged: it holds no scenario. This is the first of the shipped ones.";
    return null;
  }
}

addEventListener("hashchange", async () => {
  const given = await fromAddress();
  if (given) await take(given);
});

const first = known.presets.find(({ scenario: { name } }) => name === "flash-sale") ?? known.presets[0];
const given = await fromAddress();
await (given ? take(given) : take(first.scenario, first.scenario.name));
