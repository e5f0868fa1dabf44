package redisconntest

import (
	"context"
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
// kit's own and without replication links.
func (s *Server) ConnectedClients() int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), auditLimit)
	defer cancel()
	list, err := s.Client().ClientList(ctx).Result()
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
		// https://redis.io/docs/latest/commands/client-list: S is a replica, M a master.
		if fields["name"] != auditUser && !strings.ContainsAny(fields["flags"], "SM") {
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
	ctx, cancel := context.WithTimeout(context.Background(), auditLimit)
	defer cancel()
	info, err := s.Client().Info(ctx, "commandstats").Result()
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

// infoField returns one value of an INFO reply.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
