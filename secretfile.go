package redisconn

import (
	"bytes"
	"strings"
	"unicode"
)

// readPasswordFile reads a password as Kubernetes and Docker mount it. One
// newline at its end is what editors and echo add, and no part of it. Errors are
// *FieldError and never repeat the content.
func readPasswordFile(path string) (Secret, []Warning, error) {
	const field = "connection.password_file"
	content, info, err := readConfigFile(path, field, maxPasswordFile)
	if err != nil {
		return "", nil, err
	}
	warnings, err := judgeExposure(path, field, lintPasswordFile, info)
	if err != nil {
		return "", nil, err
	}
	if line, ok := bytes.CutSuffix(content, []byte("\n")); ok {
		content = bytes.TrimSuffix(line, []byte("\r"))
	}
	password := string(content)
	fault := func(reason, fix string) (Secret, []Warning, error) {
		return "", nil, &FieldError{Field: field, Value: path, Reason: reason, Fix: fix}
	}
	switch {
	case password == "":
		return fault("the file holds nothing but a line break", "put the password into it")
	case strings.HasPrefix(password, "\uFEFF"):
		return fault("the file begins with a byte order mark, which would be sent as part of the password", "save it as UTF-8 without BOM")
	case strings.ContainsFunc(password, unicode.IsControl):
		return fault("the file holds more than one line, or a control character", "put the password alone into it")
	}
	return Secret(password), warnings, nil
}
