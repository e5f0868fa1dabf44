package effect

// Arrays (Redis 8.8) and vector sets (Redis 8.0).

var arrayCommands = commands{
	"arcount":     read(oneKey),
	"ardel":       idempotent(oneKey),
	"ardelrange":  idempotent(oneKey),
	"arget":       read(oneKey),
	"argetrange":  read(oneKey),
	"argrep":      read(oneKey),
	"arinfo":      read(oneKey),
	"arinsert":    accumulating(oneKey),
	"arlastitems": read(oneKey),
	"arlen":       read(oneKey),
	"armget":      read(oneKey),
	"armset":      idempotent(oneKey),
	"arnext":      read(oneKey),
	"arop":        read(oneKey),
	"arring":      accumulating(oneKey),
	"arscan":      read(oneKey),
	"arseek":      idempotent(oneKey),
	"arset":       idempotent(oneKey),
}

var vectorSetCommands = commands{
	"vadd":        idempotent(oneKey),
	"vcard":       read(oneKey),
	"vdim":        read(oneKey),
	"vemb":        read(oneKey),
	"vgetattr":    read(oneKey),
	"vinfo":       read(oneKey),
	"vismember":   read(oneKey),
	"vlinks":      read(oneKey),
	"vrandmember": read(oneKey),
	"vrange":      read(oneKey),
	"vrem":        idempotent(oneKey),
	"vsetattr":    idempotent(oneKey),
	"vsim":        read(oneKey),
}
