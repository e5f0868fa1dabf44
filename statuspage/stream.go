package statuspage

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// streamLimit is how long one stream lives: the browser then opens another, and
	// whoever left without saying so is gone.
	streamLimit = 30 * time.Minute
	// writeLimit is how long one update may take to be written. It takes the place
	// of the server's own limit, which would end a stream that is well.
	writeLimit = 10 * time.Second
)

// serveStream sends the content of the page at every tick, as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func (p *Page) serveStream(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "as many readers as allowed have the page live; reload it instead", http.StatusServiceUnavailable)
		return
	}
	if !p.enter() {
		http.Error(w, "the page is closed", http.StatusServiceUnavailable)
		return
	}
	defer p.work.Done()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep the events to itself
	if r.Method == http.MethodHead {
		return
	}
	// A server's limit on reading a request would end the stream as well: it counts
	// from the request's begin, and net/http goes on to read for the caller's leaving.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // where it cannot be set there is none
	end := time.NewTimer(streamLimit)
	defer end.Stop()
	for {
		content, next, err := p.draw()
		if err != nil || send(w, content) != nil { // what cannot be drawn fails on the page itself, in words
			return
		}
		select {
		case <-next:
		case <-end.C:
			return
		case <-p.closing:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// enter counts a stream among what Close waits for.
func (p *Page) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.work.Add(1)
	return true
}

// send writes one event and sees that it leaves.
func send(w http.ResponseWriter, content []byte) error {
	var event strings.Builder
	event.WriteString("retry: 1000\nevent: update\n")
	for line := range bytes.Lines(content) {
		event.WriteString("data: ")
		event.Write(bytes.TrimRight(line, "\r\n"))
		event.WriteByte('\n')
	}
	event.WriteByte('\n')
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := io.WriteString(w, event.String()); err != nil {
		return err
	}
	return control.Flush()
}

// drawing is the content of the page as it was at one tick.
type drawing struct {
	tick    chan struct{} // that follows it
	content []byte
}

// draw returns the content of the page, and what is closed when there is news.
// However many readers there are, it is drawn once for each tick.
func (p *Page) draw() ([]byte, <-chan struct{}, error) {
	p.mu.Lock()
	last, next := p.drawing, p.ticked
	p.mu.Unlock()
	if last.tick == next {
		return last.content, next, nil
	}
	var content bytes.Buffer
	if err := templates.ExecuteTemplate(&content, "content", p.view()); err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drawing = drawing{next, content.Bytes()}
	return content.Bytes(), next, nil
}
