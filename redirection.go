package redisconn

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// maxRedirections is how often one attempt follows a cluster's nodes that send it
// on. One is the rule, two happen while a slot moves; more means that the nodes
// do not agree, and a pause helps more than haste.
const maxRedirections = 5

// redirection is where a node says that a command belongs: for good (MOVED) or
// for this once (ASK), while its slot is being moved.
// See https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding.
type redirection struct {
	addr string
	ask  bool
	from string // the node that said so
}

// redirectionOf reads a redirection from the error of a command for a slot; from
// is the node that sent it. A script may return any error it likes, so the text
// must be the server's own to the letter, and about this slot.
func redirectionOf(err error, slot int, from string) (r redirection, ok bool) {
	var reply redis.Error
	var link *linkError
	if err == nil || errors.As(err, &link) || !errors.As(err, &reply) {
		return r, false
	}
	words := strings.Split(reply.Error(), " ")
	if len(words) != 3 || words[0] != "MOVED" && words[0] != "ASK" || words[1] != strconv.Itoa(slot) {
		return r, false
	}
	at := strings.LastIndexByte(words[2], ':')
	if at < 0 {
		return r, false
	}
	// IPv6 addresses come without brackets; an empty host is that of the node.
	host, port := strings.Trim(words[2][:at], "[]"), words[2][at+1:]
	return redirection{addr: completeAddress(host, port, from), ask: words[0] == "ASK", from: from}, true
}

// strayError is a command that its cluster sent on and on, or could not be sent
// on without changing the order of a pipeline. It was not executed.
type strayError struct {
	hops int
	last error // the last redirection
}

func (e *strayError) Error() string {
	if e.hops == 0 {
		return peerText(e.last)
	}
	return fmt.Sprintf("sent on %s, last by %s", plural(e.hops, "time"), peerText(e.last))
}

// isRedirected reports whether a command was sent on in the server's own words.
func isRedirected(cmd redis.Cmder, err error) bool {
	slot, _ := slotOfArgs(cmd.Args())
	_, ok := redirectionOf(err, slot, "")
	return ok
}

// misplaced says what a redirection means that nobody can follow. On a cluster the
// slot moved away under a watch, whose connection cannot go after it. A client of
// one server has found out what that server hid at Connect, and tells it once.
func (c *Client) misplaced(err error) Class {
	g := c.generation.Load()
	if g.cluster != nil {
		g.cluster.misled("")
		return ClassTryAgain
	}
	if g.strayed.CompareAndSwap(false, true) {
		c.recorder.record(Event{
			Kind: EventTopology, Node: g.addr, Class: ClassMoved,
			Detail: "the server is a node of a cluster and sends commands on to others, where a client of one server does not go: " + peerText(err),
		})
		c.log.Warn("redis sends commands on to other nodes, where a client of one server does not go", "node", g.addr, "error", peerText(err), "next", ClassMoved.Info().Next)
	}
	return ClassMoved
}
