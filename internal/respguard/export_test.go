package respguard

// BetweenReplies reports whether the input so far ends where a reply ends.
func (g *Guard) BetweenReplies() bool {
	return g.err == nil && g.skip == 0 && g.line.size == 0 && len(g.owed) == 0
}
