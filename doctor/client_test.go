package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

// A tunnel inside the process hides its peer from the kernel: keepalive was on, and
// nothing noticed that the server was gone.
func TestADialerThatHidesItsPeerFromTheKernelIsWarnedAbout(t *testing.T) {
	server := redisconntest.NewServer(t)
	hidden := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return struct{ net.Conn }{conn}, err
	}
	options := only(t, "RC-W003")
	options.Dial = hidden
	report := doctor.Run(t.Context(), configFor(server.Addr()), options)
	expect(t, result(t, report, "RC-W003"), doctor.OutcomeWarn, "no TCP connection of this system's")
	sound(t, report)

	var broken atomic.Bool
	options.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if broken.Load() {
			return nil, errors.New("the tunnel is closed")
		}
		return hidden(ctx, network, addr)
	}
	options.OnResult = func(r doctor.Result) { broken.Store(r.ID == "RC-H010") }
	expect(t, result(t, doctor.Run(t.Context(), configFor(server.Addr()), options), "RC-W003"), doctor.OutcomeSkip, "the tunnel is closed")
}

func TestThePoolsOfAllInstancesAreHeldAgainstTheServersLimit(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithDirective("maxclients", "50"))
	options := only(t, "RC-S003")
	for instances, want := range map[int]doctor.Outcome{5: doctor.OutcomePass, 6: doctor.OutcomeFail} {
		options.Instances = instances
		r := result(t, doctor.Run(t.Context(), configFor(server.Addr(), func(c *redisconn.Config) { c.Pool.Size = 10 }), options), "RC-S003")
		expect(t, r, want, fmt.Sprint(instances, " instances"))
	}
}
