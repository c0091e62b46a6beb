package canonical

import (
	"reflect"
	"strings"
	"sync"
)

// Lacks says how many members the text lacks that v, which Read read from it, is
// written with; none means that v is written as the text. Writing it would cost as
// much as reading it did, and counting is enough: Read refuses unknown and doubled
// members; each value of a text that Scan took is in its one spelling and, but for
// null, is read into a value that no other spelling gives; so a text whose nulls
// are all in Raw values can differ from what v is written as only by lacking members. Where ok is false, it cannot
// be told by counting.
func (t Text) Lacks(v any) (n int, ok bool) {
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if !value.IsValid() {
		return 0, false
	}
	want, ok := counterOf(value.Type()).count(value)
	return want.members - t.members, ok && want.nulls == t.nulls
}

// A counter counts the members that values of one type are written with, and the
// nulls. It says no for types of which it is not sure that they have
// one spelling for each value, and that no member is ever left out.
type counter struct {
	none  bool // it never has any
	count func(v reflect.Value) (n tally, ok bool)
}

var counters sync.Map // of counter, by reflect.Type

func counterOf(t reflect.Type) counter {
	if c, ok := counters.Load(t); ok {
		return c.(counter)
	}
	c := makeCounter(t)
	counters.Store(t, c)
	return c
}

var (
	noMembers = counter{none: true, count: func(reflect.Value) (tally, bool) { return tally{}, true }}
	unsure    = counter{count: func(reflect.Value) (tally, bool) { return tally{}, false }}
)

func makeCounter(t reflect.Type) counter {
	switch t {
	case reflect.TypeFor[Digest](), reflect.TypeFor[Bytes](), reflect.TypeFor[Time]():
		return noMembers
	case reflect.TypeFor[Raw]():
		return counter{count: func(v reflect.Value) (tally, bool) {
			if v.Len() == 0 {
				return tally{}, true // it was lacking
			}
			s := scanner{b: v.Bytes()}
			ok := s.whole()
			return s.tally, ok
		}}
	}
	if writesItself(t) {
		return unsure
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return noMembers
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return sliceCounter(counterOf(t.Elem()))
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && !writesItself(t.Key()) {
			return mapCounter(counterOf(t.Elem()))
		}
	case reflect.Struct:
		return structCounter(t)
	}
	return unsure
}

// writesItself reports whether a type has methods that write it, of which
// nothing is known here.
func writesItself(t reflect.Type) bool {
	for _, name := range []string{"MarshalJSON", "MarshalJSONTo", "MarshalText", "AppendText"} {
		if _, ok := reflect.PointerTo(t).MethodByName(name); ok {
			return true
		}
	}
	return false
}

func sliceCounter(each counter) counter {
	if each.none {
		return noMembers
	}
	return counter{count: func(v reflect.Value) (n tally, ok bool) {
		for i := range v.Len() {
			more, ok := each.count(v.Index(i))
			if !ok {
				return n, false
			}
			n.add(more)
		}
		return n, true
	}}
}

func mapCounter(each counter) counter {
	return counter{count: func(v reflect.Value) (n tally, ok bool) {
		n.members = v.Len()
		if each.none {
			return n, true
		}
		for all := v.MapRange(); all.Next(); {
			more, ok := each.count(all.Value())
			if !ok {
				return n, false
			}
			n.add(more)
		}
		return n, true
	}}
}

// structCounter is for structs whose members are all named by a tag and always written.
func structCounter(t reflect.Type) counter {
	type member struct {
		index int
		counter
	}
	var deeper []member
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if !f.IsExported() || f.Anonymous || tag == "" || tag == "-" || strings.Contains(tag, ",") {
			return unsure
		}
		if c := counterOf(f.Type); !c.none {
			deeper = append(deeper, member{i, c})
		}
	}
	return counter{count: func(v reflect.Value) (n tally, ok bool) {
		n.members = t.NumField()
		for _, m := range deeper {
			more, ok := m.count(v.Field(m.index))
			if !ok {
				return n, false
			}
			n.add(more)
		}
		return n, true
	}}
}

func (n *tally) add(m tally) {
	n.members += m.members
	n.nulls += m.nulls
}
