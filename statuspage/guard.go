package statuspage

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy lets the page use what it brings along and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard sets the headers that every answer has and refuses what is no reader's
// request. It reports whether the request may go on.
func (p *Page) guard(w http.ResponseWriter, r *http.Request) bool {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	switch {
	case !p.AnswersTo(r.Host):
		// The name is not repeated: it is whatever the caller says.
		http.Error(w, "the status page does not answer to this host name, lest a foreign page read it (DNS rebinding); "+
			"use localhost or an address, or add the name to statuspage.Options.Hosts", http.StatusForbidden)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "the status page is read with GET", http.StatusMethodNotAllowed)
	case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate":
		// A foreign page could not read the answer, but hold the streams.
		http.Error(w, "the status page serves no other site", http.StatusForbidden)
	default:
		return true
	}
	return false
}

// AnswersTo reports whether the page may be called so: what a request has as its
// Host. An address is no name that a foreign site could point elsewhere. It is for
// what else a program serves beside the page.
func (p *Page) AnswersTo(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	return slices.ContainsFunc(p.options.Hosts, func(allowed string) bool {
		return allowed == "*" || name != "" && strings.EqualFold(allowed, name)
	})
}
