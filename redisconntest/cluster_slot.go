package redisconntest

import "strings"

// slotCount is the number of hash slots of a cluster.
const slotCount = 16384

// SlotOf returns the hash slot of a key: the CRC16 of the key, or of what is between its first "{" and the next "}"
// if that is not empty, modulo 16384 (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
func SlotOf(key string) int {
	if _, rest, open := strings.Cut(key, "{"); open {
		if tag, _, closed := strings.Cut(rest, "}"); closed && tag != "" {
			key = tag
		}
	}
	var crc uint16 // XMODEM: polynomial 0x1021, from 0
	for _, c := range []byte(key) {
		crc ^= uint16(c) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return int(crc) % slotCount
}
