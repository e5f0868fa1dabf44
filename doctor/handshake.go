package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/redisconn/redisconn"
)

const (
	idProtocol = "RC-H001"
	idRoom     = "RC-H002"
	idDatabase = "RC-H003"
	idReady    = "RC-H004"
	idAnswer   = "RC-H010"
)

var handshakeChecks = []Check{
	{
		ID: idProtocol, Layer: LayerHandshake, Title: "what answers at the address is Redis", Needs: []string{idTLSDone}, Quiet: true,
		About: "Something answers, within the time for it, and in Redis's protocol.",
		Fix: []Remedy{
			{"ask it yourself", "{cli} PING"},
			{"on the server, see which program listens at the port", "ss -ltnp sport = :{port}"},
		},
		Run: func(_ context.Context, p *Patient) Finding {
			return p.own(idProtocol, "", "the answer is Redis's protocol")
		},
	},
	{
		ID: idRoom, Layer: LayerHandshake, Title: "the server takes one more connection", Needs: []string{idProtocol}, Quiet: true,
		About: "A server with maxclients connections refuses the next.",
		Fix: []Remedy{
			{"see who holds the connections", "{cli} CLIENT LIST"},
			{"compare them with the limit", "{cli} CONFIG GET maxclients"},
		},
		Run: func(_ context.Context, p *Patient) Finding {
			return p.own(idRoom, "", "the server took the connection")
		},
	},
	{
		ID: idDatabase, Layer: LayerHandshake, Title: "the database exists", Needs: []string{idWelcome}, Quiet: true,
		About: "SELECT of connection.db. A server has 16 databases unless its setting says otherwise, a cluster has one.",
		Fix: []Remedy{
			{"see how many there are", "{cli} CONFIG GET databases"},
			{"use a number below that in connection.db", ""},
		},
		Run: func(_ context.Context, p *Patient) Finding {
			return p.own(idDatabase, redisconn.StageHandshake, fmt.Sprintf("database %d is there", p.config.Connection.DB))
		},
	},
	{
		ID: idReady, Layer: LayerHandshake, Title: "the server is ready: neither loading nor busy nor cut off", Needs: []string{idDatabase},
		About: "LOADING: it reads its data from disk. BUSY: a script runs for too long. MASTERDOWN: a replica without its master that may not answer.",
		Fix:   slices.Concat(remedies[redisconn.ClassLoading], remedies[redisconn.ClassBusy], remedies[redisconn.ClassMasterDown]),
		Run: func(_ context.Context, p *Patient) Finding {
			ready := p.proof.Step(redisconn.StageReady)
			if ready.Outcome != OutcomePass { // it is ready, and of another kind
				ready.Said = "the server is ready"
			}
			return p.own(idReady, redisconn.StageReady, ready.Said)
		},
	},
	{
		ID: idAnswer, Layer: LayerHandshake, Title: "the server answers commands", Needs: []string{idRoom, idDatabase},
		About: "A PING on the connection as the program would use it. Everything below asks the server over this connection.",
		Fix:   []Remedy{{"ask it yourself", "{cli} PING"}},
		Run: func(_ context.Context, p *Patient) Finding {
			finding := p.own(idAnswer, redisconn.StagePing, p.proof.Step(redisconn.StageHandshake).Said)
			if p.proof.Class == "" {
				server := p.server()
				finding.Evidence = []Fact{{"server", server.Name}, {"version", server.Version}, {"protocol", server.Protocol}}
			}
			return finding
		},
	},
}
