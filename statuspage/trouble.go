package statuspage

import (
	"slices"
	"time"

	"github.com/redisconn/redisconn"
)

// Trouble is a kind of failure that the flight recorder remembers, with what is
// known about its kind.
type Trouble struct {
	Class   redisconn.Class `json:"class"`
	Times   int             `json:"times"` // events, not commands
	Last    time.Time       `json:"last"`
	Detail  string          `json:"detail,omitempty"` // of the last one
	Meaning string          `json:"meaning"`
	Causes  string          `json:"causes"`
	Next    string          `json:"next"`
}

// troubles groups what failed by its class, the latest first.
func troubles(history []redisconn.Event) []Trouble {
	byClass := map[redisconn.Class]*Trouble{}
	var found []*Trouble
	for _, e := range history {
		if e.Class == "" {
			continue
		}
		t := byClass[e.Class]
		if t == nil {
			info := e.Class.Info()
			t = &Trouble{Class: e.Class, Meaning: info.Meaning, Causes: info.Causes, Next: info.Next}
			byClass[e.Class] = t
			found = append(found, t)
		}
		t.Times++
		t.Last, t.Detail = e.At, e.Detail
	}
	slices.SortStableFunc(found, func(a, b *Trouble) int { return b.Last.Compare(a.Last) })
	sorted := make([]Trouble, 0, len(found))
	for _, t := range found {
		sorted = append(sorted, *t)
	}
	return sorted
}
