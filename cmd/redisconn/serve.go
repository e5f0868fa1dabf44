package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/doctor"
	"github.com/redisconn/redisconn/healthhttp"
	"github.com/redisconn/redisconn/statuspage"
)

const (
	serveHost = "127.0.0.1"
	servePort = "8379"
	// serveName is that of the one client there is.
	serveName = "redis"
	// serveGrace is how long requests under way may take to end.
	serveGrace = 5 * time.Second
)

func (a *app) serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "a status page and health endpoints for one connection",
		Description: `The page is at /, the same as JSON at /status.json, and the health endpoints are
/livez, /readyz, /startupz and /healthz. It connects in the background and stays up
while Redis is down: that is what it is there to show. Ctrl-C ends it, with 0.

It listens on this machine only. To listen to others it wants a token, which
browsers ask for as a password, or to be told that none is needed.
`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: servePort, HideDefault: true,
				Usage: "listen on `ADDR`: a port of " + serveHost + ", or host:port (default " + servePort + ")"},
			&cli.StringFlag{Name: "token-file",
				Usage: "show the page and details only to who knows the token in `FILE`"},
			&cli.BoolFlag{Name: "without-token",
				Usage: "let everybody who reaches the page see it"},
			&cli.StringFlag{Name: "names",
				Usage: "answer to these host `NAMES` too, separated by commas"},
		},
		Action: a.serve,
	}
}

func (a *app) serve(ctx context.Context, cmd *cli.Command) error {
	addr, token, err := a.admission(cmd)
	if err != nil {
		return err
	}
	builder, err := a.builder(cmd)
	if err != nil {
		return err
	}
	explanation, _ := builder.Explain() // standing returns the same error
	client, err := a.standing(ctx, builder)
	if err != nil {
		return err
	}
	clients := redisconn.Named{serveName: client}
	page := statuspage.New(clients, statuspage.Options{
		Title: "Redis", Hosts: servedNames(cmd, token), Explanations: map[string]redisconn.Explanation{serveName: explanation},
		Hints: hints(),
	})
	page.Start()
	err = a.listen(ctx, addr, pages(clients, page, token), page, client)
	page.Close()
	return errors.Join(err, client.Close())
}

// hints lead from a failure to the check of the doctor that finds its cause.
func hints() func(redisconn.Class) statuspage.Hint {
	known := map[redisconn.Class]statuspage.Hint{} // made once: the page asks whenever it draws
	for _, info := range redisconn.Classes() {
		if check, found := doctor.Lead(info.Class); found {
			known[info.Class] = statuspage.Hint{Check: check.ID, Command: "redisconn doctor --only " + check.ID, Link: check.DocURL()}
		}
	}
	return func(class redisconn.Class) statuspage.Hint { return known[class] }
}

// listen serves until ctx ends, and tells of the client's state meanwhile.
func (a *app) listen(ctx context.Context, addr string, handler http.Handler, page *statuspage.Page, client *redisconn.Client) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("the page cannot listen: %w; choose another place with --listen", err)
	}
	server := &http.Server{
		Handler: handler, ErrorLog: log.New(io.Discard, "", 0),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	a.stdout.printf("the status page is at http://%s/\n", listener.Addr())
	events, stop := client.Events(64)
	defer stop()
	var told time.Time // what has happened before there was somebody to listen
	for _, e := range client.History() {
		a.tellState(e)
		told = e.At
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	for {
		select {
		case e := <-events:
			if e.At.After(told) {
				a.tellState(e)
			}
		case err := <-ended:
			return err
		case <-ctx.Done():
			page.Close() // ends the streams, which no grace would
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), serveGrace)
			defer cancel()
			return server.Shutdown(grace)
		}
	}
}

// tellState prints a change of the client's state on one line.
func (a *app) tellState(e redisconn.Event) {
	if e.Kind == redisconn.EventStateChange {
		a.stderr.printf("%s %s: %s\n", e.At.UTC().Format(time.TimeOnly), e.To, e.Detail)
	}
}

// pages are all that is served. Probes carry no token: they tell only a verdict.
func pages(clients redisconn.Named, page *statuspage.Page, token redisconn.Secret) http.Handler {
	options := healthhttp.Options{Authorize: func(r *http.Request) bool { return page.AnswersTo(r.Host) }}
	guarded := http.Handler(page)
	if token != "" {
		options.Authorize = healthhttp.Token(token)
		guarded = requireToken(options.Authorize, page)
	}
	health := healthhttp.New(clients, options)
	mux := http.NewServeMux()
	for _, path := range []string{"/livez", "/readyz", "/startupz", "/healthz"} {
		mux.Handle(path, health)
	}
	mux.Handle("/", guarded)
	return mux
}

func requireToken(admits func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !admits(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="the token as the password, any user", charset="UTF-8"`)
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "the page wants a token: as Authorization: Bearer, or as the password of Basic", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// admission is where to listen, and with which token. Nothing is shown to other
// machines unless somebody said that it may be.
func (a *app) admission(cmd *cli.Command) (addr string, token redisconn.Secret, err error) {
	refused := func(reason string) (string, redisconn.Secret, error) {
		return "", "", &usageError{reason + "\nsee " + cmd.FullName() + " --help"}
	}
	host, port, err := net.SplitHostPort(cmd.String("listen"))
	if err != nil {
		host, port = serveHost, cmd.String("listen")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return refused("--listen takes a port, or host:port")
	}
	if cmd.IsSet("token-file") {
		if cmd.Bool("without-token") {
			return refused("--token-file and --without-token contradict each other; keep one")
		}
		if token, err = a.readToken(cmd.String("token-file")); err != nil {
			return refused(err.Error())
		}
	}
	if !isLoopback(host) && token == "" && !cmd.Bool("without-token") {
		return refused("--listen " + net.JoinHostPort(host, port) + " would show the page to other machines; add --token-file FILE, or --without-token if everybody may see it")
	}
	return net.JoinHostPort(host, port), token, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// servedNames are the host names that the page answers to. Who knows the token is
// no foreign page, whatever name it came by.
func servedNames(cmd *cli.Command, token redisconn.Secret) []string {
	if token != "" {
		return []string{"*"}
	}
	return strings.FieldsFunc(cmd.String("names"), func(r rune) bool { return r == ',' || r == ' ' })
}
