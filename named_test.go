package redisconn_test

import (
	"slices"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestNamedClientsAreFoundByTheirNames(t *testing.T) {
	cache, err := redisconn.New(redisconn.Config{})
	if err != nil {
		t.Fatal(err)
	}
	clients := redisconn.Named{"sessions": nil, "cache": cache}
	if names := clients.Names(); !slices.Equal(names, []string{"cache", "sessions"}) {
		t.Errorf("the names are %v", names)
	}
	if found, ok := clients.Get("cache"); found != cache || !ok {
		t.Errorf("cache is %v, %v", found, ok)
	}
	if found, ok := clients.Get("elsewhere"); found != nil || ok {
		t.Errorf("elsewhere is %v, %v", found, ok)
	}
}
