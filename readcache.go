package redisconn

import (
	"context"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// readCache is the driver's client-side cache of one generation, counted. Redis
// tells each connection which of the keys that it has read were changed; the
// driver drops those, and with a connection all that was read over it.
type readCache struct {
	*redis.LocalCache
	counts *cacheCounts
}

// cacheCounts are the counters behind CacheStats, of all generations together.
type cacheCounts struct{ hits, misses, invalidations atomic.Int64 }

func newReadCache(cfg CacheConfig, counts *cacheCounts) *readCache {
	local := redis.NewLocalCache(redis.CacheConfig{MaxEntries: cfg.MaxEntries, MaxStaleness: cfg.MaxStaleness})
	return &readCache{LocalCache: local, counts: counts}
}

// Get looks a reply up.
func (r *readCache) Get(ctx context.Context, key string) ([]byte, bool) {
	value, ok := r.LocalCache.Get(ctx, key)
	if ok {
		r.counts.hits.Add(1)
	}
	return value, ok
}

// Reserve lets one of several callers fetch what is not there.
func (r *readCache) Reserve(key string, redisKeys []string) (token uint64, fetch bool) {
	token, fetch = r.LocalCache.Reserve(key, redisKeys)
	if fetch {
		r.counts.misses.Add(1)
	}
	return token, fetch
}

// DeleteByRedisKey drops what was read of a key that the server says has changed.
func (r *readCache) DeleteByRedisKey(key string) int {
	dropped := r.LocalCache.DeleteByRedisKey(key)
	r.counts.invalidations.Add(int64(dropped))
	return dropped
}

// stats is nil where there is no cache.
func (r *readCache) stats() *CacheStats {
	if r == nil {
		return nil
	}
	return &CacheStats{
		Hits:          r.counts.hits.Load(),
		Misses:        r.counts.misses.Load(),
		Invalidations: r.counts.invalidations.Load(),
		Entries:       r.Stats().Entries,
	}
}

// serves reports whether the cache may know the answer to a command: then it goes
// by the client that has the cache.
func (r *readCache) serves(cmd redis.Cmder) bool {
	return r != nil && effect.Of(cmd.Args()) == effect.Read
}
