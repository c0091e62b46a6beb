// The same vectors as TestDeedVectors in Go.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { digest } from "./canonical.js";
import { channelText, commitment, deed } from "./decision.js";
import { setClock } from "./keys.js";

const vectors = JSON.parse(readFileSync(new URL("../testdata/deed.json", import.meta.url), "utf8"));

setClock("2026-11-23T05:39:46.000000Z");

test("the text of a channel and its seal are those of Go", async () => {
  for (const v of vectors) {
    assert.equal(await channelText(v.webhook, v.secret), v.text);
    assert.equal(await commitment(v.field, v.salt, v.text), v.commitment);
  }
});

test("a channel's deed commits to its text, and is signed with the person's own key", async () => {
  for (const v of vectors) {
    const who = { worker: "bob", key: "key_1", session: "", log: "desk.example", founding: "sha256:00", sign: async () => "signed" };
    const d = await deed({ what: v.what, of: "bob", version: 3 }, v.text, who, {});
    assert.equal(d.deed.text, await commitment(v.field, d.salt, v.text));
    assert.deepEqual([d.deed.what, d.deed.of, d.deed.version, d.session], ["worker.channel", "bob", 3, undefined]);
    const st = d.signed.statement;
    assert.deepEqual([st.document, st.signer, st.key, st.session, st.verdict, st.request], [await digest(d.deed), "bob", "key_1", "", "act", ""]);
  }
});
