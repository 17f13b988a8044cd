"use strict";
// Sorts and filters tables of rows. The page is complete without it.
for (const table of document.querySelectorAll("table.rows")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const filter = document.createElement("div");
  filter.className = "filter";
  const label = document.createElement("label");
  label.textContent = "Show rows with ";
  const input = document.createElement("input");
  input.type = "search";
  label.append(input);
  const shown = document.createElement("span");
  shown.setAttribute("role", "status");
  filter.append(label, shown);
  table.closest(".scrolling").before(filter);
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} rows`;
  });
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const isDown = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const text = (row) => row.cells[column].textContent;
      const order = (one, other) => text(one).localeCompare(text(other), "en", { numeric: true });
      body.append(...[...rows].sort((one, other) => (isDown ? order(other, one) : order(one, other))));
    });
  });
}
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
