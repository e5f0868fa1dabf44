package redisconntest_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/redisconn/redisconn/redisconntest"
)

// value is what a parser made of one request or reply.
type parsed struct {
	raw  string
	args []string
	err  string
}

// parseAll reads until the first error.
func parseAll(r io.Reader, buffer int, read func(*bufio.Reader) ([]byte, []string, error)) (all []parsed, rest []byte) {
	buffered := bufio.NewReaderSize(r, buffer)
	for {
		raw, args, err := read(buffered)
		p := parsed{raw: string(raw), args: args}
		if err != nil {
			p.err = err.Error()
		}
		all = append(all, p)
		if err != nil {
			rest, _ = io.ReadAll(buffered)
			return all, rest
		}
	}
}

func readReply(r *bufio.Reader) ([]byte, []string, error) {
	raw, err := redisconntest.ReadReply(r)
	return raw, nil, err
}

// checkParser fails unless the parser loses no byte and reads the same however the bytes arrive.
func checkParser(t *testing.T, input []byte, read func(*bufio.Reader) ([]byte, []string, error)) {
	t.Helper()
	whole, rest := parseAll(bytes.NewReader(input), 64<<10, read)
	var back bytes.Buffer
	for _, p := range whole {
		back.WriteString(p.raw)
	}
	back.Write(rest)
	if !bytes.Equal(back.Bytes(), input) {
		t.Fatalf("read %q, passed on %q", input, back.Bytes())
	}
	for name, r := range map[string]io.Reader{
		"byte by byte": iotest.OneByteReader(bytes.NewReader(input)),
		"in halves":    iotest.HalfReader(bytes.NewReader(input)),
		"end together": iotest.DataErrReader(bytes.NewReader(input)),
	} {
		if split, _ := parseAll(r, 16, read); !reflect.DeepEqual(split, whole) {
			t.Fatalf("%s: %q is read as %v, in one piece as %v", name, input, split, whole)
		}
	}
}

func FuzzRequestsAreReadTheSameHoweverTheyArrive(f *testing.F) {
	for _, seed := range []string{
		"*1\r\n$4\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n", "PING\r\n", "\r\n\n  \n", "*0\r\n*-1\r\n",
		"*2\r\n$3\r\nGET\r\n$5\r\nab", "*1\r\n:1\r\n", "*x\r\n", "*1\n$1\n", "\x16\x03\x01", "*9999999999\r\n", "*1\r\n$4\r\nPINGxx",
		"*1\r\n$-1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "*1\r\n$99999999999999999999\r\n", "*\r\n", "*1\r\n$+4\r\nPING\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) { checkParser(t, input, redisconntest.ReadRequest) })
}

func FuzzRepliesAreReadTheSameHoweverTheyArrive(f *testing.F) {
	for _, seed := range []string{
		"+OK\r\n-ERR x\r\n:1\r\n$-1\r\n*-1\r\n", "$5\r\nhello\r\n", "*2\r\n*1\r\n:1\r\n$0\r\n\r\n", "%1\r\n+k\r\n:1\r\n_\r\n#t\r\n,1.5\r\n",
		">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "|1\r\n+a\r\n:1\r\n+OK\r\n", "=7\r\ntxt:abc\r\n!3\r\nERR\r\n~1\r\n(123\r\n",
		"*2147483647\r\n", "*9223372036854775807\r\n", "%1073741825\r\n", "*3\r\n*3\r\n*3\r\n", "$1\r\nabc", "HTTP/1.1 400\r\n", "$?\r\n", "*2\r\n:1\r\n",
		"*2147483648\r\n*2147483648\r\n*2147483648\r\n", "*1\r\nx",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) { checkParser(t, input, readReply) })
}

func FuzzRequestsComeBackAsTheyWereSent(f *testing.F) {
	f.Add("SET", "k", "v")
	f.Add("", "\r\n", "*1\r\n$4\r\nPING\r\n")
	f.Add("GET", "\x00\xff", strings.Repeat("x", 100))
	f.Fuzz(func(t *testing.T, a, b, c string) {
		args := []string{a, b, c}
		encoded := redisconntest.EncodeRequest(args...)
		raw, got, err := redisconntest.ReadRequest(bufio.NewReader(bytes.NewReader(encoded)))
		if err != nil || !bytes.Equal(raw, encoded) || !reflect.DeepEqual(got, args) {
			t.Fatalf("sent %q, read %q from %q (%v)", args, got, raw, err)
		}
		reply, err := redisconntest.ReadReply(bufio.NewReader(bytes.NewReader(encoded)))
		if err != nil || !bytes.Equal(reply, encoded) {
			t.Fatalf("a request is an array and so a valid reply, but %q is read as %q (%v)", encoded, reply, err)
		}
		if found := redisconntest.LeadingStrings(encoded, 2); !reflect.DeepEqual(found, args[:2]) {
			t.Fatalf("the first strings of %q are %q", encoded, found)
		}
	})
}

func TestLinesWithoutAnEndAreGivenUp(t *testing.T) {
	endless := iotest.OneByteReader(strings.NewReader("+" + strings.Repeat("a", 3<<20)))
	raw, err := redisconntest.ReadReply(bufio.NewReader(endless))
	if !errors.Is(err, redisconntest.ErrNotRESP) || len(raw) < 1<<20 || len(raw) > 2<<20 {
		t.Errorf("gave up after %d bytes with %v", len(raw), err)
	}
}

func TestLeadingStringsStopAtAnythingElse(t *testing.T) {
	for raw, want := range map[string][]string{
		">3\r\n$1\r\na\r\n_\r\n:1\r\n":       {"a", ""},
		"*3\r\n$1\r\na\r\n:1\r\n$1\r\nb":     {"a"},
		"*2\r\n$-1\r\n$1\r\nb\r\n":           {"", "b"},
		"*2\r\n$1\r\na":                      nil,
		"+OK\r\n":                            nil,
		"*x\r\n":                             nil,
		"*-1\r\n":                            nil,
		"*2\r\n*1\r\n$1\r\na\r\n$1\r\nb\r\n": nil,
	} {
		if got := redisconntest.LeadingStrings([]byte(raw), 3); !reflect.DeepEqual(got, want) {
			t.Errorf("%q begins with %q, want %q", raw, got, want)
		}
	}
}
