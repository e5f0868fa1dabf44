package redisconn

// verdict is an error of ours whose class is known where it is made. Nothing
// was applied where it stands.
type verdict interface{ verdict() Class }

// roleError is a server that is not what it was taken for.
type roleError struct {
	class Class
	text  string
}

func (e *roleError) Error() string  { return e.text }
func (e *roleError) verdict() Class { return e.class }

// suits checks that a server is of the kind that the target is about.
func (t *target) suits(addr string, facts serverFacts) error {
	switch {
	case t.sentinels != nil && facts.Role == "replica":
		return &roleError{ClassReadOnly, "the sentinels name " + addr + " as the master, and it says that it is a replica"}
	case facts.Mode == "sentinel":
		return &roleError{ClassConfig, addr + " is a sentinel, which holds no data: name the master that it watches in sentinel.master, or give the address of a data node"}
	}
	return nil
}
