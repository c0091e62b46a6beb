package alarm_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"countersign.dev/alarm"
	"countersign.dev/fault"
)

// The specification's libraries and its reference server publish these.
const (
	vectorID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody   = `{"test": 2432232314}`
	vectorShared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorV1     = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	vectorSecret = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorPublic = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	vectorV1a    = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

var vectorTime = time.Unix(1614265330, 0)

func key(t testing.TB, text string) alarm.Key {
	t.Helper()
	k, err := alarm.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPublishedVectors(t *testing.T) {
	h, err := alarm.Sign(vectorID, vectorTime, []byte(vectorBody), key(t, vectorShared), key(t, vectorSecret))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h.Get("webhook-signature"), vectorV1+" "+vectorV1a; got != want {
		t.Errorf("signature\n got %s\nwant %s", got, want)
	}
	if h.Get("webhook-id") != vectorID || h.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("header %v", h)
	}
	for _, k := range []string{vectorShared, vectorSecret, vectorPublic} {
		if _, err := alarm.Verify(h, []byte(vectorBody), vectorTime, time.Minute, key(t, k)); err != nil {
			t.Errorf("%.6s: %v", k, err)
		}
	}
	library, err := standardwebhooks.NewWebhook(vectorShared)
	if err != nil {
		t.Fatal(err)
	}
	if err := library.VerifyIgnoringTimestamp([]byte(vectorBody), h); err != nil {
		t.Errorf("the specification's library refuses it: %v", err)
	}
}

func TestTimeOutsideTolerance(t *testing.T) {
	h, err := alarm.Sign(vectorID, vectorTime, []byte(vectorBody), key(t, vectorShared))
	if err != nil {
		t.Fatal(err)
	}
	for off, want := range map[time.Duration]string{
		0: "", 5 * time.Minute: "", -5 * time.Minute: "",
		5*time.Minute + time.Second: "webhook-time", -5*time.Minute - time.Second: "webhook-time",
	} {
		_, err := alarm.Verify(h, []byte(vectorBody), vectorTime.Add(off), 5*time.Minute, key(t, vectorShared))
		if got := slug(err); got != want {
			t.Errorf("%s later: %q, want %q", off, got, want)
		}
	}
}

func slug(err error) string {
	if err == nil {
		return ""
	}
	return fault.TypeOf(err)
}

func TestWhatIsSignedCannotChange(t *testing.T) {
	for _, k := range []string{vectorShared, vectorSecret} {
		for name, change := range map[string]func(http.Header, *[]byte){
			"body":       func(_ http.Header, b *[]byte) { *b = append(*b, ' ') },
			"identifier": func(h http.Header, _ *[]byte) { h.Set("webhook-id", "msg_other") },
			"time":       func(h http.Header, _ *[]byte) { h.Set("webhook-timestamp", "1614265331") },
			"version": func(h http.Header, _ *[]byte) {
				_, value, _ := strings.Cut(h.Get("webhook-signature"), ",")
				h.Set("webhook-signature", "v2,"+value)
			},
			"nothing signed": func(h http.Header, _ *[]byte) { h.Set("webhook-signature", "v1, v1a,") },
		} {
			body := []byte(vectorBody)
			h, err := alarm.Sign(vectorID, vectorTime, body, key(t, k))
			if err != nil {
				t.Fatal(err)
			}
			change(h, &body)
			if _, err := alarm.Verify(h, body, vectorTime, time.Minute, key(t, k)); !fault.Is(err, "webhook-signature") {
				t.Errorf("%.6s, %s: %v", k, name, err)
			}
		}
	}
}

func TestRotation(t *testing.T) {
	random := bytes.NewReader(bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz"), 8))
	oldSecret, oldPublic, err := alarm.GenerateSigning(random)
	if err != nil {
		t.Fatal(err)
	}
	newSecret, newPublic, err := alarm.GenerateSigning(random)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := alarm.GenerateShared(random)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(keys ...alarm.Key) http.Header {
		h, err := alarm.Sign("alm_1", vectorTime, []byte("{}"), keys...)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	verify := func(h http.Header, keys ...alarm.Key) error {
		_, err := alarm.Verify(h, []byte("{}"), vectorTime, time.Minute, keys...)
		return err
	}
	both := sign(key(t, newSecret), key(t, oldSecret), key(t, shared))
	for _, k := range []string{oldPublic, newPublic, shared} {
		if err := verify(both, key(t, k)); err != nil {
			t.Errorf("while the key changes: %v", err)
		}
	}
	after := sign(key(t, newSecret))
	if err := verify(after, key(t, oldPublic)); err == nil {
		t.Error("the old key still verifies what only the new one signed")
	}
	if err := verify(after, key(t, oldPublic), key(t, newPublic)); err != nil {
		t.Errorf("a receiver that knows both: %v", err)
	}
	if _, err := alarm.Sign("alm_1", vectorTime, nil, key(t, newPublic)); !fault.Is(err, "bad-alarm-key") {
		t.Errorf("signed with a public key: %v", err)
	}
	if _, err := alarm.Sign("alm_1", vectorTime, nil); !fault.Is(err, "bad-alarm-key") {
		t.Errorf("signed with nothing: %v", err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	for _, text := range []string{"", "w", "whsec_", "whsec_%", "whsec_dG9vIHNob3J0", "hwsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
		"whsec_" + strings.Repeat("QUFB", 22), vectorShared + "\n", vectorShared + "=", vectorSecret[:len(vectorSecret)-2],
		"whpk_" + strings.TrimPrefix(vectorSecret, "whsk_"),
		"whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlaaaaaaaaaaAJ6p9lMicMFs6Kvg==", // another's public half
		strings.Replace(vectorPublic, "4=", "5=", 1)} {                                                  // another spelling of the same bytes
		if _, err := alarm.ParseKey(text); !fault.Is(err, "bad-alarm-key") {
			t.Errorf("%q: %v", text, err)
		} else if len(text) > 12 && strings.Contains(err.Error(), text[8:]) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

// A key is shown neither when it is printed nor when a struct that holds it is.
func TestKeysStaySecret(t *testing.T) {
	for _, text := range []string{vectorShared, vectorSecret} {
		k := key(t, text)
		raw := text[strings.IndexByte(text, '_')+1:][:12]
		hidden := struct{ inside alarm.Key }{k}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, v := range []any{k, &k, []alarm.Key{k}, hidden, alarm.Endpoint{Keys: []alarm.Key{k}}} {
				out := fmt.Sprintf(verb, v)
				if strings.Contains(out, raw) || len(out) > 200 {
					t.Errorf("%s of %T shows %s", verb, v, out)
				}
			}
		}
		if b, err := k.MarshalText(); err != nil || strings.Contains(string(b), raw) {
			t.Errorf("%s, %v", b, err)
		}
	}
}

func TestHeadersThatAreNone(t *testing.T) {
	good := func() http.Header {
		return http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {vectorV1}}
	}
	if _, err := alarm.ParseHeader(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(http.Header){
		"no id":          func(h http.Header) { h.Del("Webhook-Id") },
		"no time":        func(h http.Header) { h.Del("Webhook-Timestamp") },
		"no signature":   func(h http.Header) { h.Del("Webhook-Signature") },
		"two ids":        func(h http.Header) { h.Add("Webhook-Id", "msg_2") },
		"two times":      func(h http.Header) { h.Add("Webhook-Timestamp", "1614265330") },
		"full stop":      func(h http.Header) { h.Set("Webhook-Id", "msg_1.5") },
		"signed time":    func(h http.Header) { h.Set("Webhook-Timestamp", "-1614265330") },
		"plus":           func(h http.Header) { h.Set("Webhook-Timestamp", "+1614265330") },
		"zero in front":  func(h http.Header) { h.Set("Webhook-Timestamp", "01614265330") },
		"far too long":   func(h http.Header) { h.Set("Webhook-Timestamp", "99999999999999999999") },
		"too many":       func(h http.Header) { h.Set("Webhook-Signature", strings.Repeat(vectorV1+" ", 33)) },
		"identifier big": func(h http.Header) { h.Set("Webhook-Id", strings.Repeat("a", 257)) },
	} {
		h := good()
		change(h)
		if _, err := alarm.ParseHeader(h); !fault.Is(err, "bad-webhook-header") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No header that was not signed verifies, and what is read is what was sent.
func FuzzHeader(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorV1+" "+vectorV1a)
	f.Add("a.b", "-1", "v1,")
	f.Add("", "1614265330", "v1a,"+strings.Repeat("A", 88))
	// Keys that signed nothing.
	shared, public := key(f, "whsec_"+strings.Repeat("QUJD", 10)), key(f, vectorPublic)
	f.Fuzz(func(t *testing.T, id, stamp, list string) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {list}}
		parsed, err := alarm.ParseHeader(h)
		if err == nil && (parsed.ID != id || strconv.FormatInt(parsed.Time.Unix(), 10) != stamp) {
			t.Errorf("%q %q read as %+v", id, stamp, parsed)
		}
		if _, err := alarm.Verify(h, []byte("never signed"), parsed.Time, time.Hour, shared, public, alarm.Key{}); err == nil {
			t.Errorf("%v verifies", h)
		}
	})
}

// Whatever is read as a key signs what it verifies, or verifies only.
func FuzzKey(f *testing.F) {
	for _, s := range []string{vectorShared, vectorSecret, vectorPublic, "whsec_", "whsk_AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := alarm.ParseKey(text)
		if err != nil {
			return
		}
		h, err := alarm.Sign("m", vectorTime, nil, k)
		if strings.HasPrefix(text, "whpk_") != (err != nil) {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil {
			if _, err := alarm.Verify(h, nil, vectorTime, 0, k); err != nil {
				t.Errorf("%q does not verify what it signed: %v", text, err)
			}
		}
	})
}
