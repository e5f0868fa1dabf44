package redisconn

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The most that is read of a file: far above what either kind really holds, and
// small enough that a wrong path cannot fill the memory.
const (
	maxPasswordFile = 64 << 10
	maxPEMFile      = 4 << 20
)

// readConfigFile reads a file that a field names. Symbolic links are followed,
// because Kubernetes mounts every secret behind two of them; what they lead to
// must be a regular file, since a named pipe would block for ever.
func readConfigFile(path, field string, limit int64) ([]byte, fs.FileInfo, error) {
	fault := func(cause error, reason, fix string) *FieldError {
		return &FieldError{Field: field, Value: path, Reason: reason, Fix: fix, cause: cause}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, unreadableFile(err, fault)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fault(nil, "this is not a regular file but "+fileKind(info), "give the path of the file itself")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, unreadableFile(err, fault)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, nil, unreadableFile(err, fault)
	case int64(len(content)) > limit:
		return nil, nil, fault(nil, fmt.Sprintf("the file has more than %d KiB", limit>>10), "check that this is the right file")
	case len(content) == 0:
		return nil, nil, fault(nil, "the file is empty", "check that whatever provides it has done so")
	}
	return content, info, nil
}

// unreadableFile explains why the system gives no access to a file.
func unreadableFile(err error, fault func(error, string, string) *FieldError) *FieldError {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault(err, "there is no such file", "check the path and that the secret's volume is mounted")
	case errors.Is(err, fs.ErrPermission):
		return fault(err, "this process may not read the file", fmt.Sprintf("let user %d read it, for instance by fsGroup in Kubernetes", os.Geteuid()))
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err // without the path, which is the value already
	}
	return fault(err, err.Error(), "check the file and the volume it is on")
}

func fileKind(info fs.FileInfo) string {
	if info.IsDir() {
		return "a directory"
	}
	return "a device, pipe or socket"
}

// exposure judges who besides its owner may touch a file that holds a secret:
// writable by others is an error, since they could choose what is sent or whom
// to trust; readable by others is worth a warning. That the group may read is
// fine where the file belongs to somebody else and the group is how this process
// gets at it, as with fsGroup in Kubernetes; libpq judges key files likewise:
// https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT.
func exposure(mode fs.FileMode, own bool) (readable string, writable bool) {
	perm := mode.Perm()
	switch {
	case perm&0o002 != 0:
		return "", true
	case perm&0o004 != 0:
		return "every user of this machine can read it", false
	case perm&0o060 != 0 && own:
		return "its group can read or change it", false
	}
	return "", false
}

// judgeExposure applies exposure to a file that was read, and looks at whose it
// is and at the directory that it is named in.
func judgeExposure(path, field, lintCode string, info fs.FileInfo) (warnings []Warning, err error) {
	mode, owner := restrictions(info)
	readable, writable := exposure(mode, owner == os.Geteuid())
	if writable {
		return nil, &FieldError{
			Field: field, Value: path,
			Reason: fmt.Sprintf("every user of this machine can change the file (mode %04o)", mode.Perm()),
			Fix:    "chmod 0400 it, and check who changed it",
		}
	}
	if open := openDirectory(filepath.Dir(path)); open != "" {
		return nil, &FieldError{
			Field: field, Value: path,
			Reason: "every user of this machine can put another file in its place: " + open,
			Fix:    "chmod o-w the directory, or +t as /tmp is; in a Kubernetes emptyDir, which is like that, give the file a directory of its own",
		}
	}
	for _, text := range []string{readable, strangerOwns(owner, os.Geteuid())} {
		if text != "" {
			warnings = append(warnings, lintWarning(lintCode, fmt.Sprintf("%s: %s (mode %04o)", path, text, mode.Perm())))
		}
	}
	return warnings, nil
}

// openDirectory describes a directory in which everybody may rename and replace
// what belongs to others. The sticky bit keeps them from it.
func openDirectory(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return "" // gone since the file in it was read: whoever reads it next is told
	}
	mode, _ := restrictions(info)
	if mode.Perm()&0o002 == 0 || mode&fs.ModeSticky != 0 {
		return ""
	}
	return fmt.Sprintf("%s is open to all (mode %04o)", dir, mode.Perm())
}

// strangerOwns says that a file belongs to somebody who is neither this process
// nor root, and who may change it whatever its mode.
func strangerOwns(owner, self int) string {
	if owner == self || owner == 0 {
		return ""
	}
	return fmt.Sprintf("it belongs to user %d, who can change it", owner)
}
