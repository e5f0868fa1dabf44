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
		if strings.HasPrefix(broken.Said, "NOAUTH") || strings.HasPrefix(broken.Said, "DENIED") {
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
		finding = Fail(p.proof.Class, broken.Said)
		stage = broken.Stage
	case owner != "":
		finding.Detail, finding.blocked = "not reached, see "+owner, owner
	}
	if finding.Outcome != OutcomeSkip {
		finding.stage = stage
	}
	return finding
}
