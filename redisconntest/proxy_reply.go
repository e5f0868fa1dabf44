package redisconntest

import (
	"bufio"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"
)

// replies reads from the server until it ends.
func (l *link) replies(upstream net.Conn) {
	r := bufio.NewReaderSize(upstream, 64<<10)
	var err error
	for err == nil && !l.isRaw() {
		var raw []byte
		raw, err = readReply(r)
		if errors.Is(err, errNotRESP) {
			l.passRaw()
			l.pass(raw)
			break
		}
		if err == nil {
			l.reply(raw)
		}
	}
	if l.isRaw() {
		l.pump(r, l.pass)
	}
	// What the server's kernel did to us, the client shall see.
	ending := Finish
	if errors.Is(err, syscall.ECONNRESET) {
		ending = Reset
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = nil
	l.end(ending)
}

func (l *link) isRaw() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.raw
}

// pass sends bytes of the server on that are not understood.
func (l *link) pass(chunk []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emit(slices.Clone(chunk))
	return true
}

// reply finds the request that a reply belongs to and sends it on.
func (l *link) reply(raw []byte) {
	swallowed := l.p.swallows(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	// A link that lost one reply must never deliver a later one in its place.
	l.mute = l.mute || swallowed

	var first *exchange
	if len(l.pending) > 0 {
		first = l.pending[0]
	}
	kind, name := l.notice(raw, first)
	confirms := first != nil && first.subscribes() && strings.EqualFold(kind, first.args[0])
	if kind != "" && !confirms || first == nil {
		l.p.count(func(s *ProxyStats) { s.Messages++ })
		l.emit(raw)
		return
	}
	l.p.count(func(s *ProxyStats) { s.Replies++ })

	begins := true // what came is the first, usually only, part of the reply
	if confirms {
		l.pushes = raw[0] == '>'
		if begins = first.confirms == 0; begins {
			first.confirms = l.subs.confirmations(first.args)
		}
		first.confirms--
		l.subs.confirm(kind, name)
	}
	if first.confirms == 0 {
		l.pending = l.pending[1:]
	}
	if first.instead != nil {
		raw = first.instead
	}
	// A client that has left on its own loses no reply to a fault.
	if begins && !l.mute && !l.isCut() {
		if fault := l.p.strike(first.args, dropReply); fault != nil {
			fault.struck()
			l.end(l.p.currentEnding())
		}
	}
	l.emit(raw)
	l.advance()
}

// notice returns the kind and the first name of a message that is no reply to a request, or that confirms a
// subscription: a push message, in RESP2 an array on a link that has subscriptions. Callers hold l.mu.
func (l *link) notice(raw []byte, first *exchange) (kind, name string) {
	push := raw[0] == '>'
	if !push && (raw[0] != '*' || l.pushes || !l.subs.active() && (first == nil || !first.subscribes())) {
		return "", ""
	}
	parts := append(leadingStrings(raw, 2), "", "")
	kind, name = parts[0], parts[1]
	switch {
	case push && kind == "":
		return "push", ""
	case push, subscriptionScope[kind] != "", publications[kind]:
		return kind, name
	}
	return "", ""
}

// deliver writes to the client what is due.
func (l *link) deliver() {
	for {
		parcel, ok := l.out.next(l.gone)
		switch {
		case !ok:
			return
		case l.p.swallows(l):
		case parcel.ends:
			// A reset throws away what the kernel has not sent yet, which can be replies that are to arrive before it.
			poll(flushLimit, pollInterval, func() bool { return l.isCut() || unsent(l.tcp) == 0 })
			l.cut(parcel.ending)
			return
		case !l.write(parcel.raw):
			l.cut(Finish) // the client has left; requests() sees that too
			return
		}
	}
}

const (
	// piecePause is what it takes for the client's kernel to hand one piece over before the next one comes. Linux
	// makes a millisecond of it.
	piecePause = 50 * time.Microsecond

	// pausedPieces bounds the time that pauses can take.
	pausedPieces = 200

	// flushLimit bounds the wait for a client that does not read before it is cut.
	flushLimit = 250 * time.Millisecond
)

// write writes to the client, in pieces if the proxy slices.
func (l *link) write(raw []byte) bool {
	size := l.p.pieceSize(len(raw))
	pieces := 0
	for piece := range slices.Chunk(raw, size) {
		if pieces > 0 && pieces < pausedPieces {
			time.Sleep(piecePause)
		}
		if _, err := l.client.Write(piece); err != nil {
			return false
		}
		pieces++
	}
	return true
}
