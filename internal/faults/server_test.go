package faults_test

import (
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
