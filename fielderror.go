package redisconn

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FieldError is one thing that is wrong with a configuration. [Config.Validate]
// and [Builder.Build] return all of them at once, joined; [FieldErrors] takes
// them apart again.
type FieldError struct {
	Field  string `json:"field"`            // path of the field, as in pool.size, or url for a URL as a whole
	Source string `json:"source,omitempty"` // where the value came from, such as env REDIS_POOL_SIZE; empty for a literal
	Value  string `json:"value,omitempty"`  // the value, masked when it is or may hold a secret
	Reason string `json:"reason"`           // what is wrong with it
	Fix    string `json:"fix,omitempty"`    // what to do about it

	cause error // what the operating system or a parser said, where that is safe to show
}

// Error returns one line: redis config: field = value (source): reason; fix.
func (e *FieldError) Error() string {
	var s strings.Builder
	s.WriteString("redis config: " + e.Field)
	if e.Value != "" {
		s.WriteString(" = " + quoteUnlessPlain(e.Value))
	}
	if e.Source != "" && e.Source != e.Field {
		s.WriteString(" (" + e.Source + ")")
	}
	s.WriteString(": " + e.Reason)
	if e.Fix != "" {
		s.WriteString("; " + e.Fix)
	}
	return s.String()
}

// Unwrap returns the cause, so that errors.Is(err, fs.ErrNotExist) works on a
// missing file.
func (e *FieldError) Unwrap() error { return e.cause }

// FieldErrors returns every FieldError in err's tree, in order, and nil when
// there is none.
func FieldErrors(err error) []*FieldError {
	switch e := err.(type) {
	case *FieldError:
		return []*FieldError{e}
	case interface{ Unwrap() []error }:
		var all []*FieldError
		for _, sub := range e.Unwrap() {
			all = append(all, FieldErrors(sub)...)
		}
		return all
	case interface{ Unwrap() error }:
		return FieldErrors(e.Unwrap())
	}
	return nil
}

// joinFieldErrors is errors.Join without the interface conversion at each caller.
func joinFieldErrors(problems []*FieldError) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// maxShownValue bounds what an error repeats of a value it could not read.
const maxShownValue = 80

// maskSuspect returns text for an error to show. Text with an @ may be a URL
// with a password, put into the wrong variable, and is masked.
func maskSuspect(text string) string {
	if strings.Contains(text, "@") {
		return redacted
	}
	if len(text) > maxShownValue {
		return text[:maxShownValue] + "…"
	}
	return text
}

// quoteUnlessPlain quotes a value whose ends or characters would be lost on the
// reader otherwise.
func quoteUnlessPlain(text string) string {
	lost := func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == '"' }
	if strings.ContainsFunc(text, lost) || !utf8.ValidString(text) {
		return strconv.Quote(text)
	}
	return text
}
