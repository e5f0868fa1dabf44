package redisconn_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/redisconn/redisconn"
	"github.com/redisconn/redisconn/redisconntest"
)

// leftOut are the driver's options that driverOptions does not set, each with the reason.
var leftOut = map[string]string{
	"NodeAddress":                            "is for maintenance notifications, which are off",
	"OnConnect":                              "would run on the driver's own terms; hooks do what it is for",
	"CredentialsProvider":                    "credentials are data of the configuration",
	"CredentialsProviderContext":             "credentials are data of the configuration",
	"StreamingCredentialsProvider":           "credentials are data of the configuration",
	"DialerRetryTimeout":                     "pauses between dials of one attempt, and there is one",
	"DialerRetryBackoff":                     "pauses between dials of one attempt, and there is one",
	"ReadBufferSize":                         "the driver's 32 KiB is a good default; the lane sets its own",
	"WriteBufferSize":                        "the driver's 32 KiB is a good default; the lane sets its own",
	"PipelineReadBufferSize":                 "pipelines share the pool",
	"PipelineWriteBufferSize":                "pipelines share the pool",
	"AutoPipelineOptions":                    "the lane is our own: see lane.go",
	"PoolFIFO":                               "last in first out lets idle connections age and close",
	"MaxConcurrentDials":                     "follows PoolSize, which is right",
	"MaxActiveConns":                         "fails at once where PoolSize waits; PoolSize is the cap already",
	"TLSConfig":                              "a custom dialer would silently undo it: TLS is put on in dial.go",
	"Limiter":                                "the gate and the retry budget do what it is for, and hooks reach above them",
	"DisableIndentity":                       "is the old misspelling of DisableIdentity",
	"UnstableResp3":                          "does nothing any more",
	"PushNotificationProcessor":              "the driver's own is right",
	"FailingTimeoutSeconds":                  "is for clusters",
	"ClientSideCacheConfig":                  "the cache counts what it does, so it is of our own: see ClientSideCache",
	"ClientSideCache":                        "generation.go gives one to the client of the direct route, where it is enabled",
	"ClientSideCacheStrategy":                "the driver has one",
	"ClientSideCacheRefreshOnInvalidate":     "asks for what nobody may want",
	"ClientSideCacheCoalesceMisses":          "the lane does what it is for",
	"ClientSideCacheInvalidationBatchWindow": "would keep what has changed for longer",
}

// everyOption is a configuration that gives each driver option it reaches a value that is not zero.
func everyOption() redisconn.Config {
	cfg := redisconn.DefaultConfig()
	cfg.Connection = redisconn.ConnectionConfig{
		Addrs: []string{"cache:6379"}, Username: "app", Password: "secret", DB: 2, ClientName: "orders", Protocol: 3, Compat: true,
	}
	cfg.Pool.MinIdle = 1
	cfg.Pool.MaxLifetime, cfg.Pool.LifetimeJitter = time.Hour, time.Minute
	return cfg
}

// The driver's options grow with every minor release, and a new one comes with a
// default that may change what this layer promises (in 9.23 the pipeline pool:
// ten more connections per client). Each is set on purpose or left out on purpose.
func TestEveryDriverOptionIsSetOrLeftOutForAReason(t *testing.T) {
	options := reflect.ValueOf(*redisconn.DriverOptions(everyOption()))
	for i := range options.NumField() {
		field := options.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		_, left := leftOut[field.Name]
		switch set := !options.Field(i).IsZero(); {
		case !set && !left:
			t.Errorf("redis.Options.%s is not set: set it in driverOptions, or say in leftOut why not", field.Name)
		case set && left:
			t.Errorf("redis.Options.%s is set, and leftOut says that it is not", field.Name)
		}
	}
	for name := range leftOut {
		if _, ok := options.Type().FieldByName(name); !ok {
			t.Errorf("leftOut names %s, which redis.Options does not have", name)
		}
	}
}

// failoverOnly are the options of the driver's failover client that a plain one
// does not have, each with what stands in its place: sentinels are asked by
// ourselves, and data nodes are reached by the options of a plain client.
var failoverOnly = map[string]string{
	"MasterName":              "sentinel.master",
	"SentinelAddrs":           "connection.addrs",
	"SentinelUsername":        "sentinel.username",
	"SentinelPassword":        "sentinel.password and sentinel.password_file",
	"RouteByLatencyTolerance": "is for reads from replicas, which are not offered here",
	"RouteByLatency":          "is for reads from replicas, which are not offered here",
	"RouteRandomly":           "is for reads from replicas, which are not offered here",
	"ReplicaOnly":             "is for reads from replicas, which are not offered here",
	"UseDisconnectedReplicas": "is for reads from replicas, which are not offered here",
}

// A new option of the driver's failover client is one that somebody may expect here.
func TestEveryFailoverOptionHasItsPlace(t *testing.T) {
	plain := reflect.TypeFor[redis.Options]()
	failover := reflect.TypeFor[redis.FailoverOptions]()
	for i := range failover.NumField() {
		field := failover.Field(i)
		_, known := plain.FieldByName(field.Name)
		if _, ours := failoverOnly[field.Name]; field.IsExported() && known == ours {
			t.Errorf("redis.FailoverOptions.%s: an option of plain clients: %v, in failoverOnly: %v; it must be one of the two", field.Name, known, ours)
		}
	}
	for name := range failoverOnly {
		if _, ok := failover.FieldByName(name); !ok {
			t.Errorf("failoverOnly names %s, which redis.FailoverOptions does not have", name)
		}
	}
}

// ours are the fields of Config that this layer acts on itself, with the file that does.
var ours = map[string]string{
	"Mode":                    "connect.go chooses the dialer by it",
	"Connection.PasswordFile": "connect.go reads it",
	"Sentinel.Master":         "sentinel.go asks for it",
	"Sentinel.Username":       "sentinel.go asks as this user",
	"Sentinel.Password":       "sentinel.go asks with it",
	"Sentinel.PasswordFile":   "sentinel.go reads it",
	"Sentinel.TLS":            "sentinel.go chooses the link's encryption by it",
	"Sentinel.CAFile":         "sentinel.go loads it",
	"Sentinel.CertFile":       "sentinel.go loads it",
	"Sentinel.KeyFile":        "sentinel.go loads it",
	"Sentinel.CA":             "sentinel.go loads it",
	"Sentinel.Cert":           "sentinel.go loads it",
	"Sentinel.Key":            "sentinel.go loads it",
	"Sentinel.ServerName":     "sentinel.go expects it in certificates",
	"Sentinel.WriteGate":      "sentinelwatch.go holds writes by it",
	"Connection.AllowAddrs":   "allowlist.go judges by it",
	"Cluster.ReadFrom":        "driver_cluster.go says READONLY by it, cluster.go routes",
	"Cluster.RefreshInterval": "clustermonitor.go asks by it",
	"TLS.Enabled":             "dial.go puts TLS on the connection",
	"TLS.CAFile":              "dial.go puts TLS on the connection",
	"TLS.CertFile":            "dial.go puts TLS on the connection",
	"TLS.KeyFile":             "dial.go puts TLS on the connection",
	"TLS.CA":                  "dial.go puts TLS on the connection",
	"TLS.Cert":                "dial.go puts TLS on the connection",
	"TLS.Key":                 "dial.go puts TLS on the connection",
	"TLS.ExpiryWarning":       "judgement.go warns by it",
	"TLS.ServerName":          "dial.go puts TLS on the connection",
	"TLS.MinVersion":          "dial.go puts TLS on the connection",
	"TLS.InsecureSkipVerify":  "dial.go puts TLS on the connection",
	"Timeouts.Connect":        "connect.go bounds Connect by it",
	"Timeouts.Operation":      "budget.go gives it to calls without a deadline",
	"Timeouts.Shutdown":       "shutdown.go gives it to Close",
	"Timeouts.Silence":        "links.go cuts by it, dial.go tells the kernel",
	"Retry.Effect":            "retry.go decides by it",
	"Retry.MinBackoff":        "retry.go pauses by it",
	"Retry.MaxBackoff":        "retry.go pauses by it",
	"Retry.Budget":            "budget.go counts by it",
	"Pipelining":              "route.go chooses by it",
	"Pool.Blocking":           "blockingroute.go counts by it",
	"Pool.MaxInFlight":        "gate.go refuses by it",
	"WhenDown":                "gate.go waits or fails by it",
	"Health.Interval":         "monitor.go probes by it",
	"Health.Timeout":          "monitor.go probes by it",
	"Health.WarnLatency":      "judgement.go judges by it",
	"Health.FailAfter":        "monitor.go judges by it",
	"Health.RecoverAfter":     "monitor.go judges by it",
	"Reload.Interval":         "materialwatch.go looks by it",
	"Reload.Off":              "materialwatch.go looks by it",
	"Cache.Enabled":           "generation.go makes a cache by it",
	"Cache.MaxEntries":        "readcache.go bounds the cache by it",
	"Cache.MaxStaleness":      "readcache.go bounds the cache by it",
}

func TestEveryConfigFieldReachesTheDriverOrIsOurs(t *testing.T) {
	base := redisconn.DefaultConfig()
	before := redisconn.DriverOptions(base)
	seen := map[string]bool{}
	eachField(reflect.TypeFor[redisconn.Config](), "", nil, func(path string, index []int) {
		seen[path] = true
		changed := base.Clone()
		alter(t, path, reflect.ValueOf(&changed).Elem().FieldByIndex(index))
		after := redisconn.DriverOptions(changed)
		reaches := !sameOptions(before, after)
		if _, own := ours[path]; reaches == own {
			t.Errorf("Config.%s: reaches the driver: %v, listed as ours: %v; it must be one of the two", path, reaches, own)
		}
	})
	for path := range ours {
		if !seen[path] {
			t.Errorf("ours names %s, which Config does not have", path)
		}
	}
}

// eachField calls fn for each field of a struct that is no struct itself.
func eachField(of reflect.Type, prefix string, index []int, fn func(path string, index []int)) {
	for i := range of.NumField() {
		field := of.Field(i)
		path := strings.TrimPrefix(prefix+"."+field.Name, ".")
		at := append(slices.Clone(index), i)
		if field.Type.Kind() == reflect.Struct {
			eachField(field.Type, path, at, fn)
			continue
		}
		fn(path, at)
	}
}

// alter gives a field another value than it has.
func alter(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{"elsewhere:6380"}))
	default:
		t.Fatalf("Config.%s has kind %s, which this test cannot alter", path, v.Kind())
	}
}

func sameOptions(a, b *redis.Options) bool {
	plain := func(o *redis.Options) redis.Options {
		c := *o
		c.Dialer, c.MaintNotificationsConfig = nil, nil
		return c
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

// In the driver's options -1 means off and 0 means a default, and its own pass
// over them turns the first into the second. What is pinned here is what the
// driver works with in the end.
func TestTheDriverUnderstandsWhatIsOff(t *testing.T) {
	client, _ := openServer(t)
	got := client.Unwrap().(*redis.Client).Options()
	for _, row := range []struct {
		option    string
		got, want any
	}{
		{"MaxRetries", got.MaxRetries, 0},
		{"MinRetryBackoff", got.MinRetryBackoff, time.Duration(0)},
		{"MaxRetryBackoff", got.MaxRetryBackoff, time.Duration(0)},
		{"DialerRetries", got.DialerRetries, 1},
		{"PipelinePoolSize", got.PipelinePoolSize, -1},
		{"ConnMaxLifetime", got.ConnMaxLifetime, time.Duration(0)},
		{"ContextTimeoutEnabled", got.ContextTimeoutEnabled, true},
		{"ReadTimeout", got.ReadTimeout, time.Second},
		{"WriteTimeout", got.WriteTimeout, time.Second},
		{"PoolSize", got.PoolSize, 10},
		{"MaintNotificationsConfig.Mode", got.MaintNotificationsConfig.Mode, maintnotifications.ModeDisabled},
		{"TLSConfig", got.TLSConfig == nil, true},
	} {
		if row.got != row.want {
			t.Errorf("%s is %v, want %v", row.option, row.got, row.want)
		}
	}
}

// The driver rewrites the struct it is given, so options that were used once
// mean something else: MaxRetries -1 (off) has become 0 (three retries).
func TestDriverOptionsAreMadeAfreshForEachClient(t *testing.T) {
	cfg := redisconn.DefaultConfig()
	first := redisconn.DriverOptions(cfg)
	if err := redis.NewClient(first).Close(); err != nil {
		t.Fatal(err)
	}
	if second := redisconn.DriverOptions(cfg); second.MaxRetries != -1 {
		t.Errorf("MaxRetries of new options is %d, want -1", second.MaxRetries)
	}
}

func TestCompatAsksForNothingBeyondAMinimalServer(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := configFor(proxy.Addr())
	cfg.Connection.Compat = true
	client := openClient(t, cfg)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n := proxy.Stats().Commands["client"]; n != 0 {
		t.Errorf("%d CLIENT commands were sent, want none", n)
	}
	if got := client.LastHealth().Server.Protocol; got != 2 {
		t.Errorf("the protocol is RESP%d, want RESP2", got)
	}
}

func TestThePoolSizeIsWhatTheServerSees(t *testing.T) {
	server := redisconntest.NewServer(t)
	proxy := redisconntest.NewProxy(t, server.Addr())
	cfg := configFor(proxy.Addr())
	cfg.Pool.Size = 3
	cfg.Timeouts.Operation = 10 * time.Second // the test counts connections, and keeps a processor busy with that
	client := openClient(t, cfg)
	proxy.Delay(5 * time.Millisecond)
	const callers = 30
	done := make(chan error, callers)
	for range callers {
		go func() {
			_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				p.Incr(t.Context(), "n")
				p.Get(t.Context(), "n")
				return nil
			})
			done <- err
		}()
	}
	most := 0
	for finished := 0; finished < callers; {
		select {
		case err := <-done:
			finished++
			if err != nil {
				t.Error(err)
			}
		default:
			most = max(most, proxy.Links())
		}
	}
	if want := 3 + 1; most != want { // and the health connection
		t.Errorf("the server saw %d connections, want %d", most, want)
	}
}
