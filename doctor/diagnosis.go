package doctor

import (
	"context"

	"github.com/redisconn/redisconn"
)

// Diagnose is the result of the check that a proof's failure belongs to: its id,
// its likely cause, what to type. It is false of a proof in which no stage failed. The
// client is the one that was proved, nil where the configuration makes none. Nothing
// is proved anew; of a server that speaks TLS the certificate is looked at, over a
// net.Dialer: for a program that dials by itself there is [Run].
func Diagnose(ctx context.Context, client *redisconn.Client, proof *Proof) (Result, bool) {
	if proof.Failure() == (Step{}) {
		return Result{}, false
	}
	p := &Patient{proof: proof, client: client, options: Options{Timeout: defaultTimeout}}
	if client == nil {
		p.problems = proof.Problems
	} else {
		p.config = client.Config()
		p.about = p.config.Explain()
		p.secrets = secretsOf(p.config, proof.Class != redisconn.ClassConfig)
	}
	var checks []Check
	for _, id := range proved {
		check, _ := Find(id)
		checks = append(checks, check)
	}
	made := map[string]Result{}
	for _, check := range complete(checks) {
		result := p.make(ctx, check, made)
		if result.Outcome == OutcomeFail {
			return result, true
		}
		made[check.ID] = result
	}
	return Result{}, false
}

// Command is the first thing to type; empty where there is none.
func (r Result) Command() string {
	for _, step := range r.Fix {
		if step.Command != "" {
			return step.Command
		}
	}
	return ""
}
