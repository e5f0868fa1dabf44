package main

import "strings"

// heights are the blocks of a sparkline, from the least to the most.
var heights = []rune("▁▂▃▄▅▆▇█")

// What has no value in a sparkline.
const (
	refused = -1 // drawn as a cross
	unknown = -2 // drawn as a space
)

// sparkline draws the last values that fit, the newest at the right edge, each
// relative to the largest of them. It returns the largest as well.
func sparkline(values []float64, width int) (spans line, most float64) {
	values = values[max(len(values)-max(width, 0), 0):]
	for _, v := range values {
		most = max(most, v)
	}
	spans = line{{text: strings.Repeat(" ", max(width-len(values), 0))}}
	for _, v := range values {
		s := span{green, "▁"}
		switch {
		case v == refused:
			s = span{red, string(failed)}
		case v == unknown:
			s = span{text: " "}
		case most > 0:
			s.text = string(heights[min(int(v/most*float64(len(heights))), len(heights)-1)])
		}
		if last := &spans[len(spans)-1]; last.style == s.style {
			last.text += s.text
		} else {
			spans = append(spans, s)
		}
	}
	return spans, most
}
