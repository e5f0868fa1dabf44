package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// papers collects everything that a program could print of a client, and finds the canary in it.
type papers struct {
	mu    sync.Mutex
	texts map[string]string // by what it is
	log   strings.Builder
}

// Write takes a log line.
func (p *papers) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(line)
}

// add prints a value in every way that fmt and encoding/json know.
func (p *papers) add(what string, value any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		p.texts[what+" as "+verb] = fmt.Sprintf(verb, value)
	}
	if text, err := json.Marshal(value); err == nil { // not everything has a JSON
		p.texts[what+" as JSON"] = string(text)
	}
}

// addError prints an error and everything that it wraps.
func (p *papers) addError(what string, err error) {
	for depth := 0; err != nil; depth++ {
		p.add(fmt.Sprintf("%s, %d deep, a %T,", what, depth, err), err)
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range many.Unwrap() {
				p.addError(what, one)
			}
			return
		}
		err = errors.Unwrap(err)
	}
}

// addClient prints a client and all it tells of itself.
func (p *papers) addClient(client *redisconn.Client) {
	p.add("the client", client)
	p.add("its configuration", client.Config())
	p.add("its explanation", client.Config().Explain())
	p.add("its history", client.History())
	p.add("its health", client.LastHealth())
	p.add("its numbers", client.Stats())
}

// search returns where the canary was found.
func (p *papers) search() (found []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts["the log"] = p.log.String()
	hidden := fmt.Sprintf("%x", canary)
	for what, text := range p.texts {
		if strings.Contains(text, canary) || strings.Contains(text, hidden) {
			found = append(found, what+": "+text)
		}
	}
	return found
}

// parrot is a script that answers HELLO and AUTH as servers before Redis 6 do, who repeat what they do not understand.
func parrot(conn net.Conn) {
	redisconntest.Replies(func(args []string) string {
		return fmt.Sprintf("-ERR unknown command '%s', with args beginning with: '%s'\r\n", args[0], strings.Join(args[1:], "' '"))
	})(conn)
}

func TestThePasswordIsNowhereToBeRead(t *testing.T) {
	all := &papers{texts: map[string]string{}}
	log := redisconn.WithLogger(slog.New(slog.NewTextHandler(all, &slog.HandlerOptions{Level: slog.LevelDebug})))
	secretly := func(cfg *redisconn.Config) { cfg.Connection.Password = canary }

	// A start that the server refuses, and one that it refuses by repeating the password.
	wrong := redisconntest.NewServer(t, redisconntest.WithPassword("another"))
	for what, addr := range map[string]string{"refused": wrong.Addr(), "parroted": redisconntest.NewScripted(t, parrot).Addr()} {
		client := newHere(t, addr, secretly, log)
		err := client.Connect(timeout(t, 500*time.Millisecond))
		if err == nil {
			t.Errorf("Connect, %s, succeeds", what)
		}
		all.addError("Connect, "+what, err)
		all.addClient(client)
	}

	// A life with everything that can happen to it.
	server := redisconntest.NewServer(t, redisconntest.WithPassword(canary))
	proxy := redisconntest.NewProxy(t, server.Addr())
	client := open(t, proxy.Addr(), secretly, log)
	events, stop := client.Events(1024)
	defer stop()
	all.addError("AUTH", client.Do(t.Context(), "AUTH", "nobody", canary).Err())
	all.addError("an unknown command", client.Do(t.Context(), "NOSUCH", "argument").Err())
	proxy.DropReply(redisconntest.Command("incr"), 1)
	all.addError("a lost reply", client.Incr(t.Context(), "n").Err())
	_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		p.LPush(t.Context(), "n", "x")
		return nil
	})
	all.addError("a transaction", err)
	proxy.Refuse()
	all.addError("an outage", client.Get(timeout(t, 300*time.Millisecond), "k").Err())
	all.addClient(client)
	proxy.Accept()
	redisconntest.Eventually(t, 5*time.Second, "the client is ready again", func() bool { return client.State() == redisconn.StateReady })
	if err := server.Client().ConfigSet(t.Context(), "requirepass", "another").Err(); err != nil {
		t.Fatal(err)
	}
	proxy.CutAll()
	all.addError("a password that was changed", client.Get(timeout(t, 300*time.Millisecond), "k").Err())
	all.addClient(client)
	receipt, err := client.Drain(timeout(t, time.Second))
	all.add("the receipt", receipt)
	all.addError("the drain", err)
	for event := range events {
		all.add("an event", event)
	}
	all.addError("a closed client", client.Get(context.Background(), "k").Err())

	all.add("a builder", redisconn.NewBuilder().Password(canary))
	var registry redisconn.Registry
	if _, err := registry.Open(t.Context(), "cache", client.Config(), log); err == nil {
		t.Error("the registry opens a client with a password that is refused")
	} else {
		all.addError("a registry's client", err)
	}
	all.add("a registry", &registry)

	// Texts that are read as configuration.
	for _, url := range []string{
		"redis://user:" + canary + "@127.0.0.1:port/0", "redis://:" + canary + "@127.0.0.1:6379/x", "redis://:" + canary + "%zz@127.0.0.1",
		"redis://:" + canary + "@[::1", "redis://" + canary + "@127.0.0.1:6379", "redis://:" + canary + "@127.0.0.1:6379?nosuch=1",
	} {
		_, err := redisconn.ParseURL(url)
		if err == nil {
			t.Errorf("ParseURL takes %q", url)
		}
		all.addError("ParseURL", err)
	}

	found := all.search()
	for _, where := range found {
		t.Errorf("the password is in %s", where)
	}
	if !t.Failed() {
		rowSecrets.Here("nowhere, in %d texts", len(all.texts))
	}

	plain := &papers{texts: map[string]string{}}
	options := &redis.Options{Addr: wrong.Addr(), Password: canary}
	plain.add("the options", options)
	for _, url := range []string{"redis://user:" + canary + "@127.0.0.1:port/0", "redis://:" + canary + "%zz@127.0.0.1"} {
		_, err := redis.ParseURL(url)
		plain.addError("ParseURL", err)
	}
	plain.add("AUTH", redis.NewStatusCmd(t.Context(), "auth", canary))
	parroted := newPlain(t, &redis.Options{Addr: redisconntest.NewScripted(t, parrot).Addr(), Password: canary})
	plain.addError("a parroted password", parroted.Ping(t.Context()).Err())
	places := map[string]bool{}
	for _, where := range plain.search() {
		what, _, _ := strings.Cut(where, " as ")
		what, _, _ = strings.Cut(what, ",")
		places[what] = true
	}
	names := []string{}
	for _, name := range []string{"the options", "ParseURL", "AUTH", "a parroted password"} {
		if places[name] {
			names = append(names, name)
		}
	}
	rowSecrets.Plain("in %s", strings.Join(names, ", "))
}
