package redisconn_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn"
)

// deadlineCounter is a connection that counts how often its deadlines are set.
type deadlineCounter struct {
	net.Conn
	times int
}

func (c *deadlineCounter) SetDeadline(t time.Time) error {
	c.times++
	return c.Conn.SetDeadline(t)
}

func (c *deadlineCounter) SetReadDeadline(t time.Time) error {
	c.times++
	return c.Conn.SetReadDeadline(t)
}

func (c *deadlineCounter) SetWriteDeadline(t time.Time) error {
	c.times++
	return c.Conn.SetWriteDeadline(t)
}

// linkedPipe is a link to a peer in the same process.
func linkedPipe(t *testing.T) (link net.Conn, counter *deadlineCounter, peer net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	counter = &deadlineCounter{Conn: near}
	link = redisconn.NewLink(counter)
	t.Cleanup(func() {
		if err := errors.Join(link.Close(), far.Close()); err != nil {
			t.Error(err)
		}
	})
	return link, counter, far
}

// setAll sets the deadlines as the driver does for a call.
func setAll(t *testing.T, conn net.Conn, deadline time.Time) {
	t.Helper()
	if err := errors.Join(conn.SetDeadline(time.Time{}), conn.SetWriteDeadline(deadline), conn.SetReadDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
}

// readsReply reads a reply that the peer sends after a moment.
func readsReply(conn, peer net.Conn) error {
	go func() {
		time.Sleep(20 * time.Millisecond)
		_, _ = peer.Write([]byte("+OK\r\n")) // fails where nobody reads any more, and the test has failed
	}()
	_, err := conn.Read(make([]byte, 16))
	return err
}

func TestCallsThatFollowEachOtherShareTheDeadlinesOfTheirSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, counter, _ := linkedPipe(t)
		for range 100 { // within a millisecond
			setAll(t, conn, time.Now().Add(3*time.Second))
			time.Sleep(5 * time.Microsecond)
		}
		if counter.times > 5 {
			t.Errorf("the deadlines were set %d times in 100 calls", counter.times)
		}
	})
}

func TestADeadlineOfASocketIsNoSoonerThanAskedForAndNoMoreThanAMillisecondLater(t *testing.T) {
	for _, wait := range []time.Duration{time.Microsecond, time.Millisecond, 2*time.Millisecond - 1, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			conn, _, _ := linkedPipe(t)
			began := time.Now()
			setAll(t, conn, began.Add(time.Hour))
			setAll(t, conn, began.Add(wait))
			_, err := conn.Read(make([]byte, 1))
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took < wait || took > wait+time.Millisecond {
				t.Errorf("%s: %v after %s", wait, err, took)
			}
		})
	}
}

// A connection that was idle for longer than the deadline of its last call must
// not be taken for a dead one, nor may its next call inherit the deadline.
func TestADeadlineThatPassedWhileIdleIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _, peer := linkedPipe(t)
		setAll(t, conn, time.Now().Add(50*time.Millisecond))
		time.Sleep(time.Second)
		if err := conn.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := readsReply(conn, peer); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
		setAll(t, conn, time.Now().Add(50*time.Millisecond))
		if err := readsReply(conn, peer); err != nil {
			t.Errorf("with the next call's deadline: %v", err)
		}
	})
}

func TestADeadlineThatIsTakenAwayFromReadsAloneIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _, peer := linkedPipe(t)
		deadline := time.Now().Add(10 * time.Millisecond)
		setAll(t, conn, deadline)
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := readsReply(conn, peer); err != nil {
			t.Error(err)
		}
		if err := conn.SetReadDeadline(deadline); err != nil { // the same again, now in the past
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
