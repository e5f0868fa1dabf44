package redisconntest

import "time"

// Seams for the tests of the kit itself.
var (
	ReadRequest    = readRequest
	ReadReply      = readReply
	EncodeRequest  = encodeRequest
	LeadingStrings = leadingStrings
	ConfigLine     = configLine
	CommandCalls   = commandCalls
	ErrNotRESP     = errNotRESP
)

// WithPortTakenMeanwhile makes the server try this port first, as if it had been free when it was chosen.
func WithPortTakenMeanwhile(port int) ServerOption {
	return func(c *serverConfig) {
		first := true
		c.hold = func(wanted int) (*heldPort, error) {
			if first {
				first = false
				return &heldPort{port: port, release: func() {}}, nil
			}
			return holdPort(wanted)
		}
	}
}

// WithPatience changes how long a server may take to answer and a replica to synchronize.
func WithPatience(d time.Duration) ServerOption {
	return func(c *serverConfig) { c.patience = d }
}

// WithServerProgram starts another program.
func WithServerProgram(s *Server, path string) { s.program = path }

// OwnGoroutines returns the stacks of goroutines that run the kit's code.
func OwnGoroutines() []string {
	var own []string
	for _, stack := range goroutines() {
		if hasFrame(stack, "github.com/redisconn/redisconn/redisconntest.") {
			own = append(own, stack)
		}
	}
	return own
}

// WithSettleLimit changes how long a topology may take to settle after a change.
func WithSettleLimit(topology any, d time.Duration) {
	switch topology := topology.(type) {
	case *Sentinel:
		topology.limit = d
	case *Cluster:
		topology.limit = d
	}
}

// ParseClusterNodes returns id, flags and slots of each line of CLUSTER NODES.
func ParseClusterNodes(text string) (ids []string, flags [][]string, slots [][][2]int, err error) {
	nodes, err := parseClusterNodes(text)
	for _, node := range nodes {
		ids, flags, slots = append(ids, node.id), append(flags, node.flags), append(slots, node.slots)
	}
	return ids, flags, slots, err
}
