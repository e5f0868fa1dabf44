package redisconntest

import "syscall"

// Windows has no such signals: sending signal 0 is an error there, which Pause and Resume report.
const (
	stopSignal     = syscall.Signal(0)
	continueSignal = syscall.Signal(0)
)
