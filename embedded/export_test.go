package embedded

import "github.com/redisconn/redisconn"

// NewPipe is the connection that clients of an embedded server get.
var NewPipe = newPipe

// NewPrivate is the server behind an Option, before any client has it.
func NewPrivate() redisconn.EmbeddedServer { return &private{} }
