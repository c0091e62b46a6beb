// The same vectors as TestVerdictVectors in Go.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { challenge, digest, time, micro } from "./canonical.js";
import { setClock } from "./keys.js";
import { checkShown, checkVerdict, life, sentence, typedRight } from "./verdict.js";

const vectors = JSON.parse(readFileSync(new URL("../testdata/verdict.json", import.meta.url), "utf8"));
const hex = (b) => Buffer.from(b).toString("hex");
const clone = (v) => JSON.parse(JSON.stringify(v));
const who = (v) => ({ worker: "lee", key: "key_2", session: "", log: v.asked.log, founding: v.asked.founding });
const shown = (v) => ({ request: v.asked.request, action: v.action, statement: v.asked, wait: 0 });
const draft = (v) => ({ action: v.action, statement: v.statement });

setClock(vectors[0].statement.not_before);

test("digests, challenges and lives are those of Go", async () => {
  assert.ok(vectors.length > 30);
  for (const v of vectors) {
    assert.equal(await digest(v.action), v.digest, v.action.kind);
    assert.equal(hex(await challenge(v.statement.v, v.statement)), v.challenge, v.action.kind);
    assert.equal(life(v.action), v.life, v.action.kind);
  }
});

test("each act on a platform is worded as Go words it", () => {
  for (const v of vectors) {
    if (!v.sentence) {
      assert.equal(sentence(v.action), undefined);
      continue;
    }
    assert.equal(sentence(v.action), v.sentence);
    assert.doesNotThrow(() => checkShown(v.action, v.asked, v.sentence, v.facts));
  }
});

test("a draft that is the request passes", async () => {
  for (const v of vectors) await checkVerdict(draft(v), shown(v), "countersign", who(v));
});

// Each way in which a page may say something else than what is signed.
const v = vectors.find((v) => v.action.kind === "account.suspend");
const lies = {
  "another account": (s) => ({ said: s.said.replace("@singer", "@shop") }),
  "another identifier": (s) => ({ said: s.said.replace("acct/2", "acct/4") }),
  "another act": (s) => ({ said: s.said.replace("Suspend", "Label") }),
  "another end": (s) => ({ said: s.said.replace("26 November", "27 November") }),
  "more words": (s) => ({ said: s.said.replace(". What", ", where nobody sees it. What") }),
  "another undo": (s) => ({ said: s.said.replace("nothing takes it back", "anybody, at any time") }),
  "a longer name": (s) => ({ said: s.said.replace("on plaza", "on plaza2") }),
  "another kind": (s) => ({ facts: { ...s.facts, kind: "account.limit" } }),
  "another tier": (s) => ({ facts: { ...s.facts, tier: "standard" } }),
  "another reason": (s) => ({ facts: { ...s.facts, reason: "Because." } }),
  "another person": (s) => ({ facts: { ...s.facts, requester: "eva" } }),
  "another category": (s) => ({ facts: { ...s.facts, category: "legal" } }),
  "no reason": ({ facts: { reason: _, ...facts } }) => ({ facts }),
  "no kind": ({ facts: { kind: _, ...facts } }) => ({ facts }),
  "no end": ({ facts: { until: _, ...facts } }) => ({ facts }),
};
for (const [name, lie] of Object.entries(lies)) {
  test("a page that shows " + name + " is refused", () => {
    const s = { said: v.sentence, facts: v.facts };
    const told = { ...s, ...lie(s) };
    assert.notDeepEqual(told, s);
    assert.throws(() => checkShown(v.action, v.asked, told.said, told.facts), /Nothing was signed/);
  });
}

test("a page shows no fact that nobody signs", () => {
  assert.throws(() => checkShown(v.action, v.asked, v.sentence, { ...v.facts, harmless: "yes" }), /a fact that nobody signs: harmless/);
});

test("text that turns its direction is refused", () => {
  const a = { ...clone(v.action), reason: "safe \u202eevil" };
  assert.throws(() => checkShown(a, v.asked, v.sentence, { ...v.facts, reason: a.reason }), /nobody sees/);
});

const drafts = {
  "another action": (d) => (d.action.reason = "x"),
  "another digest": (d) => (d.statement.action = "sha256:" + "0".repeat(64)),
  "another request": (d) => (d.statement.request = "req_1"),
  "another verdict": (d) => (d.statement.verdict = "decline"),
  "an alarm": (d) => (d.statement.alarm = true),
  "a session": (d) => (d.statement.session = v.digest),
  "a decision": (d) => (d.statement.decision = v.digest),
  "a document": (d) => (d.statement.document = v.digest),
  "a batch": (d) => (d.statement.batch = v.digest),
  "another signer": (d) => (d.statement.signer = "eva"),
  "another key": (d) => (d.statement.key = "key_3"),
  "another desk": (d) => (d.statement.log = "other.example"),
  "another founding": (d) => (d.statement.founding = v.digest),
  "another executor": (d) => (d.statement.executor = "exec-9"),
  "no policy": (d) => (d.statement.policy = ""),
  "a short nonce": (d) => (d.statement.nonce = "AAAA"),
  "another version": (d) => (d.statement.v = "countersign/statement/v1"),
  "a later end": (d) => (d.statement.expires = time(micro(d.statement.expires) + 1)),
  "an older beginning": (d) => (d.statement.not_before = time(micro(d.statement.not_before) - 120e6)),
};
for (const [name, lie] of Object.entries(drafts)) {
  test("a draft with " + name + " is refused", async () => {
    const d = clone(draft(v));
    lie(d);
    await assert.rejects(checkVerdict(d, shown(v), "countersign", who(v)), /Nothing was signed/);
  });
}

test("a page whose requester signed something else is refused", async () => {
  const s = clone(shown(v));
  s.statement.action = "sha256:" + "0".repeat(64);
  await assert.rejects(checkVerdict(draft(v), s, "countersign", who(v)), /signed something else/);
  const t = clone(shown(v));
  t.request = "req_1";
  await assert.rejects(checkVerdict(draft(v), t, "countersign", who(v)), /Nothing was signed/);
});

test("the handle is typed as it is", () => {
  assert.ok(typedRight(v.action, " @singer "));
  for (const wrong of ["", "@sing", "singer", "@Singer", "@singer x"]) assert.ok(!typedRight(v.action, wrong), wrong);
});
