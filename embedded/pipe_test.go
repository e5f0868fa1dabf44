package embedded_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redisconn/redisconn/embedded"
)

func TestAWriterNeverWaitsForAReader(t *testing.T) {
	client, server := embedded.NewPipe()
	sent := strings.Repeat("0123456789", 1<<20)
	if n, err := io.WriteString(client, sent); n != len(sent) || err != nil {
		t.Fatalf("write = %d, %v", n, err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	received, err := io.ReadAll(server) // what was written before the close arrives
	if string(received) != sent || err != nil {
		t.Errorf("read %d bytes, %v; want %d", len(received), err, len(sent))
	}
}

func TestAReadGivesUpAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := embedded.NewPipe()
		began := time.Now()
		if err := client.SetDeadline(began.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		_, err := client.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("read = %v after %s, want the deadline after 1m", err, time.Since(began))
		}

		// A deadline that is moved counts from then on, for a read that waits already too.
		if err := client.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() {
			_, err := client.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		if err := client.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read = %v, want the deadline", err)
		}

		// Writes never wait, so a deadline cannot end one.
		if err := client.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		for _, end := range []net.Conn{client, server} {
			if end.LocalAddr().String() != "embedded" || end.RemoteAddr().Network() != "pipe" {
				t.Errorf("addresses are %v and %v", end.LocalAddr(), end.RemoteAddr().Network())
			}
		}
	})
}

func TestBothEndsLearnOfAClose(t *testing.T) {
	client, server := embedded.NewPipe()
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1)
	if _, err := client.Read(buffer); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read on the closed end = %v", err)
	}
	if _, err := client.Write(buffer); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write on the closed end = %v", err)
	}
	if _, err := server.Read(buffer); err != io.EOF {
		t.Errorf("read on the other end = %v", err)
	}
	if _, err := server.Write(buffer); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write on the other end = %v", err)
	}
}
