package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9/auth"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestCredentialsComeFromTheProgram(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "token-1", "~*", "+@all"))
	var asked atomic.Int64
	client := openClient(t, configFor(server.Addr()), redisconn.WithCredentials(func(context.Context) (redisconn.Credentials, error) {
		asked.Add(1)
		return redisconn.Credentials{Username: "app", Password: "token-1"}, nil
	}))
	if who, err := client.Do(t.Context(), "ACL", "WHOAMI").Text(); who != "app" || err != nil {
		t.Errorf("connected as %q, %v", who, err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestARefusedTokenIsReplacedBeforeACallFailsForIt(t *testing.T) {
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "token-1", "~*", "+@all"))
	var token atomic.Value
	token.Store("token-1")
	client := openClient(t, configFor(server.Addr()), redisconn.WithCredentials(func(context.Context) (redisconn.Credentials, error) {
		return redisconn.Credentials{Username: "app", Password: redisconn.Secret(token.Load().(string))}, nil
	}))
	server.AddPassword("app", "token-2")
	token.Store("token-2")
	server.RemovePassword("app", "token-1")
	server.Disconnect("app")
	if err := client.Incr(t.Context(), "n").Err(); err != nil {
		t.Error(err)
	}
	if got := client.Stats().Generation; got != 2 {
		t.Errorf("generation %d, want 2", got)
	}
}

func TestCredentialsAreAskedForBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newMemoryServer()
		var asked []time.Duration
		began := time.Now()
		client := server.open(t, nil, redisconn.WithCredentials(func(context.Context) (redisconn.Credentials, error) {
			asked = append(asked, time.Since(began).Round(time.Second))
			switch len(asked) {
			case 1:
				return redisconn.Credentials{Password: "token-1", Expires: began.Add(time.Hour)}, nil
			case 2:
				return redisconn.Credentials{Password: "token-1", Expires: began.Add(time.Hour)}, nil // not renewed yet
			}
			return redisconn.Credentials{Password: "token-2"}, nil // for ever
		}))
		time.Sleep(3 * time.Hour)
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if len(asked) != 3 || asked[1] < 42*time.Minute || asked[1] > 48*time.Minute || asked[2] < asked[1]+8*time.Minute || asked[2] > time.Hour {
			t.Errorf("asked after %v", asked)
		}
		if got := client.Stats().Reloads; got != 1 {
			t.Errorf("%d reloads, want 1: only the third answer was another one", got)
		}
	})
}

func TestConnectAsksAProviderThatFailsAgain(t *testing.T) {
	server := redisconntest.NewServer(t)
	var asked atomic.Int64
	client := newClient(t, configFor(server.Addr()), redisconn.WithCredentials(func(context.Context) (redisconn.Credentials, error) {
		if asked.Add(1) < 3 {
			return redisconn.Credentials{}, errors.New("503 from the identity service")
		}
		return redisconn.Credentials{}, nil
	}))
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	attempts := eventsOf(client, redisconn.EventAttempt)
	if len(attempts) == 0 || attempts[0].Class != redisconn.ClassCredentials || attempts[0].Stage != redisconn.StageConfig {
		t.Errorf("attempts %+v", attempts)
	}
}

func TestProvidersThatContradictSomethingAreRefused(t *testing.T) {
	provide := redisconn.WithCredentials(func(context.Context) (redisconn.Credentials, error) { return redisconn.Credentials{}, nil })
	stream := redisconn.WithStreamingCredentials(&tokens{})
	for name, row := range map[string]struct {
		conn    redisconn.ConnectionConfig
		options []redisconn.Option
	}{
		"two providers":     {redisconn.ConnectionConfig{}, []redisconn.Option{provide, stream}},
		"and a file":        {redisconn.ConnectionConfig{PasswordFile: "/run/secret"}, []redisconn.Option{provide}},
		"and a password":    {redisconn.ConnectionConfig{Password: "secret"}, []redisconn.Option{stream}},
		"and a user's name": {redisconn.ConnectionConfig{Username: "app"}, []redisconn.Option{provide}},
	} {
		_, err := redisconn.New(redisconn.Config{Connection: row.conn}, row.options...)
		if problems := redisconn.FieldErrors(err); len(problems) != 1 || problems[0].Fix == "" || strings.Contains(err.Error(), "secret\"") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// tokens is a streaming provider.
type tokens struct {
	mu        sync.Mutex
	now       auth.Credentials
	refuses   error
	stuck     error // what cancelling fails with
	listener  auth.CredentialsListener
	cancelled bool
}

func (p *tokens) Subscribe(listener auth.CredentialsListener) (auth.Credentials, auth.UnsubscribeFunc, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses != nil {
		return nil, nil, p.refuses
	}
	p.listener = listener
	return p.now, p.cancel, nil
}

func (p *tokens) cancel() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelled = true
	return p.stuck
}

func TestAStreamOfCredentialsReplacesEveryConnection(t *testing.T) {
	redisconntest.NoLeaks(t)
	server := redisconntest.NewServer(t, redisconntest.WithUser("app", "token-1", "~*", "+@all"))
	provider := &tokens{now: auth.NewBasicCredentials("app", "token-1")}
	client := openClient(t, configFor(server.Addr()), redisconn.WithStreamingCredentials(provider))
	server.AddPassword("app", "token-2")
	underLoad(t, client, func() {
		for range 100 { // more often than anybody can reload
			provider.listener.OnNext(auth.NewBasicCredentials("app", "token-2"))
		}
		eventually(t, "the second generation", func() bool { return client.Stats().Generation == 2 })
	})
	provider.listener.OnError(errors.New("the identity service is down"))
	eventually(t, "a warning", func() bool { return client.LastHealth().Class == redisconn.ClassCredentials })
	provider.listener.OnNext(auth.NewBasicCredentials("app", "token-2"))
	eventually(t, "no warning", func() bool { return client.LastHealth().Status == redisconn.StatusPass })
	if err := client.Close(); err != nil || !provider.cancelled {
		t.Errorf("closed with %v, the subscription cancelled: %v", err, provider.cancelled)
	}
}

func TestAStreamThatCannotBeHadIsSaidSo(t *testing.T) {
	server := redisconntest.NewServer(t)
	cfg := configFor(server.Addr())
	cfg.Timeouts.Connect = 100 * time.Millisecond
	for name, provider := range map[string]*tokens{
		"refused":  {refuses: errors.New("this workload has no identity")},
		"no token": {},
	} {
		client := newClient(t, cfg, redisconn.WithStreamingCredentials(provider))
		err := client.Connect(t.Context())
		if redisconn.ClassOf(err) != redisconn.ClassCredentials {
			t.Errorf("%s: %v", name, err)
		}
	}
	provider := &tokens{now: auth.NewBasicCredentials("", ""), stuck: errors.New("cannot cancel")}
	client := openClient(t, cfg, redisconn.WithStreamingCredentials(provider))
	if err := client.Close(); !errors.Is(err, provider.stuck) {
		t.Errorf("Close: %v", err)
	}
}
