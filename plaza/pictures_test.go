package plaza

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"strings"
	"testing"

	"countersign.dev/fault"
)

// plain is a picture of a red left half and a blue right half.
func plain(width, height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			c := color.RGBA{200, 20, 20, 255}
			if x >= width/2 {
				c = color.RGBA{20, 20, 200, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func encode(t testing.TB, img image.Image, kind string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if kind == "image/png" {
		err = png.Encode(&b, img)
	} else {
		err = jpeg.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chunk is a part of a PNG file.
func chunk(name string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// claims is a PNG file of a few bytes that says it is of a size.
func claims(width, height uint32) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	file := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(head, 8, 6, 0, 0, 0))...)
	return append(file, chunk("IEND", nil)...)
}

// held is a JPEG file with Exif data: how the camera was held, and where it was.
func held(t testing.TB, img image.Image, how byte) []byte {
	t.Helper()
	exif := append([]byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), how)
	exif = append(exif, "\x00\x00\x00\x00\x00\x00GPS 52.5200 N 13.4050 E"...)
	file := encode(t, img, "image/jpeg")
	part := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(2+len(exif)))
	return append(append(append([]byte{}, file[:2]...), append(part, exif...)...), file[2:]...)
}

func readable(t testing.TB, p picture) image.Image {
	t.Helper()
	var img image.Image
	var err error
	switch p.kind {
	case "image/png":
		img, err = png.Decode(bytes.NewReader(p.data))
	case "image/jpeg":
		img, err = jpeg.Decode(bytes.NewReader(p.data))
	default:
		t.Fatalf("the picture is stored as %q", p.kind)
	}
	if err != nil {
		t.Fatalf("what is stored cannot be read: %v", err)
	}
	if b := img.Bounds(); b.Dx() != p.width || b.Dy() != p.height {
		t.Fatalf("it is %v and not %d × %d", b, p.width, p.height)
	}
	return img
}

// TestPictures reads files of each kind, and what is stored holds nothing but what can be
// seen.
func TestPictures(t *testing.T) {
	const secret = "GPS 52.5200 N 13.4050 E"
	pngFile := encode(t, plain(60, 40), "image/png")
	ihdr := len("\x89PNG\r\n\x1a\n") + 25
	withText := append(append(append([]byte{}, pngFile[:ihdr]...), chunk("tEXt", []byte("Comment\x00"+secret))...), pngFile[ihdr:]...)
	webpFile, err := os.ReadFile("testdata/halves.webp")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		kind string
	}{
		"PNG":                {pngFile, "image/png"},
		"PNG with a text":    {withText, "image/png"},
		"PNG with a tail":    {append(append([]byte{}, pngFile...), "<script>"+secret+"</script>"...), "image/png"},
		"JPEG":               {encode(t, plain(60, 40), "image/jpeg"), "image/jpeg"},
		"JPEG with its Exif": {held(t, plain(60, 40), 1), "image/jpeg"},
		"JPEG with a tail":   {append(encode(t, plain(60, 40), "image/jpeg"), secret...), "image/jpeg"},
		"WebP":               {webpFile, "image/jpeg"},
	} {
		p, err := NewPicture{Data: c.file, Alt: "halves"}.read()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		img := readable(t, p)
		if p.kind != c.kind || bytes.Contains(p.data, []byte(secret)) || bytes.Contains(p.data, []byte("Exif")) || p.alt != "halves" {
			t.Errorf("%s is stored as %s, %d bytes: %.200q", name, p.kind, len(p.data), p.data)
		}
		left, _, _, _ := img.At(p.width/4, p.height/2).RGBA()
		right, _, _, _ := img.At(3*p.width/4, p.height/2).RGBA()
		if left < 0x9000 || right > 0x6000 {
			t.Errorf("%s: the halves are %x and %x red", name, left, right)
		}
	}
}

// TestTransparent: what is see-through stays so, which a JPEG could not keep.
func TestTransparent(t *testing.T) {
	file, err := os.ReadFile("testdata/hole.webp")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPicture{Data: file, Alt: "a hole"}.read()
	if err != nil {
		t.Fatal(err)
	}
	img := readable(t, p)
	if _, _, _, a := img.At(14, 4).RGBA(); a != 0 || p.kind != "image/png" {
		t.Errorf("the hole is %d opaque in %s", a, p.kind)
	}
	if _, _, _, a := img.At(40, 30).RGBA(); a != 0xffff {
		t.Errorf("beside the hole it is %d opaque", a)
	}
}

// TestUpright: a picture is turned to how its camera was held, in all eight ways.
func TestUpright(t *testing.T) {
	for how, red := range map[byte]image.Point{1: {8, 16}, 2: {56, 16}, 3: {56, 16}, 4: {8, 16}, 5: {16, 8}, 6: {16, 8}, 7: {16, 56}, 8: {16, 56}} {
		p, err := NewPicture{Data: held(t, plain(64, 32), how), Alt: "a"}.read()
		if err != nil {
			t.Fatalf("%d: %v", how, err)
		}
		img := readable(t, p)
		want := image.Pt(64, 32)
		if how >= 5 {
			want = image.Pt(32, 64)
		}
		if size := img.Bounds().Size(); size != want {
			t.Errorf("held in the way %d it is of the size %v, want %v", how, size, want)
		}
		if r, _, b, _ := img.At(red.X, red.Y).RGBA(); r < b {
			t.Errorf("held in the way %d it is not red at %v", how, red)
		}
	}
	// A corner tells turning from mirroring.
	corner := plain(64, 32)
	for x := range 64 {
		for y := range 32 {
			c := color.RGBA{0, 0, 0, 255}
			if x < 16 && y < 8 {
				c = color.RGBA{255, 255, 255, 255}
			}
			corner.SetRGBA(x, y, c)
		}
	}
	for how, at := range map[byte]image.Point{1: {4, 4}, 2: {60, 4}, 3: {60, 28}, 4: {4, 28}, 5: {4, 4}, 6: {28, 4}, 7: {28, 60}, 8: {4, 60}} {
		p, err := NewPicture{Data: held(t, corner, how), Alt: "a"}.read()
		if err != nil {
			t.Fatal(err)
		}
		if r, _, _, _ := readable(t, p).At(at.X, at.Y).RGBA(); r < 0x8000 {
			t.Errorf("held in the way %d the light corner is not at %v", how, at)
		}
	}
}

func TestBadPictures(t *testing.T) {
	small := encode(t, plain(8, 8), "image/png")
	for name, c := range map[string]struct {
		p    NewPicture
		want string
	}{
		"nothing":           {NewPicture{Alt: "a"}, "bad-picture"},
		"a text":            {NewPicture{[]byte("hello"), "a"}, "bad-picture"},
		"a page":            {NewPicture{[]byte("<html><script>alert(1)</script>"), "a"}, "bad-picture"},
		"an SVG":            {NewPicture{[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "a"}, "bad-picture"},
		"a GIF":             {NewPicture{[]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), "a"}, "bad-picture"},
		"a PNG's head":      {NewPicture{small[:8], "a"}, "bad-picture"},
		"half a PNG":        {NewPicture{small[:len(small)-20], "a"}, "bad-picture"},
		"half a JPEG":       {NewPicture{encode(t, plain(64, 64), "image/jpeg")[:300], "a"}, "bad-picture"},
		"a WebP's head":     {NewPicture{[]byte("RIFF\x24\x00\x00\x00WEBPVP8 "), "a"}, "bad-picture"},
		"no alt text":       {NewPicture{small, ""}, "bad-picture"},
		"a blank alt text":  {NewPicture{small, " \n"}, "bad-picture"},
		"a long alt text":   {NewPicture{small, strings.Repeat("x", 501)}, "bad-picture"},
		"a large file":      {NewPicture{append(small, make([]byte, 1<<20)...), "a"}, "picture-too-large"},
		"a wide bomb":       {NewPicture{claims(1<<31-1, 1), "a"}, "picture-too-large"},
		"a high bomb":       {NewPicture{claims(1, 4097), "a"}, "picture-too-large"},
		"a bomb of an area": {NewPicture{claims(4096, 4096), "a"}, "picture-too-large"},
		"a claim":           {NewPicture{claims(2000, 2000), "a"}, "bad-picture"},
		"no size":           {NewPicture{claims(0, 10), "a"}, "bad-picture"},
	} {
		if _, err := c.p.read(); !fault.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := (NewPicture{encode(t, plain(4096, 1900), "image/png"), "large, but not too large"}).read(); err != nil {
		t.Error(err)
	}
}

// TestManyPixels: pictures of one request have a limit together, which is looked at before
// any is decoded.
func TestManyPixels(t *testing.T) {
	var list []NewPost
	for range 9 {
		list = append(list, NewPost{Pictures: []NewPicture{{claims(4000, 2000), "a"}}}) // not one of them can be decoded
	}
	if _, err := (&Server{}).readPictures(list); !fault.Is(err, "picture-too-large") {
		t.Errorf("%v", err)
	}
	if _, err := (&Server{}).readPictures(list[:8]); !fault.Is(err, "bad-picture") {
		t.Errorf("%v", err)
	}
}

func TestScenes(t *testing.T) {
	seen := map[string]bool{}
	for _, word := range []string{"a", "b", "c", "coast", "match", "Saturn"} {
		file, alt, err := Scene(word)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := Scene(word)
		if err != nil || !bytes.Equal(file, again) {
			t.Errorf("%s is drawn in two ways, %v", word, err)
		}
		if _, err := (NewPicture{file, alt}).read(); err != nil || len(file) > 60_000 || seen[string(file)] {
			t.Errorf("%s: %d bytes, %v", word, len(file), err)
		}
		seen[string(file)] = true
	}
}

func FuzzPicture(f *testing.F) {
	f.Add(encode(f, plain(8, 4), "image/png"))
	f.Add(held(f, plain(8, 4), 6))
	f.Add(claims(3, 3))
	if file, err := os.ReadFile("testdata/halves.webp"); err == nil {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := NewPicture{Data: file, Alt: "a"}.read()
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		readable(t, p)
		if len(p.data) > pictureStored || p.width*p.height > picturePixels {
			t.Fatalf("stored with %d bytes, %d × %d", len(p.data), p.width, p.height)
		}
	})
}
