package doctor

import (
	"fmt"
	"io"
	"strings"
)

// WritePrometheus writes the report in Prometheus's text format, for a textfile
// collector. Every series is there at every run, whatever was found.
func (r *Report) WritePrometheus(w io.Writer) error {
	var b strings.Builder
	target := label(r.Target)
	family := func(name, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name) }

	family("redisconn_doctor_success", "1 if nothing failed that counts, else 0.")
	success := 0
	if r.Success() {
		success = 1
	}
	fmt.Fprintf(&b, "redisconn_doctor_success{target=%s} %d\n", target, success)
	family("redisconn_doctor_timestamp_seconds", "When the examination began.")
	fmt.Fprintf(&b, "redisconn_doctor_timestamp_seconds{target=%s} %d\n", target, r.Began.Unix())
	family("redisconn_doctor_duration_seconds", "How long the examination took.")
	fmt.Fprintf(&b, "redisconn_doctor_duration_seconds{target=%s} %s\n", target, seconds(r.Took))
	family("redisconn_doctor_checks", "Checks by their result.")
	for _, outcome := range Outcomes() {
		fmt.Fprintf(&b, "redisconn_doctor_checks{target=%s,result=%s} %d\n", target, label(string(outcome)), r.Count(outcome))
	}
	family("redisconn_doctor_check", "1 for the result that a check had, 0 for the others.")
	for _, result := range r.Results {
		for _, outcome := range Outcomes() {
			had := 0
			if result.Outcome == outcome {
				had = 1
			}
			fmt.Fprintf(&b, "redisconn_doctor_check{target=%s,id=%s,layer=%s,result=%s} %d\n", target, label(result.ID), label(string(result.Layer)), label(string(outcome)), had)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// label quotes a label's value: https://prometheus.io/docs/instrumenting/exposition_formats.
func label(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}
