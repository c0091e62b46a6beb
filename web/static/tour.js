// The demo's tour: six steps in a bar at the bottom of the pages, and the picker of people. Nothing
// of it is at a real desk.
import { begin, bySession, certify, kept, newOwnKey, setClock } from "./keys.js";
import { api, mine, stopWatching, told } from "./shell.js";
import { byOwnKey, checkStatement, signed } from "./sign.js";

const root = document.documentElement;
const bar = document.getElementById("tour");
const steps = [...bar.querySelectorAll(".step")];
const names = steps.map((s) => s.dataset.step);
// state is what the browser keeps of the tour: {at, done, cases, left, root}.
let state = JSON.parse(localStorage.getItem("tour") ?? "{}");
// The root hash is that of the start. Under another one, another demo runs, and the tour begins anew.
if (state.root !== bar.dataset.root) state = { at: names[0], done: [], cases: 0, root: bar.dataset.root };
const save = () => localStorage.setItem("tour", JSON.stringify(state));

// be ends the session of this browser, has a new key enrolled for somebody, and signs in with it.
async function be(worker, to) {
  stopWatching();
  const old = root.dataset.session && (await kept());
  if (old?.token === root.dataset.session && old) await api("DELETE", "tokens/" + old.token);
  const own = await newOwnKey(worker, bar.dataset.enrol);
  await post("/demo/enrol", own.enrolment);
  const b = await begin(worker);
  setClock(b.now);
  await certify(b, { key: own.key, credential: "", own: own.pair }, (c) => bySession(own, c));
  localStorage.setItem("worker", worker);
  location.assign(to);
}

async function post(path, body) {
  const r = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin" });
  const answer = await r.json();
  if (!r.ok) throw Object.assign(new Error(answer.detail ?? answer.title), { problem: answer, status: r.status });
  return answer;
}

// at says for some steps whether the page is the one that they are about.
const at = {
  countersign: () => /^\/(countersign|requests)\/./.test(location.pathname),
  investigator: () => /^\/incidents\/./.test(location.pathname),
  auditor: () => location.pathname.startsWith("/demo/verify/"),
};

const current = () => steps[names.indexOf(state.at)];
const out = () => current().querySelector("output");

function show() {
  if (came && came.step !== state.at) came = came.part.remove();
  bar.hidden = false;
  bar.classList.toggle("left", !!state.left);
  for (const s of steps) s.hidden = s !== current() || !!state.left;
  for (const b of bar.querySelectorAll("[data-go]")) {
    b.toggleAttribute("aria-current", b.dataset.go === state.at);
    b.classList.toggle("done", state.done.includes(b.dataset.go));
  }
  const done = state.done.includes(state.at);
  bar.dataset.at = state.at;
  bar.dataset.done = done ? "yes" : "";
  const next = bar.querySelector("[data-next]");
  next.hidden = !done || state.left || state.at === names.at(-1);
  bar.querySelector("[data-leave]").textContent = state.left ? "Take up the tour" : "Leave";
  const me = root.dataset.worker;
  const be = current().querySelector("[data-be]");
  if (be) {
    // Whoever is the step's person already is not asked to become it; a way to its page stays.
    const am = be.dataset.be === me, there = !state.at.match(/^(countersign|investigator|auditor)$/) || at[state.at]();
    be.dataset.name ??= be.textContent;
    be.hidden = am && there && !(done && be.dataset.again);
    be.textContent = am ? (done && be.dataset.again) || "To its page" : be.dataset.name;
  }
  for (const b of current().querySelectorAll("[data-act]")) b.hidden = !me || (be && be.dataset.be !== me) || (state.at === "investigator" && (done || !at.investigator()));
  if (state.at === "agent" && !done) out().textContent = state.cases ? state.cases + " of 3" : "";
}

function done(step, text) {
  if (state.at !== step) return;
  if (!state.done.includes(step)) state.done.push(step);
  save();
  show();
  out().textContent = text;
}

// What the pages hand in tells how far somebody is.
document.addEventListener("desk", ({ detail: { method, path, ok } }) => {
  if (method !== "POST" || !ok) return;
  if (state.at === "agent" && /^\/api\/v1\/cases\/[^/]+\/decisions$/.test(path)) {
    state.cases++;
    save();
    show();
    if (state.cases >= 3) done("agent", "Three decided, each signed by you.");
  }
  if (state.at === "countersign" && /^\/api\/v1\/requests\/[^/]+\/countersignatures$/.test(path)) done("countersign", "Signed. It is carried out now, with three names on it.");
  if (state.at === "countersign" && /^\/api\/v1\/requests\/[^/]+\/declines$/.test(path)) done("countersign", "You declined, and that ends it too, with your name and your reason: the account stays up.");
});

let shownAt;
let came; // what came of a step, while it is shown: {step, part}
// outcome puts what came of a step above the page's content, in the words of a template. It is no part
// of that content, which goes whenever the page reads itself anew, or when a page arrives that was
// asked for before. It stays until the next step.
function outcome(name, words) {
  const part = document.getElementById(name).content.cloneNode(true).firstElementChild;
  for (const [of, text] of Object.entries(words)) for (const e of part.querySelectorAll("[data-" + of + "]")) e.textContent = text;
  part.ariaLabel = part.querySelector("h1").textContent;
  came?.part.remove();
  came = { step: state.at, part };
  document.getElementById("main").before(part);
  scrollTo(0, 0);
}

// arrived notices pages that a step asks to be read.
function arrived() {
  if (state.at === "auditor" && document.getElementById("main")?.dataset.verified) done("auditor", "You have seen it all: no one takes an account down alone.");
  if (shownAt !== location.pathname) {
    shownAt = location.pathname;
    show();
  }
}
document.addEventListener("verified", arrived);
new MutationObserver(arrived).observe(document.body, { childList: true });

const acts = {
  async contractor() {
    const who = byOwnKey(await mine());
    try {
      const d = await api("POST", "drafts", { key: who.key, kind: "account.takedown", reason: "goodbye", subject: "plaza:" + bar.dataset.president });
      await checkStatement(d.action, d.statement, { request: d.statement.request, verdict: "request", who, most: 48 * 3600 });
      await api("POST", "requests", { action: d.action, signed: await signed(d.statement, who) });
    } catch (e) {
      if (e.status !== 403) throw e;
      outcome("tour-refused", { why: "Refused. " + told(e) });
      return done("contractor", "Refused: the page says why.");
    }
    out().textContent = "The desk took it.";
  },
  async insider() {
    out().textContent = "Taking it down …";
    const r = await api("POST", "/demo/around", {});
    state.incident = r.incident;
    outcome("tour-back", { ms: r.back_ms + " ms" });
    done("insider", "Back by itself: nobody had signed for it.");
  },
  async investigator() {
    done("investigator", "Around the desk, with plaza's own credential.");
  },
};

// to is where a step begins, once what it needs is there.
async function to(step) {
  const prop = await (root.dataset.session ? api("POST", "/demo/step", { step: step.dataset.step }) : post("/demo/step", { step: step.dataset.step }));
  switch (step.dataset.step) {
    case "investigator":
      return "/incidents/" + prop.incident;
    case "auditor":
      return "/demo/verify/" + prop.request;
    case "countersign":
      return "/countersign/" + prop.request;
  }
  return step.dataset.to;
}

let busy = false;
async function once(button, f) {
  if (busy) return;
  busy = button.disabled = true;
  bar.setAttribute("aria-busy", "true");
  try {
    await f();
  } catch (e) {
    (document.getElementById("picker-error") ?? out()).textContent = told(e);
  } finally {
    busy = button.disabled = false;
    bar.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", (e) => {
  const b = e.target.closest?.("button");
  if (!b) return;
  if (b.dataset.pick) return once(b, () => be(b.dataset.pick, b.closest("[data-to]").dataset.to));
  if (b.dataset.be && !bar.contains(b)) return once(b, () => be(b.dataset.be, "/work"));
  if (!bar.contains(b)) return;
  if (b.dataset.be) return once(b, async () => {
    const there = await to(current());
    return b.dataset.be === root.dataset.worker ? location.assign(there) : be(b.dataset.be, there);
  });
  if ("act" in b.dataset) return once(b, acts[state.at]);
  if ("leave" in b.dataset) state.left = !state.left;
  if ("next" in b.dataset) state.at = names[names.indexOf(state.at) + 1];
  if (b.dataset.go) Object.assign(state, { at: b.dataset.go, left: false });
  out().textContent = "";
  save();
  show();
});

// A bar takes room at the bottom of every page; the pill that it folds to takes none.
const room = () => root.style.setProperty("--tour", (state.left ? 0 : bar.offsetHeight) + "px");
new ResizeObserver(room).observe(bar);

save();
show();
arrived();
