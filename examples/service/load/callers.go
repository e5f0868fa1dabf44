package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// callers send requests, one after the other each, until they are stopped.
type callers struct {
	url    string
	client *http.Client

	mu       sync.Mutex // guards everything below
	answered []time.Duration
	failed   int
	failures []string // the first few
}

// keptFailures are enough to see what goes wrong.
const keptFailures = 5

func newCallers(url string, number int) *callers {
	return &callers{url: url, client: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: number},
	}}
}

// start lets so many call. The function stops them and returns when each has its
// last answer.
func (c *callers) start(number int) (stop func()) {
	var stopped atomic.Bool
	var all sync.WaitGroup
	for range number {
		all.Go(func() {
			for !stopped.Load() {
				c.call()
			}
		})
	}
	return func() {
		stopped.Store(true)
		all.Wait()
		c.client.CloseIdleConnections()
	}
}

func (c *callers) call() {
	sent := time.Now()
	err := c.post()
	took := time.Since(sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.answered = append(c.answered, took)
		return
	}
	if c.failed++; len(c.failures) < keptFailures {
		c.failures = append(c.failures, err.Error())
	}
}

func (c *callers) post() error {
	response, err := c.client.Post(c.url, "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// percentile is by nearest rank; 0 without an answer.
func (c *callers) percentile(percent int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answered) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(c.answered))
	return sorted[(len(sorted)*percent+99)/100-1]
}
