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
