package redisconn

import "strings"

// otherNames maps what other Redis clients and platforms call a setting to what
// it is called here, as environment suffixes. It makes the answer to an unknown
// name useful where no spelling distance would find it.
var otherNames = map[string]string{
	"ADDR":                     "ADDRS",
	"ADDRESS":                  "ADDRS",
	"ADDRESSES":                "ADDRS",
	"CONN_MAX_IDLE_TIME":       "POOL_IDLE_TIMEOUT",
	"CONN_MAX_LIFETIME":        "POOL_MAX_LIFETIME",
	"CONN_MAX_LIFETIME_JITTER": "POOL_LIFETIME_JITTER",
	"DATABASE":                 "DB",
	"DSN":                      "URL",
	"IDLE_TIMEOUT":             "POOL_IDLE_TIMEOUT",
	"INSECURE_SKIP_VERIFY":     "TLS_INSECURE_SKIP_VERIFY",
	"MAX_CONN_AGE":             "POOL_MAX_LIFETIME",
	"MAX_CONNECTIONS":          "POOL_SIZE",
	"MAX_IDLE_CONNS":           "POOL_MAX_IDLE",
	"MAX_RETRIES":              "RETRY_BUDGET",
	"MAX_RETRY_BACKOFF":        "RETRY_MAX_BACKOFF",
	"MIN_IDLE_CONNS":           "POOL_MIN_IDLE",
	"MIN_RETRY_BACKOFF":        "RETRY_MIN_BACKOFF",
	"PASS":                     "PASSWORD",
	"POOL_TIMEOUT":             "POOL_WAIT",
	"SKIP_VERIFY":              "TLS_INSECURE_SKIP_VERIFY",
	"SSL":                      "TLS",
	"TIMEOUT":                  "OPERATION_TIMEOUT",
	"TLS_ENABLED":              "TLS",
	"TLS_SKIP_VERIFY":          "TLS_INSECURE_SKIP_VERIFY",
	"URI":                      "URL",
	"USER":                     "USERNAME",
}

// suggest returns the candidate that a misspelt word most likely means, or
// nothing. Case, hyphens and underscores do not count as mistakes.
func suggest(word string, candidates []string) string {
	if len(word) > 64 { // no name is that long, and the distance below is quadratic
		return ""
	}
	plain := foldName(word)
	if known := otherNames[strings.ToUpper(word)]; known != "" {
		plain = foldName(known)
	}
	best, bestDistance := "", tolerance(plain)+1
	for _, c := range candidates {
		if d := editDistance(plain, foldName(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// didYouMean is suggest as the end of a sentence.
func didYouMean(word string, candidates []string) string {
	if s := suggest(word, candidates); s != "" {
		return "did you mean " + s + "?"
	}
	return ""
}

func foldName(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// tolerance is how many slips a word of that length may have: three letters with
// one of them wrong are another word (env, url), twelve with two are the same.
func tolerance(word string) int {
	switch {
	case len(word) < 4:
		return 0
	case len(word) < 8:
		return 1
	}
	return 2
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours between a and b (optimal string alignment).
func editDistance(a, b string) int {
	var older []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			substitution := row[j-1]
			if a[i-1] != b[j-1] {
				substitution++
			}
			next[j] = min(row[j]+1, next[j-1]+1, substitution)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], older[j-2]+1)
			}
		}
		older, row = row, next
	}
	return row[len(b)]
}
