package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// settings are the service's own; Redis has its own as well.
type settings struct {
	addr     string
	linger   time.Duration
	shutdown time.Duration
}

// The service's variables.
const (
	addrVariable     = "SERVICE_ADDR"
	lingerVariable   = "SERVICE_LINGER"
	shutdownVariable = "SERVICE_SHUTDOWN_TIMEOUT"
)

// readSettings reports everything that is wrong at once.
func readSettings(env []string) (settings, error) {
	s := settings{addr: ":8080", linger: 5 * time.Second, shutdown: 10 * time.Second}
	var problems []error
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if value == "" {
			continue // unset, as for Redis
		}
		switch name {
		case addrVariable:
			s.addr = value
		case lingerVariable:
			problems = append(problems, setDuration(&s.linger, name, value))
		case shutdownVariable:
			problems = append(problems, setDuration(&s.shutdown, name, value))
		}
	}
	return s, errors.Join(problems...)
}

func setDuration(d *time.Duration, name, value string) error {
	parsed, err := time.ParseDuration(value)
	if err != nil || parsed < 0 {
		return fmt.Errorf("%s=%s is no time; write it as 5s or 500ms", name, value)
	}
	*d = parsed
	return nil
}
