package healthhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/healthhttp"
	"github.com/redisconn/redisconn/redisconntest"
)

// withClient runs an example with a client of a Redis in this process.
func withClient(example func(ctx context.Context, client *redisconn.Client)) {
	err := redisconntest.Run(func(t testing.TB) {
		client, err := redisconn.Open(t.Context(), redisconn.Config{Connection: redisconn.ConnectionConfig{Addrs: []string{redisconntest.NewEmbedded(t).Addr()}}}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		example(t.Context(), client)
	})
	if err != nil {
		fmt.Println(err)
	}
}

func Example() {
	withClient(func(_ context.Context, client *redisconn.Client) {
		health := healthhttp.New(redisconn.Named{"cache": client}, healthhttp.Options{})
		mux := http.NewServeMux()
		mux.Handle("/livez", health)
		mux.Handle("/readyz", health)

		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		fmt.Print(answer.Code, " ", answer.Body)

		client.Close() // readiness ends with the first moment of a shutdown
		answer = httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		fmt.Print(answer.Code, " ", answer.Body)
	})
	// Output:
	// 200 {"status":"pass","version":"1"}
	// 503 {"status":"fail","version":"1","output":"cache: closed"}
}

// Health libraries take a function: this one, as it is or in one line.
func ExampleCheck() {
	withClient(func(ctx context.Context, client *redisconn.Client) {
		check := healthhttp.Check(client)
		fmt.Println(check(ctx))

		// controller-runtime's healthz.Checker and k8s.io/apiserver's take a request.
		checker := func(r *http.Request) error { return check(r.Context()) }
		fmt.Println(checker(httptest.NewRequest(http.MethodGet, "/readyz", nil)))
	})
	// Output:
	// <nil>
	// <nil>
}

// Details for those who know the token, from a file that only this service reads.
func ExampleToken() {
	admitted := healthhttp.Token("0123456789abcdef")
	request := httptest.NewRequest(http.MethodGet, "/healthz", nil)
	fmt.Println(admitted(request))
	request.Header.Set("Authorization", "Bearer 0123456789abcdef")
	fmt.Println(admitted(request))
	// Output:
	// false
	// true
}
