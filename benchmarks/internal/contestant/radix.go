package contestant

import (
	"context"

	"github.com/mediocregopher/radix/v4"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

var aboutRadix = About{
	Name: "radix", Title: "radix v4", Setup: "as it comes: a pool of 4 connections, shared by the callers",
	Family: "radix", Module: "github.com/mediocregopher/radix/v4",
}

func openRadix(ctx context.Context, addr string, _ int) (load.Client, error) {
	client, err := radix.PoolConfig{}.New(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &radixClient{client}, nil
}

type radixClient struct{ client radix.Client }

func (c *radixClient) Get(ctx context.Context, key string) (string, error) {
	var value string
	err := c.client.Do(ctx, radix.Cmd(&value, "GET", key))
	return value, err
}

func (c *radixClient) Set(ctx context.Context, key, value string) error {
	return c.client.Do(ctx, radix.Cmd(nil, "SET", key, value))
}

func (c *radixClient) Incr(ctx context.Context, key string) (int64, error) {
	var count int64
	err := c.client.Do(ctx, radix.Cmd(&count, "INCR", key))
	return count, err
}

func (c *radixClient) GetAll(ctx context.Context, keys []string) (int, error) {
	values := make([]string, len(keys))
	pipeline := radix.NewPipeline()
	for i, key := range keys {
		pipeline.Append(radix.Cmd(&values[i], "GET", key))
	}
	if err := c.client.Do(ctx, pipeline); err != nil {
		return 0, err
	}
	length := 0
	for _, value := range values {
		length += len(value)
	}
	return length, nil
}

func (c *radixClient) Close() error { return c.client.Close() }
