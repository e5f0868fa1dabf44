package redisconntest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// auditLimit bounds each question the kit asks a server.
const auditLimit = 5 * time.Second

// Client returns a plain driver client for looking at the server behind the back of what is tested: what was really
// executed, what is really stored. It never repeats a command, does not go through any proxy, and connects as a
// user of its own that may do everything, whatever happens to the other users. All calls return the same client;
// it is closed when the test ends.
//
// It connects at its first command, and the connection counts against maxclients: to look at a server that is full,
// use the client once before filling it.
func (s *Server) Client() *redis.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.audit == nil {
		s.audit = redis.NewClient(&redis.Options{
			Network:                  s.Network(),
			Addr:                     s.Addr(),
			ClientName:               auditUser,
			Username:                 auditUser,
			Password:                 s.auditPassword,
			TLSConfig:                s.kitTLSConfig(),
			MaxRetries:               -1,
			DialerRetries:            1,
			ContextTimeoutEnabled:    true,
			DisableIdentity:          true,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
	}
	return s.audit
}

// ConnectedClients returns the number of connections that clients hold, as CLIENT LIST shows them: without the
// kit's own and without those of replicas, masters and sentinels.
func (s *Server) ConnectedClients() int {
	s.t.Helper()
	var list string
	err := s.ask(func(ctx context.Context, client *redis.Client) (err error) {
		list, err = client.ClientList(ctx).Result()
		return err
	})
	if err != nil {
		s.t.Errorf("Server.ConnectedClients: %v", err)
	}
	count := 0
	for line := range strings.Lines(list) {
		fields := map[string]string{}
		for _, field := range strings.Fields(line) {
			name, value, _ := strings.Cut(field, "=")
			fields[name] = value
		}
		// https://redis.io/docs/latest/commands/client-list: S is a replica, M a master. Sentinels that watch the
		// server are the kit's own user as well.
		if fields["user"] != auditUser && !strings.ContainsAny(fields["flags"], "SM") {
			count++
		}
	}
	return count
}

// CommandCalls returns how often the server has executed the command since it started, as INFO commandstats counts:
// failed executions included, rejected calls not. A command with subcommands is the sum of them, or one of them:
// "client", "client list". The kit's own calls (AUTH, HELLO, PING, INFO, CLIENT) count, so compare two readings
// where it matters. Restarting the server starts from 0.
func (s *Server) CommandCalls(name string) int64 {
	s.t.Helper()
	var info string
	err := s.ask(func(ctx context.Context, client *redis.Client) (err error) {
		info, err = client.Info(ctx, "commandstats").Result()
		return err
	})
	if err != nil {
		s.t.Errorf("Server.CommandCalls(%q): %v", name, err)
	}
	return commandCalls(info, name)
}

// commandCalls reads lines like "cmdstat_client|list:calls=3,usec=51,usec_per_call=17.00,rejected_calls=0,...".
func commandCalls(info, name string) int64 {
	wanted := strings.Join(strings.Fields(strings.ToLower(name)), "|")
	var calls int64
	for line := range strings.Lines(info) {
		command, stats, found := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !found || command != wanted && !strings.HasPrefix(command, wanted+"|") {
			continue
		}
		number, _, _ := strings.Cut(stats, ",")
		n, _ := strconv.ParseInt(number, 10, 64) // the server's own number
		calls += n
	}
	return calls
}

// replicationField returns one value of the server's INFO replication, nothing when it does not answer.
func (s *Server) replicationField(name string) string {
	var info string
	_ = s.ask(func(ctx context.Context, client *redis.Client) (err error) { // callers wait for a value and say what it was
		info, err = client.Info(ctx, "replication").Result()
		return err
	})
	return infoField(info, name)
}

// awaitStream waits until the master sends this many replicas what it executes. Until a replica has acknowledged its
// first copy, for up to a second after it calls its link up, a master keeps the rest back, and a failover loses that.
func (s *Server) awaitStream(replicas int) error {
	var reached int64
	streaming := poll(s.cfg.patience, pollInterval, func() bool {
		return s.ask(func(ctx context.Context, client *redis.Client) (err error) {
			pipe := client.Pipeline() // WAIT is about its own connection
			pipe.Publish(ctx, auditUser, "")
			wait := pipe.Do(ctx, "wait", replicas, time.Second.Milliseconds())
			if _, err := pipe.Exec(ctx); err != nil {
				return err
			}
			reached, err = wait.Int64()
			return err
		}) == nil && reached >= int64(replicas)
	})
	if !streaming {
		return fmt.Errorf("%d of %d replicas follow %s after %v; server log:\n%s", reached, replicas, s.Addr(), s.cfg.patience, s.Log())
	}
	return nil
}

// ask puts a question to the server as the kit's own user. That the server has closed a connection is found out only
// by using it where it is TLS, so a question without an answer is put again, once for each connection there is.
func (s *Server) ask(question func(ctx context.Context, client *redis.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), auditLimit)
	defer cancel()
	client := s.Client()
	stale := client.PoolStats().TotalConns
	err := question(ctx, client)
	for ; stale > 0 && !isAnswer(err) && ctx.Err() == nil && s.answers(); stale-- {
		err = question(ctx, client)
	}
	if err != nil {
		return fmt.Errorf("server %s: %w", s.Addr(), err)
	}
	return nil
}

// isAnswer reports whether the server has answered, if only by an error.
func isAnswer(err error) bool {
	var reply redis.Error
	return err == nil || errors.As(err, &reply)
}

// dropStaleConnections lets [Server.Client] find out that its connections to an earlier run are closed.
func (s *Server) dropStaleConnections() error {
	err := s.ask(func(ctx context.Context, client *redis.Client) error { return client.Ping(ctx).Err() })
	if isAnswer(err) { // a refusal as well: MASTERDOWN
		return nil
	}
	return err
}

// infoField returns one value of an INFO reply.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
