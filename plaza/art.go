package plaza

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An account's picture and banner are drawn from its handle: the same handle always looks
// the same, and no picture needs to be stored or fetched elsewhere.

// seed spreads a handle over 32 bits.
func seed(handle string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(strings.ToLower(handle)))
	x := h.Sum32()
	x ^= x >> 16 // FNV's low bits of short similar words lie close together
	x *= 0x7feb352d
	x ^= x >> 15
	return x
}

// initial is the first letter of a handle, which has been checked to be ASCII.
func initial(handle string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(handle, "_.-0123456789"))
	if !unicode.IsLetter(r) {
		return "·"
	}
	return string(unicode.ToUpper(r))
}

func avatarSVG(handle string) string {
	x := seed(handle)
	hue := int(x % 360)
	second := (hue + 30 + int(x>>9%40)) % 360
	cx, cy, r := 8+int(x>>12%48), 40+int(x>>18%24), 22+int(x>>24%18)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="128" height="128">`+
		`<rect width="64" height="64" fill="hsl(%d 46%% 46%%)"/>`+
		`<circle cx="%d" cy="%d" r="%d" fill="hsl(%d 52%% 58%%)" fill-opacity=".75"/>`+
		`<circle cx="%d" cy="%d" r="%d" fill="hsl(%d 60%% 34%%)" fill-opacity=".35"/>`+
		`<text x="32" y="42" font-family="system-ui,Helvetica,Arial,sans-serif" font-size="29" font-weight="600" text-anchor="middle" fill="#fff">%s</text></svg>`,
		hue, cx, cy, r, second, 64-cx, 64-cy, r/2+6, second, initial(handle))
}

func bannerSVG(handle string) string {
	x := seed(handle)
	hue := int(x % 360)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 160" width="1200" height="320" preserveAspectRatio="xMidYMid slice">`+
		`<rect width="600" height="160" fill="hsl(%d 40%% 62%%)"/>`, hue)
	for i := range 4 {
		base := 62 + 24*i
		bend := int(x>>(4*i)%44) - 22
		fmt.Fprintf(&b, `<path d="M0 %d C150 %d 300 %d 450 %d S600 %d 600 %d V160 H0Z" fill="hsl(%d 42%% %d%%)" fill-opacity=".6"/>`,
			base, base-bend, base+bend, base-bend/2, base, base-8, (hue+14*i)%360, 56-7*i)
	}
	b.WriteString(`</svg>`)
	return b.String()
}

// servePicture answers for any well-formed handle, so that a picture does not tell which
// accounts exist.
func servePicture(draw func(string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		handle, ok := strings.CutSuffix(r.PathValue("file"), ".svg")
		if _, err := foldHandle("@" + handle); !ok || err != nil {
			http.NotFound(w, r)
			return
		}
		protect(w.Header())
		w.Header().Set("Content-Type", "image/svg+xml")
		w.Header().Set("Cache-Control", "public, max-age=86400")
		fmt.Fprint(w, draw(handle))
	}
}
