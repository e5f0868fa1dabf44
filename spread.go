package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/redisconn/redisconn/internal/effect"
)

// reach is how much of a cluster a command is about.
type reach int

const (
	oneNode      reach = iota // that of its slot, or any
	everySlot                 // those of its keys, a part each
	everyMaster               // a part of the answer is at each
	everyServing              // whatever node commands may go to
)

// reaches are the commands that one node alone does not answer in full. Where a
// server documents a request policy for a command, it is that:
// https://redis.io/docs/latest/develop/reference/command-tips/#request_policy.
// SCRIPT goes to replicas only where reads do: elsewhere nobody runs a script there.
var reaches = map[string]reach{
	"mget": everySlot, "mset": everySlot, "del": everySlot, "unlink": everySlot, "exists": everySlot, "touch": everySlot,
	"dbsize": everyMaster, "keys": everyMaster, "flushall": everyMaster, "flushdb": everyMaster,
	"function load": everyMaster, "function delete": everyMaster, "function flush": everyMaster, "function restore": everyMaster,
	"script load": everyServing, "script flush": everyServing, "script exists": everyServing,
}

// reachOf is how much of a cluster a command is about.
func reachOf(cmd redis.Cmder) reach {
	name := cmd.Name()
	if (name == "script" || name == "function") && len(cmd.Args()) > 1 {
		if word, ok := cmd.Args()[1].(string); ok {
			name += " " + strings.ToLower(word)
		}
	}
	r := reaches[name]
	if r == everySlot {
		if _, crossed := slotOfArgs(cmd.Args()); !crossed {
			return oneNode
		}
	}
	return r
}

// spreads reports whether a command has to be sent in parts.
func (c *Client) spreads(cmd redis.Cmder) bool {
	if !c.onCluster() {
		return false
	}
	_, isPart := cmd.(*placed)
	return !isPart && reachOf(cmd) != oneNode
}

// spread is a command that is sent in parts.
type spread struct {
	cmd   redis.Cmder
	parts []redis.Cmder
	keys  [][]int // of each part that names keys: their places in the whole
}

// spreadAll replaces the commands that are sent in parts by these.
func (cl *cluster) spreadAll(ctx context.Context, cmds []redis.Cmder) (wire []redis.Cmder, spreads []*spread) {
	for i, cmd := range cmds {
		s := cl.spreadOf(ctx, cmd)
		switch {
		case s == nil && spreads != nil:
			wire = append(wire, cmd)
		case s != nil:
			if spreads == nil {
				wire = append(wire, cmds[:i]...)
			}
			spreads = append(spreads, s)
			wire = append(wire, s.parts...)
		}
	}
	if spreads == nil {
		return cmds, nil
	}
	return wire, spreads
}

// spreadOf makes the parts of a command, nil where it is sent as it is.
func (cl *cluster) spreadOf(ctx context.Context, cmd redis.Cmder) *spread {
	s := &spread{cmd: cmd}
	table := cl.table.Load()
	switch r := reachOf(cmd); r {
	case everySlot:
		return s.bySlot(ctx)
	case everyMaster, everyServing:
		for i, shard := range table.shards {
			slot := table.topology.shards[i].slots[0].first
			s.parts = append(s.parts, &placed{Cmder: cmd.Clone(), slot: slot})
			if r == everyServing && cl.config.Cluster.ReadFrom != ReadFromMaster {
				for _, node := range shard.replicas {
					s.parts = append(s.parts, &placed{Cmder: cmd.Clone(), slot: noSlot, addr: node.addr})
				}
			}
		}
		return s
	}
	return nil
}

// bySlot makes a part for the keys of each slot; nil for a command of a type that
// is not the driver's own, which the server refuses for its slots.
func (s *spread) bySlot(ctx context.Context) *spread {
	args, stride := s.cmd.Args(), 1
	if s.cmd.Name() == "mset" {
		stride = 2
	}
	bySlot := map[int]int{}
	var parts [][]any
	index := 0
	for key := range effect.KeysOf(args) {
		at := 1 + index*stride
		part, known := bySlot[slotOf(key)]
		if !known {
			part = len(parts)
			bySlot[slotOf(key)] = part
			parts, s.keys = append(parts, []any{args[0]}), append(s.keys, nil)
		}
		parts[part] = append(parts[part], args[at:min(at+stride, len(args))]...)
		s.keys[part] = append(s.keys[part], index)
		index++
	}
	for _, args := range parts {
		switch s.cmd.(type) {
		case *redis.SliceCmd:
			s.parts = append(s.parts, redis.NewSliceCmd(ctx, args...))
		case *redis.IntCmd:
			s.parts = append(s.parts, redis.NewIntCmd(ctx, args...))
		case *redis.StatusCmd:
			s.parts = append(s.parts, redis.NewStatusCmd(ctx, args...))
		case *redis.Cmd:
			s.parts = append(s.parts, redis.NewCmd(ctx, args...))
		default:
			return nil
		}
	}
	return s
}

// join makes the answer of the whole from those of its parts.
func (s *spread) join() {
	s.cmd.SetErr(s.failure())
	if s.cmd.Err() != nil {
		return
	}
	var whole any
	for i, part := range s.parts {
		value := valueOf(part)
		if s.cmd.Name() == "mget" {
			whole = scatter(whole, value, s.keys[i], len(s.cmd.Args())-1)
		} else {
			whole = combine(whole, value)
		}
	}
	if !setValue(s.cmd, whole) {
		s.cmd.SetErr(fmt.Errorf("redisconn: the answers of several nodes cannot be put together in a %T: use the typed method, or Do", s.cmd))
	}
}

// failure is the error of the whole: that of a part, which says that the whole
// may have been applied when another part was.
func (s *spread) failure() error {
	var failed error
	applied := false
	for _, part := range s.parts {
		switch err := part.Err(); {
		case err == nil:
			applied = true
		case failed == nil:
			failed = err
		}
	}
	var command *CommandError
	if applied && errors.As(failed, &command) && command.Applied == AppliedNo && effectOf(s.cmd) != EffectRead {
		partly := *command
		partly.Applied = AppliedMaybe // and other parts have been
		return &partly
	}
	return failed
}

// valueOf is the value of a command of the types that are sent in parts.
func valueOf(cmd redis.Cmder) any {
	if p, ok := cmd.(*placed); ok {
		cmd = p.Cmder
	}
	switch cmd := cmd.(type) {
	case *redis.IntCmd:
		return cmd.Val()
	case *redis.StatusCmd:
		return cmd.Val()
	case *redis.StringCmd:
		return cmd.Val()
	case *redis.StringSliceCmd:
		return cmd.Val()
	case *redis.BoolSliceCmd:
		return cmd.Val()
	case *redis.SliceCmd:
		return cmd.Val()
	case *redis.Cmd:
		return cmd.Val()
	}
	return nil
}

// setValue gives a command the value that was made for it, if it is of such a type.
func setValue(cmd redis.Cmder, value any) (ok bool) {
	switch cmd := cmd.(type) {
	case *redis.IntCmd:
		n, _ := value.(int64)
		cmd.SetVal(n)
	case *redis.StatusCmd:
		text, _ := value.(string)
		cmd.SetVal(text)
	case *redis.StringCmd:
		text, _ := value.(string)
		cmd.SetVal(text)
	case *redis.StringSliceCmd:
		list, _ := value.([]string)
		cmd.SetVal(list)
	case *redis.BoolSliceCmd:
		list, _ := value.([]bool)
		cmd.SetVal(list)
	case *redis.SliceCmd:
		list, _ := value.([]any)
		cmd.SetVal(list)
	case *redis.Cmd:
		cmd.SetVal(value)
	default:
		return false
	}
	return true
}

// combine adds a part's answer to those before: numbers are added up, lists
// follow each other, of yes and no both must say yes, and of words that are the
// same everywhere one is enough.
func combine(whole, part any) any {
	switch part := part.(type) {
	case int64:
		sum, _ := whole.(int64)
		return sum + part
	case []string:
		list, _ := whole.([]string)
		return append(list, part...)
	case []any:
		list, ok := whole.([]any)
		if ok && areFlags(list) && areFlags(part) {
			return both(list, part)
		}
		return append(list, part...)
	case []bool:
		list, ok := whole.([]bool)
		if !ok {
			return part
		}
		for i := range min(len(list), len(part)) {
			list[i] = list[i] && part[i]
		}
		return list
	}
	return part
}

// areFlags reports whether a list is the raw answer to SCRIPT EXISTS.
func areFlags(list []any) bool {
	for _, element := range list {
		if _, ok := element.(int64); !ok {
			return false
		}
	}
	return len(list) > 0
}

func both(a, b []any) []any {
	for i := range min(len(a), len(b)) {
		a[i] = a[i].(int64) & b[i].(int64)
	}
	return a
}

// scatter puts the values of a part at their places in the whole.
func scatter(whole, part any, places []int, size int) any {
	list, ok := whole.([]any)
	if !ok {
		list = make([]any, size)
	}
	values, _ := part.([]any)
	for i, at := range places[:min(len(places), len(values))] {
		list[at] = values[i]
	}
	return list
}

// errScan: a cursor of SCAN is one node's, and a cluster has many.
var errScan = errors.New("SCAN walks one node, whose cursor means nothing to the others: use ScanKeys, which walks them all")

// pinned is cmd for the master of a slot, whatever it names.
func pinned(cmd redis.Cmder, slot int) redis.Cmder { return &placed{Cmder: cmd, slot: slot} }
