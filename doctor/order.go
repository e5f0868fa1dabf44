package doctor

import (
	"slices"
	"strings"

	"github.com/redisconn/redisconn"
)

// proved is the order in which connecting proves things: a failure that belongs
// to one of these checks proves those before it and says nothing of those after.
var proved = []string{
	idDiscover, idResolve, idDial, idTLSSpoken, idTLSDone, idProtocol, idRoom, idKnown, idPassword, idWelcome, idDatabase, idReady, idMode, idAnswer,
}

// owner is the check that a failure to connect belongs to; empty when there is
// none, or when it belongs to the configuration.
func (p *Patient) owner() string {
	broken := p.proof.Failure()
	switch broken.Stage {
	case redisconn.StageDiscover:
		return idDiscover
	case redisconn.StageResolve:
		return idResolve
	case redisconn.StageDial:
		return idDial
	case redisconn.StageTLS, redisconn.StageHandshake:
		return ownerOf(broken, p.proof.Class)
	case redisconn.StageReady:
		if p.proof.Class == redisconn.ClassConfig || p.proof.Class == redisconn.ClassMode { // the server is of another kind
			return idMode
		}
		return idReady
	case redisconn.StagePing:
		return idAnswer
	}
	return ""
}

// ownerOf is the check of a handshake that broke, of TLS or of the driver's. The
// latter does many things at once, and the class tells which of them it was.
func ownerOf(broken Step, class redisconn.Class) string {
	switch class {
	case redisconn.ClassTLSMismatch:
		return idTLSSpoken
	case redisconn.ClassTLS:
		return idTLSDone
	case redisconn.ClassMaxClients:
		return idRoom
	case redisconn.ClassAuth:
		if strings.HasPrefix(broken.Said, "NOAUTH") || protected(broken) {
			return idKnown
		}
		return idPassword
	case redisconn.ClassACL:
		return idWelcome
	case redisconn.ClassDatabase:
		return idDatabase
	}
	if broken.Stage == redisconn.StageTLS {
		return idTLSDone
	}
	return idProtocol
}

// own is the finding of a check that connecting makes: proved, broken, or never
// got to. The stage is the one whose time it took; without one it took none.
func (p *Patient) own(id string, stage redisconn.Stage, detail string) Finding {
	owner := p.owner()
	finding := Skip("not reached")
	switch {
	case p.proof.Class == "", slices.Index(proved, id) < slices.Index(proved, owner):
		finding = Pass(detail)
	case id == owner:
		broken := p.proof.Failure()
		finding = Fail(p.proof.Class, broken.Said, p.circumstances(broken)...)
		finding.Fix = remedies[p.proof.Class]
		if protected(broken) {
			finding.Cause, finding.Fix = protectedMode, protectedFix
		}
		stage = broken.Stage
	case owner != "":
		finding.Detail, finding.blocked = "not reached, see "+owner, owner
	}
	if finding.Outcome != OutcomeSkip {
		finding.stage = stage
	}
	return finding
}

// circumstances are what is known of a failure to connect beside its words.
func (p *Patient) circumstances(broken Step) []Fact {
	facts := []Fact{{"address", p.addr()}}
	if broken.Stage == redisconn.StageDiscover {
		facts = []Fact{{"sentinels", strings.Join(p.config.Connection.Addrs, ", ")}, {"master", p.config.Sentinel.Master}}
	} else if p.proof.Class == redisconn.ClassAuth || p.proof.Class == redisconn.ClassACL {
		facts = append(facts, Fact{"user", p.user()})
	}
	return append(facts, Fact{"stage", string(broken.Stage)}, Fact{"attempts", p.proof.Attempts}, Fact{"took", p.proof.Took})
}

// remedies are the repairs that are a class's rather than a check's: a server that
// refuses everything else still does these.
var remedies = map[redisconn.Class][]Remedy{
	redisconn.ClassLoading: {
		{"wait; see how far it is", "{cli} INFO persistence"},
	},
	redisconn.ClassBusy: {
		{"end the script that holds the server up; one that has written already can only be waited for", "{cli} SCRIPT KILL"},
		{"or the function", "{cli} FUNCTION KILL"},
	},
	redisconn.ClassMasterDown: {
		{"see the link to its master", "{cli} INFO replication"},
		{"or let it answer with what it has", "{cli} CONFIG SET replica-serve-stale-data yes"},
	},
}

// protected reports whether it was protected mode that turned the client away.
func protected(broken Step) bool { return strings.HasPrefix(broken.Said, "DENIED") }

const protectedMode = "the server is in protected mode: it has no password and answers its own machine only"

// protectedFix is typed on the server's machine, which is the only one that it answers.
var protectedFix = []Remedy{
	{"on the server's machine, give the user default a password, and this client the same", "redis-cli -p {port} CONFIG SET requirepass PASSWORD"},
	{"or, where a firewall keeps everybody else away, switch protected mode off", "redis-cli -p {port} CONFIG SET protected-mode no"},
}
