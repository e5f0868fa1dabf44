package redisconn

import (
	"maps"
	"slices"
)

// Named are clients under names, in the shape of a [Registry]: for what looks at
// several clients, such as packages healthhttp and statuspage, in a program that
// keeps them itself. It must not change while it is in use.
type Named map[string]*Client

// Get returns the client with this name.
func (n Named) Get(name string) (*Client, bool) {
	client, ok := n[name]
	return client, ok
}

// Names returns the names, sorted.
func (n Named) Names() []string { return slices.Sorted(maps.Keys(n)) }
