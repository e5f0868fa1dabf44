package redisconn

import "slices"

// Clone returns a copy that shares no memory with c.
func (c Config) Clone() Config {
	c.Connection.Addrs = slices.Clone(c.Connection.Addrs)
	c.Connection.AllowAddrs = slices.Clone(c.Connection.AllowAddrs)
	return c
}

// Diff returns the paths of the fields in which c and other differ, in the order
// of [Fields]. What counts is what the fields mean: a zero field equals its
// default written out, and cache equals cache:6379.
func (c Config) Diff(other Config) []string {
	a, b := c.withDefaults(), other.withDefaults()
	var paths []string
	for _, f := range configFields {
		if f.text(&a) != f.text(&b) {
			paths = append(paths, f.path)
		}
	}
	return paths
}

// Equal reports whether c and other mean the same, see [Config.Diff].
func (c Config) Equal(other Config) bool { return len(c.Diff(other)) == 0 }
