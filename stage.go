package redisconn

import "time"

// Stage is a step of Connect. Each is proved before the next begins.
type Stage string

// The stages, in their order.
const (
	StageConfig    Stage = "configuration" // the configuration and the files it names
	StageDiscover  Stage = "sentinel"      // the sentinels and the master that they name; where there are sentinels
	StageResolve   Stage = "resolve"       // the host name
	StageDial      Stage = "dial"          // TCP or the unix socket
	StageTLS       Stage = "tls"           // the encrypted link and the server's certificate
	StageHandshake Stage = "handshake"     // protocol, user and password, database
	StageReady     Stage = "ready"         // not loading, the right role, the right kind of deployment
	StagePing      Stage = "ping"          // an answer
)

// Stages returns all stages in their order.
func Stages() []Stage {
	return []Stage{StageConfig, StageDiscover, StageResolve, StageDial, StageTLS, StageHandshake, StageReady, StagePing}
}

// stageError is a failure with the stage that it happened in.
type stageError struct {
	stage Stage
	err   error
}

func (e *stageError) Error() string { return string(e.stage) + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// stageReporter hears of every stage that holds; nil hears nothing.
type stageReporter func(stage Stage, took time.Duration, detail string)

func (r stageReporter) passed(stage Stage, began time.Time, detail string) {
	if r != nil {
		r(stage, time.Since(began), detail)
	}
}

// failed marks err with the stage it ended.
func (r stageReporter) failed(stage Stage, err error) error {
	return &stageError{stage: stage, err: err}
}
