// What every page has: moving between pages by fragments, the palette, keys, the lock, the renewal
// of the session, and what other tabs and the desk tell.
import { begin, byPasskey, bySession, certify, deskNow, forget, kept, proofHeader, prove, setClock, settled } from "./keys.js";
import { micro } from "./canonical.js";

const root = document.documentElement;
const $ = (id) => document.getElementById(id);
// The page of the sign-in is nobody's, also while the browser has a session.
const signedIn = () => !!root.dataset.session && !$("signin");
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
  await belongs();
  return kept();
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
  if (!r.ok) {
    const e = Object.assign(new Error(answer?.detail ?? "The desk answered " + r.status), { problem: answer, status: r.status });
    if (r.status === 401 || typeOf(e) === "other-session") {
      e.over = true;
      await settled();
      await belongs();
      if (r.status === 401) signedOut(told(e) + " " + typedKept);
    }
    throw e;
  }
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
    putBack();
  }
}

// go shows another page without loading the frame again.
export async function go(url, { replace = false, keep = false, fetched } = {}) {
  const turn = ++going;
  if (!keep) moving = turn;
  root.setAttribute("aria-busy", "true");
  try {
    const r = fetched ?? (await fetch(url, { headers: { "Countersign-Fragment": "1" }, credentials: "same-origin" }));
    if (r.status === 401) return signedOut("You are signed out, or your session is over. " + typedKept);
    const text = await r.text();
    if (turn !== going) return;
    if (!r.headers.get("Content-Type")?.startsWith("text/html")) return location.assign(url);
    const script = r.headers.get("Countersign-Script");
    await show(text, decodeURIComponent(r.headers.get("Countersign-Title") ?? ""), script);
    if (!keep) history[replace ? "replaceState" : "pushState"]({}, "", url);
    mark();
  } catch (e) {
    // The scripts of a newer desk lie elsewhere: the page is loaded whole.
    if (e.module) return location.assign(url);
    toast(told(e));
  } finally {
    if (turn === going) root.removeAttribute("aria-busy");
    if (moving === turn) moving = 0;
    afterwards();
  }
}

// fresh reads this page again and puts it in the place of what is shown. While somebody does
// something, or is on the way to another page, it waits: it must not bring them back.
export function fresh() {
  if (busy || moving) stale = $("main");
  else return go(location.pathname + location.search, { keep: true });
}
let stale; // the content that is to be read again
function afterwards() {
  if (!stale || busy || moving) return;
  const shown = stale === $("main");
  stale = undefined;
  if (shown) fresh();
}

async function show(text, title, script) {
  for (const f of leaving) f();
  leaving.clear();
  beforeOut.clear();
  stopWatching();
  delete root.dataset.ready;
  if (script) await import("./" + script + ".js").catch((e) => Promise.reject(Object.assign(e, { module: true })));
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
  putBack();
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
  const n = Math.abs(seconds) * 1.01; // 10 hours less a minute are 10 hours
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
]);
// The pages that the person may read are those of the navigation.
const places = [...document.querySelectorAll(".top nav a")].map((a) => [a.firstChild.textContent.trim(), a.pathname]);
for (const [i, a] of document.querySelectorAll(".top nav a").entries()) everywhere.set("g " + a.dataset.key, { does: places[i][0], run: () => go(places[i][1]) });

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
    afterwards();
  }
}

function named(e) {
  if (e.getModifierState?.("AltGraph") || e.altKey || e.metaKey) return "";
  let k = e.key.length === 1 && !e.ctrlKey ? e.key : e.key.length === 1 ? e.key.toLowerCase() : e.key;
  return (e.ctrlKey ? "Control+" : "") + k;
}

addEventListener("keydown", (e) => {
  if (e.isComposing || e.keyCode === 229 || e.repeat || e.defaultPrevented || !signedIn()) return;
  if (locked || document.querySelector("dialog[open]")) return;
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

function found(text) {
  const t = text.trim();
  const all = places.filter(([n]) => n.toLowerCase().includes(t.toLowerCase()));
  if (/^(case|cas)_/.test(t)) all.unshift(["Case " + t, "/cases/" + encodeURIComponent(t)]);
  if (/^inc_/.test(t)) all.unshift(["Incident " + t, "/incidents/" + encodeURIComponent(t)]);
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
  const list = $("palette-list"), all = found($("palette-field").value);
  $("palette-none").hidden = all.length > 0;
  list.replaceChildren(
    ...all.map(([name, url], i) => {
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
  const mine = (stream = new EventSource("/live?" + watched + "&after=" + encodeURIComponent($("main").dataset.moment ?? "")));
  stream.addEventListener("change", (e) => heard?.(JSON.parse(e.data)));
  stream.addEventListener("again", () => heard?.({ sort: "again" }));
  stream.addEventListener("over", () => again(mine));
  // A browser comes back by itself after a broken connection, and not after a refusal.
  stream.addEventListener("error", () => mine.readyState === EventSource.CLOSED && again(mine));
}

// again opens a stream anew that the desk has ended, unless the session is over: a session that was
// renewed meanwhile, in this tab or another one, goes on.
async function again(broken) {
  if (!broken || broken !== stream) return;
  broken.close();
  await settled();
  try {
    const r = await fetch("/session", { credentials: "same-origin" });
    if (!r.ok) throw new Error("not now");
    if (!(await r.json()).token) {
      await belongs();
      return signedOut("Your session has ended. " + typedKept);
    }
  } catch (e) {
    if (!e.over) setTimeout(() => again(broken), 2000);
    return;
  }
  if (broken !== stream) return;
  stream = undefined;
  if (document.hidden) return;
  listen();
  heard?.({ sort: "again" });
}
export function stopWatching() {
  stream?.close();
  stream = watched = heard = undefined;
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream?.close();
    stream = undefined;
    return;
  }
  clockwork();
  if (signedIn()) belongs().catch(() => {});
  if (watched) {
    listen();
    heard?.({ sort: "again" });
  }
});

// --- the session: its end, its renewal, the lock

const tabs = new BroadcastChannel("countersign");
tabs.onmessage = ({ data }) => {
  if (!signedIn()) return;
  if (data.out) signedOut("You have signed out.");
  if (data.from === root.dataset.session && data.token) goesOn(data);
  if (data.worker) belongs().catch(() => {});
  if (data.active) active = Math.max(active, data.active);
  if (data.unlocked && data.unlocked === root.dataset.worker) unlock();
};
if (signedIn()) tabs.postMessage({ worker: root.dataset.worker });

// beforeOut are the things to keep before a page goes because its person goes.
const beforeOut = new Set();
export const onOut = (f) => beforeOut.add(f);

// belongs makes sure that this page is of the session that the browser has now. Otherwise the page
// goes: it is loaded again for the same person, and nothing of it stays for another one.
async function belongs() {
  const s = await kept();
  if (s?.token === root.dataset.session) return;
  const of = root.dataset.worker;
  if (s?.worker === of && sessionStorage.getItem("again") !== s.token) {
    sessionStorage.setItem("again", s.token);
    keepTyped();
    location.reload();
  } else if (s && s.worker !== of) signedOut("The page that was here was opened by " + of + ". Now " + s.worker + " is signed in with this browser.", false);
  else signedOut("This browser has no session any more. " + typedKept);
  throw Object.assign(new Error("This page belongs to a session that has ended here. Nothing was changed."), { over: true });
}

let gone = false;
function signedOut(why, keeps = true) {
  if (gone) return;
  gone = true;
  if (keeps) keepTyped();
  if (why) sessionStorage.setItem("why", why);
  stopWatching();
  document.body.replaceChildren();
  document.title = "Countersign";
  location.replace("/signin?to=" + encodeURIComponent(location.pathname + location.search));
}

// What stands in the fields of a page whose session is over stays in this tab, for the same person at
// the same page.
const typedKept = "What you typed is kept.";
const fields = () => [...document.querySelectorAll("main :is(input, textarea, select)[name]")].filter((f) => !f.closest("dialog") && !["hidden", "password", "file"].includes(f.type));
const checks = (f) => f.type === "radio" || f.type === "checkbox";
function keepTyped() {
  if (gone && !document.querySelector("main")) return;
  const all = fields().map((f) => [f.name, f.value, checks(f) ? f.checked : f.value !== f.defaultValue]);
  if (all.some((f) => f[2])) sessionStorage.setItem("typed", JSON.stringify({ worker: root.dataset.worker, at: location.pathname, all }));
}
function putBack() {
  if (!signedIn()) return;
  const typed = JSON.parse(sessionStorage.getItem("typed") ?? "null");
  if (!typed) return;
  if (typed.worker !== root.dataset.worker) return sessionStorage.removeItem("typed");
  const now = fields();
  if (typed.at !== location.pathname || !typed.all.some(([name]) => now.some((f) => f.name === name))) return;
  sessionStorage.removeItem("typed");
  for (const [name, value, set] of typed.all) {
    const f = now.find((f) => f.name === name && (f.type !== "radio" && f.type !== "checkbox" || f.value === value));
    if (!f || (checks(f) ? f.checked === set : !set || f.value === value)) continue;
    if (!checks(f)) f.value = value;
    else if (f.type === "radio" && !set) continue;
    else f.checked = set;
    f.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

$("sign-out")?.addEventListener("click", async () => {
  await Promise.allSettled([...beforeOut].map((f) => f()));
  try {
    await api("POST", "/signout", {});
  } catch (e) {
    if (!e.over) return toast(told(e));
  }
  await forget();
  tabs.postMessage({ out: true });
  signedOut("", false);
});

// When somebody was active last, in any tab. It outlives a page, so that loading a locked page again
// does not open it; 0 is locked.
let active = Number(localStorage.getItem("active") ?? Date.now());
let locked = false;
const touched = () => {
  if (locked || !signedIn() || idle()) return;
  const now = Date.now();
  if (now - active > 5000) {
    tabs.postMessage({ active: now });
    localStorage.setItem("active", now);
  }
  active = now;
};
const idle = () => Date.now() - active > Number(root.dataset.idle) * 1000;
for (const e of ["keydown", "pointerdown", "wheel", "touchstart"]) addEventListener(e, touched, { passive: true, capture: true });

export const playing = () => [...document.querySelectorAll("video, audio")].some((m) => !m.paused && !m.ended);

// clockwork looks what time has brought: the lock, the end of the session.
export function clockwork() {
  if (!signedIn() || gone) return;
  if (playing()) touched();
  if (idle()) lock();
  const left = micro(root.dataset.expires) - deskNow();
  $("ending").hidden = left > 30 * 60e6;
  $("ending-in").textContent = span(left / 1e6);
  if (left < 0) signedOut("Your session is over. Sign in again. " + typedKept);
}
setInterval(clockwork, 1000);
$("ending-renew")?.addEventListener("click", renew);

// renew has the person's key certify a new session. The claims stay.
export async function renew() {
  try {
    const old = await mine();
    if (!old.credential && !old.own) return toast("Your key is a file: sign in again with countersign login --browser. What you typed is kept.");
    const b = await begin(old.worker);
    const chosen = b.keys.find((k) => k.key === old.key) ?? b.keys[0];
    const s = await certify(b, old.own ? { key: old.key, credential: "", own: old.own } : chosen, old.own ? (c) => bySession({ pair: old.own }, c) : async (c) => (await byPasskey(c, [chosen.credential], b.site)).signature);
    const now = { from: old.token, token: s.token, expires: s.expires };
    tabs.postMessage(now);
    goesOn(now);
    toast("Your session goes on until " + new Date(Date.parse(s.expires)).toLocaleTimeString() + ".");
  } catch (e) {
    if (!e.over) toast(told(e));
  }
}
function goesOn({ token, expires }) {
  Object.assign(root.dataset, { session: token, expires });
  clockwork();
}

export function lock() {
  if (locked) return;
  locked = true;
  active = 0;
  localStorage.setItem("active", 0);
  for (const f of beforeOut) f();
  document.body.classList.add("locked");
  $("lock").showModal();
}
function unlock() {
  locked = false;
  active = Date.now();
  localStorage.setItem("active", active);
  document.body.classList.remove("locked");
  if ($("lock").open) $("lock").close();
  $("lock-error").textContent = "";
}
$("lock")?.addEventListener("cancel", (e) => e.preventDefault());
// Browsers close a dialog at the second Escape, whatever a page says.
$("lock")?.addEventListener("close", () => locked && $("lock").showModal());
$("lock-open")?.addEventListener("click", async () => {
  try {
    const s = await mine();
    // Without a passkey the person signs in again.
    if (!s.credential && !s.own) return signedOut("This page was locked. Sign in again. " + typedKept);
    if (s.credential) await byPasskey(crypto.getRandomValues(new Uint8Array(32)), [s.credential], s.site);
    unlock();
    tabs.postMessage({ unlocked: root.dataset.worker });
  } catch (e) {
    if (!e.over) $("lock-error").textContent = told(e);
  }
});

clockwork();
dress();
if (!$("main").dataset.script) root.dataset.ready = "shell";
