// Settings: preferences are kept at the desk, and used from the next key on.
import { base64, random } from "./canonical.js";
import { channelText, deed } from "./decision.js";
import { own } from "./own.js";
import { byOwnKey, refuse } from "./sign.js";
import { api, during, everyKey, fresh, mine, page, prefer, told, toast } from "./shell.js";

page("settings", (main) => {
  own(main.querySelector("#own"));
  const form = main.querySelector("#preferences");
  const now = JSON.parse(form.dataset.raw);
  const table = main.querySelector("#key-table");
  for (const [usual, does] of everyKey()) {
    const l = document.createElement("label");
    const i = document.createElement("input");
    Object.assign(i, { type: "text", name: "key", value: now.keys?.[usual] ?? usual, maxLength: 20 });
    i.dataset.usual = usual;
    l.append(does + " ", i);
    table.append(l);
  }
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    during(async () => {
      const p = { veil: form.veil.value, language: form.language.value.trim(), zone: form.zone.value.trim(), keys: {} };
      if (form.keys_off.checked) p.keys_off = true;
      if (form.colour.checked) p.colour = true;
      for (const i of table.querySelectorAll("input")) if (i.value !== i.dataset.usual) p.keys[i.dataset.usual] = i.value;
      for (const name of ["veil", "language", "zone"]) if (!p[name]) delete p[name];
      if (!Object.keys(p.keys).length) delete p.keys;
      try {
        await api("POST", "preferences", p);
        prefer(p);
        main.querySelector("#preferences-error").textContent = "";
        toast("Kept.");
      } catch (e) {
        main.querySelector("#preferences-error").textContent = told(e);
      }
    });
  });
  for (const b of main.querySelectorAll("[data-revoke]")) {
    b.addEventListener("click", () =>
      during(async () => {
        try {
          await api("DELETE", "tokens/" + b.dataset.revoke);
          setTimeout(fresh);
        } catch (e) {
          toast(told(e));
        }
      }),
    );
  }
  main.querySelector("#end-all").addEventListener("click", () =>
    during(async () => {
      try {
        await api("DELETE", "workers/" + document.documentElement.dataset.worker + "/tokens");
      } catch (e) {
        toast(told(e));
      }
    }),
  );
  const channel = main.querySelector("#channel");
  const shows = channel.querySelector("#channel-text");
  const secret = "whsec_" + base64(random(32));
  let clears = false;
  const webhook = () => (clears ? "" : channel.webhook.value.trim());
  const text = () => channelText(webhook(), webhook() && secret);
  const show = async () => (shows.textContent = await text());
  channel.addEventListener("input", show);
  show();
  const declare = (clear) =>
    during(async () => {
      const error = channel.querySelector("#channel-error");
      error.textContent = "";
      clears = clear;
      try {
        if (!clear && !webhook()) throw new Error("Write the address to which your messages go.");
        const s = await mine();
        if (!s.credential && !s.own) throw new Error("Your key is a file: use countersign channel set.");
        const to = webhook(), signs = await show();
        toast("Your own key signs this: touch it.");
        const made = await deed({ what: "worker.channel", of: s.worker, version: Number(channel.dataset.number) }, signs, byOwnKey(s), s);
        if (webhook() !== to || shows.textContent !== signs) refuse("the page shows something else than was signed");
        const now = await api("POST", "channel", { webhook: to, secret: to && secret, deed: made });
        if (!to) return void setTimeout(fresh);
        channel.dataset.number = now.number;
        channel.querySelector("#channel-now").textContent = "Messages also go to " + now.host + ".";
        channel.querySelector("#channel-clear").disabled = false;
        channel.querySelector("#channel-secret").hidden = false;
        channel.querySelector("#channel-secret code").textContent = secret;
        channel.webhook.value = "";
      } catch (e) {
        if (!e.over) error.textContent = told(e);
      } finally {
        clears = false;
      }
    });
  channel.addEventListener("submit", (e) => {
    e.preventDefault();
    declare(false);
  });
  channel.querySelector("#channel-clear").addEventListener("click", () => declare(true));
  const notify = main.querySelector("#notify");
  const say = () => {
    notify.disabled = !("Notification" in window) || Notification.permission !== "default";
    if (notify.disabled) notify.textContent = !("Notification" in window) ? "This browser has no notices" : Notification.permission === "granted" ? "This browser notifies you" : "You told this browser not to";
  };
  notify.addEventListener("click", async () => {
    await Notification.requestPermission();
    say();
  });
  say();
});
