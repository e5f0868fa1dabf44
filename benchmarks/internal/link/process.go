package link

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Command is the first argument of a program that is to be a relay: see [Main].
const Command = "relay"

// Process is a relay in a process of its own.
type Process struct {
	Addr string

	cmd   *exec.Cmd
	stdin io.Closer
}

// Start starts this program once more, as a relay.
func Start(upstream string, delay time.Duration) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	cmd := exec.Command(program, Command, "-to", upstream, "-delay", delay.String())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("relay: it did not say where it listens: %w", errors.Join(err, stdin.Close(), cmd.Wait()))
	}
	return &Process{Addr: strings.TrimSpace(line), cmd: cmd, stdin: stdin}, nil
}

// Close ends the relay by the end of its standard input, which also comes when this process dies.
func (p *Process) Close() error {
	return errors.Join(p.stdin.Close(), p.cmd.Wait())
}

// Main is the program of that process: it writes its address and ends with its standard input.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	upstream := flags.String("to", "", "address of the server")
	delay := flags.Duration("delay", 0, "how late replies are")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	relay, err := Listen(*upstream, *delay)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintln(stdout, relay.Addr())
	_, _ = io.Copy(io.Discard, stdin) // its end is what is waited for
	_ = relay.Close()                 // the process ends, and its connections with it
	return 0
}
