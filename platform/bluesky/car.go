package bluesky

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// A PDS proves a record by a CAR file: blocks, each under its hash, from the commit down
// the tree of keys to the record, or to the place where it would be.
// https://atproto.com/specs/repository

// cid is a block's name in bytes: version 1, DAG-CBOR, SHA-256.
type cid string

const (
	cidStart  = "\x01\x71\x12\x20"
	cidLength = len(cidStart) + sha256.Size
	cidTag    = 42
	// A tree of a billion records is some 20 levels deep.
	maxTreeDepth = 64
)

// link is a reference from one block to another.
type link struct{ to cid }

func (l *link) UnmarshalCBOR(data []byte) error {
	var tag cbor.RawTag
	if err := strictly.Unmarshal(data, &tag); err != nil {
		return err
	}
	var b []byte
	if err := strictly.Unmarshal(tag.Content, &b); err != nil {
		return err
	}
	// A zero byte stands before the name, for historical reasons.
	if tag.Number != cidTag || len(b) != 1+cidLength || b[0] != 0 {
		return errors.New("a link of another form")
	}
	l.to = cid(b[1:])
	return nil
}

// readCAR returns the root and the blocks, each of which has the hash that names it.
func readCAR(data []byte) (root cid, blocks map[cid][]byte, err error) {
	head, data, err := cut(data)
	if err != nil {
		return "", nil, err
	}
	var w struct {
		Version int    `cbor:"version"`
		Roots   []link `cbor:"roots"`
	}
	if err := strictly.Unmarshal(head, &w); err != nil || w.Version != 1 || len(w.Roots) != 1 {
		return "", nil, fmt.Errorf("not a CAR file of version 1 with one root: %w", err)
	}
	blocks = map[cid][]byte{}
	for len(data) > 0 {
		var b []byte
		if b, data, err = cut(data); err != nil {
			return "", nil, err
		}
		if len(b) < cidLength {
			return "", nil, errors.New("a block without a name")
		}
		name, content := cid(b[:cidLength]), b[cidLength:]
		sum := sha256.Sum256(content)
		if name != cid(cidStart)+cid(sum[:]) {
			return "", nil, errors.New("a block under another name than its hash")
		}
		blocks[name] = content
	}
	return w.Roots[0].to, blocks, nil
}

// cut takes a length and that many bytes off the front.
func cut(data []byte) (first, rest []byte, err error) {
	n, read := binary.Uvarint(data)
	if read <= 0 || n > uint64(len(data)-read) {
		return nil, nil, errors.New("a CAR file that ends early")
	}
	return data[read : read+int(n)], data[read+int(n):], nil
}

// findRecord looks for a key ("COLLECTION/KEY") in the PDS's proof from an account's
// repository. It says that a record is not there only if the blocks prove it.
func findRecord(car []byte, did, key string) (record []byte, found bool, err error) {
	root, blocks, err := readCAR(car)
	if err != nil {
		return nil, false, err
	}
	read := func(from cid, v any) error {
		block, ok := blocks[from]
		if !ok {
			return errors.New("a block is missing")
		}
		return strictly.Unmarshal(block, v)
	}
	var commit struct {
		DID  string `cbor:"did"`
		Data link   `cbor:"data"`
	}
	if err := read(root, &commit); err != nil {
		return nil, false, fmt.Errorf("the commit: %w", err)
	}
	if commit.DID != did {
		return nil, false, errors.New("the repository of another account")
	}
	at := &commit.Data
	for depth := 0; at != nil; depth++ {
		var node struct {
			Left    *link `cbor:"l"`
			Entries []struct {
				Shared int    `cbor:"p"` // bytes shared with the key before
				Rest   []byte `cbor:"k"`
				Value  link   `cbor:"v"`
				Right  *link  `cbor:"t"` // the keys between this one and the next
			} `cbor:"e"`
		}
		if depth == maxTreeDepth {
			return nil, false, errors.New("a tree too deep")
		}
		if err := read(at.to, &node); err != nil {
			return nil, false, fmt.Errorf("the tree: %w", err)
		}
		var last []byte
		at = node.Left
		for _, e := range node.Entries {
			if e.Shared < 0 || e.Shared > len(last) {
				return nil, false, errors.New("a key that cannot be put together")
			}
			last = append(bytes.Clone(last[:e.Shared]), e.Rest...)
			switch bytes.Compare(last, []byte(key)) {
			case 0:
				block, ok := blocks[e.Value.to]
				if !ok {
					return nil, false, errors.New("the record is missing")
				}
				return block, true, nil
			case -1:
				at = e.Right
				continue
			}
			break
		}
	}
	return nil, false, nil
}
