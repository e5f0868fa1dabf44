package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/redisconn/redisconn"
)

const (
	// minToken is the length from which guessing is hopeless, if it is random.
	minToken = 16
	maxToken = 4 << 10
)

// readToken reads the token that readers of the page present. One newline at its
// end is what editors and echo add. Errors never repeat it.
func (a *app) readToken(path string) (redisconn.Secret, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	token := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case len(content) > maxToken || strings.ContainsAny(token, "\r\n"):
		return "", fmt.Errorf("%s holds more than a token", path)
	case len(token) < minToken:
		return "", fmt.Errorf("the token in %s is shorter than %d characters; openssl rand -hex 32 makes a good one", path, minToken)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		a.stderr.row(0, warned, fmt.Sprintf("others can read the token in %s (mode %04o)", path, info.Mode().Perm()), "")
		a.stderr.label(2, "fix", "chmod 600 "+path)
	}
	return redisconn.Secret(token), nil
}
