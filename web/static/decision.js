// Decisions and deeds: what they must say, compared with what the page shows, before they are signed.
import { base64, canonical, digest, digestOfBytes, micro, random, sha256, time, unbase64 } from "./canonical.js";
import { deskNow } from "./keys.js";
import { checkLife, checkSigner, checkStatement, documentLife, refuse } from "./sign.js";

// commitment is what a document holds in the place of a sealed field (ledger.Opening).
export const commitment = (name, salt, value) => digestOfBytes("countersign/field/v1\n", unbase64(salt), canonical([name, value]));

// textDigest names the text of a rule, as cases.Rule.TextDigest does.
export const textDigest = (r) => digest({ number: r.number, severity: r.severity, text: r.text, title: r.title, v: "countersign/rule/v1" });

// usualFor returns the usual measures of a rule on a sort of subject whose account has strikes.
export function usualFor(rule, sort, strikes) {
  let found = [];
  for (const u of rule.usual ?? []) if (u.sort === sort && u.strikes <= strikes) found = u.measures;
  return found;
}

// checkDocument checks the statement of a document of the signer's own.
export function checkDocument(st, of, verdict, who) {
  if (st.v !== "countersign/statement/v2" || st.document !== of) refuse("the statement is about something else than the document");
  checkSigner(st, who);
  if (st.verdict !== verdict || st.executor !== "desk" || st.request !== "" || st.action !== "" || st.batch !== "" || st.decision !== "" || st.alarm || st.policy !== "") {
    refuse("the statement says more than the document");
  }
  checkLife(st, documentLife / 1e6);
}

// layerOf is the layer that a kind of measure changes.
function layerOf(kind, value) {
  if (kind.endsWith(".warn")) return "";
  if (kind.endsWith(".label")) return "label:" + value;
  return kind.endsWith(".limit") ? "limit" : "visibility";
}

// checkDecision compares the draft of a decision with what the person wants and saw: want is
// {shown, document, verdict, rule, set, reasons, opened, measures (null: the usual ones)}.
export async function checkDecision(d, want, who) {
  const c = d.decision.decision, x = want.shown;
  if ((await digest(x)) !== want.document) refuse("what it shows of the case is not what the claim names");
  if (c.v !== "countersign/decision/v1" || c.case !== x.case || c.claim !== x.claim || c.version !== x.version) refuse("it is about " + c.case + " at version " + c.version);
  if (c.subject.platform !== x.subject.platform || c.subject.id !== x.subject.id) refuse("it is about another subject");
  if (c.evidence !== want.document) refuse("it says that you saw something else than you were shown");
  if (canonical(c.opened ?? []) !== canonical([...want.opened].sort())) refuse("it names other media than you unveiled");
  if (c.scores.length) refuse("it says that you saw scores");
  if (c.verdict !== want.verdict) refuse("its verdict is " + c.verdict);
  if (want.language && c.language !== want.language) refuse("its language is " + c.language);
  const o = d.decision.reasons;
  if (canonical(o.value) !== canonical(want.reasons) || (await commitment(o.name, o.salt, o.value)) !== c.reasons) refuse("its reasons are not yours");
  if (!want.rule) {
    if (c.rule.number !== 0) refuse("it names the rule " + c.rule.number);
  } else if (c.rule.number !== want.rule.number || c.rule.set !== want.set || c.rule.text !== (await textDigest(want.rule))) {
    refuse("it names another rule, or another text of it, than you were shown");
  }
  if (c.measures.length !== d.measures.length) refuse("it lists other measures than it shows");
  const name = await digest(c);
  for (const [i, m] of d.measures.entries()) {
    if ((await digest(m.action)) !== c.measures[i]) refuse("it lists another measure than it shows");
    await checkMeasure(m, c, name, want, who);
  }
  checkWanted(d, want);
  checkDocument(d.decision.signed.statement, name, "decide", who);
}

const kinds = /^(account\.(takedown|deactivate|suspend|limit|label|warn)|content\.(remove|limit|label))$/;

async function checkMeasure(m, c, name, want, who) {
  const a = m.action;
  if (!kinds.test(a.kind) || a.direction !== "burdening" || a.reverses !== "") refuse(a.kind + " is no measure");
  if (a.case !== c.case || a.rule.number !== c.rule.number || a.rule.text !== c.rule.text) refuse("a measure names another case or rule");
  if (a.category !== (want.rule?.children ? "child-safety" : "")) refuse("the category of a measure is " + a.category);
  if (!Object.values(want.rule.reason).includes(a.reason)) refuse("a measure gives another reason than the rule does");
  if (canonical(a.command.subject) !== canonical(a.subject)) refuse("the command of a measure is about another subject");
  if (a.command.mark && a.command.mark !== "CSGN-" + m.statement.request) refuse("a measure would leave another mark");
  if (a.subject.platform !== want.shown.subject.platform) refuse("a measure is on another platform");
  await checkStatement(a, m.statement, { request: m.statement.request, verdict: "request", who, most: 24 * 3600 + (m.ruling.need?.wait ?? 0), decision: name });
}

// checkWanted compares the measures with those that the person asked for, or with the usual ones.
function checkWanted(d, want) {
  const x = want.shown;
  if (want.verdict !== "violation") {
    if (d.measures.length) refuse("it asks for measures without a violation");
    return;
  }
  const usual = usualFor(want.rule, x.of, x.strikes?.[want.rule.number] ?? 0);
  const asked = want.measures ?? usual.map((m) => ({ kind: m.kind, value: m.value ?? "", until: m.days ? time(Math.round(deskNow()) + m.days * 86400e6) : "" }));
  if (asked.length !== d.measures.length) refuse("its measures are not those that you asked for");
  asked.forEach((m, i) => {
    const a = d.measures[i].action;
    if (m.subject && (x.of !== "content" || !x.owner || m.subject !== x.subject.platform + ":" + x.owner)) refuse("a measure is on somebody whom the case is not about");
    const on = m.subject ? x.owner : x.of === "content" && m.kind.startsWith("account.") ? x.owner : x.subject.id;
    if (a.kind !== m.kind || a.command.layer !== layerOf(m.kind, m.value ?? "") || a.subject.id !== on) refuse("its measures are not those that you asked for");
    if (!a.until !== !m.until || (m.until && Math.abs(micro(a.until) - micro(m.until)) > 300e6)) refuse("a measure ends at another time");
  });
}

// words are what the page of a case says of each measure, as its options have it; % is on whom.
const words = {
  "content.remove": "Take down %: nobody sees it", "content.limit": "Limit %: not in timelines, search or suggestions", "content.label": "Label %",
  "account.takedown": "Take down %: nobody sees it, and its holder is locked out", "account.suspend": "Suspend % until a day that you name",
  "account.limit": "Limit %: not in timelines, search or suggestions", "account.label": "Label %", "account.warn": "Warn the holder of %: a message",
};

// wordsOf is what the page says of a measure {kind, value, subject}.
export const wordsOf = (m) =>
  words[m.kind]?.replace("%", m.kind.startsWith("content.") ? "this post" : m.subject ? "its owner's account" : "this account") + (m.value ? ": " + m.value : "");

// checkRead compares what a page shows of a case, of the chosen rule and of the chosen measures with
// the data that is signed: page is {title, subject, rule: {title, text}, measures: [{kind, value,
// subject, words}]}.
export function checkRead(shown, rule, page) {
  if (page.title !== shown.case) refuse("the page shows the case " + page.title);
  const on = shown.subject.platform + ":" + shown.subject.id;
  if (page.subject !== on) refuse("the page shows " + page.subject + ", and what you would sign is about " + on);
  if (rule && (!Object.values(rule.title).includes(page.rule.title) || !Object.values(rule.text).includes(page.rule.text))) refuse("the page shows another rule than you would sign");
  for (const m of page.measures) if (m.words !== wordsOf(m)) refuse("the page says “" + m.words + "”, and what you would sign says “" + wordsOf(m) + "”");
}

// lifts are the kinds that lift measures of a decision.
const lifts = /^(account\.(restore|unlimit|unlabel)|content\.(restore|unlimit|unlabel))$/;

// checkTaken compares the draft of what takes a decision back with the decision: taken is {id,
// requests, measures (as they were handed in; undefined where this tab did not)}.
export async function checkTaken(d, taken, who) {
  if (d.deed.what !== "decision.withdraw" || d.deed.of !== taken.id) refuse("it is about something else");
  const left = new Set(taken.requests);
  const mine = (request) => {
    if (!left.delete(request)) refuse("it lifts or withdraws something else than your measures");
    return taken.measures?.find((m) => m.signed.statement.request === request)?.action;
  };
  for (const { action: a, statement } of d.undos) {
    const was = mine(a.reverses);
    if (!lifts.test(a.kind) || a.direction !== "relieving" || a.tier !== "standard") refuse("it is " + a.kind);
    if (was && (a.kind !== was.inverse.kind || a.subject.platform !== was.subject.platform || a.subject.id !== was.subject.id || a.command.layer !== was.command.layer)) refuse("it lifts another measure than yours");
    await checkStatement(a, statement, { request: statement.request, verdict: "reverse", who, most: 24 * 3600 });
  }
  for (const request of Object.keys(d.withdraw ?? {})) mine(request);
}

// bySession reports whether a session's key may sign a decision with all of its measures.
export const bySessionOnly = (d, shown) => shown.severity !== "highest" && d.measures.every((m) => m.action.tier === "standard");

// expected puts the policy's answer to a measure in words; the reasons are the policy's own.
export function expected(r) {
  const why = r.reasons?.map((x) => x.text).filter(Boolean).join(" ");
  if (r.verdict === "permitted") return "Runs at once.";
  if (r.verdict === "forbidden") return "Policy forbids it. " + why;
  const qualified = Object.entries(r.need.qualified ?? {}).map(([who, n]) => n + " of them " + who).join(", ");
  const people = r.need.independent === 1 ? "1 more person" : r.need.independent + " more people";
  return "Waits for " + people + (qualified ? ", " + qualified : "") + ". " + why;
}

// deed makes and signs a deed: {what, of, version}, with its text.
export async function deed(of, text, who, session, until) {
  const salt = base64(random(32));
  const doc = { nonce: base64(random(32)), of: of.of, text: await commitment(sealedBy(of.what), salt, text), v: "countersign/deed/v1", version: of.version, what: of.what };
  const now = Math.round(deskNow());
  const withdraws = of.what === "request.withdraw" || of.what === "decision.withdraw";
  const st = {
    action: "", alarm: false, batch: "", decision: "", document: await digest(doc), executor: "desk", expires: until || time(now + documentLife), founding: who.founding, key: who.key,
    log: who.log, nonce: base64(random(32)), not_before: time(now), policy: "", request: "", session: who.session, signer: who.worker, v: "countersign/statement/v2", verdict: withdraws ? "withdraw" : "act",
  };
  const out = { deed: doc, salt, signed: { signature: await who.sign(await sha256(st.v + "\n", canonical(st))), statement: st } };
  if (who.session) out.session = { session: session.session, signature: session.certificate };
  return out;
}

const sealedBy = (what) => ({ "request.withdraw": "text", "incident.task": "text", "evidence.remove": "text", "evidence.copy": "text", "evidence.hash": "text", "worker.accounts": "accounts", "worker.channel": "channel" })[what] ?? "order";

// channelText is the text of a deed that declares the address of a channel, with its secret's digest.
export const channelText = async (webhook, secret) => canonical({ secret: secret ? await digestOfBytes(secret) : "", webhook });

// order is the text of a deed on a case: its members in canonical form, empty ones left out.
export const order = (o) => canonical(Object.fromEntries(Object.entries(o).filter(([, v]) => v !== "" && v !== undefined && v !== false && !(Array.isArray(v) && v.length === 0))));
