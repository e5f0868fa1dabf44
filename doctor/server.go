package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/redisconn/redisconn"
)

const (
	idMemory      = "RC-S002"
	idClients     = "RC-S003"
	idPersistence = "RC-S004"
	idReplication = "RC-S005"
	idVersion     = "RC-S006"
)

var serverChecks = []Check{
	{
		ID: idMemory, Layer: LayerServer, Title: "the server has memory left", Needs: []string{idAnswer},
		About: "used_memory against maxmemory. With the policy noeviction a full server refuses writes with OOM; with any other it evicts keys.",
		Cause: "more data than was planned for, keys without an expiry, a policy that evicts nothing",
		Fix: []Remedy{
			{"see what the memory is used for", "{cli} MEMORY STATS"},
			{"find the large keys", "{cli} --bigkeys"},
			{"raise the limit", "{cli} CONFIG SET maxmemory BYTES"},
		},
		Run: everywhere(checkMemory),
	},
	{
		ID: idClients, Layer: LayerServer, Title: "the server has room for this client's pool", Needs: []string{idAnswer},
		About: "pool.size, times the instances of the program (--instances), against maxclients; of one instance also against what is left of it. With several nobody knows which of the connections that are there are theirs.",
		Cause: "pools larger than maxclients together, a connection leak in some program",
		Fix: []Remedy{
			{"see who holds the connections", "{cli} CLIENT LIST"},
			{"raise the limit, and the limit of open files with it", "{cli} CONFIG SET maxclients NUMBER"},
			{"lower pool.size", ""},
		},
		Run: everywhere(checkClients),
	},
	{
		ID: idPersistence, Layer: LayerServer, Title: "the server can write its data to disk", Needs: []string{idAnswer},
		About: "The last snapshot and the last writes of the append-only file. After one that failed a server refuses writes with MISCONF, unless it was told to go on.",
		Cause: "a full disk, a directory that may not be written, no memory to fork",
		Fix: []Remedy{
			{"see what failed", "{cli} INFO persistence"},
			{"see where it writes to, and how much room is there", "{cli} CONFIG GET dir"},
			{"try again", "{cli} BGSAVE"},
		},
		Run: everywhere(checkPersistence),
	},
	{
		ID: idReplication, Layer: LayerServer, Title: "replication works", Needs: []string{idAnswer},
		About: "A replica's link to its master; a master's replicas that are connected and not in step; min-replicas-to-write.",
		Cause: "a master that is down or has another password, a replica that is slower than the stream of writes",
		Fix: []Remedy{
			{"see the link from both ends", "{cli} INFO replication"},
			{"see what the server's log says of the synchronization", "journalctl -u redis-server"},
		},
		Run: everywhere(checkReplication),
	},
	{
		ID: idVersion, Layer: LayerServer, Title: "the server's version has no known holes", Needs: []string{idAnswer},
		About: "The version that the server tells is held against the releases that closed the holes in its Lua scripting (CVE-2025-49844, CVSS 10, and its kin). Distributions close holes without changing the version: their changelog knows.",
		Cause: "a server that was not updated since",
		Fix: []Remedy{
			{"on Debian and Ubuntu, see which holes the package closes", "apt changelog redis-server"},
			{"update the server; until then keep users from scripts", "{admin} ACL SETUSER {user} -@scripting"},
		},
		Run: everywhere(checkVersion),
	},
}

// told runs a check of what INFO tells, if it tells the field.
func (p *Patient) told(ctx context.Context, field string, judge func(info map[string]string) Finding) Finding {
	info, err := p.info(ctx)
	switch {
	case err != nil:
		return unanswered("INFO", err)
	case info[field] == "":
		return NotNeeded("the server does not tell " + field)
	}
	return judge(info)
}

// nearlyFull is the part of maxmemory from which on an operator should know.
const nearlyFull = 0.9

func checkMemory(ctx context.Context, p *Patient) Finding {
	return p.told(ctx, "maxmemory_policy", func(info map[string]string) Finding {
		used, limit, policy := number(info["used_memory"]), number(info["maxmemory"]), info["maxmemory_policy"]
		evidence := []Fact{{"used_bytes", used}, {"maxmemory_bytes", limit}, {"policy", policy}, {"evicted_keys", number(info["evicted_keys"])}}
		if limit == 0 {
			return Pass(info["used_memory_human"]+" used, no limit but the machine's memory", evidence...)
		}
		share := fmt.Sprintf("%s of %s used, policy %s", info["used_memory_human"], info["maxmemory_human"], policy)
		switch {
		case policy == "noeviction" && used >= limit:
			return Fail(redisconn.ClassOOM, share+": writes are refused", evidence...)
		case policy == "noeviction" && float64(used) >= nearlyFull*float64(limit):
			return Warn(share+": writes will be refused when it is full", evidence...)
		}
		return Pass(share, evidence...)
	})
}

func checkClients(ctx context.Context, p *Patient) Finding {
	return p.told(ctx, "connected_clients", func(info map[string]string) Finding {
		connected, limit, pool, instances := number(info["connected_clients"]), number(info["maxclients"]), p.config.Pool.Size, p.options.Instances
		if limit == 0 { // before Redis 7 INFO does not tell
			text, err := p.setting(ctx, "maxclients")
			if err != nil {
				return unanswered("CONFIG GET maxclients", err)
			}
			limit = number(text)
		}
		free := limit - connected
		evidence := []Fact{
			{"connected", connected}, {"maxclients", limit}, {"pool_size", pool}, {"instances", instances}, {"rejected", number(info["rejected_connections"])},
		}
		switch {
		case instances > 1 && pool*instances > limit:
			return Fail(redisconn.ClassMaxClients, fmt.Sprintf("pool.size is %d, for %d instances that is %d, and the server takes %d clients in all", pool, instances, pool*instances, limit), evidence...)
		case instances > 1:
			return Pass(fmt.Sprintf("%d instances need up to %d of %d clients", instances, pool*instances, limit), evidence...)
		case pool > limit:
			return Fail(redisconn.ClassMaxClients, fmt.Sprintf("pool.size is %d, and the server takes %d clients in all", pool, limit), evidence...)
		case pool > free:
			return Warn(fmt.Sprintf("pool.size is %d, and the server has room for %d of %d", pool, free, limit), evidence...)
		}
		return Pass(fmt.Sprintf("room for %d more clients, the pool needs %d", free, pool), evidence...)
	})
}

func checkPersistence(ctx context.Context, p *Patient) Finding {
	return p.told(ctx, "rdb_last_bgsave_status", func(info map[string]string) Finding {
		var evidence []Fact
		for _, field := range []string{"rdb_last_bgsave_status", "aof_enabled", "aof_last_write_status", "aof_last_bgrewrite_status"} {
			evidence = append(evidence, Fact{field, info[field]})
		}
		switch {
		case info["rdb_last_bgsave_status"] == "err":
			return Fail(redisconn.ClassReply, "the last snapshot failed: writes are refused with MISCONF unless stop-writes-on-bgsave-error is no", evidence...)
		case info["aof_enabled"] == "1" && info["aof_last_write_status"] == "err":
			return Fail(redisconn.ClassReply, "the last write to the append-only file failed: writes are refused with MISCONF", evidence...)
		case info["aof_enabled"] == "1" && info["aof_last_bgrewrite_status"] == "err":
			return Warn("the append-only file could not be rewritten, and grows", evidence...)
		}
		return Pass("the last snapshot and the last writes went well", evidence...)
	})
}

func checkReplication(ctx context.Context, p *Patient) Finding {
	return p.told(ctx, "role", func(info map[string]string) Finding {
		if info["role"] == "slave" {
			evidence := []Fact{{"link", info["master_link_status"]}, {"last_io_seconds", number(info["master_last_io_seconds_ago"])}}
			if info["master_link_status"] != "up" {
				return Fail(redisconn.ClassMasterDown, "the replica has lost its master: what it answers is old", evidence...)
			}
			return Pass("the replica follows its master", evidence...)
		}
		var behind []string
		replicas := number(info["connected_slaves"])
		for i := range replicas {
			if text := info[fmt.Sprint("slave", i)]; !strings.Contains(text, "state=online") {
				behind = append(behind, text)
			}
		}
		evidence := []Fact{{"replicas", replicas}}
		if good, told := info["min_slaves_good_slaves"]; told {
			evidence = append(evidence, Fact{"good_replicas", number(good)})
			if wanted, err := p.setting(ctx, "min-replicas-to-write"); err == nil && number(good) < number(wanted) {
				return Fail(redisconn.ClassNoReplicas, fmt.Sprintf("%s needed for a write, %d good: writes are refused", plural(number(wanted), "replica"), number(good)), evidence...)
			}
		}
		if len(behind) > 0 {
			return Warn("not in step: "+strings.Join(behind, "; "), evidence...)
		}
		return Pass(plural(replicas, "replica")+" in step", evidence...)
	})
}
