package doctor

import "github.com/redisconn/redisconn"

// leads are where to begin with a failure of which only the class is known. The
// others are no matter of the server's or of the way to it: the callers', or the
// client's own state.
var leads = map[redisconn.Class]string{
	redisconn.ClassConfig:      idConfig,
	redisconn.ClassDNS:         idResolve,
	redisconn.ClassRefused:     idDial,
	redisconn.ClassUnreachable: idDial,
	redisconn.ClassTLS:         idTLSDone,
	redisconn.ClassTLSMismatch: idTLSSpoken,
	redisconn.ClassAuth:        idPassword,
	redisconn.ClassCredentials: idPasswordFile,
	redisconn.ClassACL:         idPermissions,
	redisconn.ClassDatabase:    idDatabase,
	redisconn.ClassProtocol:    idProtocol,
	redisconn.ClassLoading:     idReady,
	redisconn.ClassBusy:        idReady,
	redisconn.ClassMasterDown:  idReplication,
	redisconn.ClassNoReplicas:  idReplication,
	redisconn.ClassReadOnly:    idRole,
	redisconn.ClassClusterDown: idSlots,
	redisconn.ClassTryAgain:    idMoves,
	redisconn.ClassNoMaster:    idDiscover,
	redisconn.ClassMaxClients:  idRoom,
	redisconn.ClassOOM:         idMemory,
	redisconn.ClassMoved:       idMode,
	redisconn.ClassMode:        idMode,
	redisconn.ClassAddress:     idAllowed,
	redisconn.ClassTimeout:     idPing,
	redisconn.ClassLost:        idIdle,
	redisconn.ClassPool:        idClients,
	redisconn.ClassDown:        idDial,
}

// Lead returns the check to begin with when a call failed with a class, as a
// status page shows it; false where no check finds the cause, such as of a call
// that its caller cancelled. [Diagnose] knows more, where there is a [Proof].
func Lead(class redisconn.Class) (Check, bool) { return Find(leads[class]) }
