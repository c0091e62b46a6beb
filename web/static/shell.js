// What every page has: moving between pages by fragments, the palette, keys, the lock, the renewal
// of the session, and what other tabs and the desk tell.
import { begin, byPasskey, bySession, certify, deskNow, forget, kept, proofHeader, prove, setClock } from "./keys.js";
import { micro } from "./canonical.js";

const root = document.documentElement;
const $ = (id) => document.getElementById(id);
const signedIn = () => !!root.dataset.session;
setClock(root.dataset.now);

// The one place where text becomes markup: what the desk's own pages sent.
const fragments = window.trustedTypes?.createPolicy("countersign", { createHTML: (text) => text }) ?? { createHTML: (text) => text };

// --- words

// told says what went wrong, for a person.
export function told(e) {
  if (e.problem) return e.problem.detail || e.problem.title;
  if (e.name === "NotAllowedError") return "The key was not touched, or the browser did not find it. Nothing was signed.";
  if (e instanceof TypeError && /fetch|network/i.test(e.message)) return "The desk does not answer. Nothing is lost: try again.";
  return e.message;
}

let toasting;
export function toast(text, action) {
  const t = $("toast");
  t.replaceChildren(text);
  if (action) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = action.name;
    b.addEventListener("click", action.run);
    t.append(" ", b);
  }
  clearTimeout(toasting);
  toasting = setTimeout(() => t.replaceChildren(), action?.for ?? 8000);
}

// --- asking the desk

// mine returns the session of this page; other pages' sessions write nothing here.
export async function mine() {
  const s = await kept();
  if (!s || s.token !== root.dataset.session) {
    throw Object.assign(new Error("This page belongs to a session that has ended here. Load the page again, and sign in."), { over: true });
  }
  return s;
}

// api calls the desk. Each write is signed with the session's key. target is a path of the REST API
// without its beginning, such as "cases/next", or a whole path with its slash.
export async function api(method, target, body, { whole = false } = {}) {
  const path = target.startsWith("/") ? target : "/api/v1/" + target;
  const headers = { Accept: "application/json" };
  let text;
  if (method !== "GET") {
    text = body === undefined ? "" : JSON.stringify(body);
    if (text) headers["Content-Type"] = "application/json";
    headers[proofHeader] = await prove(await mine(), method, path, text);
  }
  const r = await fetch(path, { method, headers, body: text || undefined, credentials: "same-origin" });
  document.dispatchEvent(new CustomEvent("desk", { detail: { method, path, ok: r.ok } }));
  if (r.status === 204) return undefined;
  if (whole && r.ok) return r;
  const answer = r.headers.get("Content-Type")?.includes("json") ? await r.json() : undefined;
  if (!r.ok) throw Object.assign(new Error(answer?.detail ?? "The desk answered " + r.status), { problem: answer, status: r.status });
  return answer;
}

// typeOf is the last part of a problem's type, such as case-moved.
export const typeOf = (e) => e.problem?.type?.split("/").pop() ?? "";

// --- moving between pages

let going = 0, moving = 0;
const leaving = new Set();
const begun = new Map(); // a page's module and what it does at each showing

// onLeave runs once when this page's content goes.
export const onLeave = (f) => leaving.add(f);

// page registers what a page's module does when its content is shown. It runs now as well.
export function page(name, show) {
  begun.set(name, show);
  if ($("main").dataset.script === name) {
    show($("main"));
    root.dataset.ready = name;
  }
}

// go shows another page without loading the frame again.
export async function go(url, { replace = false, keep = false, fetched } = {}) {
  const turn = ++going;
  if (!keep) moving++;
  root.setAttribute("aria-busy", "true");
  try {
    const r = fetched ?? (await fetch(url, { headers: { "Countersign-Fragment": "1" }, credentials: "same-origin" }));
    if (r.status === 401) return signedOut();
    const text = await r.text();
    if (turn !== going) return;
    if (!r.headers.get("Content-Type")?.startsWith("text/html")) return location.assign(url);
    const script = r.headers.get("Countersign-Script");
    await show(text, decodeURIComponent(r.headers.get("Countersign-Title") ?? ""), script);
    if (!keep) history[replace ? "replaceState" : "pushState"]({}, "", url);
    mark();
  } catch (e) {
    toast(told(e));
  } finally {
    if (!keep) moving--;
    if (turn === going) root.removeAttribute("aria-busy");
    if (moving === turn) moving = 0;
    again();
  }
}

// fresh reads this page again and puts it in the place of what is shown. News of a page that is
// being left do not stop the next one.
export const fresh = () => (moving ? undefined : go(location.pathname + location.search, { keep: true }));

async function show(text, title, script) {
  for (const f of leaving) f();
  leaving.clear();
  stopWatching();
  delete root.dataset.ready;
  if (script) await import("./" + script + ".js");
  const box = document.createElement("template");
  box.innerHTML = fragments.createHTML(text);
  const put = () => {
    $("main").replaceWith(box.content.querySelector("main"));
    document.title = (title || $("main").dataset.title) + " · Countersign";
    $("main").focus({ preventScroll: true });
    scrollTo(0, 0);
    dress();
  };
  put();
  if (script) begun.get(script)?.($("main"));
  root.dataset.ready = script ?? "shell";
}

// put shows a part of a page that the desk sent.
export function put(at, text) {
  const box = document.createElement("template");
  box.innerHTML = fragments.createHTML(text);
  at.replaceChildren(...(box.content.querySelector("main") ?? box.content).childNodes);
  dress();
}

function mark() {
  for (const a of document.querySelectorAll(".top nav a")) {
    a.getAttribute("href") === $("main").dataset.here ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current");
  }
}

document.addEventListener("click", (e) => {
  const a = e.target.closest?.("a[href]");
  if (!a || e.defaultPrevented || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey || a.target || a.hasAttribute("download")) return;
  const to = new URL(a.href);
  if (to.origin !== location.origin || to.pathname.startsWith("/api/") || to.pathname.startsWith("/ledger/") || to.hash || !signedIn()) return;
  e.preventDefault();
  go(to.pathname + to.search);
});
addEventListener("popstate", () => signedIn() && go(location.pathname + location.search, { keep: true }));
addEventListener("pageshow", (e) => e.persisted && location.reload());

// --- times

const spans = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
export function span(seconds) {
  const n = Math.abs(seconds);
  const [size, name] = spans.find(([s]) => n >= s) ?? spans[3];
  return Math.floor(n / size) + " " + name;
}
let exact = false;

// dress writes times as spans from now, or exactly after a press of "."; data-until counts down.
function dress() {
  for (const t of document.querySelectorAll("time[datetime]:not(#incident time)")) {
    const at = Date.parse(t.dateTime);
    const s = (at - deskNow() / 1000) / 1000;
    t.title ||= t.textContent;
    t.textContent = exact ? new Date(at).toLocaleString(preferences.language || undefined, preferences.zone ? { timeZone: preferences.zone } : {}) : s < 0 ? span(s) + " ago" : "in " + span(s);
    if (t.dataset.warn) t.classList.toggle("late", s < Number(t.dataset.warn));
  }
}
setInterval(() => document.hidden || dress(), 1000);

// --- keys

let pageKeys = new Map();
let busy = false;
let chord = "";
const everywhere = new Map([
  ["Control+k", { does: "Go to a page, a case, a request or a handle", run: () => openPalette() }],
  ["/", { does: "The same", run: () => openPalette() }],
  [".", { does: "Exact times, or spans", run: () => { exact = !exact; dress(); } }],
  ["?", { does: "These keys", run: () => openKeys() }],
  ["g m", { does: "My work", run: () => go("/work") }],
  ["g q", { does: "Queues", run: () => go("/queues") }],
  ["g c", { does: "Countersign", run: () => go("/countersign") }],
  ["g r", { does: "Requests", run: () => go("/requests") }],
  ["g s", { does: "Settings", run: () => go("/settings") }],
]);

// keysOf sets the keys of the page that is shown: {"a": {does, run}}. They go with the page.
export function keysOf(all) {
  pageKeys = new Map(Object.entries(all));
  onLeave(() => (pageKeys = new Map()));
}

// How the person likes the pages: {keys_off, keys (the pressed key, by the usual one; an empty one is
// switched off), veil, colour, language, zone}. The desk keeps it.
let preferences = JSON.parse(root.dataset.prefers || "{}");
export function prefer(p) {
  preferences = p;
  root.classList.toggle("colour", !!p.colour);
}
export const preferred = () => preferences;
prefer(preferences);

// everyKey lists all single keys of the desk with their words.
export const everyKey = () => [...everywhere, ...caseKeys].filter(([k, does]) => k.length === 1 && (does.does ?? does)).map(([k, does]) => [k, does.does ?? does]);
const caseKeys = [["a", "No violation"], ["t", "Take down"], ["l", "Label"], ["x", "Other measures"], ["e", "Escalate"], ["w", "Ask"], ["m", "Merge"], ["h", "Snooze"], ["s", "Skip"], ["n", "Note"], ["z", "Take back"], ["b", "Veil"], ["j", "Next row"], ["k", "Row before"]];

const field = (t) => t?.closest?.("input, textarea, select, [contenteditable]");

// while runs one thing at a time: a key that comes meanwhile does nothing.
export async function during(f) {
  if (busy) return;
  busy = true;
  root.setAttribute("aria-busy", "true");
  try {
    return await f();
  } finally {
    busy = false;
    root.removeAttribute("aria-busy");
    again();
  }
}

function named(e) {
  if (e.getModifierState?.("AltGraph") || e.altKey || e.metaKey) return "";
  let k = e.key.length === 1 && !e.ctrlKey ? e.key : e.key.length === 1 ? e.key.toLowerCase() : e.key;
  return (e.ctrlKey ? "Control+" : "") + k;
}

addEventListener("keydown", (e) => {
  if (e.isComposing || e.keyCode === 229 || e.repeat || e.defaultPrevented || !signedIn()) return;
  if (document.querySelector("dialog[open]")) return;
  let k = named(e);
  if (!k) return;
  const special = k.startsWith("Control+");
  if (field(e.target) && !special && k !== "Escape") return;
  if (e.target.closest?.("button, a, summary") && k === "Enter") return;
  for (const [usual, mine] of Object.entries(preferences.keys ?? {})) {
    if (mine === k) k = usual;
    else if (usual === k) return;
  }
  if (preferences.keys_off && k.length === 1) return;
  if (chord) k = chord + " " + k;
  chord = "";
  const todo = pageKeys.get(k) ?? everywhere.get(k);
  if (!todo) {
    if (k === "g" && !main().dataset.quiet) {
      chord = "g";
      setTimeout(() => (chord = ""), 1500);
    }
    return;
  }
  // A page on which nothing may be pressed by mistake says so.
  if (main().dataset.quiet && !pageKeys.has(k) && !["?", "."].includes(k)) return;
  e.preventDefault();
  if (busy) return;
  todo.run(e);
});
const main = () => $("main");

function openKeys() {
  const list = $("keys-list");
  list.replaceChildren();
  for (const [k, { does }] of [...pageKeys, ...everywhere]) {
    if (!does) continue;
    const dt = document.createElement("dt");
    const kbd = document.createElement("kbd");
    kbd.textContent = preferences.keys?.[k] ?? k;
    dt.append(kbd);
    const dd = document.createElement("dd");
    dd.textContent = does;
    list.append(dt, dd);
  }
  $("keys").showModal();
}

// --- the palette

const places = [["My work", "/work"], ["Queues", "/queues"], ["Countersign", "/countersign"], ["Requests", "/requests"], ["Settings", "/settings"]];

function found(text) {
  const t = text.trim();
  const all = places.filter(([n]) => n.toLowerCase().includes(t.toLowerCase()));
  if (/^(case|cas)_/.test(t)) all.unshift(["Case " + t, "/cases/" + encodeURIComponent(t)]);
  if (/^req_/.test(t)) all.unshift(["Request " + t, "/requests/" + encodeURIComponent(t)]);
  if (/^[a-z0-9-]+:.+/.test(t) || t.startsWith("@")) all.unshift(["What the desk has on " + t, "/find?q=" + encodeURIComponent(t)]);
  return all;
}

function openPalette() {
  const input = $("palette-field");
  input.value = "";
  listPlaces();
  $("palette").showModal();
  input.focus();
}
let picked = 0;
function listPlaces() {
  const list = $("palette-list");
  list.replaceChildren(
    ...found($("palette-field").value).map(([name, url], i) => {
      const li = document.createElement("li");
      const a = document.createElement("a");
      a.href = url;
      a.textContent = name;
      if (i === picked) a.setAttribute("aria-current", "true");
      a.addEventListener("click", () => $("palette").close());
      li.append(a);
      return li;
    }),
  );
}
$("palette-field")?.addEventListener("input", () => { picked = 0; listPlaces(); });
$("palette-field")?.addEventListener("keydown", (e) => {
  const n = $("palette-list").children.length;
  if (e.key === "ArrowDown" || e.key === "ArrowUp") {
    e.preventDefault();
    picked = (picked + (e.key === "ArrowDown" ? 1 : n - 1)) % Math.max(n, 1);
    listPlaces();
  } else if (e.key === "Enter" && !e.isComposing) {
    e.preventDefault();
    const a = $("palette-list").children[picked]?.firstChild;
    if (a) {
      $("palette").close();
      go(new URL(a.href).pathname + new URL(a.href).search);
    }
  }
});
$("palette-open")?.addEventListener("click", openPalette);

// --- what the desk tells

let stream, watched, heard;

// watch has the desk tell what changes: {case, request, queue, list}. changed is called with
// {sort, id, version} (of several of one sort a list of pairs), and with {sort: "again"} when something may have been missed. A stream that
// breaks comes back by itself and is told what it missed.
export function watch(what, changed) {
  stopWatching();
  watched = new URLSearchParams(what).toString();
  heard = changed;
  if (!document.hidden) listen();
}
function listen() {
  if (!watched || stream) return;
  // What changed after the desk read what this page shows is told as well.
  stream = new EventSource("/live?" + watched + "&after=" + encodeURIComponent($("main").dataset.moment ?? ""));
  stream.addEventListener("change", (e) => heard?.(JSON.parse(e.data)));
  stream.addEventListener("again", () => heard?.({ sort: "again" }));
  stream.addEventListener("over", () => signedOut("Your session has ended. What you typed is kept at the desk."));
}
export function stopWatching() {
  stream?.close();
  stream = watched = heard = undefined;
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream?.close();
    stream = undefined;
  } else if (watched) {
    listen();
    heard?.({ sort: "again" });
  }
});

// --- the session: its end, its renewal, the lock

const tabs = new BroadcastChannel("countersign");
tabs.onmessage = ({ data }) => {
  if (data.out) signedOut();
  if (data.from === root.dataset.session && data.token) Object.assign(root.dataset, { session: data.token, expires: data.expires });
  if (data.worker && root.dataset.worker && data.worker !== root.dataset.worker) signedOut();
  if (data.active) active = Math.max(active, data.active);
};
if (signedIn()) tabs.postMessage({ worker: root.dataset.worker });

// beforeOut are the things to keep before a page goes because its session is over.
const beforeOut = new Set();
export const onOut = (f) => beforeOut.add(f);

function signedOut(why) {
  for (const f of beforeOut) f();
  if (why) sessionStorage.setItem("why", why);
  document.body.replaceChildren();
  location.replace("/signin?to=" + encodeURIComponent(location.pathname + location.search));
}

$("sign-out")?.addEventListener("click", async () => {
  try {
    await api("POST", "/signout", {});
  } catch (e) {
    if (!e.over && e.status !== 401) return toast(told(e));
  }
  await forget();
  tabs.postMessage({ out: true });
  document.body.replaceChildren();
  location.replace("/signin");
});

let active = Date.now();
let told1;
const touched = () => {
  if (Date.now() - active > 5000) tabs.postMessage({ active: Date.now() });
  active = Date.now();
};
for (const e of ["keydown", "pointerdown", "wheel", "touchstart"]) addEventListener(e, touched, { passive: true, capture: true });

export const playing = () => [...document.querySelectorAll("video, audio")].some((m) => !m.paused && !m.ended);

setInterval(() => {
  if (!signedIn()) return;
  if (playing()) touched();
  if (Date.now() - active > Number(root.dataset.idle) * 1000) lock();
  const left = micro(root.dataset.expires) - deskNow();
  if (left < 0) signedOut("Your session is over. Sign in again; what you typed is kept at the desk.");
  else if (left < 30 * 60e6 && told1 !== root.dataset.session) {
    told1 = root.dataset.session;
    toast("Your session ends in " + span(left / 1e6) + ".", { name: "Go on with one touch", run: renew, for: 30 * 60e3 });
  }
}, 1000);

// renew has the person's key certify a new session. The claims stay.
export async function renew() {
  try {
    const old = await mine();
    const b = await begin(old.worker);
    const chosen = b.keys.find((k) => k.key === old.key) ?? b.keys[0];
    const s = await certify(b, old.own ? { key: old.key, credential: "", own: old.own } : chosen, old.own ? (c) => bySession({ pair: old.own }, c) : async (c) => (await byPasskey(c, [chosen.credential], b.site)).signature, old);
    tabs.postMessage({ from: old.token, token: s.token, expires: s.expires });
    Object.assign(root.dataset, { session: s.token, expires: s.expires });
    toast("Your session goes on until " + new Date(Date.parse(s.expires)).toLocaleTimeString() + ".");
  } catch (e) {
    toast(told(e));
  }
}

export function lock() {
  if ($("lock").open) return;
  for (const f of beforeOut) f();
  document.querySelector("dialog[open]")?.close();
  document.body.classList.add("locked");
  $("lock").showModal();
}
$("lock")?.addEventListener("cancel", (e) => e.preventDefault());
$("lock-open")?.addEventListener("click", async () => {
  try {
    const s = await mine();
    if (s.credential) await byPasskey(crypto.getRandomValues(new Uint8Array(32)), [s.credential], s.site);
    touched();
    document.body.classList.remove("locked");
    $("lock").close();
  } catch (e) {
    if (e.over) return signedOut();
    $("lock-error").textContent = told(e);
  }
});

dress();
if (!$("main").dataset.script) root.dataset.ready = "shell";
