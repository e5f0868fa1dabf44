package doctor

import (
	"cmp"
	"context"
	"strconv"
	"strings"
)

// hole is a security hole that releases of a server have, and where it was closed.
type hole struct {
	server string // redis or valkey
	closed map[string]int
	about  string
	source string
}

// holes are those that matter to whoever can send commands. closed is the first
// patch without it for each minor version; minor versions that are older than all
// of them have it, newer ones do not. Source: the servers' release notes.
var holes = []hole{
	{
		server: "redis", closed: map[string]int{"6.2": 20, "7.2": 11, "7.4": 6, "8.0": 4, "8.2": 2},
		about:  "a Lua script may run code on the server (CVE-2025-49844, also CVE-2025-46817, CVE-2025-46818, CVE-2025-46819)",
		source: "https://github.com/redis/redis/security/advisories/GHSA-4789-qfc9-5f9q",
	},
	{
		server: "valkey", closed: map[string]int{"7.2": 11, "8.0": 6, "8.1": 4},
		about:  "a Lua script may run code on the server (CVE-2025-49844, also CVE-2025-46817, CVE-2025-46818, CVE-2025-46819)",
		source: "https://github.com/valkey-io/valkey/releases/tag/8.1.4",
	},
}

// open reports whether a release has the hole. Between minor versions that were
// repaired lie others that never were, such as Redis 7.0.
func (h hole) open(server, version string) bool {
	major, minor, patch, ok := release(version)
	if server != h.server || !ok {
		return false
	}
	newest := true
	for line, closed := range h.closed {
		a, b, _, _ := release(line + ".0")
		if a == major && b == minor {
			return patch < closed
		}
		if cmp.Or(cmp.Compare(a, major), cmp.Compare(b, minor)) > 0 {
			newest = false
		}
	}
	return !newest
}

// release takes a version apart, such as 7.0.15.
func release(version string) (major, minor, patch int, ok bool) {
	parts := strings.Split(version, ".")
	if len(parts) != 3 {
		return 0, 0, 0, false
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil {
			return 0, 0, 0, false
		}
		numbers[i] = n
	}
	return numbers[0], numbers[1], numbers[2], true
}

func checkVersion(ctx context.Context, p *Patient) Finding {
	return p.told(ctx, "redis_version", func(info map[string]string) Finding {
		server, version := "redis", info["redis_version"]
		if valkey := info["valkey_version"]; valkey != "" {
			server, version = "valkey", valkey
		}
		evidence := []Fact{{"server", server}, {"version", version}}
		for _, hole := range holes {
			if hole.open(server, version) {
				return Warn(server+" "+version+" as released has a hole: "+hole.about+"; a distribution may have closed it", append(evidence, Fact{"advisory", hole.source})...)
			}
		}
		return Pass("no hole is known in "+server+" "+version, evidence...)
	})
}
