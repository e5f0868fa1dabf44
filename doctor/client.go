package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
)

const (
	idIdle      = "RC-W001"
	idKeepalive = "RC-W002"
	idSilence   = "RC-W003"
)

var clientChecks = []Check{
	{
		ID: idIdle, Layer: LayerClient, Title: "idle connections of the pool are not closed by the server", Needs: []string{idAnswer},
		About: "The server's setting timeout closes connections that were silent for so long. A pool that keeps them longer finds them broken, one command at a time.",
		Cause: "a timeout in the server's configuration, for clients that forget their connections",
		Fix: []Remedy{
			{"replace idle connections before the server closes them: set pool.idle_timeout below its timeout", "{cli} CONFIG GET timeout"},
			{"or let the server keep them", "{cli} CONFIG SET timeout 0"},
		},
		Run: everywhere(checkIdle),
	},
	{
		ID: idKeepalive, Layer: LayerClient, Title: "the server notices clients that are gone", Needs: []string{idAnswer},
		About: "tcp-keepalive: without it, connections of clients that vanished without a word count against maxclients for ever. The client's own has the check RC-W003.",
		Cause: "tcp-keepalive 0 in the server's configuration",
		Fix:   []Remedy{{"switch it on; 300 seconds is the default", "{cli} CONFIG SET tcp-keepalive 300"}},
		Run:   everywhere(checkKeepalive),
	},
	{
		ID: idSilence, Layer: LayerClient, Title: "this client notices a server that is gone", Needs: []string{idAnswer}, Quiet: true,
		About: "A host that vanishes says nothing. Within timeouts.silence the kernel gives the connection up: keepalive, whose first probe is sent after half of it, and on Linux TCP_USER_TIMEOUT for what is unacknowledged. A probe every few minutes also keeps load balancers from forgetting the connection. What the program's own dialer returns is looked at: of what is no TCP connection of this system's the kernel watches nothing.",
		Cause: "timeouts.silence far above its default of 15s, or a dialer that leads through a tunnel in this process",
		Fix: []Remedy{
			{"lower timeouts.silence; its variable is REDIS_SILENCE_TIMEOUT", "redisconn config"},
			{"see whether the connections have a keepalive timer", "ss -tno dst {addr}"},
		},
		Run: checkSilence,
	},
}

// shortestMemory is after how long the most forgetful of the common load balancers
// drops a silent connection: Azure's, 4 minutes. Keepalive has to come before.
const shortestMemory = 4 * time.Minute

func checkSilence(ctx context.Context, p *Patient) Finding {
	if p.embedded() || p.network() == "unix" {
		return NotNeeded("there is no TCP")
	}
	silence := p.config.Timeouts.Silence
	opened := p.proof.Step(redisconn.StageDial).Said
	evidence := []Fact{{"silence", silence}, {"first_probe", silence / 2}, {"user_timeout", !strings.Contains(opened, "without TCP_USER_TIMEOUT")}}
	if p.options.Dial != nil {
		conn, err := p.dial(ctx, p.network(), p.addr())
		if err != nil {
			return Skip("the program's dialer could not be tried: " + err.Error())
		}
		_ = conn.Close() // it was opened to see what it is
		evidence = []Fact{{"silence", silence}, {"dialer", fmt.Sprintf("%T", conn)}}
		if _, tcp := conn.(*net.TCPConn); !tcp {
			return Warn("the program's dialer returns no TCP connection of this system's: the kernel does not notice that its peer is gone", evidence...).
				because("a dialer that leads through a tunnel in this process").
				mend("have the tunnel send probes of its own; see which connections this process has, and their timers", "ss -tnop")
		}
	}
	if silence/2 > shortestMemory {
		return Warn(fmt.Sprintf("a server that is gone is noticed after %s, and keepalive begins after %s: load balancers forget a silent connection after %s", silence, silence/2, shortestMemory), evidence...)
	}
	return Pass(fmt.Sprintf("a server that is gone is noticed within %s", silence), evidence...)
}

func checkIdle(ctx context.Context, p *Patient) Finding {
	text, err := p.setting(ctx, "timeout")
	if err != nil {
		return unanswered("CONFIG GET timeout", err)
	}
	server, pool := time.Duration(number(text))*time.Second, p.config.Pool.IdleTimeout
	evidence := []Fact{{"server_timeout_seconds", number(text)}, {"pool_idle_timeout", pool.String()}}
	switch {
	case server == 0:
		return Pass("the server keeps idle connections", evidence...)
	case server <= pool:
		return Warn(fmt.Sprintf("the server closes idle connections after %s, the pool keeps them for %s", server, pool), evidence...)
	}
	return Pass(fmt.Sprintf("the pool replaces idle connections after %s, the server closes them after %s", pool, server), evidence...)
}

func checkKeepalive(ctx context.Context, p *Patient) Finding {
	if p.embedded() || p.network() == "unix" {
		return NotNeeded("there is no TCP")
	}
	text, err := p.setting(ctx, "tcp-keepalive")
	if err != nil {
		return unanswered("CONFIG GET tcp-keepalive", err)
	}
	evidence := Fact{"server_tcp_keepalive_seconds", number(text)}
	if number(text) == 0 {
		return Warn("the server never asks whether a silent client is still there", evidence)
	}
	return Pass("the server asks silent clients every "+text+" seconds", evidence)
}
