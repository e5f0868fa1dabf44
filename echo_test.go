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
