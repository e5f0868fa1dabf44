package contestant

import (
	"context"
	"io"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

var aboutRedisconn = About{
	Name: SubjectName, Title: "redisconn", Setup: "as it comes",
	Family: "redisconn", Kind: Subject,
}

func openRedisconn(ctx context.Context, addr string, _ int) (load.Client, error) {
	cfg := redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{addr}}}
	client, err := redisconn.Open(ctx, cfg, redisconn.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		return nil, err
	}
	return &redisconnClient{commands{client}, client}, nil
}

type redisconnClient struct {
	commands
	client *redisconn.Client
}

func (c *redisconnClient) GetAll(ctx context.Context, keys []string) (int, error) {
	var gets []*redis.StringCmd
	_, err := c.client.RunPipeline(ctx, func(p redis.Pipeliner) error {
		gets = queueGets(ctx, p, keys)
		return nil
	})
	return totalLength(gets), err
}

func (c *redisconnClient) Close() error { return c.client.Close() }
