package contestant

import (
	"context"

	"github.com/redis/rueidis"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

var aboutRueidis = About{
	Name: "rueidis", Title: "rueidis", Setup: "as it comes",
	Family: "rueidis", Module: "github.com/redis/rueidis",
}

func openRueidis(_ context.Context, addr string, _ int) (load.Client, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}})
	if err != nil {
		return nil, err
	}
	return &rueidisClient{client}, nil
}

type rueidisClient struct{ client rueidis.Client }

func (c *rueidisClient) Get(ctx context.Context, key string) (string, error) {
	return c.client.Do(ctx, c.client.B().Get().Key(key).Build()).ToString()
}

func (c *rueidisClient) Set(ctx context.Context, key, value string) error {
	return c.client.Do(ctx, c.client.B().Set().Key(key).Value(value).Build()).Error()
}

func (c *rueidisClient) Incr(ctx context.Context, key string) (int64, error) {
	return c.client.Do(ctx, c.client.B().Incr().Key(key).Build()).AsInt64()
}

func (c *rueidisClient) GetAll(ctx context.Context, keys []string) (int, error) {
	gets := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		gets[i] = c.client.B().Get().Key(key).Build()
	}
	length := 0
	for _, reply := range c.client.DoMulti(ctx, gets...) {
		value, err := reply.ToString()
		if err != nil {
			return 0, err
		}
		length += len(value)
	}
	return length, nil
}

func (c *rueidisClient) Close() error {
	c.client.Close()
	return nil
}
