// The page of a case: judging it by keyboard. What is judged is what the page shows.
import { checkDecision, bySessionOnly, deed, order, usualFor } from "./decision.js";
import { deskNow } from "./keys.js";
import { bySessionKey, byOwnKey, checkStatement, refuse, signed } from "./sign.js";
import { time, canonical } from "./canonical.js";
import { api, during, fresh, go, keysOf, mine, onLeave, onOut, page, preferred, put, told, toast, typeOf, watch } from "./shell.js";

const $ = (s, of = document) => of.querySelector(s);
const all = (s, of = document) => [...of.querySelectorAll(s)];

// last is the newest decision of this tab, for as long as it can be taken back.
let last;

// nextCase claims the most urgent case and shows it.
export async function nextCase(queue) {
  await during(async () => {
    try {
      const r = await answer("/next", queue ? { queue } : {});
      if (r) return await go(r.headers.get("Countersign-Url"), { fetched: r });
      toast("No case waits for you" + (queue ? " in this queue" : "") + ".");
      if (location.pathname.startsWith("/cases/")) await go("/work");
    } catch (e) {
      toast(told(e));
    }
  });
}

const answer = (path, body) => api("POST", path, body, { whole: true });

page("case", (main) => {
  const box = $("#case", main);
  const data = $("#case-data", main).dataset;
  const shown = JSON.parse(data.shown), rules = JSON.parse(data.rules);
  const id = box.dataset.case, claim = Number(box.dataset.claim), holds = box.dataset.mine === "yes";
  const form = $("#verdict", main);
  const opened = new Set();

  parts(main);
  for (const d of all("details[data-load-open]", main)) {
    d.addEventListener("toggle", async () => d.open && (await part($("div", d), d.dataset.loadOpen)), { once: true });
  }
  watch({ case: id }, async (e) => {
    if (e.sort === "again" || e.version > Number(box.dataset.version) || !holds) await look(e);
  });

  // look says what happened to the case behind this page.
  async function look() {
    let now;
    try {
      now = (await api("GET", "cases/" + id)).case;
    } catch (e) {
      if (e.status !== 404) return;
      return grey("This case is not yours to read any more.");
    }
    const held = now.state === "claimed" && now.holder === document.documentElement.dataset.worker && now.claim === claim;
    if (holds && held) {
      if (now.version > Number(box.dataset.version)) moved("There is something new on this case. What you typed is kept.");
      $("#holder time", main)?.setAttribute("datetime", now.until);
    } else if (holds && now.state !== "claimed" && now.version >= Number(box.dataset.version)) grey("This case is " + now.state + " now.");
    else if (holds && !held) grey(now.holder ? now.holder + " holds this case now." : "Your claim is over. What you typed is kept.");
    else if (now.state !== box.dataset.state || now.version !== Number(box.dataset.version)) moved("This case has changed: it is " + now.state + ".");
  }
  function moved(text) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = "Show it";
    b.addEventListener("click", async () => { await keep(); fresh(); });
    $("#moved", main).replaceChildren(text + " ", b);
  }
  function grey(text) {
    box.classList.add("gone");
    for (const f of all("button, input, textarea", $(".rail", main))) f.disabled = true;
    moved(text);
  }

  const everyone = {
    Enter: { does: "Next case", run: () => nextCase() },
    j: { does: "Next report", run: () => step(".report, figure.shown", 1) },
    k: { does: "Report before", run: () => step(".report, figure.shown", -1) },
    "]": { does: "Next picture", run: () => step(".veiled[data-picture]", 1) },
    "[": { does: "Picture before", run: () => step(".veiled[data-picture]", -1) },
    b: { does: "Lift the veil while held", run: () => unveil(true) },
    B: { does: "Lift the veil, or let it fall", run: () => unveil(false) },
    z: { does: "Take the last decision back, for 15 seconds", run: () => takeBack() },
  };
  $("#rail-open", main).addEventListener("click", () => $(".rail", main).classList.toggle("open"));
  if (!holds) {
    keysOf(everyone);
    return;
  }

  // --- the form

  const radios = all("input[name=rule]", form), boxes = all("input[name=measure]", form);
  const ruleOf = (n) => rules.rules.find((r) => r.number === Number(n));
  const chosen = () => ruleOf($("input[name=rule]:checked", form)?.value ?? 0);

  function choose(n) {
    const r = radios.find((x) => x.value === String(n));
    if (!r) return toast("The rule " + n + " is not one of this desk's.");
    r.checked = true;
    ruled();
    r.closest("label").scrollIntoView({ block: "nearest" });
  }
  // ruled shows the chosen rule, and fills its usual measures in.
  function ruled() {
    const rule = chosen();
    for (const s of all(".rule-text", form)) s.hidden = s.dataset.rule !== String(rule?.number);
    $(".measures", form).hidden = !rule;
    const usual = rule ? usualFor(rule, shown.of, shown.strikes?.[rule.number] ?? 0) : [];
    for (const b of boxes) {
      const m = usual.find((m) => m.kind === b.dataset.kind && (m.value ?? "") === b.dataset.value && !!b.dataset.subject === !!m.owner);
      b.checked = !!m;
      if (m?.days) $("input[name=days]", b.closest(".measure")).value = m.days;
    }
    changed();
  }
  const measures = () => boxes.filter((b) => b.checked).map((b) => {
    const m = { kind: b.dataset.kind };
    if (b.dataset.value) m.value = b.dataset.value;
    if (b.dataset.subject) m.subject = b.dataset.subject;
    const days = $("input[name=days]", b.closest(".measure"));
    if (days) m.until = time(Math.round((deskNow() + Number(days.value) * 86400e6) / 1e6) * 1e6);
    return m;
  });
  // usual reports whether the chosen measures are the usual ones.
  function usual() {
    const rule = chosen();
    if (!rule) return true;
    const want = usualFor(rule, shown.of, shown.strikes?.[rule.number] ?? 0).map((m) => [m.kind, m.value ?? "", m.owner ? "owner" : "", m.days ?? 0].join());
    const have = boxes.filter((b) => b.checked).map((b) => [b.dataset.kind, b.dataset.value, b.dataset.subject ? "owner" : "", Number($("input[name=days]", b.closest(".measure"))?.value ?? 0)].join());
    return canonical(want.toSorted()) === canonical(have.toSorted());
  }
  let typing;
  function changed() {
    $("#departs", form).textContent = usual() ? "the usual ones" : "not the usual ones: say why";
    clearTimeout(typing);
    typing = setTimeout(keep, 1000);
  }
  form.addEventListener("input", (e) => (e.target.name === "rule" ? ruled() : changed()));

  // keep puts what was typed on the server.
  let keeping = "";
  async function keep() {
    clearTimeout(typing);
    const rule = chosen();
    const body = { reasons: form.reasons.value, ...(rule ? { verdict: "violation", rule: rule.number, measures: measures() } : {}) };
    if (canonical(body) === keeping) return;
    keeping = canonical(body);
    try {
      await api("POST", "cases/" + id + "/draft", body);
      $("#kept", form).textContent = "kept";
    } catch (e) {
      if (!e.over) $("#kept", form).textContent = told(e);
    }
  }
  onOut(keep);
  onLeave(() => (form.dataset.done ? clearTimeout(typing) : keep()));
  const draft = all("template.draft", main).map((t) => ({ worker: t.dataset.worker, ...JSON.parse(t.dataset.body || "{}") }))[0];
  if (draft) {
    if (draft.rule) choose(draft.rule);
    if (draft.measures) {
      for (const b of boxes) b.checked = draft.measures.some((m) => m.kind === b.dataset.kind && (m.value ?? "") === b.dataset.value && (m.subject ?? "") === b.dataset.subject);
    }
    form.reasons.value = draft.reasons ?? "";
    if (draft.worker !== document.documentElement.dataset.worker) toast(draft.worker + " left this draft.");
    changed();
  }

  // --- deciding

  const error = (e) => {
    if (typeOf(e) === "case-moved") moved(told(e));
    $("#verdict-error", form).textContent = told(e);
  };

  async function decide(verdict) {
    await during(async () => {
      $("#verdict-error", form).textContent = "";
      const rule = verdict === "violation" ? chosen() : undefined;
      if (verdict === "violation" && !rule) return ($("#verdict-error", form).textContent = "Choose the rule that it breaks: press its digit.");
      const want = {
        shown, document: box.dataset.document, verdict, rule, set: rules.set, reasons: form.reasons.value, opened: [...opened], measures: rule && !usual() ? measures() : null,
        language: shown.language,
      };
      try {
        const s = await mine();
        let who = bySessionKey(s);
        const judgement = { claim, version: shown.version, verdict, reasons: want.reasons, opened: want.opened.sort() };
        if (rule) judgement.rule = rule.number;
        if (want.measures) judgement.measures = want.measures;
        const ask = (who) => api("POST", "cases/" + id + "/drafts", { ...judgement, key: who.key, ...(who.session ? { session: who.session } : {}) });
        let d;
        if (shown.severity !== "highest") {
          d = await ask(who);
          if (!bySessionOnly(d, shown)) d = undefined;
        }
        if (!d) {
          who = byOwnKey(s);
          d = await ask(who);
          toast("Your own key signs this: touch it.");
        }
        await checkDecision(d, want, who);
        const body = { decision: { ...d.decision, signed: await signed(d.decision.signed.statement, who) }, measures: [] };
        for (const m of d.measures) body.measures.push({ action: m.action, signed: await signed(m.statement, who) });
        const made = await api("POST", "cases/" + id + "/decisions", body);
        form.dataset.done = "yes";
        last = { id: made.id, case: id, until: Date.now() + 15000 };
        countdown();
        setTimeout(() => nextCase());
      } catch (e) {
        error(e);
      }
    });
  }
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    decide("violation");
  });

  // --- deeds

  const dialog = $("#deed", main);
  let todo;
  function ask(what, title, label, o, { text = true, more } = {}) {
    todo = { what, order: o };
    $("#deed-title", dialog).textContent = title;
    $("#deed-label", dialog).textContent = label;
    $("#deed-text", dialog).value = "";
    $("#deed-text", dialog).required = text;
    $("#deed-error", dialog).textContent = "";
    $("#deed-more", dialog).replaceChildren(...(more ?? []));
    dialog.showModal();
    ($("#deed-more input, #deed-more select", dialog) ?? $("#deed-text", dialog)).focus();
  }
  function field(name, label, type, value) {
    const l = document.createElement("label");
    const i = document.createElement("input");
    Object.assign(i, { name, type, value: value ?? "", required: true });
    l.append(label, " ", i);
    return l;
  }
  $("form", dialog).addEventListener("submit", async (e) => {
    if (e.submitter?.value !== "yes") return;
    e.preventDefault();
    await during(async () => {
      try {
        const o = { ...todo.order, note: $("#deed-text", dialog).value };
        for (const i of all("#deed-more input", dialog)) {
          if (i.name === "hours") o.until = time(Math.round(deskNow() / 1e6 + Number(i.value) * 3600) * 1e6);
          else if (i.name === "whom") Object.assign(o, i.value === "specialist" ? { role: "specialist" } : { role: "language", language: i.value });
          else if (i.type === "checkbox") o[i.name] = i.checked;
          else o[i.name] = i.value;
        }
        const text = order(o);
        const s = await mine();
        const d = await deed({ what: todo.what, of: id, version: shown.version }, text, bySessionKey(s), s);
        const out = await api("POST", "cases/" + id + "/deeds", { ...(todo.what === "case.note" ? {} : { claim }), deed: d, text });
        dialog.close();
        if (todo.what === "case.note") {
          await keep();
          return setTimeout(fresh);
        }
        form.dataset.done = "yes";
        toast("The case " + id + " is " + out.state + ", in the queue " + out.queue + ".");
        setTimeout(() => nextCase());
      } catch (e) {
        $("#deed-error", dialog).textContent = told(e);
      }
    });
  });

  const does = {
    none: () => decide("no-violation"),
    duplicate: () => decide("duplicate"),
    "not-for-us": () => decide("not-for-us"),
    escalate: () => ask("case.escalate", "Escalate to a lead", "What is the lead to decide?", { role: "lead" }),
    ask: () => ask("case.ask", "Ask somebody", "Question", {}, { more: [field("whom", "specialist, or a language such as pt", "text")] }),
    snooze: () => ask("case.snooze", "Let it wait", "Why?", {}, { more: [field("hours", "for hours", "number", 2)] }),
    skip: () => ask("case.skip", "Skip it", "Why, if you like to say", {}, { text: false }),
    merge: () => ask("case.merge", "Merge into an older case", "Why?", {}, { text: false, more: [field("into", "Identifier of the older case", "text")] }),
    note: () => ask("case.note", "Internal note", "Note", {}),
    extend: async () => {
      try {
        const c = await api("POST", "cases/" + id + "/extend", { claim });
        $("#holder time", main).setAttribute("datetime", c.until);
        toast("The case is yours for longer.");
      } catch (e) {
        toast(told(e));
      }
    },
    release: async () => {
      try {
        await keep();
        await api("POST", "cases/" + id + "/release", { claim });
        form.dataset.done = "yes";
        go("/work");
      } catch (e) {
        toast(told(e));
      }
    },
  };
  for (const b of all("[data-do]", main)) b.addEventListener("click", () => does[b.dataset.do]());

  const toggle = (key) => {
    const mine = boxes.filter((b) => b.dataset.key === key);
    if (!chosen()) return toast("Choose the rule first: press its digit.");
    if (mine.length === 1) {
      mine[0].checked = !mine[0].checked;
      changed();
    }
    mine[0]?.focus();
  };
  const digits = Object.fromEntries(radios.filter((r) => r.dataset.key).map((r) => [r.dataset.key, { does: "Rule " + r.value, run: () => choose(r.value) }]));
  keysOf({
    ...everyone,
    a: { does: "No violation, and next", run: does.none },
    ...digits,
    0: { does: "All rules", run: () => radios[0]?.focus() },
    t: { does: "Take it down", run: () => toggle("t") },
    l: { does: "Label it", run: () => toggle("l") },
    x: { does: "Other measures", run: () => (chosen() ? boxes[0]?.focus() : toggle("x")) },
    "Control+Enter": { does: "Submit and next", run: () => decide("violation") },
    e: { does: "Escalate", run: does.escalate },
    w: { does: "Ask", run: does.ask },
    m: { does: "Merge", run: does.merge },
    h: { does: "Snooze", run: does.snooze },
    s: { does: "Skip", run: does.skip },
    n: { does: "Internal note", run: does.note },
    "+": { does: "More time", run: does.extend },
    Enter: { does: "", run: () => {} },
    Escape: { does: "Leave a field; discards nothing", run: () => document.activeElement?.blur() },
  });

  // The claim goes on while its holder is active, not while a tab is open.
  let active = 0;
  const touch = () => (active = active || Date.now());
  for (const e of ["keydown", "pointerdown"]) main.addEventListener(e, touch);
  const lease = setInterval(async () => {
    const left = Date.parse($("#holder time", main)?.dateTime) - deskNow() / 1000;
    if (left < 60000 && !box.classList.contains("gone")) {
      if (active) {
        active = 0;
        await does.extend();
      } else toast("Your claim ends in a minute. Press + to go on.");
    }
  }, 20000);
  onLeave(() => clearInterval(lease));

  // --- pictures

  const unveil = veils(main, id, "judging the case", (digest) => opened.add(digest));

  function step(what, by) {
    const rows = all(what, main);
    const at = rows.findIndex((r) => r === document.activeElement || r.contains(document.activeElement));
    const to = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (!to) return;
    if (!to.matches("button")) to.tabIndex = -1;
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  }
});

// --- taking a decision back

let counting;
function countdown() {
  clearInterval(counting);
  const show = () => {
    const left = Math.ceil((last?.until - Date.now()) / 1000);
    if (!last || left <= 0) {
      clearInterval(counting);
      last = undefined;
      return toast("");
    }
    toast("Decided " + last.case + ". Take it back with z: " + left + " s.", { name: "Take back", run: () => takeBack() });
  };
  show();
  counting = setInterval(show, 1000);
}

// undrafted asks for all that takes a decision back. A measure that is just being carried out is
// waited for.
async function undrafted(taken, s) {
  for (;;) {
    try {
      return await api("POST", "decisions/" + taken.id + "/drafts", { key: s.key, session: s.digest });
    } catch (e) {
      if (typeOf(e) !== "under-way" || Date.now() > taken.until) throw e;
      await new Promise((done) => setTimeout(done, 250));
    }
  }
}

export async function takeBack(decision) {
  const taken = decision?.id ? decision : last;
  if (!taken || Date.now() > taken.until) return toast("There is no decision of yours to take back.");
  await during(async () => {
    try {
      const s = await mine();
      const who = bySessionKey(s);
      const d = await undrafted(taken, s);
      if (d.deed.what !== "decision.withdraw" || d.deed.of !== taken.id) throw new Error("The desk's draft is about something else. Nothing was signed.");
      const text = order({});
      const body = { deed: await deed(d.deed, text, who, s), text, undos: [], withdrawals: {} };
      for (const u of d.undos) {
        if (u.action.direction !== "relieving" || !u.action.reverses) refuse("it lifts nothing of yours");
        await checkStatement(u.action, u.statement, { request: u.statement.request, verdict: "reverse", who, most: 24 * 3600 });
      }
      for (const u of d.undos) body.undos.push({ action: u.action, signed: await signed(u.statement, who) });
      for (const [request, version] of Object.entries(d.withdraw ?? {})) {
        body.withdrawals[request] = { version, deed: await deed({ what: "request.withdraw", of: request, version }, "", who, s) };
      }
      const back = await api("POST", "decisions/" + taken.id + "/withdrawal", body);
      last = undefined;
      clearInterval(counting);
      toast("Taken back: " + back.case.id + " is yours again.");
      setTimeout(() => go("/cases/" + back.case.id));
    } catch (e) {
      toast(told(e));
    }
  });
}

// --- parts of a page that come by themselves

async function part(at, url) {
  const r = await fetch(url, { headers: { "Countersign-Fragment": "1" }, credentials: "same-origin" });
  if (r.ok) put(at, await r.text());
  else at.textContent = "It cannot be read now.";
}
export function parts(main) {
  for (const at of all("[data-load]", main)) part(at, at.dataset.load);
}

// --- veiled pictures

// veils returns what lifts the veil of a picture of a case, or lets it fall; held: only while the
// key is held. opened hears which pictures were seen.
export function veils(main, id, reason, opened = () => {}) {
  async function unveil(held) {
    const at = document.activeElement?.closest?.("[data-picture]") ?? $("[data-picture]", main);
    if (!at) return toast("There is no picture here.");
    if (at.firstChild?.tagName === "IMG") return veil(at);
    try {
      const r = await fetch("/api/v1/evidence/pictures/" + at.dataset.picture + "?case=" + id + "&reason=" + encodeURIComponent(reason), { credentials: "same-origin" });
      if (!r.ok) throw Object.assign(new Error("The desk does not show it."), { problem: await r.json() });
      const img = document.createElement("img");
      img.alt = "";
      img.src = URL.createObjectURL(await r.blob());
      at.dataset.name = at.textContent;
      at.replaceChildren(img);
      opened(at.dataset.picture);
      if (held && preferred().veil !== "press") addEventListener("keyup", () => veil(at), { once: true });
    } catch (e) {
      toast(told(e));
    }
  }
  function veil(at) {
    if (at.firstChild?.src) URL.revokeObjectURL(at.firstChild.src);
    at.replaceChildren(at.dataset.name);
  }
  for (const b of all("[data-picture]", main)) b.addEventListener("click", () => { b.focus(); unveil(false); });
  return unveil;
}
