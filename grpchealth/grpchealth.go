// Package grpchealth answers the gRPC health protocol (grpc.health.v1) from the
// health of Redis clients:
//
//	health := grpchealth.New(redisconn.Named{"cache": client})
//	healthpb.RegisterHealthServer(server, health)
//	defer health.Close()
//
// The service "" stands for all clients together, a client's name for that one.
// A client is serving while it is ready or degraded; a drain ends that at once.
// Nothing here asks Redis anything: the client's own monitor does. It is a module
// of its own, so that only who uses it depends on gRPC.
package grpchealth

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/redisconn/redisconn"
)

// Clients are those whose health is served: a [*redisconn.Registry], or
// [redisconn.Named]. It is asked anew for each answer.
type Clients interface {
	Names() []string
	Get(name string) (*redisconn.Client, bool)
}

// membershipCheck is how often a watch looks for clients that a registry has
// opened or forgotten; changes of the state are told at once.
const membershipCheck = time.Second

// Server is a healthpb.HealthServer. All methods are safe for concurrent use.
type Server struct {
	healthpb.UnimplementedHealthServer

	clients Clients
	closing chan struct{}
	close   sync.Once
}

// New makes a server. It starts nothing.
func New(clients Clients) *Server {
	return &Server{clients: clients, closing: make(chan struct{})}
}

// Close ends every watch, so that a graceful stop of the gRPC server need not wait
// for those who watch.
func (s *Server) Close() { s.close.Do(func() { close(s.closing) }) }

// Check answers whether a service is serving; NotFound when there is no such client.
func (s *Server) Check(_ context.Context, request *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	serving := s.status(request.GetService())
	if serving == healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Errorf(codes.NotFound, "there is no client %q", request.GetService())
	}
	return &healthpb.HealthCheckResponse{Status: serving}, nil
}

// List answers for all clients together and for each.
func (s *Server) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	statuses := map[string]*healthpb.HealthCheckResponse{"": {Status: s.status("")}}
	for _, name := range s.clients.Names() {
		statuses[name] = &healthpb.HealthCheckResponse{Status: s.status(name)}
	}
	return &healthpb.HealthListResponse{Statuses: statuses}, nil
}

// Watch tells what holds now and every change from then on, until the caller or
// [Server.Close] ends it. A client that does not exist yet is SERVICE_UNKNOWN.
func (s *Server) Watch(request *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	changed := make(chan struct{}, 1)
	listened := map[*redisconn.Client]func(){}
	defer func() {
		for _, stop := range listened {
			stop()
		}
	}()
	look := time.NewTicker(membershipCheck)
	defer look.Stop()
	told := healthpb.HealthCheckResponse_UNKNOWN
	for {
		s.listen(listened, changed) // before the look, so that no change falls between
		if now := s.status(request.GetService()); now != told {
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			told = now
		}
		select {
		case <-changed:
		case <-look.C:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-s.closing:
			return status.Error(codes.Unavailable, "the server is shutting down")
		}
	}
}

// listen has changed told of every transition of the clients there are now.
func (s *Server) listen(listened map[*redisconn.Client]func(), changed chan<- struct{}) {
	present := map[*redisconn.Client]bool{}
	for _, name := range s.clients.Names() {
		client, ok := s.clients.Get(name)
		if !ok {
			continue // closed since
		}
		present[client] = true
		if listened[client] == nil {
			listened[client] = client.OnStateChange(func(redisconn.StateChange) {
				select {
				case changed <- struct{}{}:
				default: // a look is due already
				}
			})
		}
	}
	for client, stop := range listened {
		if !present[client] {
			stop()
			delete(listened, client)
		}
	}
}

// status is that of one client or, for "", of all: without any, nothing is serving.
func (s *Server) status(service string) healthpb.HealthCheckResponse_ServingStatus {
	if service != "" {
		client, ok := s.clients.Get(service)
		if !ok {
			return healthpb.HealthCheckResponse_SERVICE_UNKNOWN
		}
		return serving(client)
	}
	all := healthpb.HealthCheckResponse_NOT_SERVING
	for _, name := range s.clients.Names() {
		if client, ok := s.clients.Get(name); ok {
			if all = serving(client); all != healthpb.HealthCheckResponse_SERVING {
				return all
			}
		}
	}
	return all
}

func serving(client *redisconn.Client) healthpb.HealthCheckResponse_ServingStatus {
	switch client.State() {
	case redisconn.StateReady, redisconn.StateDegraded:
		return healthpb.HealthCheckResponse_SERVING
	}
	return healthpb.HealthCheckResponse_NOT_SERVING
}
