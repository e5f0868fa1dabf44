package redisconn

import "cmp"

// layer is one source while it is read. What it says about a field twice must agree.
type layer struct {
	b    *Builder
	id   int
	said map[string]statement
}

// statement is what a layer said about a field.
type statement struct{ text, source string }

func (b *Builder) newLayer() *layer {
	b.layers++
	return &layer{b: b, id: b.layers, said: map[string]statement{}}
}

// set reads a field from text.
func (l *layer) set(f field, text, source string) {
	var scratch Config
	if reason, fix := f.parse(&scratch, text); reason != "" {
		l.unreadable(&FieldError{Field: f.path, Source: source, Value: maskSuspect(text), Reason: reason, Fix: fix}, f.path)
		return
	}
	scratch.Mode = cmp.Or(scratch.Mode, l.b.cfg.Mode) // which port an address means
	full := scratch.withDefaults()                    // so that cache and cache:6379 agree
	now := statement{f.text(&full), source}
	if before, twice := l.said[f.path]; twice {
		if before.text != now.text {
			l.contradict(f, before, now)
		}
		return
	}
	l.said[f.path] = now
	f.value(&l.b.cfg).Set(f.value(&scratch))
	l.b.attribute([]string{f.path}, origin{source, l.id})
}

// unreadable reports a value that could not be read, and keeps the rules about
// the fields it concerns from adding what would only follow from that.
func (l *layer) unreadable(p *FieldError, paths ...string) {
	if l.b.unread == nil {
		l.b.unread = map[string]bool{}
	}
	for _, path := range paths {
		l.b.unread[path] = true
	}
	l.b.report(p)
}

// contradict reports two values that one source gives for a field. It repeats
// neither where a secret may be among them: a user in a URL may be a password
// without its colon.
func (l *layer) contradict(f field, a, b statement) {
	p := &FieldError{
		Field: f.path, Source: a.source + " and " + b.source,
		Reason: "the two give different values", Fix: "keep one of the two",
	}
	if !f.isSecret() && f.path != "connection.username" {
		p.Reason = "the two disagree: " + maskSuspect(a.text) + " and " + maskSuspect(b.text)
	}
	if f.path == "tls.enabled" {
		p.Fix = "for TLS write the scheme rediss or valkeys, and keep one of the two"
	}
	l.b.report(p)
}
