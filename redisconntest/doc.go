// Package redisconntest is a kit for testing what stands between a program and Redis: real servers, an embedded
// one, and a proxy that breaks connections on purpose and at the right moment.
//
//	func TestCounterSurvivesALostReply(t *testing.T) {
//		redisconntest.NoLeaks(t)
//		server := redisconntest.NewServer(t)
//		proxy := redisconntest.NewProxy(t, server.Addr())
//
//		client := redis.NewClient(&redis.Options{Addr: proxy.Addr()})
//		defer client.Close()
//
//		lost := proxy.DropReply(redisconntest.Command("incr"), 1)
//		err := client.Incr(t.Context(), "visits").Err()
//
//		<-lost.Done()
//		visits, _ := server.Client().Get(t.Context(), "visits").Int()
//		t.Logf("the caller was told %v, the server counts %d", err, visits) // <nil>, 2
//	}
//
// This test shows a fault that most drivers have: the server executed INCR, its reply was lost, the driver sent
// INCR once more and reported success. The runnable example of the package does the same with nothing installed.
//
// # Servers
//
// [NewServer] starts a redis-server process on a free loopback port, or a unix socket, with a data directory of its
// own, and returns when it answers, usually after some 20 ms. Options give it a password, ACL users, TLS with
// certificates made on the spot ([NewCA]), an append-only file, a master, any directive. The test can [Server.Kill]
// it, [Server.Restart] it on the same port with the same data, freeze it ([Server.Pause], [Server.Resume]) and look
// behind the tested code's back ([Server.Client], [Server.ConnectedClients], [Server.CommandCalls]).
//
// Nothing outlives the test. Cleanups kill servers by process id, also when the test panics; on Linux the kernel does
// it even if the test binary is killed.
//
// Where redis-server is not installed, tests are skipped and say so; with REDISCONN_REQUIRE_REDIS=1 in the
// environment they fail. REDISCONN_REDIS_SERVER names another program. [NewEmbedded] needs nothing installed.
//
// # Sentinel and Cluster
//
// [NewSentinel] starts a master, replicas and the sentinels that watch it, [NewCluster] the nodes of a cluster, all as
// processes of their own; every one is a [Server] and can be treated as such. Both return when the topology is complete
// and could fail over at once: after a quarter of a second the first, after two seconds the second, which is how long a
// node of a cluster refuses to serve after its start. A node is found down after one second instead of Redis's own 30
// and 15.
//
//	sentinel := redisconntest.NewSentinel(t,
//		redisconntest.WithData(redisconntest.WithPassword("pw"), redisconntest.WithTLS(ca)),
//		redisconntest.WithSentinels(3, redisconntest.WithPassword("of the sentinels"), redisconntest.WithTLS(ca)))
//	master := sentinel.AwaitSwitch(sentinel.KillMaster())
//
//	cluster := redisconntest.NewCluster(t, 3, 1) // three masters with a replica each
//	cluster.KillMaster(0)
//	cluster.AwaitCovered()
//
// What can be done to them:
//
//   - [Sentinel.Failover], [Cluster.Failover]: planned, while everybody is well
//   - [Sentinel.KillMaster], [Cluster.KillMaster]: a crash; [Server.Start] brings it back
//   - [Sentinel.PauseMaster], [Cluster.PauseMaster]: silence; [Server.Resume] ends it
//   - [Sentinel.Sentinels]: sentinels that are killed or paused
//   - [Cluster.MigrateSlot]: a slot held on its way, so that clients meet ASK, TRYAGAIN and MOVED
//
// # Certificates and passwords that change
//
// [CA.Reissue] renews a certificate in its files, [CA.Rotate] and [CA.Retire] replace the authority itself,
// [Server.RotateCertificate] makes a running server use the result; [CertExpired] and its like make bad ones at any of
// these steps. [Server.AddPassword], [Server.RemovePassword] and [Server.Disconnect] are the steps in which a password
// is rotated. For the side of the client there are [ReplaceFile], which replaces a file as one, and [SecretVolume],
// which does it as Kubernetes does for a mounted Secret.
//
// # Faults
//
// A [Proxy] stands between client and server and reads the protocol, so its faults hit the command they are meant
// for, in pipelines, in transactions and beside push messages:
//
//   - [Proxy.DropReply]: executed, reply lost, connection cut
//   - [Proxy.CutAfterForward]: cut as soon as the request is on its way
//   - [Proxy.DropRequest]: cut before the server sees it
//   - [Proxy.Answer]: refused, as by a server that is loading or has become a replica
//   - [Proxy.Delay], [Proxy.Slice]: replies that are late or come in pieces
//   - [Proxy.Refuse], [Proxy.Blackhole]: a server that is gone, one that is silent
//   - [Proxy.CutAll], [Proxy.CutWith]: every connection, by RST or FIN
//
// The first four take a [Matcher], [Any] or [Command] or [CommandKey] or [Nth], and how often to strike, and return
// a [Fault] that counts and has a channel to wait on.
//
// Addresses without a server: [ReserveAddr] refuses and can be taken by a server later, [NewUnanswered] connects
// and never says a word, [NewUnreachable] does not even connect. For replies no server would give there is
// [NewScripted].
//
// # Proofs
//
// A [Ledger] gives each write a field of its own and afterwards tells, operation by operation, which were executed
// twice, lost, or executed although the caller was told of a failure. [NoLeaks] fails a test that leaves goroutines
// behind. [Eventually] waits for a condition with a limit.
//
// # Without a test
//
// Everything takes a testing.TB. [Run] makes one for programs and examples.
package redisconntest
