package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/embedded"
)

func (a *app) demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "what the library does for a service, in ten seconds and with real calls",
		Description: `It runs against a Redis inside this process, so nothing need be installed; the
environment is not read. With --url or --addrs it runs against yours, configured as
every other command, writes a few keys that begin with redisconn:demo: and deletes
them.
`,
		Action: a.demo,
	}
}

const (
	demoCallers = 50
	demoDelay   = 20 * time.Millisecond
	// demoTTL removes the demo's keys where the demo did not come to it.
	demoTTL = time.Minute
)

// demo is one demonstration.
type demo struct {
	*app
	client   *redisconn.Client
	network  *network
	observer *redisconn.Client // looks at the data behind the network's back
	server   *embedded.Server  // nil where the demo runs against a real one
	where    string            // what the network leads to, in words
	prefix   string            // of every key
	number   int               // of the step
}

func (a *app) demo(ctx context.Context, cmd *cli.Command) error {
	began := time.Now()
	d, builder, err := a.newDemo(cmd)
	if err != nil {
		return err
	}
	err = d.show(ctx, builder)
	err = errors.Join(err, d.leave())
	if err == nil {
		a.stdout.printf("\nDone in %s. Next: redisconn check --url redis://your-server:6379\n", duration(a.took(time.Since(began))))
	}
	return err
}

// newDemo makes the clients. Nothing is connected yet.
func (a *app) newDemo(cmd *cli.Command) (*demo, *redisconn.Builder, error) {
	d := &demo{app: a, prefix: "redisconn:demo:" + rand.Text()[:8] + ":"}
	builder, err := a.demoBuilder(cmd)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := builder.Build()
	if err != nil {
		return nil, nil, err
	}
	opened, behind := d.through(cfg)
	quietly := redisconn.WithLogger(quiet)
	if d.client, err = redisconn.New(cfg, opened, quietly); err != nil {
		return nil, nil, err
	}
	d.observer, err = redisconn.New(cfg, behind, quietly)
	return d, builder, err
}

// demoBuilder reads the environment only when the demo is sent to a server by
// name: nobody expects a demonstration in the Redis that REDIS_URL names.
func (a *app) demoBuilder(cmd *cli.Command) (*redisconn.Builder, error) {
	if cmd.IsSet("url") || cmd.IsSet("addrs") {
		return a.builder(cmd)
	}
	return a.collect(cmd, redisconn.NewBuilder().Set("url", "embedded://", "demo"))
}

// through puts the network between the client and the server, and returns the
// way around it as well.
func (d *demo) through(cfg redisconn.Config) (opened, behind redisconn.Option) {
	if cfg.Mode != redisconn.ModeEmbedded {
		d.where = "the Redis of your configuration"
		d.network = &network{open: new(net.Dialer).DialContext}
		return redisconn.WithDialer(d.network.dial), redisconn.WithDialer(d.network.open)
	}
	d.where = "a Redis inside this process"
	d.server = embedded.New()
	d.network = &network{open: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.server.Dial(ctx) }}
	return redisconn.WithEmbedded(embeddedNetwork{d.network}), d.server.Option()
}

// show runs the demonstration. A step that fails ends it.
func (d *demo) show(ctx context.Context, builder *redisconn.Builder) error {
	d.stdout.printf("%s\n", d.stdout.paint(faint, "Six promises, kept with real calls to "+d.where+"."))
	d.explainConfiguration(builder)
	steps := []func(context.Context) error{
		d.connect, d.showHealth, d.runPipeline, d.loseReplies, d.drainUnderLoad,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// leave deletes the keys and closes both clients.
func (d *demo) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var err error
	if d.observer.State() != redisconn.StateIdle {
		err = d.observer.Del(ctx, d.key("greeting"), d.key("visits"), d.key("paid"), d.key("name"), d.key("served")).Err()
	}
	err = errors.Join(err, d.client.Close(), d.observer.Close())
	if d.server != nil {
		d.server.Close()
	}
	return err
}

func (d *demo) key(name string) string { return d.prefix + name }

// step begins a step: its title, and what to look for.
func (d *demo) step(title, about string) {
	d.number++
	d.stdout.printf("\n%s\n", d.stdout.paint(bold, fmt.Sprintf("%d. %s", d.number, title)))
	for _, line := range wrap(about, lineWidth-3) {
		d.stdout.printf("   %s\n", line)
	}
	d.stdout.printf("\n")
}

const factWidth = 16

// fact prints one line of what a step found.
func (d *demo) fact(name, value, remark string) {
	lead := d.stdout.paint(faint, pad(name, factWidth)) + pad(value+" ", factWidth)
	for i, line := range wrap(remark, lineWidth-3-2*factWidth) {
		if i > 0 {
			lead = pad("", 2*factWidth)
		}
		d.stdout.printf("   %s\n", strings.TrimRight(lead+line, " "))
	}
}

func (d *demo) explainConfiguration(builder *redisconn.Builder) {
	d.step("The configuration explains itself",
		"Every value knows its default and who set it; every mistake is reported at once, with what to do.")
	explanation, _ := builder.Explain() // Build found it to be valid
	telling := []string{"connection.addrs", "timeouts.operation", "pool.size", "retry.effect", "when_down"}
	fields := slices.DeleteFunc(slices.Clone(explanation.Fields), func(f redisconn.FieldExplanation) bool {
		return f.Default && !slices.Contains(telling, f.Path)
	})
	pathWidth, valueWidth := 0, 0
	for _, f := range fields {
		pathWidth, valueWidth = max(pathWidth, len(f.Path)), max(valueWidth, len(f.Value))
	}
	for _, f := range fields {
		d.stdout.printf("   %s  %s  %s\n", d.stdout.paint(faint, pad(f.Path, pathWidth)), pad(cmp.Or(f.Value, "-"), valueWidth), f.Source)
	}
	d.stdout.printf("   %s\n", d.stdout.paint(faint, fmt.Sprintf("redisconn config shows all %d.", len(explanation.Fields))))
	d.stdout.warnings(3, explanation.Warnings)
}

func (d *demo) connect(ctx context.Context) error {
	d.step("Connect proves every stage", "It returns once commands are known to work, or says which stage broke, why, and what to do.")
	p := doctor.Prove(ctx, d.client, true, func(redisconn.Event) {})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	broken, _ := doctor.Diagnose(ctx, d.client, p)
	d.printSteps(d.stdout, 3, p, broken)
	if p.Class != "" {
		return exitCode(exitFailed)
	}
	return d.observer.Connect(ctx)
}

func (d *demo) showHealth(ctx context.Context) error {
	d.step("Health is measured, not assumed", "One PING on a connection of its own: a full pool cannot fake an outage.")
	h := d.client.Health(ctx)
	remark := h.Reason
	if h.Server.Note != "" {
		remark = h.Server.Note
	}
	d.fact("status", string(h.Status), remark)
	d.fact("latency", duration(d.took(h.Latency.Last)), "")
	d.fact("server", strings.TrimSpace(h.Server.Name+" "+h.Server.Version), strings.TrimSpace(h.Server.Mode+" "+h.Server.Role))
	d.fact("pool", fmt.Sprintf("%d of %d in use", h.Pool.InUse, h.Pool.Size), "")
	if h.Status == redisconn.StatusFail {
		return errors.New(h.Reason)
	}
	return nil
}

func (d *demo) runPipeline(ctx context.Context) error {
	d.step("A pipeline tells what became of each command", "One of these four is wrong. The others are not taken down with it, nor does it get lost among them.")
	greeting, visits := d.key("greeting"), d.key("visits")
	result, err := d.client.RunPipeline(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, greeting, "hello", demoTTL)
		p.LPush(ctx, greeting, "oops")
		p.IncrBy(ctx, visits, 3)
		p.Expire(ctx, visits, demoTTL)
		return nil
	})
	said := []string{"SET greeting hello", "LPUSH greeting oops", "INCRBY visits 3", "EXPIRE visits 60"}
	for _, o := range result.Outcomes() {
		m := passed
		if o.Err != nil {
			m = failed
		}
		d.stdout.row(3, m, pad(said[o.Index], 2*factWidth-2)+"applied: "+string(o.Applied), "")
		if o.Err != nil {
			d.stdout.label(5, "cause", o.Err.Error())
		}
	}
	if redisconn.ClassOf(err) != redisconn.ClassReply {
		return err
	}
	return nil
}

func (d *demo) loseReplies(ctx context.Context) error {
	d.step("No write is applied twice behind your back", "The network lets the next request reach Redis, then loses the reply and the connection. Most drivers send it again and count 2.")
	paid, name := d.key("paid"), d.key("name")
	if err := d.client.Set(ctx, paid, 0, demoTTL).Err(); err != nil { // opens the connection that is to break
		return err
	}
	d.network.loseNextReply()
	err := d.client.Incr(ctx, paid).Err()
	var lost *redisconn.CommandError
	if !errors.As(err, &lost) {
		return fmt.Errorf("the lost reply was to be an error, and is %w", err)
	}
	counted, err := d.client.Get(ctx, paid).Int()
	if err != nil {
		return err
	}
	d.fact("INCR", "an error", lost.Class.Info().Meaning)
	d.fact("", "applied: "+string(lost.Applied), "errors.Is(err, redisconn.ErrMaybeApplied)")
	d.fact("GET", fmt.Sprint(counted), "the caller looks and knows: executed once")

	before := d.client.Stats().Retries
	d.network.loseNextReply()
	if err := d.client.Set(ctx, name, "redisconn", demoTTL).Err(); err != nil {
		return err
	}
	d.fact("SET", "OK", fmt.Sprintf("its reply was lost as well; %s, since twice is as good as once", plural(int(d.client.Stats().Retries-before), "retry")))
	return nil
}

func (d *demo) drainUnderLoad(ctx context.Context) error {
	d.step("A shutdown drains, and gives a receipt",
		fmt.Sprintf("%d callers count as fast as they can over a network that takes %s for each reply, when the service is told to stop.", demoCallers, demoDelay))
	served := d.key("served")
	if err := d.observer.Set(ctx, served, 0, demoTTL).Err(); err != nil {
		return err
	}
	d.network.slowDown(demoDelay)
	var callers sync.WaitGroup
	var acknowledged, refused, unsure atomic.Int64
	busy := make(chan struct{})
	for range demoCallers {
		callers.Go(func() {
			for {
				err := d.client.Incr(ctx, served).Err()
				switch {
				case err == nil:
					if acknowledged.Add(1) == 3*demoCallers {
						close(busy)
					}
					continue
				case redisconn.SafeToRetry(err):
					refused.Add(1)
				default:
					unsure.Add(1)
				}
				return
			}
		})
	}
	select {
	case <-busy:
	case <-ctx.Done():
	}
	receipt, err := d.client.Drain(ctx)
	callers.Wait()
	if err != nil {
		return err
	}
	counted, err := d.observer.Get(ctx, served).Int64()
	if err != nil {
		return err
	}
	d.fact("receipt", fmt.Sprintf("%d in flight, %d drained, %d abandoned, in %s", receipt.InFlight, receipt.Drained, receipt.Abandoned, duration(d.took(receipt.Took))), "")
	d.fact("acknowledged", fmt.Sprint(acknowledged.Load()), "calls that were told: done")
	d.fact("counted", fmt.Sprint(counted), "what Redis counted: no call was executed and reported as failed")
	d.fact("refused", fmt.Sprint(refused.Load()), "calls that came later: told that nothing was sent, safe to send elsewhere")
	if counted != acknowledged.Load() || unsure.Load() > 0 {
		return fmt.Errorf("%d calls were acknowledged, %d executed, %d left open", acknowledged.Load(), counted, unsure.Load())
	}
	return nil
}
