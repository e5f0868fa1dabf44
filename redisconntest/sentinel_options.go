package redisconntest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// SentinelOption changes what [NewSentinel] starts.
type SentinelOption func(*sentinelConfig)

// sentinelConfig is what the options ask for.
type sentinelConfig struct {
	name      string
	replicas  int
	sentinels int
	quorum    int // 0: a majority
	downAfter time.Duration
	data      []ServerOption
	watchers  []ServerOption
}

// WithMasterName changes the name by which the sentinels know the master from "mymaster".
func WithMasterName(name string) SentinelOption {
	return func(c *sentinelConfig) { c.name = name }
}

// WithReplicas changes the number of replicas from one. With none there is nobody to fail over to.
func WithReplicas(n int) SentinelOption {
	return func(c *sentinelConfig) { c.replicas = n }
}

// WithSentinels changes the number of sentinels from three, and adds options to each: [WithPassword], [WithUser] and
// [WithTLS] are those of the sentinels alone, apart from the data nodes'.
func WithSentinels(n int, opts ...ServerOption) SentinelOption {
	return func(c *sentinelConfig) { c.sentinels, c.watchers = n, append(c.watchers, opts...) }
}

// WithData adds options to the master and to each replica: [WithPassword], [WithUser], [WithTLS], [WithAppendOnly] ...
func WithData(opts ...ServerOption) SentinelOption {
	return func(c *sentinelConfig) { c.data = append(c.data, opts...) }
}

// WithQuorum changes how many sentinels must find the master down before one of them asks to be elected and fails it
// over, from a majority. The election needs a majority in any case.
func WithQuorum(n int) SentinelOption {
	return func(c *sentinelConfig) { c.quorum = n }
}

// WithDownAfter changes how long a node must be silent until a sentinel finds it down (down-after-milliseconds) from
// one second. Redis's own default of 30 s would be most of a test's time.
func WithDownAfter(d time.Duration) SentinelOption {
	return func(c *sentinelConfig) { c.downAfter = d }
}

// masterName is what sentinels accept as a name (sentinel.c, sentinelHandleConfiguration and sentinelSetCommand).
var masterName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func newSentinelConfig(opts []SentinelOption) (sentinelConfig, error) {
	c := sentinelConfig{name: "mymaster", replicas: 1, sentinels: 3, downAfter: time.Second}
	for _, opt := range opts {
		opt(&c)
	}
	if c.quorum == 0 {
		c.quorum = c.sentinels/2 + 1
	}
	switch {
	case !masterName.MatchString(c.name):
		return c, fmt.Errorf("the master's name %q is not made of letters, digits, dots, dashes and underscores", c.name)
	case c.replicas < 0:
		return c, fmt.Errorf("%d replicas are less than none", c.replicas)
	case c.sentinels < 1:
		return c, fmt.Errorf("%d sentinels: at least one is needed", c.sentinels)
	case c.quorum < 1 || c.quorum > c.sentinels:
		return c, fmt.Errorf("a quorum of %d cannot be reached by %d sentinels", c.quorum, c.sentinels)
	case c.downAfter < time.Millisecond:
		return c, errors.New("WithDownAfter: sentinels count in milliseconds, at least one")
	}
	c.data, c.watchers = slices.Clone(c.data), slices.Clone(c.watchers)
	return c, nil
}

// failoverTimeout is the sentinels' failover-timeout. It bounds each step of a failover, and after an election that
// nobody won the next is held when twice this time has passed: by default six minutes.
func (c sentinelConfig) failoverTimeout() time.Duration {
	return max(3*time.Second, 3*c.downAfter)
}
