package redisconntest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// The name of the link that kubelet moves, and the one it prepares.
const (
	volumeData    = "..data"
	volumeDataNew = "..data_tmp"
)

// SecretVolume is a directory of files laid out and updated as kubelet does it for a mounted Secret or ConfigMap
// (k8s.io/kubernetes/pkg/volume/util, AtomicWriter):
//
//	tls.crt -> ..data/tls.crt
//	tls.key -> ..data/tls.key
//	..data  -> ..1
//	..1/tls.crt
//	..1/tls.key
//
// An update writes ..2, points ..data at it by one rename, so that all files change in the same instant, and removes
// ..1. What a program sees as a file is a link to a link: its own entry never changes, and somebody who watches or
// compares that entry alone misses the update.
//
// Files are readable by their owner alone (defaultMode: 0400). A SecretVolume is safe for concurrent use.
type SecretVolume struct {
	t   testing.TB
	dir string

	mu      sync.Mutex
	version int
	names   map[string]bool // the links that a program sees
}

// NewSecretVolume lays out the files, given by name without a directory, in a directory of its own that ends with the
// test.
func NewSecretVolume(t testing.TB, files map[string][]byte) *SecretVolume {
	t.Helper()
	v := &SecretVolume{t: t, dir: t.TempDir(), names: map[string]bool{}}
	if err := v.write(files); err != nil {
		t.Fatalf("redisconntest.NewSecretVolume: %v", err)
	}
	return v
}

// Dir returns the directory, which a container would have as its mount path.
func (v *SecretVolume) Dir() string { return v.dir }

// Path returns the path of a file as a program is told it.
func (v *SecretVolume) Path(name string) string { return filepath.Join(v.dir, name) }

// Update replaces all files in one instant. A file that is not given is gone afterwards. It may be called from any
// goroutine.
func (v *SecretVolume) Update(files map[string][]byte) {
	v.t.Helper()
	if err := v.write(files); err != nil {
		v.t.Errorf("SecretVolume.Update: %v", err)
	}
}

func (v *SecretVolume) write(files map[string][]byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := fmt.Sprintf("..%d", v.version)
	v.version++
	next := fmt.Sprintf("..%d", v.version)
	if err := os.Mkdir(v.Path(next), 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(v.dir, next, name), content, 0o400); err != nil {
			return err
		}
	}
	if err := os.Symlink(next, v.Path(volumeDataNew)); err != nil {
		return err
	}
	if err := os.Rename(v.Path(volumeDataNew), v.Path(volumeData)); err != nil {
		return err
	}
	return errors.Join(v.link(files), os.RemoveAll(v.Path(last)))
}

// link makes the links that a program sees the names of the files.
func (v *SecretVolume) link(files map[string][]byte) error {
	var errs []error
	for name := range files {
		if !v.names[name] {
			errs = append(errs, os.Symlink(filepath.Join(volumeData, name), v.Path(name)))
			v.names[name] = true
		}
	}
	for name := range v.names {
		if _, kept := files[name]; !kept {
			errs = append(errs, os.Remove(v.Path(name)))
			delete(v.names, name)
		}
	}
	return errors.Join(errs...)
}

// TLSSecret returns the files of a Kubernetes Secret of type kubernetes.io/tls as cert-manager fills it, for a
// [SecretVolume]: tls.crt, tls.key and, with all authorities trusted now, ca.crt.
func (ca *CA) TLSSecret(cert Cert) map[string][]byte {
	certPEM, keyPEM := cert.PEM()
	return map[string][]byte{"tls.crt": certPEM, "tls.key": keyPEM, "ca.crt": ca.PEM()}
}
