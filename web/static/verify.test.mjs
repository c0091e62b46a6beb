// The same vectors as TestWarrantVectors in Go.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { base64, bytesOf, sha256 } from "./canonical.js";
import { readCheckpoint, Refused, verify } from "./verify.js";

const vectors = JSON.parse(readFileSync(new URL("../testdata/warrants.json", import.meta.url), "utf8"));
const clone = (v) => JSON.parse(JSON.stringify(v));

test("what Go makes holds", async () => {
  assert.ok(vectors.length >= 5);
  for (const { name, root, warrant } of vectors) {
    const told = [];
    const w = await verify(warrant, root, (t) => told.push(t));
    assert.equal(w.signers.length, 1 + warrant.countersignatures.length, name);
    assert.equal(told.length, 4 + w.signers.length, name);
  }
});

// flip changes one character of a text in base64.
const flip = (text) => (text[5] === "A" ? text.slice(0, 5) + "B" + text.slice(6) : text.slice(0, 5) + "A" + text.slice(6));
const forgeries = {
  "another root": (x) => (x.root = x.root.slice(0, -1) + (x.root.endsWith("0") ? "1" : "0")),
  "another subject": ({ warrant: w }) => (w.action.subject.id = "acct/1"),
  "another salt of the anchor": ({ warrant: w }) => (w.ledger.salt = flip(w.ledger.salt)),
  "another hash of the proof": ({ warrant: w }) => (w.ledger.proof.hashes[0] = flip(w.ledger.proof.hashes[0])),
  "a hash too many": ({ warrant: w }) => w.ledger.proof.hashes.push(w.ledger.proof.hashes[0]),
  "another index": ({ warrant: w }) => w.ledger.proof.index--,
  "another size": ({ warrant: w }) => (w.ledger.checkpoint = w.ledger.checkpoint.replace(/\n(\d+)\n/, (_, n) => "\n" + (Number(n) + 1) + "\n")),
  "a checkpoint of another log": ({ warrant: w }) => (w.ledger.checkpoint = w.ledger.checkpoint.replaceAll("ledger", "lodger")),
  "another signature of the checkpoint": ({ warrant: w }) => (w.ledger.checkpoint = w.ledger.checkpoint.replace(/...=\n$/, "AAA=\n")),
  "another signature of the request": ({ warrant: w }) => (w.request.signature.signature = flip(w.request.signature.signature)),
  "another entry of people": ({ warrant: w }) => (w.people[1].entry.number += 1),
  "no entry of a key": ({ warrant: w }) => (w.people = w.people.filter((e) => e.entry.kind !== "desk.key")),
  "another entry 0": ({ warrant: w }) => (w.people[0].entry.data.founding.nonce = flip(w.people[0].entry.data.founding.nonce)),
  "another ruling": ({ warrant: w }) => (w.ruling.need.independent = 0, w.ruling.facts.tier = "protected"),
  "a countersignature dropped": ({ warrant: w }) => w.countersignatures.pop() ?? (w.sessions = []),
};
for (const [name, forge] of Object.entries(forgeries)) {
  test("refused: " + name, async () => {
    for (const v of vectors) {
      const x = clone(v);
      forge(x);
      await assert.rejects(verify(x.warrant, x.root), Refused, v.name);
    }
  });
}

test("each key of a log is read, whatever its base64", async () => {
  const name = "desk.example.com/ledger";
  for (let plus = 0; plus < 3; ) {
    const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
    const key = new Uint8Array([1, ...new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))]);
    if (base64(key).split("+").length <= plus) continue;
    plus++;
    const id = (await sha256(name + "\n", key)).subarray(0, 4);
    const text = name + "\n7\n" + base64(new Uint8Array(32)) + "\n";
    const signature = new Uint8Array([...id, ...new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, bytesOf(text)))]);
    const note = text + "\n\u2014 " + name + " " + base64(signature) + "\n";
    const vkey = name + "+" + Buffer.from(id).toString("hex") + "+" + base64(key);
    assert.equal((await readCheckpoint(note, vkey, name)).size, 7);
    await assert.rejects(readCheckpoint(note.replace("\n7\n", "\n8\n"), vkey, name), Refused);
  }
});
