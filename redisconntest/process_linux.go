package redisconntest

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// childAttr makes the kernel kill the child when the thread that started it ends: no server outlives a test binary
// that panics, calls os.Exit, runs into go test's timeout or is killed (prctl(2), PR_SET_PDEATHSIG).
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// isStopped reports whether the process is stopped by SIGSTOP, from the state field of /proc/<pid>/stat. The field
// follows the program name in parentheses, which may itself contain anything.
func isStopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, found := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	return found && len(state) > 0 && state[0] == 'T'
}
