// The canonical form of JSON (RFC 8785), digests, and the spellings of bytes and times that the
// desk's documents have. It runs in browsers and in node.

// canonical writes a value in its one form: members sorted by UTF-16 units, no white space.
export function canonical(v) {
  if (Array.isArray(v)) return "[" + v.map(canonical).join(",") + "]";
  if (v !== null && typeof v === "object") {
    return "{" + Object.keys(v).sort().map((k) => JSON.stringify(k) + ":" + canonical(v[k])).join(",") + "}";
  }
  if (typeof v === "number" && !Number.isSafeInteger(v)) throw new Error("a number that is no whole number cannot be signed");
  if (typeof v === "string" && !v.isWellFormed()) throw new Error("a text with half a character cannot be signed");
  if (v === undefined || typeof v === "bigint") throw new Error("this cannot be signed");
  return JSON.stringify(v);
}

const utf8 = new TextEncoder();

export const bytesOf = (text) => utf8.encode(text);

// sha256 returns the 32 bytes over texts and bytes, one after the other.
export async function sha256(...parts) {
  const all = parts.map((p) => (typeof p === "string" ? utf8.encode(p) : p));
  const whole = new Uint8Array(all.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const b of all) {
    whole.set(b, at);
    at += b.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

const hex = (b) => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");

// digestOf names bytes or a text as the desk does: sha256:… in hexadecimal digits.
export const digestOfBytes = async (...parts) => "sha256:" + hex(await sha256(...parts));

// digest names a document by its canonical form.
export const digest = (v) => digestOfBytes(canonical(v));

// challenge is what a key signs: SHA-256 over a version, a line feed and the document.
export const challenge = (version, v) => sha256(version + "\n", canonical(v));

// base64 is RFC 4648, section 4, with padding, as documents have it; base64url is section 5
// without, as WebAuthn and headers have it.
export function base64(bytes) {
  let s = "";
  for (const b of new Uint8Array(bytes)) s += String.fromCharCode(b);
  return btoa(s);
}
export const base64url = (bytes) => base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
export const unbase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// micro and time convert between "2026-11-23T05:39:46.000000Z" and microseconds since 1970.
export function micro(text) {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text)) throw new Error("not a time of the desk: " + text);
  return Date.parse(text.slice(0, 19) + "Z") * 1000 + Number(text.slice(20, 26));
}
export function time(us) {
  const second = Math.floor(us / 1e6);
  return new Date(second * 1000).toISOString().slice(0, 19) + "." + String(us - second * 1e6).padStart(6, "0") + "Z";
}

export const random = (n) => crypto.getRandomValues(new Uint8Array(n));
