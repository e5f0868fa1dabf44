package healthhttp

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redisconn/redisconn"
)

// Clients are those whose health is served. [*redisconn.Registry] is one, and
// [redisconn.Named] is one for clients that the program keeps itself. It is asked
// anew for each request.
type Clients interface {
	Names() []string
	Get(name string) (*redisconn.Client, bool)
}

// Options say what is told to whom. The zero value is ready to use.
type Options struct {
	// Required are clients that fail until they are there: those that a Registry
	// has not opened yet. Without any client there is no readiness either way.
	Required []string
	// Optional are clients without which the service still serves. Their failure
	// is a warning.
	Optional []string
	// Authorize says who may see details. By default nobody may; [Token] is one.
	Authorize func(*http.Request) bool
	// MaxAge is how long a cache of the caller's own may keep the detailed report;
	// default 1s, a client's default Health.Interval. Probes are never cached.
	MaxAge time.Duration
	// ServiceID and Description are passed on in health+json.
	ServiceID, Description string
}

// Handler serves the health of clients. It is safe for concurrent use and holds
// nothing that would have to be closed.
type Handler struct {
	clients Clients
	options Options
	started atomic.Bool
}

// New makes a handler. It starts nothing.
func New(clients Clients, options Options) *Handler {
	if options.MaxAge == 0 {
		options.MaxAge = time.Second
	}
	if options.Authorize == nil {
		options.Authorize = func(*http.Request) bool { return false }
	}
	return &Handler{clients: clients, options: options}
}

// ServeHTTP answers by the last element of the path: livez, readyz, startupz or healthz.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path.Base(r.URL.Path) {
	case "livez":
		h.Live(w, r)
	case "readyz":
		h.Ready(w, r)
	case "startupz":
		h.Startup(w, r)
	case "healthz":
		h.Details(w, r)
	default:
		http.Error(w, "there are livez, readyz, startupz and healthz", http.StatusNotFound)
	}
}

// Live answers that the process lives. It never looks at Redis.
func (h *Handler) Live(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, report{probe: "livez", status: redisconn.StatusPass}, 0)
}

// Ready answers whether every client that is not optional works.
func (h *Handler) Ready(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.examine("readyz"), 0)
}

// Startup answers whether every client that is not optional has been connected
// once. Once it has passed it does not fail again.
func (h *Handler) Startup(w http.ResponseWriter, r *http.Request) {
	found := h.examine("startupz")
	if h.started.Load() || found.begun() {
		h.started.Store(true)
		found = report{probe: found.probe, status: redisconn.StatusPass}
	} else {
		found.status = redisconn.StatusFail
	}
	h.answer(w, r, found, 0)
}

// Details answers with all that is known, to those who may see it, and with the
// verdict to the others.
func (h *Handler) Details(w http.ResponseWriter, r *http.Request) {
	found := h.examine("healthz")
	found.detailed = h.options.Authorize(r)
	h.answer(w, r, found, h.options.MaxAge)
}

// answer writes the report in the format that is asked for.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, found report, maxAge time.Duration) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "health is read with GET", http.StatusMethodNotAllowed)
		return
	}
	format, ok := negotiate(r)
	if !ok {
		http.Error(w, "format is one of health, spring and text", http.StatusBadRequest)
		return
	}
	var body bytes.Buffer
	if err := format.write(&body, h.options, found); err != nil {
		http.Error(w, fmt.Sprintf("the report could not be written: %v", err), http.StatusInternalServerError)
		return
	}
	if maxAge > 0 {
		header.Set("Cache-Control", "private, max-age="+strconv.Itoa(int(maxAge.Seconds())))
	}
	header.Set("Vary", "Accept, Authorization")
	header.Set("Content-Type", format.mediaType)
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	if found.status == redisconn.StatusFail {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body.Bytes()) // who hung up does not want to know
}

// examine reads what the monitors found last.
func (h *Handler) examine(probe string) report {
	names := slices.Concat(h.clients.Names(), h.options.Required)
	slices.Sort(names)
	found := report{probe: probe}
	for _, name := range slices.Compact(names) {
		client, open := h.clients.Get(name)
		found.findings = append(found.findings, finding{name, h.lookAt(client, open), slices.Contains(h.options.Optional, name)})
	}
	found.judge()
	return found
}

func (h *Handler) lookAt(client *redisconn.Client, open bool) redisconn.Health {
	if !open {
		return redisconn.Health{Status: redisconn.StatusFail, State: redisconn.StateIdle, Class: redisconn.ClassDown, Reason: "not open"}
	}
	return client.LastHealth()
}
