// What a countersigner's page shows, compared with what is signed: nothing here knows a page.
import { canonical, digest, micro } from "./canonical.js";
import { checkStatement, refuse } from "./sign.js";

// life is the longest life of a statement about an action, in seconds: proof.Validity.
export const life = (action) => (action.tier === "critical" && action.subject.platform !== "desk" ? 4 : 24) * 3600;

// checkVerdict compares the draft of a verdict with the request as the page shows it: shown is
// {request, action, statement (of the person who asks), wait}.
export async function checkVerdict(draft, shown, verdict, who) {
  const a = shown.action, st = draft.statement, asked = shown.statement;
  if ((await digest(draft.action)) !== (await digest(a))) refuse("its action is not the one that the page shows");
  if (asked.request !== shown.request || asked.action !== (await digest(a))) refuse("the person who asks signed something else than the page shows");
  if (micro(st.expires) > micro(asked.expires)) refuse("it would be open for longer than the request");
  if (st.executor !== asked.executor) refuse("it is for another executor than the request");
  await checkStatement(a, st, { request: shown.request, verdict, who, most: life(a) + shown.wait, decision: asked.decision });
}

// words are what the kinds of acts on platforms do, as package wording has it.
const words = {
  "account.takedown": "Take down the account", "account.deactivate": "Deactivate the account", "account.suspend": "Suspend the account",
  "account.restore": "Bring back the account", "account.delete": "Delete for good the account", "content.remove": "Remove the content",
  "content.restore": "Bring back the content", "account.contain": "As an emergency act, take down the account",
  "account.limit": "Limit the reach of the account", "account.unlimit": "Lift the limit of the account",
  "account.label": "Set the label % on the account", "account.unlabel": "Take the label % off the account",
  "content.limit": "Limit the reach of the content", "content.unlimit": "Lift the limit of the content",
  "content.label": "Set the label % on the content", "content.unlabel": "Take the label % off the content",
  "account.warn": "Send a warning to the holder of the account",
};
const months = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

// when writes a time as the pages do.
export function when(t) {
  const [, y, m, d, clock] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d)/.exec(t);
  return Number(d) + " " + months[m - 1] + " " + y + " " + clock + " UTC";
}

// undone is what undoes an act, as package wording has it.
function undone(a) {
  const { kind, direction } = a.inverse;
  if (a.effect === "said") return "a message cannot be taken back";
  if (!kind) return "nothing takes it back";
  if (direction !== "relieving") return kind + ", which is a new act with its own countersignatures";
  if (a.category) return kind + ", which one person may not do, because of the category: others countersign it";
  return kind + ", which one person may do within the desk's undo window (30 days, unless its settings say otherwise)";
}

// sentence is the sentence of an act on a platform; undefined for changes of the desk.
export function sentence(a) {
  const does = words[a.kind];
  if (!does) return undefined;
  const id = a.subject.platform + ":" + a.subject.id;
  return does.replace("%", () => JSON.stringify(a.command.layer.replace(/^label:/, ""))) + " " + (a.subject.handle ? a.subject.handle + " (" + id + ")" : id) +
    (a.until ? " until " + when(a.until) : "") + " on " + a.subject.platform +
    (a.kind.endsWith(".warn") || a.direction === "relieving" || a.until ? "" : ", with no end") + ". What undoes it: " + undone(a) + ".";
}

// facts are the members of an action that a page shows under these names; empty ones are not shown.
export const facts = (a) => ({ kind: a.kind, tier: a.tier, reason: a.reason, until: a.until ? when(a.until) : "", case: a.case, category: a.category, rule: a.rule?.number ? String(a.rule.number) : "" });

// checkSaid compares the first sentence of a page with the action.
export function checkSaid(a, said) {
  const says = sentence(a);
  if (says !== undefined && visible(says) !== said) refuse("the page says “" + said + "”, and what you would sign says “" + says + "”");
}

// checkShown compares what a page shows with the action. said is its first sentence; texts are its
// facts by name, as they stand there.
export function checkShown(a, st, said, texts) {
  checkSaid(a, said);
  const want = { ...facts(a), requester: st.signer };
  for (const [name, value] of Object.entries(want)) {
    if (["kind", "tier", "reason", "until", "rule", "requester"].includes(name) && value && !(name in texts)) refuse("the page does not show the " + name);
  }
  for (const [name, text] of Object.entries(texts)) {
    if (!(name in want)) refuse("the page shows a fact that nobody signs: " + name);
    if (visible(want[name]) !== text) refuse("the page says that the " + name + " is “" + text + "”, and what you would sign says “" + want[name] + "”");
  }
}

// visible refuses a text that is read otherwise than it is written. The desk takes no request with one.
function visible(text) {
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/.test(text)) refuse("it has characters that nobody sees");
  return text;
}

// typedRight reports whether somebody typed what names the subject.
export const typedRight = (a, text) => text.trim() === (a.subject.handle || a.subject.id);

export { canonical, digest };
