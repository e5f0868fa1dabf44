package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/internal/printable"
)

// Options is how an examination is made. The zero Options makes every check once.
type Options struct {
	// Checks are what is checked, in this order, and what they need before them:
	// [Select] names some of ours, a program appends its own. Default [Checks].
	Checks []Check

	// Permissions are what the program needs its user to be allowed; without any
	// the layer acl has nothing to check.
	Permissions []Permission

	// Instances is how many processes of the program share the server, each with a
	// pool of its own. Default 1.
	Instances int

	Offline bool          // connect nowhere: the layer config alone
	Wait    time.Duration // how long to try to connect while another attempt may succeed; default one attempt
	Timeout time.Duration // of one check; default 10s

	// FailOn is the outcome from which on the examination has failed: OutcomeWarn
	// makes warnings count. Default OutcomeFail.
	FailOn Outcome

	// Client are the options that the program gives its client, such as
	// embedded.Option. A dialer of its own goes into Dial.
	Client []redisconn.Option

	// Dial opens connections, also to the addresses that servers announce, where
	// the program's client has redisconn.WithDialer. Default a net.Dialer.
	Dial redisconn.DialFunc

	// These hear what goes on, one call at a time; nil hears nothing.
	OnCheck  func(Check)           // a check begins
	OnResult func(Result)          // and ends
	OnWait   func(redisconn.Event) // an attempt to connect failed, and is made again
}

// defaultTimeout is what one check may take. Most take milliseconds; dialling
// every node of a cluster behind a firewall takes a dial timeout.
const defaultTimeout = 10 * time.Second

// Select returns the checks of the given layers and ids, with those that they
// need, in the order in which they are made.
func Select(names ...string) ([]Check, error) {
	all := Checks()
	var named []Check
	for _, name := range names {
		before := len(named)
		for _, c := range all {
			if strings.EqualFold(name, c.ID) || strings.EqualFold(name, string(c.Layer)) {
				named = append(named, c)
			}
		}
		if len(named) == before {
			return nil, fmt.Errorf("there is no layer and no check %q", name)
		}
	}
	wanted := complete(named)
	return slices.DeleteFunc(all, func(c Check) bool {
		return !slices.ContainsFunc(wanted, func(w Check) bool { return w.ID == c.ID })
	}), nil
}

// complete puts before each check those that it needs and that are missing.
func complete(checks []Check) []Check {
	var whole []Check
	there := map[string]bool{}
	var add func(Check)
	add = func(c Check) {
		if there[c.ID] {
			return
		}
		there[c.ID] = true
		for _, id := range c.Needs {
			if need, known := Find(id); known {
				add(need)
			}
		}
		whole = append(whole, c)
	}
	for _, c := range checks {
		add(c)
	}
	return whole
}

// Run examines the connection that cfg describes. It opens connections of its own
// and closes them; ctx ends it early, and what was not checked is skipped then.
func Run(ctx context.Context, cfg redisconn.Config, o Options) *Report {
	return examine(ctx, &Patient{
		config: cfg, problems: redisconn.FieldErrors(cfg.Validate()), warnings: cfg.Lint(), about: cfg.Explain(),
	}, o)
}

// RunBuilder is [Run] for what a Builder makes, and knows more: where values came
// from, and what is wrong with their sources.
func RunBuilder(ctx context.Context, b *redisconn.Builder, o Options) *Report {
	cfg, err := b.Build()
	about, _ := b.Explain() // the same error once more
	return examine(ctx, &Patient{config: cfg, problems: redisconn.FieldErrors(err), warnings: b.Lint(), about: about}, o)
}

// examine connects the patient and makes the checks.
func examine(ctx context.Context, p *Patient, o Options) *Report {
	if o.Checks == nil {
		o.Checks = Checks()
	}
	o.Checks = complete(o.Checks)
	if !slices.ContainsFunc(o.Checks, func(c Check) bool { return c.Layer != LayerConfig }) {
		o.Offline = true // there is nothing to connect for
	}
	o.Timeout, o.FailOn, o.Instances = cmp.Or(o.Timeout, defaultTimeout), cmp.Or(o.FailOn, OutcomeFail), max(o.Instances, 1)
	p.options = o
	r := &Report{Began: time.Now(), FailOn: o.FailOn, about: p.about}
	r.WaitOver = p.connect(ctx)
	if p.Client() != nil {
		p.visit(ctx)
	}
	p.secrets = secretsOf(p.config, p.proof.Class != redisconn.ClassConfig)
	r.secrets = p.secrets
	if p.client != nil {
		r.Target = p.client.LastHealth().Target
	}
	made := map[string]Result{}
	for _, check := range o.Checks {
		if o.OnCheck != nil {
			o.OnCheck(check)
		}
		result := p.make(ctx, check, made)
		made[check.ID] = result
		r.Results = append(r.Results, result)
		if o.OnResult != nil {
			o.OnResult(result)
		}
	}
	if p.client != nil {
		r.events, r.stats = p.client.History(), p.client.Stats()
		r.Err = p.client.Close()
	}
	r.Took = time.Since(r.Began)
	return r
}

// connect makes the client and tries to connect it. It reports whether the time
// to wait is over.
func (p *Patient) connect(ctx context.Context) (waitOver bool) {
	if len(p.problems) > 0 {
		p.proof = Unproved(p.problems)
		return false
	}
	if p.options.Offline {
		p.options.Dial = nowhere
	}
	client, err := redisconn.New(p.config, p.clientOptions()...)
	if err != nil {
		p.problems = redisconn.FieldErrors(err)
		p.proof = Unproved(p.problems)
		return false
	}
	p.client, p.config = client, client.Config()
	limited, cancel := ctx, func() {}
	if p.options.Wait > 0 {
		limited, cancel = context.WithTimeout(ctx, p.options.Wait)
	}
	defer cancel()
	onWait := p.options.OnWait
	if onWait == nil || p.options.Wait == 0 {
		onWait = func(redisconn.Event) {}
	}
	p.proof = Prove(limited, client, p.options.Wait == 0 || p.options.Offline, onWait)
	for _, w := range p.proof.Warnings {
		if !slices.Contains(p.warnings, w) {
			p.warnings = append(p.warnings, w)
		}
	}
	return p.proof.Class != "" && limited.Err() != nil && ctx.Err() == nil
}

// clientOptions are those of a client of the doctor's.
func (p *Patient) clientOptions() []redisconn.Option {
	options := append(slices.Clone(p.options.Client), redisconn.WithLogger(quiet))
	if p.options.Dial != nil {
		options = append(options, redisconn.WithDialer(p.options.Dial))
	}
	return options
}

// nowhere is the dialer of an examination that must not leave the machine. The
// configuration's files are read before it is called.
func nowhere(context.Context, string, string) (net.Conn, error) { return nil, errOffline }

var errOffline = errors.New("not connected: the examination is offline")

// make makes one check.
func (p *Patient) make(ctx context.Context, check Check, made map[string]Result) Result {
	began := time.Now()
	finding := p.find(ctx, check, made)
	result := Result{
		ID: check.ID, Layer: check.Layer, Title: check.Title, Outcome: finding.Outcome, Took: time.Since(began),
		Class: finding.Class, Detail: p.printable(finding.Detail), Needs: check.Needs, Root: finding.blocked, Moot: finding.settle, DocURL: check.DocURL(), Quiet: check.Quiet,
		settled: finding.Outcome == OutcomePass || finding.Outcome == OutcomeWarn || finding.settle,
	}
	for _, fact := range finding.Evidence {
		if text, ok := fact.Value.(string); ok {
			fact.Value = p.printable(text)
		}
		result.Evidence = append(result.Evidence, fact)
	}
	switch finding.Outcome {
	case OutcomeSkip:
		result.Took = 0
		result.Fix = p.steps(finding, finding.Fix)
	case OutcomeWarn, OutcomeFail:
		p.explain(&result, check, finding)
	}
	if finding.stage != "" {
		result.Took = p.proof.Step(finding.stage).Took
	}
	return result
}

// find makes a check, unless it cannot be made.
func (p *Patient) find(ctx context.Context, check Check, made map[string]Result) Finding {
	if ctx.Err() != nil {
		return Skip("interrupted")
	}
	if p.options.Offline && check.Layer != LayerConfig {
		return Skip("not made offline")
	}
	for _, id := range check.Needs {
		if need, known := made[id]; known && !need.settled {
			return Finding{Outcome: OutcomeSkip, Detail: "needs " + id, blocked: rootOf(need)}
		}
	}
	if p.isDeserted() && check.Layer != LayerTopology && slices.Contains(check.Needs, idAnswer) {
		return p.deserted()
	}
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	return check.Run(ctx, p)
}

// rootOf is the id of the check that stands behind one that is not settled.
func rootOf(r Result) string { return cmp.Or(r.Root, r.ID) }

// explain adds the likely cause and the repair: the finding's own, else the
// check's, else what the class of the failure says.
func (p *Patient) explain(r *Result, check Check, finding Finding) {
	var info redisconn.ClassInfo
	if finding.Class != "" {
		info = finding.Class.Info()
	}
	r.Cause = p.printable(cmp.Or(finding.Cause, check.Cause, info.Causes))
	fix := finding.Fix
	if len(fix) == 0 {
		fix = check.Fix
	}
	if len(fix) == 0 && info.Next != "" {
		fix = []Remedy{{Text: info.Next}}
	}
	r.Fix = p.steps(finding, fix)
}

// printable makes a text fit to be shown.
func (p *Patient) printable(text string) string {
	return printable.Line(p.secrets.hide(text), textLimit)
}

// steps are the steps of a repair, for the node of the finding, or for this server where there is none.
func (p *Patient) steps(finding Finding, fix []Remedy) []Remedy {
	if finding.at != nil {
		home := p.at
		defer func() { p.at = home }()
		p.at = finding.at
	}
	var steps []Remedy
	for _, step := range fix {
		steps = append(steps, Remedy{Text: p.printable(step.Text), Command: p.printable(p.fill(step.Command, finding.ill))})
	}
	return steps
}
