package faults

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Page collects what a run measured and writes docs/faults.md. Its rows come in
// the order in which they were declared, whatever the order of the tests.
type Page struct {
	mu   sync.Mutex // guards rows and what they hold
	rows []*Row
}

// Row is a line of the page: a fault, what go-redis made of it, what redisconn
// did, and the promise that the test asserts.
type Row struct {
	page    *Page
	fault   string
	promise string
	plain   string
	here    string
}

// Row declares a line.
func (p *Page) Row(fault, promise string) *Row {
	p.mu.Lock()
	defer p.mu.Unlock()
	row := &Row{page: p, fault: fault, promise: promise}
	p.rows = append(p.rows, row)
	return row
}

// Plain enters what go-redis did.
func (r *Row) Plain(format string, args ...any) {
	r.page.mu.Lock()
	defer r.page.mu.Unlock()
	r.plain = fmt.Sprintf(format, args...)
}

// Here enters what redisconn did.
func (r *Row) Here(format string, args ...any) {
	r.page.mu.Lock()
	defer r.page.mu.Unlock()
	r.here = fmt.Sprintf(format, args...)
}

// Machine is where the figures come from.
type Machine struct {
	Cores   int
	Go      string // "go1.26.8 linux/amd64"
	Redis   string // version of the server
	GoRedis string // version of the driver
	Command string // what measures again
}

// Write writes the page. It refuses to write one with a figure missing: half a
// page would pass for a whole one.
func (p *Page) Write(w io.Writer, m Machine) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var missing []error
	for _, row := range p.rows {
		if row.plain == "" || row.here == "" {
			missing = append(missing, fmt.Errorf("not measured in this run: %s", row.fault))
		}
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	var b strings.Builder
	b.WriteString("# Faults, measured\n\n")
	b.WriteString("Written by `" + m.Command + "`; do not edit. Each row is one fault, from the\n")
	b.WriteString("kit [redisconntest](../redisconntest), on real `redis-server` processes. Plain\n")
	b.WriteString("go-redis with its defaults and redisconn with its own meet it in the same run,\n")
	b.WriteString("under the same load. The promise is asserted by the test that measured the row,\n")
	b.WriteString("so a page like this one exists only where every promise held.\n\n")
	fmt.Fprintf(&b, "%d cores, %s, Redis %s, go-redis %s. Times move with the machine; counts should not.\n\n",
		m.Cores, m.Go, m.Redis, m.GoRedis)
	b.WriteString("| case | plain go-redis | redisconn | promise |\n| --- | --- | --- | --- |\n")
	for _, row := range p.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(row.fault), cell(row.plain), cell(row.here), cell(row.promise))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell makes a text fit into a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>").Replace(text)
}
