package doctor

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/redisconn/redisconn"
)

// document is a report as JSON. Its fields are a contract, see docs/cli.md.
type document struct {
	Success  bool             `json:"success"`
	ExitCode int              `json:"exit_code"`
	Target   string           `json:"target,omitempty"`
	Began    string           `json:"began"`
	Took     float64          `json:"took_ms"`
	Counts   map[Outcome]int  `json:"counts"`
	Checks   []resultDocument `json:"checks"`
}

type resultDocument struct {
	ID       string          `json:"id"`
	Layer    Layer           `json:"layer"`
	Title    string          `json:"title"`
	Result   Outcome         `json:"result"`
	Took     float64         `json:"took_ms"`
	Class    redisconn.Class `json:"class,omitempty"`
	Detail   string          `json:"detail,omitempty"`
	Evidence facts           `json:"evidence,omitempty"`
	Cause    string          `json:"likely_cause,omitempty"`
	Fix      []Remedy        `json:"fix,omitempty"`
	DocURL   string          `json:"doc_url,omitempty"`
	Needs    []string        `json:"needs,omitempty"`
	Root     string          `json:"root,omitempty"`
	Moot     bool            `json:"not_needed,omitempty"`
}

// document is r as JSON has it.
func (r *Report) document() document {
	d := document{
		Success: r.Success(), ExitCode: r.ExitCode(), Target: r.Target, Began: Fact{Value: r.Began}.String(),
		Took: milliseconds(r.Took), Counts: map[Outcome]int{}, Checks: []resultDocument{},
	}
	for _, outcome := range Outcomes() {
		d.Counts[outcome] = r.Count(outcome)
	}
	for _, result := range r.Results {
		d.Checks = append(d.Checks, resultDocument{
			ID: result.ID, Layer: result.Layer, Title: result.Title, Result: result.Outcome, Took: milliseconds(result.Took),
			Class: result.Class, Detail: result.Detail, Evidence: result.Evidence, Cause: result.Cause, Fix: result.Fix,
			DocURL: result.DocURL, Needs: result.Needs, Root: result.Root, Moot: result.Moot,
		})
	}
	return d
}

// MarshalJSON returns the document that [Report.WriteJSON] writes, in one line.
func (r *Report) MarshalJSON() ([]byte, error) { return json.Marshal(r.document()) }

// WriteJSON writes the report as one JSON document, indented.
func (r *Report) WriteJSON(w io.Writer) error { return indented(r.document())(w) }

// indented writes a value as JSON for people.
func indented(value any) func(io.Writer) error {
	return func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
}

// facts is the JSON object of evidence, in its order.
type facts []Fact

// MarshalJSON gives durations in milliseconds, under a name that says so.
func (fs facts) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // whoever encodes the whole decides that
	b.WriteByte('{')
	for i, f := range fs {
		if i > 0 {
			b.WriteByte(',')
		}
		name, value := f.Name, f.Value
		if d, ok := value.(time.Duration); ok {
			name, value = name+"_ms", milliseconds(d)
		}
		_ = encoder.Encode(name) // a text, into memory
		b.WriteByte(':')
		if err := encoder.Encode(value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// milliseconds is d as JSON has it, to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
