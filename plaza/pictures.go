package plaza

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/image/webp"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Limits of pictures.
const (
	picturesMost  = 4         // of a post
	pictureLimit  = 1 << 20   // bytes of a file that is sent
	pictureSide   = 4096      // pixels
	picturePixels = 8_000_000 // of one picture
	requestPixels = 64_000_000
	pictureStored = 4 << 20 // bytes of a picture as it is stored
	altLongest    = 500     // characters
)

// NewPicture is a picture of a post to be made.
type NewPicture struct {
	Data []byte `json:"data"` // a PNG, JPEG or WebP file; in JSON base64
	Alt  string `json:"alt"`  // describes the picture for people who do not see it
}

// picture is a picture as plaza stores and serves it.
type picture struct {
	kind          string // media type
	width, height int
	alt           string
	data          []byte
}

func (p picture) digest() string {
	sum := sha256.Sum256(p.data)
	return hex.EncodeToString(sum[:])
}

func badPicture(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad-picture", format, args...)
}

func pictureTooLarge(format string, args ...any) error {
	return fault.New(fault.TooLarge, "picture-too-large", format, args...)
}

// format is a kind of file that plaza can read.
type format struct {
	config func(*bytes.Reader) (image.Config, error)
	decode func(*bytes.Reader) (image.Image, error)
}

// formats are named by the media type of their first bytes. A file's name or what its
// sender says of it is not asked.
var formats = map[string]format{
	"image/png": {
		func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) },
		func(r *bytes.Reader) (image.Image, error) { return png.Decode(r) }},
	"image/jpeg": {
		func(r *bytes.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) },
		func(r *bytes.Reader) (image.Image, error) { return jpeg.Decode(r) }},
	"image/webp": {
		func(r *bytes.Reader) (image.Config, error) { return webp.DecodeConfig(r) },
		func(r *bytes.Reader) (image.Image, error) { return webp.Decode(r) }},
}

// check returns the number of pixels of a picture, from its first bytes. Nothing is
// decoded yet: a small file may claim a picture that fills the memory.
func (n NewPicture) check() (pixels int, err error) {
	if strings.TrimSpace(n.Alt) == "" || !within(n.Alt, 1, altLongest) {
		return 0, badPicture("A picture needs an alt text of 1 to %d characters for people who do not see it.", altLongest)
	}
	if len(n.Data) > pictureLimit {
		return 0, pictureTooLarge("A picture has at most 1 MB; this one has %s bytes.", exactCount(int64(len(n.Data))))
	}
	f, ok := formats[http.DetectContentType(n.Data)]
	if !ok {
		return 0, badPicture("A picture is a PNG, JPEG or WebP file; this is none.")
	}
	c, err := f.config(bytes.NewReader(n.Data))
	if err != nil || c.Width < 1 || c.Height < 1 {
		return 0, unreadable(err)
	}
	if c.Width > pictureSide || c.Height > pictureSide || c.Width*c.Height > picturePixels {
		return 0, pictureTooLarge("A picture has at most %d pixels on a side and 8 million in all; this one has %d × %d.", pictureSide, c.Width, c.Height)
	}
	return c.Width * c.Height, nil
}

func unreadable(err error) error {
	return badPicture("The picture cannot be read; the file is damaged, or moves, which pictures here do not.").Because(err)
}

func (n NewPicture) read() (picture, error) {
	if _, err := n.check(); err != nil {
		return picture{}, err
	}
	kind := http.DetectContentType(n.Data)
	img, err := formats[kind].decode(bytes.NewReader(n.Data))
	if err != nil {
		return picture{}, unreadable(err)
	}
	if kind == "image/jpeg" {
		img = upright(img, orientation(n.Data))
	}
	p := picture{alt: n.Alt, width: img.Bounds().Dx(), height: img.Bounds().Dy()}
	p.kind, p.data, err = redraw(img, kind)
	return p, err
}

// redraw writes a picture anew. What people get is written by this program: it holds what
// can be seen, and nothing else that the file held, such as the place where it was taken,
// or a page or a program behind the picture.
func redraw(img image.Image, kind string) (string, []byte, error) {
	var b bytes.Buffer
	_, lossy := img.(*image.YCbCr)
	if kind == "image/png" || !lossy && kind == "image/webp" {
		if err := png.Encode(&b, img); err != nil {
			return "", nil, fmt.Errorf("drawing a picture: %w", err)
		}
		if opaque, ok := img.(interface{ Opaque() bool }); b.Len() <= pictureStored || !ok || !opaque.Opaque() {
			return "image/png", b.Bytes(), stored(b.Len())
		}
		b.Reset()
	}
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		return "", nil, fmt.Errorf("drawing a picture: %w", err)
	}
	return "image/jpeg", b.Bytes(), stored(b.Len())
}

func stored(size int) error {
	if size <= pictureStored {
		return nil
	}
	return pictureTooLarge("Drawn anew without what cannot be seen, the picture has %s bytes; at most 4 MB are stored. Send it smaller, or as a JPEG.", exactCount(int64(size)))
}

// orientation reads how a camera was held from the Exif data of a JPEG file, as a number
// from 1 (upright) to 8. What cannot be read is upright.
func orientation(file []byte) int {
	rest := file[2:] // after the marker of a JPEG file
	for len(rest) >= 4 && rest[0] == 0xff && rest[1] != 0xda {
		size := 2 + int(binary.BigEndian.Uint16(rest[2:]))
		if size < 4 || size > len(rest) {
			return 1
		}
		if tiff, ok := bytes.CutPrefix(rest[4:size], []byte("Exif\x00\x00")); rest[1] == 0xe1 && ok {
			return orientationIn(tiff)
		}
		rest = rest[size:]
	}
	return 1
}

func orientationIn(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return 1
		}
		if order.Uint16(entries) == 0x0112 {
			if o := order.Uint16(entries[8:]); o >= 1 && o <= 8 {
				return int(o)
			}
			return 1
		}
		entries = entries[12:]
	}
	return 1
}

// turned shows a picture as its camera was held.
type turned struct {
	image.Image
	how int
}

// upright turns a picture to how its camera was held.
func upright(img image.Image, how int) image.Image {
	if how == 1 {
		return img
	}
	return turned{img, how}
}

// Bounds implements image.Image.
func (t turned) Bounds() image.Rectangle {
	b := t.Image.Bounds()
	if t.how >= 5 {
		return image.Rect(0, 0, b.Dy(), b.Dx())
	}
	return image.Rect(0, 0, b.Dx(), b.Dy())
}

// At implements image.Image.
func (t turned) At(x, y int) color.Color {
	b := t.Image.Bounds()
	right, bottom := b.Dx()-1, b.Dy()-1
	switch t.how {
	case 2:
		x = right - x
	case 3:
		x, y = right-x, bottom-y
	case 4:
		y = bottom - y
	case 5:
		x, y = y, x
	case 6:
		x, y = y, bottom-x
	case 7:
		x, y = right-y, bottom-x
	case 8:
		x, y = right-y, x
	}
	return t.Image.At(b.Min.X+x, b.Min.Y+y)
}

// readPictures reads the pictures of posts, one after the other: each takes much memory
// for a moment.
func (s *Server) readPictures(list []NewPost) ([][]picture, error) {
	pixels := 0
	for _, n := range list {
		for _, p := range n.Pictures {
			count, err := p.check()
			if err != nil {
				return nil, err
			}
			if pixels += count; pixels > requestPixels {
				return nil, pictureTooLarge("The pictures of one request have at most 64 million pixels together.")
			}
		}
	}
	all := make([][]picture, len(list))
	if pixels == 0 {
		return all, nil
	}
	s.drawing.Lock()
	defer s.drawing.Unlock()
	for i, n := range list {
		for _, p := range n.Pictures {
			read, err := p.read()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], read)
		}
	}
	return all, nil
}

func insertPictures(tx *sqldb.Tx, post int64, list []picture) error {
	for i, p := range list {
		if _, err := tx.Exec(`insert into picture (post, place, digest, type, width, height, alt, data) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			post, i+1, p.digest(), p.kind, p.width, p.height, p.alt, p.data); err != nil {
			return fmt.Errorf("keeping a picture of post %d: %w", post, err)
		}
	}
	return nil
}

// pictureView is a picture as a page shows it.
type pictureView struct {
	Address, Alt  string
	Width, Height int
}

// picturesAmong reads the pictures of posts, without their bytes.
func picturesAmong(tx *sqldb.Tx, posts []int64) (map[int64][]pictureView, error) {
	if len(posts) == 0 {
		return nil, nil
	}
	args := []any{}
	for _, n := range posts {
		args = append(args, n)
	}
	rows, err := tx.Query(`select post, digest, width, height, alt from picture where post in (`+sqldb.Places(1, len(args))+`) order by post, place`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading pictures: %w", err)
	}
	defer rows.Close()
	all := map[int64][]pictureView{}
	for rows.Next() {
		var post int64
		var digest string
		var p pictureView
		if err := rows.Scan(&post, &digest, &p.Width, &p.Height, &p.Alt); err != nil {
			return nil, fmt.Errorf("reading pictures: %w", err)
		}
		p.Address = "/picture/" + strconv.FormatInt(post, 10) + "/" + digest
		all[post] = append(all[post], p)
	}
	return all, rows.Err()
}

// getPicture serves a picture of a post that is shown. A browser may keep it and has to
// ask each time whether it is still shown; the digest in its address and its ETag spares
// the bytes.
func (s *Server) getPicture(w http.ResponseWriter, r *http.Request) {
	var kind string
	var data []byte
	id, err := parseID(postPrefix + r.PathValue("post"))
	if err == nil {
		err = s.db.Read(r.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`select i.type, i.data from picture i join post p on p.id = i.post join account a on a.id = p.account
				where i.post = $1 and i.digest = $2 and p.status = 'up' and a.status = 'up' order by i.place limit 1`, id.number, r.PathValue("digest")).Scan(&kind, &data)
		})
	}
	h := w.Header()
	protect(h)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	switch {
	case sqldb.IsNotFound(err), fault.KindOf(err) == fault.Invalid:
		h.Set("Cache-Control", "no-store")
		http.Error(w, "There is no such picture.", http.StatusNotFound)
		return
	case err != nil:
		s.broken(w, r, fmt.Errorf("reading a picture: %w", err))
		return
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+r.PathValue("digest")+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}
