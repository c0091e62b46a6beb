package canonical

import (
	"reflect"
	"strings"
	"sync"
)

// Lacks says how many members the text b lacks that v, which Read read from b, is
// written with; none means that v is written as b. Writing it would cost as much
// as reading it did, and counting is enough: Read refuses unknown and doubled
// members; if b is plain, each of its values is in its one spelling and, without
// null, is read into a value that no other spelling gives; so b can differ from
// what v is written as only by lacking members. Where ok is false, b is not in
// canonical form, or just not plain enough to be sure at once.
func Lacks(b []byte, v any) (n int, ok bool) {
	have, ok := plainMembers(b)
	if !ok {
		return 0, false
	}
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if !value.IsValid() {
		return 0, false
	}
	want, ok := counterOf(value.Type()).count(value)
	return want - have, ok
}

// A counter counts the members that values of one type are written with, all
// levels together. It says no for types of which it is not sure that they have
// one spelling for each value, and that no member is ever left out.
type counter struct {
	none  bool // it never has any
	count func(v reflect.Value) (n int, ok bool)
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
	noMembers = counter{none: true, count: func(reflect.Value) (int, bool) { return 0, true }}
	unsure    = counter{count: func(reflect.Value) (int, bool) { return 0, false }}
)

func makeCounter(t reflect.Type) counter {
	switch t {
	case reflect.TypeFor[Digest](), reflect.TypeFor[Bytes](), reflect.TypeFor[Time]():
		return noMembers
	case reflect.TypeFor[Raw]():
		return counter{count: func(v reflect.Value) (int, bool) {
			if v.Len() == 0 {
				return 0, true // it was lacking
			}
			return plainMembers(v.Bytes())
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
	return counter{count: func(v reflect.Value) (n int, ok bool) {
		for i := range v.Len() {
			more, ok := each.count(v.Index(i))
			if !ok {
				return 0, false
			}
			n += more
		}
		return n, true
	}}
}

func mapCounter(each counter) counter {
	return counter{count: func(v reflect.Value) (n int, ok bool) {
		n = v.Len()
		if each.none {
			return n, true
		}
		for all := v.MapRange(); all.Next(); {
			more, ok := each.count(all.Value())
			if !ok {
				return 0, false
			}
			n += more
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
	return counter{count: func(v reflect.Value) (n int, ok bool) {
		n = t.NumField()
		for _, m := range deeper {
			more, ok := m.count(v.Field(m.index))
			if !ok {
				return 0, false
			}
			n += more
		}
		return n, true
	}}
}
