/** What goes in and out as files. */

/** A file of the visitor's machine, handed to them by the browser. */
export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url));
}

/** What is chosen in a hidden file input, each time that the button is pressed. */
export function chosen(button, input, taken) {
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (file) await taken(file);
    input.value = "";
  });
}

const COLUMNS = ["depth", "oldest_age", "arrived", "accepted", "served", "expired", "rejected"];

/** A row for each second; a column for each series of each run. */
export function csv(runs) {
  const of = Object.entries(runs);
  const head = ["second", ...of.flatMap(([key]) => COLUMNS.map((name) => `${key}_${name}`))];
  const length = Math.max(...of.map(([, { series }]) => series.seconds.length));
  const rows = Array.from({ length }, (_, second) =>
    [second, ...of.flatMap(([, { series }]) => COLUMNS.map((name) => series[name][second] ?? ""))]);
  return [head, ...rows].map((row) => row.join(",")).join("\n") + "\n";
}
