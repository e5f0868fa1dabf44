package contestant

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

const goredisModule = "github.com/redis/go-redis/v9"

var aboutGoredis = About{
	Name: "go-redis", Title: "go-redis", Setup: "as it comes: a pool of 10 connections per CPU",
	Family: "go-redis", Module: goredisModule,
}

var aboutGoredisLarge = About{
	Name: "go-redis-large", Title: "go-redis, large pool", Setup: "a connection for each caller",
	Family: "go-redis", Module: goredisModule,
}

func openGoredis(_ context.Context, addr string, _ int) (load.Client, error) {
	return newGoredis(&redis.Options{Addr: addr}), nil
}

func openGoredisLarge(_ context.Context, addr string, callers int) (load.Client, error) {
	return newGoredis(&redis.Options{Addr: addr, PoolSize: callers}), nil
}

// commands are the calls that go-redis's typed surface serves, whoever is below it.
type commands struct{ redis.Cmdable }

func (c commands) Get(ctx context.Context, key string) (string, error) {
	return c.Cmdable.Get(ctx, key).Result()
}

func (c commands) Set(ctx context.Context, key, value string) error {
	return c.Cmdable.Set(ctx, key, value, 0).Err()
}

func (c commands) Incr(ctx context.Context, key string) (int64, error) {
	return c.Cmdable.Incr(ctx, key).Result()
}

// goredisClient is go-redis itself.
type goredisClient struct {
	commands
	client *redis.Client
}

func newGoredis(options *redis.Options) *goredisClient {
	client := redis.NewClient(options)
	return &goredisClient{commands{client}, client}
}

func (c *goredisClient) GetAll(ctx context.Context, keys []string) (int, error) {
	var gets []*redis.StringCmd
	_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		gets = queueGets(ctx, p, keys)
		return nil
	})
	return totalLength(gets), err
}

func (c *goredisClient) Close() error { return c.client.Close() }

func queueGets(ctx context.Context, p redis.Pipeliner, keys []string) []*redis.StringCmd {
	gets := make([]*redis.StringCmd, len(keys))
	for i, key := range keys {
		gets[i] = p.Get(ctx, key)
	}
	return gets
}

func totalLength(gets []*redis.StringCmd) int {
	length := 0
	for _, get := range gets {
		length += len(get.Val())
	}
	return length
}
