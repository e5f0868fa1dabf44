package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// The keys that quit, as a terminal in raw mode sends them.
const (
	ctrlC = 0x03
	ctrlD = 0x04
)

// takeKeys makes the terminal hand over each key at once and unseen. The function
// gives it back. Where standard input is no terminal there are no keys.
func (a *app) takeKeys() (<-chan byte, func(), error) {
	file, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}, nil
	}
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, nil, err
	}
	return readKeys(file), func() { _ = term.Restore(int(file.Fd()), before) }, nil
}

// readKeys hands over what is typed. A read from a terminal cannot be ended, so
// its goroutine ends with the input or with the process.
func readKeys(r io.Reader) <-chan byte {
	keys := make(chan byte)
	go func() {
		defer close(keys)
		var buf [1]byte
		for {
			if n, err := r.Read(buf[:]); n == 0 || err != nil {
				return
			}
			keys <- buf[0]
		}
	}()
	return keys
}
