package faults_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/redisconn/redisconn/redisconntest"
)

// infoField asks the server for one field of INFO.
func infoField(t *testing.T, server *redisconntest.Server, section, name string) string {
	t.Helper()
	info, err := server.Client().Info(t.Context(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// places are what differs from run to run in the errors of the driver: ports of the loopback, and a name server.
var places = regexp.MustCompile(`(127\.0\.0\.1:)\d+| on [\d.]+:53`)

// nameless is an error's text without them.
func nameless(err error) string {
	if err == nil {
		return "nil"
	}
	return places.ReplaceAllString(err.Error(), "$1")
}
