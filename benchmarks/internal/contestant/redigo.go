package contestant

import (
	"context"
	"errors"

	"github.com/gomodule/redigo/redis"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

var aboutRedigo = About{
	Name: "redigo", Title: "redigo", Setup: "a pool as large as redisconn's; callers wait for a free connection",
	Family: "redigo", Module: "github.com/gomodule/redigo",
}

func openRedigo(_ context.Context, addr string, _ int) (load.Client, error) {
	return &redigoClient{redis.Pool{
		MaxActive: pooled(), MaxIdle: pooled(), Wait: true,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, "tcp", addr, redis.DialReadTimeout(patience), redis.DialWriteTimeout(patience))
		},
	}}, nil
}

type redigoClient struct{ pool redis.Pool }

// do lends a connection for one command. DoContext would start a goroutine for each.
func (c *redigoClient) do(ctx context.Context, command string, args ...any) (reply any, err error) {
	conn, err := c.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	reply, err = conn.Do(command, args...)
	return reply, errors.Join(err, conn.Close())
}

func (c *redigoClient) Get(ctx context.Context, key string) (string, error) {
	return redis.String(c.do(ctx, "GET", key))
}

func (c *redigoClient) Set(ctx context.Context, key, value string) error {
	_, err := c.do(ctx, "SET", key, value)
	return err
}

func (c *redigoClient) Incr(ctx context.Context, key string) (int64, error) {
	return redis.Int64(c.do(ctx, "INCR", key))
}

func (c *redigoClient) GetAll(ctx context.Context, keys []string) (length int, err error) {
	conn, err := c.pool.GetContext(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, key := range keys {
		if err := conn.Send("GET", key); err != nil {
			return 0, err
		}
	}
	if err := conn.Flush(); err != nil {
		return 0, err
	}
	for range keys {
		value, err := redis.String(conn.Receive())
		if err != nil {
			return 0, err
		}
		length += len(value)
	}
	return length, nil
}

func (c *redigoClient) Close() error { return c.pool.Close() }
