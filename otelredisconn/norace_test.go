//go:build !race

package otelredisconn_test

const raceEnabled = false
