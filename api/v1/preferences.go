package v1

// Preferences are how a person likes the pages. They decide nothing.
type Preferences struct {
	KeysOff  bool              `json:"keys_off,omitzero" doc:"single keys do nothing"`
	Keys     map[string]string `json:"keys,omitzero" doc:"the key that is pressed, by the usual one; empty: none"`
	Veil     string            `json:"veil,omitzero" enum:",press" doc:"what lifts the veil of pictures: holding its key, or a press"`
	Colour   bool              `json:"colour,omitzero" doc:"pictures are shown in colour and not in grey"`
	Language string            `json:"language,omitzero" maxLength:"35" doc:"of dates: a BCP 47 tag; empty: the browser's"`
	Zone     string            `json:"zone,omitzero" maxLength:"60" doc:"of times: an IANA name; empty: the browser's"`
}
