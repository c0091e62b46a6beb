package httpd

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"

	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
)

// ledgerMux serves the ledger as C2SP tlog-tiles, its verifier key, and the governance
// chain with the salts that open its leaves.
func (s *Server) ledgerMux() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, answer func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := answer(w, r); err != nil {
				Fail(w, r, err)
			}
		})
		mux.HandleFunc(path, MethodNotAllowed(http.MethodGet))
	}
	get("/ledger/checkpoint", s.tile)
	get("/ledger/tile/{rest...}", s.tile)
	get("/ledger/vkey", s.verifierKey)
	get("/ledger/bodies/governance", s.governance)
	get("/ledger/bodies/tiers", s.tiers)
	get("/ledger/bodies/taken", s.taken)
	get("/ledger/bodies/all", s.all)
	mux.HandleFunc("/ledger/", NotFound)
	return mux
}

// mayReadLog refuses callers who may not read checkpoint and tiles. These show classes,
// numbers and pace of the desk's entries, so that they need a token unless published.
func (s *Server) mayReadLog(r *http.Request) error {
	if s.config.Publish {
		return nil
	}
	_, err := Authenticate(s.config.Desk, r)
	return err
}

func (s *Server) tile(w http.ResponseWriter, r *http.Request) error {
	if err := s.mayReadLog(r); err != nil {
		return err
	}
	page, err := s.config.Desk.Ledger().Read(r.Context(), r.URL.Path[len("/ledger/"):])
	if err != nil {
		return err
	}
	reach := "private"
	if s.config.Publish {
		reach = "public"
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	} else {
		w.Header().Add("Vary", "Authorization")
	}
	if page.Immutable {
		w.Header().Set("Cache-Control", reach+", max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	if strings.HasPrefix(r.URL.Path, "/ledger/tile/entries/") {
		w.Header().Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			w.Header().Set("Content-Encoding", "gzip")
			return send(w, page.ContentType, gzipped(page.Data))
		}
	}
	return send(w, page.ContentType, page.Data)
}

// acceptsGzip reports whether Accept-Encoding (RFC 9110, section 12.5.3) allows gzip: it
// is named, by itself or by "*", and not with a weight of 0.
func acceptsGzip(header string) bool {
	star := false
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		wanted := strings.Trim(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(weight)), "q="), "0.") != "" || strings.TrimSpace(weight) == ""
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return wanted
		case "*":
			star = wanted
		}
	}
	return star
}

// gzipped compresses an entry bundle, as C2SP tlog-tiles wants where it is accepted.
func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a buffer cannot fail
	_ = z.Close()
	return b.Bytes()
}

func (s *Server) verifierKey(w http.ResponseWriter, r *http.Request) error {
	if err := s.mayReadLog(r); err != nil {
		return err
	}
	state, err := s.config.Desk.State(r.Context())
	if err != nil {
		return err
	}
	if !state.Founded() {
		return fault.New(fault.NotFound, "not-founded", "The desk is not founded yet; it has no ledger.")
	}
	return send(w, "text/plain; charset=utf-8", []byte(state.LogKey+"\n"))
}

func send(w http.ResponseWriter, media string, data []byte) error {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // a client that has hung up does not learn that it failed
	return nil
}

// all answers with entries of all classes from an index on.
func (s *Server) all(w http.ResponseWriter, r *http.Request) error { return s.bodies(w, r, false) }

// taken answers with the executor's records of what it took directly, from an index on.
func (s *Server) taken(w http.ResponseWriter, r *http.Request) error { return s.bodies(w, r, true) }

// bodies answers with entries from an index on. It always needs a token, as the governance
// chain does.
func (s *Server) bodies(w http.ResponseWriter, r *http.Request, taken bool) error {
	read := s.config.Desk.LedgerBodies
	if taken {
		read = s.config.Desk.TakenRecords
	}
	by, err := Authenticate(s.config.Desk, r)
	if err != nil {
		return err
	}
	from := int64(0)
	if text := r.URL.Query().Get("from"); text != "" {
		if from, err = strconv.ParseInt(text, 10, 64); err != nil || from < 0 {
			return fault.New(fault.Invalid, "bad-parameter", "from is the index of an entry, 0 or more.")
		}
	}
	entries, err := read(r.Context(), by, from, chainPage)
	if err != nil {
		return err
	}
	out := v1.Bodies{From: from, Next: from, Bodies: []v1.Body{}}
	for _, e := range entries {
		out.Bodies = append(out.Bodies, v1.Body{Index: e.Index, Body: e.Body, Salt: e.Salt})
		out.Next = e.Index + 1
	}
	write(w, r, http.StatusOK, "application/json", out)
	return nil
}

// chainPage is the largest number of governance entries in one answer.
const chainPage = 500

// governance answers with entries of the governance chain from a number on. It
// always needs a token: salts open what the leaves only commit to.
func (s *Server) governance(w http.ResponseWriter, r *http.Request) error {
	by, err := Authenticate(s.config.Desk, r)
	if err != nil {
		return err
	}
	from := int64(0)
	if text := r.URL.Query().Get("from"); text != "" {
		if from, err = strconv.ParseInt(text, 10, 64); err != nil || from < 0 {
			return fault.New(fault.Invalid, "bad-parameter", "from is the number of a governance entry, 0 or more.")
		}
	}
	entries, err := s.config.Desk.Chain(r.Context(), by, from, chainPage)
	if err != nil {
		return err
	}
	out := v1.Bodies{From: from, Next: from + int64(len(entries)), Bodies: []v1.Body{}}
	for _, e := range entries {
		out.Bodies = append(out.Bodies, v1.Body{Index: e.Index, Body: e.Body, Salt: e.Salt})
	}
	write(w, r, http.StatusOK, "application/json", out)
	return nil
}

// tiers answers with the entries by which rules once raised a subject, opened for that
// subject alone. It always needs a token.
func (s *Server) tiers(w http.ResponseWriter, r *http.Request) error {
	by, err := Authenticate(s.config.Desk, r)
	if err != nil {
		return err
	}
	entries, err := s.config.Desk.TierEntries(r.Context(), by, r.URL.Query().Get("subject"))
	if err != nil {
		return err
	}
	out := v1.TierBodies{Items: []v1.TierBody{}}
	for _, e := range entries {
		out.Items = append(out.Items, v1.TierBody{Body: v1.Body{Index: e.Index, Body: e.Body, Salt: e.Salt}, Sealed: e.Sealed})
	}
	write(w, r, http.StatusOK, "application/json", out)
	return nil
}
