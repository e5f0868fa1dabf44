package effect

// options describes the optional part of a command. A word it does not list counts as unlisted, so that an option
// of a later Redis errs on the careful side.
type options struct {
	from     int                       // the argument where it starts
	until    func(arguments, int) bool // the argument that ends it; nil: the end of the command
	listed   []option
	unlisted Effect
}

type option struct {
	word     string
	operands int
	effect   Effect
}

// effect returns the worst effect of the options that stand from argument i on.
func (o options) effect(args arguments, i int) Effect {
	var worst Effect
	for i < len(args) && (o.until == nil || !o.until(args, i)) {
		found := option{effect: o.unlisted}
		for _, candidate := range o.listed {
			if args.is(i, candidate.word) {
				found = candidate
				break
			}
		}
		worst = max(worst, found.effect)
		i += 1 + found.operands
	}
	return worst
}

// expiry are the options that set a time to live, on a key or on the fields of a hash.
var expiry = []option{
	{"ex", 1, Idempotent}, {"px", 1, Idempotent}, {"exat", 1, Idempotent}, {"pxat", 1, Idempotent},
	{"keepttl", 0, Idempotent}, {"persist", 0, Idempotent},
}

// untilFields ends at the FIELDS of a hash command.
func untilFields(args arguments, i int) bool { return args.is(i, "fields") }

// untilNumber ends at the first score or coordinate.
func untilNumber(args arguments, i int) bool {
	_, ok := args.float(i)
	return ok
}

// idempotentWith decides over commands that refuse to overwrite, so that the second application fails, unless the
// word from argument i on says otherwise.
func idempotentWith(word string, i int) func(arguments) Effect {
	return func(args arguments) Effect {
		for at := i; at < len(args); at++ {
			if args.is(at, word) {
				return Idempotent
			}
		}
		return Conditional
	}
}

// accumulatingIntoItself decides over commands that compute a destination (argument dst) from sources (arguments from
// first on): a second application starts from what the first has left when the destination is among its sources.
func accumulatingIntoItself(dst, first int, sources func(arguments) int) func(arguments) Effect {
	return func(args arguments) Effect {
		end := min(first+sources(args), len(args))
		for i := first; i < end; i++ {
			if args.same(dst, i) {
				return Accumulating
			}
		}
		return Idempotent
	}
}
