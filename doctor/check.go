package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/redisconn/redisconn"
)

// Layer is a group of checks. Each stands on those before it.
type Layer string

// The layers.
const (
	LayerConfig    Layer = "config"    // the configuration and the files it names; needs no network
	LayerDNS       Layer = "dns"       // the host's name, or the sentinels' word for it
	LayerTCP       Layer = "tcp"       // the way to the server
	LayerTLS       Layer = "tls"       // the encrypted link and both certificates
	LayerAuth      Layer = "auth"      // user and password
	LayerACL       Layer = "acl"       // what the user may do
	LayerHandshake Layer = "handshake" // the protocol, the database, the first answer
	LayerTopology  Layer = "topology"  // what the server is part of
	LayerLatency   Layer = "latency"   // how long things take, and whose fault that is
	LayerServer    Layer = "server"    // the server's own state and settings
	LayerClock     Layer = "clock"     // time, here and there
	LayerClient    Layer = "client"    // what server and client make of each other's connections
	LayerExtra     Layer = "extra"     // the program's own checks
)

// Layers returns all layers in their order.
func Layers() []Layer {
	return []Layer{
		LayerConfig, LayerDNS, LayerTCP, LayerTLS, LayerAuth, LayerACL, LayerHandshake,
		LayerTopology, LayerLatency, LayerServer, LayerClock, LayerClient, LayerExtra,
	}
}

// Check is one thing that can be well or not.
type Check struct {
	ID    string   // stable, such as RC-N010, and never given to something else
	Layer Layer    // where it belongs
	Title string   // what holds when it passes
	About string   // what is looked at, and why it matters
	Cause string   // what usually makes it fail; empty: what the class of the failure says
	Fix   []Remedy // what to do then
	Needs []string // ids of the checks without which this one cannot be made
	Quiet bool     // worth a line of its own only when it is not well

	// Run makes the check. It is called once, never at the same time as another,
	// and honours ctx.
	Run func(ctx context.Context, p *Patient) Finding
}

// Remedy is a step towards a repair. In the commands of a [Check] {cli} stands for
// redis-cli with the flags that lead to the server, {admin} for the same as an
// administrator, {node} and {sentinel} for redis-cli on its way to the node in question
// and to a sentinel; {host} and {port} for the server's address, {addr} for both, {user}
// for the user, {master} for the name that the sentinels have for the master, {id} for
// the id of the node in question, {file} for the file in question.
type Remedy struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // what to type, where there is something
}

// example fills the places of a command where there is no server.
var example = strings.NewReplacer(
	"{cli}", "redis-cli -h HOST -p PORT", "{node}", "redis-cli -h HOST -p PORT", "{sentinel}", "redis-cli -h SENTINEL -p 26379", "{admin}", "redis-cli -h HOST -p PORT --user ADMIN --askpass",
	"{host}", "HOST", "{port}", "PORT", "{addr}", "HOST:PORT", "{user}", "USER", "{id}", "NODE-ID", "{file}", "FILE", "{master}", "MASTER",
)

// Steps are the steps of the repair as they are written where there is no server: HOST, PORT and the like stand for it.
func (c Check) Steps() []Remedy {
	steps := slices.Clone(c.Fix)
	for i := range steps {
		steps[i].Command = example.Replace(steps[i].Command)
	}
	return steps
}

// checksPage explains every check under its id.
const checksPage = "https://github.com/redisconn/redisconn/blob/main/docs/checks.md"

// DocURL is where the check is explained.
func (c Check) DocURL() string {
	if c.Layer == LayerExtra {
		return ""
	}
	return checksPage + "#" + strings.ToLower(c.ID)
}

// Checks returns every check in the order in which they are made. The slice is
// the caller's own.
func Checks() []Check {
	return slices.Concat(configChecks(), networkChecks, tlsChecks, authChecks, aclChecks, handshakeChecks,
		topologyChecks, clusterChecks, sentinelChecks, latencyChecks, serverChecks, exposureChecks, clockChecks, clientChecks)
}

// Find returns the check of an id, however it is capitalised.
func Find(id string) (Check, bool) {
	for _, c := range Checks() {
		if strings.EqualFold(c.ID, id) {
			return c, true
		}
	}
	return Check{}, false
}

// Outcome is what came of a check.
type Outcome string

// The outcomes. The texts are stable.
const (
	OutcomePass Outcome = "pass" // it holds
	OutcomeWarn Outcome = "warn" // it works, and is not what an operator wants
	OutcomeFail Outcome = "fail" // it does not hold
	OutcomeSkip Outcome = "skip" // nothing to prove here, or not possible to
)

// Outcomes returns all outcomes, the best first.
func Outcomes() []Outcome { return []Outcome{OutcomePass, OutcomeWarn, OutcomeFail, OutcomeSkip} }

// Fact is something that was seen. Values are texts, numbers, durations or times.
type Fact struct {
	Name  string
	Value any
}

// Finding is what a check returns: make one with [Pass], [Warn], [Fail], [Skip] or [NotNeeded].
type Finding struct {
	Outcome  Outcome
	Detail   string          // what was found, as a statement
	Class    redisconn.Class // of the failure, where it has one
	Evidence []Fact
	Cause    string   // the likely cause; empty: the check's, or its class's
	Fix      []Remedy // what to do; empty: the check's, or its class's

	at      *node                // of a cluster, where it was found
	ill     redisconn.NodeHealth // the node that is not well, where it cannot be asked itself
	stage   redisconn.Stage      // whose time is the check's, where connecting proved it
	settle  bool                 // it is skipped, and what needs it can go on
	blocked string               // it is skipped because of this check
}

// Pass is the finding that all is well.
func Pass(detail string, evidence ...Fact) Finding {
	return Finding{Outcome: OutcomePass, Detail: detail, Evidence: evidence}
}

// Warn is the finding that it works, and how it may not for long.
func Warn(detail string, evidence ...Fact) Finding {
	return Finding{Outcome: OutcomeWarn, Detail: detail, Evidence: evidence}
}

// Fail is the finding that it does not hold. The class is that of the failure, or empty.
func Fail(class redisconn.Class, detail string, evidence ...Fact) Finding {
	return Finding{Outcome: OutcomeFail, Class: class, Detail: detail, Evidence: evidence}
}

// Skip is the finding that the check could not be made. What needs it is skipped as well.
func Skip(reason string) Finding { return Finding{Outcome: OutcomeSkip, Detail: reason} }

// NotNeeded is the finding that there is nothing to check here. What needs it goes on.
func NotNeeded(reason string) Finding {
	return Finding{Outcome: OutcomeSkip, Detail: reason, settle: true}
}

// because replaces the likely cause.
func (f Finding) because(cause string) Finding {
	f.Cause = cause
	return f
}

// about says which node is not well; id is a cluster's.
func (f Finding) about(addr, id string) Finding {
	f.ill.Addr, f.ill.ID = addr, id
	return f
}

// mend adds a step to the repair, in place of the check's own.
func (f Finding) mend(text, command string) Finding {
	f.Fix = append(f.Fix, Remedy{text, command})
	return f
}
