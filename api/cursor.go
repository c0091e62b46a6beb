package api

import (
	"encoding/base64"
	"strings"

	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
)

// cursorOf makes the opaque cursor with which a list goes on after a position.
func cursorOf(list, position string) string {
	if position == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(list + " " + position))
}

// positionOf reads a cursor that cursorOf made for the same list.
func positionOf(list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	position, ok := strings.CutPrefix(string(raw), list+" ")
	if err != nil || !ok || position == "" {
		return "", fault.New(fault.Invalid, "bad-cursor", "The cursor is not one that this list gave; begin without one.")
	}
	return position, nil
}

// Paged holds the parameters that every list takes.
type Paged struct {
	Cursor string `query:"cursor" maxLength:"1000" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" doc:"items of the page; 50 if left out"`
}

func (l Paged) limit() int {
	if l.Limit == 0 {
		return v1.DefaultPage
	}
	return l.Limit
}

// pageOf returns one page of all items, sorted by id, for which keep is true.
func pageOf[T, W any](list string, in Paged, all []T, id func(T) string, keep func(T) bool, wire func(T) W) (v1.Page[W], error) {
	page := v1.Page[W]{Items: []W{}}
	after, err := positionOf(list, in.Cursor)
	if err != nil {
		return page, err
	}
	last := ""
	for _, item := range all {
		if id(item) <= after || !keep(item) {
			continue
		}
		if len(page.Items) == in.limit() {
			page.Next = cursorOf(list, last)
			break
		}
		page.Items, last = append(page.Items, wire(item)), id(item)
	}
	return page, nil
}
