package redisconntest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The proxy reads RESP (https://redis.io/docs/latest/develop/reference/protocol-spec) only as far as it must: where
// one request or reply ends and what the request's arguments are. What it reads it keeps byte for byte.

// errNotRESP says that what comes next is not a request or reply. Everything that was consumed is in the bytes that
// were returned with it, so that the reader can pass it on unchanged.
var errNotRESP = errors.New("not RESP")

const (
	// maxLine bounds a line: longer than any status or error that a server sends, the server's own limit for inline
	// commands (PROTO_INLINE_MAX_SIZE, 64 KiB) many times over.
	maxLine = 1 << 20

	// maxArgument and maxArguments are where the server itself calls a request malformed (proto-max-bulk-len and
	// INT_MAX in processMultibulkBuffer). Beyond them the server answers at once, so the proxy must not wait for
	// the rest.
	maxArgument  = 512 << 20
	maxArguments = 1<<31 - 1

	// maxElements bounds the announced size of an aggregate, far below where counting nested ones could overflow.
	maxElements = 1 << 31

	// readChunk is how much of a long string is read at a time: memory follows what arrives, not what is announced.
	readChunk = 64 << 10
)

// readRequest reads one request: an array of bulk strings, or an inline command as typed into a terminal. An empty
// inline command, which the server ignores, has no arguments.
func readRequest(r *bufio.Reader) (raw []byte, args []string, err error) {
	first, err := r.Peek(1)
	if err != nil {
		return nil, nil, err
	}
	// A TLS handshake, for one, need not contain a line end to wait for.
	if c := first[0]; c != '\r' && c != '\n' && (c < ' ' || c > '~') {
		return nil, nil, errNotRESP
	}
	raw, err = appendLine(r, raw)
	if err != nil {
		return raw, nil, err
	}
	if first := raw[0]; first != '*' {
		return raw, strings.Fields(string(raw)), nil
	}
	count, err := announced(raw)
	if err != nil || count > maxArguments {
		return raw, nil, errNotRESP
	}
	for range count {
		start := len(raw)
		if raw, err = appendLine(r, raw); err != nil {
			return raw, nil, unexpected(err)
		}
		length, err := announced(raw[start:])
		if err != nil || raw[start] != '$' || length < 0 || length > maxArgument {
			return raw, nil, errNotRESP
		}
		start = len(raw)
		if raw, err = appendString(r, raw, length); err != nil {
			return raw, nil, unexpected(err)
		}
		args = append(args, string(raw[start:len(raw)-2]))
	}
	return raw, args, nil
}

// readReply reads one reply or push message of RESP2 or RESP3, with all that is nested in it.
func readReply(r *bufio.Reader) (raw []byte, err error) {
	for values := int64(1); values > 0; values-- {
		first, err := r.Peek(1)
		if err != nil {
			return raw, unexpectedAfter(raw, err)
		}
		if !strings.ContainsRune("+-:$*_#,(!=%~>|", rune(first[0])) {
			return raw, errNotRESP
		}
		start := len(raw)
		if raw, err = appendLine(r, raw); err != nil {
			return raw, unexpected(err)
		}
		switch raw[start] {
		case '$', '=', '!':
			length, err := announced(raw[start:])
			if err != nil {
				return raw, errNotRESP
			}
			if length < 0 {
				break // RESP2's null
			}
			if raw, err = appendString(r, raw, length); err != nil {
				return raw, unexpected(err)
			}
		case '*', '~', '>', '%', '|':
			count, err := announced(raw[start:])
			if err != nil || count > maxElements {
				return raw, errNotRESP
			}
			switch count = max(count, 0); raw[start] {
			case '%':
				count *= 2
			case '|': // attributes precede the value they belong to and are no value themselves
				count = 2*count + 1
			}
			if values += count; values > 2*maxElements {
				return raw, errNotRESP
			}
		}
	}
	return raw, nil
}

// announced returns the number in a line like "*3\r\n" or "$-1\r\n".
func announced(line []byte) (int64, error) {
	digits, found := bytes.CutSuffix(line[1:], []byte("\r\n"))
	if !found {
		return 0, errNotRESP
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || n < -1 {
		return 0, errNotRESP
	}
	return n, nil
}

// appendLine appends the bytes up to and including the next line feed.
func appendLine(r *bufio.Reader, raw []byte) ([]byte, error) {
	limit := len(raw) + maxLine
	for {
		part, err := r.ReadSlice('\n')
		raw = append(raw, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return raw, err
		}
		if len(raw) > limit {
			return raw, errNotRESP
		}
	}
}

// appendString appends a string of that length and the line end after it.
func appendString(r *bufio.Reader, raw []byte, length int64) ([]byte, error) {
	for rest := length + 2; rest > 0; {
		chunk := int(min(rest, readChunk))
		raw = slices.Grow(raw, chunk)
		n, err := io.ReadFull(r, raw[len(raw):len(raw)+chunk])
		raw = raw[:len(raw)+n]
		if err != nil {
			return raw, err
		}
		rest -= int64(chunk)
	}
	if !bytes.HasSuffix(raw, []byte("\r\n")) {
		return raw, errNotRESP
	}
	return raw, nil
}

// unexpected makes the end of the stream in the middle of a value recognizable as that.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unexpectedAfter is unexpected once something was read.
func unexpectedAfter(raw []byte, err error) error {
	if len(raw) == 0 {
		return err
	}
	return unexpected(err)
}

// encodeRequest returns a request as clients send it: an array of bulk strings.
func encodeRequest(args ...string) []byte {
	raw := appendAnnouncement(nil, '*', len(args))
	for _, arg := range args {
		raw = appendAnnouncement(raw, '$', len(arg))
		raw = append(append(raw, arg...), "\r\n"...)
	}
	return raw
}

func appendAnnouncement(raw []byte, kind byte, n int) []byte {
	raw = strconv.AppendInt(append(raw, kind), int64(n), 10)
	return append(raw, "\r\n"...)
}

// leadingStrings returns the first strings of an array or push message, as many as there are before anything else,
// at most the limit. A null counts as an empty string.
func leadingStrings(raw []byte, limit int) []string {
	r := bufio.NewReader(bytes.NewReader(raw))
	header, err := appendLine(r, nil)
	if err != nil || header[0] != '*' && header[0] != '>' {
		return nil
	}
	count, err := announced(header)
	if err != nil {
		return nil
	}
	var found []string
	for range min(count, int64(limit)) {
		element, err := readReply(r)
		if err != nil {
			break
		}
		switch {
		case element[0] == '_', bytes.HasPrefix(element, []byte("$-")):
			found = append(found, "")
		case element[0] == '$':
			_, text, _ := bytes.Cut(element, []byte("\r\n"))
			found = append(found, string(text[:len(text)-2]))
		default:
			return found
		}
	}
	return found
}
