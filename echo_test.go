package redisconn_test

import (
	"testing"

	"github.com/redisconn/redisconn"
)

func TestAPasswordInAnErrorReplyIsHidden(t *testing.T) {
	for in, want := range map[string]string{
		"-ERR unknown command `AUTH`, with args beginning with: `s3cret`, \r\n": "-ERR unknown command `AUTH`, with args beginning with: `******`, \r\n",
		"-ERR s3cret and s3cret\r\n": "-ERR ****** and ******\r\n",
		"!12\r\nERR s3cret\r\n":      "!12\r\nERR ******\r\n",
		"-s3cret\r\n":                "-******\r\n",
		"+s3cret\r\n":                "+s3cret\r\n", // an answer is the program's own
		"":                           "",
	} {
		reply := []byte(in)
		redisconn.MaskEcho(reply, "s3cret")
		if string(reply) != want {
			t.Errorf("%q becomes %q, want %q", in, reply, want)
		}
	}
	reply := []byte("-ERR no such thing\r\n")
	redisconn.MaskEcho(reply, "no")
	if string(reply) != "-ERR no such thing\r\n" {
		t.Errorf("a password of two characters changed a text: %q", reply)
	}
}
