package grpchealth_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/grpchealth"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestMain(m *testing.M) { os.Exit(redisconntest.RunNoLeaks(m)) }

var quiet = redisconn.WithLogger(slog.New(slog.DiscardHandler))

const (
	serving    = healthpb.HealthCheckResponse_SERVING
	notServing = healthpb.HealthCheckResponse_NOT_SERVING
	unknown    = healthpb.HealthCheckResponse_SERVICE_UNKNOWN
)

// serve runs a gRPC server on a loopback port and returns a caller of it.
func serve(t *testing.T, clients grpchealth.Clients) (*grpchealth.Server, healthpb.HealthClient) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	health := grpchealth.New(clients)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		health.Close()
		server.GracefulStop() // waits for every watch
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return health, healthpb.NewHealthClient(conn)
}

// next is what a watch tells next.
func next(t *testing.T, watch grpc.ServerStreamingClient[healthpb.HealthCheckResponse], want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	answer, err := watch.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != want {
		t.Fatalf("the watch tells %v, want %v", answer.Status, want)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAWatchFollowsAnOutageItsEndAndTheDrain(t *testing.T) {
	redisServer := redisconntest.NewServer(t)
	client, err := redisconn.Open(t.Context(), redisServer.Config(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	_, caller := serve(t, redisconn.Named{"cache": client})
	var watches []grpc.ServerStreamingClient[healthpb.HealthCheckResponse]
	for _, service := range []string{"", "cache"} {
		watch, err := caller.Watch(within(t), &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		watches = append(watches, watch)
	}
	expect := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for _, watch := range watches {
			next(t, watch, want)
		}
		for _, service := range []string{"", "cache"} {
			answer, err := caller.Check(within(t), &healthpb.HealthCheckRequest{Service: service})
			if err != nil || answer.Status != want {
				t.Errorf("check %q: %v, %v, want %v", service, answer.GetStatus(), err, want)
			}
		}
	}
	expect(serving)
	redisServer.Kill()
	expect(notServing)
	redisServer.Start()
	expect(serving)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	expect(notServing)
}

func TestAWatchMeetsAClientThatIsOpenedLaterAndForgotten(t *testing.T) {
	redisServer := redisconntest.NewServer(t)
	var registry redisconn.Registry
	_, caller := serve(t, &registry)
	if _, err := caller.Check(within(t), &healthpb.HealthCheckRequest{Service: "cache"}); status.Code(err) != codes.NotFound {
		t.Errorf("a client that is not open: %v", err)
	}
	watch, err := caller.Watch(within(t), &healthpb.HealthCheckRequest{Service: "cache"})
	if err != nil {
		t.Fatal(err)
	}
	next(t, watch, unknown)
	if _, err := registry.Open(t.Context(), "cache", redisServer.Config(), quiet); err != nil {
		t.Fatal(err)
	}
	next(t, watch, serving)
	list, err := caller.List(within(t), &healthpb.HealthListRequest{})
	if err != nil || len(list.Statuses) != 2 || list.Statuses[""].Status != serving || list.Statuses["cache"].Status != serving {
		t.Errorf("the list is %v, %v", list, err)
	}
	if _, err := registry.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	next(t, watch, unknown)
	if answer, err := caller.Check(within(t), &healthpb.HealthCheckRequest{}); err != nil || answer.Status != notServing {
		t.Errorf("without any client: %v, %v", answer.GetStatus(), err)
	}
}

func TestAWatchEndsWithItsCallerAndWithTheServer(t *testing.T) {
	health, caller := serve(t, redisconn.Named{})
	watch := func(ctx context.Context) grpc.ServerStreamingClient[healthpb.HealthCheckResponse] {
		t.Helper()
		watch, err := caller.Watch(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		next(t, watch, notServing)
		return watch
	}
	ctx, cancel := context.WithCancel(within(t))
	cancelled, ended := watch(ctx), watch(within(t))
	cancel()
	if _, err := cancelled.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("after its caller has gone: %v", err)
	}
	health.Close()
	health.Close() // again does nothing
	if _, err := ended.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("after the server has closed: %v", err)
	}
}
