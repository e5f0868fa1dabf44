package respguard

import "fmt"

// Limits bounds what one reply may announce or hold. A field of zero or less means its default, and the defaults
// lie above what a Redis server sends in earnest: they stop a peer that is broken or hostile, not a large reply.
type Limits struct {
	// BulkBytes bounds the payload of one bulk string, blob error or verbatim string, in bytes. Default 512 MiB,
	// the server's own proto-max-bulk-len: the driver allocates the announced length before the first byte arrives.
	BulkBytes int

	// Elements bounds the elements that are announced and not yet delivered: the length of one aggregate, or the
	// sum of nested ones, a map pair counting two. Default 16 Mi, for which the driver allocates 256 MiB (array)
	// or 640 MiB (map) at the sight of the header.
	Elements int

	// ReplyElements bounds the elements announced within one reply, delivered or not, however they are nested.
	// Default 128 Mi.
	ReplyElements int

	// Depth bounds how deep aggregates nest; the driver recurses once for each level. An attribute and the value
	// it describes count as one level more. Default 32; the deepest reply of Redis 7.0 (COMMAND DOCS) has 12.
	Depth int

	// LineBytes bounds a line, its type byte and CR LF included: headers, numbers, simple strings and errors.
	// Default 64 KiB, at least 64 bytes.
	LineBytes int

	// ReplyBytes bounds one whole reply, in bytes on the wire. Default 4 GiB.
	ReplyBytes int64
}

const (
	defaultBulkBytes     = 512 << 20
	defaultElements      = 16 << 20
	defaultReplyElements = 128 << 20
	defaultDepth         = 32
	defaultLineBytes     = 64 << 10
	minLineBytes         = 64
	defaultReplyBytes    = 4 << 30
)

func (l Limits) withDefaults() Limits {
	return Limits{
		BulkBytes:     positiveOr(l.BulkBytes, defaultBulkBytes),
		Elements:      positiveOr(l.Elements, defaultElements),
		ReplyElements: positiveOr(l.ReplyElements, defaultReplyElements),
		Depth:         positiveOr(l.Depth, defaultDepth),
		LineBytes:     max(positiveOr(l.LineBytes, defaultLineBytes), minLineBytes),
		ReplyBytes:    positiveOr(l.ReplyBytes, defaultReplyBytes),
	}
}

func positiveOr[T int | int64](value, fallback T) T {
	if value > 0 {
		return value
	}
	return fallback
}

// LimitError says which limit the peer broke. It quotes nothing the peer sent.
type LimitError struct {
	Limit string // the field of Limits
	Got   int64  // what the peer announced, or sent so far; at least this much
	Max   int64  // the limit in force
}

// Error names the limit, both numbers and the likely causes.
func (e *LimitError) Error() string {
	return fmt.Sprintf("reply exceeds the %s limit: %d, at most %d allowed: the peer is no Redis server, "+
		"or is hostile, or the limit is too low for this data; the connection must be closed", e.Limit, e.Got, e.Max)
}
