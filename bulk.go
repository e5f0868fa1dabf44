package redisconn

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// bulkKeys is how many keys one command of a bulk operation names. It bounds
// how long the server is busy with one of them, and how much is lost with it.
const bulkKeys = 500

// keyGroups gathers keys into groups of up to size that one command names
// together. On a cluster that is sent in parts, one for each slot.
func keyGroups(keys iter.Seq[string], size int) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		group := make([]string, 0, size)
		for key := range keys {
			group = append(group, key)
			if len(group) == size {
				if !yield(group) {
					return
				}
				group = group[:0]
			}
		}
		if len(group) > 0 {
			yield(group)
		}
	}
}

// GetMany reads many keys, with MGET, 500 at a time. The map has the keys that
// exist and hold a string; of the others, and of keys of another type, it has
// nothing. Values larger than some 100 kB are better read with fewer keys at a
// time, or one by one.
//
// After an error the map holds what was read before it.
// See https://redis.io/docs/latest/commands/mget/.
func (c *Client) GetMany(ctx context.Context, keys []string) (map[string]string, error) {
	values := make(map[string]string, len(keys))
	for group := range keyGroups(slices.Values(keys), bulkKeys) {
		replies, err := c.MGet(ctx, group...).Result()
		if err != nil {
			return values, err
		}
		for i, reply := range replies {
			if value, ok := reply.(string); ok {
				values[group[i]] = value
			}
		}
	}
	return values, nil
}

// SetMany sets many keys, with SET in a pipeline: values as [Client.Set] takes
// them, each with the same time to live, 0 for none and redis.KeepTTL to keep
// that of the old value. maps.All makes a sequence of a map[string]any.
//
// SET may be repeated, so a lost reply costs nothing. A key that fails does not
// keep the others from being set: the result counts and names the failures by
// their index in the sequence; see [Client.RunPipeline]. When the server cannot
// be reached any more the sequence is not read to its end.
func (c *Client) SetMany(ctx context.Context, values iter.Seq2[string, any], ttl time.Duration, opts ...PipelineOption) (*PipelineResult, error) {
	return c.RunPipeline(ctx, func(p redis.Pipeliner) error {
		for key, value := range values {
			if errors.Is(p.Set(ctx, key, value, ttl).Err(), errEarlierChunk) {
				break
			}
		}
		return nil
	}, opts...)
}

// DeleteMany deletes many keys, with UNLINK, 500 at a time, and returns how many
// existed. The server frees their memory in the background.
//
// After an error the keys before are deleted and those behind are not, of the
// 500 in between any number. The count leaves out what a group deleted whose
// reply was lost: UNLINK is sent again then, and finds less.
// See https://redis.io/docs/latest/commands/unlink/.
func (c *Client) DeleteMany(ctx context.Context, keys iter.Seq[string]) (int64, error) {
	return c.deleteKeys(ctx, keys, bulkKeys)
}

func (c *Client) deleteKeys(ctx context.Context, keys iter.Seq[string], size int) (int64, error) {
	var deleted int64
	for group := range keyGroups(keys, size) {
		n, err := c.Unlink(ctx, group...).Result()
		if err != nil {
			return deleted, err
		}
		deleted += n
	}
	return deleted, nil
}

// ScanOptions are the options of ScanKeys.
type ScanOptions struct {
	// Count is how many entries the server looks at for each page. Default 1000.
	Count int
	// Type restricts the keys to those of one type, as TYPE names it: "string", "hash" … Needs Redis 6.
	Type string
	// Distinct yields no key twice, at the price of remembering every one.
	Distinct bool
}

// ScanKeys yields the keys that match a pattern, page by page with SCAN, without
// holding up the server. An empty pattern matches every key, as in SCAN.
//
// It promises what SCAN promises: a key that exists from the beginning to the
// end is yielded; one that comes or goes meanwhile may be or not; and one may be
// yielded more than once, when the server resizes its table meanwhile or a page
// had to be read again, unless Distinct is set. A server that restarts or
// fails over in between has another order, and keys may be missed without an
// error. An error is yielded last, with an empty key.
// See https://redis.io/docs/latest/commands/scan/.
func (c *Client) ScanKeys(ctx context.Context, match string, opts ScanOptions) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for page, err := range c.scanPages(ctx, match, opts) {
			if err != nil {
				yield("", err)
				return
			}
			for _, key := range page {
				if !yield(key, nil) {
					return
				}
			}
		}
	}
}

// defaultScanCount is large enough to hide the round trip; the server needs
// less than a millisecond for it.
const defaultScanCount = 1000

// scanPages yields the pages of a scan. On a cluster it goes over every master,
// each with a cursor of its own.
func (c *Client) scanPages(ctx context.Context, match string, opts ScanOptions) iter.Seq2[[]string, error] {
	count := int64(opts.Count)
	if count <= 0 {
		count = defaultScanCount
	}
	return func(yield func([]string, error) bool) {
		seen := map[string]struct{}{}
		known := func(key string) bool {
			_, known := seen[key]
			seen[key] = struct{}{}
			return known
		}
		for _, slot := range c.scanSlots() {
			for cursor, more := uint64(0), true; more; more = cursor != 0 {
				var page []string
				var err error
				page, cursor, err = c.scanPage(ctx, slot, cursor, match, count, opts.Type)
				if opts.Distinct {
					page = slices.DeleteFunc(page, known)
				}
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}

// scanSlots is a slot of each shard of a cluster: whoever serves it is the one to
// scan, also after a failover. A single server is scanned as it is.
func (c *Client) scanSlots() []int {
	if !c.onCluster() {
		return []int{noSlot}
	}
	var slots []int
	for _, layout := range c.generation.Load().cluster.table.Load().topology.shards {
		slots = append(slots, layout.slots[0].first)
	}
	return slots
}

func (c *Client) scanPage(ctx context.Context, slot int, cursor uint64, match string, count int64, keyType string) ([]string, uint64, error) {
	args := []any{"scan", cursor}
	if match != "" {
		args = append(args, "match", match)
	}
	args = append(args, "count", count)
	if keyType != "" {
		args = append(args, "type", keyType)
	}
	scan := redis.NewScanCmd(ctx, nil, args...)
	var cmd redis.Cmder = scan
	if slot != noSlot {
		cmd = pinned(scan, slot)
	}
	_ = c.Process(ctx, cmd) // the command carries its error
	return scan.Result()
}

// DeleteOptions are the options of DeleteMatching.
type DeleteOptions struct {
	// DryRun counts and deletes nothing.
	DryRun bool
	// Batch is how many entries the server looks at, and how many keys at most it
	// deletes, with one command. Default 500.
	Batch int
	// Progress is called after each page, on the goroutine of DeleteMatching.
	Progress func(DeleteReport)
}

// DeleteReport is what DeleteMatching has found and done.
type DeleteReport struct {
	Matched int64 // keys that SCAN named; one that it names twice counts twice
	Deleted int64 // keys that were there to be deleted; 0 in a dry run
}

var errNoPattern = errors.New(`redisconn: DeleteMatching with an empty pattern would delete every key: if that is meant, say "*"`)

// DeleteMatching deletes the keys that match a pattern, page by page with SCAN
// and UNLINK. An empty pattern is an error; "*" is every key of the database.
// Try it with DryRun first. A key that is created meanwhile may survive, as
// [Client.ScanKeys] explains, so this is no way to make a pattern stay empty.
//
// After an error the report tells what was done before it; it is safe to start
// again.
func (c *Client) DeleteMatching(ctx context.Context, match string, opts DeleteOptions) (DeleteReport, error) {
	var report DeleteReport
	if match == "" {
		return report, errNoPattern
	}
	if opts.Batch <= 0 {
		opts.Batch = bulkKeys
	}
	for page, err := range c.scanPages(ctx, match, ScanOptions{Count: opts.Batch}) {
		if err != nil {
			return report, err
		}
		report.Matched += int64(len(page))
		if !opts.DryRun {
			deleted, err := c.deleteKeys(ctx, slices.Values(page), opts.Batch)
			report.Deleted += deleted
			if err != nil {
				return report, err
			}
		}
		if opts.Progress != nil {
			opts.Progress(report)
		}
	}
	return report, nil
}
