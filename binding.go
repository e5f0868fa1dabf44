package redisconn

import (
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// instead says, for each command that changes the connection it travels on, what
// does the same where connections are shared. A test holds it against the
// table of effects.
var instead = map[string]string{
	"select":    "set connection.db, with one client for each database",
	"auth":      "set connection.username and connection.password",
	"hello":     "set connection.protocol, connection.username and connection.password",
	"reset":     "it has no use here: no command of this client leaves a connection changed",
	"quit":      "end the client with Drain or Close",
	"readonly":  "a cluster client sends it by itself where it reads from replicas",
	"readwrite": "a cluster client sends it by itself",
	"asking":    "a cluster client sends it by itself when a slot moves",

	"multi":   "use RunTransaction, TxPipelined, or MULTI and EXEC in one pipeline",
	"exec":    "use RunTransaction, TxPipelined, or MULTI and EXEC in one pipeline",
	"discard": "use RunTransaction: a function that returns an error discards it",
	"watch":   "use Watch or RunOptimistic",
	"unwatch": "use Watch or RunOptimistic: the watch ends with them",

	"subscribe":    "use Subscribe",
	"psubscribe":   "use PSubscribe",
	"ssubscribe":   "use SSubscribe",
	"unsubscribe":  "use the PubSub that Subscribe returned",
	"punsubscribe": "use the PubSub that PSubscribe returned",
	"sunsubscribe": "use the PubSub that SSubscribe returned",

	"client|caching":             "set cache.enabled for a client-side cache",
	"client|tracking":            "set cache.enabled for a client-side cache",
	"client|setname":             "set connection.client_name",
	"client|setinfo":             "the driver tells its name and version by itself",
	"client|reply":               "use a pipeline: its replies cost one round trip",
	"client|maint_notifications": ownConnection,
	"client|no-evict":            ownConnection,
	"client|no-touch":            ownConnection,

	"monitor":            "use redis-cli monitor",
	"sync":               "use redis-cli --rdb or --replica",
	"psync":              "use redis-cli --rdb or --replica",
	"replconf":           "use redis-cli --replica",
	"script|debug":       "use redis-cli --ldb",
	"himport|prepare":    ownConnection,
	"himport|discard":    ownConnection,
	"himport|discardall": ownConnection,
}

const ownConnection = "take a connection of your own: EphemeralConn of the driver's client, which Unwrap returns"

// bindingError: the command would change a connection that others share.
type bindingError struct{ name, instead string }

func (e *bindingError) Error() string {
	return fmt.Sprintf("%s would change a connection that other callers use next: %s", strings.ToUpper(strings.Replace(e.name, "|", " ", 1)), e.instead)
}

// binds returns why a command may not be sent over a connection that others
// share, and nil when it may.
func binds(cmd redis.Cmder) *bindingError {
	name := cmd.Name()
	if effect.MannerOf(name) != effect.Binds || !effect.Stateful(cmd.Args()) {
		return nil
	}
	if args := cmd.Args(); instead[name] == "" && len(args) > 1 {
		name += "|" + strings.ToLower(fmt.Sprint(args[1]))
	}
	return &bindingError{name: name, instead: instead[name]}
}

// bindingIn finds a command that may not travel in a pipeline. MULTI may, when
// its EXEC or DISCARD follows: then the connection is as it was.
func bindingIn(cmds []redis.Cmder) *bindingError {
	var open *bindingError
	for _, cmd := range cmds {
		err := binds(cmd)
		switch {
		case err == nil:
		case err.name == "multi" && open == nil:
			open = err
		case (err.name == "exec" || err.name == "discard") && open != nil:
			open = nil
		default:
			return err
		}
	}
	return open
}

// refuseBinding is the error of a command that is not sent for what it would do
// to its connection.
func (c *Client) refuseBinding(name string, err *bindingError) error {
	return &CommandError{Command: name, Addr: c.addr, Class: ClassBinding, Applied: AppliedNo, State: c.State(), Err: err}
}
