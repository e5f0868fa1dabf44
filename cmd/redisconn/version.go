package main

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// version says what this binary was built from, as far as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown build"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	parts := []string{runtime.Version()}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			parts = append([]string{setting.Value[:min(len(setting.Value), 12)]}, parts...)
		case setting.Key == "vcs.modified" && setting.Value == "true":
			parts = append(parts, "with local changes")
		}
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/redis/go-redis/v9" {
			parts = append(parts, "go-redis "+dep.Version)
		}
	}
	return info.Main.Version + " (" + strings.Join(parts, ", ") + ")"
}
