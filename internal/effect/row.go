package effect

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// Row is what the table knows of one command or subcommand.
type Row struct {
	// Effect is that of the plain form, without options.
	Effect Effect
	// Stateful: the command changes its connection.
	Stateful bool
	// Keys says where its keys are.
	Keys Keys
	// Why gives the reason for Effect where it is not obvious.
	Why string

	container bool
	decide    func(arguments) Effect
	blocks    func(arguments) (time.Duration, bool)
}

// Varies reports whether the arguments decide over the effect.
func (r Row) Varies() bool { return r.decide != nil }

// Blocking reports whether the command may wait at the server, depending on its arguments.
func (r Row) Blocking() bool { return r.blocks != nil }

// Lookup returns the row of a command, in any case, or of a subcommand written "client|setname".
func Lookup(name string) (Row, bool) {
	row, ok := table[strings.ToLower(name)]
	return row, ok
}

// Rows returns the whole table in the order of names.
func Rows() iter.Seq2[string, Row] {
	return func(yield func(string, Row) bool) {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			if !yield(name, table[name]) {
				return
			}
		}
	}
}

// commands is one group of the table: rows by lower-case name.
type commands map[string]Row

var table = merged(
	connectionCommands, serverCommands, clusterCommands, scriptingCommands, transactionCommands, pubsubCommands,
	genericCommands, stringCommands, bitmapCommands, hashCommands, listCommands, setCommands, sortedSetCommands,
	geoCommands, streamCommands, hyperLogLogCommands, arrayCommands, vectorSetCommands,
	jsonCommands, timeSeriesCommands, probabilisticCommands, searchCommands,
)

func merged(groups ...commands) commands {
	all := commands{}
	for _, group := range groups {
		maps.Copy(all, group)
	}
	return all
}

// nameBytes bounds the length of a name in the table.
const nameBytes = 48

// find returns the row of a command: of its subcommand when it has them.
func find(args []any) (Row, bool) {
	var name [nameBytes]byte
	command, ok := appendName(name[:0], args, 0)
	if !ok {
		return Row{}, false
	}
	row, ok := table[string(command)]
	if !ok || !row.container || len(args) == 1 {
		return row, ok
	}
	subcommand, ok := appendName(append(command, '|'), args, 1)
	if !ok {
		return Row{}, false
	}
	row, ok = table[string(subcommand)]
	return row, ok
}

// The rows of the tables are written as sentences that start with one of these.

func read(keys Keys) Row         { return Row{Effect: Read, Keys: keys} }
func idempotent(keys Keys) Row   { return Row{Effect: Idempotent, Keys: keys} }
func conditional(keys Keys) Row  { return Row{Effect: Conditional, Keys: keys} }
func accumulating(keys Keys) Row { return Row{Effect: Accumulating, Keys: keys} }
func unknown(keys Keys) Row      { return Row{Effect: Unknown, Keys: keys} }

// container is a command that is nothing without its subcommand.
func container() Row { return Row{container: true} }

func (r Row) because(why string) Row {
	r.Why = why
	return r
}

func (r Row) stateful() Row {
	r.Stateful = true
	return r
}

func (r Row) blocking(timeout func(arguments) (time.Duration, bool)) Row {
	r.blocks = timeout
	return r
}

func (r Row) decidedBy(decide func(arguments) Effect) Row {
	r.decide = decide
	return r
}

// with adds options, which can only make the plain effect worse.
func (r Row) with(o options) Row {
	plain := r.Effect
	return r.decidedBy(func(args arguments) Effect { return max(plain, o.effect(args, o.from)) })
}
