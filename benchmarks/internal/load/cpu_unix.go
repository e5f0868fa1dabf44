//go:build unix

package load

import (
	"syscall"
	"time"
)

// cpuKnown says whether cpuTime can tell.
const cpuKnown = true

// cpuTime is the processor time of this process so far, user and system.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic("getrusage of the own process: " + err.Error()) // fails for bad arguments only
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
