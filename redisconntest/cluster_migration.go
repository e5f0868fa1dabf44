package redisconntest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// migrateBatch is how many keys are moved by one command, migrateLimit how long one may take the server.
	migrateBatch = 100
	migrateLimit = 2 * time.Second
)

// Migration is a slot on its way from one master to another, held at whatever step the test wants:
//
//   - begun: the old owner serves the keys it has; for all others it answers ASK, and for a command with keys of
//     both kinds TRYAGAIN
//   - some keys moved: ASK for those
//   - finished: MOVED, from everybody
//
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec, "Live resharding"). Methods may be called
// from any goroutine.
type Migration struct {
	c        *Cluster
	slot     int
	from, to *Server
}

// MigrateSlot begins to migrate a slot from the master that serves it to the master of a shard. Nothing moves before
// [Migration.MoveKeys] and [Migration.Finish] are called. Trouble ends the test.
//
//	migration := cluster.MigrateSlot(redisconntest.SlotOf("k"), 2)
//	migration.MoveKeys("k") // GET k is answered with ASK
//	migration.Finish()      // GET k is answered with MOVED
func (c *Cluster) MigrateSlot(slot, shard int) *Migration {
	c.t.Helper()
	views := c.look("MigrateSlot")
	m := &Migration{c: c, slot: slot, from: c.ownerOf(views, slot), to: c.masterOf(views, shard)}
	err := errors.New("the slot belongs to nobody")
	switch {
	case m.from == m.to:
		err = fmt.Errorf("the slot belongs to shard %d already", shard)
	case m.from != nil:
		err = m.begin()
	}
	if err != nil {
		c.t.Fatalf("Cluster.MigrateSlot(%d, %d): %v", slot, shard, err)
	}
	return m
}

// From returns the master that the slot is taken from.
func (m *Migration) From() *Server { return m.from }

// To returns the master that the slot is given to.
func (m *Migration) To() *Server { return m.to }

// begin marks the slot, at its destination first: nobody is sent there before it lets them in.
func (m *Migration) begin() error {
	if err := m.setSlot(m.to, "importing", m.from); err != nil {
		return err
	}
	return m.setSlot(m.from, "migrating", m.to)
}

// MoveKeys moves these keys, or all that the old owner has in the slot if none is given.
func (m *Migration) MoveKeys(keys ...string) {
	m.c.t.Helper()
	if err := m.moveKeys(keys); err != nil {
		m.c.t.Errorf("Migration.MoveKeys of slot %d: %v", m.slot, err)
	}
}

func (m *Migration) moveKeys(keys []string) error {
	for _, key := range keys {
		if slot := SlotOf(key); slot != m.slot {
			return fmt.Errorf("key %q is in slot %d", key, slot)
		}
	}
	if len(keys) > 0 {
		return m.migrate(keys)
	}
	for {
		err := m.from.ask(func(ctx context.Context, client *redis.Client) (err error) {
			keys, err = client.ClusterGetKeysInSlot(ctx, m.slot, migrateBatch).Result()
			return err
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := m.migrate(keys); err != nil {
			return err
		}
	}
}

// migrate moves those of the keys that exist (https://redis.io/docs/latest/commands/migrate).
func (m *Migration) migrate(keys []string) error {
	command := []any{"migrate", loopback, m.to.Port(), "", 0, migrateLimit.Milliseconds(),
		"auth2", auditUser, m.to.auditPassword, "keys"}
	for _, key := range keys {
		command = append(command, key)
	}
	return m.from.ask(func(ctx context.Context, client *redis.Client) error { return client.Do(ctx, command...).Err() })
}

// Finish moves the keys that are left, gives the slot to its new owner and waits until all nodes know.
func (m *Migration) Finish() {
	m.c.t.Helper()
	if err := m.finish(); err != nil {
		m.c.t.Errorf("Migration.Finish of slot %d: %v", m.slot, err)
	}
}

func (m *Migration) finish() error {
	if err := m.moveKeys(nil); err != nil {
		return err
	}
	// The new owner first: were it told last, both would send clients to each other meanwhile.
	for _, node := range []*Server{m.to, m.from} {
		if err := m.setSlot(node, "node", m.to); err != nil {
			return err
		}
	}
	return m.c.awaitViews(func(views []clusterView) string {
		for _, view := range views {
			if owner := m.c.owners(view)[m.slot]; owner != m.to {
				return fmt.Sprintf("a node sees slot %d at another node than %s", m.slot, m.to.Addr())
			}
		}
		return ""
	})
}

// setSlot tells a node what the slot is to it, in relation to another or itself
// (https://redis.io/docs/latest/commands/cluster-setslot).
func (m *Migration) setSlot(node *Server, state string, other *Server) error {
	return node.ask(func(ctx context.Context, client *redis.Client) error {
		return client.Do(ctx, "cluster", "setslot", m.slot, state, m.c.idOf(other)).Err()
	})
}
