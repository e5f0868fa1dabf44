//go:build unix

package doctor_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/redisconntest"
)

// standing is set in the process that is made to stand still.
const standing = "REDISCONN_DOCTOR_STANDING"

const (
	stopped    = 400 * time.Millisecond // for so long it is
	noticeable = 300 * time.Millisecond // from here on it is warned about; a busy machine alone seldom gets there
	running    = 130 * time.Millisecond // between two stops: one examination, so that most stops meet the measurement
)

// A measurement that always found nothing passed every test: what measures pauses has
// to be paused.
func TestAMachineThatStandsStillIsFoundToDoSo(t *testing.T) {
	if os.Getenv(standing) != "" {
		examineUntilWarned(t)
		return
	}
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	process.Env = append(os.Environ(), standing+"=1")
	var said bytes.Buffer
	process.Stdout, process.Stderr = &said, &said
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	signal := func(s syscall.Signal) {
		if err := process.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
	}
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v\n%s", err, said.String())
			}
			return
		case <-time.After(running):
			signal(syscall.SIGSTOP)
			time.Sleep(stopped)
			signal(syscall.SIGCONT)
		}
	}
}

// examineUntilWarned examines this machine again and again, until it is found to have
// stood still for as long as it was stopped at least.
func examineUntilWarned(t *testing.T) {
	cfg := configFor(redisconntest.ReserveAddr(t), func(c *redisconn.Config) { c.Health.WarnLatency = noticeable })
	var last doctor.Result
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		if last = examined(t, cfg, "RC-Y001"); last.Outcome == doctor.OutcomeWarn {
			if gap, ok := last.Evidence[0].Value.(time.Duration); !ok || gap < noticeable {
				t.Errorf("%+v", last)
			}
			return
		}
	}
	t.Errorf("it was never found to stand still, at last %+v", last)
}
