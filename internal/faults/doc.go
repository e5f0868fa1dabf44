// Package faults holds every promise of redisconn against real redis-server
// processes, with plain go-redis beside it in the same run: the same fault from
// the kit redisconntest, the same load, both figures.
//
// The promises are asserted in its tests; breaking one fails the build. With
//
//	go test ./internal/faults -count=1 -args -report docs/faults.md
//
// (that is make faults) the figures become docs/faults.md. Without -report the
// same assertions run, and only measurements of go-redis that take long are left
// out.
package faults
