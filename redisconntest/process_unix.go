//go:build unix

package redisconntest

import "syscall"

// stopSignal and continueSignal freeze and thaw a process.
const (
	stopSignal     = syscall.SIGSTOP
	continueSignal = syscall.SIGCONT
)
