package faults_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// readings checks that each GET is answered with the value of its own key: a
// reply that reaches another caller is the worst that a client can do.
type readings struct {
	keys                   int
	right, failed, crossed atomic.Int64
	untyped                atomic.Int64 // failed with an error that has no class
	example                atomic.Pointer[string]
}

func (r *readings) fill(t *testing.T, server *redisconntest.Server) {
	t.Helper()
	values := make([]any, 0, 2*r.keys)
	for i := range r.keys {
		values = append(values, fmt.Sprint("key:", i), fmt.Sprint("value:", i))
	}
	if err := server.Client().MSet(t.Context(), values...).Err(); err != nil {
		t.Fatal(err)
	}
}

func (r *readings) read(ctx context.Context, client redis.UniversalClient) {
	i := rand.N(r.keys)
	r.judge(i, client.Get(ctx, fmt.Sprint("key:", i)))
}

// readTwo reads two keys by a pipeline or a transaction of the client.
func (r *readings) readTwo(ctx context.Context, together func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error)) {
	keys := [2]int{rand.N(r.keys), rand.N(r.keys)}
	var gets [2]*redis.StringCmd
	_, _ = together(ctx, func(p redis.Pipeliner) error { // each command has its own error
		for at, i := range keys {
			gets[at] = p.Get(ctx, fmt.Sprint("key:", i))
		}
		return nil
	})
	for at, i := range keys {
		r.judge(i, gets[at])
	}
}

// judge looks at the reply to GET key:i.
func (r *readings) judge(i int, get *redis.StringCmd) {
	value, err := get.Result()
	switch {
	case err == nil && value == fmt.Sprint("value:", i):
		r.right.Add(1)
	case err == nil || errors.Is(err, redis.Nil):
		r.crossed.Add(1)
		text := fmt.Sprintf("GET key:%d returns %q, %v", i, value, err)
		r.example.Store(&text)
	default:
		r.failed.Add(1)
		if class := redisconn.ClassOf(err); class == redisconn.ClassUnknown || class == redisconn.ClassReply {
			r.untyped.Add(1)
			text := fmt.Sprintf("GET key:%d returns %v", i, err)
			r.example.Store(&text)
		}
	}
}

func (r *readings) check(t *testing.T, here bool) string {
	t.Helper()
	if r.crossed.Load() > 0 || here && r.untyped.Load() > 0 {
		t.Errorf("%d replies reached the wrong caller, %d errors have no class, for example: %s", r.crossed.Load(), r.untyped.Load(), *r.example.Load())
	}
	return fmt.Sprintf("%d crossed; %d right, %d failed", r.crossed.Load(), r.right.Load(), r.failed.Load())
}

func TestCancelledCallsNeverCrossReplies(t *testing.T) {
	// Two calls in three read two keys: 20,000 GET.
	const calls, workers, patience = 12_000, 40, 10 * time.Millisecond
	// Every fourth worker has the second of the clients, which speaks RESP 2.
	scenario := func(t *testing.T, clients [2]redis.UniversalClient, proxy *redisconntest.Proxy, r *readings) {
		proxy.Delay(time.Millisecond)
		proxy.Slice(8)
		client := func(worker int) redis.UniversalClient {
			if worker%4 == 0 {
				return clients[1]
			}
			return clients[0]
		}
		call := func(ctx context.Context, client redis.UniversalClient, n int) {
			switch n % 3 {
			case 0:
				r.read(ctx, client)
			case 1:
				r.readTwo(ctx, client.Pipelined)
			default:
				r.readTwo(ctx, client.TxPipelined)
			}
		}
		crowd(workers, func(worker int) {
			for n := range calls / workers {
				if n%4 == 0 { // a passed deadline ends the connection as well
					ctx, cancel := context.WithTimeout(t.Context(), rand.N(patience))
					call(ctx, client(worker), n)
					cancel()
					continue
				}
				ctx, cancel := context.WithCancel(t.Context())
				early := time.AfterFunc(rand.N(patience), cancel)
				call(ctx, client(worker), n)
				early.Stop()
				cancel()
			}
		})
		proxy.Clear()
		// Whatever a cancelled call left behind on a connection would answer one of these.
		before := r.right.Load()
		crowd(workers, func(worker int) {
			for range 10 {
				r.read(t.Context(), client(worker))
			}
		})
		if settled := r.right.Load() - before; settled != workers*10 {
			t.Errorf("%d of %d reads succeed after the storm", settled, workers*10)
		}
	}
	bothSides(t, rowCrossed,
		func(t *testing.T) string {
			onlyForThePage(t)
			server := redisconntest.NewServer(t)
			proxy := redisconntest.NewProxy(t, server.Addr())
			r := &readings{keys: 1000}
			r.fill(t, server)
			plain := func(protocol int) redis.UniversalClient {
				return newPlain(t, &redis.Options{Addr: proxy.Addr(), Protocol: protocol, ContextTimeoutEnabled: true})
			}
			scenario(t, [2]redis.UniversalClient{plain(3), plain(2)}, proxy, r)
			return r.check(t, false)
		},
		func(t *testing.T) string {
			server := redisconntest.NewServer(t)
			proxy := redisconntest.NewProxy(t, server.Addr())
			r := &readings{keys: 1000}
			r.fill(t, server)
			here := func(protocol int) redis.UniversalClient {
				return open(t, proxy.Addr(), func(cfg *redisconn.Config) { cfg.Connection.Protocol = protocol })
			}
			scenario(t, [2]redis.UniversalClient{here(3), here(2)}, proxy, r)
			return r.check(t, true)
		})
}

// tear is a script that knows PING and GET. It writes the value of key:N, value:N, byte
// by byte, and amid every fiftieth ends the connection, by FIN and by RST in turns.
func tear(torn *atomic.Int64) func(net.Conn) {
	var gets atomic.Int64
	return func(conn net.Conn) {
		requests := bufio.NewReader(conn)
		for {
			args, err := readCommand(requests)
			if err != nil {
				return
			}
			var reply string
			switch strings.ToLower(args[0]) {
			case "get":
				value := strings.Replace(args[1], "key", "value", 1)
				reply = fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
				if gets.Add(1)%50 == 0 {
					if _, err := io.WriteString(conn, reply[:rand.N(len(reply))]); err != nil {
						return
					}
					if torn.Add(1)%2 == 0 {
						_ = conn.(*net.TCPConn).SetLinger(0) // RST; a FIN will do where that fails
					}
					return
				}
			case "ping":
				reply = "+PONG\r\n"
			default:
				reply = "-ERR unknown command\r\n"
			}
			for i := range len(reply) {
				if _, err := io.WriteString(conn, reply[i:i+1]); err != nil {
					return
				}
			}
		}
	}
}

// readCommand reads an array of bulk strings.
func readCommand(r *bufio.Reader) ([]string, error) {
	header := func(kind byte) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line[0] != kind {
			return 0, fmt.Errorf("%q where a line with %c was due", line, kind)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	count, err := header('*')
	if err != nil {
		return nil, err
	}
	args := make([]string, count)
	for i := range args {
		size, err := header('$')
		if err != nil {
			return nil, err
		}
		raw := make([]byte, size+2)
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, err
		}
		args[i] = string(raw[:size])
	}
	return args, nil
}

func TestTornRepliesNeverReachTheWrongCaller(t *testing.T) {
	const reads, workers = 4_000, 20
	scenario := func(t *testing.T, dial dialer) (*readings, int64) {
		var torn atomic.Int64
		server := redisconntest.NewScripted(t, tear(&torn))
		r := &readings{keys: 1000}
		client := dial(t, server.Addr(), 0)
		crowd(workers, func(int) {
			for range reads / workers {
				r.read(t.Context(), client)
			}
		})
		return r, torn.Load()
	}
	bothSides(t, rowTorn,
		func(t *testing.T) string {
			r, torn := scenario(t, dialPlain)
			return fmt.Sprintf("%d torn; %s", torn, r.check(t, false))
		},
		func(t *testing.T) string {
			r, torn := scenario(t, dialHere)
			if r.right.Load()+r.failed.Load() != reads || torn < reads/50 {
				t.Errorf("%d right and %d failed of %d, %d torn", r.right.Load(), r.failed.Load(), reads, torn)
			}
			return fmt.Sprintf("%d torn; %s", torn, r.check(t, true))
		})
}

func TestCallsCancelledBeforeTheyAreSentAreNeverExecuted(t *testing.T) {
	const calls = 100
	scenario := func(t *testing.T, dial dialer) string {
		server := redisconntest.NewServer(t)
		const size = 2
		client := dial(t, server.Addr(), size)
		send := func(ctx context.Context) {
			if err := client.Set(ctx, "k", "v", 0).Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("SET returns %v, want context.Canceled", err)
			} else if errors.Is(err, redisconn.ErrMaybeApplied) {
				t.Errorf("SET was not sent and is told maybe: %v", err)
			}
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		for range calls / 2 {
			send(cancelled)
		}

		// The others wait for a connection when they are cancelled.
		release, held := make(chan struct{}), make(chan struct{}, size)
		go crowd(size, func(int) {
			err := client.Watch(t.Context(), func(*redis.Tx) error {
				held <- struct{}{}
				<-release
				return nil
			}, "held")
			if err != nil {
				t.Errorf("WATCH: %v", err)
			}
			held <- struct{}{}
		})
		for range size {
			<-held
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		crowd(calls/2, func(int) { send(ctx) })
		close(release)
		for range size {
			<-held
		}
		executed := server.CommandCalls("set")
		if executed > 0 {
			t.Errorf("%d of %d calls that were cancelled before they were sent were executed", executed, calls)
		}
		return fmt.Sprintf("%d executed", executed)
	}
	bothSides(t, rowCancelled,
		func(t *testing.T) string { return scenario(t, dialPlain) },
		func(t *testing.T) string { return scenario(t, dialDirect) })
}
