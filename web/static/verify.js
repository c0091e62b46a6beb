// The verification of a warrant by a browser alone: what the ledger holds, and who signed. It
// believes nothing but the hash of entry 0 that it is given. It does not run the policy: the
// program's own `countersign warrant verify` does.
import { canonical, digest, digestOfBytes, sha256, unbase64 } from "./canonical.js";

export class Refused extends Error {}
const need = (holds, why) => {
  if (!holds) throw new Refused(why);
};
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
const join = (...parts) => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  parts.reduce((at, p) => (out.set(p, at), at + p.length), 0);
  return out;
};
const utf8 = (text) => new TextEncoder().encode(text);

async function ed25519(key, message, signature) {
  const k = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, k, signature, message);
}

// p256 verifies an ECDSA signature in DER, as WebAuthn has it.
async function p256(key, message, der) {
  const k = await crypto.subtle.importKey("raw", key, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, k, der.length === 64 ? der : plain(der), message);
}
function plain(der) {
  const whole = der[0] === 0x30 && der[1] === der.length - 2;
  need(whole, "a signature is malformed");
  const out = new Uint8Array(64);
  for (let at = 2, n = 0; n < 2; n++) {
    let part = der.subarray(at + 2, at + 2 + der[at + 1]);
    need(der[at] === 2, "a signature is malformed");
    at += 2 + part.length;
    while (part.length > 32 && part[0] === 0) part = part.subarray(1);
    need(part.length <= 32, "a signature is malformed");
    out.set(part, 32 * n + 32 - part.length);
  }
  return out;
}

// --- the ledger

// leafOf is the leaf that commits to an entry (doc/ledger-format.md).
async function leafOf({ entry, salt }) {
  need(entry.v === "countersign/entry/v1" && unbase64(salt).length === 32, "an entry is malformed");
  const commitment = await sha256("countersign/entry/v1\n", unbase64(salt), canonical(entry));
  return "countersign/leaf/v1\n" + entry.class + "\n" + entry.number + "\n" + btoa(String.fromCharCode(...commitment)) + "\n";
}

// includes checks an inclusion proof (RFC 6962, as RFC 9162 spells it in section 2.1.3.2).
export async function includes(evidence, { size, root }) {
  const { index, hashes } = evidence.proof;
  need(Number.isSafeInteger(index) && index >= 0 && index < size, "an entry is not below the checkpoint's size");
  let hash = await sha256(new Uint8Array([0]), await leafOf(evidence));
  let at = index, last = size - 1;
  const half = (n) => Math.floor(n / 2);
  for (const h of hashes.map(unbase64)) {
    need(last > 0 && h.length === 32, "a proof is malformed");
    if (at % 2 || at === last) {
      hash = await sha256(new Uint8Array([1]), h, hash);
      while (at % 2 === 0 && at) [at, last] = [half(at), half(last)];
    } else {
      hash = await sha256(new Uint8Array([1]), hash, h);
    }
    [at, last] = [half(at), half(last)];
  }
  need(last === 0 && same(hash, root), "the ledger does not hold entry " + index);
}

// readCheckpoint checks the signed note of a checkpoint under a log's verifier key.
export async function readCheckpoint(note, logKey, origin) {
  const [, name, id, encoded] = /^([^+\n]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n?$/.exec(logKey) ?? [];
  need(name, "the log's key is malformed");
  const key = unbase64(encoded);
  need(name === origin && key.length === 33 && key[0] === 1, "the log's key is malformed");
  const named = await sha256(name + "\n", key);
  need(id === [...named.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(""), "the log's key is malformed");
  const m = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n\n\u2014 ([^ \n]+) ([^\n]+)\n$/.exec(note);
  need(m && m[1] === origin && m[4] === origin, "the checkpoint is of another log");
  const signature = unbase64(m[5]);
  need(same(signature.subarray(0, 4), named.subarray(0, 4)), "the checkpoint is signed by another key");
  need(await ed25519(key.subarray(1), utf8(note.slice(0, note.indexOf("\n\n") + 1)), signature.subarray(4)), "the log did not sign the checkpoint");
  return { size: Number(m[2]), root: unbase64(m[3]) };
}

// --- people

// keysIn collects the keys that governance entries enrol, by name.
async function keysIn(entries) {
  const keys = new Map();
  for (const { entry } of entries) {
    const all = entry.kind === "founding" ? entry.data.founding.officers : entry.kind === "desk.key" ? entry.data.action.change.enrol : [];
    for (const { worker, key } of all) {
      const name = "key_" + (await digestOfBytes("countersign/key/v1\n" + key.algorithm + "\n", unbase64(key.public))).slice(7, 39);
      keys.set(name, { worker, ...key });
    }
    for (const name of (entry.kind === "desk.key" && entry.data.action.change.revoke) || []) keys.delete(name);
  }
  return keys;
}

// sitesIn are the sites on which passkeys signed, by governance entries.
const sitesIn = (entries) =>
  entries.flatMap(({ entry }) => (entry.kind === "founding" ? [entry.data.founding.trust] : entry.kind === "desk.change" && entry.data.action.change.trust ? [entry.data.action.change.trust] : []));

// signedBy checks a person's signature over a challenge.
async function signedBy(key, challenge, s, sites) {
  const [data, client, signature] = [s.authenticator_data, s.client_data, s.signature].map(unbase64);
  const bytes = unbase64(key.public);
  if (key.algorithm === "ed25519") return !data.length && !client.length && ed25519(bytes, challenge, signature);
  const said = JSON.parse(new TextDecoder().decode(client));
  const site = sites.find((x) => x.origins.includes(said.origin));
  need(said.type === "webauthn.get" && site, "a passkey signed on a foreign page");
  need(same(unbase64(said.challenge.replaceAll("-", "+").replaceAll("_", "/")), challenge), "a passkey signed something else");
  need(same(data.subarray(0, 32), await sha256(site.relying_party)) && (data[32] & 5) === 5, "a passkey did not verify its person");
  return (key.algorithm === "webauthn-eddsa" ? ed25519 : p256)(bytes, join(data, await sha256(client)), signature);
}

async function checkSigned(signed, warrant, keys, sites, action) {
  const st = signed.statement;
  need(st.action === action, st.signer + " signed something else");
  need(st.request === warrant.request.statement.request, st.signer + " signed another request");
  const own = keys.get(st.key);
  need(own?.worker === st.signer, "the key of " + st.signer + " is not enrolled");
  const challenge = await sha256(st.v + "\n", canonical(st));
  if (!st.session) return need(await signedBy(own, challenge, signed.signature, sites), "the signature of " + st.signer + " does not verify");
  for (const s of warrant.sessions) {
    if ((await digest(s.session)) !== st.session) continue;
    need(s.session.worker === st.signer && s.session.key === st.key, "the session is somebody else's");
    need(await signedBy(own, await sha256(s.session.v + "\n", canonical(s.session)), s.signature, sites), st.signer + " did not certify the session");
    const k = s.session.session_key;
    const check = k.algorithm === "p256" ? p256 : ed25519;
    return need(await check(unbase64(k.public), challenge, unbase64(signed.signature.signature)), "the session's signature does not verify");
  }
  need(false, "the session of " + st.signer + " is missing");
}

// verify checks a warrant under the hash of entry 0, and tells each check as it is made. It returns
// what the warrant is about. What does not hold is a Refused.
export async function verify(warrant, root, tell = () => {}) {
  need(warrant.v === "countersign/warrant/v2", "this is no warrant of a version that is known here");
  const first = warrant.people[0];
  need(first?.entry.kind === "founding" && (await digestOfBytes(await leafOf(first))) === root, "this ledger begins with another entry 0 than you were shown");
  const founding = first.entry.data.founding;
  tell("The ledger begins with the entry whose hash you were shown.");
  const checkpoint = await readCheckpoint(warrant.ledger.checkpoint, founding.log_key, founding.origin);
  tell("The ledger's own key signed the checkpoint of " + checkpoint.size + " entries.");
  await includes(warrant.ledger, checkpoint);
  const { action, countersignatures, decision, request, ruling, sessions, v } = warrant;
  const core = await digest({ action, countersignatures, decision, request, ruling, sessions, v });
  need(warrant.ledger.entry.kind === "warrant" && warrant.ledger.entry.data.warrant === core, "the ledger's entry is of another warrant");
  tell("Entry " + warrant.ledger.proof.index + " of the ledger is this takedown.");
  let before = -1;
  for (const e of [...warrant.people, warrant.requested, ...warrant.waited]) await includes(e, checkpoint);
  for (const { entry } of warrant.people) {
    need(entry.class === "governance" && entry.number > before, "the entries about people are out of order");
    before = entry.number;
  }
  const keys = await keysIn(warrant.people);
  tell("The ledger holds the " + warrant.people.length + " entries about its people and their keys.");
  const all = [request, ...countersignatures];
  const name = await digest(action);
  const signers = new Set();
  for (const s of all) {
    await checkSigned(s, warrant, keys, sitesIn(warrant.people), name);
    need(!signers.has(s.statement.signer), "one person signed twice");
    signers.add(s.statement.signer);
    need(s.statement.verdict === (s === request ? (action.reverses ? "reverse" : "request") : "countersign"), "a signature says something else");
    tell(s.statement.signer + (s === request ? " asked for it" : " countersigned it") + ": the signature holds.");
  }
  need(countersignatures.length >= ruling.need.independent, "countersignatures are missing");
  return { action, signers: [...signers], size: checkpoint.size, index: warrant.ledger.proof.index };
}
