package doctor

import (
	"context"
	"fmt"
	"time"
)

const (
	idIdle      = "RC-W001"
	idKeepalive = "RC-W002"
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
		About: "tcp-keepalive: without it, connections of clients that vanished without a word count against maxclients for ever. The client's own keepalive, which finds a server that is gone, is always on.",
		Cause: "tcp-keepalive 0 in the server's configuration",
		Fix:   []Remedy{{"switch it on; 300 seconds is the default", "{cli} CONFIG SET tcp-keepalive 300"}},
		Run:   everywhere(checkKeepalive),
	},
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
