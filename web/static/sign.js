// What is signed is what is shown: this module compares each draft that the desk makes with what the
// person asked for and saw, recomputes every digest, and only then lets a key sign. It holds no rule
// of the desk: it refuses to sign for the desk what the person did not mean.
import { bySession, byPasskey, deskNow } from "./keys.js";
import { challenge, digest, micro, unbase64 } from "./canonical.js";

export class Tricked extends Error {
  constructor(why) {
    super("Nothing was signed: the desk sent a draft that is not what you asked for (" + why + "). Tell security: this desk may be lying.");
  }
}
const refuse = (why) => {
  throw new Tricked(why);
};
export { refuse };

const minute = 60e6;
// documentLife is the longest life of the statement of a document: proof.DocumentLife.
export const documentLife = 15 * minute;

// who is the signer: the session, or the person's own key in its place. s is what keys.js keeps.
export const bySessionKey = (s) => ({ worker: s.worker, key: s.key, session: s.digest, log: s.session.log, founding: s.session.founding, sign: (c) => bySession(s, c) });
export const byOwnKey = (s) => ({
  worker: s.worker, key: s.key, session: "", log: s.session.log, founding: s.session.founding,
  sign: async (c) => {
    if (byFile(s)) throw new Error("Your key is a file, and no page can sign with it. Nothing was signed. The command line signs it, where your key is.");
    return s.own ? bySession({ pair: s.own }, c) : (await byPasskey(c, [s.credential], s.site)).signature;
  },
});

// byFile reports whether the person's own key is a file: no page can sign with it.
export const byFile = (s) => !s.credential && !s.own;

// checkStatement checks a statement about an action before it is hashed and signed. most is the
// longest time for which it may be open, in seconds; decision is the digest of the decision that the
// act follows from.
export async function checkStatement(action, st, { request, verdict, who, most, decision = "" }) {
  if (st.v !== "countersign/statement/v2" || action.v !== "countersign/action/v2") refuse("its version is " + st.v);
  if (st.action !== (await digest(action)) || st.document !== "" || st.batch !== "") refuse("its statement is about something else than its action");
  if (st.request !== request || !/^req_[0-9a-z]+$/.test(st.request)) refuse("its statement is about another request");
  if (st.verdict !== verdict) refuse("its statement says " + st.verdict + ", not " + verdict);
  if (st.decision !== decision) refuse("its statement is about another decision");
  if (st.alarm) refuse("its statement raises an alarm that you did not raise");
  checkSigner(st, who);
  if (st.executor === "" || (st.executor === "desk") !== (action.subject.platform === "desk") || !/^sha256:/.test(st.policy)) refuse("its statement is incomplete");
  checkLife(st, most);
}

// checkSigner checks that a statement is the signer's, at the signer's desk, under the signer's key.
export function checkSigner(st, who) {
  if (st.signer !== who.worker || st.key !== who.key) refuse("its statement is for " + st.signer + " with " + st.key);
  if (st.session !== who.session) refuse(who.session ? "its statement is under another session" : "its statement is under a session, and your own key signs");
  if (st.log !== who.log || st.founding !== who.founding) refuse("its statement is for the desk " + st.log);
  if (unbase64(st.nonce).length !== 32) refuse("its nonce is not 32 bytes");
}

// checkLife checks when a statement begins and how long it is open.
export function checkLife(st, most) {
  const begins = micro(st.not_before), ends = micro(st.expires), now = deskNow();
  if (ends - begins > most * 1e6) refuse("it would be open for longer than it may");
  if (begins - now > minute || ends <= now) throw new Error("The desk's clock and this computer's differ too much. Nothing was signed. Load the page again.");
}

// signed signs a statement.
export async function signed(st, who) {
  return { signature: await who.sign(await challenge(st.v, st)), statement: st };
}
