package redisconn

import "sync/atomic"

// failureCounts counts failures by their class. The map is complete when it is
// made and only read afterwards, so counting takes no lock; a command that
// succeeds does not come here.
type failureCounts map[Class]*atomic.Int64

func newFailureCounts() failureCounts {
	f := make(failureCounts, len(classes))
	for _, info := range classes {
		f[info.Class] = new(atomic.Int64)
	}
	return f
}

func (f failureCounts) add(class Class) { f[class.Info().Class].Add(1) }

// snapshot returns the classes that have occurred.
func (f failureCounts) snapshot() map[Class]int64 {
	occurred := map[Class]int64{}
	for class, count := range f {
		if n := count.Load(); n > 0 {
			occurred[class] = n
		}
	}
	return occurred
}
