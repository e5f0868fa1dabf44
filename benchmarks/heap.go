package main

import "runtime"

// mostHeap is how many MiB may be kept alive.
const mostHeap = 4096

// holdHeap keeps so many MiB alive until release is called, as the data of a service
// is. Go collects when the heap has doubled: that of a process with nothing but a
// client in it has 4 MiB, and is collected dozens of times a second.
func holdHeap(mib int) (release func()) {
	held := make([]byte, mib<<20)
	return func() { runtime.KeepAlive(held) }
}
