package doctor

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/redisconn/redisconn"
)

const (
	idNobody    = "RC-S007"
	idProtected = "RC-S008"
)

var exposureChecks = []Check{
	{
		ID: idNobody, Layer: LayerServer, Title: "the server lets nobody in without a password", Needs: []string{idAnswer},
		About: "A second connection without user and password: if it is answered, the user default has none (nopass), and whoever reaches the port may do what that user may. A server that listens on its own machine alone is not warned about.",
		Cause: "a server without requirepass and without ACL users",
		Fix: []Remedy{
			{"give the user default a password", "{cli} CONFIG SET requirepass PASSWORD"},
			{"or make users of their own and switch it off", "{cli} ACL SETUSER default off"},
		},
		Run: checkNobody,
	},
	{
		ID: idProtected, Layer: LayerServer, Title: "protected mode is on where there is no password", Needs: []string{idNobody}, Quiet: true,
		About: "Protected mode keeps a server without a password from answering other machines. Without either it is open to the network.",
		Cause: "protected-mode no in the server's configuration, as many container images have it",
		Fix: []Remedy{
			{"switch it on", "{cli} CONFIG SET protected-mode yes"},
			{"or give the user default a password", "{cli} CONFIG SET requirepass PASSWORD"},
		},
		Run: checkProtected,
	},
}

// admits reports whether the server answers somebody who gives no password.
func (p *Patient) admits(ctx context.Context) (bool, error) {
	nobody, err := p.open(ctx, func(cfg *redisconn.Config) {
		cfg.Connection.Username, cfg.Connection.Password, cfg.Connection.PasswordFile = "", "", ""
	})
	var refused *refusal
	switch {
	case err == nil:
		return true, nobody.Close()
	case errors.As(err, &refused):
		switch refused.proof.Class {
		case redisconn.ClassAuth:
			return false, nil
		case redisconn.ClassACL, redisconn.ClassDatabase:
			return true, nil // it is known to somebody who said nothing
		}
	}
	return false, err
}

func checkNobody(ctx context.Context, p *Patient) Finding {
	if p.embedded() {
		return NotNeeded("the server is in this process")
	}
	open, err := p.admits(ctx)
	if err != nil {
		return Skip("could not be tried: " + err.Error())
	}
	p.unlocked = open && !p.private(ctx)
	switch {
	case !open:
		return Pass("the server wants a password")
	case !p.unlocked:
		return Pass("no password is needed, and the server listens on its own machine alone")
	}
	evidence := []Fact{{"user", "default"}}
	if bind, err := p.setting(ctx, "bind"); err == nil {
		evidence = append(evidence, Fact{"listens_on", bind})
	}
	return Warn("no password is needed: whoever reaches the port may do what the user default may", evidence...)
}

// private reports whether the server is known to listen on its machine alone.
func (p *Patient) private(ctx context.Context) bool {
	if p.network() == "unix" {
		port, err := p.setting(ctx, "port")
		return err == nil && port == "0"
	}
	bind, err := p.setting(ctx, "bind")
	if err != nil || strings.TrimSpace(bind) == "" { // an empty bind is every interface
		return false
	}
	for _, address := range strings.Fields(bind) {
		ip, err := netip.ParseAddr(strings.TrimPrefix(address, "-")) // - marks one that may be missing
		if err != nil || !ip.IsLoopback() {
			return false
		}
	}
	return true
}

func checkProtected(ctx context.Context, p *Patient) Finding {
	if p.embedded() {
		return NotNeeded("the server is in this process")
	}
	mode, err := p.setting(ctx, "protected-mode")
	if err != nil {
		return unanswered("CONFIG GET protected-mode", err)
	}
	evidence := Fact{"protected_mode", mode}
	switch {
	case mode == "no" && p.unlocked:
		return Fail("", "protected mode is off and no password is needed: the server is open to the network", evidence)
	case mode == "no":
		return Pass("protected mode is off, and the server wants a password or is its own machine's", evidence)
	}
	return Pass("protected mode is on", evidence)
}
