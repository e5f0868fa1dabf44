package redisconn

import (
	"slices"
	"strconv"
	"strings"

	"github.com/redisconn/redisconn/internal/effect"
)

// slotCount is the number of hash slots of a cluster, which is the same for all.
const slotCount = 16384

// crcTable is that of CRC-16/XMODEM: polynomial 0x1021, from 0.
var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
		table[i] = crc
	}
	return table
}()

// slotOf is the hash slot of a key: of what stands between its first { and the
// next }, if that is anything, else of the whole. Source:
// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags.
func slotOf(key string) int {
	if open := strings.IndexByte(key, '{'); open >= 0 {
		if length := strings.IndexByte(key[open+1:], '}'); length > 0 {
			key = key[open+1 : open+1+length]
		}
	}
	var crc uint16
	for i := range len(key) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^key[i]]
	}
	return int(crc % slotCount)
}

// noSlot is where a command belongs that names no key: anywhere.
const noSlot = -1

// slotOfArgs is the slot of a command's keys. crossed is true when they are in
// more than one.
func slotOfArgs(args []any) (slot int, crossed bool) {
	slot = noSlot
	for key := range effect.KeysOf(args) {
		switch next := slotOf(key); slot {
		case noSlot, next:
			slot = next
		default:
			return slot, true
		}
	}
	return slot, false
}

// slotRanges writes slots, which are in order, as ranges: "0-5460, 5462".
func slotRanges(slots []int) []string {
	var ranges []string
	for i := 0; i < len(slots); {
		end := i + 1
		for end < len(slots) && slots[end] == slots[end-1]+1 {
			end++
		}
		text := strconv.Itoa(slots[i])
		if end-1 > i {
			text += "-" + strconv.Itoa(slots[end-1])
		}
		ranges = append(ranges, text)
		i = end
	}
	return ranges
}

// slotsOf are the distinct slots of keys, in order.
func slotsOf(keys []string) []int {
	slots := make([]int, len(keys))
	for i, key := range keys {
		slots[i] = slotOf(key)
	}
	slices.Sort(slots)
	return slices.Compact(slots)
}
