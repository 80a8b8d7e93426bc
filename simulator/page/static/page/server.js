/** What the server is asked for. */

/** `key` is where in the scenario, `complaint` what is wrong there. */
export class Refused extends Error {
  constructor({ error, key = [], complaint = error }) {
    super(error);
    this.key = key.join(".");
    this.complaint = complaint;
  }
}

export const facts = async () => (await fetch("facts")).json();

/** The scenario with all its defaults, and what it is played on. */
export const planOf = async (scenario, signal) => (await post("plan", JSON.stringify(scenario), signal)).json();
export const tomlOf = async (scenario) => (await post("toml", JSON.stringify(scenario))).text();
export const servicesOf = async (scenario) => (await post("services", JSON.stringify(scenario))).text();
export const scenarioIn = async (file) => (await post(`read?name=${encodeURIComponent(file.name)}`, await file.text())).json();
export const resultIn = async (file) => (await post("result", await file.text())).json();

/** Yields {doing} on its way, then {verdict, page} or {error}. */
export async function* adviceOn(scenario, signal) {
  const answer = await post("advice", JSON.stringify(scenario), signal);
  let rest = "";
  for await (const text of chunks(answer.body.pipeThrough(new TextDecoderStream()))) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

async function* chunks(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function post(path, body, signal = undefined) {
  const answer = await fetch(path, { method: "POST", body, signal });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
  throw new Refused(said);
}
