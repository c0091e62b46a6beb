// The page of an invitation: a passkey is made, touched a second time to show that it is held, and its
// words are read out.
import { base64, canonical, digestOfBytes, random, sha256, unbase64 } from "./canonical.js";
import { byPasskey } from "./keys.js";
import { told } from "./shell.js";

const $ = (id) => document.getElementById(id);
const at = $("invitation").dataset;
const form = $("invite");
const button = $("invite-go");
const error = $("invite-error");

// How many bytes of what the browser says of a public key are the key itself, at its end, and what
// the desk calls its algorithm.
const algorithms = { "-7": ["webauthn-es256", 65], "-8": ["webauthn-eddsa", 32] };

let made; // by the first touch

async function make() {
  const c = await navigator.credentials.create({
    publicKey: {
      challenge: unbase64(at.challenge), rp: { id: at.site, name: "Countersign" },
      // A handle of its own for each passkey: one with the handle of an older one would take its place.
      user: { id: random(32), name: at.worker, displayName: at.name },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }],
      authenticatorSelection: { userVerification: "required", residentKey: "preferred" }, attestation: "direct", timeout: 120000,
    },
  });
  const r = c.response;
  const [name, size] = algorithms[r.getPublicKeyAlgorithm()] ?? [];
  const spki = name && r.getPublicKey();
  if (!spki) throw new Error("This passkey is of a kind that the desk does not take. Use another security key or device, or another browser.");
  return {
    credential: base64(c.rawId),
    key: "key_" + (await digestOfBytes("countersign/key/v1\n" + name + "\n", new Uint8Array(spki).slice(-size))).slice(7, 39),
    registration: { attestation: base64(r.attestationObject), client_data: base64(r.clientDataJSON), transports: r.getTransports?.() ?? [] },
  };
}

async function send(possession) {
  // Without the cookie of somebody who may be signed in here: the link alone says for whom this is.
  const r = await fetch("/api/v1/invite/" + location.pathname.split("/")[2], {
    method: "POST", headers: { "Content-Type": "application/json" }, body: canonical({ possession, registration: made.registration }), credentials: "omit",
  });
  const answer = await r.json();
  if (!r.ok) throw Object.assign(new Error(answer.detail || answer.title), { problem: answer, status: r.status });
  if (answer.key !== made.key) throw new Error("The desk received another key than the one that was made here. Read nothing out, and tell whoever invited you.");
  return answer;
}

function step(n) {
  for (const i of [1, 2]) $("touch-" + i).classList.toggle("now", i === n);
  button.textContent = n === 1 ? "Make a passkey" : "Touch it once more";
}

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  error.textContent = "";
  try {
    if (!made) {
      made = await make();
      step(2);
      return;
    }
    const own = await sha256("countersign/enrol/v1\n", canonical([at.desk, at.worker, made.key]));
    const answer = await send((await byPasskey(own, [made.credential], at.site)).signature);
    $("invite-words").textContent = answer.words;
    $("invite-made").textContent = answer.synced
      ? "It may be copied to your other devices (synced), so that it does not count as hardware."
      : "It is bound to one device, and counts as hardware.";
    $("invite-title").textContent = "Your passkey is made";
    form.hidden = true;
    $("invite-done").hidden = false;
    $("invite-done").focus();
  } catch (e) {
    // Whatever the desk refuses of a passkey, it refuses again: the next press makes another one.
    if (e.problem && e.problem.status !== 429 && e.problem.status < 500) {
      made = undefined;
      step(1);
    }
    error.textContent = e.name === "NotAllowedError" ? "It was not touched, or you cancelled. Nothing was sent: press the button again." : told(e);
  } finally {
    button.disabled = false;
    if (!form.hidden) button.focus();
  }
});

if (!window.PublicKeyCredential || !navigator.credentials) {
  button.disabled = true;
  error.textContent = "This browser makes no passkeys. Open the link in another one, such as a current Chrome, Edge, Firefox or Safari.";
} else if (!form.hidden) step(1);

document.documentElement.dataset.ready = "invite";
