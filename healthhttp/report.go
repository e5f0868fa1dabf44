package healthhttp

import (
	"cmp"
	"strings"

	"github.com/redisconn/redisconn"
)

// finding is what is known of one client.
type finding struct {
	name     string
	health   redisconn.Health
	optional bool
}

// counts is the client's part in the verdict on all of them.
func (f finding) counts() redisconn.Status {
	if f.optional && f.health.Status == redisconn.StatusFail {
		return redisconn.StatusWarn
	}
	return f.health.Status
}

// class is the kind of trouble the client is in. A client that was never
// connected has none of its own.
func (f finding) class() redisconn.Class { return cmp.Or(f.health.Class, redisconn.ClassDown) }

// trouble says what is wrong with the client, as far as the caller may know.
func (f finding) trouble(detailed bool) string {
	if detailed && f.health.Reason != "" {
		return f.health.Reason
	}
	return string(f.class())
}

// report is the answer to one request, before it has a format.
type report struct {
	probe    string
	status   redisconn.Status
	findings []finding // by name
	detailed bool
}

// judge draws the verdict: that of the client that fares worst. Without any
// client nothing works.
func (r *report) judge() {
	r.status = redisconn.StatusPass
	if len(r.findings) == 0 {
		r.status = redisconn.StatusFail
	}
	for _, f := range r.findings {
		r.status = worse(r.status, f.counts())
	}
}

// begun reports whether every client that matters has been connected once.
func (r *report) begun() bool {
	for _, f := range r.findings {
		if !f.optional && f.health.Generation == 0 {
			return false
		}
	}
	return len(r.findings) > 0
}

// summary says in one line what is wrong, "" when nothing is.
func (r *report) summary() string {
	if len(r.findings) == 0 && r.status == redisconn.StatusFail {
		return "no client is open"
	}
	var parts []string
	for _, f := range r.findings {
		if f.health.Status != redisconn.StatusPass {
			parts = append(parts, f.name+": "+f.trouble(r.detailed))
		}
	}
	return strings.Join(parts, "; ")
}

var severity = map[redisconn.Status]int{redisconn.StatusPass: 0, redisconn.StatusWarn: 1, redisconn.StatusFail: 2}

func worse(a, b redisconn.Status) redisconn.Status {
	if severity[b] > severity[a] {
		return b
	}
	return a
}
