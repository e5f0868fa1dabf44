package statuspage

import "math"

// scale maps values to shares of a plot's height.
type scale struct{ Ground, Top float64 }

// linear is for what begins at nothing.
func linear(most float64) scale { return scale{0, ceiling(most)} }

// logarithmic is for latencies: a thousandfold is drawn three times a tenfold, so
// that an outlier does not flatten all the rest.
func logarithmic(least, most float64) scale {
	if least <= 0 {
		return scale{0.1, 10}
	}
	s := scale{math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(most)))}
	s.Top = max(s.Top, 10*s.Ground)
	return s
}

func (s scale) share(v float64) float64 {
	if s.Ground > 0 {
		return min(max(math.Log(v/s.Ground)/math.Log(s.Top/s.Ground), 0), 1)
	}
	return min(v/s.Top, 1)
}

// ceiling is the least of 1, 2 and 5 times a power of ten that is not below v, so
// that an edge is a round number and does not tremble.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 5} {
		if v <= step*power {
			return step * power
		}
	}
	return 10 * power
}
