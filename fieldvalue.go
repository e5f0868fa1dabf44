package redisconn

import (
	"reflect"
	"strconv"
	"strings"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
)

// value is the field's place inside c, which can be set.
func (f field) value(c *Config) reflect.Value { return reflect.ValueOf(f.at(c)).Elem() }

// urlKey is the variable's name in small letters, so that one name is to be learnt.
func (f field) urlKey() string { return strings.ToLower(f.env) }

func (f field) isSecret() bool { return f.value(&Config{}).Type() == secretType }

func (f field) kind() FieldKind {
	v := f.value(&Config{})
	switch {
	case len(f.choices) > 0:
		return FieldChoice
	case v.Type() == durationType:
		return FieldDuration
	}
	return map[reflect.Kind]FieldKind{
		reflect.Bool:   FieldSwitch,
		reflect.Int:    FieldNumber,
		reflect.Slice:  FieldList,
		reflect.String: FieldText,
	}[v.Kind()]
}

// isSet reports whether the field differs from zero, which means its default.
func (f field) isSet(c *Config) bool {
	v := f.value(c)
	return !v.IsZero() && (v.Kind() != reflect.Slice || v.Len() > 0)
}

// text is the value as [field.parse] reads it, secrets in clear: for comparing only.
func (f field) text(c *Config) string {
	v := f.value(c)
	switch {
	case v.Type() == durationType:
		return durationText(time.Duration(v.Int()))
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.Kind() == reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case v.Kind() == reflect.Slice:
		return strings.Join(v.Interface().([]string), ",")
	}
	return v.String()
}

// shown is the value for people, masked where it is a secret. An address with an
// @ is no valid one and may be a URL with its password. A duration that stays
// zero with its default resolved is a limit that there is not.
func (f field) shown(c *Config) string {
	switch text := f.text(c); {
	case f.isSecret():
		return Secret(text).String()
	case f.kind() == FieldList:
		return maskSuspect(text)
	case f.kind() == FieldDuration && text == "0s":
		return "none"
	default:
		return text
	}
}

// shownValue is shown, with the type that JSON has for it.
func (f field) shownValue(c *Config) any {
	switch v := f.value(c); {
	case v.Kind() == reflect.Bool, v.Kind() == reflect.Int:
		return v.Interface()
	case v.Type() == durationType:
		return f.text(c)
	case v.Kind() == reflect.Slice && v.Len() > 0:
		return strings.Split(f.shown(c), ",")
	case v.Kind() == reflect.Slice:
		return []string{}
	default:
		return f.shown(c)
	}
}

// parse sets the field from text. A reason that is not empty says why it cannot,
// and the field is left alone; whether the value makes sense is for Validate.
func (f field) parse(c *Config, text string) (reason, fix string) {
	v := f.value(c)
	switch {
	case v.Type() == durationType:
		d, reason, fix := parseDuration(text)
		if reason == "" && d == 0 && f.zero != "" {
			return f.zeroFault()
		}
		if reason == "" {
			v.SetInt(int64(d))
		}
		return reason, fix
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return "this is not a whole number", "write digits only"
		}
		if n == 0 && f.zero != "" {
			return f.zeroFault()
		}
		v.SetInt(int64(n))
	case v.Kind() == reflect.Bool:
		on, known := switchWords[strings.ToLower(text)]
		if !known {
			return "this is neither on nor off", "write true or false"
		}
		v.SetBool(on)
	case v.Kind() == reflect.Slice:
		list := strings.Split(text, ",")
		for i, element := range list {
			list[i] = strings.TrimSpace(element)
			if list[i] == "" {
				return "an element of the list is empty", "write elements separated by single commas"
			}
		}
		v.Set(reflect.ValueOf(list))
	default:
		v.SetString(text)
	}
	return "", ""
}

// zeroFault refuses a 0 that someone wrote down: in a Config zero asks for the
// default, and who writes 0 hardly means that.
func (f field) zeroFault() (reason, fix string) {
	return "0 would ask for the default, not for none", "leave it out for the default; " + f.zero
}

// switchWords are the spellings of a switch, compared in small letters.
var switchWords = map[string]bool{
	"true": true, "1": true, "yes": true, "on": true,
	"false": false, "0": false, "no": false, "off": false,
}

// durationText is the shortest text that parseDuration reads back: 5m, not 5m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// parseDuration reads Go's syntax. A bare number is refused because clients
// disagree about its unit: go-redis reads seconds, ioredis milliseconds.
func parseDuration(text string) (d time.Duration, reason, fix string) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" && strings.Trim(text, "0123456789.") == "" {
		n := maskSuspect(text)
		return 0, "the unit is missing", "write " + n + "s for seconds or " + n + "ms for milliseconds"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, "this is not a duration", "write a number and its unit (ms, s, m or h), such as 250ms or 1m30s"
	}
	return d, "", ""
}
