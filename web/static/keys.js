// The keys that sign in a browser: the session's key, which is made here and cannot be taken out,
// and the person's own passkey.
import { base64, base64url, bytesOf, canonical, challenge, digest, digestOfBytes, micro, random, sha256, time, unbase64 } from "./canonical.js";

const sessionVersion = "countersign/session/v1";
const tokenVersion = "countersign/token/v1";
const browserVersion = "countersign/browser/v1";
const sessionLife = 10 * 3600 * 1e6; // microseconds

// --- where the session's key is kept: one for this origin, shared by all tabs

function database() {
  return new Promise((done, fail) => {
    const ask = indexedDB.open("countersign", 1);
    ask.onupgradeneeded = () => ask.result.createObjectStore("session");
    ask.onsuccess = () => done(ask.result);
    ask.onerror = () => fail(ask.error);
  });
}

async function stored(mode, use) {
  const db = await database();
  try {
    return await new Promise((done, fail) => {
      const tx = db.transaction("session", mode);
      const ask = use(tx.objectStore("session"));
      tx.oncomplete = () => done(ask.result);
      tx.onabort = tx.onerror = () => fail(tx.error);
    });
  } finally {
    db.close();
  }
}

// kept returns the session that is kept: {token, worker, key (of the person), credential,
// session, digest, pair, expires}; undefined if there is none.
export const kept = () => stored("readonly", (s) => s.get("now"));
const keep = (session) => stored("readwrite", (s) => s.put(session, "now"));
export const forget = () => stored("readwrite", (s) => s.clear());

// --- the session's key

// newKey makes a key that signs and cannot be taken out: Ed25519, or P-256 where a browser lacks it.
export async function newKey() {
  for (const [name, params] of [["ed25519", { name: "Ed25519" }], ["p256", { name: "ECDSA", namedCurve: "P-256" }]]) {
    try {
      const pair = await crypto.subtle.generateKey(params, false, ["sign", "verify"]);
      const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
      return { pair, public: { algorithm: name, public: base64(raw) } };
    } catch (e) {
      if (name === "p256") throw e;
    }
  }
}

async function signRaw(pair, bytes) {
  const how = pair.privateKey.algorithm.name === "ECDSA" ? { name: "ECDSA", hash: "SHA-256" } : { name: "Ed25519" };
  return new Uint8Array(await crypto.subtle.sign(how, pair.privateKey, bytes));
}

// bySession signs a challenge with the session's key.
export async function bySession(session, bytes) {
  return { authenticator_data: "", client_data: "", signature: base64(await signRaw(session.pair, bytes)) };
}

// --- the person's own key

// newOwnKey makes an Ed25519 key for a person in the place of a passkey. Only a demo's desk enrols it.
export async function newOwnKey(worker, desk) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const key = "key_" + (await digestOfBytes("countersign/key/v1\ned25519\n", raw)).slice(7, 39);
  const possession = await bySession({ pair }, await sha256("countersign/enrol/v1\n", canonical([desk, worker, key])));
  return { key, pair, enrolment: { key: { algorithm: "ed25519", credential: "", hardware: true, public: base64(raw) }, possession, worker } };
}

// byPasskey has the person touch their key, which signs the challenge. allow is a list of
// credentials in base64.
export async function byPasskey(bytes, allow, site) {
  const made = await navigator.credentials.get({
    publicKey: { challenge: bytes, rpId: site, userVerification: "required", timeout: 120000, allowCredentials: allow.map((id) => ({ type: "public-key", id: unbase64(id) })) },
  });
  const r = made.response;
  return {
    credential: base64(made.rawId),
    signature: { authenticator_data: base64(r.authenticatorData), client_data: base64(r.clientDataJSON), signature: base64(r.signature) },
  };
}

// --- signing in

async function post(path, body, headers = {}) {
  const r = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body), credentials: "same-origin" });
  const answer = await r.json();
  if (!r.ok) throw Object.assign(new Error(answer.detail || answer.title), { problem: answer, status: r.status });
  return answer;
}

// begin makes a session's key and asks the desk what else a session of a worker holds.
export async function begin(worker) {
  const key = await newKey();
  return { worker, key, ...(await post("/signin/begin", { worker, session_key: key.public })) };
}

// sessionOf is the session that the person's own key will certify.
export function sessionOf(b, chosen) {
  return {
    after: b.after, expires: time(micro(b.now) + sessionLife), founding: b.founding, key: chosen.key, log: b.log, nonce: base64(random(32)),
    not_before: b.now, session_key: b.key.public, v: sessionVersion, worker: b.worker,
  };
}

// certify has the person's key certify a session, and opens the desk with it. sign is given the
// challenge and returns a signature. The session before, if this browser has one, proves itself: it is
// renewed, or it ends if it is another person's.
export async function certify(b, chosen, sign) {
  const session = sessionOf(b, chosen);
  return open(b, chosen, session, await sign(await challenge(sessionVersion, session)));
}

// pair waits until somebody whose key is a file has certified this browser's session on the command
// line, and opens the desk with it. show is given the code and the words to compare.
export async function pair(b, show) {
  const p = await post("/signin/pair", { worker: b.worker, session_key: b.key.public });
  show(p);
  for (;;) {
    await new Promise((f) => setTimeout(f, 1000));
    const { session: signed } = await post("/signin/paired", { code: p.code });
    if (!signed) continue;
    const s = signed.session;
    if (canonical(s.session_key) !== canonical(b.key.public) || s.worker !== b.worker) throw new Error("The session that came is for another browser. Nothing was signed.");
    return open(b, { key: s.key, credential: "" }, s, signed.signature);
  }
}

async function open(b, chosen, session, signature) {
  const name = await digest(session);
  const ask = {
    expires: session.expires, key: session.key, log: b.log + "#" + b.founding, name: "browser", nonce: base64(random(32)), not_before: session.not_before,
    secret: b.secret, session: name, v: tokenVersion, worker: b.worker,
  };
  const opened = { pair: b.key.pair };
  const body = { ask: { ask, signature: await bySession(opened, await challenge(tokenVersion, ask)) }, session: { session, signature } };
  const text = canonical(body);
  return navigator.locks.request(changing, async () => {
    const before = await kept();
    const headers = before ? { [proofHeader]: await prove(before, "POST", "/signin", text) } : {};
    const r = await fetch("/signin", { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: text, credentials: "same-origin" });
    const answer = await r.json();
    if (!r.ok) throw Object.assign(new Error(answer.detail || answer.title), { problem: answer, status: r.status });
    const all = { token: answer.token, worker: b.worker, key: session.key, credential: chosen.credential, own: chosen.own, site: b.site, session, certificate: signature, digest: name, pair: b.key.pair, expires: session.expires };
    await keep(all);
    localStorage.setItem("active", Date.now()); // see lock in shell.js
    return all;
  });
}

// While one tab changes the session, cookie and kept key may be of two sessions. settled waits until
// no tab does.
const changing = "countersign-session";
export const settled = () => navigator.locks.request(changing, { mode: "shared" }, () => {});

// --- the proof of each write

export const proofHeader = "Countersign-Proof";

// ahead is how many microseconds the desk's clock is ahead of this browser's.
let ahead = 0;
export function setClock(now) {
  ahead = micro(now) - Date.now() * 1000;
}
export const deskNow = () => Date.now() * 1000 + ahead;

let newest = 0;

// prove signs a write with the session's key.
export async function prove(session, method, target, body) {
  // Each write has a time of its own, in this tab and most likely among all: its proof is good once.
  const at = (newest = Math.max(newest + 1, Math.round(deskNow()) + random(1)[0]));
  const line = [browserVersion, method, target, session.token, at, await digestOfBytes(body)].join("\n");
  return session.token + " " + at + " " + base64url(await signRaw(session.pair, await sha256(bytesOf(line))));
}
