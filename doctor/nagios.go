package doctor

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Nagios's states, which are its exit codes as well. Source: Monitoring Plugins
// Development Guidelines, "Plugin Return Codes".
const (
	nagiosOK       = 0
	nagiosWarning  = 1
	nagiosCritical = 2
	nagiosUnknown  = 3
)

var nagiosWords = []string{nagiosOK: "OK", nagiosWarning: "WARNING", nagiosCritical: "CRITICAL", nagiosUnknown: "UNKNOWN"}

// NagiosCode is the exit code of a Nagios plugin: 0 all is well, 1 a warning, 2 a
// failure, or a warning where warnings count, 3 nothing was checked.
func (r *Report) NagiosCode() int {
	switch worst := r.Worst(); {
	case worst == OutcomeFail, worst == OutcomeWarn && r.FailOn == OutcomeWarn:
		return nagiosCritical
	case worst == OutcomeWarn:
		return nagiosWarning
	case worst == OutcomePass:
		return nagiosOK
	}
	return nagiosUnknown
}

// WriteNagios writes the report as a Nagios plugin does: the state and the times
// that were measured on the first line, then a line for each thing that is not well.
func (r *Report) WriteNagios(w io.Writer) error {
	var b strings.Builder
	said := r.Summary()
	for _, result := range r.Results {
		if result.Outcome == r.Worst() && result.Outcome != OutcomePass {
			said = result.ID + " " + result.Detail + " (" + said + ")"
			break
		}
	}
	fmt.Fprintf(&b, "REDIS %s - %s: %s | took=%ss%s\n", nagiosWords[r.NagiosCode()], plain(r.Target), plain(said), seconds(r.Took), r.performance())
	for _, result := range r.Results {
		if result.Outcome == OutcomeFail || result.Outcome == OutcomeWarn {
			fmt.Fprintf(&b, "%s %s: %s\n", strings.ToUpper(string(result.Outcome)), result.ID, plain(result.Detail))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// performance are the durations of the latency layer, as Nagios draws them.
func (r *Report) performance() string {
	var b strings.Builder
	for _, result := range r.Results {
		if result.Layer != LayerLatency {
			continue
		}
		for _, f := range result.Evidence {
			if d, ok := f.Value.(time.Duration); ok {
				fmt.Fprintf(&b, " %s=%ss", f.Name, seconds(d))
			}
		}
	}
	return b.String()
}

// plain keeps a text from being taken for the beginning of the performance data.
func plain(text string) string { return strings.ReplaceAll(text, "|", "/") }
