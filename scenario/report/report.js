
// Reads a chart out where the pointer is, from the table that stands with it. The page is whole without.
for (const figure of document.querySelectorAll("figure")) {
  const svg = figure.querySelector("svg[data-left]");
  if (!svg) continue;
  const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [...row.cells]);
  const heads = [...figure.querySelectorAll("thead th")].map((head) => head.textContent);
  const at = rows.map((row) => Number(row[0].querySelector("data").value));
  const [left, right, low, high] = ["left", "right", "low", "high"].map((name) => Number(svg.dataset[name]));
  const height = svg.viewBox.baseVal.height;
  const line = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
  line.setAttribute("class", "pointed");
  const said = document.createElement("p");
  said.className = "pointed";
  said.setAttribute("aria-hidden", "true");
  figure.querySelector(".wide").after(said);
  svg.addEventListener("pointermove", (event) => {
    const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    const value = low + ((x - left) / (right - left)) * (high - low);
    let row = 0;
    while (row + 1 < at.length && at[row + 1] <= value) row += 1;
    const drawn = left + ((at[row] - low) / (high - low)) * (right - left);
    line.setAttribute("d", `M${drawn} 30V${height - 46}`);
    said.textContent = rows[row].map((cell, index) => `${heads[index]} ${cell.textContent}`).join(" · ");
  });
  svg.addEventListener("pointerleave", () => {
    line.removeAttribute("d");
    said.textContent = "";
  });
}
