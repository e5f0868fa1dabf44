package redisconntest

// Errors with which a server refuses a command without executing it, word for word, for [Proxy.Answer].
const (
	Loading     = "-LOADING Redis is loading the dataset in memory"
	ReadOnly    = "-READONLY You can't write against a read only replica."
	MasterDown  = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
	ClusterDown = "-CLUSTERDOWN The cluster is down"
	TryAgain    = "-TRYAGAIN Multiple keys request during rehashing of slot"
	Busy        = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
	NoReplicas  = "-NOREPLICAS Not enough good replicas to write."
	OutOfMemory = "-OOM command not allowed when used memory > 'maxmemory'."
	MaxClients  = "-ERR max number of clients reached"
	NoAuth      = "-NOAUTH Authentication required."
)
