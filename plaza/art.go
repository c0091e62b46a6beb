package plaza

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"math"
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

// Scene draws a picture for a post of a demonstration, and says what can be seen: a PNG
// file of hills under a sky. The same word always gives the same picture.
func Scene(word string) (file []byte, alt string, err error) {
	const width, height, hills = 600, 400, 4
	x := seed(word)
	part := func(shift, of uint32) float64 { return float64(x>>shift%of) / float64(of) }
	hue := []float64{0.52, 0.57, 0.04, 0.92}[x%4] + 0.06*part(2, 60)
	night := x>>9%4 == 0
	body, ground := fromHSL(0.14, 0.8, 0.93), [hills]color.RGBA{}
	for hill := range hills {
		light := 0.52 - 0.1*float64(hill)
		if night {
			light *= 0.5
		}
		ground[hill] = fromHSL(math.Mod(0.2+0.3*part(7, 23)+0.05*float64(hill), 1), 0.3, light)
	}
	bodyX, bodyY, bodyR := width*(0.15+0.7*part(11, 97)), height*(0.16+0.2*part(17, 31)), height*(0.05+0.05*part(5, 13))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for py := range height {
		sky := fromHSL(hue, 0.55, 0.62+0.26*float64(py)/height)
		if night {
			sky = fromHSL(hue, 0.35, 0.12+0.22*float64(py)/height)
		}
		for px := range width {
			img.SetRGBA(px, py, blend(sky, body, bodyR-math.Hypot(float64(px)-bodyX, float64(py)-bodyY)+0.5))
		}
	}
	for px := range width {
		for hill := range hills {
			top := height * (0.42 + 0.14*float64(hill))
			for wave := range 3 {
				of := float64(x>>(3*hill+5*wave)%29 + 1)
				top += height * 0.05 / float64(wave+1) * math.Sin(float64(px)/width*math.Pi*(1+of/9+float64(wave))+of)
			}
			for py := max(0, int(top)); py < height; py++ {
				img.SetRGBA(px, py, blend(img.RGBAAt(px, py), ground[hill], float64(py)-top+0.5))
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, "", fmt.Errorf("drawing a scene: %w", err)
	}
	when, above := "day", "sun"
	if night {
		when, above = "night", "moon"
	}
	return b.Bytes(), fmt.Sprintf("A drawing of hills by %s, with the %s above them.", when, above), nil
}

// blend lays a colour over another; how says how much of it, from 0 to 1.
func blend(under, over color.RGBA, how float64) color.RGBA {
	how = min(1, max(0, how))
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + (float64(b)-float64(a))*how) }
	return color.RGBA{mix(under.R, over.R), mix(under.G, over.G), mix(under.B, over.B), 255}
}

// fromHSL returns the colour of a hue, saturation and lightness, each from 0 to 1.
func fromHSL(h, s, l float64) color.RGBA {
	channel := func(n float64) uint8 {
		k := math.Mod(n+h*12, 12)
		return uint8(255 * (l - s*min(l, 1-l)*max(-1, min(k-3, 9-k, 1))))
	}
	return color.RGBA{channel(0), channel(8), channel(4), 255}
}
