package doctor

import (
	"encoding/json"
	"io"

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

// MarshalJSON returns the document that [Report.WriteJSON] writes, in one line.
func (r *Report) MarshalJSON() ([]byte, error) {
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
	return json.Marshal(d)
}

// WriteJSON writes the report as one JSON document, indented.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
