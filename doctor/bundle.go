package doctor

import (
	"archive/zip"
	"fmt"
	"io"
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
// are kept; should one still turn up in a text, it is masked there.
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
		if _, err := io.WriteString(file, r.secrets.hide(text.String())); err != nil {
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
