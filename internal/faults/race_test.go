//go:build race

package faults_test

// underRace: the race detector reserves terabytes of address space, so no limit can be put on it.
const underRace = true
