package doctor

import (
	"context"

	"github.com/redisconn/redisconn"
)

const (
	idKnown    = "RC-A001"
	idPassword = "RC-A002"
	idWelcome  = "RC-A003"
)

// authChecks tell apart the three ways of being turned away.
var authChecks = []Check{
	{
		ID: idKnown, Layer: LayerAuth, Title: "the server gets a password if it wants one", Needs: []string{idTLSDone}, Quiet: true,
		About: "NOAUTH: the server wants a user to authenticate and nothing was sent. DENIED: protected mode, no password is set and the server answers its own machine only.",
		Cause: "a password that is not configured here: a variable that is misspelt, a secret that is not mounted; or a server in protected mode",
		Fix: []Remedy{
			{"see whether a password arrives in the configuration, and from where", "redisconn config"},
			{"give it in a file", "redisconn doctor --password-file FILE"},
			protectedFix[0], protectedFix[1],
		},
		Run: func(_ context.Context, p *Patient) Finding {
			if p.config.Connection.Password == "" && p.config.Connection.PasswordFile == "" {
				return p.own(idKnown, "", "the server wants no password of this client")
			}
			return p.own(idKnown, "", "a password is given")
		},
	},
	{
		ID: idPassword, Layer: LayerAuth, Title: "the server accepts the user and the password", Needs: []string{idKnown},
		About: "WRONGPASS: the user does not exist, is off, or has another password. The server does not say which, on purpose.",
		Cause: "a password that was rotated here or there, a user that does not exist or is off",
		Fix: []Remedy{
			{"see the user as an administrator", "{admin} ACL GETUSER {user}"},
			{"see what the server wrote down of the refusal", "{admin} ACL LOG 10"},
		},
		Run: func(_ context.Context, p *Patient) Finding {
			return p.own(idPassword, "", "the server accepts user "+p.user())
		},
	},
	{
		ID: idWelcome, Layer: LayerAuth, Title: "the user may do what every connection begins with", Needs: []string{idPassword}, Quiet: true,
		About: "NOPERM: the user is who it says and may not run PING, HELLO, CLIENT SETNAME or SELECT, with which every connection begins.",
		Cause: "an ACL that begins with -@all and allows the data commands alone",
		Fix: []Remedy{
			{"allow what a connection begins with", "{admin} ACL SETUSER {user} +ping +hello +select '+client|setinfo' '+client|setname'"},
			{"or ask for less with connection.compat", ""},
		},
		Run: func(_ context.Context, p *Patient) Finding {
			return p.own(idWelcome, redisconn.StageHandshake, "the connection may introduce itself")
		},
	},
}
