package main

import (
	"bufio"
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// serverLoad is what all clients together ask of Redis; of a cluster, all its masters.
type serverLoad struct {
	operations int64 // per second
	clients    int64
	memory     int64 // bytes
	memoryMax  int64 // 0 without a limit
}

// askLoad asks the server with INFO. It returns nil where the server does not
// tell: not every user may ask, and not every server knows.
func askLoad(ctx context.Context, client redis.UniversalClient) *serverLoad {
	var mu sync.Mutex // guards sum: a cluster's masters are asked at once
	sum, told := serverLoad{}, false
	ask := func(ctx context.Context, node redis.Cmdable) error {
		text, err := node.Info(ctx).Result()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		told = sum.add(text) || told
		return nil
	}
	var err error
	if cluster, ok := client.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return ask(ctx, node) })
	} else {
		err = ask(ctx, client)
	}
	if err != nil || !told {
		return nil
	}
	return &sum
}

// add adds what one server says and reports whether it says anything.
func (l *serverLoad) add(info string) bool {
	told := false
	for lines := bufio.NewScanner(strings.NewReader(info)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "instantaneous_ops_per_sec":
			l.operations += n
			told = true
		case "connected_clients":
			l.clients += n
		case "used_memory":
			l.memory += n
		case "maxmemory":
			l.memoryMax += n
		}
	}
	return told
}
