// My work.
import { nextCase } from "./case.js";
import { fresh, keysOf, page, watch } from "./shell.js";

page("work", (main) => {
  const step = (by) => {
    const rows = [...main.querySelectorAll("[data-rows] a:first-child")];
    rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + by))]?.focus();
  };
  keysOf({
    Enter: { does: "Next case", run: () => nextCase() },
    j: { does: "Next row", run: () => step(1) },
    k: { does: "Row before", run: () => step(-1) },
  });
  watch({ list: "work" }, fresh);
});
