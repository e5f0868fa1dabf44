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
	slots, moves     []string // moves are of those on the move: 93->-ID is given away, 93-<-ID taken over
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
		m := member{id: words[0], addr: addr, master: words[3], flags: strings.Split(words[2], ",")}
		for _, word := range words[8:] {
			if strings.HasPrefix(word, "[") { // a node tells this of itself alone
				m.moves = append(m.moves, strings.Trim(word, "[]"))
			} else {
				m.slots = append(m.slots, word)
			}
		}
		members = append(members, m)
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
