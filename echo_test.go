package redisconn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redisconn/redisconn"
)

func TestEchoOfThePasswordIsMaskedInErrorsOnly(t *testing.T) {
	const secret = redisconn.Secret("hunter2")
	for reply, want := range map[string]string{
		"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n":                "-ERR unknown command 'AUTH', with args beginning with: '*******'\r\n",
		"-ERR unknown command 'HELLO', with args beginning with: '3' 'hunter2' 'hunter2'\r\n": "-ERR unknown command 'HELLO', with args beginning with: '3' '*******' '*******'\r\n",
		"!20\r\nERR what is hunter2?\r\n":                                                     "!20\r\nERR what is *******?\r\n",
		"-WRONGPASS invalid password\r\n":                                                     "-WRONGPASS invalid password\r\n",
		"+hunter2\r\n":                                                                        "+hunter2\r\n",
		"-hunter2\r\n":                                                                        "-*******\r\n",
		"":                                                                                    "",
	} {
		if got := redisconn.MaskEcho(reply, secret); got != want {
			t.Errorf("%q becomes %q, want %q", reply, got, want)
		}
	}
}

// A password of asterisks was hidden behind itself, found again, and again: the
// handshake never ended. One that ends with some could be spelt by what hides it.
func TestAPasswordOfAsterisksIsHiddenBehindSomethingElse(t *testing.T) {
	for secret, want := range map[redisconn.Secret]string{"****": "-ERR 'a++++'\r\n", "a***": "-ERR '++++*'\r\n", "**+,": "-ERR 'a****'\r\n", "-ERR": "-ERR 'a****'\r\n"} {
		if got := redisconn.MaskEcho("-ERR 'a****'\r\n", secret); got != want {
			t.Errorf("with the password %q: %q, want %q", secret.Reveal(), got, want)
		}
	}
}

// Whatever a peer answers, and whatever the password: behind the first word of an
// error it is not to be read, everything else is as it was, and so is the length.
func FuzzMaskEcho(f *testing.F) {
	for _, secret := range []string{"hunter2", "****", "aaaa", "a***", "pä\xff\x00", "abab"} {
		for _, reply := range []string{"-ERR unknown command 'AUTH', with args beginning with: '%s'", "!20\r\n%s%s", "-%s", "-%s %[1]s", "+%s", "-E %saaaa", ""} {
			f.Add(strings.ReplaceAll(strings.ReplaceAll(reply, "%s", secret), "%[1]s", secret), secret)
		}
	}
	f.Fuzz(func(t *testing.T, reply, secret string) {
		got := redisconn.MaskEcho(reply, redisconn.Secret(secret))
		if len(got) != len(reply) {
			t.Fatalf("%q becomes %q: another length", reply, got)
		}
		if len(secret) < 4 || !strings.HasPrefix(reply, "-") && !strings.HasPrefix(reply, "!") {
			if got != reply {
				t.Errorf("%q becomes %q with the password %q", reply, got, secret)
			}
			return
		}
		word, _, _ := strings.Cut(reply, " ")
		if word == reply {
			word = reply[:1] // which says what the reply is
		}
		if !strings.HasPrefix(got, word) || strings.Contains(got[len(word):], secret) {
			t.Errorf("%q becomes %q with the password %q", reply, got, secret)
		}
		if !strings.Contains(reply[len(word):], secret) && got != reply {
			t.Errorf("%q becomes %q although the password %q is not in it", reply, got, secret)
		}
	})
}

func TestEchoOfAPasswordThatIsInEveryTextIsLeftAlone(t *testing.T) {
	const reply = "-ERR max number of clients reached\r\n"
	for _, secret := range []redisconn.Secret{"", "a", "max"} {
		if got := redisconn.MaskEcho(reply, secret); got != reply {
			t.Errorf("with the password %q, %q becomes %q", secret.Reveal(), reply, got)
		}
	}
}

func TestPrintingAClientOrABuilderShowsNoPassword(t *testing.T) {
	const secret = "hunter2"
	cfg := configFor("127.0.0.1:6379")
	cfg.Connection.Password = secret
	client := newClient(t, cfg)
	builder := redisconn.NewBuilder().URL("redis://127.0.0.1:x").Password(secret)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, client); got != "redisconn.Client(127.0.0.1:6379, idle)" {
			t.Errorf("%s of a client is %q", verb, got)
		}
		got := fmt.Sprintf(verb, builder)
		if strings.Contains(got, secret) || !strings.Contains(got, "[redacted]") || !strings.HasSuffix(got, "1 problem)") {
			t.Errorf("%s of a builder is %q", verb, got)
		}
	}
}
