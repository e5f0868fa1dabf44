// Command covercheck holds a coverage profile against the list of statements
// that are allowed to stay uncovered, each with its reason. It fails on a
// statement that is neither covered nor listed, and on a row of the list that
// is covered by now or matches nothing.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	profile := flag.String("profile", "coverage.out", "coverage profiles, as go test -coverprofile writes them, separated by commas: what one of them covers is covered")
	exclusions := flag.String("exclusions", "docs/coverage.md", "page with the table of exclusions")
	flag.Parse()
	ok, err := run(os.Stdout, *profile, *exclusions)
	if err != nil {
		fmt.Fprintln(os.Stderr, "covercheck:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// block is a stretch of statements in a file, relative to the module.
type block struct {
	file       string
	start, col int // where it begins; two blocks may begin on one line
	end        int // its last line
	statements int
}

// exclusion is a row of the page: the file and the first line of the block, as
// it stands in the source. Line numbers would go stale with every edit.
type exclusion struct {
	file, line string
	byChance   bool // a race that a run may meet or not: covered or not, both are fine
	used       bool
}

func run(w io.Writer, profile, page string) (ok bool, err error) {
	module, err := modulePath()
	if err != nil {
		return false, err
	}
	counts := map[block]int{}
	for path := range strings.SplitSeq(profile, ",") {
		if err := readProfile(counts, path, module); err != nil {
			return false, err
		}
	}
	excluded, err := readExclusions(page)
	if err != nil {
		return false, err
	}
	total, covered, allowed := 0, 0, 0
	var missing []string
	for _, b := range sortedBlocks(counts) {
		total += b.statements
		if counts[b] > 0 {
			covered += b.statements
			continue
		}
		text, err := sourceLine(b)
		if err != nil {
			return false, err
		}
		if allow(excluded, b.file, text) {
			allowed += b.statements
			continue
		}
		missing = append(missing, fmt.Sprintf("%s:%d: not covered: %s", b.file, b.start, text))
	}
	for _, m := range missing {
		fmt.Fprintln(w, m)
	}
	stale := 0
	for _, e := range excluded {
		if !e.used && !e.byChance {
			stale++
			fmt.Fprintf(w, "%s: this row excludes nothing any more: %s\n", e.file, e.line)
		}
	}
	fmt.Fprintf(w, "coverage: %d of %d statements, %d excluded with a reason in %s, %d blocks missing\n",
		covered, total, allowed, page, len(missing))
	return len(missing) == 0 && stale == 0, nil
}

func modulePath() (string, error) {
	out, err := exec.Command("go", "list", "-m").Output()
	return strings.TrimSpace(string(out)), err
}

// readProfile adds the counts of a profile, which has each block once for every test binary.
func readProfile(counts map[block]int, path, module string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		text := lines.Text()
		if strings.HasPrefix(text, "mode:") {
			continue
		}
		// file:startLine.startCol,endLine.endCol statements count
		var b block
		var endCol, count int
		at := strings.LastIndexByte(text, ':')
		if at < 0 {
			return fmt.Errorf("%s: not a profile line: %q", path, text)
		}
		if _, err := fmt.Sscanf(text[at+1:], "%d.%d,%d.%d %d %d", &b.start, &b.col, &b.end, &endCol, &b.statements, &count); err != nil {
			return fmt.Errorf("%s: not a profile line: %q", path, text)
		}
		b.file = strings.TrimPrefix(strings.TrimPrefix(text[:at], module), "/")
		counts[b] += count
	}
	return lines.Err()
}

func sortedBlocks(counts map[block]int) []block {
	blocks := make([]block, 0, len(counts))
	for b := range counts {
		blocks = append(blocks, b)
	}
	slices.SortFunc(blocks, func(a, b block) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.start, b.start), cmp.Compare(a.col, b.col))
	})
	return blocks
}

// sourceLine is the first line of a block that holds a statement.
func sourceLine(b block) (string, error) {
	source, err := os.ReadFile(filepath.FromSlash(b.file))
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(source), "\n")
	for i := b.start; i <= b.end && i < len(lines); i++ {
		if text := strings.TrimSpace(lines[i]); text != "" && !strings.HasPrefix(text, "//") {
			return text, nil
		}
	}
	return strings.TrimSpace(lines[b.start-1]), nil
}

// readExclusions reads the rows | `file` | `line` | reason | of the page's table.
func readExclusions(path string) ([]*exclusion, error) {
	page, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []*exclusion
	for line := range strings.Lines(string(page)) {
		cells := strings.SplitN(strings.TrimSpace(line), " | ", 3)
		if len(cells) != 3 || !strings.HasPrefix(cells[0], "| `") {
			continue
		}
		if strings.Trim(cells[2], " |") == "" {
			return nil, fmt.Errorf("%s: a row without a reason: %s", path, line)
		}
		rows = append(rows, &exclusion{
			file: strings.Trim(cells[0], "| `"), line: unquote(cells[1]), byChance: strings.HasPrefix(cells[2], "by chance:"),
		})
	}
	return rows, nil
}

func unquote(cell string) string {
	return strings.ReplaceAll(strings.Trim(strings.TrimSpace(cell), "`"), `\|`, "|")
}

func allow(rows []*exclusion, file, text string) bool {
	for _, row := range rows {
		if row.file == file && row.line == text {
			row.used = true
			return true
		}
	}
	return false
}
