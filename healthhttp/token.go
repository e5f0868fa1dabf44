package healthhttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/redisconn/redisconn"
)

// Token lets those see details who present it, as Authorization: Bearer or, since
// browsers ask for nothing else, as the password of Basic with any user name. The
// comparison takes the same time for every wrong token. An empty token lets nobody in.
func Token(token redisconn.Secret) func(*http.Request) bool {
	want := sha256.Sum256([]byte(token.Reveal())) // of one length, whatever is presented
	return func(r *http.Request) bool {
		given := sha256.Sum256([]byte(presented(r)))
		return token != "" && subtle.ConstantTimeCompare(given[:], want[:]) == 1
	}
}

func presented(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}
