package doctor

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/redisconn/redisconn"
)

const (
	idMachine = "RC-Y001"
	idOpening = "RC-Y002"
	idPing    = "RC-Y003"
)

var latencyChecks = []Check{
	{
		ID: idMachine, Layer: LayerLatency, Title: "this machine does not stand still", Needs: []string{idConfig},
		About: "A tenth of a second of nothing but reading the clock, as redis-cli --intrinsic-latency does: the longest gap is time in which this process did not run. What it costs here is no fault of Redis or the network.",
		Cause: "a CPU limit of the container that throttles, more work than processors, a noisy neighbour",
		Fix: []Remedy{
			{"measure it for longer", "redis-cli --intrinsic-latency 10"},
			{"in a container, see how often it was throttled", "cat /sys/fs/cgroup/cpu.stat"},
		},
		Run: checkMachine,
	},
	{
		ID: idOpening, Layer: LayerLatency, Title: "a connection is opened well within its time", Needs: []string{idAnswer},
		About: "Name, TCP, TLS and handshake of the connection that was made, held against half of timeouts.dial: a little more load and connections would fail.",
		Cause: "a slow resolver, a server far away, a server whose processor is busy with TLS",
		Fix: []Remedy{
			{"see which part of it takes long", "redisconn check"},
			{"keep connections open in advance, with pool.min_idle", ""},
			{"raise timeouts.dial", ""},
		},
		Run: checkOpening,
	},
	{
		ID: idPing, Layer: LayerLatency, Title: "PING is answered quickly", Needs: []string{idAnswer, idMachine},
		About: "Up to 50 PINGs within a second over the program's way of commands; the 99th percentile is held against health.warn_latency. What this machine stood still is told apart.",
		Cause: "a slow command that holds the server up, a server without a free processor, a network that is slow or far",
		Fix: []Remedy{
			{"see what was slow on the server", "{cli} SLOWLOG GET 10"},
			{"have the server judge itself", "{cli} LATENCY DOCTOR"},
			{"measure the way there for longer", "redisconn ping -n 1000"},
		},
		Run: checkPing,
	},
}

const (
	intrinsicTime = 100 * time.Millisecond
	pingCount     = 50
	pingTime      = time.Second
	pingLeast     = 5
)

// intrinsic is the longest time this process did not run within d.
func intrinsic(d time.Duration) time.Duration {
	runtime.LockOSThread() // as one command at a time is what is measured
	defer runtime.UnlockOSThread()
	var longest time.Duration
	began := time.Now()
	for last := began; last.Sub(began) < d; {
		now := time.Now()
		longest = max(longest, now.Sub(last))
		last = now
	}
	return longest
}

func checkMachine(_ context.Context, p *Patient) Finding {
	p.stall = intrinsic(intrinsicTime)
	return judgeMachine(p.stall, p.config.Health.WarnLatency)
}

func judgeMachine(stall, limit time.Duration) Finding {
	evidence := []Fact{{"longest_gap", stall}, {"processors", runtime.NumCPU()}}
	if stall >= limit {
		return Warn(fmt.Sprintf("this machine stood still for %s, longer than health.warn_latency allows a PING", Fact{Value: stall}), evidence...)
	}
	return Pass("this machine stood still for no longer than "+Fact{Value: stall}.String(), evidence...)
}

func checkOpening(_ context.Context, p *Patient) Finding {
	var took time.Duration
	var evidence []Fact
	for _, stage := range []redisconn.Stage{redisconn.StageResolve, redisconn.StageDial, redisconn.StageTLS, redisconn.StageHandshake} {
		if step := p.proof.Step(stage); step.Outcome == OutcomePass {
			took += step.Took
			evidence = append(evidence, Fact{string(stage), step.Took})
		}
	}
	evidence = append(evidence, Fact{"connect", took})
	if took > p.config.Timeouts.Dial/2 {
		return Warn(fmt.Sprintf("opening a connection took %s, more than half of timeouts.dial, which is %s", Fact{Value: took}, p.config.Timeouts.Dial), evidence...)
	}
	return Pass("a connection opens in "+Fact{Value: took}.String(), evidence...)
}

func checkPing(ctx context.Context, p *Patient) Finding {
	if err := p.client.Ping(ctx).Err(); err != nil { // opens the pool's connection, which is no part of a PING
		return unanswered("PING", err)
	}
	var times []time.Duration
	for began := time.Now(); len(times) < pingLeast || len(times) < pingCount && time.Since(began) < pingTime; {
		sent := time.Now()
		if err := p.client.Ping(ctx).Err(); err != nil {
			return unanswered("PING", err)
		}
		times = append(times, time.Since(sent))
	}
	slices.Sort(times)
	return judgePings(times, p.stall, p.config.Health.WarnLatency)
}

// judgePings judges sorted times. The blame goes to this machine where it stood
// still for half of the worst of them.
func judgePings(times []time.Duration, stall, limit time.Duration) Finding {
	p50, p99 := percentile(times, 50), percentile(times, 99)
	evidence := []Fact{{"ping_p50", p50}, {"ping_p99", p99}, {"ping_max", times[len(times)-1]}, {"pings", len(times)}, {"this_machine", stall}}
	if p99 <= limit {
		return Pass(fmt.Sprintf("PING takes %s, %s at the 99th percentile", Fact{Value: p50}, Fact{Value: p99}), evidence...)
	}
	finding := Warn(fmt.Sprintf("PING takes %s at the 99th percentile, more than health.warn_latency, which is %s", Fact{Value: p99}, limit), evidence...)
	if stall >= p99/2 {
		finding = finding.because("this machine, which stood still for "+Fact{Value: stall}.String()+" by itself: see "+idMachine).
			mend("give this process a processor before looking at Redis; in a container, see how often it was throttled", "cat /sys/fs/cgroup/cpu.stat")
	}
	return finding
}

// percentile is the value at or below which that many percent are, by nearest rank.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}
