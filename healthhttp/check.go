package healthhttp

import (
	"context"
	"fmt"

	"github.com/redisconn/redisconn"
)

// Check is a client's health in the shape that most health libraries take: nil
// while the client works, or else an error that says what is wrong, with its class
// to be found by errors.As. It asks Redis nothing, see [redisconn.Client.LastHealth].
func Check(client *redisconn.Client) func(context.Context) error {
	return func(context.Context) error {
		h := client.LastHealth()
		if h.Status != redisconn.StatusFail {
			return nil
		}
		return &Failure{Target: h.Target, State: h.State, Class: h.Class, Reason: h.Reason}
	}
}

// Failure is a client that does not work.
type Failure struct {
	Target string
	State  redisconn.State
	Class  redisconn.Class // "" before the first connection
	Reason string
}

// Error says which client, why and what to do next.
func (f *Failure) Error() string {
	text := fmt.Sprintf("redisconn: %s is %s: %s", f.Target, f.State, f.Reason)
	if f.Class != "" {
		text += fmt.Sprintf("; next: %s [%s]", f.Class.Info().Next, f.Class)
	}
	return text
}
