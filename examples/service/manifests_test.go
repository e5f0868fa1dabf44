package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/redisconn/redisconn"
)

// manifest is the part of a Kubernetes object that these tests look at.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct{ Spec pod }
		Ports    []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Strategy struct {
			RollingUpdate struct {
				MaxUnavailable *int `yaml:"maxUnavailable"`
			} `yaml:"rollingUpdate"`
		}
	}
}

type pod struct {
	EnableServiceLinks *bool `yaml:"enableServiceLinks"`
	Grace              int   `yaml:"terminationGracePeriodSeconds"`
	Containers         []container
	Volumes            []volume
}

type volume struct {
	Name   string
	Secret struct {
		SecretName  string `yaml:"secretName"`
		DefaultMode int    `yaml:"defaultMode"`
	}
}

type container struct {
	Name, Image string
	Env         []struct{ Name, Value string }
	Ports       []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	Lifecycle struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
	StartupProbe   probe   `yaml:"startupProbe"`
	ReadinessProbe probe   `yaml:"readinessProbe"`
	LivenessProbe  probe   `yaml:"livenessProbe"`
	VolumeMounts   []mount `yaml:"volumeMounts"`
}

type mount struct {
	Name string
	Path string `yaml:"mountPath"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// manifests are all objects under kubernetes/.
func manifests(t *testing.T) []manifest {
	t.Helper()
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	var all []manifest
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for documents := yaml.NewDecoder(bytes.NewReader(content)); ; {
			var m manifest
			err := documents.Decode(&m)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || m.Kind == "" || m.Metadata.Name == "" {
				t.Fatalf("%s: %v: %+v", file, err, m)
			}
			all = append(all, m)
		}
	}
	return all
}

func find(t *testing.T, kind, name string) manifest {
	t.Helper()
	all := manifests(t)
	at := slices.IndexFunc(all, func(m manifest) bool { return m.Kind == kind && m.Metadata.Name == name })
	if at < 0 {
		t.Fatalf("there is no %s %s", kind, name)
	}
	return all[at]
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
	deployment := find(t, "Deployment", "visits")
	pod := deployment.Spec.Template.Spec
	c := pod.Containers[0]

	routes, end := (&service{client: idleClient(t)}).routes()
	defer end()
	for name, p := range map[string]struct {
		probe probe
		path  string
	}{"startup": {c.StartupProbe, startupPath}, "readiness": {c.ReadinessProbe, readyPath}, "liveness": {c.LivenessProbe, livePath}} {
		answer := httptest.NewRecorder()
		routes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, p.probe.HTTPGet.Path, nil))
		if p.probe.HTTPGet.Path != p.path || answer.Code == http.StatusNotFound || p.probe.HTTPGet.Port != c.Ports[0].Name {
			t.Errorf("the %s probe asks %+v: %d", name, p.probe.HTTPGet, answer.Code)
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
	ends, grace := preStop+s.linger+s.shutdown+cfg.Timeouts.Shutdown, time.Duration(pod.Grace)*time.Second
	if ends >= grace || preStop+s.linger == 0 {
		t.Errorf("the end takes up to %s of %s; before it %s", ends, grace, preStop+s.linger)
	}
	if most := deployment.Spec.Strategy.RollingUpdate.MaxUnavailable; most == nil || *most != 0 {
		t.Error("an instance may leave before another is ready")
	}

	at := slices.IndexFunc(pod.Volumes, func(v volume) bool { return v.Secret.SecretName == "visits-redis" })
	if at < 0 {
		t.Fatal("no volume holds the password")
	}
	secret := pod.Volumes[at]
	if file := cfg.Connection.PasswordFile; !slices.Contains(c.VolumeMounts, mount{secret.Name, filepath.Dir(file)}) || filepath.Base(file) != "password" {
		t.Errorf("the password is read from %s, what is mounted is %+v", file, c.VolumeMounts)
	}
	if mode := secret.Secret.DefaultMode; mode == 0 || mode&0o007 != 0 {
		t.Errorf("everybody can read the password: %#o", mode)
	}
}

func TestNoServiceSpoilsTheVariables(t *testing.T) {
	for _, m := range manifests(t) {
		spec := m.Spec.Template.Spec
		switch m.Kind {
		case "Service":
			if strings.EqualFold(m.Metadata.Name, "redis") || len(m.Spec.Ports) != 1 {
				t.Errorf("%s %s: %+v", m.Kind, m.Metadata.Name, m.Spec)
			}
		case "Deployment", "StatefulSet":
			if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
				t.Errorf("%s %s has service links", m.Kind, m.Metadata.Name)
			}
		}
	}
	for _, e := range find(t, "Deployment", "visits").Spec.Template.Spec.Containers[0].Env {
		if e.Name == "REDIS_HOST" {
			find(t, "Service", e.Value)
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
