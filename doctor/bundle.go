package doctor

import (
	"archive/zip"
	"fmt"
	"io"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/redisconn/redisconn"
)

const bundleReadme = `What redisconn doctor found, for whoever is asked for help.

report.json   every check with its evidence, as redisconn doctor -o json prints it
report.txt    what is not well, in short
config.txt    every value of the configuration and who set it
config.json   the same for programs
events.json   what the client's flight recorder saw while it connected
stats.json    what the client counted
runtime.txt   the program, its modules and the machine

Passwords are not in it. Addresses, user names and paths of files are.
`

// WriteBundle writes a zip archive with everything that somebody needs who is
// asked for help: the report, the configuration with its sources, the client's
// events and counters, the program's versions. Passwords are masked where they
// are kept; should one still turn up in a text, such as a server's, it is masked
// there.
func (r *Report) WriteBundle(w io.Writer) error {
	archive := zip.NewWriter(w)
	for _, part := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"README.txt", func(w io.Writer) error { _, err := io.WriteString(w, bundleReadme); return err }},
		{"report.json", r.WriteJSON},
		{"report.txt", r.WriteShort},
		{"config.txt", r.about.WriteTable},
		{"config.json", indented(r.about)},
		{"events.json", indented(append([]redisconn.Event{}, r.events...))},
		{"stats.json", indented(r.stats)},
		{"runtime.txt", writeRuntime},
	} {
		var text strings.Builder
		if err := part.write(&text); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		file, err := archive.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(file, r.mask(text.String())); err != nil {
			return err
		}
	}
	return archive.Close()
}

// writeRuntime says what runs where.
func writeRuntime(w io.Writer) error {
	build, _ := debug.ReadBuildInfo()
	_, err := fmt.Fprintf(w, "%s on %s/%s, %d processors, GOMAXPROCS %d, %d goroutines\n\n%s",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.GOMAXPROCS(0), runtime.NumGoroutine(), build)
	return err
}

// shortestSecret is the length from which on a password is looked for in texts:
// a shorter one would be found in words that have nothing to do with it.
const shortestSecret = 6

// keep remembers what must not be in a bundle. The password's file, if the client
// could use it, is read once more: the client does not tell what was in it.
func (r *Report) keep(cfg redisconn.Config, usable bool) {
	secrets := []string{cfg.Connection.Password.Reveal()}
	if path := cfg.Connection.PasswordFile; path != "" && usable {
		if content, err := os.ReadFile(path); err == nil { // what cannot be read here was not sent either
			secrets = append(secrets, strings.TrimSpace(string(content)))
		}
	}
	for _, secret := range secrets {
		if len(secret) >= shortestSecret {
			r.secrets = append(r.secrets, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
}

// mask replaces what must not be shown.
func (r *Report) mask(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}
