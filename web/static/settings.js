// Settings: preferences are kept at the desk, and used from the next key on.
import { own } from "./own.js";
import { api, during, everyKey, fresh, page, prefer, told, toast } from "./shell.js";

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
