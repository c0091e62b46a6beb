// Requests: the lists, and the page of one, with its undo and its withdrawal.
import { deed } from "./decision.js";
import { bySessionKey, byOwnKey, checkStatement, refuse, signed } from "./sign.js";
import { checkSaid, facts as factsOf, life } from "./verdict.js";
import { facts, readable } from "./seen.js";
import { api, during, fresh, go, keysOf, mine, page, told, toast, watch } from "./shell.js";

const $ = (s, of = document) => of.querySelector(s);

page("requests", (main) => {
  const step = (by) => {
    const rows = [...main.querySelectorAll("[data-rows] a:first-child")];
    rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + by))]?.focus();
  };
  keysOf({ j: { does: "Next row", run: () => step(1) }, k: { does: "Row before", run: () => step(-1) } });
  const box = $("#request", main);
  if (!box) {
    watch({ list: $("h1", main).textContent === "Incidents" ? "alarms" : "waiting" }, fresh);
    return;
  }
  const id = box.dataset.request, version = Number(box.dataset.version);
  const action = JSON.parse($("#request-data", main).dataset.act);
  watch({ request: id }, (e) => (e.sort === "again" || e.version > version) && look(e));
  async function look(e) {
    if (e.sort === "again") {
      const r = await api("GET", "requests/" + id).catch(() => undefined);
      if (r?.version === version) return;
    }
    fresh();
  }
  const does = { undo, withdraw, again };
  for (const b of main.querySelectorAll("[data-do]")) {
    b.addEventListener("click", () => during(async () => {
      $("#request-error", main).textContent = "";
      b.disabled = true;
      try {
        await does[b.dataset.do]();
      } catch (e) {
        $("#request-error", main).textContent = told(e);
        b.disabled = false;
      }
    }));
  }

  // read compares what stands on the page with its data, before anything is signed about it.
  function read() {
    if (decodeURIComponent(location.pathname.split("/")[2]) !== id || readable($("h1", main)) !== id) refuse("the page is about another request");
    checkSaid(action, readable($(".sentence", main)));
    const want = factsOf(action), texts = facts(main);
    for (const name of ["kind", "tier", "reason", "until", "category"]) {
      if ((texts[name] ?? "") !== want[name]) refuse("the page says that the " + name + " is “" + (texts[name] ?? "") + "”, and what you would sign says “" + want[name] + "”");
    }
  }

  // handIn has an act drafted, checked, signed and handed in: by the session's key where that does,
  // else by the person's own.
  async function handIn(draft, check) {
    read();
    const s = await mine();
    let who = bySessionKey(s), d;
    if (action.tier === "standard") d = await draft(who);
    if (!d || d.action.tier !== "standard") {
      who = byOwnKey(s);
      d = await draft(who);
      toast("Your own key signs this: touch it.");
    }
    await check(d, who);
    return api("POST", "requests", { action: d.action, signed: await signed(d.statement, who) });
  }

  async function undo() {
    const reason = $("#undo-why", main).value.trim();
    const made = await handIn(
      (who) => api("POST", "requests/" + id + "/undo-drafts", { reason, key: who.key, ...(who.session ? { session: who.session } : {}) }),
      async (d, who) => {
        const a = d.action;
        if (a.reverses !== id) refuse("it undoes something else");
        if (a.kind !== action.inverse.kind || a.direction !== "relieving") refuse("it is " + a.kind);
        if (a.subject.platform !== action.subject.platform || a.subject.id !== action.subject.id) refuse("it is about another subject");
        if (a.command.layer !== action.command.layer) refuse("it changes another layer");
        if (a.reason !== reason) refuse("it gives another reason");
        await checkStatement(a, d.statement, { request: d.statement.request, verdict: "reverse", who, most: life(a) + (d.ruling.need?.wait ?? 0) });
      },
    );
    setTimeout(() => go("/requests/" + made.id));
  }

  async function withdraw() {
    read();
    const s = await mine();
    await api("POST", "requests/" + id + "/withdrawal", { version, deed: await deed({ what: "request.withdraw", of: id, version }, "", bySessionKey(s), s, box.dataset.expires) });
    setTimeout(fresh);
  }

  async function again() {
    const value = action.command.layer?.startsWith("label:") ? action.command.layer.slice(6) : "";
    const subject = action.subject.platform + ":" + action.subject.id;
    const made = await handIn(
      (who) => api("POST", "drafts", {
        kind: action.kind, subject, reason: action.reason, key: who.key, ...(value ? { value } : {}), ...(action.until ? { until: action.until } : {}),
        ...(action.category ? { category: action.category } : {}), ...(who.session ? { session: who.session } : {}),
      }),
      async (d, who) => {
        const a = d.action;
        if (a.kind !== action.kind || a.subject.platform !== action.subject.platform || a.subject.id !== action.subject.id || a.command.layer !== action.command.layer) refuse("it is another act");
        if (a.reason !== action.reason || a.until !== action.until || a.category !== action.category || a.reverses !== "" || a.case !== "") refuse("it is another act");
        await checkStatement(a, d.statement, { request: d.statement.request, verdict: "request", who, most: life(a) + (d.ruling.need?.wait ?? 0) });
      },
    );
    setTimeout(() => go("/requests/" + made.id));
  }
});
