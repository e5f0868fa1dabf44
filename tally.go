package redisconn

import (
	"context"
	"math"
	"sync/atomic"
)

// tally counts who is inside and can be shut. Admission and count are one word,
// so coming costs one atomic addition, and so does going.
type tally struct {
	// word is the number of those inside; its sign bit says that it is shut.
	word atomic.Int64
	// emptied receives when the last one has left a shut tally.
	emptied chan struct{}
}

const tallyShut = math.MinInt64

func newTally() tally { return tally{emptied: make(chan struct{}, 1)} }

// enter admits somebody, or refuses when it is shut.
func (t *tally) enter() bool {
	if t.word.Add(1) > 0 {
		return true
	}
	t.leave()
	return false
}

// leave takes one off the count. Who is refused passes here as well: it may have
// hidden that the count had reached zero.
func (t *tally) leave() {
	if t.word.Add(-1) == tallyShut {
		t.tellEmpty()
	}
}

// tellEmpty tells that the shut tally is empty. Several may find out at the same
// time: whoever shut it, the last one to leave, one that was refused meanwhile.
func (t *tally) tellEmpty() {
	select {
	case t.emptied <- struct{}{}:
	default: // it is known already
	}
}

// isShut reports whether nobody is admitted any more.
func (t *tally) isShut() bool { return t.word.Load() < 0 }

// inside is the number of those admitted.
func (t *tally) inside() int64 { return t.word.Load() &^ tallyShut }

// shut admits nobody from now on and returns how many are inside. It is called once.
func (t *tally) shut() int64 {
	inside := t.word.Or(tallyShut)
	if inside == 0 {
		t.tellEmpty()
	}
	return inside
}

// awaitEmpty waits until the last one has left the shut tally and reports
// whether that was before ctx ended.
func (t *tally) awaitEmpty(ctx context.Context) bool {
	select {
	case <-t.emptied:
		return true
	default:
	}
	select {
	case <-t.emptied:
		return true
	case <-ctx.Done():
		return false
	}
}
