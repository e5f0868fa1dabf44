package doctor

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// The elements of JUnit's report, as CI systems read it. There is no
// specification; this is the part that all of them understand.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Output  *junitText    `xml:"system-out"`
}

type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",cdata"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

// WriteJUnit writes the report as JUnit's XML: a suite for each layer, a case for
// each check. A warning is a failure where warnings count, and output elsewhere.
func (r *Report) WriteJUnit(w io.Writer) error {
	all := junitSuites{Name: "redisconn doctor", Time: seconds(r.Took)}
	for _, layer := range Layers() {
		suite := junitSuite{Name: string(layer)}
		var took time.Duration
		for _, result := range r.Results {
			if result.Layer != layer {
				continue
			}
			c := r.junitCase(result)
			suite.Cases = append(suite.Cases, c)
			suite.Tests++
			took += result.Took
			if c.Failure != nil {
				suite.Failures++
			}
			if c.Skipped != nil {
				suite.Skipped++
			}
		}
		if suite.Tests == 0 {
			continue
		}
		suite.Time = seconds(took)
		all.Suites = append(all.Suites, suite)
		all.Tests, all.Failures, all.Skipped = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Skipped+suite.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r *Report) junitCase(result Result) junitCase {
	c := junitCase{Class: "redisconn.doctor." + string(result.Layer), Name: result.ID + " " + result.Title, Time: seconds(result.Took)}
	switch {
	case result.Outcome == OutcomeSkip:
		c.Skipped = &junitMessage{Message: result.Detail}
	case result.Outcome == OutcomeFail, result.Outcome == OutcomeWarn && r.FailOn == OutcomeWarn:
		c.Failure = &junitMessage{Type: result.ID, Message: result.Detail, Text: result.advice()}
	case result.Outcome == OutcomeWarn:
		c.Output = &junitText{"warning: " + result.Detail + "\n" + result.advice()}
	default:
		c.Output = &junitText{result.Detail}
	}
	return c
}

// advice is what is known beyond the detail, in lines.
func (r Result) advice() string {
	var b strings.Builder
	for _, f := range r.Evidence {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f)
	}
	if r.Cause != "" {
		fmt.Fprintf(&b, "likely: %s\n", r.Cause)
	}
	for _, step := range r.Fix {
		fmt.Fprintf(&b, "fix: %s\n", step.Text)
		if step.Command != "" {
			fmt.Fprintf(&b, "  %s\n", step.Command)
		}
	}
	if r.DocURL != "" {
		fmt.Fprintf(&b, "see: %s\n", r.DocURL)
	}
	return b.String()
}

// seconds is d as JUnit and Prometheus have it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
