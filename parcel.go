package redisconn

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// parcel is a pipeline that passes the driver's Pipeline as one command: it would
// copy the commands into a slice of its own, for every flight and every chunk. A
// driver of [newDriver] opens it again.
type parcel struct {
	redis.Cmder // none: nobody looks at a parcel on the way
	cmds        []redis.Cmder
}

// newDriver makes a driver client that takes parcels.
func newDriver(options *redis.Options) *redis.Client {
	driver := redis.NewClient(options)
	driver.AddHook(unpacking{})
	return driver
}

// unpacking is the hook that opens parcels.
type unpacking struct{}

func (unpacking) DialHook(next redis.DialHook) redis.DialHook { return next }

func (unpacking) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (unpacking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if p, packed := cmds[0].(*parcel); packed {
			cmds = p.cmds
		}
		return next(ctx, cmds)
	}
}
