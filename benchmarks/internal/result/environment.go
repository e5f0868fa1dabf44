package result

// Fact is one thing to know about a run: its machine, a version, the command.
type Fact struct{ Name, Value string }

// Environment is where figures come from.
type Environment []Fact

// Add adds a fact, unless it is not known.
func (e *Environment) Add(name, value string) {
	if value != "" {
		*e = append(*e, Fact{name, value})
	}
}

// Get returns a fact, empty when there is none of that name.
func (e Environment) Get(name string) string {
	for _, fact := range e {
		if fact.Name == name {
			return fact.Value
		}
	}
	return ""
}
