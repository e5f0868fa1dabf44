package redisconn

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a value that never shows itself: formatted with any verb, marshalled
// or logged, it reads [redacted], or nothing when it is empty. [Secret.Reveal] is
// the only way to the text, so that every place that can leak is found by its name.
//
// Two things are beyond its reach. In an unexported field of a struct, package fmt
// reads values without asking them: a program that keeps a Config in such a field
// should not print the struct around it. And it asks no value about %p and %w,
// which are for others; go vet refuses both.
type Secret string

// redacted is what every secret looks like from outside.
const redacted = "[redacted]"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format writes the mask, whatever the verb: %q, %x and %#v would otherwise
// look past String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns the mask, for JSON and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
