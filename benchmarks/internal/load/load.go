package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Load is what is put on a client.
type Load struct {
	Workload Workload
	Callers  int           // that call one after the other, each in a loop of its own
	Addr     string        // host:port of the server, or of what delays it
	Warmup   time.Duration // before the slice begins; longer where a caller still waits for its first reply
	Slice    time.Duration // that is measured
}

const (
	// openLimit bounds how long a client may take to connect, warmupLimit how
	// long the callers may take to their first reply. Later calls end by the
	// timeouts that each client is configured with.
	openLimit   = 30 * time.Second
	warmupLimit = 30 * time.Second

	warmupPoll = time.Millisecond
)

// Run opens a client, puts the load on it and closes it. Any call that fails
// makes the slice fail: a client that does less than it is asked for has no throughput.
func Run(ctx context.Context, open Open, l Load) (Sample, error) {
	callers := newCallers(l)
	meter := newMeter()
	opening, cancel := context.WithTimeout(ctx, openLimit)
	client, err := open(opening, l.Addr, l.Callers)
	cancel()
	if err != nil {
		return Sample{}, fmt.Errorf("cannot open: %w", err)
	}
	meter.watch()
	began, ended, took, err := callers.run(ctx, client, l)
	peak := meter.end()
	if err := errors.Join(err, client.Close()); err != nil {
		return Sample{}, err
	}
	s, err := callers.sample(took)
	if err != nil {
		return Sample{}, err
	}
	// Callers finish after the slice what they began in it. What is spent is
	// read at its ends, and so are the calls counted.
	commands := s.Throughput * took.Seconds()
	s.CPU = Unknown
	if cpuKnown {
		s.CPU = (ended.cpu - began.cpu).Seconds() / commands * 1e6
	}
	s.Allocs = float64(ended.allocs-began.allocs) / commands
	s.Bytes = float64(ended.bytes-began.bytes) / commands
	s.Goroutines = float64(max(peak.goroutines-l.Callers, 0))
	s.Memory = float64(peak.memory)
	return s, nil
}

// callers are the goroutines that call, and when they do it.
type callers struct {
	workload Workload
	each     []caller

	clock time.Time    // zero of what follows, in ns
	from  atomic.Int64 // the slice's begin, 0 before it
	until atomic.Int64 // and its end, 0 before that

	failed  atomic.Bool
	failure error // of the first that failed
}

// caller is one of them. It has all that it writes to itself.
type caller struct {
	calls     histogram
	first     atomic.Bool // reply has come
	mixed     int
	nextKey   int
	pipelined []string
	_         [64]byte // keeps what the next caller writes in another cache line
}

// newCallers makes all that the callers need before the client exists.
func newCallers(l Load) *callers {
	c := &callers{workload: l.Workload, each: make([]caller, l.Callers)}
	for i := range c.each {
		// Callers begin at different keys, and the mixed ones at different commands.
		c.each[i].nextKey = i * 7919 % KeyCount
		c.each[i].mixed = i
		if l.Workload.Operation == Pipeline {
			c.each[i].pipelined = make([]string, PipelineLength)
		}
	}
	return c
}

// run lets the callers call, and reads what the process has spent at the begin and the end of the slice.
func (c *callers) run(ctx context.Context, client Client, l Load) (began, ended spent, took time.Duration, err error) {
	c.clock = time.Now().Add(-1) // no moment is 0
	value := l.Workload.Value()
	var running sync.WaitGroup
	for i := range c.each {
		running.Go(func() { c.loop(client, &c.each[i], value) })
	}
	err = c.warmUp(ctx, l)
	began = spentSoFar()
	from := time.Since(c.clock)
	c.from.Store(int64(from))
	if err == nil {
		c.wait(ctx, l.Slice)
	}
	until := time.Since(c.clock)
	ended = spentSoFar()
	c.until.Store(int64(until))
	running.Wait()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case c.failed.Load():
		err = c.failure
	}
	return began, ended, until - from, err
}

// warmUp returns when connections are open, stacks have grown and every caller has had a reply.
func (c *callers) warmUp(ctx context.Context, l Load) error {
	c.wait(ctx, l.Warmup)
	limit := time.Now().Add(warmupLimit)
	for i := range c.each {
		for !c.each[i].first.Load() {
			switch {
			case c.failed.Load():
				return nil // run tells
			case ctx.Err() != nil:
				return ctx.Err()
			case time.Now().After(limit):
				return fmt.Errorf("%d callers had no reply within %s", len(c.each)-i, warmupLimit)
			}
			c.wait(ctx, warmupPoll)
		}
	}
	return nil
}

func (c *callers) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// loop calls until the slice is over. A call counts when its reply came within the slice.
func (c *callers) loop(client Client, own *caller, value string) {
	began := time.Since(c.clock)
	for {
		if err := c.call(client, own, value); err != nil {
			if c.failed.CompareAndSwap(false, true) {
				c.failure = err // read after every caller has ended
			}
			own.first.Store(true)
			return
		}
		ended := time.Since(c.clock)
		until := c.until.Load()
		if until != 0 && int64(ended) > until {
			return
		}
		if from := c.from.Load(); from != 0 && int64(ended) > from {
			own.calls.record(ended - began)
		} else if !own.first.Load() {
			own.first.Store(true)
		}
		if c.failed.Load() {
			return
		}
		began = ended
	}
}

// background is what calls are made with: contexts that end would make the
// clients that heed them pay for it beside those that do not.
var background = context.Background()

// call makes one call and checks its reply.
func (c *callers) call(client Client, own *caller, value string) error {
	key := own.nextKey
	if own.nextKey++; own.nextKey == KeyCount {
		own.nextKey = 0
	}
	operation := c.workload.Operation
	if operation == Mixed {
		operation = Get
		if own.mixed++; own.mixed%5 == 0 {
			operation = Set
		}
	}
	switch operation {
	case Get:
		got, err := client.Get(background, values[key])
		return check("GET", len(got), c.workload.ValueSize, err)
	case Set:
		if err := client.Set(background, values[key], value); err != nil {
			return fmt.Errorf("SET: %w", err)
		}
		return nil
	case Incr:
		count, err := client.Incr(background, counters[key])
		if err == nil && count < 1 {
			err = fmt.Errorf("a counter of %d", count)
		}
		if err != nil {
			return fmt.Errorf("INCR: %w", err)
		}
		return nil
	}
	for i := range own.pipelined {
		own.pipelined[i] = values[(key+i)%KeyCount]
	}
	bytes, err := client.GetAll(background, own.pipelined)
	return check("a pipeline", bytes, PipelineLength*c.workload.ValueSize, err)
}

func check(what string, got, want int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%d bytes instead of %d", got, want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// sample sums up what the callers counted.
func (c *callers) sample(took time.Duration) (Sample, error) {
	var all histogram
	for i := range c.each {
		all.add(&c.each[i].calls)
	}
	if all.total == 0 {
		return Sample{}, fmt.Errorf("no reply within a slice of %s", took.Round(time.Millisecond))
	}
	return Sample{
		Throughput: float64(all.total) * float64(c.workload.Commands()) / took.Seconds(),
		P50:        all.percentile(0.50).Seconds(),
		P99:        all.percentile(0.99).Seconds(),
		P999:       all.percentile(0.999).Seconds(),
	}, nil
}
