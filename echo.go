package redisconn

import "bytes"

// shortSecret is how long a password must be to be looked for: one of three
// characters is in every text, and hiding it there would tell what it is.
const shortSecret = 4

// maskEcho hides the password in an error reply to the handshake, in place.
// Servers before Redis 6, and proxies, answer a HELLO or AUTH that they do not
// know with its arguments, and the driver makes an error of that which goes to
// logs and further. The length stays, and so does the first word, by which
// errors are told apart.
func maskEcho(reply []byte, secret Secret) {
	if len(reply) == 0 || reply[0] != '-' && reply[0] != '!' || len(secret) < shortSecret {
		return
	}
	rest := reply[1:] // what stands before says that it is an error
	if at := bytes.IndexByte(reply, ' '); at >= 0 {
		rest = reply[at:]
	}
	password := []byte(secret.Reveal())
	mask := maskOf(password)
	for {
		at := bytes.Index(rest, password)
		if at < 0 {
			return
		}
		rest = rest[at:]
		for i := range password {
			rest[i] = mask
		}
		rest = rest[len(password):]
	}
}

// maskOf is a byte that the password has not: or the mask, and what is beside it,
// could spell the password.
func maskOf(password []byte) byte {
	mask := byte('*')
	for range 255 {
		if bytes.IndexByte(password, mask) < 0 {
			break
		}
		mask++
	}
	return mask
}
