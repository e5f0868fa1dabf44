package redisconntest

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Embedded is a Redis inside the test process: nothing to install, starts in microseconds. It is miniredis, which
// covers the common commands, keeps time only when told to (FastForward) and can look into its data directly. What
// depends on a real server's behaviour needs a [Server].
type Embedded struct {
	*miniredis.Miniredis
	client *redis.Client
}

// NewEmbedded starts an embedded Redis on a free loopback port. It ends with the test.
func NewEmbedded(t testing.TB) *Embedded {
	t.Helper()
	e := &Embedded{Miniredis: miniredis.NewMiniRedis()}
	if err := e.Start(); err != nil {
		t.Fatalf("redisconntest.NewEmbedded: %v", err)
	}
	t.Cleanup(e.Miniredis.Close)
	e.client = redis.NewClient(&redis.Options{
		Addr:                     e.Addr(),
		MaxRetries:               -1,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() {
		if err := e.client.Close(); err != nil {
			t.Errorf("closing the client of the embedded Redis: %v", err)
		}
	})
	return e
}

// Client returns a plain driver client of the embedded Redis, for looking at its data behind the back of what is
// tested. All calls return the same one; it is closed when the test ends.
func (e *Embedded) Client() *redis.Client { return e.client }
