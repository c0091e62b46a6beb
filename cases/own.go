package cases

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// MinOwnSecret is the smallest number of bytes of the secret under which accounts are
// digested.
const MinOwnSecret = 32

// OwnDigest is the keyed digest of an account on a platform. The desk keeps these in place of
// the accounts that workers declare, and of the accounts that report. All nodes of a desk
// have the same secret, which is not in the database: who reads the database alone cannot
// tell whose accounts they are.
func OwnDigest(secret []byte, platform, account string) string {
	return keyed(secret, accountKey(platform, account))
}

// ReporterDigest is the keyed digest of whoever sent a report. For an account it is the
// OwnDigest, so that a worker's report is found by the worker's accounts.
func (r Report) ReporterDigest(secret []byte, program string) string {
	return keyed(secret, r.ReporterKey(program))
}

// OwnSeal is the keyed digest over all accounts that a worker declared, given by their digests.
// Whoever can edit the database and does not have the secret can neither take an account away
// nor add one.
func OwnSeal(secret []byte, worker string, digests []string) string {
	return keyed(secret, "seal\x00"+worker+"\x00"+strings.Join(slices.Sorted(slices.Values(digests)), "\x00"))
}

func accountKey(platform, account string) string { return "account\x00" + platform + "\x00" + account }

func keyed(secret []byte, name string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("countersign/own-account/v1\n" + name))
	return hex.EncodeToString(h.Sum(nil))
}
