package healthhttp_test

import (
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/healthhttp"
)

func TestTheFormatIsThatWhichTheCallerPrefers(t *testing.T) {
	health := healthhttp.New(redisconn.Named{}, healthhttp.Options{})
	const (
		healthJSON = "application/health+json"
		spring     = "application/vnd.spring-boot.actuator.v3+json"
		text       = "text/plain; charset=utf-8"
	)
	for accept, want := range map[string]string{
		"":                        healthJSON,
		"*/*":                     healthJSON,
		"application/*":           healthJSON,
		"application/health+json": healthJSON,
		"application/json":        "application/json",
		"APPLICATION/JSON":        "application/json",
		spring:                    spring,
		"application/vnd.spring-boot.actuator.v2+json": "application/vnd.spring-boot.actuator.v2+json",
		"text/plain": text,
		"text/*":     text,
		"text/plain;q=0.5, application/health+json;q=0.4": text,
		"application/health+json;q=0, text/plain;q=0.1":   text,
		"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": healthJSON,
		"image/png":              healthJSON,
		"text/plain;q=much, ///": healthJSON,
	} {
		answer := get(health, "/livez", "Accept", accept)
		if got := answer.Header().Get("Content-Type"); got != want {
			t.Errorf("Accept %q gets %q, want %q", accept, got, want)
		}
		if answer.Header().Get("Vary") != "Accept, Authorization" || answer.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers %v", answer.Header())
		}
	}
	if got := get(health, "/livez?format=text", "Accept", spring).Header().Get("Content-Type"); got != text {
		t.Errorf("the parameter loses to the header: %q", got)
	}
}

func TestATokenIsTakenAsBearerAndAsAPassword(t *testing.T) {
	admits := func(token redisconn.Secret, authorization string) bool {
		health := healthhttp.New(redisconn.Named{"cache": unconnected(t)}, healthhttp.Options{Authorize: healthhttp.Token(token)})
		return get(health, "/healthz", "Authorization", authorization).Body.String() != `{"status":"fail","version":"1","output":"cache: down"}`+"\n"
	}
	for authorization, want := range map[string]bool{
		"Bearer open sesame":                 true,
		"bearer open sesame":                 true,
		"Basic YW55Ym9keTpvcGVuIHNlc2FtZQ==": true,  // anybody:open sesame
		"Basic YW55Ym9keTpvcGVu":             false, // anybody:open
		"Bearer open":                        false,
		"Bearer ":                            false,
		"open sesame":                        false,
		"":                                   false,
	} {
		if got := admits("open sesame", authorization); got != want {
			t.Errorf("%q: %v", authorization, got)
		}
	}
	if admits("", "Bearer ") || admits("", "") {
		t.Error("an empty token lets anybody in")
	}
}
