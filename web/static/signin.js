// The page of the sign-in.
import { begin, byPasskey, certify, pair } from "./keys.js";
import { told } from "./shell.js";

const form = document.getElementById("signin");
const worker = document.getElementById("worker");
const keys = document.getElementById("key");
const error = document.getElementById("signin-error");
let begun;

worker.value = localStorage.getItem("worker") ?? "";
const why = document.getElementById("signin-why");
why.textContent = sessionStorage.getItem("why") ?? "";
why.hidden = !why.textContent;
sessionStorage.removeItem("why");

worker.addEventListener("input", () => {
  begun = undefined;
  document.getElementById("signin-keys").hidden = true;
});

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  error.textContent = "";
  try {
    const name = worker.value.trim();
    if (begun?.worker !== name) {
      begun = await begin(name);
      if (begun.keys.length > 1) {
        const last = localStorage.getItem("key");
        keys.replaceChildren(...begun.keys.map((k) => new Option(k.words || k.key, k.key, false, k.key === last)));
        document.getElementById("signin-keys").hidden = false;
        if (!begun.keys.some((k) => k.key === last)) {
          error.textContent = "You have several keys. Choose the one that you have at hand, and press the button again.";
          return;
        }
      }
    }
    const now = begun;
    begun = undefined; // a beginning is good for one session
    const chosen = now.keys.find((k) => k.key === keys.value) ?? now.keys[0];
    await certify(now, chosen, async (c) => (await byPasskey(c, [chosen.credential], now.site)).signature);
    localStorage.setItem("worker", name);
    localStorage.setItem("key", chosen.key);
    location.replace(form.dataset.to);
  } catch (e) {
    error.textContent = e.name === "NotAllowedError" ? "The key was not touched, or this browser found none for that name. Nothing was signed. If your key is a file, press “Sign in with a key file”." : told(e);
  } finally {
    button.disabled = false;
  }
});

const byFile = document.getElementById("signin-file");
byFile?.addEventListener("click", async () => {
  const box = document.getElementById("pairing");
  byFile.disabled = true;
  error.textContent = "";
  try {
    await pair(await begin(worker.value.trim()), (p) => {
      document.getElementById("pairing-command").textContent = "countersign login --browser " + p.code + " --url " + location.origin;
      document.getElementById("pairing-words").textContent = p.words;
      box.hidden = false;
    });
    localStorage.setItem("worker", worker.value.trim());
    location.replace(form.dataset.to);
  } catch (e) {
    box.hidden = true;
    error.textContent = told(e);
  } finally {
    byFile.disabled = false;
  }
});

document.documentElement.dataset.ready = "signin";
