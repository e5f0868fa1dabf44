package healthhttp

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/redisconn/redisconn"
)

// format is a way to write a report.
type format struct {
	name      string // of the parameter format
	mediaType string
	write     func(io.Writer, Options, report) error
}

// formats are tried in this order: the first is for those who do not care.
var formats = []format{
	{"health", "application/health+json", writeHealthJSON},
	{"health", "application/json", writeHealthJSON},
	{"spring", "application/vnd.spring-boot.actuator.v3+json", writeSpring},
	{"spring", "application/vnd.spring-boot.actuator.v2+json", writeSpring},
	{"text", "text/plain; charset=utf-8", writeText},
}

// negotiate finds the format that a request asks for: the parameter format, or
// else the header Accept (RFC 9110, 12.5.1). A header that nothing satisfies, as
// that of a browser, gets the first format: a probe is not refused for its taste.
func negotiate(r *http.Request) (format, bool) {
	if asked := r.URL.Query().Get("format"); asked != "" {
		for _, f := range formats {
			if f.name == asked {
				return f, true
			}
		}
		return format{}, false
	}
	chosen, best := formats[0], 0.0
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		wanted, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		if f, ok := satisfying(wanted); ok && quality > best {
			chosen, best = f, quality
		}
	}
	return chosen, true
}

// satisfying returns the first format that a media range takes in.
func satisfying(wanted string) (format, bool) {
	for _, f := range formats {
		offered, _, _ := strings.Cut(f.mediaType, ";")
		group, all := strings.CutSuffix(wanted, "/*")
		if wanted == "*/*" || wanted == offered || all && strings.HasPrefix(offered, group+"/") {
			return f, true
		}
	}
	return format{}, false
}

// writeText writes a line for each client and one for all, as the Kubernetes API
// server does: https://kubernetes.io/docs/reference/using-api/health-checks/.
func writeText(w io.Writer, _ Options, r report) error {
	var text strings.Builder
	for _, f := range r.findings {
		switch f.counts() {
		case redisconn.StatusPass:
			fmt.Fprintf(&text, "[+]%s ok\n", f.name)
		case redisconn.StatusWarn:
			fmt.Fprintf(&text, "[+]%s ok, but: %s\n", f.name, f.trouble(r.detailed))
		default:
			fmt.Fprintf(&text, "[-]%s failed: %s\n", f.name, f.trouble(r.detailed))
		}
	}
	verdict := "passed"
	if r.status == redisconn.StatusFail {
		verdict = "failed"
	}
	fmt.Fprintf(&text, "%s check %s\n", r.probe, verdict)
	_, err := io.WriteString(w, text.String())
	return err
}
