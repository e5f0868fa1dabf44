package redisconn_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/golden"
	"github.com/redisconn/redisconn/internal/respguard"
	"github.com/redisconn/redisconn/redisconntest"
)

// causes is an error for each class, as the layers below make it.
var causes = []struct {
	err     error
	class   redisconn.Class
	applied redisconn.Applied
}{
	{&redisconn.FieldError{Field: "mode"}, redisconn.ClassConfig, ""},
	{dialFailed(&net.DNSError{Err: "no such host", Name: "cache.invalid", IsNotFound: true}), redisconn.ClassDNS, redisconn.AppliedNo},
	{dialFailed(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), redisconn.ClassRefused, redisconn.AppliedNo},
	{dialFailed(&net.OpError{Op: "dial", Net: "unix", Err: fs.ErrNotExist}), redisconn.ClassRefused, redisconn.AppliedNo},
	{dialFailed(syscall.EHOSTUNREACH), redisconn.ClassUnreachable, redisconn.AppliedNo},
	{dialFailed(syscall.ENETUNREACH), redisconn.ClassUnreachable, redisconn.AppliedNo},
	{dialFailed(fs.ErrPermission), redisconn.ClassUnreachable, redisconn.AppliedNo},
	{dialFailed(context.DeadlineExceeded), redisconn.ClassUnreachable, redisconn.AppliedNo},
	{dialFailed(context.Canceled), redisconn.ClassCanceled, redisconn.AppliedNo},
	{dialFailed(redis.ErrClosed), redisconn.ClassClosed, redisconn.AppliedNo},
	{dialFailed(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "cache"}}), redisconn.ClassTLS, redisconn.AppliedNo},
	{dialFailed(errors.New("tls: server selected unsupported protocol version 302")), redisconn.ClassTLS, redisconn.AppliedNo},
	{dialFailed(&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}), redisconn.ClassTLS, redisconn.AppliedNo},
	{dialFailed(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), redisconn.ClassTLSMismatch, redisconn.AppliedNo},
	{dialFailed(errors.New("too many open files")), redisconn.ClassUnknown, redisconn.AppliedNo},
	{lost(io.EOF), redisconn.ClassLost, redisconn.AppliedMaybe},
	{lost(io.ErrUnexpectedEOF), redisconn.ClassLost, redisconn.AppliedMaybe},
	{lost(net.ErrClosed), redisconn.ClassLost, redisconn.AppliedMaybe},
	{lost(io.ErrClosedPipe), redisconn.ClassLost, redisconn.AppliedMaybe},
	{lost(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), redisconn.ClassLost, redisconn.AppliedMaybe},
	{redisconn.LinkError("write", syscall.EPIPE), redisconn.ClassLost, redisconn.AppliedNo},
	{redisconn.LinkError("handshake", io.EOF), redisconn.ClassLost, redisconn.AppliedNo},
	{lost(context.DeadlineExceeded), redisconn.ClassTimeout, redisconn.AppliedMaybe},
	{redisconn.LinkError("write", syscall.ETIMEDOUT), redisconn.ClassTimeout, redisconn.AppliedNo},
	{lost(&respguard.LimitError{}), redisconn.ClassProtocol, redisconn.AppliedMaybe},
	{errors.New("redis: can't parse \"HTTP/1.1\""), redisconn.ClassProtocol, redisconn.AppliedMaybe},
	{fmt.Errorf("failed to initialize connection options: %w", errors.New("redis: can't parse map reply")), redisconn.ClassProtocol, redisconn.AppliedMaybe},
	{redis.ErrPoolTimeout, redisconn.ClassPool, redisconn.AppliedNo},
	{redis.ErrPoolExhausted, redisconn.ClassPool, redisconn.AppliedNo},
	{redis.ErrClosed, redisconn.ClassClosed, redisconn.AppliedNo},
	{redisconn.ErrClosed, redisconn.ClassClosed, redisconn.AppliedNo},
	{redisconn.ErrDraining, redisconn.ClassDraining, redisconn.AppliedNo},
	{redisconn.ErrOverloaded, redisconn.ClassOverloaded, redisconn.AppliedNo},
	{context.Canceled, redisconn.ClassCanceled, redisconn.AppliedNo},
	{context.DeadlineExceeded, redisconn.ClassTimeout, redisconn.AppliedNo},
	{&redisconn.CommandError{Class: redisconn.ClassDown}, redisconn.ClassDown, ""},
	{redisconn.ProviderError(errors.New("503")), redisconn.ClassCredentials, redisconn.AppliedNo},
	{redisconn.NoMasterError("ours", map[string]error{"s1:26379": redisconn.ErrUnknownMaster}), redisconn.ClassNoMaster, redisconn.AppliedNo},
	{errors.New("a hook's own"), redisconn.ClassUnknown, redisconn.AppliedMaybe},
	{&redisconn.CommandError{Class: redisconn.ClassBinding}, redisconn.ClassBinding, ""},
	{redis.TxFailedErr, redisconn.ClassConflict, redisconn.AppliedNo},
	{replied("WRONGTYPE Operation against a key holding the wrong kind of value"), redisconn.ClassReply, redisconn.AppliedNo},
	{replied("NOAUTH Authentication required."), redisconn.ClassAuth, redisconn.AppliedNo},
	{replied("WRONGPASS invalid username-password pair or user is disabled."), redisconn.ClassAuth, redisconn.AppliedNo},
	{replied("ERR invalid password"), redisconn.ClassAuth, redisconn.AppliedNo},
	{replied("ERR Client sent AUTH, but no password is set"), redisconn.ClassAuth, redisconn.AppliedNo},
	{replied("ERR AUTH <password> called without any password configured for the default user."), redisconn.ClassAuth, redisconn.AppliedNo},
	{replied("NOPERM this user has no permissions to run the 'get' command"), redisconn.ClassACL, redisconn.AppliedNo},
	{replied("ERR DB index is out of range"), redisconn.ClassDatabase, redisconn.AppliedNo},
	{replied("ERR SELECT is not allowed in cluster mode"), redisconn.ClassDatabase, redisconn.AppliedNo},
	{replied("ERR invalid DB index"), redisconn.ClassDatabase, redisconn.AppliedNo},
	{replied("NOPROTO unsupported protocol version"), redisconn.ClassProtocol, redisconn.AppliedNo},
	{replied(redisconntest.Loading), redisconn.ClassLoading, redisconn.AppliedNo},
	{replied(redisconntest.ReadOnly), redisconn.ClassReadOnly, redisconn.AppliedNo},
	{replied(redisconntest.MasterDown), redisconn.ClassMasterDown, redisconn.AppliedNo},
	{replied(redisconntest.ClusterDown), redisconn.ClassClusterDown, redisconn.AppliedNo},
	{replied(redisconntest.TryAgain), redisconn.ClassTryAgain, redisconn.AppliedNo},
	{replied(redisconntest.NoReplicas), redisconn.ClassNoReplicas, redisconn.AppliedNo},
	{replied(redisconntest.MaxClients), redisconn.ClassMaxClients, redisconn.AppliedNo},
	{replied(redisconntest.Busy), redisconn.ClassBusy, redisconn.AppliedNo},
	{replied("BUSYGROUP Consumer Group name already exists"), redisconn.ClassReply, redisconn.AppliedNo},
	{replied(redisconntest.OutOfMemory), redisconn.ClassOOM, redisconn.AppliedNo},
	{replied("MOVED 3999 127.0.0.1:6381"), redisconn.ClassMoved, redisconn.AppliedNo},
	{replied("ASK 3999 127.0.0.1:6381"), redisconn.ClassMoved, redisconn.AppliedNo},
	{replied("CROSSSLOT Keys in request don't hash to the same slot"), redisconn.ClassCrossSlot, redisconn.AppliedNo},
	{redisconn.CrossSlot("a", "b"), redisconn.ClassCrossSlot, redisconn.AppliedNo},
	{redisconn.SentOn(5, replied("MOVED 1 10.0.0.1:6379")), redisconn.ClassTryAgain, redisconn.AppliedNo},
	{redisconn.Unserved(7), redisconn.ClassClusterDown, redisconn.AppliedNo},
	{redisconn.WrongMode("no cluster but standalone", "use the scheme redis"), redisconn.ClassMode, redisconn.AppliedNo},
	{dialFailed(redisconn.AddressRefused("169.254.169.254:80", "link-local")), redisconn.ClassAddress, redisconn.AppliedNo},
}

func dialFailed(err error) error { return redisconn.LinkError("dial", err) }
func lost(err error) error       { return redisconn.LinkError("read", err) }

// reply is an error reply as the driver has it.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func replied(text string) error { return reply(strings.TrimPrefix(text, "-")) }

func TestEveryCauseHasItsClass(t *testing.T) {
	met := map[redisconn.Class]bool{}
	for _, row := range causes {
		met[row.class] = true
		if got := redisconn.ClassOf(row.err); got != row.class {
			t.Errorf("%v: class %s, want %s", row.err, got, row.class)
		}
		if got := redisconn.ClassOf(fmt.Errorf("wrapped: %w", row.err)); got != row.class && row.class != redisconn.ClassProtocol {
			t.Errorf("%v, wrapped: class %s, want %s", row.err, got, row.class)
		}
		if row.applied == "" {
			continue
		}
		if got := redisconn.AppliedOf(row.err); got != row.applied {
			t.Errorf("%v: applied %s, want %s", row.err, got, row.applied)
		}
	}
	for _, info := range redisconn.Classes() {
		if !met[info.Class] {
			t.Errorf("no cause of class %s was tried", info.Class)
		}
	}
	if redisconn.ClassOf(nil) != "" || redisconn.ClassOf(redis.Nil) != "" {
		t.Error("nil and redis.Nil are no failures")
	}
}

func TestEveryClassIsExplained(t *testing.T) {
	declared := classConstants(t)
	var explained []redisconn.Class
	for _, info := range redisconn.Classes() {
		explained = append(explained, info.Class)
		if info.Meaning == "" || info.Causes == "" || info.Next == "" {
			t.Errorf("class %s is not explained: %+v", info.Class, info)
		}
		if info.Class.Info() != info {
			t.Errorf("Info of class %s is another", info.Class)
		}
		if info.Retried && info.Fatal {
			t.Errorf("class %s passes by itself and needs an intervention", info.Class)
		}
	}
	if !slices.Equal(declared, explained) {
		t.Errorf("constants and explanations differ, or their order:\n%v\n%v", declared, explained)
	}
	if got := redisconn.Class("no-such-class").Info(); got.Class != redisconn.ClassUnknown {
		t.Errorf("a text that is no class is explained as %s", got.Class)
	}
	mine := redisconn.Classes()
	mine[0].Meaning = "changed"
	if redisconn.Classes()[0].Meaning == "changed" {
		t.Error("Classes hands out its own table")
	}
}

// classConstants are the values of the constants of type Class, in their order.
func classConstants(t *testing.T) []redisconn.Class {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "class.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var classes []redisconn.Class
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Class" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Error(err)
			}
			classes = append(classes, redisconn.Class(text))
		}
		return true
	})
	return classes
}

// docs/errors.md is for whoever finds a class in brackets at the end of a log line.
func TestThePageOfErrorsIsUpToDate(t *testing.T) {
	var page strings.Builder
	page.WriteString("| class | meaning | sent again? | fatal? |\n| --- | --- | --- | --- |\n")
	for _, info := range redisconn.Classes() {
		fatal := "no"
		if info.Fatal {
			fatal = "yes"
		}
		fmt.Fprintf(&page, "| [`%s`](#%s) | %s | %s | %s |\n", info.Class, info.Class, info.Meaning, sentAgain(info, "yes", "if its effect allows", "no"), fatal)
	}
	for _, info := range redisconn.Classes() {
		fmt.Fprintf(&page, "\n### %s\n\n%s.\n\n- Usual causes: %s.\n- What to do: %s.\n- %s\n",
			info.Class, capital(info.Meaning), info.Causes, info.Next,
			sentAgain(info,
				"Sent again, whatever the command: it proves that nothing was applied, and it passes by itself.",
				"Sent again if it proves that nothing was applied, or if the command's effect is within `Retry.Effect`.",
				"Not sent again."))
		if info.Fatal {
			page.WriteString("- Fatal: somebody has to change something first. Connect returns it at once, and calls do not wait for its end.\n")
		}
	}
	golden.CheckPart(t, "docs/errors.md", golden.Begin, page.String())
}

func sentAgain(info redisconn.ClassInfo, yes, byEffect, no string) string {
	switch {
	case info.Class == redisconn.ClassLost, info.Class == redisconn.ClassTimeout:
		return byEffect
	case info.Retried:
		return yes
	}
	return no
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// A peer chooses the text, so whatever it is must end in a class, and in the
// same one every time.
func FuzzClassOfAnyText(f *testing.F) {
	for _, row := range causes {
		f.Add(row.err.Error())
	}
	f.Add("")
	f.Add(" ")
	f.Add("LOADING")
	f.Add("redis: transaction failed and more")
	known := map[redisconn.Class]bool{}
	for _, info := range redisconn.Classes() {
		known[info.Class] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, err := range []error{reply(text), errors.New(text), lost(errors.New(text)), dialFailed(errors.New(text))} {
			class := redisconn.ClassOf(err)
			if !known[class] {
				t.Errorf("%T %q: class %q, which does not exist", err, text, class)
			}
			if again := redisconn.ClassOf(err); again != class {
				t.Errorf("%T %q: class %s, then %s", err, text, class, again)
			}
			_ = redisconn.SafeToRetry(err)
		}
		if class := redisconn.ClassOf(reply(text)); class == redisconn.ClassUnknown {
			t.Errorf("reply %q has class unknown", text)
		}
	})
}
