package redisconn

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9/auth"
)

// Credentials is as whom a client connects.
type Credentials struct {
	Username string    // empty means Redis's user "default"
	Password Secret    // or a token
	Expires  time.Time // when they end, so that the client asks again before; zero for never
}

// CredentialsFunc returns the credentials to connect with now. It must honour
// ctx, and is never called twice at the same time.
type CredentialsFunc func(ctx context.Context) (Credentials, error)

// WithCredentials asks provide for the credentials instead of taking them from
// the configuration, which must name none: when the client connects, when Redis
// refuses those it has, when four fifths of their time are over, and at
// [Client.Reload]. New ones are tried before anything is replaced; see there.
func WithCredentials(provide CredentialsFunc) Option {
	return func(o *options) { o.credentials = provide }
}

// WithStreamingCredentials takes the credentials from one of the driver's
// streaming providers, such as those for tokens of a cloud's identity service.
// The client subscribes when it connects and cancels when it closes. Credentials
// that arrive in between replace every connection, busy or idle, without a
// failed command; see [Client.Reload].
func WithStreamingCredentials(provider auth.StreamingCredentialsProvider) Option {
	return func(o *options) { o.streaming = provider }
}

// providerError is a credentials provider that failed.
type providerError struct{ err error }

func (e *providerError) Error() string { return "the credentials provider: " + e.err.Error() }
func (e *providerError) Unwrap() error { return e.err }

// errNoCredentials: a streaming provider returned nothing and no error.
var errNoCredentials = errors.New("it returned no credentials")

// readCredentials returns the credentials as they are now, wherever they come from.
func (c *Client) readCredentials(ctx context.Context) (Credentials, []Warning, error) {
	conn := c.config.Connection
	switch {
	case c.opts.credentials != nil:
		now, err := c.opts.credentials(ctx)
		if err != nil {
			return Credentials{}, nil, &providerError{err}
		}
		return now, nil, nil
	case c.opts.streaming != nil:
		now, err := c.stream.read()
		if err != nil {
			return Credentials{}, nil, &providerError{err}
		}
		return now, nil, nil
	case conn.PasswordFile != "":
		password, warnings, err := readPasswordFile(conn.PasswordFile)
		return Credentials{Username: conn.Username, Password: password}, warnings, err
	}
	return Credentials{Username: conn.Username, Password: conn.Password}, nil, nil
}

// renewable reports whether what Redis refused with this class may be there anew.
func (c *Client) renewable(class Class) bool {
	switch class {
	case ClassAuth:
		return c.opts.credentials != nil || c.opts.streaming != nil || c.config.Connection.PasswordFile != ""
	case ClassTLS:
		return c.config.TLS.CAFile != "" || c.config.TLS.CertFile != ""
	}
	return false
}

// checkCredentials finds providers that contradict each other or the configuration.
func (o options) checkCredentials(conn ConnectionConfig) error {
	fault := func(field, reason, fix string) error {
		return &FieldError{Field: field, Source: "option", Reason: reason, Fix: fix}
	}
	provided := o.credentials != nil || o.streaming != nil
	switch {
	case o.credentials != nil && o.streaming != nil:
		return fault("connection.password", "two providers of credentials are given", "keep one of WithCredentials and WithStreamingCredentials")
	case provided && conn.PasswordFile != "":
		return fault("connection.password_file", "a provider of credentials and a file that holds a password are given", "keep one of the two")
	case provided && (conn.Password != "" || conn.Username != ""):
		return fault("connection.password", "a provider of credentials is given, and the configuration names some as well", "keep one of the two")
	}
	return nil
}

// stream is the subscription to a streaming provider, and its listener.
type stream struct {
	client *Client
	latest atomic.Pointer[Credentials]
	cancel auth.UnsubscribeFunc // nil before the first read; who reads is alone
}

// read returns the latest credentials, and subscribes first where nobody has.
func (s *stream) read() (Credentials, error) {
	if s.cancel == nil {
		first, cancel, err := s.client.opts.streaming.Subscribe(s)
		switch {
		case err != nil:
			return Credentials{}, err
		case first == nil:
			return Credentials{}, errors.Join(errNoCredentials, cancel())
		}
		s.cancel = cancel
		s.latest.CompareAndSwap(nil, basicCredentials(first)) // OnNext may have been called with later ones
	}
	return *s.latest.Load(), nil
}

func basicCredentials(from auth.Credentials) *Credentials {
	username, password := from.BasicAuth()
	return &Credentials{Username: username, Password: Secret(password)}
}

// OnNext is called by the provider with new credentials.
func (s *stream) OnNext(next auth.Credentials) {
	s.latest.Store(basicCredentials(next))
	s.client.renewals.ask()
}

// OnError is called by the provider when it could not get new credentials. The
// old ones stay in use for as long as Redis takes them.
func (s *stream) OnError(err error) { s.client.reloadFailed(&providerError{err}) }

// end cancels the subscription, when nobody reads any more.
func (s *stream) end() error {
	if s.cancel == nil {
		return nil
	}
	if err := s.cancel(); err != nil {
		return fmt.Errorf("redisconn: cancelling the subscription to the credentials provider: %w", err)
	}
	return nil
}
