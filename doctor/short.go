package doctor

import (
	"fmt"
	"io"
	"strings"
)

// WriteShort writes a line for each thing that is not well, and one that sums
// up. Where all is well that one is all there is.
func (r *Report) WriteShort(w io.Writer) error {
	var b strings.Builder
	for _, result := range r.Results {
		if result.Outcome != OutcomeFail && result.Outcome != OutcomeWarn {
			continue
		}
		fmt.Fprintf(&b, "%s %s %s: %s\n", result.Outcome, result.ID, result.Title, result.Detail)
		if command := result.Command(); command != "" {
			fmt.Fprintf(&b, "     type: %s\n", command)
		}
	}
	fmt.Fprintln(&b, strings.TrimSpace(r.Target+" "+string(r.Worst()))+": "+r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}
