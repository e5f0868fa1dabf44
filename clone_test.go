package redisconn_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/redisconn/redisconn"
)

// A reference that Clone forgets shows up here as soon as a field of such a type
// is added to Config.
func TestCloneSharesNoMemory(t *testing.T) {
	c := everything(t)
	clone := c.Clone()
	if !reflect.DeepEqual(c, clone) {
		t.Errorf("the clone differs: %v, %v", c, clone)
	}
	for _, f := range redisconn.Fields() {
		a := reflect.ValueOf(redisconn.AddressOfField(f.Path, &c)).Elem()
		b := reflect.ValueOf(redisconn.AddressOfField(f.Path, &clone)).Elem()
		switch a.Kind() {
		case reflect.Slice, reflect.Map, reflect.Pointer:
			if a.Pointer() == b.Pointer() {
				t.Errorf("%s is shared", f.Path)
			}
		}
	}
}

func TestDiffComparesMeaning(t *testing.T) {
	var a, b redisconn.Config
	a.Connection.Addrs = []string{"localhost"}
	b.Connection.Addrs = []string{"localhost:6379"}
	b.Timeouts.Operation = 3 * time.Second
	if !a.Equal(b) || a.Diff(b) != nil {
		t.Errorf("differ in %v", a.Diff(b))
	}
	b.Timeouts.Operation = time.Second
	b.Connection.Password = canary
	want := []string{"connection.password", "timeouts.operation", "timeouts.read", "timeouts.write", "pool.wait"}
	if got := a.Diff(b); a.Equal(b) || !slices.Equal(got, want) {
		t.Errorf("differ in %v, want %v", got, want)
	}
}

func TestDiffSeesEveryField(t *testing.T) {
	for _, f := range redisconn.Fields() {
		var a, b redisconn.Config
		v := reflect.ValueOf(redisconn.AddressOfField(f.Path, &b)).Elem()
		switch v.Kind() {
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int, reflect.Int64:
			v.SetInt(77)
		case reflect.String:
			v.SetString("other")
		case reflect.Slice:
			v.Set(reflect.ValueOf([]string{"other"}))
		}
		if got := a.Diff(b); !slices.Contains(got, f.Path) {
			t.Errorf("%s: differ in %v", f.Path, got)
		}
	}
}
