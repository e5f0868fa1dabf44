package redisconn

import (
	"maps"
	"slices"
)

// Seams for the black-box tests of sentinels.

// ErrUnknownMaster is what a sentinel says of a name that it does not know.
var ErrUnknownMaster = errUnknownMaster

// NoMasterError is the error of a question that sentinels, by their addresses,
// answered like this.
func NoMasterError(master string, said map[string]error) error {
	t := testimony{master: master}
	for _, addr := range slices.Sorted(maps.Keys(said)) {
		t.words = append(t.words, word{from: &sentinel{addr: addr}, err: said[addr]})
	}
	return t.failure()
}
