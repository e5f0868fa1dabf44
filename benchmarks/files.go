package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redisconn/redisconn/benchmarks/internal/report"
	"github.com/redisconn/redisconn/benchmarks/internal/result"
)

// Beside the page is a folder of the same name with all that it shows.
const (
	pageName  = "benchmarks.md"
	assetsDir = "benchmarks"
	tableName = "results.csv"
)

// writeFiles writes the page, its plots and the CSV. Plots of a run before are
// removed: the page would not show them, and nobody would know what they are of.
func writeFiles(dir string, env result.Environment, r *result.Results) (written []string, err error) {
	assets := filepath.Join(dir, assetsDir)
	if err := os.MkdirAll(assets, 0o755); err != nil {
		return nil, err
	}
	old, err := filepath.Glob(filepath.Join(assets, "*.svg"))
	if err != nil {
		return nil, err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	plots, err := report.Plots(r)
	if err != nil {
		return nil, err
	}
	for name, svg := range plots {
		if err := os.WriteFile(filepath.Join(assets, name), svg, 0o644); err != nil {
			return nil, err
		}
	}
	var table, page bytes.Buffer
	if err := result.WriteCSV(&table, env, r); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(assets, tableName), table.Bytes(), 0o644); err != nil {
		return nil, err
	}
	if err := report.Page(&page, assetsDir, env, r); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, pageName), page.Bytes(), 0o644); err != nil {
		return nil, err
	}
	return []string{
		filepath.Join(dir, pageName), filepath.Join(assets, tableName),
		fmt.Sprintf("%d plots", len(plots)),
	}, nil
}

// renderAgain makes the page of a CSV.
func (b *benchmark) renderAgain() (int, error) {
	file, err := os.Open(b.render)
	if err != nil {
		return exitUsage, err
	}
	env, results, err := result.ReadCSV(file)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return exitFailed, fmt.Errorf("%s: %w", b.render, err)
	}
	b.env, b.results = env, results
	if err := b.report(); err != nil {
		return exitFailed, err
	}
	return b.verdict(), nil
}
