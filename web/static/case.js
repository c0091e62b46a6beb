// The page of a case: judging it by keyboard. What is judged is what the page shows.
import { checkDecision, checkRead, checkTaken, bySessionOnly, deed, expected, order, usualFor } from "./decision.js";
import { deskNow } from "./keys.js";
import { readable } from "./seen.js";
import { byFile, bySessionKey, byOwnKey, refuse, signed } from "./sign.js";
import { canonical, micro, time } from "./canonical.js";
import { api, during, fresh, go, keysOf, mine, onLeave, onOut, page, playing, preferred, put, told, toast, typeOf, watch } from "./shell.js";

const $ = (s, of = document) => of.querySelector(s);
const all = (s, of = document) => [...of.querySelectorAll(s)];

// last is the newest decision of this tab, for as long as it can be taken back.
let last;

// showNext claims the most urgent case and shows it.
async function showNext(queue) {
  const r = await answer("/next", queue ? { queue } : {});
  if (r) return go(r.headers.get("Countersign-Url"), { fetched: r });
  await last?.made?.catch(() => {});
  toast("No case waits for you" + (queue ? " in this queue" : "") + ".");
  if (location.pathname.startsWith("/cases/")) await go("/work");
}

// nextCase is showNext after a press.
export const nextCase = (queue) => during(async () => {
  try {
    await showNext(queue);
  } catch (e) {
    toast(told(e));
  }
});

const answer = (path, body) => api("POST", path, body, { whole: true });

page("case", (main) => {
  const box = $("#case", main);
  const data = $("#case-data", main).dataset;
  const shown = JSON.parse(data.shown), rules = JSON.parse(data.rules);
  const id = box.dataset.case, claim = Number(box.dataset.claim), holds = box.dataset.mine === "yes";
  const form = $("#verdict", main);
  const opened = new Set();
  let ready;

  // What comes by itself is asked for once the case is on the screen.
  requestAnimationFrame(() => setTimeout(() => main.isConnected && parts(main)));
  for (const d of all("details[data-load-open]", main)) {
    d.addEventListener("toggle", async () => d.open && (await part($("div", d), d.dataset.loadOpen)), { once: true });
  }
  watch({ case: id }, async (e) => {
    if (form?.dataset.done) return; // that is what this page did
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
  $("#take", main)?.addEventListener("click", () => during(async () => {
    try {
      await api("POST", "cases/" + id + "/claim", {});
      await fresh();
    } catch (e) {
      toast(told(e));
    }
  }));
  if (!holds) {
    keysOf(everyone);
    return;
  }
  const sheet = (open) => {
    $(".rail", main).classList.toggle("open", open);
    (open ? $("#rail-close", main) : $("#rail-open", main)).focus();
  };
  // The rail is as high as what is seen of it, so that its button is in sight on every screen.
  const rail = $(".rail", main);
  const fit = () => rail.style.setProperty("--rail-top", Math.max(58, rail.getBoundingClientRect().top) + "px");
  const grows = new ResizeObserver(fit);
  grows.observe(main);
  for (const e of ["scroll", "resize"]) addEventListener(e, fit, { passive: true });
  onLeave(() => {
    grows.disconnect();
    for (const e of ["scroll", "resize"]) removeEventListener(e, fit);
  });
  $("#rail-open", main).addEventListener("click", () => sheet(true));
  $("#rail-close", main).addEventListener("click", () => sheet(false));

  // --- the form

  const radios = all("input[name=rule]", form), boxes = all("input[name=measure]", form);
  const ruleOf = (n) => rules.rules.find((r) => r.number === Number(n));
  const chosen = () => ruleOf($("input[name=rule]:checked", form)?.value ?? 0);

  function choose(n) {
    const r = radios.find((x) => x.value === String(n));
    if (!r) return toast("The rule " + n + " is not one of this desk's.");
    r.checked = true;
    if ($("#all-rules", form).contains(r)) $("#all-rules", form).open = true;
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
      const days = $("input[name=days]", b.closest(".option"));
      if (days) days.value = m?.days ?? days.defaultValue;
    }
    changed();
  }
  const measures = () => boxes.filter((b) => b.checked).map((b) => {
    const m = { kind: b.dataset.kind };
    if (b.dataset.value) m.value = b.dataset.value;
    if (b.dataset.subject) m.subject = b.dataset.subject;
    const days = $("input[name=days]", b.closest(".option"));
    if (days?.value) m.until = time(Math.round((deskNow() + Number(days.value) * 86400e6) / 1e6) * 1e6);
    return m;
  });
  // usual reports whether the chosen measures are the usual ones.
  function usual() {
    const rule = chosen();
    if (!rule) return true;
    const want = usualFor(rule, shown.of, shown.strikes?.[rule.number] ?? 0).map((m) => [m.kind, m.value ?? "", m.owner ? "owner" : "", m.days ?? 0].join());
    const have = boxes.filter((b) => b.checked).map((b) => [b.dataset.kind, b.dataset.value, b.dataset.subject ? "owner" : "", Number($("input[name=days]", b.closest(".option"))?.value ?? 0)].join());
    return canonical(want.toSorted()) === canonical(have.toSorted());
  }
  let typing, expecting;
  function changed() {
    $("#departs", form).textContent = usual() ? "the usual ones" : "not the usual ones: say why";
    clearTimeout(typing);
    typing = setTimeout(keep, 1000);
    clearTimeout(expecting);
    expecting = setTimeout(expect, 250);
  }
  form.addEventListener("input", (e) => {
    if (["rule", "measure"].includes(e.target.name)) reserve();
    e.target.name === "rule" ? ruled() : changed();
  });

  // written is what was typed and chosen; keep puts it on the server.
  function written() {
    const rule = chosen();
    return { reasons: form.reasons.value, ...(rule ? { verdict: "violation", rule: rule.number, measures: measures() } : {}) };
  }
  // keeping is what the server has, or is being sent; sent is over when it was answered. What did not
  // get there is sent again: with the next change, when the page goes, and by itself while the desk
  // does not answer.
  let keeping = "", sent;
  function keep() {
    clearTimeout(typing);
    const body = written(), text = canonical(body);
    if (text !== keeping) {
      keeping = text;
      sent = keepThis(body, text);
    }
    return sent;
  }
  async function keepThis(body, text) {
    try {
      await api("POST", "cases/" + id + "/draft", body);
      $("#kept", main).textContent = "kept";
    } catch (e) {
      if (keeping === text) keeping = undefined;
      if (e.over) return;
      $("#kept", main).textContent = told(e);
      if ((e.status ?? 500) >= 500 && form.isConnected) typing = setTimeout(keep, 5000);
    }
  }
  onOut(keep);
  onLeave(() => (form.dataset.done ? clearTimeout(typing) : keep()));
  // Who left it is what the desk says, whatever stands in the draft; what is no draft is not taken over.
  const left = $("template.draft", main)?.dataset;
  let draft;
  try {
    draft = left && { ...JSON.parse(left.body || "{}"), worker: left.worker };
  } catch {}
  if (draft) {
    if (draft.rule > 0) choose(draft.rule);
    if (Array.isArray(draft.measures)) {
      for (const b of boxes) {
        const m = draft.measures.find((m) => m?.kind === b.dataset.kind && (m.value ?? "") === b.dataset.value && (m.subject ?? "") === b.dataset.subject);
        b.checked = !!m;
        const days = $("input[name=days]", b.closest(".option"));
        if (days && m) days.value = !m.until ? "" : Math.max(1, Math.round((micro(m.until) - deskNow()) / 86400e6));
      }
    }
    form.reasons.value = typeof draft.reasons === "string" ? draft.reasons : "";
    if (draft.worker !== document.documentElement.dataset.worker) toast(draft.worker + " left this draft.");
    changed();
  }
  keeping = canonical(written());

  // --- the following case

  // reserve has the desk keep the following case for this person for a minute: once this one is as old
  // as most cases of its queue when they are nearly done, and as soon as a key of its verdict is
  // pressed. What is kept is not told, and is shown when it is claimed. It is renewed twice at most,
  // and not while nobody is at the page.
  let reservation, asked = 0, renewing;
  async function reserve(number) {
    const away = document.hidden || document.body.classList.contains("locked") || box.classList.contains("gone") || form.dataset.done;
    const now = deskNow() / 1000;
    if (away || !number && (now < asked || Date.parse(reservation?.until) > now)) return;
    asked = now + 5000;
    try {
      const had = reservation;
      reservation = await api("POST", "cases/reservations", { case: id, claim, ...(number ? { number } : {}) });
      clearTimeout(renewing);
      if (reservation && form.isConnected && !(number && had?.until === reservation.until)) {
        renewing = setTimeout(() => reserve(reservation.number), Math.max(0, Date.parse(reservation.until) - deskNow() / 1000 - 10000));
      }
    } catch {
      // The next case is claimed without it.
    }
  }
  const nearly = setTimeout(reserve, Number(box.dataset.reserve));
  onLeave(() => {
    clearTimeout(nearly);
    clearTimeout(renewing);
  });

  // --- deciding

  const error = (e) => {
    if (typeOf(e) === "case-moved") moved(told(e));
    say(told(e));
  };
  const say = (text) => ($("#verdict-error", main).textContent = text);

  // judged is what the form says under a verdict.
  function judged(verdict) {
    const rule = verdict === "violation" ? chosen() : undefined;
    const j = { claim, version: shown.version, verdict, reasons: form.reasons.value, opened: [...opened].sort() };
    if (rule) j.rule = rule.number;
    if (rule && !usual()) j.measures = measures();
    return j;
  }
  // drafted has the desk draft a judgement: under the session if a session may sign all of it.
  async function drafted(j, s) {
    const ask = async (who) => ({ who, d: await api("POST", "cases/" + id + "/drafts", { ...j, key: who.key, ...(who.session ? { session: who.session } : {}) }) });
    if (shown.severity !== "highest") {
      const under = await ask(bySessionKey(s));
      if (bySessionOnly(under.d, shown)) return under;
    }
    return ask(byOwnKey(s));
  }
  // filed reports whether the person's own key must sign and is a file. Then it says which command signs
  // the same judgement.
  function filed(who, j, s) {
    if (who.session || !byFile(s)) return false;
    const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
    const chosen = j.measures && (j.measures.length ? j.measures.map((m) => m.kind + (m.value ? ":" + m.value : "")) : ["none"]);
    all("#by-file code", main).at(-1).textContent = ["countersign case decide", id, "--verdict", j.verdict, ...(j.rule ? ["--rule", j.rule] : []), ...(chosen ?? []).map((m) => "--measure " + m),
      ...(j.measures?.find((m) => m.until) ? ["--until", j.measures.find((m) => m.until).until] : []), ...(j.reasons ? ["--reason", quoted(j.reasons)] : [])].join(" ");
    $("#by-file", main).hidden = false;
    return true;
  }
  // expect says what policy will say of the chosen measures. Its draft is signed if nothing changes
  // before the verdict is handed in.
  async function expect() {
    for (const at of all(".ruling", form)) at.textContent = "";
    $("#by-file", main).hidden = true;
    const j = judged("violation");
    if (!j.rule || box.classList.contains("gone")) return;
    const mark = (ready = { j: canonical(j), at: Date.now() });
    try {
      const s = await mine();
      mark.made = await drafted(j, s);
      if (ready !== mark) return;
      filed(mark.made.who, j, s);
      for (const { action, ruling } of mark.made.d.measures) {
        const at = boxes.find((b) => b.checked && b.dataset.kind === action.kind && (!b.dataset.value || action.command.layer === "label:" + b.dataset.value));
        if (at) $(".ruling", at.closest("label")).textContent = expected(ruling);
      }
    } catch {
      if (ready === mark) ready = undefined; // handing it in says why
    }
  }

  // read is what stands on the page for the person to read; see checkRead.
  function read(rule) {
    const option = (b) => $("[data-words]", b.closest(".option"));
    return {
      title: readable($("h1", main)), subject: readable($("#subject-is", main)),
      rule: rule && { title: readable($("[data-title]", $("input[name=rule]:checked", form).closest("label"))), text: readable($(".rule-text:not([hidden]) [data-text]", form)) },
      measures: rule ? boxes.filter((b) => b.checked).map((b) => ({ kind: b.dataset.kind, value: b.dataset.value, subject: b.dataset.subject, words: readable(option(b)) })) : [],
    };
  }

  async function decide(verdict) {
    await during(async () => {
      say("");
      const rule = verdict === "violation" ? chosen() : undefined;
      if (verdict === "violation" && !rule) return say("Choose the rule that it breaks: press its digit.");
      reserve();
      const j = judged(verdict);
      const want = { shown, document: box.dataset.document, verdict, rule, set: rules.set, reasons: j.reasons, opened: j.opened, measures: j.measures ?? null, language: shown.language };
      clearTimeout(expecting);
      const had = ready?.made && ready.j === canonical(j) && Date.now() - ready.at < 60000 ? ready.made : undefined;
      ready = undefined;
      try {
        const { d, who } = had ?? (await drafted(j, await mine()));
        if (filed(who, j, await mine())) return;
        checkRead(shown, rule, read(rule));
        await checkDecision(d, want, who);
        if (!who.session) toast(d.measures.length ? "Your own key signs this: touch it for each signature." : "Your own key signs this: touch it.");
        const body = { decision: { ...d.decision, signed: await signed(d.decision.signed.statement, who) }, measures: [] };
        for (const m of d.measures) body.measures.push({ action: m.action, signed: await signed(m.statement, who) });
        await keep(); // so that nothing is lost if the desk refuses it
        form.dataset.done = "yes";
        handIn(id, body);
      } catch (e) {
        return error(e);
      }
      await onward(); // the answer comes behind the next case
    });
  }
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    decide("violation");
  });

  // --- deeds

  const dialog = $("#deed", main);
  const texts = new Map(); // what was typed for a deed that was cancelled
  let todo;
  $("#deed-text", dialog).addEventListener("input", (e) => texts.set(todo.what, e.target.value));
  function ask(what, title, label, o, { text = true, more } = {}) {
    todo = { what, order: o };
    const typed = texts.get(what) ?? "";
    $("#deed-title", dialog).textContent = title;
    $("#deed-label", dialog).textContent = label;
    $("#deed-text", dialog).value = typed;
    $("#deed-text", dialog).required = text;
    $("#deed-error", dialog).textContent = "";
    $("#deed-more", dialog).replaceChildren(...(more ?? []));
    dialog.showModal();
    ($("#deed-more select, #deed-more input:not([type=checkbox])", dialog) ?? $("#deed-text", dialog)).focus();
  }
  function field(name, label, type, value) {
    const l = document.createElement("label");
    const i = document.createElement("input");
    Object.assign(i, { name, type, value: value ?? "", required: type !== "checkbox" });
    type === "checkbox" ? l.append(i, " ", label) : l.append(label, " ", i);
    return l;
  }
  // whom asks a specialist, or somebody who reads a language.
  function whom() {
    const of = document.createElement("label"), role = document.createElement("select"), reads = field("language", "The language, such as pt", "text");
    role.name = "role";
    role.append(new Option("a specialist", "specialist"), new Option("somebody who reads a language", "language"));
    of.append("Whom ", role);
    const choose = () => (reads.hidden = reads.lastChild.disabled = role.value === "specialist");
    role.addEventListener("change", choose);
    choose();
    return [of, reads];
  }
  const copy = (name) => $("#" + name, main).content.cloneNode(true);
  $("form", dialog).addEventListener("submit", async (e) => {
    if (e.submitter?.value !== "yes") return;
    e.preventDefault();
    await during(async () => {
      try {
        const o = { ...todo.order, note: $("#deed-text", dialog).value };
        for (const i of all("#deed-more input, #deed-more select", dialog)) {
          if (i.name === "hours") o.until = time(Math.round(deskNow() / 1e6 + Number(i.value) * 3600) * 1e6);
          else if (i.name === "days") o.until = time(Math.round(deskNow() / 1e6 + Number(i.value) * 86400) * 1e6);
          else if (i.name === "role" && i.value === "specialist") { o.role = i.value; break; }
          else if (i.name === "reports") i.checked && (o.reports = [...(o.reports ?? []), i.value].sort());
          else if (i.type === "checkbox") o[i.name] = i.checked;
          else o[i.name] = i.value;
        }
        const text = order(o);
        const s = await mine();
        const d = await deed({ what: todo.what, of: id, version: shown.version }, text, bySessionKey(s), s);
        const out = await api("POST", "cases/" + id + "/deeds", { ...(todo.what === "case.note" ? {} : { claim }), deed: d, text });
        texts.delete(todo.what);
        dialog.close();
        await keep();
        if (out.state === "claimed" && out.holder === s.worker) return fresh();
        if (todo.what === "case.note") return fresh();
        form.dataset.done = "yes";
        toast("The case " + id + " is " + out.state + (out.queue ? ", in the queue " + out.queue : "") + ".");
        await onward();
      } catch (e) {
        $("#deed-error", dialog).textContent = told(e);
      }
    });
  });

  // onward shows the next case after this one has left the hands.
  async function onward() {
    try {
      await showNext();
    } catch (e) {
      toast(told(e));
      if (form.isConnected) await go("/work");
    }
  }

  const does = {
    none: () => decide("no-violation"),
    duplicate: () => decide("duplicate"),
    "not-for-us": () => decide("not-for-us"),
    escalate: () => ask("case.escalate", "Escalate to a lead", "What is the lead to decide?", { role: "lead" }),
    ask: () => ask("case.ask", "Ask somebody", "Question", {}, { more: whom() }),
    snooze: () => ask("case.snooze", "Let it wait", "Why?", {}, { more: [field("hours", "for hours", "number", 2)] }),
    skip: () => ask("case.skip", "Skip it", "Why, if you like to say", {}, { text: false }),
    merge: () => ask("case.merge", "Merge into an older case", "Why?", {}, { text: false, more: [field("into", "Identifier of the older case", "text")] }),
    note: () => ask("case.note", "Note", "Note", {}, { more: [field("public", "It may be told to people outside", "checkbox")] }),
    language: () => ask("case.language", "Correct the language", "Why, if you like to say", {}, { text: false, more: [field("language", "The language of the content, such as pt", "text", shown.language)] }),
    split: () => ask("case.split", "Split reports off", "Why, if you like to say", {}, { text: false, more: [copy("split-reports")] }),
    refer: () => ask("case.refer", "Refer outside", "What was said, if you like to say", {}, { text: false, more: [copy("refer-to")] }),
    extend: async (quiet) => {
      try {
        const c = await api("POST", "cases/" + id + "/extend", { claim });
        $("#holder time", main).setAttribute("datetime", c.until);
        if (!quiet) toast("The case is yours for longer.");
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
    reserve();
    if (mine.length === 1) {
      mine[0].checked = !mine[0].checked;
      changed();
    }
    mine[0]?.focus();
  };
  const digits = Object.fromEntries(radios.filter((r) => r.dataset.key).map((r) => [r.dataset.key, { does: "Rule " + r.value, run: () => { reserve(); choose(r.value); } }]));
  keysOf({
    ...everyone,
    a: { does: "No violation, and next", run: does.none },
    ...digits,
    0: { does: "All rules", run: allRules },
    t: { does: "Take it down", run: () => toggle("t") },
    l: { does: "Label it", run: () => toggle("l") },
    u: { does: "Correct the language", run: does.language },
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
    Escape: { does: "Leave a field; discards nothing", run: () => { document.activeElement?.blur(); $(".rail", main).classList.remove("open"); } },
  });
  function allRules() {
    $("#all-rules", form).open = true;
    ($("#all-rules input", form) ?? radios[0])?.focus();
  }

  // The claim goes on while its holder is active, not while a tab is open: it is extended a minute
  // before its end if a key or a pointer was used since, and otherwise its end is told.
  let active = true, warned = false;
  const touch = () => (active = true);
  for (const e of ["keydown", "pointerdown", "wheel"]) addEventListener(e, touch, { passive: true });
  const lease = setInterval(() => {
    const left = Date.parse($("#holder time", main)?.dateTime) - deskNow() / 1000;
    if (left > 60000) return (warned = false);
    if (box.classList.contains("gone")) return;
    if (left < 0) return grey("Your claim is over. What you typed is kept.");
    if (active || playing()) {
      active = false;
      does.extend(true);
    } else if (!warned) {
      warned = true;
      toast("Your claim ends in a minute. Press + to go on.", { name: "More time", run: () => does.extend(), for: 60000 });
    }
  }, 1000);
  onLeave(() => {
    clearInterval(lease);
    for (const e of ["keydown", "pointerdown", "wheel"]) removeEventListener(e, touch);
  });

  // --- pictures

  const unveil = veils(main, id, () => $("#look", main).value, (digest) => {
    opened.add(digest);
    ready = undefined;
  });

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

// --- handing a decision in, and taking it back

// handIn sends a signed decision while the next case is shown. If the desk refuses it, the person is
// led back to the case, where all that was typed stands.
function handIn(id, body) {
  const sent = { case: id, until: Date.now() + 15000, requests: body.measures.map((m) => m.signed.statement.request), measures: body.measures };
  last = sent;
  sent.made = api("POST", "cases/" + id + "/decisions", body);
  sent.made.then(
    (made) => {
      sent.until = Date.now() + 15000;
      if (made.proposed) {
        last = undefined;
        toast("A first verdict on " + id + ". The case is of the highest severity: a second person judges it.");
      } else if (last === sent) countdown();
    },
    (e) => {
      if (last === sent) last = undefined;
      toast("The decision on " + id + " was not taken: " + told(e), { name: "Show the case", run: () => go("/cases/" + id), for: 60000 });
    },
  );
}

let counting;
// countdown shows for how long the last decision can be taken back, on whatever page follows.
function countdown() {
  clearInterval(counting);
  const bar = document.createElement("div"), words = document.createElement("span"), b = document.createElement("button");
  bar.id = "takeback";
  bar.setAttribute("role", "status");
  b.type = "button";
  b.textContent = "Take back";
  b.addEventListener("click", () => takeBack());
  bar.append(words, " ", b);
  $("#takeback")?.remove();
  document.body.append(bar);
  const show = () => {
    const left = Math.ceil((last?.until - Date.now()) / 1000);
    if (left > 0) return (words.textContent = "Decided " + last.case + ". z takes it back: " + left + " s");
    clearInterval(counting);
    last = undefined;
    bar.remove();
  };
  show();
  counting = setInterval(show, 500);
}

// takeBack takes back a decision {id, case, until, requests}, or the last one of this tab.
export async function takeBack(decision) {
  const sent = decision?.id ? { ...decision, made: Promise.resolve(decision) } : last;
  if (!sent || Date.now() > sent.until) return toast("There is no decision of yours to take back.");
  await during(async () => {
    let taken;
    try {
      taken = await sent.made;
    } catch {
      return; // handIn says why
    }
    try {
      const back = await withdrawn({ id: taken.id, requests: sent.requests, measures: sent.measures }, sent.until);
      last = undefined;
      clearInterval(counting);
      $("#takeback")?.remove();
      toast("Taken back: " + back.case.id + " is yours again.");
      await go("/cases/" + back.case.id);
    } catch (e) {
      toast(told(e));
    }
  });
}

// withdrawn signs all that takes a decision back. While a measure is on its way to the platform
// nothing can be taken back yet: it is tried again until the time is over.
async function withdrawn(taken, until) {
  for (;;) {
    try {
      const s = await mine();
      const who = bySessionKey(s);
      const d = await api("POST", "decisions/" + taken.id + "/drafts", { key: s.key, session: s.digest });
      await checkTaken(d, taken, who);
      const text = order({});
      const body = { deed: await deed(d.deed, text, who, s), text, undos: [], withdrawals: {} };
      for (const u of d.undos) body.undos.push({ action: u.action, signed: await signed(u.statement, who) });
      for (const [request, version] of Object.entries(d.withdraw ?? {})) {
        body.withdrawals[request] = { version, deed: await deed({ what: "request.withdraw", of: request, version }, "", who, s) };
      }
      return await api("POST", "decisions/" + taken.id + "/withdrawal", body);
    } catch (e) {
      if (typeOf(e) !== "under-way" || Date.now() > until) throw e;
      await new Promise((done) => setTimeout(done, 200));
    }
  }
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
// key is held. A key that is let go before the picture has come shows nothing. reason says why the
// person looks; opened hears which pictures were opened.
export function veils(main, id, reason, opened = () => {}) {
  const lifted = new Map();
  async function unveil(held) {
    const at = document.activeElement?.closest?.("[data-picture]") ?? $("[data-picture]", main);
    if (!at) return toast("There is no picture here.");
    if (lifted.has(at)) return veil(at);
    let wanted = true;
    if (held && preferred().veil !== "press") {
      const drop = () => {
        wanted = false;
        veil(at);
        removeEventListener("keyup", drop);
        removeEventListener("blur", drop);
      };
      addEventListener("keyup", drop);
      addEventListener("blur", drop);
    }
    try {
      const why = typeof reason === "string" ? reason : reason();
      const r = await fetch("/api/v1/evidence/pictures/" + at.dataset.picture + "?case=" + id + "&reason=" + encodeURIComponent(why), { credentials: "same-origin" });
      if (!r.ok) throw Object.assign(new Error("The desk does not show it."), { problem: await r.json() });
      const bytes = await r.blob();
      opened(at.dataset.picture);
      if (!wanted || !at.isConnected || lifted.has(at)) return;
      const img = document.createElement("img");
      img.alt = at.dataset.alt || "Picture without a description";
      img.src = URL.createObjectURL(bytes);
      lifted.set(at, [...at.childNodes]);
      at.replaceChildren(img);
    } catch (e) {
      toast(told(e));
    }
  }
  function veil(at) {
    if (!lifted.has(at)) return;
    URL.revokeObjectURL(at.firstChild.src);
    at.replaceChildren(...lifted.get(at));
    lifted.delete(at);
  }
  onLeave(() => [...lifted.keys()].forEach(veil));
  for (const b of all("[data-picture]", main)) b.addEventListener("click", () => { b.focus(); unveil(false); });
  return unveil;
}
