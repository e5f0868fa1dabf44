package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/respguard"
)

// Class is the kind of a failure: what a program decides by, a dashboard counts
// and docs/errors.md explains. The texts of the constants are stable.
type Class string

// The classes. See [Classes] for what each means, what usually causes it and what to do.
const (
	ClassConfig      Class = "config"
	ClassDNS         Class = "dns"
	ClassRefused     Class = "refused"
	ClassUnreachable Class = "unreachable"
	ClassTLS         Class = "tls"
	ClassTLSMismatch Class = "tls-mismatch"
	ClassAuth        Class = "auth"
	ClassCredentials Class = "credentials"
	ClassACL         Class = "acl"
	ClassDatabase    Class = "database"
	ClassProtocol    Class = "protocol"
	ClassLoading     Class = "loading"
	ClassReadOnly    Class = "readonly"
	ClassMasterDown  Class = "master-down"
	ClassClusterDown Class = "cluster-down"
	ClassTryAgain    Class = "try-again"
	ClassNoReplicas  Class = "no-replicas"
	ClassNoMaster    Class = "no-master"
	ClassMaxClients  Class = "max-clients"
	ClassBusy        Class = "busy"
	ClassOOM         Class = "oom"
	ClassMoved       Class = "moved"
	ClassCrossSlot   Class = "cross-slot"
	ClassMode        Class = "mode"
	ClassAddress     Class = "address-refused"
	ClassTimeout     Class = "timeout"
	ClassLost        Class = "connection-lost"
	ClassPool        Class = "pool-exhausted"
	ClassOverloaded  Class = "overloaded"
	ClassCanceled    Class = "canceled"
	ClassDown        Class = "down"
	ClassDraining    Class = "draining"
	ClassClosed      Class = "closed"
	ClassConflict    Class = "conflict"
	ClassBinding     Class = "binding"
	ClassReply       Class = "reply"
	ClassUnknown     Class = "unknown"
)

// Applied is what is known about a failed command's effect on the server.
type Applied string

// What may be known about an effect.
const (
	AppliedNo    Applied = "no"    // proved: the server did not execute it
	AppliedMaybe Applied = "maybe" // nobody knows: it was sent and no reply came back
	AppliedYes   Applied = "yes"   // the server executed it and said so
)

// ClassInfo explains a class. docs/errors.md is generated from it.
type ClassInfo struct {
	Class   Class
	Meaning string // what happened
	Causes  string // what usually brings it about
	Next    string // what to do
	Retried bool   // proves that nothing was applied and passes by itself: sent again whatever the effect
	Fatal   bool   // no attempt will fare better until somebody changes something: Connect returns at once
}

// Classes returns every class with its explanation, in the order of the
// constants. The slice is the caller's own.
func Classes() []ClassInfo { return append([]ClassInfo(nil), classes...) }

var classes = []ClassInfo{
	{Class: ClassConfig, Meaning: "the configuration, or a file it names, cannot be used", Causes: "a typing error, a missing mount, a certificate without its key", Next: "read the reason and the fix of each field named; redisconn config shows where each value came from", Fatal: true},
	{Class: ClassDNS, Meaning: "the host name does not resolve", Causes: "a typing error, a service that does not exist yet, a resolver that is down", Next: "resolve the name on this machine; in Kubernetes check the namespace in it", Retried: true},
	{Class: ClassRefused, Meaning: "nothing listens at the address", Causes: "Redis is not running or still starting, a wrong port, bind does not include this interface", Next: "check that redis-server runs and listens on this address and port", Retried: true},
	{Class: ClassUnreachable, Meaning: "the address does not answer", Causes: "a firewall or security group that drops packets, a stale DNS record, a stopped host, a unix socket without permission", Next: "open a connection to the address from this machine; look at firewalls before passwords", Retried: true},
	{Class: ClassTLS, Meaning: "the TLS handshake was refused by one side", Causes: "a wrong CA file, an expired certificate, a name that is not in it, a missing client certificate", Next: "check tls.ca_file, tls.server_name and the certificate's dates and names", Fatal: true},
	{Class: ClassTLSMismatch, Meaning: "one side speaks TLS and the other does not", Causes: "rediss:// to a plaintext port, or redis:// to a TLS port", Next: "switch TLS on or off, or use the port that speaks it", Fatal: true},
	{Class: ClassAuth, Meaning: "the user or the password is not accepted", Causes: "a wrong or rotated password, a user that does not exist or is off, no password where one is needed", Next: "check the username and password; ACL LIST on the server shows its users", Fatal: true},
	{Class: ClassCredentials, Meaning: "the program's provider of credentials failed", Causes: "an identity service that is down or refuses this workload, a token that could not be had", Next: "read the provider's error; the connections there are stay in use", Retried: true},
	{Class: ClassACL, Meaning: "the user may not do this", Causes: "an ACL rule without this command, key pattern or channel", Next: "allow it for this user: ACL SETUSER, then ACL DRYRUN to check", Fatal: true},
	{Class: ClassDatabase, Meaning: "there is no such database", Causes: "a number at or above the server's setting databases (16 by default), or a cluster, which has only 0", Next: "use a smaller connection.db", Fatal: true},
	{Class: ClassProtocol, Meaning: "the peer does not speak the Redis protocol, or speaks it beyond sane bounds", Causes: "an HTTP server or a proxy at this address, a corrupted stream", Next: "check what listens at the address and port", Fatal: true},
	{Class: ClassLoading, Meaning: "Redis is still loading its data from disk", Causes: "a restart of a server with much data", Next: "wait; INFO persistence says how long", Retried: true},
	{Class: ClassReadOnly, Meaning: "the server is a replica and takes no writes", Causes: "a failover that this name or address has not followed, a replica's address in the configuration", Next: "connect to the master; with Sentinel, let Sentinel name it", Retried: true},
	{Class: ClassMasterDown, Meaning: "the replica lost its master and may not answer", Causes: "a broken replication link with replica-serve-stale-data no", Next: "look at the replication link in INFO replication", Retried: true},
	{Class: ClassClusterDown, Meaning: "the cluster does not serve this slot", Causes: "a failed shard or uncovered slots", Next: "CLUSTER INFO and CLUSTER SHARDS name the shard", Retried: true},
	{Class: ClassTryAgain, Meaning: "the keys are being moved between shards", Causes: "a slot migration", Next: "wait; it passes by itself", Retried: true},
	{Class: ClassNoReplicas, Meaning: "too few replicas are connected to take a write", Causes: "min-replicas-to-write with replicas that are down or behind", Next: "look at the replicas in INFO replication", Retried: true},
	{Class: ClassNoMaster, Meaning: "the sentinels do not watch a master of this name", Causes: "a typing error in the name, addresses of data nodes or of another deployment's sentinels", Next: "SENTINEL MASTERS on a sentinel lists the names it knows; set sentinel.master to one of them", Fatal: true},
	{Class: ClassMaxClients, Meaning: "the server accepts no more connections", Causes: "pools larger than maxclients together, a connection leak", Next: "compare pool.size times the number of processes with maxclients; CLIENT LIST shows who holds them", Retried: true},
	{Class: ClassBusy, Meaning: "a script or function keeps the server busy", Causes: "a slow Lua script", Next: "SCRIPT KILL or FUNCTION KILL ends one that has not written yet"},
	{Class: ClassOOM, Meaning: "the server is out of memory and refuses writes", Causes: "maxmemory reached with maxmemory-policy noeviction", Next: "raise maxmemory, choose an eviction policy or delete data"},
	{Class: ClassMoved, Meaning: "the key lives on another node of a cluster", Causes: "a standalone client that talks to a cluster", Next: "connect as a cluster client: redis+cluster://, or mode=cluster"},
	{Class: ClassCrossSlot, Meaning: "the keys are in different slots of the cluster, and one command or transaction stays inside one", Causes: "keys that were chosen without regard to where they go", Next: "give keys that are used together a common hash tag, the part in braces: {user:42}:cart and {user:42}:name; see docs/topologies.md"},
	{Class: ClassMode, Meaning: "the deployment is not of the kind that the configuration says", Causes: "a cluster's node behind redis://, one server behind redis+cluster:// or several addresses", Next: "let mode be auto, or set the mode that the error names", Fatal: true},
	{Class: ClassAddress, Meaning: "Redis named an address that this client may not connect to", Causes: "nodes that announce addresses of another network, a rogue or misconfigured node", Next: "if the address is right, cover it in connection.allow_addrs or map it with WithAddressMap; if not, look at who named it"},
	{Class: ClassTimeout, Meaning: "no answer came in time", Causes: "a slow command, an overloaded or stopped server, a link that went silent", Next: "SLOWLOG and LATENCY DOCTOR on the server; compare the deadline with health's p99"},
	{Class: ClassLost, Meaning: "the connection broke", Causes: "a restart, a failover, CLIENT KILL, an idle timeout of the server or of something between", Next: "look at the server's log; with idle links, set pool.idle_timeout below the server's timeout"},
	{Class: ClassPool, Meaning: "no connection came free in time", Causes: "blocking commands or slow ones hold them all, or there are more callers than connections", Next: "look at who holds the pool; raise pool.size, or pool.blocking where commands such as BLPOP hold those"},
	{Class: ClassOverloaded, Meaning: "too many calls are under way, so this one was refused at once", Causes: "callers that come faster than Redis answers, an outage in which calls wait for long", Next: "slow down or shed load, and come back later; shorter deadlines make room sooner, pool.max_in_flight raises the bound"},
	{Class: ClassCanceled, Meaning: "the caller's context was cancelled", Causes: "the caller gave up: a client that disconnected, a sibling that failed", Next: "nothing, unless it happens often"},
	{Class: ClassDown, Meaning: "there is no connection to Redis", Causes: "an outage that outlasted the caller, or a client that was never connected", Next: "call Connect first; in an outage follow the class of the failure behind it"},
	{Class: ClassDraining, Meaning: "the client is shutting down and takes no new commands", Causes: "work that begins after Drain", Next: "stop the callers before the client; it is safe to send the command elsewhere"},
	{Class: ClassClosed, Meaning: "the client is closed", Causes: "use after Drain or Close", Next: "make a new client: a closed one does not open again"},
	{Class: ClassConflict, Meaning: "a watched key changed and the transaction did nothing", Causes: "two writers at one key", Next: "read and try again, as RunOptimistic does; where many write to one key, one command or a script needs no watching"},
	{Class: ClassBinding, Meaning: "the command was not sent, because connections are shared", Causes: "SELECT, MULTI, SUBSCRIBE, CLIENT REPLY and others made by hand", Next: "use what the error names instead"},
	{Class: ClassReply, Meaning: "the server answered the command with an error", Causes: "the command does not fit the key's type or its own syntax", Next: "read the server's text; it is unchanged"},
	{Class: ClassUnknown, Meaning: "a failure that fits no other class", Causes: "an error of the program's own hook or dialer", Next: "read the wrapped error"},
}

var classIndex = func() map[Class]ClassInfo {
	index := make(map[Class]ClassInfo, len(classes))
	for _, info := range classes {
		index[info.Class] = info
	}
	return index
}()

// Info returns the explanation of a class; that of ClassUnknown for a text that is none.
func (c Class) Info() ClassInfo {
	if info, ok := classIndex[c]; ok {
		return info
	}
	return classIndex[ClassUnknown]
}

// ClassOf returns the class of any error that a Client, a Registry or the
// driver returned; "" for nil and for redis.Nil, which is an answer and no failure.
func ClassOf(err error) Class {
	var command *CommandError
	var connect *ConnectError
	var field *FieldError
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return ""
	case errors.As(err, &command):
		return command.Class
	case errors.As(err, &connect):
		return connect.Class
	case errors.As(err, &field):
		return ClassConfig
	}
	return diagnose(err).class
}

// failure is what one error of the driver proves.
type failure struct {
	class   Class
	applied Applied
	err     error
	mended  bool // what it was refused for has been put right since
}

// beforeAnyConnection reports whether time was up while the command waited for a
// connection: from there alone the driver returns a context's own error.
func (f failure) beforeAnyConnection() bool {
	var link *linkError
	return errors.Is(f.err, context.DeadlineExceeded) && !errors.As(f.err, &link)
}

// replyClasses maps the first word of an error reply to its class. Every one of
// them is sent instead of executing the command, so it proves AppliedNo.
// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
// and the texts in the server's own server.c.
var replyClasses = map[string]Class{
	"NOAUTH":      ClassAuth,
	"WRONGPASS":   ClassAuth,
	"DENIED":      ClassAuth, // protected mode: no password is set, so only loopback may connect
	"NOPERM":      ClassACL,
	"LOADING":     ClassLoading,
	"READONLY":    ClassReadOnly,
	"MASTERDOWN":  ClassMasterDown,
	"CLUSTERDOWN": ClassClusterDown,
	"TRYAGAIN":    ClassTryAgain,
	"NOREPLICAS":  ClassNoReplicas,
	"BUSY":        ClassBusy,
	"OOM":         ClassOOM,
	"MOVED":       ClassMoved,
	"ASK":         ClassMoved,
	"CROSSSLOT":   ClassCrossSlot,
	"NOPROTO":     ClassProtocol,
}

// replyTexts are the error replies whose first word is only ERR.
var replyTexts = []struct {
	text  string
	class Class
}{
	{"max number of clients reached", ClassMaxClients},
	{"invalid password", ClassAuth},
	{"Client sent AUTH, but no password is set", ClassAuth},
	{"AUTH <password> called without any password configured", ClassAuth},
	{"DB index is out of range", ClassDatabase},
	{"SELECT is not allowed in cluster mode", ClassDatabase},
	{"invalid DB index", ClassDatabase},
}

// refusals are how the server's own words for what it refuses, and would not
// refuse later, begin. Source: server.c and cluster.c of Redis 7.0 and Valkey 8.
var refusals = []string{
	"LOADING Redis is loading", "LOADING Valkey is loading", "READONLY You can't write against a read only",
	"MASTERDOWN Link with MASTER is down", "CLUSTERDOWN The cluster is down", "CLUSTERDOWN Hash slot not served",
	"TRYAGAIN Multiple keys request during rehashing", "NOREPLICAS Not enough good replicas", "ERR max number of clients reached",
	"NOAUTH Authentication required", "WRONGPASS invalid username-password pair",
}

// diagnose says what an error of the driver proves. It looks at types first and
// at texts only where the server or the driver offers nothing else.
func diagnose(err error) failure {
	var ours verdict
	if errors.As(err, &ours) {
		return failure{class: ours.verdict(), applied: AppliedNo, err: err}
	}
	var link *linkError
	if errors.As(err, &link) {
		f := failure{class: link.class(), applied: link.applied(), err: err}
		if strings.HasPrefix(err.Error(), afterBreak) {
			f.applied = AppliedNo
		}
		return f
	}
	var reply redis.Error
	if errors.As(err, &reply) {
		return failure{class: replyClass(reply.Error()), applied: AppliedNo, err: err}
	}
	var provider *providerError
	switch {
	case errors.As(err, &provider):
		return failure{class: ClassCredentials, applied: AppliedNo, err: err}
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return failure{class: ClassPool, applied: AppliedNo, err: err}
	case errors.Is(err, redis.ErrClosed):
		// Only the pool says this, before a connection was handed out.
		return failure{class: ClassClosed, applied: AppliedNo, err: err}
	case errors.Is(err, context.Canceled):
		// The driver returns a context's error only from waiting for a
		// connection; once the command is on its way it is a link error.
		return failure{class: ClassCanceled, applied: AppliedNo, err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return failure{class: ClassTimeout, applied: AppliedNo, err: err}
	case errors.Is(err, ErrOverloaded):
		return failure{class: ClassOverloaded, applied: AppliedNo, err: err}
	case errors.Is(err, ErrDraining):
		return failure{class: ClassDraining, applied: AppliedNo, err: err}
	case errors.Is(err, ErrClosed):
		return failure{class: ClassClosed, applied: AppliedNo, err: err}
	case errors.As(err, new(*modeError)):
		return failure{class: ClassMode, applied: AppliedNo, err: err}
	case errors.As(err, new(*crossSlotError)), errors.Is(err, errScan):
		return failure{class: ClassCrossSlot, applied: AppliedNo, err: err}
	case errors.Is(err, errStateful):
		return failure{class: ClassUnknown, applied: AppliedNo, err: err}
	case errors.As(err, new(*strayError)):
		return failure{class: ClassTryAgain, applied: AppliedNo, err: err}
	case errors.As(err, new(*unservedError)):
		return failure{class: ClassClusterDown, applied: AppliedNo, err: err}
	case isParserError(err):
		return failure{class: ClassProtocol, applied: AppliedMaybe, err: err}
	}
	return failure{class: ClassUnknown, applied: AppliedMaybe, err: err}
}

// afterBreak is how the driver begins the error of a command on a WATCH section
// whose connection broke before: it wraps what broke it, and was not sent.
const afterBreak = "redis: Conn is in a bad state"

// isParserError reports whether the driver could not read what the peer sent.
// It has no type for that, only a way to begin the text.
func isParserError(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "redis: ") {
			return true
		}
	}
	return false
}

// replyClass classifies the text of an error reply.
func replyClass(text string) Class {
	text = strings.TrimPrefix(text, "EXECABORT Transaction discarded because of: ") // EXEC itself was refused, for this reason
	word, _, _ := strings.Cut(text, " ")
	if class, ok := replyClasses[word]; ok {
		return class
	}
	if strings.HasPrefix(text, redis.TxFailedErr.Error()) {
		return ClassConflict
	}
	for _, known := range replyTexts {
		if strings.Contains(text, known.text) {
			return known.class
		}
	}
	return ClassReply
}

// transportClass classifies what the network, TLS or the reply guard reported.
func transportClass(err error) Class {
	var (
		dns       *net.DNSError
		verify    *tls.CertificateVerificationError
		header    tls.RecordHeaderError
		operation *net.OpError
		mismatch  *mismatchError
		limit     *respguard.LimitError
		timeout   net.Error
		address   *addressError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &address):
		return ClassAddress
	case errors.As(err, &mismatch), errors.As(err, &header):
		return ClassTLSMismatch
	case errors.As(err, &verify), strings.HasPrefix(err.Error(), "tls: "),
		// An alert of the peer's. Its type is not exported outside QUIC.
		errors.As(err, &operation) && operation.Op == "remote error":
		return ClassTLS
	case errors.As(err, &limit):
		return ClassProtocol
	case errors.As(err, &dns):
		return ClassDNS
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return ClassRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, fs.ErrPermission):
		return ClassUnreachable
	case errors.Is(err, redis.ErrClosed):
		return ClassClosed
	case errors.Is(err, context.Canceled):
		return ClassCanceled
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ClassLost
	case errors.As(err, &timeout) && timeout.Timeout():
		return ClassTimeout
	}
	return ClassUnknown
}
