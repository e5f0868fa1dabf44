package redisconn

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// hookChain runs the program's hooks around the way down. The driver's own
// chain cannot: whatever is added after the face's hook would lie below it and
// never be called. As with the driver, the hook that was added first is outermost.
//
// Hooks see each call once, whatever the number of attempts, with its final
// error, and never the driver's handshake, which carries the password.
type hookChain struct {
	adding   sync.Mutex // held by Add, never by a command
	hooks    []redis.Hook
	innerCmd redis.ProcessHook
	innerAll redis.ProcessPipelineHook
	current  atomic.Pointer[wrappedHooks]
}

type wrappedHooks struct {
	process  redis.ProcessHook
	pipeline redis.ProcessPipelineHook
}

func newHookChain(process redis.ProcessHook, pipeline redis.ProcessPipelineHook) *hookChain {
	h := &hookChain{innerCmd: process, innerAll: pipeline}
	h.current.Store(&wrappedHooks{process: process, pipeline: pipeline})
	return h
}

// add puts a hook below those that are there.
func (h *hookChain) add(hook redis.Hook) {
	h.adding.Lock()
	defer h.adding.Unlock()
	h.hooks = append(h.hooks, hook)
	wrapped := wrappedHooks{process: h.innerCmd, pipeline: h.innerAll}
	for i := len(h.hooks) - 1; i >= 0; i-- {
		if process := h.hooks[i].ProcessHook(wrapped.process); process != nil {
			wrapped.process = process
		}
		if pipeline := h.hooks[i].ProcessPipelineHook(wrapped.pipeline); pipeline != nil {
			wrapped.pipeline = pipeline
		}
	}
	h.current.Store(&wrapped)
}

// all returns the hooks, the outermost first.
func (h *hookChain) all() []redis.Hook {
	h.adding.Lock()
	defer h.adding.Unlock()
	return slices.Clone(h.hooks)
}

// dial wraps the opening of a connection in the program's dial hooks.
func (h *hookChain) dial(network, addr string, open func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	h.adding.Lock()
	defer h.adding.Unlock()
	wrapped := redis.DialHook(func(ctx context.Context, _, _ string) (net.Conn, error) { return open(ctx) })
	for i := len(h.hooks) - 1; i >= 0; i-- {
		if dial := h.hooks[i].DialHook(wrapped); dial != nil {
			wrapped = dial
		}
	}
	return func(ctx context.Context) (net.Conn, error) { return wrapped(ctx, network, addr) }
}
