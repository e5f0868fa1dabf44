package faults_test

import "github.com/redisconn/redisconn/internal/faults"

// page has a row per fault, in this order.
var (
	page faults.Page

	rowLostIncr = page.Row("one INCR whose reply is lost",
		"executed once; the error says applied: maybe")
	rowLostSet = page.Row("SET and GET whose replies are lost",
		"succeed; repeated, which changes nothing")
	rowLostPipeline = page.Row("pipeline SET, INCR, GET; the reply to INCR is lost",
		"INCR executed once and told maybe; what stands behind it is sent again")
	rowLostMany = page.Row("40 lost replies under 50 writers",
		"0 executed twice; each of the 40 calls fails once, with maybe")
	rowUnsent = page.Row("20 INCR whose connection is refused, or lost in its handshake",
		"sent again: 0 failures, 0 twice")
	rowDeadIdle = page.Row("twice: 20 idle connections cut, then 20 INCR",
		"0 failures, 0 twice")
	rowDeadIdleTLS = page.Row("the same under TLS",
		"0 failures, 0 twice")

	rowDrainLoad = page.Row("shutdown under 200 INCR callers, replies 20 ms late",
		"0 executed but reported as failed; the receipt says so; new calls are refused")
	rowDrainLoadFast = page.Row("the same, replies at once",
		"the same")
	rowDrainStopped = page.Row("shutdown within 500 ms, 50 INCR in flight, server stopped (SIGSTOP)",
		"back at the deadline + 100 ms; callers told maybe")
	rowDrainBlocked = page.Row("shutdown within 500 ms, BLPOP 0 pending",
		"back at the deadline + 100 ms; the caller told maybe")
	rowLeaks = page.Row("after shutdown: goroutines, connections at the server",
		"0 and 0; also twice, ten at once, or amid Connect")

	rowStopped = page.Row("server stopped (SIGSTOP) for 5 s, 50 callers with 250 ms deadlines",
		"every call back within 350 ms")
	rowStoppedFree = page.Row("server stopped for 5 s, 50 callers without a deadline",
		"every call back within Timeouts.Operation (3 s) + 100 ms")
	rowDetection = page.Row("server stopped (SIGSTOP) under calls with 100 ms deadlines: the time until somebody is told",
		"health warns within 1 s; the state is down after 3 probes of 500 ms, within 2.5 s")
	rowGrowth = page.Row("server stopped for 5 s, 500 calls a second with 100 ms deadlines: what the process holds more",
		"no more after 5 s than after 1 s; calls at once: at most those of one deadline, times 1.2")
	rowOverload = page.Row("overload: 2,000 callers, 200 allowed in flight (Pool.MaxInFlight), replies 500 ms late",
		"those above the bound are refused within 5 ms, class overloaded; memory follows the bound")
	rowSilence = page.Row("a link silent for 6 s, nothing refused or broken; 50 callers of GET and SET, 50 of HINCRBY, 250 ms deadlines",
		"every call back within 350 ms; works again within 500 ms; 0 twice")
	rowBudgets = page.Row("stopped, silent, unreachable or pool taken; GET, INCR, pipeline, transaction, WATCH; deadline 250 ms, none, cancel-only: the worst call, above its budget",
		"at most 100 ms")
	rowStarved = page.Row("60 BLPOP wait for 1 s, pool of 20: SET",
		"answered at once: what waits has connections of its own")
	rowHeld = page.Row("5 WATCH sections hold a pool of 5: GET without a deadline",
		"back within Timeouts.Operation + 100 ms; the error names who holds the pool")

	rowRestartReads = page.Row("kill -9, 1 s down, restart, 50 callers of GET and SET",
		"0 failed")
	rowRestartIncr = page.Row("the same, 50 callers of HINCRBY",
		"only calls in flight fail, each with maybe; 0 twice, 0 lost")
	rowRecovery = page.Row("first success after the server answers again",
		"within 250 ms")
	rowLoadingLoad = page.Row("LOADING for 1 s under 50 callers of GET and HINCRBY",
		"0 failed, 0 twice")
	rowStorm = page.Row("200 callers, 3 s of refused connections: dials, of which in the busiest second after the first 100 ms",
		"at most 20 a second")
	rowFailFast = page.Row("command when nothing listens, WhenDown=fail-fast",
		"under 5 ms once known down, without a dial")

	rowAbsent = page.Row("server absent for 4 s at start",
		"Connect succeeds within 250 ms of its appearance")
	rowAbsentBriefly = page.Row("server absent for 0.5 s at start",
		"Connect succeeds within 250 ms of its appearance")
	rowAbsentShort = page.Row("server absent, context of 1 s",
		"fails within 1.1 s; names address, cause and attempts")
	rowWrongPassword = page.Row("start: wrong password",
		"under 1 s, class auth, one attempt")
	rowNoPassword = page.Row("start: no password where one is needed",
		"under 1 s, class auth, one attempt")
	rowNoDatabase = page.Row("start: database that does not exist",
		"under 1 s, class database, one attempt")
	rowWrongCA = page.Row("start: certificate of another authority",
		"under 1 s, class tls, one attempt")
	rowExpired = page.Row("start: expired certificate",
		"under 1 s, class tls, one attempt")
	rowWrongName = page.Row("start: certificate for another host",
		"under 1 s, class tls, one attempt")
	rowNoClientCert = page.Row("start: no client certificate where one is needed",
		"under 1 s, class tls, one attempt")
	rowTLSToPlain = page.Row("start: TLS to a plaintext port",
		"under 2 s, class tls-mismatch, one attempt")
	rowPlainToTLS = page.Row("start: plaintext to a TLS port",
		"under 2 s, class tls-mismatch, one attempt")
	rowHTTP = page.Row("start: a web server at the port",
		"under 1 s, class protocol, one attempt")
	rowRefused = page.Row("start: nothing listens (context of 1 s)",
		"within the context + 100 ms, class refused")
	rowUnresolvable = page.Row("start: a name that does not resolve (context of 1 s)",
		"within the context + 100 ms, class dns")
	rowSilent = page.Row("start: accepts and never answers (context of 1 s)",
		"within the context + 100 ms, class timeout")
	rowBlackHole = page.Row("start: black hole (context of 1 s; go-redis without one)",
		"within the context + 100 ms, class unreachable")

	rowSentinelKill = page.Row("Sentinel: master killed (down-after 1 s), 50 callers of SET with time enough",
		"0 failed; writes resume at most 300 ms after the sentinels announce the switch")
	rowSentinelKillIncr = page.Row("the same, 50 callers of HINCRBY",
		"only calls in flight fail, each with maybe; 0 twice")
	rowSentinelStop = page.Row("Sentinel: master stopped (SIGSTOP), back after the switch as a master of its own belief",
		"as when it is killed; 0 writes go to it when it is back")
	rowSentinelPlanned = page.Row("Sentinel: planned failover (SENTINEL FAILOVER) under writes",
		"with the write gate 0 lost, 0 failed, pause under 2 s; without it the loss is what is measured here")
	rowSentinelReadOnly = page.Row("Sentinel: transactions on a demoted master, its switch announced to nobody",
		"0 failed: moved after the first READONLY")
	rowsSentinelGap = map[string]*faults.Row{
		"planned": page.Row("Sentinel: subscription across a planned failover, 50 messages a second",
			"under 2 s without a message, told by an event"),
		"stopped": page.Row("Sentinel: subscription across a failover, master stopped (SIGSTOP)",
			"under 8 s without a message, told by an event"),
		"killed": page.Row("Sentinel: subscription across a failover, master killed",
			"under 8 s without a message, told by an event"),
	}
	rowSentinelLost = page.Row("Sentinel: one of three hangs, one is killed",
		"traffic unaffected; a new client works within 1 s")
	rowSentinelRefused = page.Row("Sentinel: start with all sentinels refused (budget of 1 s)",
		"within the budget + 100 ms; says what each answered")
	rowSentinelLeaks = page.Row("Sentinel, after shutdown: goroutines, connections at nodes and sentinels",
		"0 and 0")

	rowMaxClients = page.Row("refused: maxclients reached", "class max-clients, sent again while the budget lasts")
	rowLoading    = page.Row("refused: LOADING", "class loading, sent again while the budget lasts")
	rowReadOnly   = page.Row("refused: READONLY", "class readonly, sent again while the budget lasts")
	rowNoReplicas = page.Row("refused: NOREPLICAS", "class no-replicas, sent again while the budget lasts")
	rowMasterDown = page.Row("refused: MASTERDOWN", "class master-down, sent again while the budget lasts")
	rowOOM        = page.Row("refused: OOM", "class oom, at once, not sent again")
	rowBusy       = page.Row("refused: BUSY", "class busy, at once, not sent again")

	rowsPassword = onEveryTopology("password rotated: added, put into its file, old one removed, every connection killed; 20 callers of GET and SET",
		"0 failed, 0 abandoned")
	rowsCertificates = onEveryTopology("authority and certificates rotated on disk, every connection killed; 20 callers of GET and SET",
		"0 failed, 0 abandoned")
	rowsForceReconnect = onEveryTopology("ForceReconnect under 50 callers of HINCRBY",
		"0 failed, 0 abandoned, 0 twice; no connection is left of those there were")
	rowRevoked = page.Row("user revoked, connections killed, static password; 20 callers for 3 s: attempts to authenticate",
		"at most one a second once it is known; callers told auth, at once")
	rowSilentLink = page.Row("BLPOP without a timeout, server stopped (SIGSTOP)",
		"the caller is told within Timeouts.Silence (here 2 s) + 1.5 s, and that it is maybe applied")

	rowCrossed = page.Row("20,000 GET in 12,000 calls, in turns alone, in a pipeline and in a transaction, a quarter over RESP 2, each call with a deadline or a cancellation within 10 ms; replies late and in slices",
		"0 crossed replies")
	rowTorn = page.Row("4,000 GET, replies byte by byte, every fiftieth torn in the middle by FIN or RST",
		"0 crossed replies; value or typed error")
	rowCancelled = page.Row("100 SET cancelled before they are sent", "0 executed")
	rowHostile   = page.Row("7 hostile replies, each in a process limited to 4 GB",
		"the process lives, in 128 MB; class protocol within 1 s")

	rowClusterDead = page.Row("cluster of 3 masters, one killed, no replica: health; commands of the other shards",
		"health warns or fails and names the shard; 0 failed in other shards")
	rowClusterKilled = page.Row("cluster 3+3, node timeout 1 s, a master killed: its slots, other slots' worst gap, failed SET",
		"served within 500 ms of the promotion; 250 ms; 0 failed within the budget, 0 INCR twice")
	rowClusterHung = page.Row("the same, the master stopped (SIGSTOP)",
		"served within 1 s of the promotion; 500 ms; 0 failed within the budget, 0 INCR twice")
	rowClusterMoves = page.Row("cluster 3+3: CLUSTER FAILOVER, then a slot migrated with its keys, under writers",
		"0 failed, 0 twice, 0 lost")
	rowClusterLost = page.Row("cluster: 40 lost replies under 30 writers, alone and in pipelines",
		"0 executed twice; each of the calls fails once, with maybe")
	rowClusterRogue = page.Row("MOVED to a server outside the network of the cluster",
		"0 connections; class address-refused, and an event names it")
	rowClusterLeaks = page.Row("after shutdown of a cluster client: goroutines, connections at all nodes",
		"0 and 0")

	rowSecrets = page.Row("the password in errors, logs, events, %+v, JSON", "nowhere")
)
