package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// view is how a node of a cluster sees all of it.
type view struct {
	info    answer[map[string]string] // CLUSTER INFO
	members answer[[]member]          // CLUSTER NODES
}

// member is a node in the view of another.
type member struct {
	id, addr, master string   // the last is the id of a replica's master
	flags            []string // see troubles
	slots            []string // without those that are on the move
}

// troubles are the flags of a member that is not well, by
// https://redis.io/docs/latest/commands/cluster-nodes/.
var troubles = []string{"fail", "fail?", "noaddr", "handshake"}

// trouble is the flag that says so; empty for one that is well.
func (m member) trouble() string {
	for _, flag := range m.flags {
		if slices.Contains(troubles, flag) {
			return flag
		}
	}
	return ""
}

// viewOf asks a node how it sees its cluster.
func viewOf(ctx context.Context, client *redis.Client) view {
	var v view
	text, err := client.ClusterInfo(ctx).Result()
	v.info = answer[map[string]string]{fieldsOf(text), err}
	text, err = client.ClusterNodes(ctx).Result()
	v.members = answer[[]member]{membersOf(text), err}
	return v
}

// membersOf reads CLUSTER NODES:
//
//	id ip:port@bus[,name] flags master ping pong epoch link slots...
func membersOf(text string) []member {
	var members []member
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 8 {
			continue
		}
		addr, _, _ := strings.Cut(words[1], "@")
		slots := slices.DeleteFunc(words[8:], func(word string) bool { return strings.HasPrefix(word, "[") })
		members = append(members, member{id: words[0], addr: addr, master: words[3], flags: strings.Split(words[2], ","), slots: slots})
	}
	return members
}

// layout is who serves which slots, as one text.
func (v view) layout() string {
	var owners []string
	for _, m := range v.members.value {
		if len(m.slots) > 0 {
			owners = append(owners, m.id+" "+strings.Join(m.slots, " "))
		}
	}
	slices.Sort(owners)
	return strings.Join(owners, "\n")
}

// missed reports whether some node finds the member down.
func (p *Patient) missed(id string) bool {
	for _, n := range p.answering() {
		for _, m := range n.view.members.value {
			if m.id == id && m.trouble() != "" {
				return true
			}
		}
	}
	return false
}

// fieldsOf reads what INFO and CLUSTER INFO tell, a field in each line.
func fieldsOf(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[key] = value
		}
	}
	return fields
}
