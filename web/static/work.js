// My work.
import { nextCase, takeBack } from "./case.js";
import { api, during, fresh, go, keysOf, page, told, toast, watch } from "./shell.js";

page("work", (main) => {
  const step = (by) => {
    const rows = [...main.querySelectorAll("[data-rows] a:first-child")];
    rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + by))]?.focus();
  };
  const next = main.querySelector("[data-next]");
  keysOf({
    ...(next ? { Enter: { does: "Next case", run: () => nextCase() } } : {}),
    j: { does: "Next row", run: () => step(1) },
    k: { does: "Row before", run: () => step(-1) },
  });
  next?.addEventListener("click", () => nextCase());
  for (const b of main.querySelectorAll("[data-take]")) {
    b.addEventListener("click", () =>
      during(async () => {
        try {
          await api("POST", "cases/" + b.dataset.take + "/claim");
          await go("/cases/" + b.dataset.take);
        } catch (e) {
          toast(told(e));
        }
      }),
    );
  }
  for (const b of main.querySelectorAll("[data-back]")) {
    b.addEventListener("click", () => takeBack({ id: b.dataset.back, case: b.dataset.case, until: Date.parse(b.dataset.until), requests: b.dataset.requests ? b.dataset.requests.split(" ") : [] }));
  }
  watch({ list: "work" }, fresh);
});
