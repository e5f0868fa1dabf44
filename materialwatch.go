package redisconn

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	// reloadRetryMin and reloadRetryMax bound the pause after a reload that failed:
	// the server may still have to learn what the client has been given.
	reloadRetryMin, reloadRetryMax = time.Second, 30 * time.Second
	// lifeSpent is the share of credentials' remaining time after which others
	// are asked for.
	lifeSpent = 0.8
)

// digest tells one state of the material from another. It is of secrets, so it
// is compared and never shown.
type digest [sha256.Size]byte

// namedFiles are the files that c names.
func (c Config) namedFiles() []string {
	var paths []string
	for _, f := range configFields {
		if strings.HasSuffix(f.path, "_file") && f.isSet(&c) {
			paths = append(paths, f.text(&c))
		}
	}
	return paths
}

// digestFiles reads files whole. Their times and sizes would be cheaper and are
// not enough: what Kubernetes mounts is a link to a link, and a secret is often
// replaced by another of its length. One that cannot be read is a state as well.
func digestFiles(paths []string) digest {
	hash := sha256.New()
	for _, path := range paths {
		content, _, err := readConfigFile(path, "", maxPEMFile)
		if err != nil {
			content = []byte(err.Error())
		}
		one := sha256.Sum256(content)
		hash.Write(one[:])
	}
	return digest(hash.Sum(nil))
}

// with adds credentials to the digest of files.
func (d digest) with(now Credentials) digest {
	user, password := sha256.Sum256([]byte(now.Username)), sha256.Sum256([]byte(now.Password.Reveal()))
	return sha256.Sum256(append(append(d[:], user[:]...), password[:]...))
}

// materialWatch reloads when a file has changed, when credentials are about to
// end, when a provider has others, and again some time after it failed. One
// goroutine owns it.
type materialWatch struct {
	client  *Client
	files   []string
	seen    digest        // of the files
	asked   bool          // somebody knows of other material
	retry   time.Duration // the pause after the next failure
	retryAt time.Time     // zero when the last reload did not fail
}

// watchMaterial runs until ctx ends. A file may have changed since the first
// target was made of it.
func (c *Client) watchMaterial(ctx context.Context, first *target) {
	w := materialWatch{client: c, seen: first.files, retry: reloadRetryMin}
	if !c.config.Reload.Off {
		w.files = c.config.namedFiles()
	}
	for w.await(ctx) {
		w.look(ctx)
	}
}

// await waits until there is a reason to look, and reports false when ctx ended.
func (w *materialWatch) await(ctx context.Context) bool {
	var timer <-chan time.Time // nil: nothing comes by itself
	if pause, ok := w.pause(); ok {
		timer = time.After(pause)
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.client.renewals.asked:
		w.asked = true
	case <-timer:
	}
	return true
}

// pause is the time until something may be due, with a tenth of jitter so that
// the processes of a service do not reconnect in step.
func (w *materialWatch) pause() (pause time.Duration, ok bool) {
	sooner := func(d time.Duration) {
		if !ok || d < pause {
			pause, ok = max(d, 0), true
		}
	}
	if len(w.files) > 0 {
		sooner(w.client.config.Reload.Interval)
	}
	for _, at := range []time.Time{w.retryAt, w.client.renewals.expiry()} {
		if !at.IsZero() {
			sooner(time.Until(at))
		}
	}
	return pause - rand.N(pause/10+1), ok
}

// look reloads if there is a reason.
func (w *materialWatch) look(ctx context.Context) {
	due := func(at time.Time) bool { return !at.IsZero() && !time.Now().Before(at) }
	now := w.seen
	if len(w.files) > 0 {
		now = digestFiles(w.files)
	}
	if !w.asked && now == w.seen && !due(w.retryAt) && !due(w.client.renewals.expiry()) {
		return
	}
	w.asked, w.seen = false, now
	if w.client.Reload(ctx) == nil {
		w.retry, w.retryAt = reloadRetryMin, time.Time{}
		return
	}
	w.retryAt = time.Now().Add(w.retry)
	w.retry = min(2*w.retry, reloadRetryMax)
}

// expire notes until when credentials that were just read are good. Those that
// are about to end, or have, are asked for again soon, but not at once.
func (r *renewals) expire(at time.Time) {
	if at.IsZero() {
		r.renewAt.Store(nil)
		return
	}
	next := time.Now().Add(max(time.Duration(float64(time.Until(at))*lifeSpent), reloadRetryMin))
	r.renewAt.Store(&next)
}

// expiry is when other credentials are to be asked for; zero for never.
func (r *renewals) expiry() time.Time {
	if at := r.renewAt.Load(); at != nil {
		return *at
	}
	return time.Time{}
}
