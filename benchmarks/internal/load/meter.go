package load

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// sampleEvery is the pause between two looks at memory and goroutines: often
// enough for a peak, seldom enough not to be one.
const sampleEvery = 5 * time.Millisecond

// meter sees what the process spends. There is one client in it at a time, so
// what is spent is spent by the client and by the callers' loop, which is the
// same for all.
type meter struct {
	gauges gauges
	atRest usage // before the client was opened
	peak   usage // belongs to the goroutine of watch until done
	stop   chan struct{}
	done   chan struct{}
}

// usage is what the process holds at a time.
type usage struct {
	memory     uint64
	goroutines int
}

// newMeter takes the process at rest: without a client, and with as little
// garbage of the one before as can be.
func newMeter() *meter {
	runtime.GC()
	m := &meter{gauges: newGauges(), stop: make(chan struct{}), done: make(chan struct{})}
	m.atRest = m.gauges.read()
	return m
}

// watch begins to look for peaks.
func (m *meter) watch() {
	go func() {
		defer close(m.done)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			now := m.gauges.read()
			m.peak.memory = max(m.peak.memory, now.memory)
			m.peak.goroutines = max(m.peak.goroutines, now.goroutines)
			select {
			case <-tick.C:
			case <-m.stop:
				return
			}
		}
	}()
}

// end ends watch and returns how far the peaks are above what was at rest.
func (m *meter) end() usage {
	close(m.stop)
	<-m.done
	return usage{
		memory:     m.peak.memory - min(m.atRest.memory, m.peak.memory),
		goroutines: m.peak.goroutines - m.atRest.goroutines - 1, // the one that looks
	}
}

// gauges reads what a process holds, into samples of its own: to look must not allocate.
type gauges []metrics.Sample

func newGauges() gauges {
	return gauges{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
}

// read counts memory that is in use: what the runtime holds in reserve is not.
func (g gauges) read() usage {
	metrics.Read(g)
	return usage{
		memory:     g[0].Value.Uint64() - g[1].Value.Uint64() - g[2].Value.Uint64(),
		goroutines: runtime.NumGoroutine(),
	}
}

// spent are counters that only grow.
type spent struct {
	cpu    time.Duration // zero unless cpuKnown
	allocs uint64
	bytes  uint64
}

// spentSoFar stops the world for some microseconds, which makes its counts exact.
func spentSoFar() spent {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return spent{cpu: cpuTime(), allocs: memory.Mallocs, bytes: memory.TotalAlloc}
}
