package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// instance is the service as a process of its own.
type instance struct {
	addr string
	cmd  *exec.Cmd
	log  bytes.Buffer // read after the end only
}

// startInstance starts the service on addr.
func startInstance(binary string, env []string, addr string, linger time.Duration) (*instance, error) {
	i := &instance{addr: addr, cmd: exec.Command(binary)}
	i.cmd.Env = append(env, "SERVICE_ADDR="+addr, "SERVICE_LINGER="+linger.String())
	i.cmd.Stderr = &i.log
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	return i, nil
}

// endPatience is more than the service takes: linger, requests, drain.
const endPatience = time.Minute

// end sends the signal and waits for the end of the process.
func (i *instance) end(signal os.Signal) error {
	if err := i.cmd.Process.Signal(signal); err != nil {
		return err
	}
	overdue := time.AfterFunc(endPatience, func() { _ = i.cmd.Process.Kill() })
	defer overdue.Stop()
	err := i.cmd.Wait()
	if signal == syscall.SIGKILL {
		return nil // its status says that it was killed
	}
	if err != nil {
		return fmt.Errorf("the service at %s: %w\n%s", i.addr, err, &i.log)
	}
	return nil
}

var receiptLine = regexp.MustCompile(`msg=left redis="([^"]*)"`)

// receipt is what the service said of its end.
func (i *instance) receipt() string {
	if found := receiptLine.FindSubmatch(i.log.Bytes()); found != nil {
		return string(found[1])
	}
	return "no receipt"
}

// freeAddr is a loopback address on which nobody listens now. Its port is below
// those that the kernel gives to outgoing connections: while the instance that had
// it restarts, one of the many there are could take it.
func freeAddr() (addr string, err error) {
	for range 100 {
		addr = fmt.Sprintf("127.0.0.1:%d", 20000+rand.N(10000))
		var listener net.Listener
		if listener, err = net.Listen("tcp", addr); err == nil {
			return addr, listener.Close()
		}
	}
	return "", err
}

// readyWithin waits until the balancer has the backend in its rotation.
func (b *backend) readyWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(checkEvery)
	defer again.Stop()
	for !b.ready.Load() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the service at %s is not ready after %s", b.base.Host, limit), ctx.Err())
		}
	}
	return nil
}
