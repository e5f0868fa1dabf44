package doctor

import (
	"reflect"
	"strings"
)

// Seams for the black-box tests.
var (
	JudgeAddresses = judgeAddresses
	JudgeMachine   = judgeMachine
	JudgeMode      = judgeMode
	JudgeNodes     = judgeNodes
	JudgePings     = judgePings
	JudgeQuorum    = judgeQuorum
	JudgeReplicas  = judgeReplicas
)

// Printable makes a text of a peer printable.
func Printable(text string) string { return new(Patient).printable(text) }

// Reached is what came of dialling an address.
type Reached = reached

// MeetAddress makes one.
func MeetAddress(addr string, err error) Reached { return reached{addr: addr, err: err} }

// HasHole reports whether a release has one that is known.
func HasHole(server, version string) bool {
	for _, h := range holes {
		if h.open(server, version) {
			return true
		}
	}
	return false
}

// DocumentFields are the names of a report's fields as JSON has them.
func DocumentFields() []string {
	var names []string
	for _, part := range []reflect.Type{reflect.TypeFor[document](), reflect.TypeFor[resultDocument](), reflect.TypeFor[Remedy]()} {
		for _, field := range reflect.VisibleFields(part) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}
