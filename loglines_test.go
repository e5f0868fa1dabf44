package redisconn_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/redisconn/redisconn"
)

// logLines keeps what a client logs, one text per line: "WARN message key=value ...".
type logLines struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (l *logLines) option() redisconn.Option {
	return redisconn.WithLogger(slog.New(lineHandler{lines: l}))
}

func (l *logLines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// containing returns the lines with the text in them.
func (l *logLines) containing(text string) []string {
	var found []string
	for _, line := range l.all() {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// lineHandler is the slog handler behind logLines.
type lineHandler struct {
	lines *logLines
	attrs string
}

func (h lineHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String() + " " + r.Message + h.attrs
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value.Resolve())
		return true
	})
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	h.lines.lines = append(h.lines.lines, text)
	return nil
}

func (h lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += fmt.Sprintf(" %s=%v", a.Key, a.Value.Resolve())
	}
	return h
}

func (h lineHandler) WithGroup(string) slog.Handler { return h }

// handlerFunc is a slog handler that calls a function for every line.
type handlerFunc func()

func (handlerFunc) Enabled(context.Context, slog.Level) bool    { return true }
func (h handlerFunc) Handle(context.Context, slog.Record) error { h(); return nil }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h handlerFunc) WithGroup(string) slog.Handler             { return h }
