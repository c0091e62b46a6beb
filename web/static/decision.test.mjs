// The same vectors as TestDecisionVectors in Go (package cli): both take the honest draft, and both
// refuse each lie.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { digest } from "./canonical.js";
import { checkDecision, expected, usualFor } from "./decision.js";
import { setClock } from "./keys.js";

const v = JSON.parse(readFileSync(new URL("../testdata/decision.json", import.meta.url), "utf8"));
const who = { ...v.who, session: "" };
const want = { shown: v.shown, document: v.document, verdict: "violation", rule: { ...v.rule, children: false }, set: v.set, reasons: "Again.", opened: [], measures: null, language: "en" };
setClock(v.now);

async function redo(d) {
  const c = d.decision.decision;
  c.measures = [];
  for (const m of d.measures) c.measures.push((m.statement.action = await digest(m.action)));
  for (const m of d.measures) m.statement.decision = await digest(c);
  d.decision.signed.statement.document = await digest(c);
}

test("an honest draft passes", () => checkDecision(v.draft, want, who));

for (const lie of v.lies) {
  test("refused: " + lie.name, async () => {
    const d = structuredClone(v.draft);
    const path = lie.path.split("."), last = path.pop();
    let at = d;
    for (const name of path) at = at[name];
    at[last] = lie.value;
    if (lie.redone) await redo(d);
    await assert.rejects(checkDecision(d, want, who), /Nothing was signed/);
  });
}

test("refused: what the page shows is not what the claim names", () =>
  assert.rejects(checkDecision(v.draft, { ...want, shown: { ...v.shown, language: "pt" } }, who), /not what the claim names/));

test("other measures than the person chose are refused", () =>
  assert.rejects(checkDecision(v.draft, { ...want, measures: [{ kind: "content.remove" }] }, who), /not those that you asked for/));

test("the usual measures grow with the strikes", () => {
  assert.equal(usualFor(v.rule, "content", 0).length, 1);
  assert.equal(usualFor(v.rule, "content", 2).length, 2);
  assert.equal(usualFor(v.rule, "account", 2).length, 0);
});

test("a ruling is put in words", () => {
  assert.equal(expected({ verdict: "permitted", reasons: [] }), "Runs at once.");
  assert.equal(expected({ verdict: "held", need: { independent: 2, qualified: { employee: 1 } }, reasons: [{ text: "It is protected." }] }), "Waits for 2 more people, 1 of them employee. It is protected.");
});
