package redisconntest

import (
	"os"
	"os/exec"
	"runtime"
	"time"
)

// exitLimit bounds the wait for a process that was told to exit.
const exitLimit = 10 * time.Second

// process is one run of a program.
type process struct {
	handle *os.Process
	exited chan struct{} // closed when the process is gone and reaped
}

// startProcess runs the program with its output appended to the log.
//
// On Linux the child dies with us, however we die (see childAttr). The kernel ties that to the *thread* that forked
// and Go ends threads as it likes, so one goroutine, locked to its thread, both starts the process and waits for
// it: the thread lives exactly as long as the child.
func startProcess(log *os.File, path string, args ...string) (*process, error) {
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttr()

	started := make(chan error)
	p := &process{exited: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.handle = cmd.Process
		started <- nil
		_ = cmd.Wait() // the exit status of a process we kill says nothing; why it died is in its log
		close(p.exited)
	}()
	return p, <-started
}

// signal reports whether the process had not been reaped yet and took the signal. The handle never reaches another
// process that was given the same pid later.
func (p *process) signal(sig os.Signal) bool {
	return p.handle.Signal(sig) == nil
}

// waitExit reports whether the process is gone within the limit.
func (p *process) waitExit(limit time.Duration) bool {
	select {
	case <-p.exited:
		return true
	case <-time.After(limit):
		return false
	}
}
