package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeyaml "sigs.k8s.io/yaml"

	"github.com/redisconn/redisconn"
)

// kinds are those of the manifests, as Kubernetes itself declares them.
var kinds = map[string]func() metav1.Object{
	"apps/v1 Deployment":            func() metav1.Object { return &appsv1.Deployment{} },
	"apps/v1 StatefulSet":           func() metav1.Object { return &appsv1.StatefulSet{} },
	"policy/v1 PodDisruptionBudget": func() metav1.Object { return &policyv1.PodDisruptionBudget{} },
	"v1 Service":                    func() metav1.Object { return &corev1.Service{} },
}

// manifests are all objects under kubernetes/. They are read as the API server reads
// what kubectl apply sends: a field that its kind does not have, one that stands
// twice and a value of another type are refused.
func manifests(t *testing.T) []metav1.Object {
	t.Helper()
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	var all []metav1.Object
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range bytes.SplitSeq(content, []byte("\n---\n")) {
			object, err := decode(document)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, object)
		}
	}
	return all
}

// decode reads one manifest.
func decode(document []byte) (metav1.Object, error) {
	var meta metav1.TypeMeta
	if err := kubeyaml.Unmarshal(document, &meta); err != nil {
		return nil, err
	}
	kind := meta.APIVersion + " " + meta.Kind
	blank, known := kinds[kind]
	if !known {
		return nil, fmt.Errorf("this test does not know %s", kind)
	}
	object := blank()
	if err := kubeyaml.UnmarshalStrict(document, object); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if object.GetName() == "" {
		return nil, fmt.Errorf("%s without a name", kind)
	}
	return object, nil
}

// find returns the object of a kind that has the name.
func find[T metav1.Object](t *testing.T, name string) T {
	t.Helper()
	for _, object := range manifests(t) {
		if found, ok := object.(T); ok && found.GetName() == name {
			return found
		}
	}
	var kind T
	t.Fatalf("there is no %T %s", kind, name)
	return kind
}

// A misspelt field is dropped by a reader that does not mind, and with it the probe
// or the limit that it was to set.
func TestAManifestWithAFieldThatDoesNotExistIsRefused(t *testing.T) {
	const start = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: visits}\n"
	for _, spec := range []string{
		"spec: {template: {spec: {containers: [{name: service, readynessProbe: {periodSeconds: 2}}]}}}", // the name
		"spec: {template: {spec: {terminationGracePeriodSeconds: soon}}}",                               // the type
		"spec: {template: {terminationGracePeriodSeconds: 30}}",                                         // the place
		"spec: {replicas: 2, replicas: 3}",
	} {
		if object, err := decode([]byte(start + spec)); err == nil {
			t.Errorf("%s was read as %v", spec, object)
		}
	}
	if _, err := decode([]byte(start + "spec: {replicas: 2}")); err != nil {
		t.Error(err)
	}
}

// known are the variables that somebody reads.
func known() []string {
	names := []string{addrVariable, lingerVariable, shutdownVariable, "REDIS_URL", "REDIS_HOST", "REDIS_PORT"}
	for _, f := range redisconn.Fields() {
		names = append(names, f.Env)
	}
	return names
}

// accepted checks that the service takes the variables as they are.
func accepted(t *testing.T, env map[string]string) (settings, redisconn.Config) {
	t.Helper()
	var entries []string
	for name, value := range env {
		if !slices.Contains(known(), name) {
			t.Errorf("nobody reads %s", name)
		}
		entries = append(entries, name+"="+value)
	}
	s, err := readSettings(entries)
	if err != nil {
		t.Error(err)
	}
	b := redisconn.NewBuilder().Environ("REDIS_", entries)
	cfg, err := b.Build()
	if err != nil {
		t.Error(err)
	}
	for _, w := range b.Lint() {
		if w.Code == "RC-C002" {
			continue // the password in clear, inside a network of its own; the files say so
		}
		t.Errorf("%s %s: %s", w.Code, w.Field, w.Text)
	}
	return s, cfg
}

func TestTheDeploymentFitsTheService(t *testing.T) {
	deployment := find[*appsv1.Deployment](t, "visits")
	pod := deployment.Spec.Template.Spec
	c := pod.Containers[0]

	routes, end := (&service{client: idleClient(t)}).routes()
	defer end()
	for name, p := range map[string]struct {
		probe *corev1.Probe
		path  string
	}{"startup": {c.StartupProbe, startupPath}, "readiness": {c.ReadinessProbe, readyPath}, "liveness": {c.LivenessProbe, livePath}} {
		answer := httptest.NewRecorder()
		ask := p.probe.HTTPGet
		routes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, ask.Path, nil))
		if ask.Path != p.path || answer.Code == http.StatusNotFound || ask.Port.StrVal != c.Ports[0].Name {
			t.Errorf("the %s probe asks %+v: %d", name, ask, answer.Code)
		}
	}

	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	s, cfg := accepted(t, env)
	if s.addr != ":8080" || c.Ports[0].ContainerPort != 8080 {
		t.Errorf("it listens at %s, the port is %d", s.addr, c.Ports[0].ContainerPort)
	}
	preStop := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	ends, grace := preStop+s.linger+s.shutdown+cfg.Timeouts.Shutdown, time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second
	if ends >= grace || preStop+s.linger == 0 {
		t.Errorf("the end takes up to %s of %s; before it %s", ends, grace, preStop+s.linger)
	}
	if most := deployment.Spec.Strategy.RollingUpdate.MaxUnavailable; most == nil || most.IntValue() != 0 {
		t.Error("an instance may leave before another is ready")
	}

	at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Secret != nil && v.Secret.SecretName == "visits-redis" })
	if at < 0 {
		t.Fatal("no volume holds the password")
	}
	secret := pod.Volumes[at]
	file := cfg.Connection.PasswordFile
	mounted := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		return m.Name == secret.Name && m.MountPath == filepath.Dir(file) && m.ReadOnly
	})
	if !mounted || filepath.Base(file) != "password" {
		t.Errorf("the password is read from %s, what is mounted is %+v", file, c.VolumeMounts)
	}
	if mode := secret.Secret.DefaultMode; mode == nil || *mode&0o007 != 0 {
		t.Errorf("everybody can read the password: %v", mode)
	}
}

func TestNoServiceSpoilsTheVariables(t *testing.T) {
	linked := func(object metav1.Object, pod corev1.PodSpec) {
		if links := pod.EnableServiceLinks; links == nil || *links {
			t.Errorf("%s has service links", object.GetName())
		}
	}
	for _, object := range manifests(t) {
		switch o := object.(type) {
		case *corev1.Service:
			if strings.EqualFold(o.Name, "redis") || len(o.Spec.Ports) != 1 {
				t.Errorf("service %s: %+v", o.Name, o.Spec)
			}
		case *appsv1.Deployment:
			linked(o, o.Spec.Template.Spec)
		case *appsv1.StatefulSet:
			linked(o, o.Spec.Template.Spec)
		}
	}
	for _, e := range find[*appsv1.Deployment](t, "visits").Spec.Template.Spec.Containers[0].Env {
		if e.Name == "REDIS_HOST" {
			find[*corev1.Service](t, e.Value)
		}
	}
}

func TestTheComposeFileFitsTheService(t *testing.T) {
	content, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image   string
			Build   struct{ Context, Dockerfile string }
			Secrets []string
			Grace   string            `yaml:"stop_grace_period"`
			Env     map[string]string `yaml:"environment"`
		}
		Secrets map[string]struct{ File string }
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	service := file.Services["service"]
	s, cfg := accepted(t, service.Env)
	grace, err := time.ParseDuration(service.Grace)
	if ends := s.linger + s.shutdown + cfg.Timeouts.Shutdown; err != nil || ends >= grace {
		t.Errorf("the end takes up to %s of %s: %v", ends, service.Grace, err)
	}
	if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	if _, there := file.Services[service.Env["REDIS_HOST"]]; !there || file.Services["redis"].Image != "redis:7" {
		t.Errorf("%+v", file.Services)
	}
	for name := range file.Services {
		if secret := filepath.Base(cfg.Connection.PasswordFile); !slices.Contains(file.Services[name].Secrets, secret) || file.Secrets[secret].File == "" {
			t.Errorf("%s is not given the password", name)
		}
	}
}

// idleClient never connects.
func idleClient(t *testing.T) *redisconn.Client {
	t.Helper()
	client, err := redisconn.New(redisconn.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
