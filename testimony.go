package redisconn

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// word is what one sentinel said.
type word struct {
	from     *sentinel
	addr     string // the master's
	epoch    int64  // of that: sentinels count up with every failover, so the highest is the latest
	quorum   int
	flags    string // of the master, such as master,s_down
	id       string // the sentinel's
	replicas []map[string]string
	others   []map[string]string
	took     time.Duration
	answered time.Time // when it last gave one
	err      error     // no word, and why
}

// errNoWordYet stands for a sentinel that was not waited for any longer.
var errNoWordYet = errors.New("has not answered")

// masterAddress reads the reply to the question for the master. What a sentinel
// names is dialled, so it must be an address of TCP.
func masterAddress(reply *redis.StringSliceCmd) (string, error) {
	err := reply.Err()
	switch {
	case errors.Is(err, redis.Nil):
		return "", errUnknownMaster
	case err != nil && strings.HasPrefix(err.Error(), "ERR unknown command"):
		return "", errNoSentinel
	case err != nil:
		return "", err
	case len(reply.Val()) != 2:
		return "", errOddAddress
	}
	return nodeAddress(reply.Val()[0], reply.Val()[1])
}

// nodeAddress is the address of a node that a sentinel names.
func nodeAddress(host, port string) (string, error) {
	if hostFault(host) != "" || !isPort(port) {
		return "", errOddAddress
	}
	return net.JoinHostPort(host, port), nil
}

var (
	errUnknownMaster = errors.New("knows no master of that name")
	errNoSentinel    = errors.New("is no sentinel but a Redis server")
	errOddAddress    = errors.New("names what is no address")
)

// testimony is what the sentinels said together.
type testimony struct {
	master string
	words  []word
}

// candidate is an address that sentinels name as the master.
type candidate struct {
	addr  string
	epoch int64
	votes int
	words int // how many sentinels there are
}

func (c candidate) String() string {
	return fmt.Sprintf("%d of %s name %s as the master", c.votes, plural(c.words, "sentinel"), c.addr)
}

// candidates are the addresses named, the most credible first: the latest
// configuration wins, and among equals the most named.
func (t testimony) candidates() []candidate {
	var all []candidate
	for _, w := range t.words {
		if w.err != nil {
			continue
		}
		at := slices.IndexFunc(all, func(c candidate) bool { return c.addr == w.addr })
		if at < 0 {
			at = len(all)
			all = append(all, candidate{addr: w.addr, words: len(t.words)})
		}
		all[at].votes++
		all[at].epoch = max(all[at].epoch, w.epoch)
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.epoch, a.epoch), cmp.Compare(b.votes, a.votes))
	})
	return all
}

// answering is how many sentinels gave their word.
func (t testimony) answering() (n int) {
	for _, w := range t.words {
		if w.err == nil {
			n++
		}
	}
	return n
}

// failsOver reports whether the sentinel is amid a failover.
func (w word) failsOver() bool { return strings.Contains(w.flags, "failover_in_progress") }

// chosen is the replica that a failover under way will make the master, if a
// sentinel has chosen one.
func (t testimony) chosen() (addr string, ok bool) {
	for _, w := range t.words {
		for _, replica := range w.replicas {
			if strings.Contains(replica["flags"], "promoted") && w.failsOver() {
				addr, err := nodeAddress(replica["ip"], replica["port"])
				return addr, err == nil
			}
		}
	}
	return "", false
}

// failure is the error of a question to which no sentinel named a master. Only
// what all of them agree on is certain enough to give up for.
func (t testimony) failure() error {
	e := &noMasterError{master: t.master}
	for _, w := range t.words {
		class := wordClass(w.err)
		if e.class == "" || e.class.Info().Fatal && !class.Info().Fatal {
			e.class = class
		}
		e.said = append(e.said, w.from.addr+" "+saying(class, w.err))
		e.causes = append(e.causes, w.err)
	}
	return e
}

// wordClass is the class of what kept a sentinel from naming the master.
func wordClass(err error) Class {
	switch {
	case errors.Is(err, errUnknownMaster), errors.Is(err, errNoSentinel):
		return ClassNoMaster
	case errors.Is(err, errNoWordYet):
		return ClassTimeout
	case errors.Is(err, errOddAddress):
		return ClassProtocol
	}
	return diagnose(err).class
}

// saying is what a sentinel said, or why it said nothing, in a few words.
func saying(class Class, err error) string {
	var mismatch *mismatchError
	switch {
	case errors.Is(err, errUnknownMaster), errors.Is(err, errNoSentinel), errors.Is(err, errNoWordYet), errors.Is(err, errOddAddress):
		return err.Error()
	case errors.As(err, &mismatch), class == ClassAuth, class == ClassACL, class == ClassTLS:
		return peerText(err)
	}
	return string(class)
}

// sayingsInText is how many sentinels the text of an error quotes.
const sayingsInText = 5

// noMasterError is what every sentinel had to say instead of the master's address.
type noMasterError struct {
	master string
	class  Class
	said   []string
	causes []error
}

func (e *noMasterError) Error() string {
	said := e.said[:min(len(e.said), sayingsInText)]
	text := "no sentinel names the master of " + e.master + ": " + strings.Join(said, "; ")
	if more := len(e.said) - len(said); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// Unwrap returns what each of them said.
func (e *noMasterError) Unwrap() []error { return e.causes }

func (e *noMasterError) verdict() Class { return e.class }
