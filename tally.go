package redisconn

import (
	"context"
	"math"
	"sync/atomic"
)

// tally counts who is inside, admits no more than a bound and can be shut.
// Admission and count are one word, so coming costs one atomic addition, and so
// does going.
type tally struct {
	most int64 // that may be inside
	// emptied receives when the last one has left a shut tally.
	emptied chan struct{}
	// word is the number of those inside; its sign bit says that it is shut. It is
	// the last, so that what a gate counts beside it is in the same cache line.
	word atomic.Int64
}

const (
	tallyShut = math.MinInt64
	unbounded = math.MaxInt64 // for a tally whose bound is kept elsewhere
)

func newTally(most int64) tally { return tally{most: most, emptied: make(chan struct{}, 1)} }

// enter admits somebody, or refuses: it is shut, or as many are inside as there
// may be. One that is refused was counted for that moment, so in a flood it may turn
// away a few more than it has to, and never admits one too many.
func (t *tally) enter() bool {
	if n := t.word.Add(1); n > 0 && n <= t.most {
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
