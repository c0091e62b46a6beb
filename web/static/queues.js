// Queues: taking the next case.
import { nextCase } from "./case.js";
import { fresh, keysOf, page, watch } from "./shell.js";

page("queues", (main) => {
  const name = location.pathname.split("/")[2];
  const next = (queue) => nextCase(queue && decodeURIComponent(queue));
  for (const b of main.querySelectorAll("[data-next]")) b.addEventListener("click", () => next(b.dataset.next));
  keysOf({
    ...(main.querySelector("[data-next]") ? { Enter: { does: "Next case", run: () => next(name) } } : {}),
    j: { does: "Next row", run: () => step(1) },
    k: { does: "Row before", run: () => step(-1) },
  });
  const step = (by) => {
    const rows = [...main.querySelectorAll("[data-rows] a, .board th a")];
    rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + by))]?.focus();
  };
  const all = name ? [["queue", name]] : [...main.querySelectorAll(".board th a")].map((a) => ["queue", decodeURIComponent(a.pathname.split("/")[2])]);
  if (all.length) watch(all, fresh);
});
