package alarm

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign.dev/fault"
)

const (
	idName        = "Webhook-Id"
	timestampName = "Webhook-Timestamp"
	signatureName = "Webhook-Signature"

	signatureLimit = 32 // in one header: each costs the receiver a check per key
)

// Header is the three header fields of an attempt.
type Header struct {
	ID         string
	Time       time.Time // of the attempt, to the second
	signatures []signature
}

type signature struct {
	version string
	value   []byte
}

// Sign signs body with every key, the newest first by custom.
func Sign(id string, at time.Time, body []byte, keys ...Key) (http.Header, error) {
	if !idForm.MatchString(id) || at.Unix() < 0 {
		return nil, fault.New(fault.Invalid, "bad-alarm", "An alarm's identifier or time cannot be signed.")
	}
	if len(keys) == 0 || len(keys) > signatureLimit {
		return nil, fault.New(fault.Invalid, "bad-alarm-key", "An address has 1 to %d keys.", signatureLimit)
	}
	all := make([]string, 0, len(keys))
	for _, k := range keys {
		s, err := k.sign(id, at, body)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	h := http.Header{}
	h.Set(idName, id)
	h.Set(timestampName, strconv.FormatInt(at.Unix(), 10))
	h.Set(signatureName, strings.Join(all, " "))
	return h, nil
}

// ParseHeader reads the three fields. It skips signatures of unknown versions, as the
// specification demands.
func ParseHeader(h http.Header) (Header, error) {
	bad := func(text string) (Header, error) {
		return Header{}, fault.New(fault.Unauthenticated, "bad-webhook-header", "%s", text)
	}
	for _, name := range []string{idName, timestampName, signatureName} {
		if len(h.Values(name)) != 1 {
			return bad("Of " + strings.ToLower(name) + " there must be exactly one.")
		}
	}
	id, stamp, list := h.Get(idName), h.Get(timestampName), h.Get(signatureName)
	// Identifiers of other senders may have forms that we would not make. Forms that allow
	// another division of the signed parts are refused.
	if id == "" || len(id) > 256 || strings.ContainsAny(id, ". \t\r\n") {
		return bad("webhook-id is empty, too long or holds a full stop or white space.")
	}
	unix, err := strconv.ParseUint(stamp, 10, 40)
	if err != nil || strconv.FormatUint(unix, 10) != stamp {
		return bad("webhook-timestamp is not a number of seconds.")
	}
	parts := strings.Fields(list)
	if len(parts) > signatureLimit {
		return bad("webhook-signature holds too many signatures.")
	}
	parsed := Header{ID: id, Time: time.Unix(int64(unix), 0).UTC()}
	for _, part := range parts {
		version, text, _ := strings.Cut(part, ",")
		value, err := encoding.DecodeString(text)
		known := version == "v1" && len(value) == 32 || version == "v1a" && len(value) == 64
		if err == nil && known {
			parsed.signatures = append(parsed.signatures, signature{version, value})
		}
	}
	return parsed, nil
}

// Verify is for receivers: it reports whether one of the keys signed body under this
// header at a time within tolerance of now. It cannot know whether the message came
// before: compare Header.ID.
func Verify(h http.Header, body []byte, now time.Time, tolerance time.Duration, keys ...Key) (Header, error) {
	parsed, err := ParseHeader(h)
	if err != nil {
		return Header{}, err
	}
	if age := now.Sub(parsed.Time); age > tolerance || age < -tolerance {
		return Header{}, fault.New(fault.Expired, "webhook-time", "The webhook was sent too long ago, or by a clock that is ahead: at most %s either way.", tolerance)
	}
	content := signed(parsed.ID, parsed.Time.Unix(), body)
	for _, s := range parsed.signatures {
		for _, k := range keys {
			if k.verifies(s, content) {
				return parsed, nil
			}
		}
	}
	return Header{}, fault.New(fault.Unauthenticated, "webhook-signature", "None of the known keys signed this webhook.")
}
