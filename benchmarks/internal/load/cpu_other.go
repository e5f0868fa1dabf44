//go:build !unix

package load

import "time"

// cpuKnown says whether cpuTime can tell.
const cpuKnown = false

func cpuTime() time.Duration { return 0 }
