package workforce

import (
	"math/big"
	"strings"

	"github.com/sethvargo/go-diceware/diceware"

	"countersign.dev/canonical"
)

// fingerprintWords is the number of words in a key's fingerprint. Six words of a list of 7,776 are
// 77 bits: whoever wants another key with the words of this one tries 2^77 keys.
const fingerprintWords = 6

// Words returns the key's fingerprint: six English words, made for reading aloud. They follow
// from the key's name alone, so that two people can compare a key by telephone.
func (k KeyID) Words() string {
	list := diceware.WordListEffLarge()
	digest := canonical.Sum([]byte("countersign/words/v1\n"), []byte(k))
	n, sides := new(big.Int).SetBytes(digest[:]), big.NewInt(6)
	words := make([]string, fingerprintWords)
	for i := range words {
		throw, place := 0, 1
		for range list.Digits() {
			die := new(big.Int)
			n.DivMod(n, sides, die)
			throw += place * (1 + int(die.Int64()))
			place *= 10
		}
		words[i] = list.WordAt(throw)
	}
	return strings.Join(words, " ")
}
