package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Witness checks the cosignatures of one witness (C2SP tlog-cosignature v1,
// Ed25519). It is a note.Verifier.
type Witness struct {
	line   string
	name   string
	id     uint32
	public ed25519.PublicKey
}

// NewWitness reads a witness's verifier key.
func NewWitness(line string) (*Witness, error) {
	name, public, err := splitVerifierKey(line, algCosignatureV1)
	if err != nil {
		return nil, err
	}
	return &Witness{line: line, name: name, public: public,
		id: keyID(name, append([]byte{algCosignatureV1}, public...))}, nil
}

// Name returns the name of the witness's key.
func (w *Witness) Name() string { return w.name }

// KeyHash returns the key's short id.
func (w *Witness) KeyHash() uint32 { return w.id }

// String returns the verifier key.
func (w *Witness) String() string { return w.line }

// Verify checks a cosignature, which is eight bytes of time and then a signature
// over a header, that time and the checkpoint's text.
func (w *Witness) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	if at == 0 || at > maxCosignatureTime {
		return false
	}
	return ed25519.Verify(w.public, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text), sig[8:])
}

// maxCosignatureTime is the last second of the year 9999, the last that
// canonical.Time can write.
const maxCosignatureTime = 253402300799

func cosignatureTime(sig note.Signature) (canonical.Time, error) {
	raw, err := base64.StdEncoding.DecodeString(sig.Base64)
	if err != nil || len(raw) < 4+8 {
		return canonical.Time{}, fault.New(fault.Invalid, "checkpoint-malformed", "The cosignature by %q has no time.", sig.Name)
	}
	return canonical.At(time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0)), nil
}
