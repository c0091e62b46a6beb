// The form with which people declare their own accounts on the platforms.
import { canonical } from "./canonical.js";
import { deed } from "./decision.js";
import { byOwnKey, refuse } from "./sign.js";
import { api, during, fresh, mine, told } from "./shell.js";

// ownText is the text of the deed that declares accounts: their names PLATFORM:ID, sorted and each
// once, as canonical JSON. Names are ASCII, so that the order is that of their bytes.
export const ownText = (accounts) => canonical([...new Set(accounts)].sort());

// handle is a handle as it is compared: some platforms write it without an @.
const handle = (text) => text.replace(/^@/, "").toLowerCase();

// own runs the form.
export function own(form) {
  const $ = (id) => form.querySelector("#own-" + id);
  const error = $("error"), found = $("found"), sign = $("sign");
  let looked = []; // [name, words]
  const trying = (f) => during(async () => {
    error.textContent = "";
    try {
      await f();
    } catch (e) {
      if (!e.over) error.textContent = told(e);
    }
  });
  const forget = () => {
    looked = [];
    sign.hidden = true;
    found.replaceChildren();
  };
  form.names.addEventListener("input", forget);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    trying(async () => {
      forget();
      const names = form.names.value.split(/[\s,]+/).filter(Boolean);
      if (!names.length) throw new Error("Write the accounts that are yours, such as plaza:@neighbour.");
      const all = [];
      for (const name of names) {
        const r = await api("GET", "subjects?subject=" + encodeURIComponent(name));
        if (r.sort !== "account") throw new Error(name + " is not an account.");
        const [platform, rest] = [name.slice(0, name.indexOf(":")), name.slice(name.indexOf(":") + 1)];
        if (r.subject.platform !== platform || (r.subject.id !== rest && handle(r.subject.handle) !== handle(rest))) refuse("the desk answered with another account than " + name);
        all.push([r.subject.platform + ":" + r.subject.id, r.subject.handle + " (" + r.subject.platform + ":" + r.subject.id + ")"]);
      }
      looked = all;
      found.replaceChildren(...all.map(([, words]) => Object.assign(document.createElement("li"), { textContent: words })));
      sign.hidden = false;
      sign.focus();
    });
  });
  const declare = async (accounts) => {
    const s = await mine();
    if (!s.credential && !s.own) throw new Error("Your key is a file, which a browser cannot use. Declare them with: countersign worker accounts --account PLATFORM:@HANDLE, or --none");
    const made = await deed({ what: "worker.accounts", of: s.worker, version: 0 }, ownText(accounts), byOwnKey(s), s);
    if ([...found.children].map((li) => li.textContent).join("\n") !== looked.map(([, words]) => words).join("\n")) refuse("the page shows other accounts than were signed");
    await api("POST", "own-accounts", { accounts: [...new Set(accounts)].sort(), deed: made });
    setTimeout(fresh);
  };
  sign.addEventListener("click", () => trying(() => declare(looked.map(([name]) => name))));
  $("none")?.addEventListener("click", () => trying(() => {
    forget();
    return declare([]);
  }));
}
