package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redisconn/redisconn"
)

// Checks that others need. Ids of lints are those of their codes, RC-C001 on.
const (
	idConfig       = "RC-C000"
	idPasswordFile = "RC-C201"
	idAuthorities  = "RC-C202"
	idCertificate  = "RC-C203"
)

// fileChecks are the checks of what is read when a connection is made: files, and
// certificates that a variable holds in their place.
var fileChecks = map[string]string{
	"connection.password_file": idPasswordFile, "sentinel.password_file": idPasswordFile,
	"tls.ca_file": idAuthorities, "tls.ca": idAuthorities, "sentinel.ca_file": idAuthorities, "sentinel.ca": idAuthorities,
	"tls.cert_file": idCertificate, "tls.cert": idCertificate, "sentinel.cert_file": idCertificate, "sentinel.cert": idCertificate,
	"tls.key_file": idCertificate, "tls.key": idCertificate, "sentinel.key_file": idCertificate, "sentinel.key": idCertificate,
}

// configChecks are those of the configuration, with one for each lint.
func configChecks() []Check {
	checks := []Check{
		{
			ID: idConfig, Layer: LayerConfig, Title: "the configuration is valid",
			About: "Every field is read, from every source, and held against its rules. All problems are told at once, with who set the value.",
			Cause: "a typing error, a variable of another program under the same prefix, two sources that contradict each other",
			Fix:   []Remedy{{"see every value and where it came from", "redisconn config"}},
			Run:   checkConfig,
		},
		fileCheck(idPasswordFile, "the password's file can be read",
			"The file holds one line and others cannot change it; that of the sentinels' password as well.", Remedy{"look at the file and its mode", "ls -l {file}"}),
		fileCheck(idAuthorities, "the authorities can be read",
			"Every certificate in the bundle can be read, and one at least has not expired.", Remedy{"look at the certificates in it", "openssl storeutl -noout -text -certs {file}"}),
		fileCheck(idCertificate, "this client's certificate and key make a pair",
			"The two files belong together, the key is not encrypted, and the certificate has neither expired nor yet to begin.",
			Remedy{"compare the public keys of the two", "openssl x509 -noout -pubkey -in {file}"}),
	}
	for _, lint := range redisconn.Lints() {
		checks = append(checks, lintCheck(lint))
	}
	return checks
}

func checkConfig(_ context.Context, p *Patient) Finding {
	var problems []*redisconn.FieldError
	for _, problem := range p.proof.Problems {
		if fileChecks[problem.Field] == "" || len(p.problems) > 0 { // files are read once the rest is valid
			problems = append(problems, problem)
		}
	}
	if len(problems) > 0 {
		return p.tell(problems)
	}
	var set []string
	for _, field := range p.about.Fields {
		if !field.Default {
			set = append(set, field.Path)
		}
	}
	return Pass(fmt.Sprintf("the configuration is valid: %d of %s set, the rest by default", len(set), plural(len(p.about.Fields), "field")), Fact{"set", strings.Join(set, " ")})
}

// tell is the finding of a configuration with problems.
func (p *Patient) tell(problems []*redisconn.FieldError) Finding {
	finding := Fail(redisconn.ClassConfig, problems[0].Reason)
	if len(problems) > 1 {
		finding.Detail = plural(len(problems), "problem")
	}
	for _, problem := range problems {
		var parts []string
		if problem.Value != "" {
			parts = append(parts, problem.Value)
		}
		if len(problems) > 1 { // of one alone it is the detail
			parts = append(parts, problem.Reason)
		}
		text := strings.Join(parts, ": ")
		if source := p.sourceOf(problem); source != "" {
			text = strings.TrimSpace(text + " (" + source + ")")
		}
		finding.Evidence = append(finding.Evidence, Fact{problem.Field, text})
		if problem.Fix != "" {
			finding = finding.mend(problem.Field+": "+problem.Fix, "")
		}
	}
	return finding.mend("see every value and where it came from", "redisconn config")
}

// sourceOf is who set a field: what read the file does not know.
func (p *Patient) sourceOf(problem *redisconn.FieldError) string {
	at := slices.IndexFunc(p.about.Fields, func(f redisconn.FieldExplanation) bool { return f.Path == problem.Field })
	if problem.Source != "" || at < 0 {
		return problem.Source
	}
	return p.about.Fields[at].Source
}

// fileCheck is the check of a file that the configuration may name.
func fileCheck(id, title, about string, look Remedy) Check {
	return Check{
		ID: id, Layer: LayerConfig, Title: title, Quiet: true, Needs: []string{idConfig}, About: about,
		Cause: "a mount that is missing, a wrong path, a mode that lets others write",
		Fix:   []Remedy{look},
		Run: func(_ context.Context, p *Patient) Finding {
			var problems []*redisconn.FieldError
			for _, problem := range p.proof.Problems {
				if fileChecks[problem.Field] == id {
					problems = append(problems, problem)
				}
			}
			given := p.given(id)
			switch {
			case len(problems) > 0 && strings.HasSuffix(problems[0].Field, "_file"):
				return p.tell(problems).mend(look.Text, strings.ReplaceAll(look.Command, "{file}", shell(problems[0].Value)))
			case len(problems) > 0:
				return p.tell(problems)
			case len(given) == 0:
				return NotNeeded("none is configured")
			}
			return Pass(title + ": " + strings.Join(given, ", "))
		},
	}
}

// given are the files that the check is about, or the fields that hold what is in one.
func (p *Patient) given(id string) []string {
	var given []string
	for _, field := range p.about.Fields {
		switch {
		case fileChecks[field.Path] != id || field.Default:
		case strings.HasSuffix(field.Path, "_file"):
			given = append(given, field.Value)
		default:
			given = append(given, field.Path)
		}
	}
	return given
}

// lintCommands are what to type about lints of files.
var lintCommands = map[string]string{
	"RC-C103": "chmod 0400 {file}", "RC-C104": "chmod 0400 {file}", "RC-C105": "openssl x509 -noout -dates -in {file}",
}

// lintFix is what to do about a lint, and what to type: where it is no file that
// says who set the value, since that is where it is set right.
func lintFix(lint redisconn.LintInfo) []Remedy {
	if command := lintCommands[lint.Code]; command != "" {
		return []Remedy{{lint.Fix, command}}
	}
	look := Remedy{"see what is set, and by whom", "redisconn config"}
	fields := redisconn.Fields()
	if at := slices.IndexFunc(fields, func(f redisconn.Field) bool { return f.Path == lint.Field }); at >= 0 {
		look.Text = "see who set " + lint.Field + "; its variable is " + fields[at].Env
	}
	return []Remedy{{Text: lint.Fix}, look}
}

// lintCheck is the check of a lint, which is found already.
func lintCheck(lint redisconn.LintInfo) Check {
	return Check{
		ID: lint.Code, Layer: LayerConfig, Title: lint.Field + " is as it is usually meant", Quiet: true,
		About: lint.About, Cause: "it is allowed, and seldom meant", Fix: lintFix(lint),
		Run: func(_ context.Context, p *Patient) Finding {
			var found []string
			for _, w := range p.warnings {
				if w.Code == lint.Code {
					found = append(found, w.Text)
				}
			}
			if len(found) == 0 {
				return Pass("")
			}
			finding := Warn(strings.Join(found, "; "), Fact{"field", lint.Field})
			value := ""
			for _, field := range p.about.Fields {
				if field.Path == lint.Field {
					value = field.Value
					finding.Evidence = append(finding.Evidence, Fact{"value", field.Value}, Fact{"source", field.Source})
				}
			}
			for _, step := range lintFix(lint) {
				finding = finding.mend(step.Text, strings.ReplaceAll(step.Command, "{file}", shell(value)))
			}
			return finding
		},
	}
}
