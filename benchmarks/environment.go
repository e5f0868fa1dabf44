package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/contestant"
	"github.com/redisconn/redisconn/benchmarks/internal/report"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

const (
	factLoad = "load before"
	factHeap = "heap held"
)

// describe collects what a reader must know to judge the figures, and to get them again.
func describe(args []string, s settings, redis string, ioredis *contestant.IORedis) result.Environment {
	var env result.Environment
	env.Add(report.FactCommand, strings.TrimSpace("cd benchmarks && go run . "+strings.Join(args, " ")))
	env.Add("measured", time.Now().UTC().Format("2006-01-02"))
	env.Add(report.FactRepeats, fmt.Sprint(s.profile.repeats))
	env.Add(report.FactSlice, s.profile.slice.String())
	env.Add("processor", processor())
	env.Add("cores", fmt.Sprint(runtime.NumCPU()))
	env.Add("kernel", firstLine(exec.Command("uname", "-sr")))
	env.Add(factLoad, loadAverage())
	if s.heap > 0 {
		env.Add(factHeap, fmt.Sprintf("%d MiB", s.heap))
	}
	env.Add("Go", runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
	env.Add("Redis", redis)
	env.Add("redisconn", firstLine(exec.Command("git", "describe", "--always", "--dirty")))
	told := map[string]bool{}
	for _, about := range contestant.All {
		if about.Module != "" && !told[about.Module] {
			told[about.Module] = true
			env.Add(about.Family, contestant.Version(about.Module))
		}
	}
	if ioredis != nil {
		env.Add("ioredis", ioredis.Version)
	}
	return env
}

// firstLine is what a program says, or nothing where there is no such program.
func firstLine(cmd *exec.Cmd) string {
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// processor is its name as Linux tells it; elsewhere it is not told.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		name, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// busy says that figures will be noisy, when something else runs here.
func busy(env result.Environment) string {
	load, err := strconv.ParseFloat(env.Get(factLoad), 64)
	if err != nil || load < float64(runtime.NumCPU())/2 {
		return ""
	}
	return fmt.Sprintf("this machine is busy: load %.1f on %d cores; figures will be noisy, and ratios less so", load, runtime.NumCPU())
}

// loadAverage is how busy the machine was in the minute before.
func loadAverage() string {
	averages, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	minute, _, _ := strings.Cut(string(averages), " ")
	return minute
}
