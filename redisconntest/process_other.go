//go:build !linux

package redisconntest

import "syscall"

// childAttr leaves the child alone: only Linux ties its life to ours.
func childAttr() *syscall.SysProcAttr { return nil }

// isStopped takes the kernel's word: there is no portable way to see that a signal has arrived.
func isStopped(int) bool { return true }
