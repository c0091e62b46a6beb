package cases

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// The bounds of a picture that somebody's screen may draw. A file of a few kilobytes can
// say that it is 50,000 pixels high, and whoever draws it needs gigabytes.
const (
	maxSide   = 16_384
	maxPixels = 40_000_000
)

// Format is the format of a picture as its bytes show it, whatever anybody calls it.
type Format struct {
	Type   string `json:"type,omitzero"` // one of those that are shown; empty: something else
	Width  int64  `json:"width,omitzero"`
	Height int64  `json:"height,omitzero"`
	// Shown says that a screen may draw it. Other bytes are kept and handed out as bytes.
	Shown bool `json:"shown,omitzero"`
}

// formats are the formats that are shown, with how their bytes begin. A format that can hold
// a program or fetch an address, as SVG can, is never one of them.
var formats = []struct {
	name   string
	begins func([]byte) bool
	config func(io.Reader) (image.Config, error)
}{
	{"image/png", begin("\x89PNG\r\n\x1a\n"), png.DecodeConfig},
	{"image/jpeg", begin("\xff\xd8\xff"), jpeg.DecodeConfig},
	{"image/gif", func(b []byte) bool { return begin("GIF87a")(b) || begin("GIF89a")(b) }, gif.DecodeConfig},
	{"image/webp", func(b []byte) bool { return begin("RIFF")(b) && len(b) >= 12 && string(b[8:12]) == "WEBP" }, webp.DecodeConfig},
}

func begin(with string) func([]byte) bool {
	return func(b []byte) bool { return bytes.HasPrefix(b, []byte(with)) }
}

// FormatOf returns the format of a picture. It reads the head of the file and draws nothing.
func FormatOf(b []byte) Format {
	for _, f := range formats {
		if !f.begins(b) {
			continue
		}
		c, err := f.config(bytes.NewReader(b))
		if err != nil {
			return Format{}
		}
		w, h := int64(c.Width), int64(c.Height)
		return Format{Type: f.name, Width: w, Height: h, Shown: w > 0 && h > 0 && w <= maxSide && h <= maxSide && w*h <= maxPixels}
	}
	return Format{}
}
