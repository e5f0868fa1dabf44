package redisconntest

import "strings"

// Pub/sub is where Redis breaks the rule of one reply per request. SUBSCRIBE is confirmed once per channel, in
// RESP3 by push messages, and published messages arrive at any time, in RESP2 as arrays that look like replies. So
// the proxy keeps count of what each link is subscribed to.

// subscriptionScope maps the commands that change subscriptions to what they change; their confirmations carry the
// same names.
var subscriptionScope = map[string]string{
	"subscribe": "channel", "unsubscribe": "channel",
	"psubscribe": "pattern", "punsubscribe": "pattern",
	"ssubscribe": "shard channel", "sunsubscribe": "shard channel",
}

// publications are the kinds of messages that deliver what was published.
var publications = map[string]bool{"message": true, "pmessage": true, "smessage": true}

// subscriptions are the names one link is subscribed to, by scope.
type subscriptions map[string]map[string]bool

// confirm keeps the books.
func (s subscriptions) confirm(kind, name string) {
	scope := subscriptionScope[kind]
	if strings.HasSuffix(kind, "unsubscribe") {
		delete(s[scope], name)
		return
	}
	if s[scope] == nil {
		s[scope] = map[string]bool{}
	}
	s[scope][name] = true
}

func (s subscriptions) active() bool {
	for _, names := range s {
		if len(names) > 0 {
			return true
		}
	}
	return false
}

// confirmations returns how many confirmations the request gets if the server has seen everything before it. To
// unsubscribe from everything is confirmed once per name, and once when there is none.
func (s subscriptions) confirmations(args []string) int {
	if len(args) > 1 {
		return len(args) - 1
	}
	return max(1, len(s[subscriptionScope[strings.ToLower(args[0])]]))
}
