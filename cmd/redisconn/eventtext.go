package main

import (
	"fmt"
	"strings"

	"github.com/redisconn/redisconn"
)

// eventText is an event in a line. It reads what is set rather than the kind, so
// that a kind which is new says all it has to say.
func eventText(e redisconn.Event) line {
	lead := span{eventStyle(e), string(e.Kind)}
	if e.To != "" {
		lead.text = fmt.Sprintf("%s → %s", e.From, e.To)
	}
	var parts []string
	add := func(format string, value any, told bool) {
		if told {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("%s", e.Stage, e.Stage != "")
	add("%s", e.Node, e.Node != "")
	add("%s", e.Command, e.Command != "")
	add("[%s]", e.Class, e.Class != "")
	add("number %d", e.Attempt, e.Attempt > 0)
	add("%s", duration(e.Took), e.Took > 0)
	if e.Warning != nil {
		add("%s", e.Warning.Code, true)
		add("%s", e.Warning.Field, e.Warning.Field != "")
	}
	text := strings.Join(parts, " ")
	switch {
	case e.Detail != "" && text != "":
		text += ": " + e.Detail
	case e.Detail != "":
		text = e.Detail
	}
	return line{lead, {text: "  " + text}}
}

func eventStyle(e redisconn.Event) style {
	switch e.Kind {
	case redisconn.EventStateChange:
		return stateStyle(e.To)
	case redisconn.EventOutageBegan, redisconn.EventMaybeApplied, redisconn.EventAddressRefused:
		return red
	case redisconn.EventOutageEnded:
		return green
	case redisconn.EventStage, redisconn.EventDrained:
		return faint
	}
	return yellow
}

func stateStyle(s redisconn.State) style {
	switch s {
	case redisconn.StateReady:
		return green
	case redisconn.StateDown:
		return red
	case redisconn.StateDegraded, redisconn.StateConnecting:
		return yellow
	}
	return faint
}
