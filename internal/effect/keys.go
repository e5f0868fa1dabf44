package effect

// Keys says where the keys of a command are among its arguments, the name being argument 0. First, Last and Step are
// those of the COMMAND reply: a negative Last counts from the end. A command whose keys move with its other arguments
// has zeros or its fixed keys there, as in COMMAND; [KeyCount] knows more.
type Keys struct {
	First, Last, Step int

	moving func(arguments) int // counts all keys of a command whose keys move
	start  func(arguments) int // where they begin, if none is fixed; 0 for nowhere
	stride int                 // how far apart they are then, 0 for next to each other
}

var (
	noKeys             = Keys{}
	oneKey             = Keys{First: 1, Last: 1, Step: 1}
	twoKeys            = Keys{First: 1, Last: 2, Step: 1}
	everyKey           = Keys{First: 1, Last: -1, Step: 1}
	everyButLast       = Keys{First: 1, Last: -2, Step: 1}
	everySecond        = Keys{First: 1, Last: -1, Step: 2}
	everyThird         = Keys{First: 1, Last: -1, Step: 3}
	keyAfterSubcommand = Keys{First: 2, Last: 2, Step: 1}
	keysAfterOperation = Keys{First: 2, Last: -1, Step: 1}
)

// countedAt: numkeys is argument i, the keys follow.
func countedAt(i int) Keys { return Keys{moving: numkeysAt(i), start: always(i + 1)} }

// destinationAndCounted: a destination, numkeys, the keys.
var destinationAndCounted = Keys{First: 1, Last: 1, Step: 1, moving: func(args arguments) int {
	return min(1, len(args)-1) + numkeysAt(2)(args)
}}

// countIn returns how many keys args names.
func (k Keys) countIn(args arguments) int {
	if k.moving != nil {
		return k.moving(args)
	}
	if k.First == 0 {
		return 0
	}
	last := k.Last
	if last < 0 {
		last += len(args)
	}
	last = min(last, len(args)-1)
	if last < k.First {
		return 0
	}
	return (last-k.First)/k.Step + 1
}

// numkeysAt counts the keys that follow a numkeys argument, and no more than there are arguments.
func numkeysAt(i int) func(arguments) int {
	return func(args arguments) int {
		n, ok := args.integer(i)
		if !ok || n < 0 {
			return 0
		}
		return int(min(n, int64(len(args)-i-1)))
	}
}

// rest counts the arguments from i on.
func rest(i int) func(arguments) int {
	return func(args arguments) int { return max(len(args)-i, 0) }
}

// always is the place i.
func always(i int) func(arguments) int {
	return func(arguments) int { return i }
}

// exactly counts n.
func exactly(n int) func(arguments) int {
	return func(arguments) int { return n }
}
