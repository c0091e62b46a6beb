// The page of one request that waits for a countersignature. Nothing is signed that the page does not
// show: see verdict.js.
import { parts, veils } from "./case.js";
import { checkShown, checkVerdict, canonical, digest, typedRight } from "./verdict.js";
import { micro } from "./canonical.js";
import { deskNow } from "./keys.js";
import { facts, readable } from "./seen.js";
import { byOwnKey, signed } from "./sign.js";
import { api, during, fresh, go, keysOf, mine, page, told, watch } from "./shell.js";

const $ = (s, of = document) => of.querySelector(s);
const all = (s, of = document) => [...of.querySelectorAll(s)];

page("countersign", (main) => {
  const box = $("#signing", main);
  const data = $("#signing-data", main).dataset;
  const id = box.dataset.request;
  const form = $("#answer", main);
  parts(main);
  const unveil = veils(main, $("#signing-data", main).dataset.case, () => "countersigning " + id);

  const shown = { request: id, action: JSON.parse(data.act), statement: JSON.parse(data.statement), wait: Number(data.wait) };
  // What the page holds is read once: nothing that changes the page later changes what is compared.
  const frozen = canonical(shown);
  $("#canonical", main).textContent = canonical(shown.action);
  // A change of the desk has no sentence that is compared: its exact text stands open.
  if (shown.action.subject.platform === "desk") $("#text", main).open = true;
  digest(shown.action).then((d) => ($("#digest", main).textContent = d));

  const step = (by) => {
    const rows = all("section.step", main);
    const at = rows.findIndex((r) => r === document.activeElement || r.contains(document.activeElement));
    const to = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    to.tabIndex = -1;
    to.focus();
    to.scrollIntoView({ block: "start" });
  };
  keysOf({
    j: { does: "Next part", run: () => step(1) },
    k: { does: "Part before", run: () => step(-1) },
    b: { does: "Lift the veil while held", run: () => unveil(true) },
    B: { does: "Lift the veil, or let it fall", run: () => unveil(false) },
    Escape: { does: "Leave a field; then leave the page. Nothing is signed", run: () => (document.activeElement?.matches("input, textarea") ? document.activeElement.blur() : go("/countersign")) },
  });
  watch({ request: id }, async (e) => {
    if (e.sort !== "again" && e.version <= Number(box.dataset.version)) return;
    const r = await api("GET", "requests/" + id).catch(() => undefined);
    if (r && (r.version !== Number(box.dataset.version) || r.status !== box.dataset.status)) changed(r);
  });

  function changed(r) {
    const open = r.status === "held" && !r.lapsed;
    if (!open) grey("This request is " + r.status + " now. Nothing is left to sign.");
    else moved("Somebody signed or declined it meanwhile.");
  }
  function moved(text) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = "Read it again";
    b.addEventListener("click", () => fresh());
    $("#moved", main).replaceChildren(text + " ", b);
  }
  function grey(text) {
    box.classList.add("over");
    for (const f of all("button, input, textarea", $(".answer", main))) f.disabled = true;
    moved(text);
  }
  if (!form) return;
  const ends = micro(shown.statement.expires);
  const clock = setInterval(() => {
    if (!box.isConnected || box.classList.contains("over")) return clearInterval(clock);
    if (deskNow() >= ends) grey("This request has expired. Whoever still wants it asks again.");
  }, 1000);

  // The handle is typed and not pasted: the hand says which one is meant.
  $("#typed", form).addEventListener("beforeinput", (e) => {
    if (!/^insertFrom(Paste|Drop|Yank)/.test(e.inputType)) return;
    e.preventDefault();
    $("#answer-error", form).textContent = "Type it by hand: the hand says which one you mean.";
  });
  const verdict = () => form.verdict.value;
  form.addEventListener("input", () => ($("#answer-error", form).textContent = ""));
  form.addEventListener("change", () => {
    $("#why", form).hidden = !["decline", "alarm"].includes(verdict());
    $("button", form).textContent = { countersign: "Countersign with your key", decline: "Decline with your key", alarm: "Raise the alarm with your key" }[verdict()] ?? "Sign with your key";
  });

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    during(async () => {
      const error = $("#answer-error", form);
      error.textContent = "";
      try {
        const want = verdict();
        if (!want) return (error.textContent = "Say whether you countersign it or decline it.");
        const reason = want === "countersign" ? "" : $("#reason", form).value.trim();
        if (want !== "countersign" && !reason) return (error.textContent = "Say why: it goes into the ledger.");
        if (!typedRight(shown.action, $("#typed", form).value)) return (error.textContent = "Type " + (shown.action.subject.handle || shown.action.subject.id) + " by hand, as the sentence at the top has it.");
        await sign(want, reason);
      } catch (e) {
        error.textContent = told(e);
      }
    });
  });

  async function sign(want, reason) {
    const says = want === "countersign" ? "countersign" : "decline";
    const now = JSON.parse(frozen);
    if (decodeURIComponent(location.pathname.split("/")[2]) !== now.request) throw new Error("This page is about another request than its address. Nothing was signed. Load it again.");
    checkShown(now.action, now.statement, readable($("#sentence", main)), facts(main));
    const who = byOwnKey(await mine());
    const draft = await api("POST", "requests/" + id + "/drafts", { verdict: says, key: who.key });
    await checkVerdict(draft, now, says, who);
    const st = { ...draft.statement, alarm: want === "alarm" };
    const by = await signed(st, who);
    if (says === "countersign") await api("POST", "requests/" + id + "/countersignatures", { signed: by });
    else await api("POST", "requests/" + id + "/declines", { signed: by, alarm: want === "alarm", reason });
    setTimeout(() => go("/requests/" + id, { replace: true }));
  }
});
