package statuspage

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redisconn/redisconn"
)

// Clients are those that the page shows. [*redisconn.Registry] is one, and
// [redisconn.Named] is one for clients that the program keeps itself. It is asked
// anew every second.
type Clients interface {
	Names() []string
	Get(name string) (*redisconn.Client, bool)
}

// Options change the page. The zero value is ready to use.
type Options struct {
	// Title heads the page; default Redis. The name of the service is a good one.
	Title string
	// Hosts are the names under which browsers reach the page, without a port:
	// orders.internal. Addresses and localhost need no mention. "*" means any, for
	// a page that only authenticated requests reach.
	Hosts []string
	// Interval is the time that one sample of the plots stands for; default 1s,
	// which shows the last 15 minutes, at most 1m, which shows the last 15 hours.
	Interval time.Duration
	// MaxStreams is how many readers may have the page live at a time; default 16.
	// Those beyond reload it every few seconds.
	MaxStreams int
	// Explanations say by client where its settings came from: what
	// [redisconn.Builder.Explain] returned. Without one the page can only tell
	// defaults from the rest.
	Explanations map[string]redisconn.Explanation
	// Hints returns which check of a doctor looks for the cause of such failures,
	// and the zero Hint where none does. Without it the page says what is known
	// about the class alone. It is called for every class on the page each time it
	// is drawn, so it must be quick.
	Hints func(redisconn.Class) Hint
}

// Page is the handler. It is safe for concurrent use.
type Page struct {
	clients  Clients
	options  Options
	streams  chan struct{} // a place for each stream
	starting sync.Once
	closing  chan struct{}
	close    sync.Once
	work     sync.WaitGroup

	mu      sync.Mutex // guards everything below
	closed  bool
	series  map[string]*series
	ticked  chan struct{} // closed at the next tick
	drawing drawing
}

// New makes a page. It starts nothing.
func New(clients Clients, options Options) *Page {
	if options.Title == "" {
		options.Title = "Redis"
	}
	if options.Interval <= 0 {
		options.Interval = time.Second
	}
	options.Interval = min(options.Interval, time.Minute)
	if options.MaxStreams <= 0 {
		options.MaxStreams = 16
	}
	if options.Hints == nil {
		options.Hints = func(redisconn.Class) Hint { return Hint{} }
	}
	return &Page{
		clients: clients, options: options,
		streams: make(chan struct{}, options.MaxStreams),
		closing: make(chan struct{}),
		series:  map[string]*series{},
		ticked:  make(chan struct{}),
	}
}

//go:embed assets
var assets embed.FS

// resources are what there is beside the page itself and its stream.
var resources = map[string]string{
	"style.css": "text/css; charset=utf-8",
	"script.js": "text/javascript; charset=utf-8",
	"pass.svg":  "image/svg+xml",
	"warn.svg":  "image/svg+xml",
	"fail.svg":  "image/svg+xml",
}

// ServeHTTP answers by the last element of the path.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.guard(w, r) {
		return
	}
	p.Start()
	name := path.Base(r.URL.Path)
	mediaType, known := resources[name]
	switch {
	case r.URL.Path == "": // StripPrefix took all of it, and links need the slash
		asked, _, _ := strings.Cut(r.RequestURI, "?")
		w.Header().Set("Location", "./"+path.Base(asked)+"/")
		w.WriteHeader(http.StatusPermanentRedirect)
	case strings.HasSuffix(r.URL.Path, "/"):
		p.servePage(w)
	case known:
		content, err := assets.ReadFile("assets/" + name)
		write(w, mediaType, content, err)
	case name == "status.json":
		content, err := json.Marshal(p.Snapshot())
		write(w, "application/json", content, err)
	case name == "events":
		p.serveStream(w, r)
	default:
		http.Error(w, "there is nothing here; the page is at the path that ends in a slash", http.StatusNotFound)
	}
}

func (p *Page) servePage(w http.ResponseWriter) {
	var text bytes.Buffer
	err := templates.ExecuteTemplate(&text, "page.html", p.view())
	write(w, "text/html; charset=utf-8", text.Bytes(), err)
}

// write answers with content, or says why there is none.
func write(w http.ResponseWriter, mediaType string, content []byte, err error) {
	if err != nil {
		http.Error(w, fmt.Sprintf("this could not be written: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // who hung up does not want to know
}
