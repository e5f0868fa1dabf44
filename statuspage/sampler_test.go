package statuspage

import (
	"testing"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

func TestASampleCountsWhatHappenedInItsTime(t *testing.T) {
	client := memory(t)
	page := New(redisconn.Named{"cache": client}, Options{})
	now := time.Now()
	page.look(now)
	for range 7 {
		if err := client.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	page.look(now.Add(990 * time.Millisecond)) // a tick that comes early is a sample of its own
	page.look(now.Add(2 * time.Second))
	samples := page.Snapshot().Clients[0].Samples
	if len(samples) != 3 || samples[0].Commands != 0 || samples[0].Latency == 0 || samples[1].Commands != 7 || samples[1].Seconds != 0.99 || samples[2].Commands != 0 {
		t.Errorf("the samples are %+v", samples)
	}
	if got := pace(samples, now.Add(2*time.Second)); got != 3.5 {
		t.Errorf("the pace is %v", got)
	}
	if got := pace(samples, now.Add(time.Minute)); got != 0 { // only the last sample counts, whatever its age
		t.Errorf("the pace a minute later is %v", got)
	}
}

func TestALongerIntervalFoldsItsTicks(t *testing.T) {
	client := memory(t)
	page := New(redisconn.Named{"cache": client}, Options{Interval: 10 * time.Second})
	now := time.Now()
	for i := range 25 {
		if err := client.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		page.look(now.Add(time.Duration(i) * time.Second))
	}
	samples := page.Snapshot().Clients[0].Samples
	if len(samples) != 3 || samples[0].Commands != 9 || samples[1].Commands != 10 || samples[2].Commands != 5 {
		t.Errorf("the samples are %+v", samples)
	}
	if longest := New(redisconn.Named{}, Options{Interval: time.Hour}).options.Interval; longest != time.Minute {
		t.Errorf("the interval is %s", longest)
	}
}

func TestMemoryIsBoundedByTheNumberOfSamples(t *testing.T) {
	client := unconnected(t)
	clients := redisconn.Named{"cache": client}
	page := New(clients, Options{})
	now := time.Now()
	for i := range Samples + 100 {
		page.look(now.Add(time.Duration(i) * time.Second))
	}
	samples := page.Snapshot().Clients[0].Samples
	if len(samples) != Samples || !samples[0].At.Equal(now.Add(100*time.Second)) {
		t.Errorf("%d samples, the first of %s", len(samples), samples[0].At)
	}
	clients["cache"] = unconnected(t) // another client took the name over
	if samples := page.Snapshot().Clients[0].Samples; len(samples) != 0 {
		t.Errorf("the new client has the samples of the old one: %d", len(samples))
	}
	page.look(now)
	delete(clients, "cache")
	page.look(now)
	if len(page.series) != 0 {
		t.Error("a client that is gone is remembered")
	}
}

func TestThePageSamplesByItselfUntilItIsClosed(t *testing.T) {
	client := memory(t)
	page := New(redisconn.Named{"cache": client}, Options{})
	page.Start()
	redisconntest.Eventually(t, 10*time.Second, "three samples", func() bool { return len(page.Snapshot().Clients[0].Samples) >= 3 })
	page.Close()
	kept := len(page.Snapshot().Clients[0].Samples)
	page.mu.Lock()
	next := page.ticked
	page.mu.Unlock()
	select {
	case <-next:
		t.Error("a tick after Close")
	case <-time.After(tick + tick/2): // the next one would have come
	}
	if now := len(page.Snapshot().Clients[0].Samples); now != kept {
		t.Errorf("%d samples after Close, then %d", kept, now)
	}
}

func TestOneDrawingServesAllReadersOfATick(t *testing.T) {
	page := New(redisconn.Named{}, Options{})
	first, next, err := page.draw()
	if err != nil {
		t.Fatal(err)
	}
	second, again, err := page.draw()
	if err != nil || &first[0] != &second[0] || next != again {
		t.Errorf("two drawings of one tick, %v", err)
	}
}

func TestTheSourceOfASettingIsToldAsFarAsItIsKnown(t *testing.T) {
	client, err := redisconn.New(redisconn.Config{Pool: redisconn.PoolConfig{Size: 7}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	page := New(redisconn.Named{"cache": client}, Options{})
	explained := page.Snapshot().Clients[0].Config
	for _, f := range explained.Fields {
		if f.Path == "pool.size" && (f.Default || f.Source != "program" || f.Value != "7") {
			t.Errorf("%+v", f)
		}
		if f.Path == "pool.wait" && (!f.Default || f.Source != "default") {
			t.Errorf("%+v", f)
		}
	}
	if len(explained.Warnings) != 0 {
		t.Errorf("defaults are warned of: %v", explained.Warnings)
	}
}
