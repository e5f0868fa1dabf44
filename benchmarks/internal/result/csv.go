package result

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redisconn/redisconn/benchmarks/internal/load"
)

// The file begins with the facts and the failures as comments. Then every slice
// is a line: medians can be made of lines, but not lines of medians.
const (
	factMark    = "# "
	failureMark = "# failed: "
)

func header() []string {
	columns := []string{"workload", "link_ms", "callers", "contestant", "repeat"}
	for _, m := range load.Metrics {
		columns = append(columns, m.Name)
	}
	return columns
}

// WriteCSV writes all that a page can be made of.
func WriteCSV(w io.Writer, env Environment, r *Results) error {
	out := bufio.NewWriter(w)
	for _, fact := range env {
		fmt.Fprintf(out, "%s%s: %s\n", factMark, fact.Name, oneLine(fact.Value))
	}
	for _, f := range r.Failures {
		fmt.Fprintf(out, "%s%s: %s\n", failureMark, strings.Join(cellColumns(f.Cell, f.Contestant, f.Repeat), ","), oneLine(f.Reason))
	}
	table := csv.NewWriter(out)
	lines := [][]string{header()}
	for _, row := range r.Rows {
		line := cellColumns(row.Cell, row.Contestant, row.Repeat)
		for _, m := range load.Metrics {
			line = append(line, formatFigure(*m.Of(&row.Sample)))
		}
		lines = append(lines, line)
	}
	if err := table.WriteAll(lines); err != nil {
		return err
	}
	return out.Flush()
}

func cellColumns(c Cell, contestant string, repeat int) []string {
	return []string{c.Workload, formatFigure(float64(c.Link) / float64(time.Millisecond)), strconv.Itoa(c.Callers), contestant, strconv.Itoa(repeat)}
}

// formatFigure writes six digits; what is not known stays empty.
func formatFigure(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// ReadCSV reads what WriteCSV wrote.
func ReadCSV(r io.Reader) (Environment, *Results, error) {
	var env Environment
	results := &Results{}
	in := bufio.NewReader(r)
	for {
		begin, err := in.Peek(len(factMark))
		if err != nil || string(begin) != factMark {
			break // the table, or its absence, which the table's reader tells
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		if text, ok := strings.CutPrefix(line, failureMark); ok {
			failure, err := parseFailure(text)
			if err != nil {
				return nil, nil, err
			}
			results.Fail(failure)
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, factMark), ": ")
		if !ok {
			return nil, nil, fmt.Errorf("neither a fact nor a failure: %q", line)
		}
		env.Add(name, value)
	}
	lines, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	if len(lines) == 0 || !slices.Equal(lines[0], header()) {
		return nil, nil, fmt.Errorf("the columns are not %s", strings.Join(header(), ","))
	}
	for _, line := range lines[1:] {
		row, err := parseRow(line)
		if err != nil {
			return nil, nil, err
		}
		results.Add(row)
	}
	return env, results, nil
}

func parseFailure(text string) (Failure, error) {
	where, reason, ok := strings.Cut(text, ": ")
	columns := strings.Split(where, ",")
	if !ok || len(columns) != 5 {
		return Failure{}, fmt.Errorf("not a failure: %q", text)
	}
	cell, contestant, repeat, err := parseCell(columns)
	return Failure{Cell: cell, Contestant: contestant, Repeat: repeat, Reason: reason}, err
}

func parseRow(line []string) (Row, error) {
	cell, contestant, repeat, err := parseCell(line)
	if err != nil {
		return Row{}, err
	}
	row := Row{Cell: cell, Contestant: contestant, Repeat: repeat}
	for i, m := range load.Metrics {
		figure, err := parseFigure(line[5+i])
		if err != nil {
			return Row{}, err
		}
		*m.Of(&row.Sample) = figure
	}
	return row, nil
}

func parseCell(columns []string) (cell Cell, contestant string, repeat int, err error) {
	link, err := parseFigure(columns[1])
	if err != nil {
		return Cell{}, "", 0, err
	}
	callers, err := strconv.Atoi(columns[2])
	if err != nil {
		return Cell{}, "", 0, err
	}
	repeat, err = strconv.Atoi(columns[4])
	cell = Cell{Workload: columns[0], Link: time.Duration(link * float64(time.Millisecond)), Callers: callers}
	return cell, columns[3], repeat, err
}

func parseFigure(text string) (float64, error) {
	if text == "" {
		return load.Unknown, nil
	}
	return strconv.ParseFloat(text, 64)
}
