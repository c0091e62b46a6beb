// The demo's page on which a visitor verifies a takedown.
import { api, page, told } from "./shell.js";
import { verify } from "./verify.js";

page("audit", async (main) => {
  const list = main.querySelector("#checks");
  const result = main.querySelector("#result");
  const root = JSON.parse(localStorage.getItem("tour") ?? "{}").root;
  main.querySelector("#root").textContent = root ?? "none";
  const say = (text, holds) => {
    const li = document.createElement("li");
    li.className = holds ? "yes" : "no";
    li.textContent = text;
    list.append(li);
  };
  try {
    if (!root) throw new Error("This browser was not shown a root hash. Begin the tour again.");
    const warrant = await api("GET", main.querySelector("[data-request]").dataset.request);
    const w = await verify(warrant, root, (text) => say(text, true));
    result.textContent = "It holds: " + w.action.subject.handle + ", " + w.signers.length + (w.signers.length === 1 ? " person" : " people") + ". Your browser computed all of it.";
    main.dataset.verified = "yes";
    document.dispatchEvent(new CustomEvent("verified"));
  } catch (e) {
    say(told(e), false);
    result.textContent = "It does not hold.";
  }
});
