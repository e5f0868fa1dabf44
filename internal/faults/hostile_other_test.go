//go:build !linux

package faults_test

const victimEnv = "REDISCONN_FAULTS_VICTIM"

// beVictim is for Linux, where a process can bound its own memory and tell how much it took.
func beVictim(string) int { return 2 }
