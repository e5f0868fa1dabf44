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
	Hint    Hint            `json:"hint,omitzero"`
}

// Hint leads from a failure to the check that finds its cause.
type Hint struct {
	Check   string `json:"check"`             // its id: RC-N010
	Command string `json:"command,omitempty"` // what to type: redisconn doctor --only RC-N010
	Link    string `json:"link,omitempty"`    // where the check is explained
}

// troubles groups what failed by its class, the latest first.
func troubles(history []redisconn.Event, hints func(redisconn.Class) Hint) []Trouble {
	byClass := map[redisconn.Class]*Trouble{}
	var found []*Trouble
	for _, e := range history {
		if e.Class == "" {
			continue
		}
		t := byClass[e.Class]
		if t == nil {
			info := e.Class.Info()
			t = &Trouble{Class: e.Class, Meaning: info.Meaning, Causes: info.Causes, Next: info.Next, Hint: hints(e.Class)}
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
