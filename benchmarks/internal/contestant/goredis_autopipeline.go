package contestant

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

var aboutGoredisAuto = About{
	Name: "go-redis-auto", Title: "go-redis AutoPipeline", Setup: "AutoPipeline as it comes; pipelines go as Pipelined",
	Family: "go-redis", Module: goredisModule,
}

func openGoredisAuto(_ context.Context, addr string, _ int) (load.Client, error) {
	plain := newGoredis(&redis.Options{Addr: addr})
	auto, err := plain.client.AutoPipeline()
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return &goredisAutoClient{commands{auto}, plain, auto}, nil
}

// goredisAutoClient sends single commands by AutoPipeline. A pipeline is one
// already and goes by the client below.
type goredisAutoClient struct {
	commands
	plain *goredisClient
	auto  *redis.AutoPipeliner
}

func (c *goredisAutoClient) GetAll(ctx context.Context, keys []string) (int, error) {
	return c.plain.GetAll(ctx, keys)
}

func (c *goredisAutoClient) Close() error { return errors.Join(c.auto.Close(), c.plain.Close()) }
