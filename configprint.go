package redisconn

import (
	"encoding/json"
	"log/slog"
	"strings"
)

// String returns the fields that are set, secrets masked:
// {connection.addrs=cache:6379 pool.size=50}. For every field see [Config.Explain].
func (c Config) String() string {
	var parts []string
	for _, f := range configFields {
		if f.isSet(&c) {
			parts = append(parts, f.path+"="+quoteUnlessPlain(f.shown(&c)))
		}
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// GoString returns what [Config.String] does; %#v would print every nested struct otherwise.
func (c Config) GoString() string { return "redisconn.Config" + c.String() }

// LogValue returns a group of the fields that are set, secrets masked.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, f := range configFields {
		if f.isSet(&c) {
			attrs = append(attrs, slog.String(f.path, f.shown(&c)))
		}
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON writes every field with its defaults resolved, nested and named
// as in [Fields], durations in Go's syntax and secrets masked. What is masked
// cannot come back, so there is no UnmarshalJSON.
func (c Config) MarshalJSON() ([]byte, error) {
	full := c.withDefaults()
	tree := map[string]any{}
	for _, f := range configFields {
		group, name, nested := strings.Cut(f.path, ".")
		if !nested {
			tree[group] = f.shownValue(&full)
			continue
		}
		if tree[group] == nil {
			tree[group] = map[string]any{}
		}
		tree[group].(map[string]any)[name] = f.shownValue(&full)
	}
	return json.Marshal(tree)
}
