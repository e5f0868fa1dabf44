package contestant

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

var aboutIORedis = About{
	Name: "ioredis", Title: "ioredis", Setup: "as it comes: one connection; in Node, which runs all callers on one thread",
	Family: "ioredis",
}

var aboutIORedisAuto = About{
	Name: "ioredis-auto", Title: "ioredis autopipelining", Setup: "the same with enableAutoPipelining",
	Family: "ioredis",
}

// ErrNoNode is why there may be no ioredis.
var ErrNoNode = errors.New("node and npm are not both installed")

// IORedis is ioredis, in a Node process that lives as long as the comparison.
type IORedis struct {
	Version string // of the package, and of Node

	dir     string
	process *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

// StartIORedis starts Node with the program in dir, whose packages it installs
// where they are missing; tell is called before that, because it takes a while.
// It returns ErrNoNode where there is no Node.
func StartIORedis(ctx context.Context, dir string, tell func(string)) (*IORedis, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, ErrNoNode
	}
	r := &IORedis{dir: dir}
	if err := r.install(ctx, tell); err != nil {
		return nil, err
	}
	if err := r.findVersion(ctx, node); err != nil {
		return nil, err
	}
	r.process = exec.Command(node, "load.mjs")
	r.process.Dir, r.process.Stderr = dir, os.Stderr
	if r.stdin, err = r.process.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := r.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.stdout = bufio.NewReader(stdout)
	if err := r.process.Start(); err != nil {
		return nil, fmt.Errorf("ioredis: %w", err)
	}
	return r, nil
}

// install installs exactly what package-lock.json says. Several processes may
// do so at once (`go test ./...` runs the tests of two packages that do), and
// none may see half an installation: each installs in a folder of its own, and
// moves it into place in one step. Who comes second leaves the first one's.
func (r *IORedis) install(ctx context.Context, tell func(string)) (err error) {
	installed := filepath.Join(r.dir, "node_modules")
	if _, err := os.Stat(installed); err == nil {
		return nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return ErrNoNode
	}
	tell("npm ci: installing ioredis")
	staging, err := os.MkdirTemp(r.dir, "node_modules-")
	if err != nil {
		return fmt.Errorf("ioredis: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			return fmt.Errorf("ioredis: %w", err)
		}
		if err := os.WriteFile(filepath.Join(staging, name), text, 0o644); err != nil {
			return fmt.Errorf("ioredis: %w", err)
		}
	}
	ci := exec.CommandContext(ctx, npm, "ci", "--no-audit", "--no-fund")
	ci.Dir = staging
	if output, err := ci.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w\n%s", staging, err, output)
	}
	err = os.Rename(filepath.Join(staging, "node_modules"), installed)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("ioredis: %w", err)
	}
	return nil
}

func (r *IORedis) findVersion(ctx context.Context, node string) error {
	manifest, err := os.ReadFile(filepath.Join(r.dir, "node_modules", "ioredis", "package.json"))
	if err != nil {
		return err
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return fmt.Errorf("package.json of ioredis: %w", err)
	}
	version, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return fmt.Errorf("node --version: %w", err)
	}
	r.Version = "v" + pkg.Version + ", Node " + strings.TrimSpace(string(version))
	return nil
}

// Contestants are the two ways in which it takes part.
func (r *IORedis) Contestants() []Contestant {
	return []Contestant{
		{About: aboutIORedis, Run: r.run(false)},
		{About: aboutIORedisAuto, Run: r.run(true)},
	}
}

// nodeLoad and nodeSample are the lines that load.mjs reads and writes.
type nodeLoad struct {
	Host           string         `json:"host"`
	Port           int            `json:"port"`
	AutoPipelining bool           `json:"autoPipelining"`
	Operation      load.Operation `json:"operation"`
	ValueSize      int            `json:"valueSize"`
	PipelineLength int            `json:"pipelineLength"`
	ValueKeys      []string       `json:"valueKeys"`
	CounterKeys    []string       `json:"counterKeys"`
	Callers        int            `json:"callers"`
	WarmupMS       int64          `json:"warmupMs"`
	SliceMS        int64          `json:"sliceMs"`
}

type nodeSample struct {
	Error       string  `json:"error"`
	Calls       float64 `json:"calls"`
	TookNS      float64 `json:"tookNs"`
	P50NS       float64 `json:"p50Ns"`
	P99NS       float64 `json:"p99Ns"`
	P999NS      float64 `json:"p999Ns"`
	CPUUS       float64 `json:"cpuUs"`
	MemoryBytes float64 `json:"memoryBytes"`
}

func (r *IORedis) run(autoPipelining bool) func(context.Context, load.Load) (load.Sample, error) {
	return func(ctx context.Context, l load.Load) (load.Sample, error) {
		host, port, err := splitAddr(l.Addr)
		if err != nil {
			return load.Sample{}, err
		}
		line, err := json.Marshal(nodeLoad{
			Host: host, Port: port, AutoPipelining: autoPipelining,
			Operation: l.Workload.Operation, ValueSize: l.Workload.ValueSize, PipelineLength: load.PipelineLength,
			ValueKeys: load.ValueKeys(), CounterKeys: load.CounterKeys(),
			Callers: l.Callers, WarmupMS: l.Warmup.Milliseconds(), SliceMS: l.Slice.Milliseconds(),
		})
		if err != nil {
			return load.Sample{}, err
		}
		s, err := r.ask(ctx, line)
		if err != nil {
			return load.Sample{}, fmt.Errorf("ioredis: %w", err)
		}
		commands := s.Calls * float64(l.Workload.Commands())
		return load.Sample{
			Throughput: commands / s.TookNS * 1e9,
			P50:        s.P50NS / 1e9, P99: s.P99NS / 1e9, P999: s.P999NS / 1e9,
			CPU:    s.CPUUS / commands, // µs per command are s per million
			Allocs: load.Unknown, Bytes: load.Unknown, Goroutines: load.Unknown,
			Memory: s.MemoryBytes,
		}, nil
	}
}

// ask sends a load and waits for the answer. Node has limits of its own; when
// ctx ends before them, the process is of no more use and is ended.
func (r *IORedis) ask(ctx context.Context, line []byte) (nodeSample, error) {
	stop := context.AfterFunc(ctx, func() { _ = r.process.Process.Kill() })
	defer stop()
	if _, err := r.stdin.Write(append(line, '\n')); err != nil {
		return nodeSample{}, errors.Join(ctx.Err(), err)
	}
	answer, err := r.stdout.ReadBytes('\n')
	if err != nil {
		return nodeSample{}, errors.Join(ctx.Err(), fmt.Errorf("node ended before its answer: %w", err))
	}
	var s nodeSample
	if err := json.Unmarshal(answer, &s); err != nil {
		return nodeSample{}, err
	}
	if s.Error != "" {
		return nodeSample{}, errors.New(s.Error)
	}
	return s, nil
}

// Close ends the process by the end of its input, and waits for it.
func (r *IORedis) Close() error {
	err := r.stdin.Close()
	var exit *exec.ExitError
	if waiting := r.process.Wait(); waiting != nil && !errors.As(waiting, &exit) { // killed by ask: it has told
		err = errors.Join(err, waiting)
	}
	return err
}

func splitAddr(addr string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(digits)
	return host, port, err
}
