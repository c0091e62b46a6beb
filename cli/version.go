package cli

import "runtime"

type versionCommand struct{}

func (versionCommand) Run(s *Session) error {
	doc := struct {
		Version string `json:"version"`
		Go      string `json:"go"`
		System  string `json:"system"`
	}{s.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	return s.Answer(doc, func(p *Page) { p.Line("countersign %s, %s, %s", doc.Version, doc.Go, doc.System) })
}
