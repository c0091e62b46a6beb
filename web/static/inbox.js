// The inbox: what is shown counts as read once somebody can see it.
import { api, keysOf, onLeave, page } from "./shell.js";

page("inbox", (main) => {
  const step = (by) => {
    const rows = [...main.querySelectorAll("[data-rows] a:first-child")];
    rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + by))]?.focus();
  };
  keysOf({ j: { does: "Next row", run: () => step(1) }, k: { does: "Row before", run: () => step(-1) } });
  const { newest, unread } = main.querySelector("#inbox")?.dataset ?? {};
  if (!Number(unread) || new URLSearchParams(location.search).has("before")) return;
  const read = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", read);
    api("POST", "inbox/read", { upto: Number(newest) }).catch(() => {});
  };
  document.addEventListener("visibilitychange", read);
  onLeave(() => document.removeEventListener("visibilitychange", read));
  read();
});
